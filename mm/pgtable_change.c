/*
 * The page table walker (<mm/pgtable.h>): changing what is mapped.
 *
 * All changes are one loop: a cursor goes over the range, and what is done is
 * done to the entries of one table in a row. Most ranges are a few pages of one
 * table; for those it is a descent and a few stores.
 *
 * Splitting comes before a change and is all that can fail. The tables for both
 * ends are had before the first leaf is touched:
 *
 *	  start			 end
 *	---|----------------------|---	a leaf: two tables, or one for both,
 *	   \__ split		  \__	and so on in those
 *
 * A leaf and the table that replaces it say the same, in every entry, so harts
 * may use either, in any mix, until the fence. So do a group and its pages.
 */
#include <kernel/assert.h>
#include <lib/errno.h>

#include "pgtable_internal.h"

/* Tables for splits. */
struct spares {
	paddr_t frame[2 * PT_MAX_LEVELS];
	unsigned n;
};

/* Does a leaf, or a group, lie across `at`? Of what level is it? */
static bool leaf_across(const struct pgtable *pt, vaddr_t at, unsigned *level)
{
	struct mapping m;
	bool across = pgtable_query(pt, at, &m) && m.va.start < at;

	*level = across ? m.level : 0;
	return across;
}

/* How many tables does it take to split leaves of these levels at the two ends of
 * `va`? */
static unsigned tables_to_split(struct range va, unsigned start, unsigned end)
{
	unsigned n = 0;

	for (unsigned level = 1; level <= start || level <= end; level++) {
		uint64_t span = pt_span(level);
		bool a = level <= start && !is_aligned(va.start, span);
		bool b = level <= end && !is_aligned(va.end, span);
		bool one =
			align_down(va.start, span) == align_down(va.end, span);

		n += a && b && one ? 1 : (unsigned)a + b;
	}
	return n;
}

static int take_spares(const struct pgtable *pt, struct spares *s, unsigned n,
		       struct tlb_gather *g)
{
	while (s->n < n) {
		paddr_t pa = pt->source->alloc(pt->source);

		if (pa != PGTABLE_NO_FRAME) {
			s->frame[s->n++] = pa;
			continue;
		}
		while (s->n && !pt->source->permanent)
			tlb_gather_free(
				g, pfn_to_page(s->frame[--s->n] >> PAGE_SHIFT));
		return -ENOMEM;
	}
	return 0;
}

static pte_t leaf_like(pte_t e)
{
	return pte_leaf(pte_paddr(e), pte_prot(e), pte_attr(e));
}

/* A table with what leaf `e` says, in its place. */
static pte_t split_leaf(const struct pgtable *pt, pte_t *slot, pte_t e,
			unsigned level, paddr_t frame)
{
	bool permanent = pt->source->permanent;
	pte_t pointer = pte_table(frame, permanent);

	pgtable_clear_table(frame, permanent);
	pgtable_put_leaves(table_at(frame), table_at(frame) + PT_ENTRIES,
			   leaf_like(e), pt_shift(level - 1));
	if (!permanent)
		table_page(pointer)->refs += (int32_t)PT_ENTRIES;
	pte_store(slot, pointer);
	return pointer;
}

/* The pages of the group that starts at `slot`, each for itself. */
static void split_group(pte_t *slot)
{
	pte_t e = pte_ungroup(pte_load(slot));
	unsigned n = pte_group_entries();

	for (unsigned i = 0; i < n; i++) {
		pte_set(&slot[i], e);
		e = pte_advance(e, PAGE_SIZE);
	}
}

/* There may be a leaf across `at`: it must lie on one side. */
static void split_at(const struct pgtable *pt, vaddr_t at, struct spares *s,
		     struct tlb_gather *g)
{
	pte_t *table = table_at(pt->root);

	for (unsigned level = pt->levels - 1;; level--) {
		pte_t *slot = &table[pt_index(at, level)];
		pte_t e = pte_load(slot);
		struct mapping m;

		if (pte_is_leaf(e)) {
			m = mapping_of(e, at, level);
			if (m.va.start == at)
				return;
			tlb_gather_leaves(g, m.va, PAGE_SIZE);
			if (!level)
				return split_group(table +
						   pt_index(m.va.start, 0));
			e = split_leaf(pt, slot, e, level, s->frame[--s->n]);
			tlb_gather_table(g);
		}
		table = table_at(pte_next(e));
	}
}

/* Out of the way: most changes split nothing. */
static __attribute__((noinline)) int split_ends(const struct pgtable *pt,
						struct range va,
						struct tlb_gather *g)
{
	unsigned start_level, end_level;
	bool start = leaf_across(pt, va.start, &start_level);
	bool end = leaf_across(pt, va.end, &end_level);
	struct spares s = {.n = 0};
	int err;

