/*
 * Object caches against a naive model: each live object is filled with bytes
 * that only it has, so that two that overlap, or one that somebody else writes
 * to, are seen when it is freed. Attacks the invariants of slab.c and
 * slab_pages.c, which slab_check() knows.
 */
#include <string.h>

#include <lib/rng.h>
#include <mm/fail.h>

#include "slab_bed.h"

#define SLOTS 512

struct model {
	struct kmem_cache *cache;
	size_t size, align;
	uint8_t *obj[SLOTS];
	uint8_t mark[SLOTS];
	unsigned n;
	bool built; /* by a constructor */
	void *some[200];
	struct rng rng;
};

static const char *const name = "test-slab";

/* What a constructor leaves in the first byte, and the last. */
static size_t ctor_size;
static uint64_t ctor_calls;

static void ctor(void *obj)
{
	memset(obj, 0x77, ctor_size);
	ctor_calls++;
}

static bool all_bytes(const uint8_t *p, size_t size, uint8_t byte)
{
	for (size_t i = 0; i < size; i++)
		if (p[i] != byte)
			return false;
	return true;
}

static void came(struct model *m, uint8_t *obj, bool zeroed)
{
	uint8_t mark = (uint8_t)rng_next(&m->rng);

	EXPECT(!((uintptr_t)obj % m->align));
	if (m->built && !zeroed)
		EXPECT(all_bytes(obj, m->size, 0x77));
	if (zeroed)
		EXPECT(all_bytes(obj, m->size, 0));
	memset(obj, mark, m->size);
	m->obj[m->n] = obj;
	m->mark[m->n++] = mark;
}

/* Check one, take it out of the model. */
static uint8_t *goes(struct model *m)
{
	unsigned i = (unsigned)rng_below(&m->rng, m->n);
	uint8_t *obj = m->obj[i];

	EXPECT(all_bytes(obj, m->size, m->mark[i]));
	m->n--;
	m->obj[i] = m->obj[m->n];
	m->mark[i] = m->mark[m->n];
	if (m->built)
		memset(obj, 0x77, m->size);
	return obj;
}

static void alloc_some(struct model *m)
{
	unsigned flags = rng_below(&m->rng, 8) ? 0 : ALLOC_ZERO;
	size_t n = rng_below(&m->rng, ARRAY_SIZE(m->some));
	void **obj = m->some;

	if (rng_below(&m->rng, 16) || m->n + n > SLOTS) {
		if (m->n < SLOTS)
			came(m, kmem_cache_alloc(m->cache, flags), flags);
		return;
	}
	EXPECT(kmem_cache_alloc_bulk(m->cache, flags, n, obj));
	for (size_t i = 0; i < n; i++)
		came(m, obj[i], flags);
}

static void free_some(struct model *m)
{
	size_t n = rng_below(&m->rng, ARRAY_SIZE(m->some)), i;
	void **obj = m->some;

	if (rng_below(&m->rng, 16) || n > m->n) {
		if (m->n)
			kmem_cache_free(m->cache, goes(m));
		return;
	}
	for (i = 0; i < n; i++)
		obj[i] = goes(m);
	kmem_cache_free_bulk(m->cache, n, obj);
}

/* In long runs of more allocations, or more frees. */
static void step(struct model *m, uint64_t i)
{
	if (rng_below(&m->rng, 8) < (i / 512 % 2 ? 3 : 5))
		alloc_some(m);
	else
		free_some(m);
	if (!rng_below(&m->rng, 2000))
		kmem_cache_shrink(m->cache);
	if (i % 64 == 0) {
		const char *err = slab_check();

		if (err)
			ktest_fail(__FILE__, __LINE__, "%s", err);
		EXPECT_EQ(stats_of(name).objects, m->n);
	}
}

static void run_model(size_t size, size_t align, unsigned debug, bool built,
		      uint64_t steps)
{
	struct model *m = ktest_alloc(sizeof(*m));
	uint64_t before = frames_used();

	if (!m)
		return ktest_skip("no memory");
	slab_debug_only(debug);
	ctor_size = size;
	ctor_calls = 0;
	*m = (struct model){.size = size,
			    .align = align ? align : 1,
			    .built = built,
			    .rng = rng_seed(ktest_seed() + size)};
	m->cache = kmem_cache_create(name, size, align, 0, built ? ctor : NULL);
	slab_debug_default();
	REQUIRE(m->cache);
	KTEST_STEPS (i, steps)
		step(m, i);
	while (m->n)
		kmem_cache_free(m->cache, goes(m));
	if (built)
		EXPECT_EQ(ctor_calls,
			  stats_of(name).grown * stats_of(name).per_slab);
	EXPECT_EQ(kmem_cache_destroy(m->cache), 0);
	EXPECT(!slab_check());
	EXPECT_EQ(frames_used(), before);
}

KTEST(slab, property_small_objects)
{
	run_model(24, 8, 0, false, ktest_ops() / 3);
}

KTEST(slab, property_objects_with_bitmap_in_page)
{
	run_model(200, 0, 0, false, ktest_ops() / 3);
}

KTEST(slab, property_large_objects_aligned)
{
	run_model(1500, 512, 0, false, ktest_ops() / 12);
}

KTEST(slab, property_constructed)
{
	run_model(72, 8, 0, true, ktest_ops() / 6);
}

KTEST(slab, property_debug)
{
	run_model(40, 8, SLAB_DEBUG, false, ktest_ops() / 60);
	run_model(100, 32, SLAB_RANDOM, false, ktest_ops() / 60);
	run_model(104, 0, SLAB_DEBUG, true, ktest_ops() / 60);
}

/* --- layout --- */

