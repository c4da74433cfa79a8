/*
 * Groups of pages (Svnapot) and attributes (Svpbmt) on this hart: does each page of
 * what the kernel mapper made of a range lead to its own frame? That the entries
 * are as the specification says is tested elsewhere (test_pte.c).
 */
#include <arch/probe.h>
#include <arch/pgtable.h>
#include <kernel/ktest.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>

#define ORDER 6
#define PAGES (1u << ORDER) /* four groups, when they are of 64 KiB */

static struct page *block;
static vaddr_t window; /* with nothing else in it */

/* Each frame says which it is. */
static bool set_up(void)
{
	block = page_alloc(ORDER, 0);
	if (!block)
		return false;
	for (unsigned i = 0; i < PAGES; i++) {
		paddr_t pa = page_to_phys(block) + i * PAGE_SIZE;

		*(volatile uint64_t *)phys_to_virt(pa) = pa;
	}
	window = align_up(kmap_arena.start + MIB(64), MIB(2));
	return true;
}

/* Pages of the block from `first` up to `end`, each at its place in the window. */
static struct range place(unsigned first, unsigned end)
{
	return range_make(window + first * PAGE_SIZE, window + end * PAGE_SIZE);
}

static int map(unsigned first, unsigned end, enum mem_attr attr)
{
	paddr_t pa = page_to_phys(block) + first * PAGE_SIZE;

	return kmap_map(place(first, end), pa, VM_READ | VM_WRITE, attr);
}

/* How many pages from `first` up to `end` lead to their own frames? */
static unsigned right(unsigned first, unsigned end)
{
	unsigned n = 0;

	for (unsigned i = first; i < end; i++) {
		struct probe p =
			arch_probe(ACCESS_LOAD, window + i * PAGE_SIZE, 0);

		n += p.ok && p.value == page_to_phys(block) + i * PAGE_SIZE;
	}
	return n;
}

static bool one_leaf(unsigned first, uint64_t size, enum mem_attr attr)
{
	struct mapping m;

	return pgtable_query(&kernel_pgtable, window + first * PAGE_SIZE, &m) &&
	       range_size(m.va) == size && m.attr == attr;
}

/* All four groups, then ragged, then with a hole in one of them. The frames were
 * written through the cache: a machine whose uncached loads pass it by would
 * have to clean it first. */
static void each_page_leads_to_its_frame(enum mem_attr attr)
{
	const unsigned group = pte_group_entries(), hole = 2 * group + 3;
	const uint64_t size = group * PAGE_SIZE;

	REQUIRE(map(0, PAGES, attr) == 0);
	EXPECT(one_leaf(group, size, attr));
	EXPECT_EQ(right(0, PAGES), PAGES);
	EXPECT_EQ(kmap_unmap(place(0, PAGES)), 0);
	EXPECT_EQ(right(0, PAGES), 0);

	EXPECT_EQ(map(group - 1, PAGES - 1, attr), 0);
	EXPECT(one_leaf(group - 1, PAGE_SIZE, attr));
	EXPECT(one_leaf(group, size, attr));
	EXPECT_EQ(right(0, PAGES), PAGES - group);
	EXPECT_EQ(right(group - 1, PAGES - 1), PAGES - group);

	EXPECT_EQ(kmap_unmap(place(hole, hole + 1)), 0);
	EXPECT_EQ(right(hole, hole + 1), 0);
	EXPECT(one_leaf(hole + 1, PAGE_SIZE, attr));
	EXPECT_EQ(right(group - 1, PAGES - 1), PAGES - group - 1);
	EXPECT_EQ(kmap_unmap(place(0, PAGES)), 0);
	EXPECT_EQ(right(0, PAGES), 0);
}

KTEST(groups, each_page_leads_to_its_own_frame)
{
	bool attrs = pte_attr(pte_leaf(0, VM_READ, ATTR_IO)) == ATTR_IO;

	if (pte_group_entries() == 1)
		return ktest_skip("harts have no groups of pages");
	REQUIRE(set_up());
	each_page_leads_to_its_frame(ATTR_NORMAL);
	if (attrs) {
		each_page_leads_to_its_frame(ATTR_NC);
		each_page_leads_to_its_frame(ATTR_IO);
	}
	page_free(block, ORDER);
}

KTEST(groups, attributes_lead_to_the_same_frames)
{
	if (pte_attr(pte_leaf(0, VM_READ, ATTR_IO)) != ATTR_IO)
		return ktest_skip("harts have no memory attributes");
	REQUIRE(set_up());
	for (enum mem_attr attr = ATTR_NORMAL; attr <= ATTR_IO; attr++) {
		struct mapping m;

		EXPECT_EQ(map(1, 2, attr), 0);
		EXPECT_EQ(right(1, 2), 1);
		EXPECT(pgtable_query(&kernel_pgtable, place(1, 2).start, &m));
		EXPECT_EQ(m.attr, attr);
		EXPECT_EQ(kmap_unmap(place(1, 2)), 0);
	}
	page_free(block, ORDER);
}
