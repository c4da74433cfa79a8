/*
 * Windows on physical memory (<mm/vmalloc.h>). They are areas like others
 * (vmalloc.c), but the memory is not theirs, and they are unmapped at once: when
 * vunmap() returns the device may go.
 *
 * A window lies so that the largest leaf which the range could hold fits: as far
 * from the leaf's border as the physical range does.
 *
 * Most windows are small, and come and go: registers of a device, a page that is
 * looked at. For these
 *
 *  - there are 4 MiB of addresses whose tables are permanent. An entry of such a
 *    table is counted nowhere and is the window's alone, so it is set with
 *    neither lock nor walk, and no table comes and goes with the only window in
 *    it. The same holds for large leaves in the tables that kmap_reserve() made.
 *  - a window that is unmapped and fenced stays a spare, one of each size, so
 *    that the next of that size needs no room to be looked for.
 *
 * All others go through the kernel mapper.
 *
 *  I5  what is set in a permanent table without the lock is entries of the
 *      area's own pages only
 *  I6  what a window shows lies as far from borders of `align` as its addresses,
 *      and no leaf of its entries is larger than that
 */
#include <kernel/assert.h>
#include <mm/kmap.h>
#include <mm/tlb.h>

#include "kmap_impl.h"
#include "vmalloc_impl.h"

/* Of the leaves that could be in these pages the largest: its level. */
static __attribute__((noinline)) unsigned largest_level(struct range pa)
{
	unsigned level = kernel_pgtable.levels - 2;

	while (level && range_empty(range_align_in(pa, pt_span(level))))
		level--;
	return level;
}

/* The same for a group. */
static inline uint64_t page_align(struct range pa)
{
	const uint64_t group = pte_group_entries() * PAGE_SIZE;

	if (pa.end - pa.start < group || range_empty(range_align_in(pa, group)))
		return PAGE_SIZE;
	return group;
}

static struct vm_entries find_own(struct range va, unsigned level)
{
	const struct pgtable *pt = &kernel_pgtable;
	const uint64_t table = pt_span(level + 1);
	struct vm_entries own = {.shift = PAGE_SHIFT + level * PT_INDEX_BITS};
	vaddr_t border = align_down(va.start, table) + table;

	if (!is_aligned(va.start | va.end, pt_span(level)) ||
	    range_size(va) > table)
		return own;
	if (va.end > border) {
		own.second = pgtable_permanent(pt, range_make(border, va.end),
					       level);
		own.nsecond = (uint32_t)((va.end - border) >> own.shift);
		if (!own.second)
			return own;
		va.end = border;
	}
	own.first = pgtable_permanent(pt, va, level);
	own.nfirst = (uint32_t)(range_size(va) >> own.shift);
	return own;
}

static void flush(struct range va, unsigned shift)
{
	struct tlb_gather g;

	tlb_gather_init(&g, NULL);
	g.va = va;
	g.step = (uint64_t)1 << shift;
	tlb_flush(&g);
}

static __attribute__((noinline)) void set_all(const struct vm_entries *own,
					      pte_t leaf)
{
	if (own->nsecond)
		pgtable_put_leaves(
			own->second, own->second + own->nsecond,
			pte_advance(leaf, (uint64_t)own->nfirst << own->shift),
			own->shift);
	pgtable_put_leaves(own->first, own->first + own->nfirst, leaf,
			   own->shift);
}

