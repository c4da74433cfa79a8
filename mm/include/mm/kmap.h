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
 * Build the kernel's tables from `bump` and switch to them. direct_map_offset is
 * set, to the plan's. `fdt` is where the device tree lies (bytes), `view` its
 * address, which it keeps, in the first 4 MiB of the fixed windows. Returns 0,
 * -ENOMEM, or what pgtable_map() says of ranges that make no sense. Until then
 * only the early frames are in the direct map; from then on all RAM is.
 */
int kmap_init(struct bump *bump, const struct kmap_plan *plan, struct range fdt,
	      vaddr_t view);

/*
 * Add the tables that make the root complete: from now on no entry of it ever
 * changes, and roots of user spaces can be copies. Sets kmap_arena: in Sv39 4 GiB
 * and `more` bytes, else all that there is room for. After kmap_init, once RAM can be
 * had. Returns 0 or -ENOMEM.
 */
int kmap_reserve(const struct memblock *mb, uint64_t more);

/* Tables come from the page allocator from now on. */
void kmap_bump_retired(void);

/*
 * Move those sections of the image that `mb` has as `type` to the direct map:
 * the image must not use them any more. Calls `give` with the RAM that each of them
 * took. Boot only.
 */
void kmap_free_sections(struct memblock *mb, enum region_type type,
			void (*give)(struct range frames));

/* A stack of `size` bytes (whole pages) with an unmapped page on either side,
 * for ever; from the bump allocator, or, once that has retired, from the page
 * allocator (and then it takes a power of two). Returns its range, empty when
 * out of memory. Boot only. */
struct range kmap_stack(uint64_t size);

/*
 * The kernel mapper, for all that comes after boot: addresses in kmap_arena, of
 * which the caller knows that they are its own. As pgtable_map, _unmap and
 * _protect, with their results; -EINVAL also for addresses outside of the arena
 * (those of the user half among them), for VM_USER, and for memory both
 * writable and executable. When they return, all harts see what they did.
 * Any context in which page_alloc may be called; takes the mapper's lock. What
 * was mapped is not freed.
 */
extern struct range kmap_arena;
int kmap_map(struct range va, paddr_t pa, vm_prot_t prot, enum mem_attr attr);
int kmap_unmap(struct range va);
int kmap_protect(struct range va, vm_prot_t prot);

/* Tables that are frames of page_alloc(). */
extern struct table_source page_tables;

/* Memory for a page of the page map; see struct page_map. */
struct page_map;
struct page;
struct frame_pool;
int kmap_populate(struct page_map *m, struct page *at, struct frame_pool *pool);

/*
 * The audit: check the live tables leaf by leaf. Nothing is both writable and
 * executable, nothing is for user mode or in its half, entries have no reserved
 * bits and all leaves are global; there is no firmware or no-map memory (but for
 * a device tree that lies there, to be read, and buffers of devices), no free
 * frame and no table outside the direct map; the image has the rights of its
 * sections and is nowhere else; stacks have guards; page 0 and the last page are
 * unmapped.
 * Calls `report` with a sentence for each fault; returns how many there were.
 * On a live system, results are exact only while nobody changes the tables.
 */
unsigned kmap_check(const struct memblock *mb,
		    void (*report)(const char *what, const struct mapping *m));
