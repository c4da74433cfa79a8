/*
 * Devices that don't see caches, on a model of caches that shows each maintenance
 * that is missing (cache_model.h); and everything at random: what is lent is, on
 * both sides, byte by byte what it should be.
 */
#include <string.h>

#include <asm/features.h>
#include <host/cache.h>
#include <host/ram.h>
#include <lib/errno.h>
#include <lib/rng.h>
#include <mm/kmap.h>

#include "../unit/arch_bed.h"
#include "../unit/slab_bed.h"
#include "cache_model.h"

#define SIZE   8192 /* of what is lent from */
#define SHAKES 64

static void begin(uint64_t seed)
{
	cache_model_begin(cache_model.line, seed);
	dma_set_cache(&cache_model);
}

static void end(void)
{
	dma_set_cache(NULL);
	cache_model_end();
}

/* The device's view of memory that it was lent. */
static void device_read(const struct dma_map *m, size_t at, void *to,
			size_t size)
{
	paddr_t pa = m->bus + m->device->offset + at;

	EXPECT(range_within(range_make(pa, pa + size), m->device->reach));
	if (m->device->coherent)
		memcpy(to, phys_to_virt(pa), size);
	else
		cache_model_read(pa, to, size);
}

static void device_write(const struct dma_map *m, size_t at, const void *from,
			 size_t size)
{
	paddr_t pa = m->bus + m->device->offset + at;

	EXPECT(range_within(range_make(pa, pa + size), m->device->reach));
	if (m->device->coherent)
		memcpy(phys_to_virt(pa), from, size);
	else
		cache_model_write(pa, from, size);
}

static bool device_sees(const struct dma_map *m, const uint8_t *what)
{
	static uint8_t buf[SIZE];

	device_read(m, 0, buf, m->size);
	return !memcmp(buf, what, m->size);
}

/* --- each hand-over, for each direction, on whole lines and on parts --- */

static uint8_t pattern[SIZE];

static void new_pattern(uint8_t seed)
{
	for (size_t i = 0; i < SIZE; i++)
		pattern[i] = (uint8_t)(seed + 37 * i + (i >> 8));
}

static void one_transfer(struct dma_device *d, uint8_t *p, size_t size,
			 enum dma_dir dir)
{
	struct dma_map m;

	new_pattern(1);
	memcpy(p, pattern, size);
	REQUIRE(!dma_map(d, &m, p, size, dir, 0));
	cache_model_shake(SHAKES);
	EXPECT(device_sees(&m, pattern));
	/* All that it writes but one byte. */
	if (dir & DMA_FROM_DEVICE) {
		uint8_t keep = pattern[0];

		new_pattern(2);
		pattern[0] = keep;
		device_write(&m, 1, pattern + 1, size - 1);
	}
	cache_model_shake(SHAKES);
	dma_sync_for_cpu(&m);
	EXPECT(!memcmp(p, pattern, size));
	cache_model_shake(SHAKES);
	new_pattern(3);
	memcpy(p, pattern, size);
	dma_sync_for_device(&m);
	cache_model_shake(SHAKES);
	EXPECT(device_sees(&m, pattern));
	if (dir & DMA_FROM_DEVICE) {
		new_pattern(4);
		device_write(&m, 0, pattern, size);
	}
	cache_model_shake(SHAKES);
	dma_unmap(&m);
	cache_model_shake(SHAKES);
	EXPECT(!memcmp(p, pattern, size));
}

static void transfers(void)
{
	static const struct {
		size_t at, size;
	} part[] = {{0, 4096}, {64, 64}, {0, 8}, {4090, 12}, {100, 2000}};
	uint8_t *p = kmalloc(SIZE, ALLOC_DMA32);
	uint64_t before = frames_used();
	struct dma_device d;

	REQUIRE(p);
	dma_device_init(&d, "test");
	d.coherent = false;
	for (unsigned i = 0; i < ARRAY_SIZE(part); i++)
		for (unsigned dir = DMA_TO_DEVICE; dir <= DMA_BOTH; dir++)
			one_transfer(&d, p + part[i].at, part[i].size,
				     (enum dma_dir)dir);
	/* Parts of lines are not the device's to write. */
	EXPECT_EQ(d.bounced, 6);
	EXPECT(dma_device_idle(&d));
	EXPECT_EQ(frames_used(), before);
	kfree(p);
}

KTEST(dma_cache, transfers)
{
	begin(ktest_seed());
	transfers();
	end();
}

