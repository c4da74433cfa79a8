/*
 * Buddy allocator against a frame-per-byte model, on an instance of its own.
 * The page array starts out as rubbish, as RAM does: whatever the allocator
 * reads without having populated it shows. Attacks I1 to I5 of mm/buddy.c;
 * test_buddy_pool.c attacks I6.
 */
#include <string.h>

#include <kernel/ktest.h>
#include <lib/errno.h>
#include <lib/rng.h>
#include <mm/buddy.h>

#define FRAMES 8192 /* [0, FRAMES) can be described */
#define BLOCKS 2048 /* blocks that are handed out at one time, at most */

enum { M_NONE, M_FREE, M_USED, M_POOL };

struct block {
	pfn_t pfn;
	unsigned order; /* or THREE frames */
};

#define THREE 99

struct bench {
	struct buddy buddy;
	struct page_map map;
	struct page pages[FRAMES];
	uint64_t bits[FRAMES / PAGES_PER_CHUNK / 64 + 1];
	uint8_t frame[FRAMES]; /* the model */
	struct block block[BLOCKS];
	unsigned nblocks;
	uint64_t marked; /* meta_frames that the model has seen */
	unsigned populated;
	bool starve; /* populate fails */
};

static struct bench *bench;

static int populate(struct page_map *m, struct page *at,
		    struct frame_pool *pool)
{
	(void)m;
	if (pool->n < 2 || bench->starve)
		return -ENOMEM;
	/* The worst case: each chunk needs a table of its own. */
	for (unsigned i = 0; i < 2; i++) {
		pfn_t pfn = pool->frame[--pool->n];

		if (pfn < FRAMES)
			bench->frame[pfn] = M_POOL;
	}
	memset(at, 0, PAGES_PER_CHUNK * sizeof(*at));
	bench->populated++;
	return 0;
}

/* A bench with an empty allocator; false when there is no memory for it. */
static bool set_up(void)
{
	bench = ktest_alloc(sizeof(*bench));
	if (!bench)
		return false;
	/* The worst rubbish: each frame looks like a free block. */
	for (pfn_t i = 1; i < FRAMES; i++)
		bench->pages[i] = (struct page){
			.state = PAGE_FREE,
			.order = (uint8_t)lowest_bit(i),
		};
	bench->map = (struct page_map){
		.pages = bench->pages,
		.frames = {0, FRAMES},
		.populated = bench->bits,
		.populate = populate,
	};
	buddy_init(&bench->buddy, &bench->map, range_make(0, FRAMES));
	/* Any number will do: nobody touches these frames. */
	for (unsigned i = 0; i < FRAME_POOL_SIZE; i++)
		bench->buddy.pool.frame[bench->buddy.pool.n++] = FRAMES + i;
	return true;
}

static void seed(pfn_t start, pfn_t end)
{
	EXPECT_EQ(buddy_seed(&bench->buddy, range_make(start, end)), 0);
	memset(bench->frame + start, M_FREE, end - start);
}

/* Frames that went into the pool are the allocator's own now. */
static void mark_pool(void)
{
	struct buddy *b = &bench->buddy;

	if (b->meta_frames == bench->marked)
		return;
	bench->marked = b->meta_frames;
	for (unsigned i = 0; i < b->pool.n; i++)
		if (b->pool.frame[i] < FRAMES)
			bench->frame[b->pool.frame[i]] = M_POOL;
}

static bool all_are(pfn_t pfn, unsigned order, uint8_t what)
{
	for (pfn_t i = pfn; i < pfn + (1ull << order); i++)
		if (i >= FRAMES || bench->frame[i] != what)
			return false;
	return true;
}

static bool could_allocate(unsigned order)
{
	for (pfn_t i = 0; i < FRAMES; i += 1ull << order)
		if (all_are(i, order, M_FREE))
			return true;
	return false;
}

/* A block was handed out. Returns false when that is wrong. */
static bool note(pfn_t pfn, unsigned order)
{
	const struct page *p = bench->pages + pfn;

	if (!is_aligned(pfn, 1ull << order) || !all_are(pfn, order, M_FREE) ||
	    p->state != PAGE_USED || p->order != order || p->refs != 1)
		return false;
	memset(bench->frame + pfn, M_USED, 1ull << order);
	mark_pool();
	bench->block[bench->nblocks++] = (struct block){pfn, order};
	return true;
}

