/*
 * The hot paths of the allocators touch nothing that another hart writes, and use
 * neither locks nor other atomics. By counting, on simulated harts.
 *
 * Each hart warms its caches up; then all harts' loops are counted together: pairs,
 * and short runs of allocations that are freed in another order. Objects are
 * written by who owns them, as everybody does.
 */
#include <string.h>

#include <host/harts.h>
#include <kernel/ktest.h>
#include <kernel/printk.h>
#include <mm/kmalloc.h>
#include <mm/layout.h>

#include "planted.h"
#include "traffic.h"

#define HARTS  4
#define ROUNDS 200
#define RUN    8 /* allocations in a row */

struct path {
	const char *name;
	void *(*get)(void);
	void (*put)(void *p);
};

static struct {
	const struct path *path;
	unsigned harts;
	unsigned arrived[4]; /* at each meeting (a) */
	struct traffic traffic;
	struct kmem_cache *cache;
} t;

/* One after the other: no hart goes on before all have come. */
static void meet(unsigned which)
{
	__atomic_fetch_add(&t.arrived[which], 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&t.arrived[which], __ATOMIC_RELAXED) < t.harts)
		arch_relax();
}

static void round_of(const struct path *path)
{
	void *p[RUN];

	path->put(path->get());
	for (unsigned i = 0; i < RUN; i++) {
		p[i] = path->get();
		EXPECT(p[i]);
	}
	for (unsigned i = 0; i < RUN; i++)
		path->put(p[(i * 3) % RUN]);
}

static void loops(void)
{
	for (unsigned i = 0; i < 4; i++)
		round_of(t.path);
	meet(0);
	if (arch_cpu() == 0)
		traffic_start();
	meet(1);
	for (unsigned i = 0; i < ROUNDS; i++)
		round_of(t.path);
	meet(2);
	if (arch_cpu() == 0)
		traffic_stop(&t.traffic);
	meet(3); /* a hart that is through drains its caches */
}

static void count(const struct path *path, unsigned harts)
{
	void (*const fn[HARTS])(void) = {loops, loops, loops, loops};
	const struct harts_hooks hooks = {.ipi = NULL};

	t.path = path;
	t.harts = harts;
	memset(t.arrived, 0, sizeof(t.arrived));
	harts_run(harts, fn, &hooks, ktest_seed());
}

static void *get_frame(void)
{
	return page_alloc(0, 0);
}

static void put_frame(void *p)
{
	page_free(p, 0);
}

static void *get_kmalloc(void)
{
	return kmalloc(64, 0);
}

static void *get_object(void)
{
	return kmem_cache_alloc(t.cache, 0);
}

static void put_object(void *p)
{
	kmem_cache_free(t.cache, p);
}

static void expect_none(const struct path *path)
{
	for (unsigned harts = 2; harts <= HARTS; harts += 2) {
		count(path, harts);
		/* It was counted at all. */
		EXPECT(t.traffic.stores >= harts * ROUNDS * (RUN + 1) * 2);
		EXPECT_EQ(t.traffic.rmws, 0);
		EXPECT_EQ(t.traffic.fences, 0);
		EXPECT_EQ(t.traffic.shared, 0);
		kprintf("# %s, %u harts: %llu loads, %llu stores, %llu lines, "
			"%llu of them written\n",
			path->name, harts, (unsigned long long)t.traffic.loads,
			(unsigned long long)t.traffic.stores,
			(unsigned long long)t.traffic.lines,
			(unsigned long long)t.traffic.written);
		if (t.traffic.rmws)
			kprintf("# atomic at %#lx\n",
				(unsigned long)t.traffic.rmw_pc);
		if (t.traffic.shared)
			kprintf("# shared: line %#lx, stored to at %#lx\n",
				(unsigned long)t.traffic.shared_line,
				(unsigned long)t.traffic.shared_pc);
	}
}

KTEST(traffic, frames_share_nothing)
{
	expect_none(&(struct path){"frames", get_frame, put_frame});
}

KTEST(traffic, kmalloc_shares_nothing)
{
	expect_none(&(struct path){"kmalloc", get_kmalloc, kfree});
}

KTEST(traffic, object_caches_share_nothing)
{
	t.cache = kmem_cache_create("traffic", 200, 0, 0, NULL);
	REQUIRE(t.cache);
	expect_none(&(struct path){"objects", get_object, put_object});
	EXPECT_EQ(kmem_cache_destroy(t.cache), 0);
}

/* --- that it sees what it looks for --- */

static uint8_t own[HARTS][RUN + 1][CACHE_LINE];
static unsigned used[HARTS];

static void *get_own(void)
{
	unsigned cpu = arch_cpu();

	return own[cpu][used[cpu]++ % (RUN + 1)];
}

static void count_planted(void (*put)(void *p), struct traffic *found)
{
	const struct path path = {"planted", get_own, put};

	count(&path, 2);
	*found = t.traffic;
}

KTEST(traffic, planted_counters_locks_and_fences_are_seen)
{
	const uint64_t puts = 2 * ROUNDS * (RUN + 1);
	struct traffic found;

	count_planted(planted_nothing, &found);
	EXPECT_EQ(found.stores, puts);
	EXPECT_EQ(found.written, 2 * (RUN + 1));
	EXPECT_EQ(found.rmws + found.fences + found.shared, 0);
	count_planted(planted_counter, &found);
	EXPECT_EQ(found.rmws, 0);
	EXPECT_EQ(found.shared, 1);
	count_planted(planted_atomic, &found);
	EXPECT_EQ(found.rmws, puts);
	EXPECT_EQ(found.shared, 1);
	count_planted(planted_lock, &found);
	EXPECT(found.rmws >= puts);
	EXPECT_EQ(found.shared, 1);
	count_planted(planted_neighbours, &found);
	EXPECT_EQ(found.rmws, 0);
	EXPECT_EQ(found.shared, 1);
	count_planted(planted_fence, &found);
	EXPECT_EQ(found.fences, puts);
	EXPECT_EQ(found.shared, 0);
}
