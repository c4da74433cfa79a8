/*
 * The kernel's dynamic addresses (<mm/vmalloc.h>): areas, their memory, and how
 * it is given back. Windows and stacks are in vmap.c, looking in
 * vmalloc_look.c.
 *
 *	vm.arena
 *	 |.|MMMMMMMM|.|SSSS|.|WWWWWWWW|.|        |LL|.|
 *	  \__ never mapped    \__ guard page of W       \__ freed, still mapped
 *
 * An area is a range of the arena: pages, and one that is never mapped behind
 * them. Since the arena's first page is never handed out, and what is before an
 * area is another's guard or free, it has a guard on either side. The area is
 * the arena's tag itself, so any address leads to it in O(log n).
 *
 * Memory comes in blocks as large as there are. They hang on the area by their
 * struct pages; neither an array nor the page tables are needed to give them
 * back.
 *
 *	BUSY --publish--> LIVE --vfree--> FREED --purge--> BUSY --> gone
 *	                       --vunmap-------------------> BUSY --> gone
 *
 * vfree() only marks an area and puts it on the lazy list. To unmap it at once
 * would take a fence of all harts for each. purge() takes the whole list, unhooks
 * all areas, and has one gather fence and free what they held; then the
 * addresses go back to the arena. So unhook, fence, free holds for both frames
 * and addresses. Who allocates purges, once more waits than 1/64 of memory; so
 * does reclaim(), and whoever finds no addresses. vfree() never does, in any
 * context.
 *
 *  I1  areas are disjoint, and what is mapped in the arena is what LIVE and FREED
 *      areas say; all else in it is not, guards and its first page among it
 *  I2  a block belongs to one area, until a flush after its unmapping frees it
 *  I3  an area leaves the arena after that flush
 *  I4  a BUSY area is its one caller's, and on no list; that one may make it LIVE,
 *      all other changes of state are under the lock
 *
 * Locking: vm.lock, the last of all ranks but those that print, since nothing is
 * called under it: so it can be taken in any context, and is held for
 * O(log n). Page tables have kmap_lock, taken when vm.lock is not held.
 *
 * Source: Bonwick and Adams, Magazines and Vmem (USENIX 2001), for the arena. The
 * batching of flushes is that of lazy TLB shootdown: Black et al., Translation
 * Lookaside Buffer Consistency (ASPLOS 1989).
 */
#include <lib/relaxed.h>
#include <mm/kmap.h>
#include <mm/page_alloc.h>
#include <mm/reclaim.h>
#include <mm/slab.h>
#include <mm/tlb.h>

#include "kmap_impl.h"
#include "vmalloc_impl.h"

/* A purge fences all harts whatever it unmaps, so many should share it; but what
 * waits is lost to others until memory is short. */
#define LAZY_SHARE 64 /* 1/64 of what is free at boot */
#define LAZY_MIN   KIB(256)
#define LAZY_MAX   MIB(64)

struct vm vm = {.lock = SPINLOCK_INIT(LOCK_VMALLOC),
		.lazy = LIST_INIT(vm.lazy)};
static struct kmem_cache *areas;

static struct arena *arena_at(vaddr_t va)
{
	return &vm.arena[va < WINDOWS_END ? VM_WINDOWS : VM_REST];
}

struct vm_area *area_find(vaddr_t va)
{
	return area_of(arena_find(arena_at(va), va));
}

struct vm_area *area_find_from(vaddr_t va)
{
	struct arena_tag *t = arena_find_from(arena_at(va), va);

	return area_of(t ? t : arena_find_from(&vm.arena[VM_REST], va));
}

/* Others may be changing it. */
static uint64_t lazy_bytes(void)
{
	return __atomic_load_n(&vm.lazy_bytes, __ATOMIC_RELAXED);
}

static bool take_addresses(struct vm_area *a, uint64_t size, uint64_t align,
			   uint64_t phase)
{
	unsigned first = a->kind == AREA_WINDOW ? VM_WINDOWS : VM_REST;
	uint64_t flags = vm_lock();
	bool taken = false;

	for (unsigned i = first; i < VM_ARENAS && !taken; i++)
		taken = arena_alloc(&vm.arena[i], &a->tag, size + PAGE_SIZE,
				    align, phase);
	vm_unlock(flags);
	return taken;
}

