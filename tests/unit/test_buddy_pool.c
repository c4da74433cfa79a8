/*
 * The pool of the buddy allocator, from which its page map grows: the bound that
 * mm/buddy.c derives, reached on purpose, with a page map that counts what chunks
 * and tables take. Attacks I6.
 */
#include <string.h>

#include <kernel/ktest.h>
#include <lib/errno.h>
#include <mm/buddy.h>

static struct bench {
	struct buddy buddy;
	struct page_map map;
} * bench;

static bool set_up(void)
{
	bench = ktest_alloc(sizeof(*bench));
	return bench;
}

/* The page tables that a page map takes for three of the largest blocks: all of
 * the last level, and for each of the blocks, as if they were far apart, one
 * above. */
static struct {
	bool last[12]; /* by 512 chunks */
	bool above[3];
	bool lonely;	 /* a table for each chunk of the second block */
	uint32_t lowest; /* that the pool ever came to */
} tables;

static int populate_radix(struct page_map *m, struct page *at,
			  struct frame_pool *pool)
{
	uint64_t chunk = (uint64_t)(at - m->pages) >> PAGES_PER_CHUNK_SHIFT;
	bool *last = &tables.last[chunk / 512];
	bool *above = &tables.above[chunk / 2048];
	bool own = !*last || (tables.lonely && chunk >= 2048);
	uint32_t need = 1u + own + !*above;

	if (pool->n < need)
		return -ENOMEM;
	pool->n -= need;
	tables.lowest = (uint32_t)min_u64(tables.lowest, pool->n);
	*last = *above = true;
	memset(at, 0, PAGES_PER_CHUNK * sizeof(*at));
	return 0;
}

/* Leave nothing on the lists below this order, and no more in the pool than there
 * must be. */
static void use_up(struct buddy *b, unsigned order)
{
	while (b->nonempty & ((1u << order) - 1))
		EXPECT(buddy_alloc(b, lowest_bit(b->nonempty), 0));
	b->pool.n = (uint32_t)min_u64(b->pool.n, BUDDY_POOL_MIN);
}

/* The bound that mm/buddy.c derives, and that it is reached: a block of each order
 * of an even and of a ragged seed, kept or freed, then frames one by one. */
KTEST(buddy, one_allocation_never_empties_the_pool)
{
	struct range frames = {0, 2ull << MAX_ORDER};
	struct page *pages = ktest_alloc(frames.end * sizeof(struct page));
	uint64_t *bits = ktest_alloc(page_map_words(frames) * 8);
	uint32_t lowest = BUDDY_POOL_MIN;

	if (!set_up() || !pages || !bits)
		return ktest_skip("no memory");
	for (unsigned i = 0; i < 4 * (MAX_ORDER + 1); i++) {
		struct buddy *b = &bench->buddy;
		pfn_t start = i % 2;
		struct page *p;

		memset(bits, 0, page_map_words(frames) * 8);
		memset(&tables, 0, sizeof(tables));
		tables.lowest = BUDDY_POOL_MIN;
		bench->map = (struct page_map){
			.pages = pages,
			.frames = frames,
			.populated = bits,
			.populate = populate_radix,
		};
		buddy_init(b, &bench->map, frames);
		b->pool.n = BUDDY_POOL_MIN;
		EXPECT_EQ(buddy_seed(b, range_make(start, frames.end)), 0);
		p = buddy_alloc(b, i / 4, 0);
		EXPECT(p);
		if (p && i / 2 % 2) {
			EXPECT_EQ(buddy_free(b, (pfn_t)(p - pages), i / 4), 0);
			use_up(b, i / 4);
		}
		for (unsigned k = 0; k < 256; k++)
			EXPECT(buddy_alloc(b, 0, 0));
		EXPECT(buddy_check(b));
		lowest = (uint32_t)min_u64(lowest, tables.lowest);
	}
	EXPECT_EQ(lowest, BUDDY_POOL_MIN - 13);
}

/* Three of the largest blocks, as if they were far apart, and a page map that takes
 * tables; false when there is no memory for it. */
static bool set_up_radix(void)
{
	struct range frames = {0, 3ull << MAX_ORDER};
	struct page *pages = ktest_alloc(frames.end * sizeof(struct page));
	uint64_t *bits = ktest_alloc(page_map_words(frames) * 8);

	if (!set_up() || !pages || !bits)
		return false;
	memset(&tables, 0, sizeof(tables));
	tables.lowest = BUDDY_POOL_MIN;
	bench->map = (struct page_map){
		.pages = pages,
		.frames = frames,
		.populated = bits,
		.populate = populate_radix,
	};
	buddy_init(&bench->buddy, &bench->map, frames);
	bench->buddy.pool.n = BUDDY_POOL_MIN;
	return true;
}

static void seed_radix(pfn_t start, pfn_t end)
{
	EXPECT_EQ(buddy_seed(&bench->buddy, range_make(start, end)), 0);
}

/* It leaves one frame of an untouched block, and the pool has to be filled from
 * another one. */
