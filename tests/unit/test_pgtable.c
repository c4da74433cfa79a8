/*
 * The page table walker, on tables of its own that no hart walks: named cases.
 * Splits, joins and groups are in test_pgtable_groups.c, the comparison with a
 * flat model in test_pgtable_model.c.
 */
#include "test_pgtable_cases.h"

KTEST(pgtable, halves)
{
	for (unsigned levels = 3; levels <= 5; levels++) {
		struct range up = pgtable_upper_half(levels);
		struct range low = pgtable_lower_half(levels);
		uint64_t half = pt_span(levels - 1) << (PT_INDEX_BITS - 1);

		EXPECT_EQ(low.start, 0);
		EXPECT_EQ(low.end, half);
		EXPECT_EQ(up.start, 0 - half);
		EXPECT_EQ(up.end, 0 - PAGE_SIZE);
	}
}

KTEST(pgtable, leaves_of_all_sizes_in_all_modes)
{
	for (unsigned levels = 3; levels <= 5; levels++) {
		if (!set_up(levels))
			return;
		for (unsigned level = 0; level < levels; level++) {
			uint64_t span = pt_span(level);
			/* A place of its own for each: two apart. */
			vaddr_t va = upper(levels) + 2 * span;
			paddr_t pa = 4 * span;

			EXPECT_EQ(bed_map(&bed, va, span, pa, VM_READ), 0);
			EXPECT(leads(va, pa, level));
			EXPECT(leads(va + span - 1, pa + span - 1, level));
			EXPECT(!bed_maps(&bed, va + span));
			EXPECT(!bed_maps(&bed, va - 1));
			EXPECT_EQ(pgtable_tables(&bed.pt), levels - level);
			EXPECT_SOUND(&bed);
			EXPECT_EQ(bed_unmap(&bed, va, span), 0);
			EXPECT(!bed_maps(&bed, va));
			EXPECT_EQ(pgtable_tables(&bed.pt), 1);
			EXPECT_SOUND(&bed);
		}
		bed_end(&bed);
	}
}

KTEST(pgtable, a_ragged_range_takes_the_largest_leaves)
{
	const uint64_t big = pt_span(1);
	paddr_t pa = 8 * pt_span(2) + big - PAGE_SIZE;
	vaddr_t va;

	if (!set_up(4))
		return;
	/* From one page below a large leaf's border to one page above another. */
	va = upper(4) + big - PAGE_SIZE;
	EXPECT_EQ(bed_map(&bed, va, 2 * big + 2 * PAGE_SIZE, pa, VM_READ), 0);
	EXPECT(leads(va, pa, 0));
	EXPECT(leads(va + PAGE_SIZE, pa + PAGE_SIZE, 1));
	EXPECT(leads(va + PAGE_SIZE + 2 * big - 1, pa + PAGE_SIZE + 2 * big - 1,
		     1));
	EXPECT(leads(va + PAGE_SIZE + 2 * big, pa + PAGE_SIZE + 2 * big, 0));
	/* Memory that is not aligned alike can only have small ones. */
	va = upper(4) + pt_span(2);
	EXPECT_EQ(bed_map(&bed, va, big, PAGE_SIZE, VM_READ), 0);
	EXPECT(leads(va, PAGE_SIZE, 0));
	EXPECT_SOUND(&bed);
	bed_end(&bed);
}

