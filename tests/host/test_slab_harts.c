/*
 * Caches on several simulated harts: what one allocates another frees, magazines
 * wander through the depot, harts drain and shrink meanwhile. Each object is full
 * of a number of its own, which whoever frees it must find there.
 */
#include <host/harts.h>
#include <kernel/ktest.h>
#include <lib/rng.h>
#include <mm/kmalloc.h>
#include <mm/reclaim.h>

#define HARTS	4
#define BOXES	48
#define WORDS	8
#define ROUNDS	600
#define BATCHES 40

static struct {
	struct kmem_cache *cache;
	uint64_t *box[BOXES]; /* objects on their way (a) */
	uint64_t next;	      /* (a) */
	unsigned wrong;	      /* (a) */
	uint64_t seed;
} t;

static uint64_t *fresh(void *p)
{
	uint64_t *obj = p;
	uint64_t mark = __atomic_add_fetch(&t.next, 1, __ATOMIC_RELAXED);

	for (unsigned i = 0; obj && i < WORDS; i++)
		obj[i] = mark;
	return obj;
}

static void check(const uint64_t *obj)
{
	for (unsigned i = 1; i < WORDS; i++)
		if (obj[i] != obj[0])
			__atomic_fetch_add(&t.wrong, 1, __ATOMIC_RELAXED);
}

/* Into a box; what was there goes, by whichever hart that is. */
static void pass_on(struct rng *r, uint64_t *obj)
{
	uint64_t *old = __atomic_exchange_n(&t.box[rng_below(r, BOXES)], obj,
					    __ATOMIC_ACQ_REL);

	if (!old)
		return;
	check(old);
	kmem_cache_free(t.cache, old);
}

/* Many of one, then many of the other: so that magazines move. */
static void batch(struct rng *r)
{
	void *obj[BATCHES];
	size_t n = rng_below(r, BATCHES);

	if (!kmem_cache_alloc_bulk(t.cache, ALLOC_ATOMIC, n, obj))
		return;
	for (size_t i = 0; i < n; i++)
		fresh(obj[i]);
	for (size_t i = 0; i < n; i++)
		check(obj[i]);
	if (rng_below(r, 2)) {
		kmem_cache_free_bulk(t.cache, n, obj);
		return;
	}
	for (size_t i = 0; i < n; i++)
		pass_on(r, obj[i]);
}

/* As a command does, while others are at it: nobody is accused of anything, and
 * figures stay within reason. */
static void look(void)
{
	struct slab_stats s;

	if (slab_check())
		__atomic_fetch_add(&t.wrong, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; slab_stats(i, &s); i++)
		if (s.objects > s.slabs * s.per_slab ||
		    s.cached > s.slabs * s.per_slab)
			__atomic_fetch_add(&t.wrong, 1, __ATOMIC_RELAXED);
}

static void work(void)
{
	struct rng r = rng_seed(t.seed + arch_cpu());

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t what = rng_below(&r, 64);
		void *p;

		if (what == 0) {
			reclaim_drain_hart();
		} else if (what == 1) {
			kmem_cache_shrink(t.cache);
		} else if (what == 2) {
			look();
		} else if (what < 12) {
			batch(&r);
		} else if (what < 16) {
			p = kmalloc(rng_below(&r, 300), ALLOC_ATOMIC);
			kfree(p);
		} else {
			pass_on(&r,
				fresh(kmem_cache_alloc(t.cache, ALLOC_ATOMIC)));
		}
	}
}

static void run(unsigned debug, uint64_t seed)
{
	static const struct harts_hooks hooks;
	void (*fn[HARTS])(void) = {work, work, work, work};
	unsigned was = slab_debug;
	const char *err;

	slab_debug = debug;
	t.cache = kmem_cache_create("test-harts", WORDS * 8, 0, 0, NULL);
	slab_debug = was;
	REQUIRE(t.cache);
	t.wrong = 0;
	t.seed = seed;
	harts_run(HARTS, fn, &hooks, seed);
	EXPECT_EQ(t.wrong, 0);
	for (unsigned i = 0; i < BOXES; i++) {
		kmem_cache_free(t.cache, t.box[i]);
		t.box[i] = NULL;
	}
	err = slab_check();
	if (err)
		ktest_fail(__FILE__, __LINE__, "seed %llu: %s",
			   (unsigned long long)seed, err);
	EXPECT_EQ(kmem_cache_destroy(t.cache), 0);
}

KTEST(slab_harts, objects_wander_between_harts)
{
	for (uint64_t i = 0; i < ktest_ops() / 50000 + 1; i++) {
		run(0, ktest_seed() + i);
		run(SLAB_DEBUG, ktest_seed() + i);
	}
}
