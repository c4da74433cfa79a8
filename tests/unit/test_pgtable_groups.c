/*
 * The page table walker, named cases: what one leaf says and many can say, and
 * back. Large leaves, groups, and what they keep.
 */
#include "test_pgtable_cases.h"

/* One page out of the largest leaf and back in. */
KTEST(pgtable, split_and_join_all_levels)
{
	for (unsigned levels = 3; levels <= 5; levels++) {
		uint64_t top = pt_span(levels - 1);
		vaddr_t va = upper(levels) + top;
		vaddr_t at = va + top / 2 + 5 * PAGE_SIZE;
		paddr_t pa = 4 * top + top / 2 + 5 * PAGE_SIZE;

		if (!set_up(levels))
			return;
		EXPECT_EQ(bed_map(&bed, va, top, 4 * top, VM_READ), 0);
		EXPECT(leads(at, pa, levels - 1));
		EXPECT_EQ(pgtable_split(&bed.pt, range_make(at, at + PAGE_SIZE),
					&bed.g),
			  0);
		EXPECT_EQ(pgtable_tables(&bed.pt), levels);
		EXPECT(leads(at, pa, 0));
		EXPECT(leads(va, 4 * top, levels - 2));
		EXPECT_SOUND(&bed);
		EXPECT_EQ(
			pgtable_join(&bed.pt, range_make(va, va + top), &bed.g),
			0);
		EXPECT_EQ(pgtable_tables(&bed.pt), 1);
		EXPECT(leads(at, pa, levels - 1));
		EXPECT_SOUND(&bed);
		bed_end(&bed);
	}
}

KTEST(pgtable, joins_only_what_is_one_thing)
{
	const uint64_t big = pt_span(1);
	struct range all, page;
	paddr_t pa = 4 * big;
	vaddr_t va;

	if (!set_up(3))
		return;
	va = upper(3);
	all = range_make(va, va + big);
	page = range_make(va + 7 * PAGE_SIZE, va + 8 * PAGE_SIZE);
	/* Another right, a hole, other memory; then all but one page. */
	EXPECT_EQ(bed_map(&bed, va, big, pa, VM_READ), 0);
	EXPECT_EQ(pgtable_protect(&bed.pt, page, PROT_RW, &bed.g), 0);
	EXPECT_EQ(pgtable_join(&bed.pt, all, &bed.g), 0);
	EXPECT(leads(va, pa, 0));
	EXPECT_EQ(pgtable_unmap(&bed.pt, page, &bed.g), 0);
	EXPECT_EQ(pgtable_join(&bed.pt, all, &bed.g), 0);
	EXPECT(leads(va, pa, 0));
	EXPECT_EQ(pgtable_map(&bed.pt, page, pa, VM_READ, ATTR_NORMAL, &bed.g),
		  0);
	EXPECT_EQ(pgtable_join(&bed.pt, all, &bed.g), 0);
	EXPECT(leads(va, pa, 0));
	EXPECT_EQ(pgtable_unmap(&bed.pt, page, &bed.g), 0);
	EXPECT_EQ(pgtable_map(&bed.pt, page, pa + 7 * PAGE_SIZE, VM_READ,
			      ATTR_NORMAL, &bed.g),
		  0);
	EXPECT_EQ(pgtable_join(&bed.pt, range_make(va, va + big - PAGE_SIZE),
			       &bed.g),
		  0);
	EXPECT(leads(va, pa, 0));
	EXPECT_EQ(pgtable_join(&bed.pt, all, &bed.g), 0);
	EXPECT(leads(va, pa, 1));
	EXPECT_SOUND(&bed);
	/* Memory that is not aligned. */
	EXPECT_EQ(bed_map(&bed, va + big, big, PAGE_SIZE, VM_READ), 0);
	EXPECT_EQ(pgtable_join(&bed.pt, range_make(va + big, va + 2 * big),
			       &bed.g),
		  0);
	EXPECT(leads(va + big, PAGE_SIZE, 0));
	EXPECT_SOUND(&bed);
	bed_end(&bed);
}

