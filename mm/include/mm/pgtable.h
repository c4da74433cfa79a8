/*
 * Page tables: one walker for any number of levels, over the entry format of
 * <arch/pgtable.h>. Tables are reached through the direct map.
 *
 * Nothing here flushes a TLB; the caller does, before it relies on a change.
 * Locking: the owner of the table, which these functions only get as a root.
 */
#pragma once

#include <arch/pgtable.h>
#include <lib/range.h>

struct pgtable {
	paddr_t root;
	unsigned levels;
};

/* Where new tables come from. */
struct table_source {
	/* A frame, its contents undefined; PGTABLE_NO_FRAME if there is none. */
	paddr_t (*alloc)(struct table_source *s);
	void *ctx;
};

#define PGTABLE_NO_FRAME UINT64_MAX

struct mapping {
	struct range va; /* of the leaf; of the hole, if nothing is mapped */
	paddr_t pa;	 /* of the leaf's first byte */
	vm_prot_t prot;
	enum mem_attr attr;
	unsigned level; /* of the entry that was found */
	bool present;
};

/* The lowest address of the upper ("kernel") half with so many levels. */
vaddr_t pgtable_upper_half(unsigned levels);

/* An empty table. Returns 0 or -ENOMEM. */
int pgtable_init(struct pgtable *pt, unsigned levels,
		 struct table_source *source);

/*
 * Map `va` (whole pages, not empty, inside one half) to physical memory from
 * `pa` on, with the largest leaves that fit. Returns 0, or
 *	-EINVAL	not page-aligned, empty, without any right, outside the table's reach, or no
 *		physical memory can be there
 *	-EEXIST	something is mapped there
 *	-ENOMEM	no table could be had
 * On failure nothing is mapped that was not before; tables that were added
 * stay, empty, for the next call.
 */
int pgtable_map(const struct pgtable *pt, struct range va, paddr_t pa,
		vm_prot_t prot, enum mem_attr attr,
		struct table_source *source);

/* Take away all leaves in `va`. Returns 0, or -EINVAL when a leaf lies only
 * partly in it (nothing is changed then). Holes are fine. Tables stay. */
int pgtable_unmap(const struct pgtable *pt, struct range va);

/* What is mapped at `va`? Always fills `*m`; returns m->present. */
bool pgtable_query(const struct pgtable *pt, vaddr_t va, struct mapping *m);

/* Call `each` for every leaf in `va`, ascending, until it returns non-zero;
 * returns that, or 0. */
int pgtable_walk(const struct pgtable *pt, struct range va,
		 int (*each)(void *ctx, const struct mapping *m), void *ctx);

/* Frames that the table itself takes, root included. */
uint64_t pgtable_tables(const struct pgtable *pt);
