/*
 * The memory tester's pool on the native machine, with a frame allocator that this
 * file plays.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define page_alloc	  pool_test_page_alloc
#define page_free	  pool_test_page_free
#define page_free_count	  pool_test_page_free_count
#define page_map	  pool_test_page_map
#define direct_map_offset pool_test_direct_map_offset

/* test_memtest_command.c has the same functions over fakes of its own. */
#define memtest_pool_take    pool_test_take
#define memtest_pool_release pool_test_release
#define memtest_pool_share   pool_test_share
#define memtest_pool_next    pool_test_next
#define memtest_pool_find    pool_test_find

#include <kernel/memtest_pool.c>

#include <kernel/ktest.h>
#include <lib/rng.h>

#define FIRST_PFN 0x80000u /* at 2 GiB */
#define START	  ((uint64_t)FIRST_PFN << PAGE_SHIFT)
#define RESERVE	  16 /* frames that the pool leaves, of less than 1024 */

/* ---- a frame allocator ---- */

struct page *pool_test_page_map;
uint64_t pool_test_direct_map_offset;

static struct {
	uint64_t nframes;
	uint64_t nfree;
	bool *free;
	struct page *pages;
	uint64_t *memory;
	struct rng rng;
} fake;

static bool all_free(uint64_t at, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (!fake.free[at + i])
			return false;
	return true;
}

static void set_free(uint64_t at, uint64_t n, bool is_free)
{
	memset(&fake.free[at], is_free, n);
	fake.nfree += is_free ? n : -n;
}

/* From a random place on, so that blocks come in no order. */
struct page *pool_test_page_alloc(unsigned order, unsigned flags)
{
	uint64_t size = (uint64_t)1 << order, nblocks = fake.nframes >> order;
	uint64_t first = rng_below(&fake.rng, nblocks + 1);

	(void)flags;
	for (uint64_t i = 0; i < nblocks; i++) {
		uint64_t at = (first + i) % nblocks * size;

		if (!all_free(at, size))
			continue;
		set_free(at, size, false);
		fake.pages[at] = (struct page){
			.state = PAGE_USED, .order = (uint8_t)order, .refs = 1};
		return &fake.pages[at];
	}
	return NULL;
}

void pool_test_page_free(struct page *p, unsigned order)
{
	uint64_t at = (uint64_t)(p - fake.pages);

	EXPECT_EQ(p->state, PAGE_USED);
	EXPECT_EQ(p->order, order);
	p->state = PAGE_FREE;
	set_free(at, (uint64_t)1 << order, true);
}

uint64_t pool_test_page_free_count(void)
{
	return fake.nfree;
}

/* ---- fixture ---- */

/* All frames free; with memory behind them unless `bare`. */
static bool fixture(uint64_t nframes, bool bare)
{
	fake.rng = rng_seed(ktest_seed());
	fake.nframes = nframes;
	fake.nfree = 0;
	fake.free = ktest_alloc(nframes);
	fake.pages = ktest_alloc(nframes * sizeof(struct page));
	fake.memory = bare ? NULL : ktest_alloc(nframes << PAGE_SHIFT);
	if (!fake.free || !fake.pages || (!bare && !fake.memory))
		return false;
	pool_test_page_map = (struct page *)((uintptr_t)fake.pages -
					     FIRST_PFN * sizeof(struct page));
	pool_test_direct_map_offset = (uintptr_t)fake.memory - START;
	set_free(0, nframes, true);
	return true;
}

/* ---- the pool ---- */

#define POOL_FRAMES 512
#define MAX_SHARES  5

/* A walk over all shares, one after the other. */
struct walk {
	struct memtest_pool *pool;
	struct memtest_share shares[MAX_SHARES];
	unsigned n, share;
	struct memtest_cursor cursor;
};

static void walk_begin(struct walk *w, struct memtest_pool *pool, unsigned n)
{
	memset(w, 0, sizeof(*w));
	w->pool = pool;
	w->n = n;
	memtest_pool_share(pool, n, w->shares);
}

static bool walk_next(struct walk *w, struct range *r)
{
	while (w->share < w->n) {
		if (memtest_pool_next(w->pool, &w->shares[w->share], &w->cursor,
				      r))
			return true;
		/* The end is an end. */
		EXPECT(!memtest_pool_next(w->pool, &w->shares[w->share],
					  &w->cursor, r));
		w->share++;
		w->cursor = (struct memtest_cursor){0};
	}
	return false;
}

/* Shares are of one size, but for a page, and disjoint; the ranges of one share do
 * not touch, those of neighbours may. */
static void check_shares(const struct walk *w, uint64_t total)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < w->n; i++) {
		uint64_t bytes = w->shares[i].bytes;

		EXPECT(bytes + 2 * PAGE_SIZE + w->n >= total / w->n);
		EXPECT(bytes <= total / w->n + 2 * PAGE_SIZE + w->n);
		sum += bytes;
	}
	EXPECT_EQ(sum, total);
}

/* What the pool gives is exactly the frames that were free, less what it left
 * and cut to what was wanted, in order, in as few ranges as can be. */
