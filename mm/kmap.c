/*
 * The kernel mapper (<mm/kmap.h>): changes of the kernel's live tables.
 *
 * Two locks divide them. The part that maps the page map belongs to
 * page_map.lock, since the page allocator grows it while it is asked for a
 * table; kmap_lock has the rest. The tables above both are permanent and
 * complete (kmap_reserve), so neither changes what the other reads.
 */
#include <string.h>

#include <arch/mmu.h>
#include <kernel/assert.h>
#include <lib/errno.h>
#include <mm/kmap.h>
#include <mm/kmap_move.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/page_map.h>
#include <mm/tlb.h>

#include "kmap_impl.h"

struct pgtable kernel_pgtable;
struct range kmap_arena;
struct range kmap_stacks[KMAP_STACKS];
unsigned kmap_nstacks;

/* So many blocks are mapped at a time, with the lock held. */
#define BATCH 256

static struct spinlock kmap_lock = SPINLOCK_INIT(LOCK_KMAP);
static vaddr_t next_fixed = DEVICES_BASE;
static unsigned nfixed; /* windows */
static vaddr_t next_stack = ARENA_BASE;

static paddr_t table_from_pages(struct table_source *s)
{
	/* Mappers ask with their locks held; and who unmaps, to free memory,
	 * may need a table to split a leaf. */
	struct page *p = page_alloc(0, ALLOC_ATOMIC | ALLOC_RESERVE);

	(void)s;
	return p ? page_to_phys(p) : PGTABLE_NO_FRAME;
}

struct table_source page_tables = {.alloc = table_from_pages};

/* Reserve the next `size` bytes from *next on below `end`, and an unmapped page
 * in front; empty if there is no room. Boot only, so there is no lock. */
static struct range take_room(vaddr_t *next, uint64_t size, vaddr_t end)
{
	struct range va = {*next + PAGE_SIZE, *next + PAGE_SIZE + size};

	if (size > end - *next || va.end >= end)
		return range_make(0, 0);
	*next = va.end;
	return va;
}

int kmap_add(struct range va, paddr_t pa, vm_prot_t prot, enum mem_attr attr)
{
	uint64_t flags = spin_lock_irqsave(&kmap_lock);
	struct tlb_gather g;
	int err;

	debug_assert(!kmap_is_moved());
	tlb_gather_init(&g, NULL);
	err = pgtable_map(&kernel_pgtable, va, pa, prot, attr, &g);
	tlb_flush(&g);
	spin_unlock_irqrestore(&kmap_lock, flags);
	return err;
}

static int change(struct range va,
		  int (*how)(const struct pgtable *pt, struct range va,
			     struct tlb_gather *g))
{
	uint64_t flags = spin_lock_irqsave(&kmap_lock);
	struct tlb_gather g;
	int err;

	debug_assert(!kmap_is_moved());
	tlb_gather_init(&g, NULL);
	err = how(&kernel_pgtable, va, &g);
	tlb_flush(&g);
	spin_unlock_irqrestore(&kmap_lock, flags);
	return err;
}

int kmap_remove(struct range va)
{
	return change(va, pgtable_unmap);
}

int kmap_split(struct range va)
{
	return change(va, pgtable_split);
}

int kmap_join(struct range va)
{
	return change(va, pgtable_join);
}

int kmap_reserve_tables(struct range va)
{
	uint64_t flags = spin_lock_irqsave(&kmap_lock);
	struct tlb_gather g;
	int err;

	tlb_gather_init(&g, NULL);
	err = pgtable_reserve(&kernel_pgtable, va, 0);
	/* That there was none may be known. */
	tlb_gather_table(&g);
	tlb_flush(&g);
	spin_unlock_irqrestore(&kmap_lock, flags);
	return err;
}

int kmap_add_blocks(vaddr_t va, const struct list *blocks)
{
	uint64_t flags = spin_lock_irqsave(&kmap_lock);
	struct range all = {va, va};
	struct tlb_gather g;
	unsigned n = 0;
	int err = 0;

	tlb_gather_init(&g, NULL);
	list_for_each (l, blocks) {
		const struct page *p = list_entry(l, struct page, link);
		struct range at = {all.end, all.end + (PAGE_SIZE << p->order)};

		err = pgtable_map(&kernel_pgtable, at, page_to_phys(p),
				  VM_READ | VM_WRITE, ATTR_NORMAL, &g);
		if (err)
			break;
		all.end = at.end;
		if (++n % BATCH)
			continue;
		/* There may be very many. All harts know of new tables before
		 * the lock goes. */
		tlb_flush(&g);
		spin_unlock_irqrestore(&kmap_lock, flags);
		flags = spin_lock_irqsave(&kmap_lock);
	}
	if (err && !range_empty(all))
		pgtable_unmap(&kernel_pgtable, all, &g);
	tlb_flush(&g);
	spin_unlock_irqrestore(&kmap_lock, flags);
	return err;
}