/* One allocation, checked. Returns false when something is wrong. */
static bool alloc_one(unsigned order)
{
	struct page *p = buddy_alloc(&bench->buddy, order, 0);
	pfn_t pfn = p ? (pfn_t)(p - bench->pages) : 0;

	if (!p) {
		/* The refill behind it took frames only if it succeeded. */
		bool right = !could_allocate(order);

		mark_pool();
		return right;
	}
	return note(pfn, order);
}

static bool free_one(unsigned i)
{
	struct block x = bench->block[i];

	bench->block[i] = bench->block[--bench->nblocks];
	if (x.order == THREE) {
		memset(bench->frame + x.pfn, M_FREE, 3);
		return buddy_free_exact(&bench->buddy, x.pfn, 3) == 0;
	}
	memset(bench->frame + x.pfn, M_FREE, 1ull << x.order);
	return buddy_free(&bench->buddy, x.pfn, x.order) == 0;
}

/* A free that must be refused, and what must be said. */
static bool wrong_free(struct rng *rng)
{
	pfn_t pfn = rng_below(rng, FRAMES + 64);
	unsigned order = (unsigned)rng_below(rng, MAX_ORDER + 2);
	int want = -ENOENT, got;

	for (unsigned i = 0; i < bench->nblocks; i++)
		if (bench->block[i].pfn == pfn)
			want = bench->block[i].order == order ? 0 : -ERANGE;
	if (pfn < FRAMES && bench->frame[pfn] == M_POOL)
		return true; /* it looks handed out, and it is: to itself */
	if (order > MAX_ORDER || pfn >= FRAMES ||
	    !is_aligned(pfn, 1ull << order))
		want = -EINVAL;
	if (!want)
		return true;
	got = buddy_free(&bench->buddy, pfn, order);
	return got == want;
}

/* I5: the pages that say "free" are those of the blocks on the lists. */
static bool heads_only(void)
{
	uint64_t heads = 0, blocks = 0;

	for (pfn_t i = 0; i < FRAMES; i++)
		if (page_map_has(&bench->map, i))
			heads += bench->pages[i].state == PAGE_FREE;
	for (unsigned k = 0; k <= MAX_ORDER; k++)
		blocks += bench->buddy.blocks[k];
	return heads == blocks;
}

static uint64_t model_free(void)
{
	uint64_t n = 0;

	for (pfn_t i = 0; i < FRAMES; i++)
		n += bench->frame[i] == M_FREE;
	return n;
}

KTEST(buddy, splits_and_melts)
{
	struct page *a, *b, *c;

	if (!set_up())
		return ktest_skip("no memory");
	seed(0, 16);
	a = buddy_alloc(&bench->buddy, 0, 0);
	b = buddy_alloc(&bench->buddy, 0, 0);
	c = buddy_alloc(&bench->buddy, 1, 0);
	REQUIRE(a && b && c);
	EXPECT_EQ(b - a, 1);
	EXPECT_EQ(c - a, 2);
	EXPECT_EQ(buddy_free(&bench->buddy, (pfn_t)(a - bench->pages), 0), 0);
	EXPECT_EQ(buddy_free(&bench->buddy, (pfn_t)(c - bench->pages), 1), 0);
	EXPECT_EQ(buddy_free(&bench->buddy, (pfn_t)(b - bench->pages), 0), 0);
	EXPECT_EQ(bench->buddy.nonempty, 1u << 4);
	EXPECT_EQ(bench->buddy.free_frames, 16);
	EXPECT(buddy_check(&bench->buddy));
}

