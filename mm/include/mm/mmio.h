/*
 * Registers of devices: who has them, and windows through which the kernel gets at
 * them.
 *
 *	struct mmio m;
 *	int err = mmio_map_node(&m, fdt, node, 0, 0, "serial@10000000");
 *
 *	if (!err)
 *		mmio_write32(m.base + 8, 1);	(<arch/io.h>)
 *	...
 *	mmio_unmap(&m);
 *
 * A claim is on bytes, a window shows whole pages; what several claims need of one
 * page, they share. A window is mapped as device registers: uncached and in order,
 * by Svpbmt where all harts have it, else as the machine itself has that address.
 *
 * Works from kmap_init() on, first in the fixed windows (<mm/layout.h>), then,
 * after mmio_take_over(), in the arena of vmalloc.
 *
 * Contexts: as vmap(); no spinlock held.
 */
#pragma once

#include <arch/io.h>
#include <arch/pgtable.h>
#include <lib/fdt.h>
#include <lib/list.h>
#include <lib/tree.h>
#include <mm/memblock.h>

enum {
	MMIO_SHARED = 1u << 0, /* others may claim it, too, if they say so */
	/* Map without a claim: to look at what somebody may have. No RAM either,
	 * nor what is claimed with another kind of memory. */
	MMIO_PEEK = 1u << 1,
	MMIO_WC = 1u << 2, /* stores may be combined: frame buffers */
	/* No window, nor may anybody else have one there: what is no device. */
	MMIO_CLAIM_ONLY = 1u << 3,
};

/* A claim and its window. The caller's, and its place does not change as long as
 * it is mapped. */
struct mmio {
	volatile uint8_t *base; /* of the first byte; NULL: not mapped */
	paddr_t pa;
	uint64_t size;	   /* bytes */
	const char *owner; /* on -EBUSY: who has it */
	unsigned flags;
	/* private: */
	struct tree_node node;
	struct range pages;	/* that the window shows */
	uint64_t most;		/* the largest pages.end in the tree below */
	struct list shares;	/* the others that use the window */
	struct vm_area *window; /* NULL: none, or a fixed one */
};

/* Boot, before the first claim: what RAM there is. */
void mmio_init(const struct memblock *mb);

/* Boot, after vmalloc_init(): all claims get windows in the arena, and the fixed
 * ones are gone. m->base of each changes. A claim for which there is no memory
 * keeps its window. */
void mmio_take_over(void);

/*
 * Claim the registers [pa, pa + size) and map them. `owner` must last. Returns 0,
 * or with no claim made and m->base NULL:
 *	-EINVAL	size 0; pa is no multiple of 4; flags that contradict each other
 *	-EOVERFLOW	pa + size wraps
 *	-ERANGE	more address bits than a page table entry has
 *	-EBUSY	RAM or somebody else has part of it: m->owner is its name ("free",
 *		"firmware", ... for RAM, as region_type_name()); or the page is
 *		mapped as another kind of memory
 *	-ENOMEM	no memory, or no addresses for a window of that size
 */
int mmio_map(struct mmio *m, paddr_t pa, uint64_t size, unsigned flags,
	     const char *owner);

/*
 * The same for entry i of the node's `reg`, or the one that `reg-names` calls so:
 * through the `ranges` of all buses above. Also -ENOENT, -ENXIO and others as
 * fdt_reg_phys() says.
 */
int mmio_map_node(struct mmio *m, const struct fdt *t, fdt_node n, unsigned i,
		  unsigned flags, const char *owner);
int mmio_map_named(struct mmio *m, const struct fdt *t, fdt_node n,
		   const char *name, unsigned flags, const char *owner);

/* Give it back: when this returns, the window is gone from all harts, unless it is
 * shared. Nothing, if it is not mapped. */
void mmio_unmap(struct mmio *m);

/* Calls `each` for all claims, by address; it must not allocate, nor map. */
void mmio_each(void (*each)(void *ctx, const struct mmio *m), void *ctx);

struct mmio_stats {
	uint64_t claims;
	uint64_t windows, bytes; /* mapped; what is shared counts once */
	uint64_t maps, refused;	 /* ever */
};
void mmio_stats(struct mmio_stats *s);

/* Validate: NULL, or what is wrong. O(n log n). */
const char *mmio_check(void);