struct vm_area *area_new(enum area_kind kind, uint64_t size, uint64_t align,
			 uint64_t phase, unsigned flags, uintptr_t pc)
{
	struct vm_area *a;

	if (lazy_bytes() > vm.lazy_max)
		vmalloc_purge();
	a = kmem_cache_alloc(areas, flags & ALLOC_NORETRY);
	if (!a)
		return NULL;
	a->size = size;
	a->kind = kind;
	a->state = AREA_BUSY;
	a->allocated = alloc_track_now(pc);
	a->freed.pc = 0;
	list_init(&a->blocks);
	if (take_addresses(a, size, align, phase))
		return a;
	vmalloc_purge();
	if (take_addresses(a, size, align, phase))
		return a;
	kmem_cache_free(areas, a);
	return NULL;
}

/* What is known of an address that is no live area's start. The lock is held. */
static struct mm_bug describe(vaddr_t va, const struct vm_area *a, uintptr_t pc)
{
	struct mm_bug bug = {.kind = BUG_INVALID_FREE,
			     .cache = "vmalloc",
			     .object = va,
			     .at = va,
			     .caller = pc};
	const struct vm_gone *gone = a ? NULL : vm_gone_at(va);

	if (gone) {
		bug.size = range_size(gone->va);
		bug.allocated = gone->allocated;
		bug.freed = gone->freed;
	} else if (a) {
		bug.object = a->tag.range.start;
		bug.size = a->size;
		bug.allocated = a->allocated;
		bug.freed = a->freed;
	}
	if (bug.freed.pc && bug.object == va)
		bug.kind = BUG_DOUBLE_FREE;
	return bug;
}

/* The lock is held. */
static void make_lazy(struct vm_area *a)
{
	list_add(&vm.lazy, &a->lazy);
	vm.nlazy++;
	store_relaxed(&vm.lazy_bytes, vm.lazy_bytes + range_size(a->tag.range));
}

static __attribute__((noinline)) void report(vaddr_t va, uintptr_t pc)
{
	uint64_t flags = vm_lock();
	struct mm_bug bug = describe(va, area_find(va), pc);

	vm_unlock(flags);
	mm_bug(&bug);
}

struct vm_area *area_claim(vaddr_t va, enum area_kind kind,
			   enum area_state next, uintptr_t pc)
{
	uint64_t flags = vm_lock();
	struct vm_area *a = area_find(va);

	if (a && a->kind == kind && a->state == AREA_LIVE &&
	    a->tag.range.start == va) {
		a->freed = alloc_track_now(pc);
		a->state = next;
		if (next == AREA_FREED)
			make_lazy(a);
		vm_unlock(flags);
		return a;
	}
	vm_unlock(flags);
	report(va, pc);
	return NULL;
}

/* The lock is held. */
static void remember(const struct vm_area *a)
{
	vm.gone[vm.last_gone++ % VM_GONE] = (struct vm_gone){
		area_range(a), a->kind, a->allocated, a->freed};
}

void area_release(struct vm_area *a)
{
	uint64_t flags = vm_lock();

	arena_free(arena_at(a->tag.range.start), &a->tag);
	if (a->freed.pc)
		remember(a);
	vm_unlock(flags);
	kmem_cache_free(areas, a);
}

/* All that waits; its areas are busy then. */
static void take_lazy(struct list *all)
{
	uint64_t flags = vm_lock();

	list_init(all);
	list_splice(all, &vm.lazy);
	list_for_each (l, all)
		list_entry(l, struct vm_area, lazy)->state = AREA_BUSY;
	if (!list_empty(all))
		vm.purges++;
	vm.flushed += vm.nlazy;
	vm.nlazy = 0;
	store_relaxed(&vm.lazy_bytes, 0);
	vm_unlock(flags);
}

void vmalloc_purge(void)
{
	struct tlb_gather g;
	struct list all;

	spin_check_none();
	take_lazy(&all);
	tlb_gather_init(&g, NULL);
	list_for_each (l, &all) {
		struct vm_area *a = list_entry(l, struct vm_area, lazy);

		kmap_unhook(area_range(a), &g);
		list_splice(&g.pages, &a->blocks);
	}
	tlb_flush(&g);
	list_for_each_safe (l, &all)
		area_release(list_entry(l, struct vm_area, lazy));
	vmap_drop_spares();
}