/* The same by the harts' instructions. */
static void by_harts(enum host_cbo op, vaddr_t va)
{
	static const enum cache_op to[] = {
		[HOST_CBO_INVAL] = CACHE_INVALIDATE,
		[HOST_CBO_CLEAN] = CACHE_CLEAN,
		[HOST_CBO_FLUSH] = CACHE_FLUSH,
	};

	cache_model_op(to[op], virt_to_phys((void *)(uintptr_t)va));
}

KTEST(dma_cache, transfers_by_the_harts_instructions)
{
	begin(ktest_seed());
	dma_set_cache(NULL);
	host_cbo = by_harts;
	riscv_features.cbom_block = 64;
	EXPECT_EQ(dma_cache()->line, 64);
	transfers();
	riscv_features.cbom_block = 0;
	host_cbo = NULL;
	EXPECT(!dma_cache());
	end();
}

KTEST(dma_cache, without_means_nothing_is_lent)
{
	uint8_t *p = kmalloc(64, ALLOC_DMA32);
	struct dma_device d;
	struct dma_buffer b;
	struct dma_map m;

	dma_device_init(&d, "test");
	d.coherent = false;
	EXPECT_EQ(dma_map(&d, &m, p, 64, DMA_BOTH, 0), -EOPNOTSUPP);
	EXPECT_EQ(dma_alloc(&d, &b, 64, 0, 0), -EOPNOTSUPP);
	begin(1);
	/* The cache can be flushed, but nothing be mapped uncached. */
	EXPECT_EQ(dma_alloc(&d, &b, 64, 0, 0), -EOPNOTSUPP);
	end();
	EXPECT(dma_device_idle(&d));
	kfree(p);
}

/* What both see all the time is cleared in memory, not only in a cache, and no line
 * of it is ever written back; afterwards no cache knows anything old. */
static void buffers(void)
{
	static const uint8_t zero[PAGE_SIZE];
	uint8_t buf[PAGE_SIZE], seven[PAGE_SIZE];
	struct dma_device d;
	struct dma_buffer b;
	struct mapping map;
	paddr_t pa;

	dma_device_init(&d, "test");
	d.coherent = false;
	REQUIRE(!dma_alloc(&d, &b, PAGE_SIZE, 0, 0));
	pa = b.bus;
	REQUIRE(pgtable_query(&kernel_pgtable, (uintptr_t)b.cpu, &map));
	EXPECT_EQ(map.pa + ((uintptr_t)b.cpu - map.va.start), pa);
	EXPECT_EQ(map.attr, ATTR_NC);
	cache_model_read(pa, buf, sizeof(buf));
	EXPECT(!memcmp(buf, zero, sizeof(buf)));
	memset(seven, 7, sizeof(seven));
	cache_model_write(pa, seven, sizeof(seven));
	cache_model_shake(SHAKES);
	cache_model_read(pa, buf, sizeof(buf));
	EXPECT(!memcmp(buf, seven, sizeof(buf)));
	dma_free(&b);
	EXPECT(!memcmp(phys_to_virt(pa), buf, sizeof(buf)));
	EXPECT(!pgtable_query(&kernel_pgtable, (uintptr_t)b.cpu, &map));
	EXPECT(dma_device_idle(&d));
	reclaim();
}

KTEST(dma_cache, buffers_are_in_memory)
{
	uint64_t before = frames_used();

	pte_features_set(true, false);
	begin(ktest_seed());
	arch_bed_run(buffers);
	end();
	pte_features_set(false, false);
	EXPECT_EQ(frames_used(), before);
}

/* --- everything, at random --- */

#define DEVICES 10
#define SLOTS	12

static struct {
	struct dma_map map;
	uint8_t *p;
	uint8_t has[SIZE]; /* what is where p is */
	size_t at;
	bool lent;
} slot[SLOTS];
static struct dma_device device[DEVICES];
static struct rng rng;

static void fill(uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		p[i] = (uint8_t)rng_next(&rng);
}

static void draw_device(struct dma_device *d)
{
	uint64_t first = rng_below(&rng, HOST_RAM_SIZE / 2);
	uint64_t size = MIB(1) + rng_below(&rng, HOST_RAM_SIZE / 2);

	dma_device_init(d, "test");
	d->coherent = rng_below(&rng, 2);
	switch (rng_below(&rng, 5)) {
	case 0:
		d->reach.start = HOST_RAM_START + first;
		d->reach.end = d->reach.start + size;
		d->offset = rng_next(&rng) % d->reach.start & ~(PAGE_SIZE - 1);
		break;
	case 1:
		EXPECT_EQ(dma_set_mask(d, UINT32_MAX), 0);
		break;
	case 2:
		d->reach.start = MIB(64);
		d->offset = MIB(64);
		EXPECT_EQ(dma_set_mask(d, GIB(4) - 1), 0);
		break;
	case 3:
		d->reach.end = HOST_RAM_START + size;
	}
}

