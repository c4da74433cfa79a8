/*
 * The page table walker (<mm/pgtable.h>): tables, map, look.
 *
 * Page tables are a radix tree; no code here is for any one level of it. An
 * entry is nothing, a pointer to a table of the next lower level, or a leaf:
 *
 *	root, level n-1		level 1			level 0
 *	+---------+		+---------+		+------+
 *	| pointer |------------>| leaf    | 2 MiB	| leaf | 4 KiB
 *	| leaf    |		| pointer |------------>| g    | group:
 *	| -       |		| -       |		| g    | 64 KiB
 *	+---------+		+---------+		+------+
 *
 * Virtual addresses are canonical: with n levels, the bits from that of the
 * root's middle up are equal. Bounds lie in one half and never hold the last
 * page, so a range's end does not wrap; an entry's may.
 *
 *  I1 A table that is not permanent is a frame of page_alloc() and not empty,
 *     but for a root.
 *  I2 Its struct page has refs = 1 + its live entries. The root and permanent
 *     tables are not counted.
 *  I3 All entries of a group are the same.
 *  I4 What is above a permanent table is permanent, or the root.
 *  I5 Entries of the root outside of the bounds are not touched nor followed.
 *  I6 Leaves of the lower half have VM_USER, those of the upper half don't.
 *
 * A change has two parts. What needs memory comes first and can fail:
 * then it takes itself back. What follows can't. A table is hooked in by one
 * store when it is complete or empty, and out by one store when what is in it is
 * not wanted; then it waits in the gather for the fence, as some hart may still
 * walk it.
 *
 * Locking: the owner's. Harts walk the tables at any time.
 * Cost: a cursor (pgtable_internal.h) goes down once, one load a level, and then
 * from table to table. In a table leaves are a run of stores, and one count.
 * Source: RISC-V privileged specification, 4.3.2 (the walk it must agree with),
 * 4.2.1 (what harts remember).
 */
#include <string.h>

#include <lib/errno.h>

#include "pgtable_internal.h"

static vaddr_t upper_half_start(unsigned levels)
{
	return ~(vaddr_t)0 << (PAGE_SHIFT + levels * PT_INDEX_BITS - 1);
}

struct range pgtable_upper_half(unsigned levels)
{
	return range_make(upper_half_start(levels), 0 - PAGE_SIZE);
}

struct range pgtable_lower_half(unsigned levels)
{
	return range_make(0, 0 - upper_half_start(levels));
}

/* Can entries hold the addresses from pa on? */
static bool encodable(paddr_t pa, uint64_t size)
{
	const uint64_t limit = (uint64_t)1 << PT_PADDR_BITS;

	return size <= limit && pa <= limit - size;
}

void pgtable_clear_table(paddr_t frame, bool permanent)
{
	struct page *page;

	memset(table_at(frame), 0, PAGE_SIZE);
	if (permanent)
		return;
	page = pfn_to_page(frame >> PAGE_SHIFT);
	page->refs = 1;
	page->flags |= PAGE_TABLE;
}

int pgtable_init(struct pgtable *pt, unsigned levels, struct range bounds,
		 struct table_source *source)
{
	paddr_t root;

	if (range_empty(bounds) ||
	    !is_aligned(bounds.start | bounds.end, PAGE_SIZE) ||
	    !(range_within(bounds, pgtable_lower_half(levels)) ||
	      range_within(bounds, pgtable_upper_half(levels))))
		return -EINVAL;
	root = source->alloc(source);
	if (root == PGTABLE_NO_FRAME)
		return -ENOMEM;
	pgtable_clear_table(root, source->permanent);
	*pt = (struct pgtable){root, levels, bounds, source};
	return 0;
}

void pgtable_put_leaves(pte_t *p, pte_t *end, pte_t leaf, unsigned shift)
{
	const uint64_t span = (uint64_t)1 << shift;
	const size_t group = shift > PAGE_SHIFT ? 1 : pte_group_entries();

	while (group > 1 && p < end) {
		/* Its entries and frames must be aligned alike. */
		bool fits = is_aligned((uintptr_t)p, group * sizeof(pte_t)) &&
			    is_aligned(pte_paddr(leaf), group * PAGE_SIZE) &&
			    (size_t)(end - p) >= group;
		size_t n = fits ? group : 1;
		pte_t e = fits ? pte_group(leaf) : leaf;

		leaf = pte_advance(leaf, n * span);
		while (n--)
			pte_set(p++, e);
	}
	/* By itself, half of it would be the loop. */
#pragma GCC unroll 16
	for (; p < end; p++) {
		pte_set(p, leaf);
		leaf = pte_advance(leaf, span);
	}
}

void pgtable_clear_leaves(pte_t *p, pte_t *end)
{
	for (; end - p >= 16; p += 16)
#pragma GCC unroll 16
		for (unsigned i = 0; i < 16; i++)
			pte_set(&p[i], pte_none());
	for (; p < end; p++)
		pte_set(p, pte_none());
}

/* Hook an empty table in where the cursor stands. */
static int add_table(const struct pgtable *pt, const struct cursor *c,
		     bool permanent)
{
	paddr_t pa = pt->source->alloc(pt->source);
	struct page *page = cursor_page(c);

	if (pa == PGTABLE_NO_FRAME)
		return -ENOMEM;
	pgtable_clear_table(pa, permanent);
	pte_store(c->slot, pte_table(pa, permanent));
	if (page)
		page->refs++;
	return 0;
}