static void check_layout(size_t size, size_t align)
{
	struct kmem_cache *c = kmem_cache_create(name, size, align, 0, NULL);
	struct slab_stats s = stats_of(name);
	uint64_t bytes = PAGE_SIZE << s.order;
	uint8_t *p;

	REQUIRE(c);
	EXPECT((bytes - s.per_slab * s.stride) * 8 < bytes);
	EXPECT(s.stride >= size && s.stride < size + s.align);
	p = kmem_cache_alloc(c, 0);
	REQUIRE(p);
	EXPECT(!((uintptr_t)p % s.align));
	memset(p, 0xee, size);
	kmem_cache_free(c, p);
	if (kmem_cache_destroy(c) || slab_check())
		ktest_fail(__FILE__, __LINE__, "size %zu align %zu", size,
			   align);
}

KTEST(slab, waste_is_below_an_eighth_at_all_sizes)
{
	uint64_t before = frames_used();

	slab_debug_only(0);
	for (size_t size = 1; size <= SLAB_MAX_SIZE; size++)
		check_layout(size, 0);
	for (size_t align = 1; align <= PAGE_SIZE; align *= 2)
		for (size_t size = 1; size <= SLAB_MAX_SIZE; size += 61)
			check_layout(size, align);
	slab_debug_default();
	EXPECT_EQ(frames_used(), before);
}

KTEST(slab, no_such_cache)
{
	EXPECT(!kmem_cache_create(name, 0, 0, 0, NULL));
	EXPECT(!kmem_cache_create(name, SLAB_MAX_SIZE + 1, 0, 0, NULL));
	EXPECT(!kmem_cache_create(name, 64, 3, 0, NULL));
	EXPECT(!kmem_cache_create(name, 64, 2 * PAGE_SIZE, 0, NULL));
}

KTEST(slab, flags_of_a_cache)
{
	struct kmem_cache *c =
		kmem_cache_create(name, 40, 0, SLAB_HWALIGN, NULL);
	struct slab_stats s = stats_of(name);
	void *p;

	EXPECT_EQ(s.align, 64);
	EXPECT(!(s.stride % 64));
	EXPECT_EQ(kmem_cache_destroy(c), 0);
	c = kmem_cache_create(name, 40, 0, SLAB_DMA32, NULL);
	p = kmem_cache_alloc(c, 0);
	if (p)
		EXPECT(virt_to_phys(p) < GIB(4));
	kmem_cache_free(c, p);
	kmem_cache_free(c, NULL);
	EXPECT_EQ(kmem_cache_destroy(c), 0);
}

KTEST(slab, drawn_order)
{
	struct kmem_cache *c = kmem_cache_create(
		name, 256, 0, SLAB_RANDOM | SLAB_NOGUARD, NULL);
	unsigned ascending = 0;
	uint8_t *p[16];

	for (unsigned i = 0; i < 16; i++) {
		p[i] = kmem_cache_alloc(c, 0);
		ascending += i && p[i] > p[i - 1];
	}
	EXPECT(ascending < 15);
	for (unsigned i = 0; i < 16; i++)
		kmem_cache_free(c, p[i]);
	EXPECT_EQ(kmem_cache_destroy(c), 0);
}

/* --- out of memory --- */

KTEST(slab, exhaustion_is_null_and_nothing_is_lost)
{
	uint64_t before = frames_used(), n = 0;
	struct kmem_cache *c;
	struct list frames;
	void *last = NULL, *p;

	slab_debug_only(0);
	c = kmem_cache_create(name, 512, 0, 0, NULL);
	slab_debug_default();
	REQUIRE(c);
	frames_take_all(&frames);
	/* A chain through the objects. */
	while ((p = kmem_cache_alloc(c, 0))) {
		*(void **)p = last;
		last = p;
		n++;
	}
	EXPECT(!kmem_cache_alloc(c, ALLOC_ATOMIC));
	EXPECT(!kmem_cache_alloc_bulk(c, 0, 1, &p));
	EXPECT_EQ(stats_of(name).objects, n);
	EXPECT(!slab_check());
	while (last) {
		p = last;
		last = *(void **)p;
		kmem_cache_free(c, p);
	}
	frames_give_back(&frames);
	EXPECT_EQ(kmem_cache_destroy(c), 0);
	EXPECT_EQ(frames_used(), before);
}

/* The n-th allocation fails, for each n: nothing happened. */
static bool try_bulk(struct kmem_cache *c)
{
	void *obj[100];

	if (!kmem_cache_alloc_bulk(c, 0, 100, obj))
		return false;
	kmem_cache_free_bulk(c, 100, obj);
	return true;
}

static bool try_create(struct kmem_cache *c)
{
	(void)c;
	c = kmem_cache_create("test-other", 3000, 0, 0, NULL);
	return c && !kmem_cache_destroy(c);
}

static bool try_alloc(struct kmem_cache *c)
{
	void *p = kmem_cache_alloc(c, 0);

	kmem_cache_free(c, p);
	return p;
}

KTEST(slab, each_failure_leaves_all_as_it_was)
{
	static bool (*const op[])(struct kmem_cache * c) = {try_alloc, try_bulk,
							    try_create};
	struct kmem_cache *c = kmem_cache_create(name, 700, 0, 0, NULL);
	uint64_t before = frames_used();

	REQUIRE(c);
	for (unsigned i = 0; i < ARRAY_SIZE(op); i++) {
		for (uint64_t n = 1;; n++) {
			bool ok;

			fail_arm(n, false);
			ok = op[i](c);
			if (ok && fail_count() < n)
				break;
			fail_arm(0, false);
			EXPECT_EQ(stats_of(name).objects, 0);
			EXPECT(!slab_check());
			EXPECT_EQ(frames_used(), before);
		}
		fail_arm(0, false);
		EXPECT(op[i](c));
	}
	EXPECT_EQ(kmem_cache_destroy(c), 0);
}