static void check_pool(struct memtest_pool *pool, struct range wanted,
		       const bool *was_free, uint64_t nfree, unsigned nshares)
{
	struct walk w;
	struct range r;
	uint64_t last_end = 0, left = 0, wanted_free = 0, taken = 0;
	unsigned last_share = 0;
	bool seen[POOL_FRAMES] = {false};

	walk_begin(&w, pool, nshares);
	while (walk_next(&w, &r)) {
		EXPECT(!range_empty(r));
		EXPECT(range_within(r, wanted));
		EXPECT(r.start >= last_end);
		EXPECT(last_end == 0 || r.start > last_end ||
		       w.share != last_share);
		last_end = r.end;
		last_share = w.share;
		for (uint64_t a = align_down(r.start, PAGE_SIZE); a < r.end;
		     a += PAGE_SIZE)
			seen[(a - START) >> PAGE_SHIFT] = true;
		taken += range_size(r);
	}
	check_shares(&w, taken);
	for (uint64_t i = 0; i < fake.nframes; i++) {
		struct range frame = range_make(START + i * PAGE_SIZE,
						START + (i + 1) * PAGE_SIZE);

		EXPECT(!seen[i] || (was_free[i] && !fake.free[i]));
		if (was_free[i] && range_overlaps(frame, wanted)) {
			wanted_free++;
			left += !seen[i];
		}
		taken -= seen[i] ? range_size(range_intersect(frame, wanted))
				 : 0;
	}
	EXPECT_EQ(taken, 0);
	/* The reserve is what nobody wants, if there is enough of that. */
	EXPECT(left <= RESERVE);
	EXPECT(left == 0 || nfree - wanted_free < RESERVE + (1u << 9));
	EXPECT(fake.nfree >= min_u64(nfree, RESERVE));
}

KTEST(memtest_pool, gives_what_is_free)
{
	const uint64_t n = POOL_FRAMES;
	struct memtest_pool pool;

	REQUIRE(fixture(n, true));
	for (unsigned round = 0; round < 300; round++) {
		bool was_free[POOL_FRAMES];
		uint64_t density = rng_below(&fake.rng, 9), nfree;
		uint64_t a =
			START + rng_below(&fake.rng, n * PAGE_SIZE) / 8 * 8;
		uint64_t b =
			START + rng_below(&fake.rng, n * PAGE_SIZE) / 8 * 8;
		struct range wanted =
			round % 2 ? range_make(min_u64(a, b), max_u64(a, b) + 8)
				  : range_make(0, UINT64_MAX);

		set_free(0, n, false);
		memset(fake.free, 0, n);
		fake.nfree = 0;
		for (uint64_t i = 0; i < n; i++)
			if (rng_below(&fake.rng, 8) < density)
				set_free(i, 1, true);
		nfree = fake.nfree;
		memcpy(was_free, fake.free, n);
		memtest_pool_take(&pool, wanted);
		check_pool(&pool, wanted, was_free, nfree,
			   1 + (unsigned)rng_below(&fake.rng, MAX_SHARES));
		memtest_pool_release(&pool);
		EXPECT_EQ(fake.nfree, nfree);
		EXPECT(memcmp(was_free, fake.free, n) == 0);
		EXPECT(list_empty(&pool.blocks));
	}
}

KTEST(memtest_pool, none_free)
{
	struct memtest_pool pool;
	struct walk w;
	struct range r;

	REQUIRE(fixture(64, true));
	set_free(0, 64, false);
	memtest_pool_take(&pool, range_make(0, UINT64_MAX));
	walk_begin(&w, &pool, 3);
	EXPECT(!walk_next(&w, &r));
	memtest_pool_release(&pool);
}

KTEST(memtest_pool, ranges_are_cut_at_their_limit)
{
	/* A GiB more than is wanted: room for the reserve, in whatever blocks
	 * the memory comes. */
	const uint64_t n = GIB(4) >> PAGE_SHIFT;
	struct range r, wanted = range_make(START + 8, START + GIB(3) - MIB(8));
	struct memtest_pool pool;
	struct walk w;

	REQUIRE(fixture(n, true));
	memtest_pool_take(&pool, wanted);
	walk_begin(&w, &pool, 1);
	for (uint64_t at = wanted.start; at < wanted.end; at = r.end) {
		REQUIRE(walk_next(&w, &r));
		EXPECT_EQ(r.start, at);
		EXPECT_EQ(r.end,
			  min_u64(wanted.end, align_down(at, GIB(1)) + GIB(1)));
	}
	EXPECT(!walk_next(&w, &r));
	memtest_pool_release(&pool);
	EXPECT_EQ(fake.nfree, n);
}

KTEST(memtest_pool, more_shares_than_pages)
{
	struct memtest_pool pool;
	struct walk w;
	struct range r;

	REQUIRE(fixture(64, true));
	memtest_pool_take(&pool, range_make(START + PAGE_SIZE + 8,
					    START + 3 * PAGE_SIZE - 8));
	walk_begin(&w, &pool, MAX_SHARES);
	REQUIRE(walk_next(&w, &r));
	EXPECT_EQ(r.start, START + PAGE_SIZE + 8);
	REQUIRE(walk_next(&w, &r));
	EXPECT_EQ(r.end, START + 3 * PAGE_SIZE - 8);
	EXPECT(!walk_next(&w, &r));
	memtest_pool_release(&pool);
}

KTEST(memtest_pool, finds_blocks)
{
	const uint64_t n = 2048;
	struct memtest_pool pool;
	paddr_t at = 0;

	REQUIRE(fixture(n, true));
	set_free(700, 1, false);
	memtest_pool_take(&pool, range_make(START + MIB(1), START + MIB(9)));
	for (unsigned found = 0; found < 3; found++) {
		REQUIRE(memtest_pool_find(&pool, MIB(2), &at));
		EXPECT(is_aligned(at, MIB(2)));
		EXPECT(!range_has(range_make(at, at + MIB(2)),
				  START + 700 * PAGE_SIZE));
		at += MIB(2);
	}
	EXPECT(!memtest_pool_find(&pool, MIB(2), &at));
	memtest_pool_release(&pool);
	EXPECT_EQ(fake.nfree, n - 1);
}