KTEST(buddy, refuses_wrong_frees)
{
	struct page *p;
	pfn_t pfn;

	if (!set_up())
		return ktest_skip("no memory");
	seed(0, 64);
	p = buddy_alloc(&bench->buddy, 2, 0);
	REQUIRE(p);
	pfn = (pfn_t)(p - bench->pages);
	EXPECT_EQ(buddy_free(&bench->buddy, pfn + 1, 0), -ENOENT);
	EXPECT_EQ(buddy_free(&bench->buddy, pfn, 1), -ERANGE);
	EXPECT_EQ(buddy_free(&bench->buddy, pfn, MAX_ORDER + 1), -EINVAL);
	EXPECT_EQ(buddy_free(&bench->buddy, pfn + 1, 2), -EINVAL);
	EXPECT_EQ(buddy_free(&bench->buddy, FRAMES, 0), -EINVAL);
	EXPECT_EQ(buddy_free(&bench->buddy, UINT64_MAX, 0), -EINVAL);
	EXPECT_EQ(buddy_free(&bench->buddy, FRAMES - 1, 0), -ENOENT);
	EXPECT_EQ(buddy_free(&bench->buddy, pfn, 2), 0);
	EXPECT_EQ(buddy_free(&bench->buddy, pfn, 2), -ENOENT);
	EXPECT_EQ(bench->buddy.free_frames, 64);
	EXPECT(buddy_check(&bench->buddy));
}

KTEST(buddy, seeding_touches_nothing_and_costs_one_chunk_a_block)
{
	if (!set_up())
		return ktest_skip("no memory");
	seed(0, FRAMES);
	EXPECT_EQ(bench->populated, 0);
	REQUIRE(buddy_alloc(&bench->buddy, 13, 0));
	EXPECT_EQ(bench->populated, 1);
	EXPECT_EQ(bench->buddy.free_frames, 0);
	EXPECT(!buddy_alloc(&bench->buddy, 0, 0));
}

/* A split that stops half way, for want of a page, is undone. */
KTEST(buddy, a_split_that_fails_leaves_no_free_buddies)
{
	struct buddy *b;

	if (!set_up())
		return ktest_skip("no memory");
	b = &bench->buddy;
	seed(0, FRAMES);
	REQUIRE(buddy_alloc(b, 13, 0));
	EXPECT_EQ(buddy_free(b, 0, 13), 0);
	b->pool.n = 6; /* for three chunks */
	EXPECT(!buddy_alloc(b, 0, 0));
	EXPECT_EQ(b->blocks[13], 1);
	EXPECT(buddy_check(b));
	EXPECT(buddy_alloc(b, 10, 0));
}

KTEST(buddy, a_starved_page_map_fails_the_allocation_only)
{
	if (!set_up())
		return ktest_skip("no memory");
	seed(0, FRAMES);
	bench->starve = true;
	EXPECT(!buddy_alloc(&bench->buddy, 0, 0));
	EXPECT_EQ(bench->buddy.free_frames, FRAMES);
	bench->starve = false;
	REQUIRE(alloc_one(12));
	bench->starve = true;
	/* Splitting the other half needs chunks. */
	EXPECT(!buddy_alloc(&bench->buddy, 0, 0));
	EXPECT_EQ(bench->buddy.free_frames, FRAMES / 2);
	EXPECT(buddy_check(&bench->buddy));
	bench->starve = false;
	EXPECT(alloc_one(0));
	EXPECT(buddy_check(&bench->buddy));
}

/* Small ranges in front of the one that can serve: each of them takes chunks of
 * the page map, all of them together more than the pool holds. */
KTEST(buddy, a_block_behind_many_ragged_seeds_is_found)
{
	if (!set_up())
		return ktest_skip("no memory");
	bench->buddy.pool.n = BUDDY_POOL_MIN;
	seed(1, 256);
	seed(4096, 8192);
	for (pfn_t i = 257; i < 4096; i += 256)
		seed(i, i + 255);
	EXPECT(alloc_one(12));
	EXPECT(alloc_one(0));
	EXPECT(buddy_check(&bench->buddy));
}

/* A request that nothing can serve must not use up the pool: the smaller blocks
 * could not be split any more, ever. */
KTEST(buddy, a_hopeless_request_leaves_the_rest_usable)
{
	if (!set_up())
		return ktest_skip("no memory");
	bench->buddy.pool.n = BUDDY_POOL_MIN;
	for (pfn_t i = 0; i < FRAMES; i += 512)
		seed(i, i + 256);
	EXPECT(!buddy_alloc(&bench->buddy, 9, 0));
	mark_pool();
	EXPECT(alloc_one(0));
	EXPECT(alloc_one(8));
	EXPECT(buddy_check(&bench->buddy));
	EXPECT_EQ(bench->buddy.free_frames, model_free());
}