void cursor_drop_table(const struct cursor *c, struct tlb_gather *g)
{
	pte_t *const *above = c->above;
	struct page *page = cursor_page(c);

	do {
		pte_set(*above, pte_none());
		tlb_gather_table(g);
		tlb_gather_free(g, page);
		page = count_of(*++above);
	} while (page && --page->refs == 1);
}

struct map_job {
	const struct pgtable *pt;
	paddr_t pa;
	vm_prot_t prot;
	enum mem_attr attr;
	struct tlb_gather *g;
};

/* May the next leaf be one of the level where the cursor stands? */
static bool fits(const struct cursor *c, paddr_t pa)
{
	const uint64_t rest = ((uint64_t)1 << c->shift) - 1;

	return !((c->va | pa) & rest) && c->last - c->va >= rest;
}

/* The cursor stands at an empty entry of a level that fits. Fill it, and those
 * after it while they fit and are empty: how many. */
static uint64_t map_leaves(const struct cursor *c, const struct map_job *job)
{
	uint64_t fit = (c->last - c->va + 1) >> c->shift;
	pte_t *end = c->slot + min_u64(fit, cursor_room(c));
	struct page *page = cursor_page(c);
	uint64_t n;

	/* A table that was just added is empty. */
	if (!page || page->refs > 1)
		end = skip_empty(c->slot + 1, end);
	n = (uint64_t)(end - c->slot);
	/* What is in that memory is seen before the memory is. Partner: the
	 * order that a walk has by its addresses. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	pgtable_put_leaves(c->slot, end,
			   pte_leaf(job->pa, job->prot, job->attr), c->shift);
	if (page)
		page->refs += (int32_t)n;
	tlb_gather_leaves(job->g, range_make(c->va, c->va + (n << c->shift)),
			  (uint64_t)1 << c->shift);
	return n;
}

static int map_range(struct cursor *c, struct map_job *job)
{
	const struct table_source *source = job->pt->source;
	uint64_t n;
	int err;

	do {
		if (pte_present(cursor_down(c)))
			return -EEXIST;
		while (!fits(c, job->pa)) {
			err = add_table(job->pt, c, source->permanent);
			if (err)
				return err;
			tlb_gather_table(job->g);
			cursor_enter(c);
		}
		n = map_leaves(c, job);
		job->pa += n << c->shift;
	} while (cursor_along(c, n));
	return 0;
}

/* The cursor stands where it failed. What was mapped before was there for a
 * moment only, and the memory is not the mapping's to free. */
static void take_back(const struct pgtable *pt, vaddr_t start,
		      const struct cursor *c, struct tlb_gather *g)
{
	void (*unmapped)(struct tlb_gather *, const struct mapping *) =
		g->unmapped;

	/* A table that was added, but nothing into it. */
	cursor_count_gone(c, 0, g);
	g->unmapped = NULL;
	if (start < c->va)
		pgtable_unmap(pt, range_make(start, c->va), g);
	g->unmapped = unmapped;
}

int pgtable_map(const struct pgtable *pt, struct range va, paddr_t pa,
		vm_prot_t prot, enum mem_attr attr, struct tlb_gather *g)
{
	struct map_job job = {pt, pa, prot, attr, g};
	struct cursor c;
	int err;

	if (!pgtable_takes(pt, va) || !pgtable_allows(pt, prot) ||
	    !is_aligned(pa, PAGE_SIZE) || !encodable(pa, range_size(va)))
		return -EINVAL;
	cursor_start(&c, pt, va);
	err = map_range(&c, &job);
	if (err)
		take_back(pt, va.start, &c, g);
	return err;
}

/* Let the entry where the cursor stands point to a permanent table. */
static int reserve_entry(const struct pgtable *pt, const struct cursor *c)
{
	pte_t e = pte_load(c->slot);

	if (!pte_present(e))
		return add_table(pt, c, true);
	return pte_is_leaf(e) || !pte_permanent(e) ? -EEXIST : 0;
}

int pgtable_reserve(const struct pgtable *pt, struct range va, unsigned level)
{
	struct cursor c;
	int err;

	if (!pgtable_takes(pt, va))
		return -EINVAL;
	if (level >= pt->levels - 1)
		return 0;
	cursor_start(&c, pt, va);
	do {
		err = reserve_entry(pt, &c);
		while (!err && cursor_level(&c) > level + 1) {
			cursor_enter(&c);
			err = reserve_entry(pt, &c);
		}
	} while (!err && cursor_along(&c, 1));
	return err;
}

pte_t *pgtable_permanent(const struct pgtable *pt, struct range va,
			 unsigned level)
{
	pte_t *table = table_at(pt->root);
	unsigned shift = pt_shift(pt->levels - 1);
	vaddr_t last = va.end - 1;

	for (unsigned down = pt->levels - 1 - level; down; down--) {
		pte_t e = pte_load(&table[(va.start >> shift) % PT_ENTRIES]);

		if (!pte_is_table(e) || !pte_permanent(e) ||
		    va.start >> shift != last >> shift)
			return NULL;
		table = table_at(pte_next(e));
		shift -= PT_INDEX_BITS;
	}
	return &table[(va.start >> shift) % PT_ENTRIES];
}