KTEST(pgtable, bounds_are_inside_one_half)
{
	vaddr_t half = upper(3);
	const struct range bad[] = {
		{0, half},
		{half - PAGE_SIZE, half + PAGE_SIZE},
		{half, 0 - (uint64_t)1},
		{half, half},
		{half + 1, 0 - PAGE_SIZE},
		{0, 0 - half + PAGE_SIZE},
		{0 - half, 2 * (0 - half)},
		{PAGE_SIZE, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(pgtable_init(&bed.pt, 3, bad[i], &bed.source),
			  -EINVAL);
}

KTEST(pgtable, refuses_what_is_no_range)
{
	vaddr_t half = upper(3);
	const struct range bad[] = {
		{half + 1, half + PAGE_SIZE},
		{half, half + PAGE_SIZE + 1},
		{half, half},
		{half + PAGE_SIZE, half},
		/* Not canonical, across the hole, the other half, wrapping. */
		{half - PAGE_SIZE, half},
		{half - PAGE_SIZE, half + PAGE_SIZE},
		{0, PAGE_SIZE},
		{0 - 2 * PAGE_SIZE, 0},
		{0 - PAGE_SIZE, 0 - (uint64_t)1},
		{0, UINT64_MAX & ~(PAGE_SIZE - 1)},
	};
	struct mapping m;

	if (!set_up(3))
		return;
	EXPECT_EQ(bed_map(&bed, half, PAGE_SIZE, 0, VM_READ), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(pgtable_map(&bed.pt, bad[i], 0, VM_READ, ATTR_NORMAL,
				      &bed.g),
			  -EINVAL);
		EXPECT_EQ(pgtable_unmap(&bed.pt, bad[i], &bed.g), -EINVAL);
		EXPECT_EQ(pgtable_protect(&bed.pt, bad[i], VM_EXEC, &bed.g),
			  -EINVAL);
		EXPECT_EQ(pgtable_split(&bed.pt, bad[i], &bed.g), -EINVAL);
		EXPECT_EQ(pgtable_join(&bed.pt, bad[i], &bed.g), -EINVAL);
		EXPECT_EQ(pgtable_reserve(&bed.pt, bad[i], 0), -EINVAL);
	}
	EXPECT_EQ(bed_map(&bed, half + PAGE_SIZE, PAGE_SIZE, 1, VM_READ),
		  -EINVAL);
	EXPECT_EQ(bed_map(&bed, half + PAGE_SIZE, PAGE_SIZE, 0, 0), -EINVAL);
	EXPECT_EQ(bed_map(&bed, half + PAGE_SIZE, PAGE_SIZE, 0, VM_USER),
		  -EINVAL);
	EXPECT_EQ(pgtable_protect(&bed.pt, range_make(half, half + PAGE_SIZE),
				  0, &bed.g),
		  -EINVAL);
	EXPECT(!pgtable_query(&bed.pt, half - 1, &m));
	EXPECT(!pgtable_query(&bed.pt, 0, &m));
	EXPECT(range_empty(m.va));
	EXPECT(leads(half, 0, 0));
	EXPECT_EQ(pgtable_tables(&bed.pt), 3);
	/* The very last page but one is the last that can be. */
	EXPECT_EQ(bed_map(&bed, 0 - 2 * PAGE_SIZE, PAGE_SIZE, 0, VM_READ), 0);
	EXPECT(leads(0 - 2 * PAGE_SIZE, 0, 0));
	EXPECT(!bed_maps(&bed, 0 - PAGE_SIZE));
	EXPECT_SOUND(&bed);
	bed_end(&bed);
}

/* What is cut off must not alias other memory. */
KTEST(pgtable, refuses_physical_addresses_that_no_entry_can_hold)
{
	const paddr_t end = (paddr_t)1 << PT_PADDR_BITS;
	vaddr_t va = upper(5);

	if (!set_up(5))
		return;
	EXPECT_EQ(bed_map(&bed, va, PAGE_SIZE, end, VM_READ), -EINVAL);
	EXPECT_EQ(bed_map(&bed, va, 2 * PAGE_SIZE, end - PAGE_SIZE, VM_READ),
		  -EINVAL);
	EXPECT_EQ(bed_map(&bed, va, 2 * PAGE_SIZE, 0 - PAGE_SIZE, VM_READ),
		  -EINVAL);
	EXPECT(!bed_maps(&bed, va));
	EXPECT_EQ(bed_map(&bed, va, PAGE_SIZE, end - PAGE_SIZE, VM_READ), 0);
	EXPECT(leads(va, end - PAGE_SIZE, 0));
	bed_end(&bed);
}

KTEST(pgtable, never_maps_twice_and_takes_nothing_by_halves)
{
	const uint64_t big = pt_span(1);
	vaddr_t va;

	if (!set_up(3))
		return;
	va = upper(3);
	EXPECT_EQ(bed_map(&bed, va + big, big, 0, VM_READ), 0);
	fresh();
	listen();
	/* The part in front of the obstacle is rolled back, and fenced; it was
	 * never the mapping's to free. */
	EXPECT_EQ(bed_map(&bed, va, 2 * big, 0, VM_READ), -EEXIST);
	EXPECT(!bed_maps(&bed, va));
	EXPECT_EQ(told, 0);
	EXPECT(bed.g.unmapped == tell);
	EXPECT(gathered(va, big, big, false));
	EXPECT_EQ(
		bed_map(&bed, va + big - PAGE_SIZE, 2 * PAGE_SIZE, 0, VM_READ),
		-EEXIST);
	EXPECT(bed.g.tables && !list_empty(&bed.g.pages));
	EXPECT_EQ(bed_map(&bed, va + big + PAGE_SIZE, PAGE_SIZE, 0, VM_READ),
		  -EEXIST);
	EXPECT_EQ(pgtable_tables(&bed.pt), 2);
	EXPECT_SOUND(&bed);
	/* Small pages below keep a large leaf out, until they are gone. */
	EXPECT_EQ(bed_map(&bed, va, PAGE_SIZE, 0, VM_READ), 0);
	EXPECT_EQ(bed_map(&bed, va, big, 0, VM_READ), -EEXIST);
	EXPECT_EQ(bed_unmap(&bed, va, PAGE_SIZE), 0);
	EXPECT_EQ(bed_map(&bed, va, big, 0, VM_READ), 0);
	EXPECT_SOUND(&bed);
	bed.g.unmapped = NULL;
	bed_end(&bed);
}

KTEST(pgtable, out_of_tables_at_every_step)
{
	vaddr_t va = upper(5) + pt_span(2) - PAGE_SIZE;

	if (!set_up(5))
		return;
	for (unsigned n = 1;; n++) {
		int err;

		bed.taken = 0;
		bed.fail_at = n;
		err = bed_map(&bed, va, 2 * PAGE_SIZE, 0, VM_READ);
		if (!err) {
			/* Four levels, two of them twice. */
			EXPECT_EQ(n, 1 + 2 + 2 * 2);
			break;
		}
		EXPECT_EQ(err, -ENOMEM);
		EXPECT(!bed_maps(&bed, va));
		EXPECT(!bed_maps(&bed, va + PAGE_SIZE));
		EXPECT_EQ(pgtable_tables(&bed.pt), 1);
		EXPECT_SOUND(&bed);
		REQUIRE(n < 20);
	}
	bed.fail_at = 0;
	EXPECT_SOUND(&bed);
	bed_end(&bed);
}

/* A hart may walk a table until the fence: only then it is freed. */
KTEST(pgtable, tables_are_unhooked_now_and_freed_by_the_flush)
{
	struct range va = {upper(4), upper(4) + PAGE_SIZE};
	uint64_t used;

	if (!set_up(4))
		return;
	EXPECT_EQ(bed_map(&bed, va.start, PAGE_SIZE, 0, VM_READ), 0);
	used = zone_used_frames();
	EXPECT_EQ(pgtable_unmap(&bed.pt, va, fresh()), 0);
	EXPECT_EQ(pgtable_tables(&bed.pt), 1);
	EXPECT_EQ(zone_used_frames(), used);
	EXPECT(gathered(va.start, PAGE_SIZE, PAGE_SIZE, true));
	tlb_flush(&bed.g);
	EXPECT_EQ(zone_used_frames(), used - 3);
	bed_end(&bed);
}

/* What harts must forget, and no more. */
KTEST(pgtable, changes_are_gathered_exactly)
{
	const uint64_t big = pt_span(1);
	vaddr_t va = upper(3);
	struct range page = {va + PAGE_SIZE, va + 2 * PAGE_SIZE};
	struct range all = {va, va + 2 * big};

	if (!set_up(3))
		return;
	EXPECT_EQ(bed_map(&bed, va, PAGE_SIZE, 0, VM_READ), 0);
	EXPECT(gathered(va, PAGE_SIZE, PAGE_SIZE, true));
	fresh();
	EXPECT_EQ(bed_map(&bed, page.start, PAGE_SIZE, 0, VM_READ), 0);
	EXPECT(gathered(page.start, PAGE_SIZE, PAGE_SIZE, false));
	EXPECT_EQ(bed_map(&bed, va + big, big, big, VM_READ), 0);
	EXPECT(gathered(page.start, 2 * big - PAGE_SIZE, PAGE_SIZE, false));
	/* Rights that are there already. */
	EXPECT_EQ(pgtable_protect(&bed.pt, all, VM_READ, fresh()), 0);
	EXPECT(gathered(0, 0, 0, false));
	EXPECT_EQ(pgtable_protect(&bed.pt, page, PROT_RW, fresh()), 0);
	EXPECT(gathered(page.start, PAGE_SIZE, PAGE_SIZE, false));
	EXPECT_EQ(pgtable_protect(&bed.pt, range_make(va + big, va + 2 * big),
				  PROT_RW, fresh()),
		  0);
	EXPECT(gathered(va + big, big, big, false));
	/* Holes around it are not what changed. */
	EXPECT_EQ(pgtable_unmap(&bed.pt, range_make(page.start, va + big),
				fresh()),
		  0);
	EXPECT(gathered(page.start, PAGE_SIZE, PAGE_SIZE, false));
	EXPECT_EQ(pgtable_unmap(&bed.pt, page, fresh()), 0);
	EXPECT(gathered(0, 0, 0, false));
	EXPECT_EQ(pgtable_split(&bed.pt, page, fresh()), 0);
	EXPECT_EQ(pgtable_join(&bed.pt, all, &bed.g), 0);
	EXPECT(gathered(0, 0, 0, false));
	page = range_make(va + big + PAGE_SIZE, va + 2 * big);
	EXPECT_EQ(pgtable_split(&bed.pt, page, fresh()), 0);
	EXPECT(gathered(va + big, big, PAGE_SIZE, true));
	EXPECT_EQ(pgtable_join(&bed.pt, all, fresh()), 0);
	EXPECT(gathered(va + big, big, PAGE_SIZE, true));
	EXPECT_SOUND(&bed);
	bed_end(&bed);
}

/* The last entry of the root ends where addresses do: sums would wrap. */
KTEST(pgtable, gathers_beside_the_last_entry_of_the_root)
{
	const uint64_t top = pt_span(2);
	vaddr_t last = 0 - 2 * PAGE_SIZE, va = 0 - 2 * top;
	struct range both = {va, 0 - PAGE_SIZE};

	if (!set_up(3))
		return;
	EXPECT_EQ(bed_map(&bed, va, top, 0, VM_READ), 0);
	EXPECT_EQ(bed_map(&bed, last, PAGE_SIZE, 0, PROT_RW), 0);
	EXPECT_EQ(pgtable_protect(&bed.pt, both, PROT_RW, fresh()), 0);
	EXPECT(gathered(va, top, top, false));
	EXPECT_EQ(pgtable_unmap(&bed.pt, both, fresh()), 0);
	EXPECT(gathered(va, range_size(both), PAGE_SIZE, true));
	EXPECT_SOUND(&bed);
	bed_end(&bed);
}

KTEST(pgtable, unmap_and_protect_cut_large_leaves)
{
	const uint64_t big = pt_span(1);
	vaddr_t va = upper(3);

	if (!set_up(3))
		return;
	EXPECT_EQ(bed_map(&bed, va, 3 * big, 0, VM_READ), 0);
	listen();
	EXPECT_EQ(bed_unmap(&bed, va + big - PAGE_SIZE, big + 2 * PAGE_SIZE),
		  0);
	/* A page, a large one, a page. */
	EXPECT_EQ(told, 3);
	EXPECT_EQ(told_of, big + 2 * PAGE_SIZE);
	EXPECT(told_late);
	bed.g.unmapped = NULL;
	EXPECT(leads(va + big - 2 * PAGE_SIZE, big - 2 * PAGE_SIZE, 0));
	EXPECT(!bed_maps(&bed, va + big - PAGE_SIZE));
	EXPECT(!bed_maps(&bed, va + 2 * big));
	EXPECT(leads(va + 2 * big + PAGE_SIZE, 2 * big + PAGE_SIZE, 0));
	EXPECT_EQ(pgtable_tables(&bed.pt), 4);
	EXPECT_EQ(bed_map(&bed, va + 4 * big, big, 0, VM_READ), 0);
	EXPECT_EQ(pgtable_protect(&bed.pt,
				  range_make(va, va + 4 * big + PAGE_SIZE),
				  PROT_RW, &bed.g),
		  0);
	EXPECT(bed_leads(&bed, va + 4 * big, 0, 0, PAGE_SIZE, PROT_RW));
	EXPECT(bed_leads(&bed, va, 0, 0, PAGE_SIZE, PROT_RW));
	EXPECT(leads(va + 4 * big + PAGE_SIZE, PAGE_SIZE, 0));
	EXPECT_SOUND(&bed);
	bed_end(&bed);
}

/* To harts nothing is there; to the walker all is as it was, until it is shown. */
KTEST(pgtable, leaves_of_users_can_be_hidden)
{
	const uint64_t big = pt_span(1);
	const vaddr_t va = big;
	struct range page = {va + PAGE_SIZE, va + 2 * PAGE_SIZE};
	struct mapping m;

	if (!set_up_in(3, pgtable_lower_half(3), false))
		return;
	EXPECT_EQ(bed_map(&bed, va, big, 0, PROT_RW | VM_USER), 0);
	EXPECT_EQ(pgtable_protect(&bed.pt, page, VM_USER, fresh()), 0);
	EXPECT(pgtable_query(&bed.pt, page.start, &m));
	EXPECT_EQ(m.pa, PAGE_SIZE);
	EXPECT_EQ(m.prot, VM_USER);
	EXPECT(bed_leads(&bed, va, 0, 0, PAGE_SIZE, PROT_RW | VM_USER));
	EXPECT_EQ(bed_map(&bed, page.start, PAGE_SIZE, 0, VM_READ | VM_USER),
		  -EEXIST);
	EXPECT_SOUND(&bed);
	EXPECT_EQ(pgtable_protect(&bed.pt, page, PROT_RW | VM_USER, fresh()),
		  0);
	EXPECT_EQ(pgtable_join(&bed.pt, range_make(va, va + big), fresh()), 0);
	EXPECT(bed_leads(&bed, va, 0, 1, big, PROT_RW | VM_USER));
	EXPECT_EQ(pgtable_protect(&bed.pt, range_make(va, va + big), VM_USER,
				  fresh()),
		  0);
	EXPECT_EQ(pgtable_split(&bed.pt, page, fresh()), 0);
	EXPECT(bed_leads(&bed, page.start, PAGE_SIZE, 0, PAGE_SIZE, VM_USER));
	EXPECT_EQ(pgtable_unmap(&bed.pt, range_make(va, va + big), fresh()), 0);
	EXPECT_EQ(pgtable_tables(&bed.pt), 1);
	EXPECT_SOUND(&bed);
	bed_end(&bed);
}

/* Whose a leaf is follows from the half it is in, and nothing can say otherwise. */
KTEST(pgtable, users_have_the_lower_half_and_only_that)
{
	for (unsigned lower = 0; lower < 2; lower++) {
		struct range bounds =
			lower ? pgtable_lower_half(3) : pgtable_upper_half(3);
		vm_prot_t good = lower ? VM_USER : 0, bad = good ^ VM_USER;
		vaddr_t va = bounds.start + pt_span(1);
		struct range page = {va + PAGE_SIZE, va + 2 * PAGE_SIZE};

		if (!set_up_in(3, bounds, false))
			return;
		EXPECT_EQ(bed_map(&bed, va, pt_span(1), 0, VM_READ | bad),
			  -EINVAL);
		EXPECT_EQ(pgtable_tables(&bed.pt), 1);
		EXPECT_EQ(bed_map(&bed, va, pt_span(1), 0, VM_READ | good), 0);
		EXPECT_EQ(
			pgtable_protect(&bed.pt, page, PROT_RW | bad, fresh()),
			-EINVAL);
		if (!lower)
			EXPECT_EQ(pgtable_protect(&bed.pt, page, 0, &bed.g),
				  -EINVAL);
		EXPECT(gathered(0, 0, 0, false));
		EXPECT(bed_leads(&bed, va, 0, 1, pt_span(1), VM_READ | good));
		EXPECT_SOUND(&bed);
		bed_end(&bed);
	}
}

/* The entry of level `level` for va. */
static pte_t *entry_at(vaddr_t va, unsigned level)
{
	pte_t *table = phys_to_virt(bed.pt.root);

	for (unsigned l = bed.pt.levels - 1; l > level; l--)
		table = phys_to_virt(pte_paddr(table[pt_index(va, l)]));
	return &table[pt_index(va, level)];
}

static struct page *count_at(vaddr_t va, unsigned level)
{
	return pfn_to_page(pte_paddr(*entry_at(va, level + 1)) >> PAGE_SHIFT);
}

static void free_tables(paddr_t table, unsigned level)
{
	const pte_t *e = phys_to_virt(table);

	for (unsigned i = 0; level && i < PT_ENTRIES; i++)
		if (pte_present(e[i]) && !pte_is_leaf(e[i]))
			free_tables(pte_paddr(e[i]), level - 1);
	page_free(pfn_to_page(table >> PAGE_SHIFT), 0);
}

/* The end of a bed with permanent tables, that nobody else would free. */
static void end_permanent(void)
{
	tlb_flush(&bed.g);
	free_tables(bed.pt.root, bed.pt.levels - 1);
	EXPECT_EQ(zone_used_frames(), bed.used);
	bed_leave(&bed);
}

KTEST(pgtable, reserved_tables_stay)
{
	const uint64_t big = pt_span(1), span = pt_span(2);
	vaddr_t va = upper(4);
	struct range two = {va + span - PAGE_SIZE, va + span + PAGE_SIZE};

	if (!set_up(4))
		return;
	/* Both sides of a border of level 2, down to tables of level 1. */
	EXPECT_EQ(pgtable_reserve(&bed.pt, two, 3), 0);
	EXPECT_EQ(pgtable_tables(&bed.pt), 1);
	EXPECT_EQ(pgtable_reserve(&bed.pt, two, 1), 0);
	EXPECT_EQ(pgtable_tables(&bed.pt), 4);
	EXPECT_EQ(pgtable_reserve(&bed.pt, two, 1), 0);
	EXPECT_EQ(pgtable_tables(&bed.pt), 4);
	EXPECT_SOUND(&bed);
	EXPECT_EQ(pgtable_map(&bed.pt, two, 0, VM_READ, ATTR_NORMAL, &bed.g),
		  0);
	EXPECT_EQ(pgtable_tables(&bed.pt), 6);
	EXPECT_EQ(pgtable_reserve(&bed.pt, two, 0), -EEXIST);
	EXPECT_EQ(pgtable_unmap(&bed.pt, two, &bed.g), 0);
	EXPECT_EQ(pgtable_tables(&bed.pt), 4);
	EXPECT_SOUND(&bed);
	/* A leaf is in the way; what was added before it stays. */
	EXPECT_EQ(bed_map(&bed, va + big, big, big, VM_READ), 0);
	EXPECT_EQ(pgtable_reserve(&bed.pt, range_make(va, va + 2 * big), 0),
		  -EEXIST);
	EXPECT_EQ(pgtable_tables(&bed.pt), 5);
	EXPECT_EQ(bed_unmap(&bed, va, span), 0);
	/* Full ones are not joined. */
	EXPECT_EQ(bed_map(&bed, va, span, 4 * span, VM_READ), 0);
	EXPECT(leads(va, 4 * span, 0));
	EXPECT(leads(va + big, 4 * span + big, 1));
	/* Nor is their struct page looked at: it may be anybody's. */
	count_at(va, 0)->refs = 1 + (int32_t)PT_ENTRIES;
	EXPECT_EQ(pgtable_join(&bed.pt, range_make(va, va + span), &bed.g), 0);
	EXPECT(leads(va, 4 * span, 0));
	EXPECT(leads(va + big, 4 * span + big, 1));
	EXPECT_EQ(pgtable_tables(&bed.pt), 5);
	EXPECT_SOUND(&bed);
	end_permanent();
}

KTEST(pgtable, permanent_sources_make_permanent_tables)
{
	const uint64_t top = pt_span(2);
	vaddr_t va = upper(3);

	if (!set_up(3))
		return;
	bed.source.permanent = true;
	EXPECT_EQ(bed_map(&bed, va, PAGE_SIZE, 0, VM_READ), 0);
	EXPECT_EQ(bed_map(&bed, va + top, top, 0, VM_READ), 0);
	EXPECT_EQ(pgtable_split(&bed.pt,
				range_make(va + top, va + top + PAGE_SIZE),
				&bed.g),
		  0);
	EXPECT_EQ(pgtable_tables(&bed.pt), 5);
	EXPECT_SOUND(&bed);
	EXPECT_EQ(bed_unmap(&bed, va, 2 * top), 0);
	EXPECT_EQ(pgtable_tables(&bed.pt), 5);
	EXPECT(list_empty(&bed.g.pages));
	EXPECT_SOUND(&bed);
	end_permanent();
}

KTEST(pgtable, walks_in_order_and_stops)
{
	vaddr_t va = upper(4);

	if (!set_up(4))
		return;
	EXPECT_EQ(bed_map(&bed, va, PAGE_SIZE, 0, VM_READ), 0);
	EXPECT_EQ(bed_map(&bed, 0 - pt_span(1), PAGE_SIZE, 0, VM_READ), 0);
	EXPECT_EQ(bed_map(&bed, va + pt_span(1), 2 * pt_span(1), 0, VM_READ),
		  0);
	EXPECT_EQ(walk(0, UINT64_MAX, 0).n, 4);
	EXPECT_EQ(walk(0, UINT64_MAX, 0).last, 0 - pt_span(1));
	EXPECT_EQ(walk(0, UINT64_MAX, 3).n, 3);
	EXPECT_EQ(walk(0, va, 0).n, 0);
	EXPECT_EQ(walk(va + 1, va + 2, 0).n, 1);
	/* Into the middle of leaves, on both sides. */
	EXPECT_EQ(walk(va + pt_span(1) + 5, va + 2 * pt_span(1) + 1, 0).n, 2);
	EXPECT_EQ(walk(va + PAGE_SIZE, va + pt_span(1), 0).n, 0);
	bed_end(&bed);
}

KTEST(pgtable, holes_are_told_with_their_size)
{
	vaddr_t va = upper(4);
	struct mapping m;

	if (!set_up(4))
		return;
	EXPECT(!pgtable_query(&bed.pt, va + 5, &m));
	EXPECT_EQ(m.level, 3);
	EXPECT_EQ(m.va.start, va);
	EXPECT_EQ(m.va.end, va + pt_span(3));
	EXPECT(!pgtable_query(&bed.pt, 0 - 2 * PAGE_SIZE, &m));
	EXPECT_EQ(m.va.start, 0 - pt_span(3));
	EXPECT_EQ(m.va.end, 0 - PAGE_SIZE);
	EXPECT_EQ(bed_map(&bed, va, PAGE_SIZE, 0, VM_READ), 0);
	EXPECT(!pgtable_query(&bed.pt, va + PAGE_SIZE, &m));
	EXPECT_EQ(m.level, 0);
	EXPECT_EQ(m.va.start, va + PAGE_SIZE);
	EXPECT_EQ(range_size(m.va), PAGE_SIZE);
	bed_end(&bed);
}

/* A user table's root has the kernel's entries too: they are not looked at. */
KTEST(pgtable, foreign_entries_of_the_root_are_left_alone)
{
	pte_t *root, kernel;
	vaddr_t half = 0 - upper(3);

	if (!set_up_in(3, pgtable_lower_half(3), false))
		return;
	root = phys_to_virt(bed.pt.root);
	/* No such table is there. */
	kernel = pte_table(((paddr_t)1 << PT_PADDR_BITS) - PAGE_SIZE, true);
	for (unsigned i = PT_ENTRIES / 2; i < PT_ENTRIES; i++)
		root[i] = kernel;
	EXPECT_EQ(bed_map(&bed, half - PAGE_SIZE, PAGE_SIZE, 0,
			  VM_READ | VM_USER),
		  0);
	EXPECT_EQ(bed_map(&bed, 0, PAGE_SIZE, 0, VM_READ | VM_USER), 0);
	EXPECT_EQ(pgtable_tables(&bed.pt), 5);
	EXPECT_EQ(walk(0, UINT64_MAX, 0).n, 2);
	EXPECT(!bed_maps(&bed, upper(3)));
	EXPECT_SOUND(&bed);
	EXPECT_EQ(bed_unmap(&bed, 0, half), 0);
	EXPECT(pte_same(root[PT_ENTRIES / 2], kernel));
	EXPECT(pte_same(root[PT_ENTRIES - 1], kernel));
	EXPECT_EQ(bed_map(&bed, 0, PAGE_SIZE, 0, VM_READ | VM_USER), 0);
	listen();
	pgtable_destroy(&bed.pt, &bed.g);
	EXPECT_EQ(told, 1);
	tlb_flush(&bed.g);
	EXPECT_EQ(zone_used_frames(), bed.used);
	bed_leave(&bed);
}

/* What check says when the entry is another one. */
static bool check_sees(vaddr_t va, unsigned level, pte_t bad, const char *want)
{
	pte_t *slot = entry_at(va, level), was = *slot;
	const char *wrong;

	*slot = bad;
	wrong = pgtable_check(&bed.pt);
	*slot = was;
	return wrong && strstr(wrong, want);
}

KTEST(pgtable, check_sees_planted_faults)
{
	const uint64_t big = pt_span(1);
	struct range bounds = {upper(3), upper(3) + 8 * big};
	pte_t leaf = pte_leaf(0, VM_READ, ATTR_NORMAL);
	vaddr_t va = bounds.start;
	pte_t first;

	if (!set_up_in(3, bounds, true))
		return;
	EXPECT_EQ(bed_map(&bed, va, big / 2, 0, VM_READ), 0);
	EXPECT_EQ(bed_map(&bed, va + big, PAGE_SIZE, 0, VM_READ), 0);
	EXPECT(!pgtable_check(&bed.pt));
	first = *entry_at(va, 0);
	EXPECT(pte_is_group(first));
	/* A table where none can be, a leaf that is not aligned. */
	EXPECT(check_sees(va, 0, pte_table(0, false), "reserved"));
	EXPECT(check_sees(va + 4 * big, 1, pte_advance(leaf, PAGE_SIZE),
			  "reserved"));
	EXPECT(check_sees(va + 4 * big, 1, pte_group(leaf), "reserved"));
	EXPECT(check_sees(va + 8 * big, 1, leaf, "bounds"));
	EXPECT(check_sees(va, 0, pte_protect(first, VM_EXEC), "group"));
	EXPECT(check_sees(va + PAGE_SIZE, 0, leaf, "group"));
	EXPECT(check_sees(va + big + PAGE_SIZE, 0, leaf, "count"));
	EXPECT(check_sees(va + big, 0, pte_none(), "empty"));
	EXPECT(check_sees(va + big, 0,
			  pte_leaf(0, VM_READ | VM_USER, ATTR_NORMAL), "half"));
	EXPECT(check_sees(va, 1, pte_table(pte_paddr(*entry_at(va, 1)), true),
			  "permanent"));
	count_at(va, 0)->refs++;
	EXPECT(strstr(pgtable_check(&bed.pt), "count") != NULL);
	count_at(va, 0)->refs--;
	EXPECT_SOUND(&bed);
	bed_end(&bed);
}

/* Bounds may be less than a half; then what is next to them is refused. */
KTEST(pgtable, narrow_bounds)
{
	const uint64_t big = pt_span(1);
	struct range bounds = {upper(3) + big, upper(3) + 3 * big};

	if (!set_up_in(3, bounds, false))
		return;
	EXPECT_EQ(bed_map(&bed, bounds.start - PAGE_SIZE, 2 * PAGE_SIZE, 0,
			  VM_READ),
		  -EINVAL);
	EXPECT_EQ(bed_map(&bed, bounds.start, 2 * big + PAGE_SIZE, 0, VM_READ),
		  -EINVAL);
	EXPECT_EQ(bed_map(&bed, bounds.start, 2 * big, 0, VM_READ), 0);
	EXPECT_SOUND(&bed);
	EXPECT(!bed_maps(&bed, bounds.end));
	EXPECT(!bed_maps(&bed, bounds.start - 1));
	EXPECT_EQ(bed_unmap(&bed, bounds.start, 2 * big), 0);
	bed_end(&bed);
}