KTEST(buddy, takes_more_seeds_than_it_has_room_for)
{
	if (!set_up())
		return ktest_skip("no memory");
	bench->buddy.pool.n = BUDDY_POOL_MIN;
	for (pfn_t i = 0; i < FRAMES; i += 64)
		seed(i, i + 63);
	mark_pool();
	EXPECT(buddy_check(&bench->buddy));
	EXPECT_EQ(bench->buddy.free_frames, model_free());
	EXPECT_EQ(bench->buddy.total_frames, FRAMES / 64 * 63);
	EXPECT(alloc_one(5));
}

KTEST(buddy, largest_order)
{
	if (!set_up())
		return ktest_skip("no memory");
	/* Only pages of heads are touched, so this needs two of 2^19. */
	bench->map.frames = range_make(0, 2ull << MAX_ORDER);
	bench->map.populated =
		ktest_alloc(page_map_words(bench->map.frames) * 8);
	bench->map.pages =
		ktest_alloc((2ull << MAX_ORDER) * sizeof(struct page));
	if (!bench->map.pages || !bench->map.populated)
		return ktest_skip("no memory");
	buddy_init(&bench->buddy, &bench->map, bench->map.frames);
	for (unsigned i = 0; i < FRAME_POOL_SIZE; i++)
		bench->buddy.pool.frame[bench->buddy.pool.n++] = i;
	EXPECT_EQ(buddy_seed(&bench->buddy, bench->map.frames), 0);
	REQUIRE(buddy_alloc(&bench->buddy, MAX_ORDER, 0));
	REQUIRE(buddy_alloc(&bench->buddy, MAX_ORDER, 0));
	EXPECT(!buddy_alloc(&bench->buddy, 0, 0));
	EXPECT_EQ(buddy_free(&bench->buddy, 0, MAX_ORDER), 0);
	EXPECT_EQ(buddy_free(&bench->buddy, 1u << MAX_ORDER, MAX_ORDER), 0);
	EXPECT_EQ(bench->buddy.blocks[MAX_ORDER], 2);
	EXPECT(buddy_check(&bench->buddy));
}

/* The ranges of a machine with holes and ragged borders. */
static const struct range ragged[] = {
	{3, 700}, {701, 1024}, {1500, 1501}, {2047, 5003}, {5120, FRAMES - 1},
};

KTEST(buddy, property_equals_frame_model)
{
	struct rng rng = rng_seed(ktest_seed());

	if (!set_up())
		return ktest_skip("no memory");
	bench->buddy.pool.n = BUDDY_POOL_MIN;
	for (size_t i = 0; i < ARRAY_SIZE(ragged); i++)
		seed(ragged[i].start, ragged[i].end);
	KTEST_STEPS (step, ktest_ops()) {
		/* Phases that fill memory alternate with such that drain it. */
		uint64_t odds = step / 4096 % 2 ? 3 : 6;
		uint64_t dice = rng_below(&rng, 10);

		if (dice == 9) {
			if (step % 64 == 0)
				REQUIRE(wrong_free(&rng));
		} else if (dice < odds && bench->nblocks < BLOCKS) {
			/* Mostly small; at times larger than there is. */
			unsigned order = (unsigned)rng_below(
				&rng, 1 + rng_below(&rng, 15));

			REQUIRE(alloc_one(order));
		} else if (bench->nblocks) {
			REQUIRE(free_one(
				(unsigned)rng_below(&rng, bench->nblocks)));
		}
		if (step % 4096 == 0) {
			REQUIRE(buddy_check(&bench->buddy));
			REQUIRE(bench->buddy.free_frames == model_free());
			REQUIRE(heads_only());
		}
	}
	while (bench->nblocks)
		REQUIRE(free_one(bench->nblocks - 1));
	EXPECT(buddy_check(&bench->buddy));
	EXPECT_EQ(bench->buddy.free_frames, model_free());
	EXPECT_EQ(bench->buddy.free_frames + bench->buddy.meta_frames,
		  bench->buddy.total_frames);
}

/*
 * All sequences of a few steps on a few frames: nothing left to chance. Steps
 * are undone by copying the state back, links and all.
 */
#define FEW   16
#define DEPTH 6