/* Rights change, attributes stay, through splits and joins too. */
KTEST(pgtable, attributes_stay)
{
	enum mem_attr io;
	const uint64_t big = pt_span(1);
	vaddr_t va = upper(3);
	struct range all = {va, va + big};
	struct range page = {va + PAGE_SIZE, va + 2 * PAGE_SIZE};
	struct mapping m;

	if (!set_up_groups(3))
		return;
	io = pte_attr(pte_leaf(0, VM_READ, ATTR_IO));
	EXPECT_EQ(io, ATTR_IO);
	EXPECT_EQ(pgtable_map(&bed.pt, all, 0, VM_READ, ATTR_IO, &bed.g), 0);
	EXPECT_EQ(pgtable_protect(&bed.pt, page, PROT_RW, &bed.g), 0);
	EXPECT(pgtable_query(&bed.pt, va, &m));
	EXPECT_EQ(m.attr, ATTR_IO);
	EXPECT(pgtable_query(&bed.pt, page.start, &m));
	EXPECT_EQ(m.attr, ATTR_IO);
	EXPECT_EQ(pgtable_protect(&bed.pt, page, VM_READ, &bed.g), 0);
	EXPECT_EQ(pgtable_join(&bed.pt, all, &bed.g), 0);
	EXPECT(pgtable_query(&bed.pt, va, &m));
	EXPECT_EQ(m.attr, ATTR_IO);
	EXPECT_EQ(m.level, 1);
	/* All the same but the attribute. */
	EXPECT_EQ(pgtable_unmap(&bed.pt, page, &bed.g), 0);
	EXPECT_EQ(pgtable_map(&bed.pt, page, PAGE_SIZE, VM_READ, ATTR_NORMAL,
			      &bed.g),
		  0);
	EXPECT_EQ(pgtable_join(&bed.pt, all, &bed.g), 0);
	EXPECT(pgtable_query(&bed.pt, va, &m));
	EXPECT_EQ(m.level, 0);
	EXPECT_SOUND(&bed);
	bed_end(&bed);
}

KTEST(pgtable, groups_are_one_leaf)
{
	vaddr_t va = upper(3);
	uint64_t size;
	unsigned n;

	if (!set_up_groups(3))
		return;
	n = pte_group_entries();
	size = n * PAGE_SIZE;
	EXPECT(n > 1);
	/* Two whole ones with a page on each side. */
	EXPECT_EQ(bed_map(&bed, va + size - PAGE_SIZE, 2 * size + 2 * PAGE_SIZE,
			  5 * size - PAGE_SIZE, VM_READ),
		  0);
	EXPECT(gathered(va + size - PAGE_SIZE, 2 * size + 2 * PAGE_SIZE,
			PAGE_SIZE, true));
	EXPECT(leads(va + size - PAGE_SIZE, 5 * size - PAGE_SIZE, 0));
	EXPECT(bed_leads(&bed, va + 2 * size - 1, 6 * size - 1, 0, size,
			 VM_READ));
	EXPECT(leads(va + 3 * size, 7 * size, 0));
	EXPECT_EQ(walk(va, va + GIB(1), 0).n, 4);
	/* From the middle of one: it is told, whole. */
	EXPECT_EQ(
		walk(va + size + PAGE_SIZE, va + size + 2 * PAGE_SIZE, 0).bytes,
		size);
	EXPECT_EQ(walk(va + size + PAGE_SIZE, va + 3 * size, 0).n, 2);
	EXPECT_EQ(walk(va + size + PAGE_SIZE, va + 3 * size + PAGE_SIZE, 0).n,
		  3);
	EXPECT_EQ(walk(va, va + GIB(1), 2).n, 2);
	EXPECT_SOUND(&bed);
	/* Half of it goes, and is told page by page; the other group whole. */
	listen();
	EXPECT_EQ(bed_unmap(&bed, va + size, size / 2), 0);
	EXPECT_EQ(told, n / 2);
	EXPECT(leads(va + 2 * size - PAGE_SIZE, 6 * size - PAGE_SIZE, 0));
	listen();
	EXPECT_EQ(bed_unmap(&bed, va + 2 * size, size), 0);
	EXPECT_EQ(told, 1);
	EXPECT_EQ(told_of, size);
	EXPECT(told_late);
	bed.g.unmapped = NULL;
	EXPECT_SOUND(&bed);
	bed_end(&bed);
}

