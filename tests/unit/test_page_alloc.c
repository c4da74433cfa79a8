/*
 * The system's zones, as they are: these tests run in the kernel, on its own
 * memory, and give all of it back. On the host that is <host/ram.h>.
 */
#include <string.h>

#include <kernel/ktest.h>
#include <mm/layout.h>
#include <mm/reclaim.h>
#include <mm/zone.h>

/* All that is free, or in the allocators' own use. */
static bool sound(void)
{
	for (unsigned z = 0; z < ZONES; z++)
		if (zone_buddy(z)->map && !buddy_check(zone_buddy(z)))
			return false;
	return true;
}

KTEST(page_alloc, zeroed_means_zeroed)
{
	struct page *p;
	uint64_t *words;

	for (unsigned order = 0; order <= 3; order++) {
		size_t size = PAGE_SIZE << order;

		p = page_alloc(order, 0);
		REQUIRE(p);
		memset(phys_to_virt(page_to_phys(p)), 0xa5, size);
		page_free(p, order);
		/* Most likely the same one. */
		p = page_alloc(order, ALLOC_ZERO);
		REQUIRE(p);
		words = phys_to_virt(page_to_phys(p));
		for (size_t i = 0; i < size / sizeof(*words); i++)
			if (words[i])
				ktest_fail(__FILE__, __LINE__, "word %zu", i);
		page_free(p, order);
	}
}

KTEST(page_alloc, dma32_is_below_4_gib)
{
	struct page *p;

	p = page_alloc(0, ALLOC_DMA32);
	if (!p)
		return ktest_skip("no RAM below 4 GiB");
	EXPECT(page_to_phys(p) < GIB(4));
	EXPECT_EQ(pfn_to_page(page_to_pfn(p)) - p, 0);
	page_free(p, 0);
	EXPECT(!page_alloc(MAX_ORDER + 1, 0));
	EXPECT(!page_alloc(UINT32_MAX, ALLOC_DMA32));
}

KTEST(page_alloc, all_of_it_and_back)
{
	struct list taken;
	uint64_t before, frames = 0;

	/* What caches hold without need comes back when memory is out. */
	reclaim();
	before = zone_used_frames();
	REQUIRE(before);
	list_init(&taken);
	for (unsigned order = MAX_ORDER + 1; order-- > 0;) {
		struct page *p;

		while ((p = page_alloc(order, ALLOC_RESERVE))) {
			frames += (uint64_t)1 << order;
			list_add(&taken, &p->link);
		}
	}
	EXPECT_EQ(page_free_count(), 0);
	EXPECT(!page_alloc(0, ALLOC_RESERVE));
	EXPECT(!page_alloc(0, ALLOC_DMA32 | ALLOC_ZERO | ALLOC_RESERVE));
	EXPECT(sound());
	list_for_each_safe (l, &taken) {
		struct page *p = list_entry(l, struct page, link);

		frames -= (uint64_t)1 << p->order;
		page_free(p, p->order);
	}
	EXPECT_EQ(frames, 0);
	EXPECT_EQ(zone_used_frames(), before);
	EXPECT(sound());
}