static void free_blocks(struct list *blocks)
{
	list_for_each_safe (l, blocks) {
		struct page *p = list_entry(l, struct page, link);

		page_free(p, p->order);
	}
	list_init(blocks);
}

/* Memory for the area, in the largest blocks that there are. */
static bool take_blocks(struct list *blocks, uint64_t pages, unsigned flags)
{
	unsigned order = MAX_ORDER;

	while (pages) {
		struct page *p;

		order = (unsigned)min_u64(order, highest_bit(pages));
		/* Nobody shall wait for large blocks, if small ones will do. */
		p = page_alloc(order, order ? flags | ALLOC_NORETRY : flags);
		if (p) {
			list_add_tail(blocks, &p->link);
			pages -= (uint64_t)1 << order;
		} else if (!order--) {
			free_blocks(blocks);
			return false;
		}
	}
	return true;
}

/* So that large leaves, or groups of pages, can map it. */
static uint64_t alignment(uint64_t size)
{
	const uint64_t group = pte_group_entries() * PAGE_SIZE;

	return size >= pt_span(1) ? pt_span(1)
	       : size >= group	  ? group
				  : PAGE_SIZE;
}

/* Could there be so much memory? Else all of it would be taken, and given back. */
static bool plausible(uint64_t size)
{
	return size < vm.lazy_max ||
	       size >> PAGE_SHIFT <=
		       page_free_count() + (lazy_bytes() >> PAGE_SHIFT);
}

/* Memory of the kernel's, mapped. */
static struct vm_area *area_with_memory(enum area_kind kind, uint64_t size,
					unsigned flags, uintptr_t pc)
{
	struct vm_area *a;

	if (!size || !plausible(size))
		return NULL;
	a = area_new(kind, size, alignment(size), 0, flags, pc);
	if (!a)
		return NULL;
	if (take_blocks(&a->blocks, size >> PAGE_SHIFT, flags)) {
		if (!kmap_add_blocks(a->tag.range.start, &a->blocks)) {
			area_publish(a);
			return a;
		}
		free_blocks(&a->blocks);
	}
	area_release(a);
	return NULL;
}

void *vmalloc_from(size_t size, unsigned flags, uintptr_t caller)
{
	struct vm_area *a;

	if (size > SIZE_MAX - PAGE_SIZE)
		return NULL;
	a = area_with_memory(AREA_MEMORY, align_up(size, PAGE_SIZE), flags,
			     caller);
	return a ? (void *)(uintptr_t)a->tag.range.start : NULL;
}

void *vmalloc(size_t size, unsigned flags)
{
	return vmalloc_from(size, flags,
			    (uintptr_t)__builtin_return_address(0));
}

void vfree(void *p)
{
	if (p)
		area_claim((vaddr_t)(uintptr_t)p, AREA_MEMORY, AREA_FREED,
			   (uintptr_t)__builtin_return_address(0));
}

struct range kstack_alloc(uint64_t size)
{
	struct vm_area *a = area_with_memory(
		AREA_STACK, size, 0, (uintptr_t)__builtin_return_address(0));

	return a ? area_range(a) : range_make(0, 0);
}

void kstack_free(struct range stack)
{
	area_claim(stack.start, AREA_STACK, AREA_FREED,
		   (uintptr_t)__builtin_return_address(0));
}

static struct shrinker shrinker = {
	.name = "vmalloc",
	.shrink = vmalloc_purge,
};

void vmalloc_init(void)
{
	struct range windows = {VMALLOC_BASE + PAGE_SIZE, WINDOWS_END};
	struct range rest = {WINDOWS_END, kmap_arena.end};
	uint64_t share = page_free_count() * PAGE_SIZE / LAZY_SHARE;

	arena_init(&vm.arena[VM_WINDOWS], windows, PAGE_SIZE);
	arena_init(&vm.arena[VM_REST], rest, PAGE_SIZE);
	vm.lazy_max = max_u64(min_u64(share, LAZY_MAX), LAZY_MIN);
	if (areas) /* tests begin anew */
		return;
	areas = kmem_cache_create("vm_area", sizeof(struct vm_area), 0, 0,
				  NULL);
	if (!areas)
		panic("vmalloc: no memory for its cache");
	reclaim_register(&shrinker);
}
