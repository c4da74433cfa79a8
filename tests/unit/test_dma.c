/* Memory for devices: what they reach, buffers, lending, bounce buffers. */
#include <string.h>

#include <lib/errno.h>
#include <mm/dma.h>

#include "slab_bed.h"

static uint64_t bus_mask(const struct dma_device *d, uint64_t pa)
{
	return pa - d->offset;
}

KTEST(dma, mask_narrows_by_bus_addresses)
{
	struct dma_device d;

	dma_device_init(&d, "test");
	EXPECT_EQ(dma_set_mask(&d, 0xfffff0ff), -EINVAL);
	EXPECT_EQ(dma_set_mask(&d, UINT64_MAX), 0);
	EXPECT_EQ(d.reach.end, UINT64_MAX);
	EXPECT_EQ(dma_set_mask(&d, UINT32_MAX), 0);
	EXPECT_EQ(d.reach.start, 0);
	EXPECT_EQ(d.reach.end, GIB(4));

	/* Memory at 2 GiB is address 0. */
	dma_device_init(&d, "test");
	d.reach = range_make(GIB(2), GIB(64));
	d.offset = GIB(2);
	EXPECT_EQ(dma_set_mask(&d, GIB(1) - 1), 0);
	EXPECT_EQ(d.reach.start, GIB(2));
	EXPECT_EQ(d.reach.end, GIB(3));
	EXPECT_EQ(dma_set_mask(&d, UINT64_MAX), 0);
	EXPECT_EQ(d.reach.end, GIB(3));

	/* All of it has addresses beyond the mask. */
	dma_device_init(&d, "test");
	d.reach = range_make(GIB(8), GIB(9));
	EXPECT_EQ(dma_set_mask(&d, UINT32_MAX), -EINVAL);
	EXPECT_EQ(d.reach.end, GIB(9));

	/* Addresses larger than the memory's. */
	d.offset = -GIB(1);
	EXPECT_EQ(dma_set_mask(&d, GIB(16) - 1), 0);
	EXPECT_EQ(range_size(d.reach), GIB(1));
	EXPECT_EQ(dma_set_mask(&d, GIB(8) - 1), -EINVAL);
}

KTEST(dma, alloc_and_free)
{
	uint64_t before = frames_used();
	struct dma_device d;
	struct dma_buffer b;

	dma_device_init(&d, "test");
	EXPECT_EQ(dma_alloc(&d, &b, 0, 0, 0), -EINVAL);
	EXPECT_EQ(dma_alloc(&d, &b, 1, 3, 0), -EINVAL);
	EXPECT_EQ(dma_alloc(&d, &b, SIZE_MAX, 0, 0), -ENOMEM);
	dma_free(&b);
	for (uint64_t align = 1; align <= KIB(256); align *= 4) {
		REQUIRE(!dma_alloc(&d, &b, 5000, align, 0));
		EXPECT_EQ(d.buffers, 1);
		EXPECT(is_aligned(b.bus, align));
		EXPECT_EQ(b.bus, virt_to_phys(b.cpu));
		EXPECT_EQ(b.size, 5000);
		for (unsigned i = 0; i < 5000; i++)
			EXPECT(!((uint8_t *)b.cpu)[i]);
		memset(b.cpu, 0xff, b.size);
		dma_free(&b);
		dma_free(&b);
	}
	EXPECT(dma_device_idle(&d));
	EXPECT_EQ(frames_used(), before);
}

/* The device sees one page only, at address 0. */
KTEST(dma, bounce_through_the_one_page_that_it_reaches)
{
	uint64_t before = frames_used();
	struct page *p = page_alloc(0, 0);
	struct dma_device d;
	struct dma_map m, n;
	uint8_t *mine = kmalloc(4096, ALLOC_DMA32), *its;

	REQUIRE(p && mine);
	dma_device_init(&d, "test");
	its = phys_to_virt(page_to_phys(p));
	d.offset = page_to_phys(p);
	d.reach = range_make(d.offset, d.offset + PAGE_SIZE);
	page_free(p, 0);

	memset(mine, 1, 4096);
	REQUIRE(!dma_map(&d, &m, mine + 5, 1000, DMA_BOTH, 0));
	EXPECT_EQ(m.bus, 0);
	EXPECT_EQ(d.bounced, 1);
	EXPECT_EQ(dma_map(&d, &n, mine, 16, DMA_TO_DEVICE, 0), -ENOMEM);
	EXPECT_EQ(its[0], 1);
	memset(its, 2, 1000);
	dma_sync_for_cpu(&m);
	EXPECT(mine[4] == 1 && mine[5] == 2 && mine[1004] == 2 &&
	       mine[1005] == 1);
	mine[6] = 3;
	dma_sync_for_device(&m);
	EXPECT_EQ(its[1], 3);
	its[2] = 4;
	dma_unmap(&m);
	EXPECT(mine[5] == 2 && mine[6] == 3 && mine[7] == 4);
	EXPECT_EQ(bus_mask(&d, page_to_phys(p)), 0);
	kfree(mine);
	EXPECT(dma_device_idle(&d));
	EXPECT_EQ(frames_used(), before);
}

KTEST(dma, map_refuses_what_is_no_memory)
{
	struct dma_device d;
	struct dma_map m;
	uint8_t *p = kmalloc(64, ALLOC_DMA32);
	uint8_t stack[8];

	REQUIRE(p);
	dma_device_init(&d, "test");
	EXPECT_EQ(dma_map(&d, &m, p, 0, DMA_BOTH, 0), -EINVAL);
	EXPECT_EQ(dma_map(&d, &m, p, SIZE_MAX, DMA_BOTH, 0), -EINVAL);
	EXPECT_EQ(dma_map(&d, &m, p, SIZE_MAX - 15, DMA_BOTH, 0), -EINVAL);
	EXPECT_EQ(dma_map(&d, &m, p, 64, (enum dma_dir)0, 0), -EINVAL);
	EXPECT_EQ(dma_map(&d, &m, p, 64, (enum dma_dir)4, 0), -EINVAL);
	EXPECT_EQ(dma_map(&d, &m, stack, 8, DMA_BOTH, 0), -EINVAL);
	EXPECT_EQ(dma_map(&d, &m, &d, 8, DMA_BOTH, 0), -EINVAL);
	EXPECT_EQ(dma_map(&d, &m, NULL, 8, DMA_BOTH, 0), -EINVAL);
	dma_unmap(&m);
	REQUIRE(!dma_map(&d, &m, p, 64, DMA_BOTH, 0));
	EXPECT_EQ(m.bus, virt_to_phys(p));
	EXPECT_EQ(d.bounced, 0);
	dma_unmap(&m);
	kfree(p);
}