void kmap_unhook(struct range va, struct tlb_gather *g)
{
	uint64_t flags = spin_lock_irqsave(&kmap_lock);

	pgtable_unmap(&kernel_pgtable, va, g);
	spin_unlock_irqrestore(&kmap_lock, flags);
}

int kmap_map(struct range va, paddr_t pa, vm_prot_t prot, enum mem_attr attr)
{
	if (!range_within(va, kmap_arena) || !kmap_allows(prot))
		return -EINVAL;
	return kmap_add(va, pa, prot, attr);
}

int kmap_unmap(struct range va)
{
	return range_within(va, kmap_arena) ? kmap_remove(va) : -EINVAL;
}

int kmap_protect(struct range va, vm_prot_t prot)
{
	struct tlb_gather g;
	uint64_t flags;
	int err;

	if (!range_within(va, kmap_arena) || !kmap_allows(prot))
		return -EINVAL;
	flags = spin_lock_irqsave(&kmap_lock);
	tlb_gather_init(&g, NULL);
	err = pgtable_protect(&kernel_pgtable, va, prot, &g);
	tlb_flush(&g);
	spin_unlock_irqrestore(&kmap_lock, flags);
	return err;
}

vaddr_t kmap_fixed_map(struct range pages, enum mem_attr attr)
{
	vaddr_t next = next_fixed;
	struct range va = take_room(&next, range_size(pages), FIXED_END);

	if (range_empty(va) ||
	    kmap_add(va, pages.start, VM_READ | VM_WRITE, attr))
		return 0;
	next_fixed = next;
	nfixed++;
	return va.start;
}

void kmap_fixed_unmap(struct range va)
{
	kmap_remove(va);
	if (!--nfixed)
		next_fixed = DEVICES_BASE;
}

static unsigned stack_order(uint64_t size)
{
	return highest_bit(size - 1) + 1 - PAGE_SHIFT;
}

static paddr_t stack_frames(uint64_t size)
{
	struct bump *bump = kernel_pgtable.source->ctx;
	struct page *p;

	if (bump) /* not retired yet */
		return bump_alloc(bump, size, PAGE_SIZE, REGION_STACK);
	p = page_alloc(stack_order(size), 0);
	return p ? page_to_phys(p) : BUMP_NONE;
}

/* Bump takes nothing back. */
static void free_stack_frames(paddr_t pa, uint64_t size)
{
	if (!kernel_pgtable.source->ctx)
		page_free(pfn_to_page(pa >> PAGE_SHIFT), stack_order(size));
}

struct range kmap_stack(uint64_t size)
{
	vaddr_t next = next_stack;
	struct range va = take_room(&next, size, STACKS_END);
	paddr_t pa;

	if (range_empty(va) || kmap_nstacks == KMAP_STACKS)
		return range_make(0, 0);
	pa = stack_frames(size);
	if (pa == BUMP_NONE)
		return range_make(0, 0);
	if (kmap_add(va, pa, VM_READ | VM_WRITE, ATTR_NORMAL)) {
		free_stack_frames(pa, size);
		return range_make(0, 0);
	}
	next_stack = next;
	kmap_stacks[kmap_nstacks++] = va;
	return va;
}

static paddr_t table_from_pool(struct table_source *s)
{
	struct frame_pool *pool = s->ctx;

	if (!pool->n)
		return PGTABLE_NO_FRAME;
	return pool->frame[--pool->n] << PAGE_SHIFT;
}

int kmap_populate(struct page_map *m, struct page *at, struct frame_pool *pool)
{
	struct table_source source = {table_from_pool, true, pool};
	struct pgtable pt = kernel_pgtable;
	vaddr_t va = (vaddr_t)(uintptr_t)at;
	paddr_t frame = table_from_pool(&source);
	struct tlb_gather g;
	int err;

	(void)m;
	if (frame == PGTABLE_NO_FRAME)
		return -ENOMEM;
	memset(phys_to_virt(frame), 0, PAGE_SIZE);
	pt.source = &source;
	tlb_gather_init(&g, NULL);
	err = pgtable_map(&pt, range_make(va, va + PAGE_SIZE), frame,
			  VM_READ | VM_WRITE, ATTR_NORMAL, &g);
	/* Frees nothing, so it can be made in the allocator's lock: tables from
	 * the pool are permanent. */
	tlb_flush(&g);
	if (err) {
		pool->frame[pool->n++] = frame >> PAGE_SHIFT;
		return -ENOMEM;
	}
	return 0;
}