	err = take_spares(pt, &s, tables_to_split(va, start_level, end_level),
			  g);
	if (err)
		return err;
	if (start)
		split_at(pt, va.start, &s, g);
	if (end)
		split_at(pt, va.end, &s, g);
	assert(!s.n);
	return 0;
}

/* Does the range, at whose start the cursor stands, consist of whole entries of its
 * table, groups not cut? Then no leaf lies across the ends. Most do. */
static bool splits_nothing(const struct cursor *c)
{
	uint64_t n = cursor_entries(c), size = (uint64_t)1 << c->shift;
	pte_t first, last;

	if (n > cursor_room(c))
		return false;
	first = pte_load(c->slot);
	last = pte_load(c->slot + n - 1);
	if (pte_is_group(first) || pte_is_group(last))
		size *= pte_group_entries();
	return is_aligned(c->va | (c->last + 1), size);
}

int pgtable_split(const struct pgtable *pt, struct range va,
		  struct tlb_gather *g)
{
	return pgtable_takes(pt, va) ? split_ends(pt, va, g) : -EINVAL;
}

/* The leaves from `first` up to `end`, in the cursor's table, changed. So whoever
 * steps through the range by its leaves never wraps. */
static void gather_entries(const struct cursor *c, const pte_t *first,
			   const pte_t *end, struct tlb_gather *g)
{
	uint64_t at = c->va >> c->shift;
	struct range va = {
		(at + (uint64_t)(first - c->slot)) << c->shift,
		(at + (uint64_t)(end - c->slot)) << c->shift,
	};

	tlb_gather_leaves(g, va, (uint64_t)1 << c->shift);
}

/* Leaves go, from p on up to `end` or where there is none: where is that? */
static pte_t *clear(pte_t *p, const pte_t *end)
{
	/* By itself, half of it would be the loop. */
#pragma GCC unroll 4
	for (; p < end; p++) {
		if (!pte_is_leaf(pte_load(p)))
			break;
		pte_set(p, pte_none());
	}
	return p;
}

/* The same, and each is told of. */
static __attribute__((noinline)) pte_t *clear_and_tell(const struct cursor *c,
						       pte_t *p,
						       const pte_t *end,
						       struct tlb_gather *g)
{
	while (p < end && pte_is_leaf(pte_load(p))) {
		pte_t e = pte_load(p);
		uint64_t i = (uint64_t)(p - c->slot);
		struct mapping m =
			mapping_of(e, c->va + (i << c->shift), cursor_level(c));

		for (uint64_t n = range_size(m.va) >> c->shift; n; n--)
			pte_set(p++, pte_none());
		g->unmapped(g, &m);
	}
	return p;
}

/* Leaves get other rights, up to what is none or has them. */
static pte_t *protect(pte_t *p, const pte_t *end, vm_prot_t prot)
{
	for (; p < end; p++) {
		pte_t e = pte_load(p), now = pte_protect(e, prot);

		if (!pte_is_leaf(e) || pte_same(e, now))
			break;
		pte_set(p, now);
	}
	return p;
}

/* All that is in the cursor's table goes. If that is pages, and nobody wants to know
 * of them, the table can go as it is. */
static bool drop_whole(const struct cursor *c, struct tlb_gather *g)
{
	if (c->shift != PAGE_SHIFT || !cursor_page(c) || g->unmapped)
		return false;
	gather_entries(c, c->slot, c->slot + PT_ENTRIES, g);
	cursor_drop_table(c, g);
	return true;
}

/* Leaves in the cursor's table get other rights, or go (0), up to a pointer.
 * Returns how many entries that were. */
static uint64_t change_table(const struct cursor *c, vm_prot_t prot,
			     struct tlb_gather *g)
{
	pte_t *p = c->slot;
	pte_t *const end = p + min_u64(cursor_entries(c), cursor_room(c));
	const pte_t *first = NULL, *last = NULL;
	uint64_t n = 0;

	if (end - p == PT_ENTRIES && !prot && drop_whole(c, g))
		return PT_ENTRIES;
	while ((p = skip_empty(p, end)) < end) {
		pte_t *from = p;

		if (prot)
			p = protect(p, end, prot);
		else if (g->unmapped)
			p = clear_and_tell(c, p, end, g);
		else
			p = clear(p, end);
		if (p > from) {
			first = first ? first : from;
			last = p;
			n += (uint64_t)(p - from);
		} else if (pte_is_table(pte_load(p))) {
			break;
		} else {
			p++;
		}
	}
	if (n)
		gather_entries(c, first, last, g);
	if (n && !prot)
		cursor_count_gone(c, n, g);
	return (uint64_t)(p - c->slot);
}

static int change(const struct pgtable *pt, struct range va, vm_prot_t prot,
		  struct tlb_gather *g)
{
	struct cursor c;

