/*
 * Page tables: one walker for any number of levels, over the entry format of
 * <arch/pgtable.h>. Tables are reached through the direct map.
 *
 * Changes go into a gather (<mm/tlb.h>), which the caller flushes before it
 * relies on them; tables and frames that became free are freed by that flush.
 * Locking: the owner's, around each call.
 */
#pragma once

#include <arch/pgtable.h>
#include <lib/range.h>

struct page;
struct tlb_gather;

/* Where new tables come from. */
struct table_source {
	/* A frame, its contents undefined; PGTABLE_NO_FRAME if there is none. */
	paddr_t (*alloc)(struct table_source *s);
	/* Such tables are never freed, and need no struct page. The others are
	 * frames of page_alloc(), and a flush gives them back to it. */
	bool permanent;
	void *ctx;
};

#define PGTABLE_NO_FRAME UINT64_MAX

struct pgtable {
	paddr_t root;
	unsigned levels;
	/* Addresses that it may map: the upper ("kernel") or the lower ("user")
	 * half, or part of one. Others are refused. All leaves of the lower half
	 * have VM_USER, those of the upper don't. */
	struct range bounds;
	struct table_source *source;
};

struct mapping {
	struct range va; /* of the leaf; of the hole, if nothing is mapped */
	paddr_t pa;	 /* of the leaf's first byte */
	vm_prot_t prot;
	enum mem_attr attr;
	unsigned level; /* of the entry that was found */
	bool present;
};

/* The halves with so many levels. The last page is in none. */
struct range pgtable_upper_half(unsigned levels);
struct range pgtable_lower_half(unsigned levels);

/* An empty table: a root, which is permanent if the source's tables are.
 * Returns 0, -ENOMEM, or -EINVAL when the bounds are not inside one half. */
int pgtable_init(struct pgtable *pt, unsigned levels, struct range bounds,
		 struct table_source *source);

/* Unmap all, and free the root with the flush. Not for permanent ones. */
void pgtable_destroy(struct pgtable *pt, struct tlb_gather *g);

/*
 * All of these take `va` in whole pages, not empty, inside the bounds, else
 * they return -EINVAL. They return -ENOMEM when a table could not be had.
 * On failure all is as before, no table more or less (those that were tried are
 * freed with the gather's flush); but permanent ones that map added stay.
 */

/*
 * Map `va` to physical memory from `pa` on, with the largest leaves that fit,
 * groups too. -EINVAL also when pa is not page-aligned, no entry can hold it,
 * there is no right in prot, or VM_USER is not as the half wants it; -EEXIST when
 * something is mapped there.
 */
int pgtable_map(const struct pgtable *pt, struct range va, paddr_t pa,
		vm_prot_t prot, enum mem_attr attr, struct tlb_gather *g);

/*
 * Take away all leaves in `va`; those that lie partly in it are split. Holes are
 * fine. Tables that become empty go.
 */
int pgtable_unmap(const struct pgtable *pt, struct range va,
		  struct tlb_gather *g);

/* Set the rights of all leaves in `va`, splitting those that lie partly in it.
 * Holes are fine. In the lower half leaves without any right are hidden: harts see
 * nothing there, all functions here go on seeing them. -EINVAL also when there is
 * no right in prot for the upper half, or VM_USER is not as the half wants it. */
int pgtable_protect(const struct pgtable *pt, struct range va, vm_prot_t prot,
		    struct tlb_gather *g);

/* Make sure that no leaf lies across va.start or va.end: large ones there become
 * tables of smaller ones. Translation stays as it is. */
int pgtable_split(const struct pgtable *pt, struct range va,
		  struct tlb_gather *g);

/* The inverse: tables full of leaves that continue each other, all in `va`,
 * become large leaves, and pages become groups. Permanent tables stay. */
int pgtable_join(const struct pgtable *pt, struct range va,
		 struct tlb_gather *g);

/*
 * Make all tables down to those at `level` exist for `va`, as permanent ones:
 * nothing in there will ever change what is above. -EEXIST when a leaf or a
 * table that is not permanent is in the way. What was added stays on failure.
 * Harts that may have looked there must forget everything before it is used.
 */
int pgtable_reserve(const struct pgtable *pt, struct range va, unsigned level);

/*
 * The first of the entries of `level` for `va`, in the bounds, if one permanent
 * table has them all; else NULL. That table stays, and counts nothing. So whoever
 * alone uses the addresses of whole entries may change these without the owner's
 * lock: by the two functions below, then a flush.
 */
pte_t *pgtable_permanent(const struct pgtable *pt, struct range va,
			 unsigned level);

/* Fill entries from p up to `end`, which map 1 << shift bytes each, with leaves
 * that continue each other, with groups where they fit; `leaf` is what the first
 * would be alone. */
void pgtable_put_leaves(pte_t *p, pte_t *end, pte_t leaf, unsigned shift);

/* Empty them. */
void pgtable_clear_leaves(pte_t *p, pte_t *end);

/*
 * Single entries, for who adds one, or replaces one, while other harts do the same
 * and nobody takes any away: without a lock. Only tables of page_alloc(); `va` is in
 * the bounds. What was added is then told to a gather, as by the functions above.
 */
struct pgtable_slot {
	pte_t *entry;
	unsigned level; /* of its table */
	struct page
		*count; /* where entries of that are counted; NULL: nowhere */
};

/* The entry for va in the table of `level`; or, above it, where the way down ends, by
 * a leaf or nothing. */
void pgtable_find(const struct pgtable *pt, vaddr_t va, unsigned level,
		  struct pgtable_slot *s);

/*
 * On from there to `level`, adding tables, kept ones first: s->level says how many
 * more there may be. Who calls it fills the entry, or sees it filled. The way may still end above, by
 * a leaf that another hart put there. -ENOMEM: nothing was added. No spinlock held.
 */
int pgtable_grow(vaddr_t va, unsigned level, struct pgtable_slot *s);

/* Keep this table, in which all entries are pte_none(), and which nobody walks any
 * more, for pgtable_grow(); or free it. Any context. */
void pgtable_keep(struct page *table);

/* Put leaf `e` where there is nothing; false: there is something by now. */
bool pgtable_fill(const struct pgtable_slot *s, pte_t e);

/* What is mapped at `va`? Always fills `*m`, with an empty m->va if that is outside
 * of the bounds; returns m->present. */
bool pgtable_query(const struct pgtable *pt, vaddr_t va, struct mapping *m);

/* Call `each` for every leaf in `va` (any range), ascending, until it returns
 * non-zero; returns that, or 0. */
int pgtable_walk(const struct pgtable *pt, struct range va,
		 int (*each)(void *ctx, const struct mapping *m), void *ctx);

/* Frames that the table itself takes, root included. */
uint64_t pgtable_tables(const struct pgtable *pt);

/*
 * Validate: entries have no reserved bits, counts of live entries are true, no
 * table but permanent ones is empty, groups are whole, VM_USER is where it must
 * be, nothing is mapped outside the bounds except below entries that are not ours
 * (`foreign`: those of the root outside of the bounds are not looked at). Returns
 * NULL, or what is wrong.
 */
const char *pgtable_check(const struct pgtable *pt);
