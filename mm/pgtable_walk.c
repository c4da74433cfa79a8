/* The page table walker (<mm/pgtable.h>): looking at what is there. */
#include "pgtable_internal.h"

bool pgtable_query(const struct pgtable *pt, vaddr_t va, struct mapping *m)
{
	struct cursor c;
	pte_t e;

	*m = (struct mapping){.level = pt->levels - 1};
	if (!range_has(pt->bounds, va))
		return false;
	cursor_start(&c, pt, range_make(va, va + 1));
	e = cursor_down(&c);
	m->level = cursor_level(&c);
	if (pte_present(e)) {
		*m = mapping_of(e, va, m->level);
		return true;
	}
	m->va = range_of_entry(pt->bounds, align_down(va, pt_span(m->level)),
			       pt_span(m->level));
	return false;
}

int pgtable_walk(const struct pgtable *pt, struct range va,
		 int (*each)(void *ctx, const struct mapping *m), void *ctx)
{
	struct cursor c;
	uint64_t n;

	va = range_intersect(va, pt->bounds);
	if (range_empty(va))
		return 0;
	cursor_start(&c, pt, va);
	do {
		pte_t e = cursor_down(&c);

		n = 1;
		if (pte_is_leaf(e)) {
			struct mapping m =
				mapping_of(e, c.va, cursor_level(&c));
			int err = each(ctx, &m);

			if (err)
				return err;
			/* To the end of a group. */
			n = ((m.va.end - 1) >> c.shift) - (c.va >> c.shift) + 1;
		}
	} while (cursor_along(&c, n));
	return 0;
}

uint64_t pgtable_tables(const struct pgtable *pt)
{
	struct cursor c;
	uint64_t n = 1;

	cursor_start(&c, pt, pt->bounds);
	do {
		/* What is in those of level 0 does not matter. */
		while (pte_is_table(pte_load(c.slot))) {
			n++;
			if (cursor_level(&c) == 1)
				break;
			cursor_enter(&c);
		}
	} while (cursor_along(&c, 1));
	return n;
}