struct snapshot {
	struct buddy buddy;
	struct page pages[FEW];
	uint8_t frame[FEW];
	struct block block[FEW];
	unsigned nblocks;
};

static struct snapshot *snapshots;
static unsigned first_step; /* of the sequences that are tried now */

static void save(struct snapshot *s)
{
	s->buddy = bench->buddy;
	memcpy(s->pages, bench->pages, sizeof(s->pages));
	memcpy(s->frame, bench->frame, sizeof(s->frame));
	memcpy(s->block, bench->block, sizeof(s->block));
	s->nblocks = bench->nblocks;
}

static void restore(const struct snapshot *s)
{
	bench->buddy = s->buddy;
	memcpy(bench->pages, s->pages, sizeof(s->pages));
	memcpy(bench->frame, s->frame, sizeof(s->frame));
	memcpy(bench->block, s->block, sizeof(s->block));
	bench->nblocks = s->nblocks;
}

/* Three frames, which go back together. */
static bool alloc_three(void)
{
	struct page *p = buddy_alloc_exact(&bench->buddy, 3, 0);
	pfn_t pfn = p ? (pfn_t)(p - bench->pages) : 0;

	if (!p)
		return !could_allocate(2);
	if (!is_aligned(pfn, 4) || !all_are(pfn, 1, M_FREE) ||
	    !all_are(pfn + 2, 0, M_FREE) || p->state != PAGE_PART ||
	    p[2].state != PAGE_USED)
		return false;
	memset(bench->frame + pfn, M_USED, 3);
	mark_pool();
	bench->block[bench->nblocks++] = (struct block){pfn, THREE};
	return true;
}

/* Two frames at 8 or at 10. */
static bool alloc_placed(void)
{
	struct page *p =
		buddy_alloc_within(&bench->buddy, 1, range_make(7, 13), 0);

	if (!p)
		return !all_are(8, 1, M_FREE) && !all_are(10, 1, M_FREE);
	return (p == bench->pages + 8 || p == bench->pages + 10) &&
	       note((pfn_t)(p - bench->pages), 1);
}

/* Up to five frames; four are to stay. */
static bool alloc_five(void)
{
	uint64_t before = bench->buddy.free_frames;
	struct page *page[5];
	size_t n = buddy_alloc_bulk(&bench->buddy, 0, 3, 5, page, PAGE_USED, 4);

	for (size_t i = 0; i < n; i++)
		if (!note((pfn_t)(page[i] - bench->pages), 0))
			return false;
	return before - n >= 4 ? n > 2 || n == before - 4 : !n;
}

static bool alloc_step(unsigned step)
{
	switch (step) {
	case 5:
		return alloc_three();
	case 6:
		return alloc_placed();
	case 7:
		return alloc_five();
	default:
		return alloc_one(step);
	}
}

#define ALLOC_STEPS 8

/* Returns the number of sequences tried, 0 as soon as one went wrong. */
static uint64_t exhaust(unsigned depth)
{
	struct snapshot *s = &snapshots[depth];
	uint64_t tried = 1;

	if (!buddy_check(&bench->buddy))
		return 0;
	if (!depth)
		return 1;
	save(s);
	for (unsigned step = 0; step < ALLOC_STEPS + s->nblocks; step++) {
		bool right = step < ALLOC_STEPS ? alloc_step(step)
						: free_one(step - ALLOC_STEPS);
		uint64_t below = right ? exhaust(depth - 1) : 0;

		if (!below)
			return 0;
		tried += below;
		restore(s);
		if (depth == DEPTH - 1 &&
		    !ktest_goes_on_(first_step, ALLOC_STEPS))
			return 0;
		if (depth == DEPTH)
			first_step = step;
	}
	return tried;
}

KTEST(buddy, exhaustive_on_sixteen_frames)
{
	if (!set_up())
		return ktest_skip("no memory");
	snapshots = ktest_alloc((DEPTH + 1) * sizeof(*snapshots));
	REQUIRE(snapshots);
	seed(0, FEW);
	/* The first step brings the only chunk; from then on the frames are
	 * all there is to save. */
	REQUIRE(alloc_one(0) && free_one(0));
	EXPECT(exhaust(DEPTH) > 500000);
}