KTEST(buddy, nearly_all_of_an_untouched_block_leaves_the_rest_usable)
{
	struct buddy *b;

	if (!set_up_radix())
		return ktest_skip("no memory");
	b = &bench->buddy;
	seed_radix(0, 2ull << MAX_ORDER);
	EXPECT(buddy_alloc_exact(b, (1ull << MAX_ORDER) - 1, 0));
	EXPECT(b->pool.n >= BUDDY_POOL_MIN);
	for (unsigned k = 0; k < 256; k++)
		EXPECT(buddy_alloc(b, 0, 0));
	EXPECT(buddy_check(b));
}

/* The same when what the pool has to be filled from was freed in whole, so that it
 * has no page but its head's: a block of the order asked for, or, when that one
 * comes off a seed, of the order below. */
static void leave_one_frame(unsigned order, bool from_seed)
{
	uint64_t most = 1ull << MAX_ORDER;
	struct buddy *b = &bench->buddy;
	struct page *p[2];

	seed_radix(2 * most, 2 * most + 256);
	for (unsigned i = 0; i < 2u - from_seed; i++) {
		seed_radix(i * most, i * most + (1ull << order));
		p[i] = buddy_alloc(b, order, 0);
		REQUIRE(p[i]);
	}
	use_up(b, order);
	for (unsigned i = 0; i < 2u - from_seed; i++)
		EXPECT_EQ(buddy_free(b, (pfn_t)(p[i] - b->map->pages), order),
			  0);
	if (from_seed)
		seed_radix(most, 2 * most);
	EXPECT(buddy_alloc_exact(b, most - 1, 0));
	EXPECT(b->pool.n >= BUDDY_POOL_MIN);
	EXPECT(buddy_alloc(b, 0, 0));
	EXPECT(buddy_check(b));
}

KTEST(buddy, nearly_all_of_a_freed_block_leaves_the_rest_usable)
{
	for (unsigned from_seed = 0; from_seed < 2; from_seed++) {
		if (!set_up_radix())
			return ktest_skip("no memory");
		leave_one_frame(MAX_ORDER - from_seed, from_seed);
	}
}

/* What comes off a seed for it must not go into the pool. */
KTEST(buddy, the_only_block_in_a_place_is_had)
{
	struct range place = {1ull << 12, 2ull << 12};

	if (!set_up_radix())
		return ktest_skip("no memory");
	seed_radix(0, 2ull << MAX_ORDER);
	EXPECT(buddy_alloc_within(&bench->buddy, 12, place, 0));
	EXPECT(bench->buddy.pool.n >= BUDDY_POOL_MIN);
	EXPECT(buddy_check(&bench->buddy));
}

/* Frames that are alone in the range of a table cost more of the pool than they
 * give. */
KTEST(buddy, lonely_frames_do_not_use_up_the_pool)
{
	struct buddy *b;
	struct page *p;

	if (!set_up_radix())
		return ktest_skip("no memory");
	b = &bench->buddy;
	seed_radix(0, 1ull << MAX_ORDER);
	for (pfn_t i = 1; i < 60; i++) {
		pfn_t pfn = (1ull << MAX_ORDER) + (i << 12) + 1;

		tables.lonely = true;
		seed_radix(pfn, pfn + 1);
	}
	p = buddy_alloc(b, MAX_ORDER, 0);
	REQUIRE(p);
	EXPECT(!buddy_alloc(b, 1, 0));
	EXPECT_EQ(buddy_free(b, (pfn_t)(p - b->map->pages), MAX_ORDER), 0);
	EXPECT(buddy_alloc(b, 0, 0));
	EXPECT(buddy_alloc(b, 1, 0));
	EXPECT(buddy_check(b));
}

/* The page map can't grow when a frame of a seed is found to be bad: it must be left
 * out when it can. */
KTEST(buddy, bad_frame_of_a_seed_is_remembered)
{
	const pfn_t bad = 5;
	struct range set[4];
	struct bad_frames frames = {
		.lock = SPINLOCK_INIT(LOCK_BAD),
		.set = {.range = set, .room = ARRAY_SIZE(set)},
	};
	struct buddy *b;
	struct page *p;
	uint64_t n = 0;

	if (!set_up_radix())
		return ktest_skip("no memory");
	b = &bench->buddy;
	seed_radix(0, 1024);
	b->pool.n = 0;
	EXPECT_EQ(
		range_set_add(&frames.set, range_make(bad << PAGE_SHIFT,
						      (bad + 1) << PAGE_SHIFT)),
		0);
	buddy_watch(b, &frames);
	EXPECT_EQ(buddy_retire(b, bad), -ENOMEM);
	b->pool.n = BUDDY_POOL_MIN;
	while ((p = buddy_alloc(b, 0, 0))) {
		EXPECT((pfn_t)(p - b->map->pages) != bad);
		n++;
	}
	EXPECT(n > 512);
	EXPECT(buddy_is_retired(b, bad));
	EXPECT(buddy_check(b));
}
