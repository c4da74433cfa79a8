/* Memory for devices: what they reach, buffers, lending, bounce buffers. */
#include <string.h>

#include <lib/errno.h>
#include <lib/rng.h>
#include <mm/dma.h>
#include <mm/fail.h>

#include "../../mm/dma_impl.h"
#include "slab_bed.h"

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

/* The device sees one page only, at address 0. It is free: on top of this hart's
 * stack, or, `drained`, anywhere. */
static void bounce(uint8_t *mine, bool drained)
{
	struct page *p = page_alloc(0, 0);
	struct dma_map m, n;
	struct dma_device d;
	uint8_t *its;

	REQUIRE(p);
	dma_device_init(&d, "test");
	its = phys_to_virt(page_to_phys(p));
	d.offset = page_to_phys(p);
	d.reach = range_make(d.offset, d.offset + PAGE_SIZE);
	page_free(p, 0);
	if (drained)
		reclaim();

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
	EXPECT(dma_device_idle(&d));
}

KTEST(dma, bounce_through_the_one_page_that_it_reaches)
{
	uint8_t *mine = kmalloc(4096, ALLOC_DMA32);
	uint64_t before = frames_used();

	REQUIRE(mine);
	for (unsigned i = 0; i < 64; i++)
		bounce(mine, i % 2);
	EXPECT_EQ(frames_used(), before);
	kfree(mine);
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

/* --- reaches --- */

/* All that buffers say is true. */
static void check_buffer(const struct dma_buffer *b, uint64_t align)
{
	const struct dma_device *d = b->device;
	struct range pa = {b->bus + d->offset, b->bus + d->offset + b->size};

	EXPECT(range_within(pa, d->reach));
	EXPECT(is_aligned(b->bus, align));
	EXPECT_EQ(virt_to_phys(b->cpu), pa.start);
}

#define BUFFERS 16

KTEST(dma, buffers_in_random_reaches)
{
	uint64_t before = frames_used(), steps = ktest_ops() / 100;
	struct rng rng = rng_seed(ktest_seed());
	struct range ram = {UINT64_MAX, 0};
	static struct dma_buffer b[BUFFERS];
	struct dma_device d[4];
	const struct range *given;

	for (unsigned n = zone_given(&given); n--; given++) {
		ram.start = min_u64(ram.start, given->start << PAGE_SHIFT);
		ram.end = max_u64(ram.end, given->end << PAGE_SHIFT);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(d); i++) {
		uint64_t more = range_size(ram) - MIB(1);
		uint64_t room = MIB(1) + rng_below(&rng, more >> 2 * i);

		dma_device_init(&d[i], "test");
		if (i & 1)
			d[i].reach.end = ram.start + room;
		if (i & 2)
			d[i].reach.start =
				ram.start + rng_below(&rng, room - MIB(1) + 1);
		d[i].offset = (i & 1) * MIB(2);
		d[i].reach.start = max_u64(d[i].reach.start, d[i].offset);
	}
	while (steps--) {
		unsigned i = (unsigned)rng_below(&rng, BUFFERS), err;
		uint64_t align = 1u << rng_below(&rng, 16);
		size_t size =
			1 + rng_below(&rng, rng_below(&rng, 2) ? 100000 : 5000);

		if (b[i].device) {
			const uint8_t *p = b[i].cpu;

			EXPECT(p[0] == i + 1 && p[b[i].size - 1] == i + 1);
			dma_free(&b[i]);
			continue;
		}
		err = (unsigned)-dma_alloc(&d[rng_below(&rng, ARRAY_SIZE(d))],
					   &b[i], size, align, 0);
		EXPECT(!err || err == ENOMEM);
		if (err)
			continue;
		check_buffer(&b[i], align);
		EXPECT(!((uint8_t *)b[i].cpu)[rng_below(&rng, size)]);
		memset(b[i].cpu, (int)i + 1, size);
	}
	for (unsigned i = 0; i < BUFFERS; i++)
		dma_free(&b[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(d); i++)
		EXPECT(dma_device_idle(&d[i]));
	EXPECT_EQ(frames_used(), before);
}

/* Down to the last that is in reach, and no further. */
KTEST(dma, what_is_in_reach_is_all_there_is)
{
	uint64_t before = frames_used();
	struct page *p = page_alloc(8, ALLOC_DMA32);
	struct dma_buffer b[2];
	struct dma_device d;
	paddr_t pa;

	REQUIRE(p);
	dma_device_init(&d, "test");
	pa = page_to_phys(p);
	page_free(p, 8);
	d.reach = range_make(pa, pa + MIB(1));
	REQUIRE(!dma_alloc(&d, &b[0], MIB(1), 0, 0));
	EXPECT_EQ(b[0].bus, pa);
	EXPECT_EQ(dma_alloc(&d, &b[1], 1, 0, 0), -ENOMEM);
	/* From 0 on: the zone has more, behind. */
	d.reach.start = 0;
	for (unsigned i = 0; i < 300; i++) {
		if (dma_alloc(&d, &b[1], KIB(4), 0, 0))
			break;
		check_buffer(&b[1], 0x1000);
		dma_free(&b[1]);
	}
	dma_free(&b[0]);
	EXPECT(dma_device_idle(&d));
	EXPECT_EQ(frames_used(), before);
}

/* It reaches more than what is below 4 GiB, but not everything. */
static void above_4g(uint64_t end)
{
	struct list low = LIST_INIT(low);
	struct dma_buffer b;
	struct dma_device d;
	struct page *p;

	dma_device_init(&d, "test");
	d.reach.end = end - PAGE_SIZE;
	for (unsigned order = MAX_ORDER + 1; order--;)
		while ((p = page_alloc(order, ALLOC_DMA32 | ALLOC_NORETRY |
						      ALLOC_RESERVE)))
			list_add(&low, &p->link);
	EXPECT_EQ(dma_alloc(&d, &b, 12345, 0, ALLOC_NORETRY), 0);
	if (b.device)
		check_buffer(&b, 0x1000);
	dma_free(&b);
	frames_give_back(&low);
}

KTEST(dma, memory_above_4g_serves_when_there_is_none_below)
{
	uint64_t before = frames_used(), end = 0;
	const struct range *given;

	for (unsigned n = zone_given(&given); n--; given++)
		end = max_u64(end, given->end << PAGE_SHIFT);
	if (end <= GIB(4) + MIB(1))
		return ktest_skip("no memory above 4 GiB");
	above_4g(end);
	EXPECT_EQ(frames_used(), before);
}

/* --- areas --- */

/* A block of page_alloc()'s as the only area there is. */
static struct page *area_begin(struct dma_area **before, bool mapped, bool free)
{
	struct page *p = page_alloc(4, 0);

	*before = dma_areas;
	dma_areas = NULL;
	if (p &&
	    dma_area_add(1, "test",
			 range_make(page_to_phys(p), page_to_phys(p) + KIB(64)),
			 mapped, free)) {
		page_free(p, 4);
		p = NULL;
	}
	if (p && free)
		page_free(p, 4);
	return p;
}

static void area_end(struct dma_area *before, struct page *p)
{
	if (!dma_areas->free)
		page_free(p, 4);
	EXPECT_EQ(dma_areas->used, 0);
	EXPECT_EQ(dma_areas->arena.count, 0);
	kfree(dma_areas);
	dma_areas = before;
}

KTEST(dma, buffers_come_from_the_devices_area)
{
	uint64_t before = frames_used();

	for (unsigned free = 0; free < 2; free++) {
		struct dma_area *areas;
		struct page *p = area_begin(&areas, true, free);
		struct dma_buffer b[3];
		struct dma_device d;

		REQUIRE(p);
		dma_device_init(&d, "test");
		d.area = dma_area_of(1);
		REQUIRE(d.area && !dma_area_of(2));
		EXPECT_EQ(dma_alloc(&d, &b[0], KIB(64) + 1, 0, 0), -ENOMEM);
		REQUIRE(!dma_alloc(&d, &b[0], 5000, 0, 0));
		memset(b[0].cpu, 0xff, 8192);
		REQUIRE(!dma_alloc(&d, &b[1], KIB(32), KIB(32), 0));
		check_buffer(&b[1], KIB(32));
		EXPECT(range_within(b[0].tag.range, d.area->pa));
		EXPECT(range_within(b[1].tag.range, d.area->pa));
		EXPECT_EQ(d.area->used, KIB(40));
		EXPECT_EQ(dma_alloc(&d, &b[2], KIB(32), 0, 0), -ENOMEM);
		dma_free(&b[0]);
		REQUIRE(!dma_alloc(&d, &b[2], KIB(32), 0, 0));
		EXPECT(!*(uint8_t *)b[2].cpu);
		dma_free(&b[1]);
		dma_free(&b[2]);
		/* An area that the device does not reach is of no use. */
		d.reach.start = d.area->pa.end;
		EXPECT_EQ(dma_alloc(&d, &b[0], 1, 0, 0), -ENOMEM);
		area_end(areas, p);
	}
	EXPECT_EQ(frames_used(), before);
}

/* --- pools --- */

static void check_pool(size_t size, size_t align, size_t boundary)
{
	struct dma_device d;
	struct dma_pool *p;
	static uint8_t *piece[600];
	dma_addr_t bus;

	dma_device_init(&d, "test");
	d.offset = MIB(1);
	d.reach.start = MIB(1);
	p = dma_pool_create(&d, "test-pool", size, align, boundary);
	REQUIRE(p);
	EXPECT(!dma_pool_alloc(p, ALLOC_ATOMIC, &bus));
	for (unsigned i = 0; i < ARRAY_SIZE(piece); i++) {
		piece[i] = dma_pool_alloc(p, 0, &bus);
		REQUIRE(piece[i]);
		EXPECT_EQ(bus + d.offset, virt_to_phys(piece[i]));
		EXPECT(!align || is_aligned(bus, align));
		EXPECT(!boundary ||
		       bus / boundary == (bus + size - 1) / boundary);
		memset(piece[i], (int)i, size);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(piece); i++)
		EXPECT(piece[i][0] == (uint8_t)i &&
		       piece[i][size - 1] == (uint8_t)i);
	for (unsigned i = 0; i < ARRAY_SIZE(piece); i += 2)
		dma_pool_free(p, piece[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(piece); i += 2) {
		piece[i] = dma_pool_alloc(p, ALLOC_ATOMIC, &bus);
		EXPECT(piece[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(piece); i++)
		dma_pool_free(p, piece[i]);
	dma_pool_destroy(p);
	EXPECT(dma_device_idle(&d));
}

KTEST(dma, pools_cut_pages_into_pieces)
{
	static const size_t bad[][3] = {
		{0, 0, 0},   {4097, 0, 0}, {8, 3, 0},	    {8, 8192, 0},
		{64, 0, 96}, {65, 0, 64},  {SIZE_MAX, 0, 0}};
	uint64_t before = frames_used();
	struct dma_device d;

	dma_device_init(&d, "test");
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT(!dma_pool_create(&d, "test-pool", bad[i][0], bad[i][1],
					bad[i][2]));
	dma_pool_destroy(NULL);
	check_pool(1, 0, 0);
	check_pool(16, 16, 4096);
	check_pool(24, 64, 32);
	check_pool(40, 8, 64);
	check_pool(100, 4, 4096);
	check_pool(100, 64, 128);
	check_pool(1000, 16, 2048);
	check_pool(3000, 0, 0);
	check_pool(4096, 4096, 8192);
	EXPECT_EQ(frames_used(), before);
}

KTEST(dma, pools_find_wrong_frees)
{
	struct dma_device d;
	struct dma_pool *p;
	dma_addr_t bus;
	uint8_t *piece, *other;

	dma_device_init(&d, "test");
	p = dma_pool_create(&d, "test-pool", 100, 0, 0);
	piece = dma_pool_alloc(p, 0, &bus);
	other = dma_pool_alloc(p, 0, &bus);
	REQUIRE(piece && other);
	bugs_begin();
	dma_pool_free(p, piece + 1);
	bugs_one(BUG_INVALID_FREE);
	dma_pool_free(p, (uint8_t *)align_down((uintptr_t)piece, PAGE_SIZE) +
				 PAGE_SIZE);
	bugs_one(BUG_INVALID_FREE);
	dma_pool_free(p, NULL);
	bugs_one(BUG_INVALID_FREE);
	dma_pool_free(p, piece);
	EXPECT_EQ(slab_bugs.n, 0);
	dma_pool_free(p, piece);
	bugs_one(BUG_DOUBLE_FREE);
	EXPECT(!strcmp(slab_bugs.last.cache, "test-pool"));
	dma_pool_destroy(p);
	bugs_one(BUG_LEAK);
	EXPECT(!dma_device_idle(&d));
	dma_pool_free(p, other);
	dma_pool_destroy(p);
	EXPECT(dma_device_idle(&d));
	EXPECT_EQ(slab_bugs.n, 0);
	bugs_end();
}

/* --- who has it --- */

KTEST(dma, wrong_turns_are_found)
{
	uint8_t *p = kmalloc(64, ALLOC_DMA32);
	struct dma_device d;
	struct dma_map m;

	REQUIRE(p);
	if (!DEBUG_CHECKS) {
		kfree(p);
		return ktest_skip("debug builds look at this");
	}
	dma_device_init(&d, "test");
	bugs_begin();
	REQUIRE(!dma_map(&d, &m, p, 64, DMA_TO_DEVICE, 0));
	EXPECT(!dma_device_idle(&d));
	dma_sync_for_device(&m);
	bugs_one(BUG_DMA_TURN);
	p[63] ^= 1;
	dma_sync_for_cpu(&m);
	bugs_one(BUG_DMA_CHANGED);
	dma_sync_for_cpu(&m);
	bugs_one(BUG_DMA_TURN);
	p[0] ^= 1;
	dma_sync_for_device(&m);
	EXPECT_EQ(slab_bugs.n, 0);
	p[0] ^= 1;
	dma_unmap(&m);
	bugs_one(BUG_DMA_CHANGED);
	dma_unmap(&m);
	bugs_one(BUG_DOUBLE_FREE);
	dma_sync_for_cpu(&m);
	bugs_one(BUG_DMA_TURN);
	EXPECT(dma_device_idle(&d));
	bugs_end();
	kfree(p);
}

/* --- no memory --- */

/* Everything once; false: no memory. */
static bool use_all(struct dma_device *d, struct page *away)
{
	struct dma_pool *p = dma_pool_create(d, "test-pool", 64, 0, 0);
	struct dma_buffer b = {0};
	struct dma_map m = {0};
	dma_addr_t bus;
	bool ok = p && dma_pool_alloc(p, 0, &bus);

	if (ok)
		dma_pool_free(p, (uint8_t *)phys_to_virt(bus));
	ok = ok && !dma_alloc(d, &b, 12345, 0, 0) &&
	     !dma_map(d, &m, phys_to_virt(page_to_phys(away)), 100, DMA_BOTH,
		      0);
	dma_unmap(&m);
	dma_free(&b);
	dma_pool_destroy(p);
	return ok;
}

KTEST(dma, each_failed_allocation_leaves_nothing)
{
	struct page *away = page_alloc(0, 0);
	uint64_t before, n;
	struct dma_device d;
	bool ok = false;

	REQUIRE(away);
	dma_device_init(&d, "test");
	/* All but that page, which so needs a bounce buffer. */
	if (page_to_phys(away) > GIB(4))
		d.reach.end = page_to_phys(away);
	else
		d.reach.start = page_to_phys(away) + PAGE_SIZE;
	if (!use_all(&d, away)) {
		page_free(away, 0);
		return ktest_skip("no memory");
	}
	before = frames_used();
	for (n = 1; !ok; n++) {
		fail_arm(n, true);
		ok = use_all(&d, away);
		fail_arm(0, false);
		EXPECT(dma_device_idle(&d));
		EXPECT_EQ(frames_used(), before);
	}
	EXPECT(n > 5);
	page_free(away, 0);
	fail_arm(1, true);
	EXPECT_EQ(dma_area_add(1, "test", range_make(0, PAGE_SIZE), true, true),
		  -ENOMEM);
	fail_arm(0, false);
}