	if (!pgtable_takes(pt, va))
		return -EINVAL;
	cursor_start(&c, pt, va);
	cursor_down(&c);
	if (!splits_nothing(&c)) {
		int err = split_ends(pt, va, g);

		if (err)
			return err;
		cursor_start(&c, pt, va);
		cursor_down(&c);
	}
	while (cursor_along(&c, change_table(&c, prot, g)))
		cursor_down(&c);
	return 0;
}

int pgtable_unmap(const struct pgtable *pt, struct range va,
		  struct tlb_gather *g)
{
	return change(pt, va, 0, g);
}

int pgtable_protect(const struct pgtable *pt, struct range va, vm_prot_t prot,
		    struct tlb_gather *g)
{
	return pgtable_keeps(pt, prot) ? change(pt, va, prot, g) : -EINVAL;
}

void pgtable_destroy(struct pgtable *pt, struct tlb_gather *g)
{
	pgtable_unmap(pt, pt->bounds, g);
	tlb_gather_table(g);
	tlb_gather_free(g, pfn_to_page(pt->root >> PAGE_SHIFT));
	*pt = (struct pgtable){0};
}

/* The leaf at `p`; what it would be alone, if it is part of a group. */
static pte_t alone(const pte_t *p)
{
	pte_t e = pte_load(p);

	if (!pte_is_group(e))
		return e;
	return pte_advance(pte_ungroup(e), (uintptr_t)p / sizeof(*p) %
						   pte_group_entries() *
						   PAGE_SIZE);
}

/* Can the n entries from p on, of `span` bytes each, be said by one leaf? */
static bool one_leaf(const pte_t *p, size_t n, uint64_t span)
{
	const pte_t *end = p + n;
	pte_t want = alone(p);

	if (!pte_is_leaf(want) || !is_aligned(pte_paddr(want), n * span))
		return false;
	while (++p < end) {
		want = pte_advance(want, span);
		if (!pte_same(alone(p), want))
			return false;
	}
	return true;
}

/* In the pages from p up to `end`. */
static void join_groups(const struct cursor *c, pte_t *p, const pte_t *end,
			struct tlb_gather *g)
{
	const size_t n = pte_group_entries(), size = n * sizeof(*p);

	if (n == 1)
		return;
	p = (pte_t *)align_up((uintptr_t)p, size);
	for (; p + n <= end; p += n) {
		pte_t first = pte_load(p);

		if (pte_is_group(first) || !one_leaf(p, n, PAGE_SIZE))
			continue;
		for (size_t k = 0; k < n; k++)
			pte_set(&p[k], pte_group(first));
		gather_entries(c, p, p + n, g);
	}
}

/* The table that the entry above[0] points to, for `at`, becomes a leaf if it is
 * full of what one leaf can say, and none of it is in front of `start`. Its entries map
 * 1 << shift bytes. */
static bool join_table(pte_t *const *above, vaddr_t at, unsigned shift,
		       vaddr_t start, struct tlb_gather *g)
{
	const uint64_t span = (uint64_t)1 << shift, size = span * PT_ENTRIES;
	struct page *page = count_of(*above);
	const pte_t *table;

	at = align_down(at, size);
	if (!page || page->refs != 1 + (int32_t)PT_ENTRIES || at < start)
		return false;
	table = table_at(pte_next(pte_load(*above)));
	if (!one_leaf(table, PT_ENTRIES, span))
		return false;
	pte_set(*above, leaf_like(alone(table)));
	tlb_gather_leaves(g, range_make(at, at + size), span);
	tlb_gather_table(g);
	tlb_gather_free(g, page);
	return true;
}

/* Join what is in the cursor's table, up to a pointer. Returns how many entries
 * that were. */
static uint64_t join_entries(const struct cursor *c, vaddr_t start,
			     struct tlb_gather *g)
{
	uint64_t n = min_u64(cursor_entries(c), cursor_room(c));
	const pte_t *p = c->slot, *const end = p + n;
	pte_t *const *above = c->above;
	unsigned shift = c->shift;

	if (shift == PAGE_SHIFT) {
		join_groups(c, c->slot, end, g);
		p = end;
	}
	while (p < end && !pte_is_table(pte_load(p)))
		p++;
	n = (uint64_t)(p - c->slot);
	/* At the end of a table all of it, up to `start`, has its final form. */
	while (ends_table(p) && join_table(above, c->va, shift, start, g)) {
		p = *above++ + 1;
		shift += PT_INDEX_BITS;
	}
	return n;
}

int pgtable_join(const struct pgtable *pt, struct range va,
		 struct tlb_gather *g)
{
	struct cursor c;

	if (!pgtable_takes(pt, va))
		return -EINVAL;
	cursor_start(&c, pt, va);
	do
		cursor_down(&c);
	while (cursor_along(&c, join_entries(&c, va.start, g)));
	return 0;
}