static void step_map(unsigned i)
{
	struct dma_device *d = &device[rng_below(&rng, DEVICES)];
	enum dma_dir dir = (enum dma_dir)(1 + rng_below(&rng, 3));
	size_t align = rng_below(&rng, 2) ? 64 : 1;
	size_t size, max = rng_below(&rng, 2) ? SIZE : 300;
	int err;

	slot[i].at = rng_below(&rng, max) / align * align;
	size = 1 + rng_below(&rng, max - slot[i].at);
	size = align_up(size, align);
	err = dma_map(d, &slot[i].map, slot[i].p + slot[i].at, size, dir,
		      rng_below(&rng, 2) ? ALLOC_ATOMIC : 0);
	EXPECT(!err || err == -ENOMEM);
	slot[i].lent = !err;
}

/* The device reads all, and writes a part if it may. */
static void step_device(unsigned i)
{
	const struct dma_map *m = &slot[i].map;
	uint8_t *has = slot[i].has + slot[i].at;
	size_t at = rng_below(&rng, m->size);
	size_t size = 1 + rng_below(&rng, m->size - at);

	EXPECT(device_sees(m, has));
	if (!(m->dir & DMA_FROM_DEVICE))
		return;
	fill(has + at, size);
	device_write(m, at, has + at, size);
}

/* What is not lent is the CPU's, next to what is, too. */
static void step_neighbours(unsigned i)
{
	size_t first = slot[i].at, behind = first + slot[i].map.size;

	if (first) {
		fill(slot[i].has + first - 1, 1);
		slot[i].p[first - 1] = slot[i].has[first - 1];
	}
	if (behind < SIZE) {
		fill(slot[i].has + behind, 1);
		slot[i].p[behind] = slot[i].has[behind];
	}
}

static void step_sync(unsigned i)
{
	uint8_t *has = slot[i].has + slot[i].at;
	struct dma_map *m = &slot[i].map;

	dma_sync_for_cpu(m);
	EXPECT(!memcmp(slot[i].p, slot[i].has, SIZE));
	cache_model_shake(4);
	if (rng_below(&rng, 2)) {
		fill(has, m->size);
		memcpy(m->cpu, has, m->size);
	}
	if (rng_below(&rng, 4)) {
		dma_sync_for_device(m);
	} else {
		dma_unmap(m);
		slot[i].lent = false;
		EXPECT(!memcmp(slot[i].p, slot[i].has, SIZE));
	}
}

static void step(void)
{
	unsigned i = (unsigned)rng_below(&rng, SLOTS);

	cache_model_shake(4);
	if (!slot[i].lent) {
		fill(slot[i].has, SIZE);
		memcpy(slot[i].p, slot[i].has, SIZE);
		step_map(i);
		return;
	}
	switch (rng_below(&rng, 4)) {
	case 0:
		step_device(i);
		break;
	case 1:
		step_neighbours(i);
		break;
	case 2:
		step_sync(i);
		break;
	case 3:
		dma_unmap(&slot[i].map);
		slot[i].lent = false;
		EXPECT(!memcmp(slot[i].p, slot[i].has, SIZE));
	}
}

KTEST(dma_cache, everything_at_random)
{
	uint64_t before, steps = ktest_ops() / 20;

	rng = rng_seed(ktest_seed());
	begin(ktest_seed());
	for (unsigned i = 0; i < DEVICES; i++)
		draw_device(&device[i]);
	for (unsigned i = 0; i < SLOTS; i++) {
		slot[i].p = kmalloc(SIZE, i % 2 ? ALLOC_DMA32 : 0);
		REQUIRE(slot[i].p);
	}
	before = frames_used();
	while (steps--)
		step();
	for (unsigned i = 0; i < SLOTS; i++) {
		if (slot[i].lent)
			dma_unmap(&slot[i].map);
		slot[i].lent = false;
	}
	for (unsigned i = 0; i < DEVICES; i++)
		EXPECT(dma_device_idle(&device[i]));
	end();
	EXPECT_EQ(frames_used(), before);
	for (unsigned i = 0; i < SLOTS; i++)
		kfree(slot[i].p);
}
