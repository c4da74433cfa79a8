/* The page table walker (<mm/pgtable.h>): are its invariants true? */
#include "pgtable_internal.h"

/* I3: the group with this entry is whole. */
static bool group_whole(const pte_t *table, unsigned i)
{
	unsigned n = pte_group_entries();
	const pte_t *first = table + align_down(i, n);

	for (unsigned k = 1; k < n; k++)
		if (!pte_same(pte_load(first), pte_load(&first[k])))
			return false;
	return true;
}

static bool covers_entry(struct range va, vaddr_t at, uint64_t span)
{
	return va.start <= at && va.end - 1 >= at + span - 1;
}

static const char *check_level(const struct pgtable *pt, pte_t pointer,
			       unsigned level, struct range va);

static const char *check_entry(const struct pgtable *pt, const pte_t *table,
			       unsigned i, unsigned level, vaddr_t at,
			       bool permanent, struct range va)
{
	pte_t e = pte_load(&table[i]);
	uint64_t span = pt_span(level);

	if (!pte_valid(e, level))
		return "an entry with reserved bits";
	if (!pte_present(e))
		return NULL;
	if (!pte_is_leaf(e)) {
		if (pte_permanent(e) && !permanent)
			return "a permanent table below one that is not";
		return check_level(pt, e, level - 1,
				   range_of_entry(va, at, span));
	}
	if (!covers_entry(pt->bounds, at, span))
		return "a leaf outside of the bounds";
	if (!pgtable_keeps(pt, pte_prot(e)))
		return "a leaf for the other half's use";
	if (pte_is_group(e) && !group_whole(table, i))
		return "a group in pieces";
	return NULL;
}

static const char *check_level(const struct pgtable *pt, pte_t pointer,
			       unsigned level, struct range va)
{
	const pte_t *table = table_at(pte_paddr(pointer));
	bool permanent = pte_permanent(pointer);
	uint64_t span = pt_span(level);
	unsigned i = pt_index(va.start, level);
	unsigned last = pt_index(va.end - 1, level);
	vaddr_t at = align_down(va.start, span);
	int32_t live = 0;

	for (; i <= last; i++, at += span) {
		const char *wrong =
			check_entry(pt, table, i, level, at, permanent, va);

		if (wrong)
			return wrong;
		live += pte_present(pte_load(&table[i]));
	}
	if (permanent)
		return NULL;
	if (!live)
		return "an empty table";
	if (table_page(pointer)->refs != 1 + live)
		return "a wrong count of live entries";
	return NULL;
}

const char *pgtable_check(const struct pgtable *pt)
{
	/* All that is below entries of the root that are ours: to the last byte
	 * but one, so that the end can't wrap. */
	uint64_t span = pt_span(pt->levels - 1);
	struct range va = {
		align_down(pt->bounds.start, span),
		(pt->bounds.end - 1) | (span - 1),
	};

	/* As if it were permanent: it has no count. */
	return check_level(pt, pte_table(pt->root, true), pt->levels - 1, va);
}