static inline void set_own(const struct vm_entries *own, pte_t leaf)
{
	if (DEBUG_CHECKS)
		assert(!pte_present(pte_load(own->first)));
	/* What is in the memory is seen before it is. Partner: the order that a
	 * walk has by its addresses. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (own->nfirst + own->nsecond == 1)
		pte_set(own->first, leaf);
	else
		set_all(own, leaf);
}

static __attribute__((noinline)) void clear_all(const struct vm_entries *own)
{
	if (own->nsecond)
		pgtable_clear_leaves(own->second, own->second + own->nsecond);
	pgtable_clear_leaves(own->first, own->first + own->nfirst);
}

static inline void clear_own(const struct vm_entries *own)
{
	if (own->nfirst + own->nsecond == 1)
		pte_set(own->first, pte_none());
	else
		clear_all(own);
}

/* Where a spare of this size would be: by Fibonacci hashing. */
static inline struct vm_area **spare_slot(uint64_t size)
{
	return &vm.spare[(size >> PAGE_SHIFT) * 0x9e3779b97f4a7c15u >>
			 (64 - VM_SPARE_BITS)];
}

/* A spare becomes busy again, if there is one of this size and place. One that lies
 * right by chance, but was made for other leaves, is none (I6). */
static inline struct vm_area *take_spare(paddr_t pa, uint64_t size,
					 uint64_t align, uintptr_t pc)
{
	struct vm_area **slot = spare_slot(size), *a;
	uint64_t flags = vm_lock();

	a = *slot;
	if (a && a->size == size && a->align == align &&
	    !((a->tag.range.start ^ pa) & (align - 1))) {
		*slot = NULL;
		a->state = AREA_BUSY;
		a->allocated = alloc_track_now(pc);
		a->freed.pc = 0;
	} else {
		a = NULL;
	}
	vm_unlock(flags);
	return a;
}

/* It becomes the spare of its size. */
static inline void make_spare(struct vm_area *a)
{
	uint64_t flags = vm_lock();
	struct vm_area *old = *a->slot;

	*a->slot = a;
	a->state = AREA_SPARE;
	if (old)
		old->state = AREA_BUSY;
	vm_unlock(flags);
	if (old)
		area_release(old);
}

void vmap_drop_spares(void)
{
	for (unsigned i = 0; i < VM_SPARES; i++) {
		uint64_t flags = vm_lock();
		struct vm_area *a = vm.spare[i];

		vm.spare[i] = NULL;
		if (a)
			a->state = AREA_BUSY;
		vm_unlock(flags);
		if (a)
			area_release(a);
	}
}

static __attribute__((noinline)) struct vm_area *make_window(struct range pa,
							     unsigned level,
							     uint64_t align,
							     uintptr_t pc)
{
	struct vm_area *a = area_new(AREA_WINDOW, range_size(pa), align,
				     pa.start & (align - 1), 0, pc);

	if (a) {
		a->align = align;
		a->own = find_own(area_range(a), level);
		a->slot = spare_slot(a->size);
	}
	return a;
}

/* A busy area for a window. */
static inline __attribute__((always_inline)) struct vm_area *new_window(
	struct range pa, uintptr_t pc)
{
	uint64_t size = pa.end - pa.start;
	unsigned level = size < pt_span(1) ? 0 : largest_level(pa);
	uint64_t align = level ? pt_span(level) : page_align(pa);
	struct vm_area *a = take_spare(pa.start, size, align, pc);

	return a ? a : make_window(pa, level, align, pc);
}

/* In both that use it: a call more would be a twentieth of the whole. */
static inline __attribute__((always_inline)) struct vm_area *open_window(
	struct range pages, vm_prot_t prot, enum mem_attr attr, uintptr_t pc)
{
	struct vm_area *a = new_window(pages, pc);

	if (!a)
		return NULL;
	if (a->own.first) {
		set_own(&a->own, pte_leaf(pages.start, prot, attr));
		flush(area_range(a), a->own.shift);
	} else if (kmap_map(area_range(a), pages.start, prot, attr)) {
		area_release(a);
		return NULL;
	}
	area_publish(a);
	return a;
}

struct vm_area *window_open(struct range pages, vm_prot_t prot,
			    enum mem_attr attr, uintptr_t pc)
{
	return open_window(pages, prot, attr, pc);
}

/* A busy one goes. */
static inline void close_busy(struct vm_area *a)
{
	if (a->own.first) {
		clear_own(&a->own);
		flush(area_range(a), a->own.shift);
	} else {
		kmap_remove(area_range(a));
	}
	make_spare(a);
}

void window_close(struct vm_area *a, uintptr_t pc)
{
	uint64_t flags = vm_lock();

	a->freed = alloc_track_now(pc);
	a->state = AREA_BUSY;
	vm_unlock(flags);
	close_busy(a);
}

vaddr_t vmap(paddr_t pa, uint64_t size, vm_prot_t prot, enum mem_attr attr)
{
	struct range pages = {align_down(pa, PAGE_SIZE),
			      align_up(pa + size, PAGE_SIZE)};
	struct vm_area *a;

	if (!size || pages.end <= pa || pages.end - pa < size ||
	    pages.end > (uint64_t)1 << PT_PADDR_BITS || !kmap_allows(prot))
		return 0;
	a = open_window(pages, prot, attr,
			(uintptr_t)__builtin_return_address(0));
	return a ? a->tag.range.start + (pa - pages.start) : 0;
}

void vunmap(vaddr_t va)
{
	struct vm_area *a =
		area_claim(align_down(va, PAGE_SIZE), AREA_WINDOW, AREA_BUSY,
			   (uintptr_t)__builtin_return_address(0));

	if (a)
		close_busy(a);
}
