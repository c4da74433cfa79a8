/*
 * Buffers of devices that don't see caches, in real windows (Svpbmt). QEMU has no
 * caches: a means to flush them that does nothing serves it. What caches do with it
 * is for the native model (tests/host/test_dma_cache.c) and for silicon.
 */
#include <string.h>

#include <arch/pgtable.h>
#include <lib/errno.h>
#include <mm/kmap.h>
#include <mm/layout.h>

#include "../../mm/dma_impl.h"
#include "../unit/slab_bed.h"

static void look(struct range pa)
{
	EXPECT(is_aligned(pa.start | pa.end, 64));
}

static const struct dma_cache nothing = {"nothing", 64, look, look, look};

static enum mem_attr attr_of(const void *p)
{
	struct mapping m;

	EXPECT(pgtable_query(&kernel_pgtable, (uintptr_t)p, &m));
	return m.attr;
}

static void buffer(struct dma_device *d)
{
	struct dma_buffer b;

	if (pte_attr(pte_leaf(0, VM_READ, ATTR_NC)) != ATTR_NC) {
		EXPECT_EQ(dma_alloc(d, &b, 5000, 0, 0), -EOPNOTSUPP);
		return;
	}
	REQUIRE(!dma_alloc(d, &b, 5000, 0, 0));
	EXPECT_EQ(attr_of(b.cpu), ATTR_NC);
	for (unsigned i = 0; i < 5000; i++)
		EXPECT(!((uint8_t *)b.cpu)[i]);
	memset(b.cpu, 0x5a, 5000);
	EXPECT_EQ(*(uint8_t *)phys_to_virt(b.bus + d->offset + 4999), 0x5a);
	dma_free(&b);
}

KTEST(dma_nc, buffers_are_uncached)
{
	const struct dma_cache *before = dma_cache();
	uint64_t frames = frames_used();
	struct dma_device d;

	dma_device_init(&d, "test");
	d.coherent = false;
	dma_set_cache(&nothing);
	buffer(&d);
	dma_set_cache(before);
	EXPECT(dma_device_idle(&d));
	EXPECT_EQ(frames_used(), frames);
}

/* Memory that is not in the direct map, as far as dma.c knows. */
KTEST(dma_nc, buffers_of_a_hidden_area)
{
	uint64_t frames = frames_used();
	struct page *p = page_alloc(2, 0);
	struct dma_area *before = dma_areas;
	struct dma_device d;
	struct dma_buffer b;
	struct range pa;

	REQUIRE(p);
	pa = range_make(page_to_phys(p), page_to_phys(p) + 4 * PAGE_SIZE);
	memset(phys_to_virt(pa.start), 0xff, range_size(pa));
	dma_areas = NULL;
	REQUIRE(!dma_area_add(1, "test", pa, false, false));
	dma_device_init(&d, "test");
	d.area = dma_areas;
	REQUIRE(!dma_alloc(&d, &b, 5000, 0, 0));
	EXPECT_EQ(attr_of(b.cpu), ATTR_NORMAL);
	EXPECT(b.cpu != phys_to_virt(pa.start) && b.bus == pa.start);
	for (unsigned i = 0; i < 5000; i++)
		EXPECT(!((uint8_t *)b.cpu)[i]);
	EXPECT(dma_area_lends(range_make(pa.start, pa.start + 8192)));
	EXPECT(!dma_area_lends(range_make(pa.start, pa.start + 8193)));
	dma_free(&b);
	EXPECT(!dma_area_lends(range_make(pa.start, pa.start + 8192)));
	d.coherent = false;
	buffer(&d);
	EXPECT(dma_device_idle(&d));
	kfree(dma_areas);
	dma_areas = before;
	page_free(p, 2);
	EXPECT_EQ(frames_used(), frames);
}

/* Sampled objects have pages of their own, far from the direct map. */
static void lend_guarded(struct dma_device *d, uint8_t *p)
{
	struct dma_map m;

	memset(p, 1, 100);
	EXPECT_EQ(dma_map(d, &m, p, 0, DMA_BOTH, 0), -EINVAL);
	EXPECT_EQ(dma_map(d, &m, p, PAGE_SIZE + 1, DMA_BOTH, 0), -EINVAL);
	EXPECT_EQ(dma_map(d, &m, p, SIZE_MAX, DMA_BOTH, 0), -EINVAL);
	REQUIRE(!dma_map(d, &m, p + 2, 90, DMA_BOTH, 0));
	EXPECT_EQ(d->bounced, 1);
	EXPECT_EQ(*(uint8_t *)phys_to_virt(m.bus + 89), 1);
	memset(phys_to_virt(m.bus), 2, 90);
	dma_unmap(&m);
	EXPECT(p[1] == 1 && p[2] == 2 && p[91] == 2 && p[92] == 1);
}

KTEST(dma_nc, guarded_objects_are_lent_by_bounce)
{
	struct kmem_cache *c = kmem_cache_create("test-dma", 100, 8, 0, NULL);
	struct slab_guard_stats s;
	struct dma_device d;
	uint64_t frames;
	void *p;

	REQUIRE(c);
	slab_guard_stats(&s);
	if (s.objects) {
		kmem_cache_destroy(c);
		return ktest_skip("sampling is on");
	}
	dma_device_init(&d, "test");
	/* The table of guarded pages is made once and stays. */
	REQUIRE(!slab_guard_start(2, 1) && !slab_guard_start(0, 0));
	frames = frames_used();
	REQUIRE(!slab_guard_start(2, 1));
	p = kmem_cache_alloc(c, 0);
	EXPECT((uintptr_t)p >= ARENA_BASE);
	lend_guarded(&d, p);
	kmem_cache_free(c, p);
	EXPECT(dma_device_idle(&d));
	EXPECT_EQ(slab_guard_start(0, 0), 0);
	EXPECT_EQ(kmem_cache_destroy(c), 0);
	EXPECT_EQ(frames_used(), frames);
}
