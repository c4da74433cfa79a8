/*
 * Pages of user spaces: the zero page, blocks that are divided, and page tables
 * that are left over.
 *
 * I1  A block of 2^HUGE_ORDER frames is mapped by one leaf, of level 1, which has its
 *     only reference. So it can be divided at any time: when a part of it is wanted
 *     (unmapped, protected, moved), and when it is to be shared (fork).
 *
 * Frames, references and tables of user spaces are dropped in the order of
 * mm/tlb.c: unhook, fence, free.
 */
#include <lib/cas.h>
#include <lib/errno.h>

#include "user_impl.h"

struct page *user_zeros; /* (a) */

struct page *user_make_zeros(void)
{
	struct page *p = page_alloc(0, ALLOC_ZERO), *other = NULL;

	if (!p)
		return NULL;
	p->flags |= PAGE_ZEROS;
	/* Release: who finds it finds zeros. */
	if (__atomic_compare_exchange_n(&user_zeros, &other, p, false,
					CAS_RELEASE, CAS_RELEASE))
		return p;
	page_free(p, 0);
	return other;
}

/* The leaf `e` at `slot` becomes a table of pages; `frame` is for it. */
static void divide(const struct pgtable_slot *s, pte_t e, struct page *frame)
{
	paddr_t pa = page_to_phys(frame);
	pte_t *table = table_at(pa);

	pgtable_clear_table(pa, false);
	pgtable_put_leaves(table, table + PT_ENTRIES,
			   pte_leaf(pte_paddr(e), pte_prot(e), pte_attr(e)),
			   PAGE_SHIFT);
	frame->refs += (int32_t)PT_ENTRIES;
	pte_store(s->entry, pte_table(pa, false));
}

int user_split_at(struct aspace *as, vaddr_t at, struct tlb_gather *g)
{
	struct pgtable_slot s;
	struct page *frame;
	vaddr_t start;
	pte_t e;

	if (is_aligned(at, HUGE_SIZE))
		return 0;
	pgtable_find(&as->map.pt, at, 0, &s);
	e = pte_load(s.entry);
	if (s.level != 1 || !pte_is_leaf(e))
		return 0;
	/* Who wants to free a part of it may need the last frame for that. */
	frame = page_alloc(0, ALLOC_RESERVE);
	if (!frame)
		return -ENOMEM;
	if (page_divide(leaf_page(e), HUGE_ORDER)) {
		page_free(frame, 0);
		return -ENOMEM;
	}
	divide(&s, e, frame);
	start = align_down(at, HUGE_SIZE);
	tlb_gather_leaves(g, range_make(start, start + HUGE_SIZE), PAGE_SIZE);
	tlb_gather_table(g);
	return 0;
}

int user_split(struct aspace *as, struct range va, struct tlb_gather *g)
{
	int err = user_split_at(as, va.start, g);

	return err ? err : user_split_at(as, va.end, g);
}

int user_split_all(struct aspace *as, struct range va, struct tlb_gather *g)
{
	uint64_t span;
	int err = 0;

	for (vaddr_t at = va.start; at < va.end && !err;
	     at = align_down(at, span) + span) {
		struct pgtable_slot s;

		pgtable_find(&as->map.pt, at, 1, &s);
		span = pt_span(s.level);
		if (pte_is_leaf(pte_load(s.entry)))
			err = user_split_at(
				as, align_down(at, span) + PAGE_SIZE, g);
	}
	return err;
}

void user_trim(const struct pgtable *pt, struct range va, struct tlb_gather *g)
{
	struct cursor c;
	uint64_t n;

	cursor_start(&c, pt, va);
	do {
		bool gone, empty;

		cursor_down(&c);
		gone = *c.above && !pte_is_table(pte_load(*c.above));
		empty = !gone && *c.above && cursor_page(&c)->refs == 1;
		n = gone || empty || !cursor_level(&c) ? cursor_room(&c) : 1;
		if (empty)
			cursor_drop_table(&c, g);
	} while (cursor_along(&c, n));
}
