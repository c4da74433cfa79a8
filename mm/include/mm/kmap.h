/*
 * The kernel's own address space: builds it at boot and changes it afterwards.
 * The layout is in <mm/layout.h>; nothing here is reachable from user mode.
 *
 * What is mapped, and how (W^X everywhere):
 *	image		each section with its own rights, 4 KiB pages
 *	direct map	all RAM but firmware, no-map memory and the image itself;
 *			read, write; largest leaves
 *	stacks		an unmapped page below and above each
 *	windows		the device tree (read), device registers
 *	page map	as it grows
 */
#pragma once

#include <mm/bump.h>
#include <mm/pgtable.h>

extern struct pgtable kernel_pgtable;

/* How the kernel will map RAM. */
struct kmap_plan {
	unsigned levels;    /* of page tables; 0: there is no way */
	uint64_t offset;    /* from physical addresses to the direct map */
	struct range reach; /* RAM outside of it can't be mapped */
};

/*
 * Plan for RAM in `span` on a hart with paging modes `modes` (bit n for n
 * levels): the smallest mode that maps all of it, else the largest there is; or
 * `wanted` levels, if they are in `modes` and not 0. Pure.
 */
struct kmap_plan kmap_plan(struct range span, unsigned modes, unsigned wanted);

/* Free RAM from which the first tables can come: inside one 2 MiB block, 4 KiB
 * aligned; empty if there is none. Prefers what follows `near`. */
struct range kmap_early_frames(const struct memblock *mb, paddr_t near);

/*
 * Build the kernel's tables from `bump` and switch to them. `fdt` is where the
 * device tree lies (bytes), `view` its address, which it keeps, in the first
 * 4 MiB of the fixed windows. Returns 0, -ENOMEM, or what pgtable_map() says of
 * ranges that make no sense. Until then only the early
 * frames are in the direct map; from then on all RAM is.
 */
int kmap_init(struct bump *bump, const struct kmap_plan *plan, struct range fdt,
	      vaddr_t view);

/*
 * Map device registers [pa, pa + size) into the fixed windows, until the MMIO
 * manager takes them over. Returns the address of the first byte, or NULL when
 * there is no room, no memory, or the range overlaps RAM.
 */
volatile void *kmap_device(const struct memblock *mb, paddr_t pa,
			   uint64_t size);

/* A stack of `size` bytes (whole pages) with guards around it. Returns its
 * range, empty when out of memory. Boot only. */
struct range kmap_stack(struct bump *bump, uint64_t size);

/* Tables come from the page allocator from now on. */
void kmap_bump_retired(void);

/*
 * Move boot-only sections of the image to the direct map: the image must not
 * use them any more. Calls `give` with the RAM that each of them took.
 */
void kmap_free_init(struct memblock *mb, void (*give)(struct range frames));

/* Memory for a page of the page map; see struct page_map. */
struct page_map;
struct page;
struct frame_pool;
int kmap_populate(struct page_map *m, struct page *at, struct frame_pool *pool);

/*
 * Check the live tables leaf by leaf: nothing both writable and executable,
 * nothing for user mode, no firmware or no-map memory (but for a device tree
 * that lies there, to be read), the image with the rights of its sections and
 * nowhere else, page 0 and the last page unmapped.
 * Calls `report` with a sentence for each fault; returns how many there were.
 */
unsigned kmap_check(const struct memblock *mb,
		    void (*report)(const char *what, const struct mapping *m));