KTEST(pgtable, groups_split_and_join)
{
	const uint64_t big = pt_span(1);
	vaddr_t va = upper(3);
	struct range all = {va, va + big}, page;
	uint64_t size;
	unsigned n;

	if (!set_up_groups(3))
		return;
	n = pte_group_entries();
	size = n * PAGE_SIZE;
	page = range_make(va + size + PAGE_SIZE, va + size + 2 * PAGE_SIZE);
	/* A large leaf's pages are groups, but for the one that is cut. */
	EXPECT_EQ(bed_map(&bed, va, big, big, VM_READ), 0);
	EXPECT_EQ(pgtable_split(&bed.pt, page, &bed.g), 0);
	EXPECT(bed_leads(&bed, va, big, 0, size, VM_READ));
	EXPECT(leads(page.start, big + size + PAGE_SIZE, 0));
	EXPECT_EQ(walk(va, va + big, 0).n, PT_ENTRIES / n - 1 + n);
	EXPECT_SOUND(&bed);
	/* Only that one becomes one again. */
	EXPECT_EQ(pgtable_join(&bed.pt,
			       range_make(va + size + PAGE_SIZE, all.end),
			       fresh()),
		  0);
	EXPECT(gathered(0, 0, 0, false));
	EXPECT_EQ(pgtable_join(&bed.pt, range_make(va + size, va + 2 * size),
			       fresh()),
		  0);
	EXPECT(gathered(va + size, size, PAGE_SIZE, false));
	EXPECT(bed_leads(&bed, page.start, big + size + PAGE_SIZE, 0, size,
			 VM_READ));
	/* A whole group changes its rights as one. */
	EXPECT_EQ(pgtable_protect(&bed.pt, range_make(va + size, va + 2 * size),
				  PROT_RW, fresh()),
		  0);
	EXPECT(gathered(va + size, size, PAGE_SIZE, false));
	EXPECT(bed_leads(&bed, page.start, big + size + PAGE_SIZE, 0, size,
			 PROT_RW));
	EXPECT_SOUND(&bed);
	EXPECT_EQ(pgtable_protect(&bed.pt, all, VM_READ, &bed.g), 0);
	EXPECT_EQ(pgtable_join(&bed.pt, all, &bed.g), 0);
	EXPECT(leads(va, big, 1));
	EXPECT_SOUND(&bed);
	bed_end(&bed);
}

/* A change that begins with a page, or nothing, and ends in a group; and back. */
KTEST(pgtable, ranges_cut_groups_at_one_end)
{
	vaddr_t va = upper(3), group;
	struct range range;
	uint64_t size;

	if (!set_up_groups(3))
		return;
	size = pte_group_entries() * PAGE_SIZE;
	group = va + size;
	for (unsigned hole = 0; hole < 2; hole++) {
		if (!hole)
			EXPECT_EQ(bed_map(&bed, va, size, PAGE_SIZE, VM_READ),
				  0);
		EXPECT_EQ(bed_map(&bed, group, size, size, VM_READ), 0);
		range = range_make(va, group + PAGE_SIZE);
		EXPECT_EQ(pgtable_protect(&bed.pt, range, PROT_RW, fresh()), 0);
		EXPECT(bed_leads(&bed, group, size, 0, PAGE_SIZE, PROT_RW));
		EXPECT(leads(group + PAGE_SIZE, size + PAGE_SIZE, 0));
		EXPECT_EQ(bed_unmap(&bed, va, 2 * size), 0);

		EXPECT_EQ(bed_map(&bed, va, size, size, VM_READ), 0);
		if (!hole)
			EXPECT_EQ(
				bed_map(&bed, group, size, PAGE_SIZE, VM_READ),
				0);
		range = range_make(group - PAGE_SIZE, group + PAGE_SIZE);
		EXPECT_EQ(pgtable_unmap(&bed.pt, range, fresh()), 0);
		EXPECT(!bed_maps(&bed, group - PAGE_SIZE));
		EXPECT(leads(va, size, 0));
		EXPECT_SOUND(&bed);
		EXPECT_EQ(bed_unmap(&bed, va, 2 * size), 0);
	}
	bed_end(&bed);
}
