/*
 * The buddy allocator's other ways to hand blocks out, against a frame-per-byte
 * model: in bulk, in exact numbers, in a given place, with frames kept back. The
 * page map is complete here; test_buddy.c looks at how it grows.
 */
#include <string.h>

#include <kernel/ktest.h>
#include <lib/errno.h>
#include <lib/rng.h>
#include <mm/buddy.h>

#define FRAMES 2048
#define ITEMS  1024
#define BATCH  100

enum { M_NONE, M_FREE, M_USED };

/* What was handed out: a block, or an exact number of frames. */
struct item {
	pfn_t pfn;
	uint64_t frames;
	bool exact;
};

static struct ops {
	struct buddy buddy;
	struct page_map map;
	struct page pages[FRAMES];
	uint64_t bits[FRAMES / PAGES_PER_CHUNK / 64 + 1];
	uint8_t frame[FRAMES];
	struct item item[ITEMS];
	unsigned n;
	uint64_t free;
	struct rng rng;
} * t;

static const struct range ragged[] = {
	{3, 700}, {701, 1024}, {1030, 1031}, {1087, 2047}};

static bool set_up(void)
{
	t = ktest_alloc(sizeof(*t));
	if (!t)
		return false;
	t->rng = rng_seed(ktest_seed());
	memset(t->bits, 0xff, sizeof(t->bits));
	t->map = (struct page_map){
		.pages = t->pages,
		.frames = {0, FRAMES},
		.populated = t->bits,
		.nr_chunks = FRAMES / PAGES_PER_CHUNK,
	};
	buddy_init(&t->buddy, &t->map, range_make(0, FRAMES));
	return true;
}

static void seed(struct range r)
{
	EXPECT_EQ(buddy_seed(&t->buddy, r), 0);
	memset(t->frame + r.start, M_FREE, range_size(r));
	t->free += range_size(r);
}

static pfn_t pfn(const struct page *p)
{
	return (pfn_t)(p - t->pages);
}

static bool all_are(pfn_t start, uint64_t n, uint8_t what)
{
	for (pfn_t i = start; i < start + n; i++)
		if (i >= FRAMES || t->frame[i] != what)
			return false;
	return true;
}

/* Is there a free block of this order in the range? */
static bool possible(unsigned order, struct range r)
{
	uint64_t size = 1ull << order;

	for (pfn_t i = align_up(r.start, size); i + size <= r.end; i += size)
		if (all_are(i, size, M_FREE))
			return true;
	return false;
}

static const struct range everywhere = {0, FRAMES};

/* Note what was handed out; false if it was not free. */
static bool got(const struct page *p, uint64_t frames, bool exact)
{
	if (!all_are(pfn(p), frames, M_FREE) || !page_is_used(p) ||
	    p->refs != 1 || p->flags)
		return false;
	memset(t->frame + pfn(p), M_USED, frames);
	t->free -= frames;
	t->item[t->n++] = (struct item){pfn(p), frames, exact};
	return true;
}

/* Frames to keep: mostly none. */
static uint64_t draw_keep(void)
{
	return rng_below(&t->rng, 4) ? 0 : rng_below(&t->rng, FRAMES);
}

static bool alloc_within(unsigned order)
{
	pfn_t start = rng_below(&t->rng, FRAMES);
	struct range r = {start, start + rng_below(&t->rng, 4ull << order)};
	uint64_t keep = draw_keep();
	struct page *p = buddy_alloc_within(&t->buddy, order, r, keep);

	r.end = min_u64(r.end, FRAMES);
	if (!p)
		return t->free < keep + (1ull << order) || !possible(order, r);
	return t->free >= keep + (1ull << order) && pfn(p) >= r.start &&
	       pfn(p) + (1ull << order) <= r.end && p->order == order &&
	       is_aligned(pfn(p), 1ull << order) &&
	       got(p, 1ull << order, false);
}

static bool alloc_exact(uint64_t frames)
{
	unsigned order = frames > 1 ? highest_bit(frames - 1) + 1 : 0;
	uint64_t keep = draw_keep();
	struct page *p = buddy_alloc_exact(&t->buddy, frames, keep);

	if (!p)
		return t->free < keep + frames || !possible(order, everywhere);
	return t->free >= keep + frames && is_aligned(pfn(p), 1ull << order) &&
	       p->order == highest_bit(frames) && got(p, frames, true);
}

static bool alloc_bulk(unsigned order, size_t n)
{
	struct page *page[BATCH];
	uint64_t keep = draw_keep(), before = t->free;
	bool some =
		possible(order, everywhere) && before >= keep + (1ull << order);
	size_t k = buddy_alloc_bulk(&t->buddy, order, n / 2 + 1, n, page,
				    PAGE_USED, keep);

	if (k > n || !k != !some || (k && before < keep + (k << order)))
		return false;
	for (size_t i = 0; i < k; i++)
		if (page[i]->order != order || !got(page[i], 1ull << order, 0))
			return false;
	/* More than half of what could be had. */
	n = before > keep ? min_u64(n, (before - keep) >> order) : 0;
	return !n || k > n / 2 || !possible(order, everywhere);
}

static struct item remove(unsigned i)
{
	struct item x = t->item[i];

	t->item[i] = t->item[--t->n];
	memset(t->frame + x.pfn, M_FREE, x.frames);
	t->free += x.frames;
	return x;
}

static bool free_one(unsigned i)
{
	struct item x = remove(i);

	if (x.exact)
		return buddy_free_exact(&t->buddy, x.pfn, x.frames) == 0;
	return buddy_free(&t->buddy, x.pfn, highest_bit(x.frames)) == 0;
}

/* All blocks of one order that there are, as they come. */
static bool free_bulk(unsigned order)
{
	struct page *page[BATCH];
	size_t n = 0;

	for (unsigned i = 0; i < t->n && n < BATCH;) {
		if (t->item[i].exact || t->item[i].frames != 1ull << order) {
			i++;
			continue;
		}
		page[n] = t->pages + remove(i).pfn;
		page[n++]->state = PAGE_CACHED;
	}
	return buddy_free_bulk(&t->buddy, order, n, page) == n;
}

static bool step(bool fill)
{
	unsigned order = (unsigned)rng_below(&t->rng, 5);
	uint64_t dice = rng_below(&t->rng, 16);

	if (t->n + BATCH < ITEMS && dice < (fill ? 11u : 6u))
		switch (dice % 3) {
		case 0:
			return alloc_within(order);
		case 1:
			return alloc_exact(1 + rng_below(&t->rng, 200));
		default:
			return alloc_bulk(order, 1 + rng_below(&t->rng, BATCH));
		}
	if (dice == 15)
		return free_bulk(order);
	return !t->n || free_one((unsigned)rng_below(&t->rng, t->n));
}

KTEST(buddy_ops, property_equals_frame_model)
{
	if (!set_up())
		return ktest_skip("no memory");
	for (size_t i = 0; i < ARRAY_SIZE(ragged); i++)
		seed(ragged[i]);
	KTEST_STEPS (i, ktest_ops()) {
		REQUIRE(step(i / 512 % 2));
		REQUIRE(t->buddy.free_frames == t->free);
		if (i % 512 == 0)
			REQUIRE(buddy_check(&t->buddy));
	}
	while (t->n)
		REQUIRE(free_one(t->n - 1));
	EXPECT(buddy_check(&t->buddy));
	EXPECT_EQ(t->buddy.free_frames, t->buddy.total_frames);
}

KTEST(buddy_ops, a_place_in_a_seed_leaves_the_rest_a_seed)
{
	if (!set_up())
		return ktest_skip("no memory");
	seed(everywhere);
	REQUIRE(buddy_alloc_within(&t->buddy, 2, range_make(1001, 1099), 0));
	EXPECT_EQ(t->buddy.nseeds, 2);
	EXPECT_EQ(t->buddy.seed[0].end + t->buddy.seed[1].end, 1004 + FRAMES);
	EXPECT_EQ(t->buddy.nonempty, 0);
	EXPECT(!buddy_alloc_within(&t->buddy, 2, range_make(1004, 1008), 0));
	EXPECT(!buddy_alloc_within(&t->buddy, 3, range_make(1000, 1010), 0));
	EXPECT(!buddy_alloc_within(&t->buddy, 0, range_make(7, 7), 0));
	EXPECT(!buddy_alloc_within(&t->buddy, 0, range_make(FRAMES, ~0ull), 0));
	EXPECT(!buddy_alloc_within(&t->buddy, MAX_ORDER + 1, everywhere, 0));
	/* In vain is what had a place to be, and was not there. */
	EXPECT_EQ(t->buddy.counts[2].failures, 1);
	EXPECT_EQ(t->buddy.counts[0].failures, 0);
	EXPECT(buddy_check(&t->buddy));
}

KTEST(buddy_ops, exact_numbers_are_their_bits)
{
	struct page *p;

	if (!set_up())
		return ktest_skip("no memory");
	seed(everywhere);
	p = buddy_alloc_exact(&t->buddy, 13, 0);
	REQUIRE(p);
	EXPECT(p[0].order == 3 && p[8].order == 2 && p[12].order == 0);
	EXPECT_EQ(t->buddy.free_frames, FRAMES - 13);
	for (uint64_t wrong = 1; wrong <= 32; wrong++)
		if (wrong != 13)
			EXPECT(buddy_free_exact(&t->buddy, pfn(p), wrong));
	EXPECT_EQ(buddy_free(&t->buddy, pfn(p), 3), -ERANGE);
	EXPECT_EQ(buddy_free_exact(&t->buddy, pfn(p), 13), 0);
	EXPECT_EQ(buddy_free_exact(&t->buddy, pfn(p), 13), -ENOENT);
	EXPECT(!buddy_alloc_exact(&t->buddy, 0, 0));
	EXPECT(!buddy_alloc_exact(&t->buddy, (1u << MAX_ORDER) + 1, 0));
	EXPECT_EQ(buddy_free_exact(&t->buddy, 0, 0), -EINVAL);
	EXPECT_EQ(t->buddy.free_frames, FRAMES);
	EXPECT(buddy_check(&t->buddy));
}

KTEST(buddy_ops, counts_and_fragmentation)
{
	struct page *page[64];

	if (!set_up())
		return ktest_skip("no memory");
	EXPECT_EQ(buddy_unusable(&t->buddy, 0), 1000);
	seed(range_make(0, 64));
	EXPECT_EQ(buddy_unusable(&t->buddy, 6), 0);
	EXPECT_EQ(buddy_unusable(&t->buddy, 7), 1000);
	EXPECT_EQ(buddy_alloc_bulk(&t->buddy, 0, 64, 64, page, PAGE_USED, 0),
		  64);
	for (unsigned i = 0; i < 64; i += 2)
		EXPECT_EQ(buddy_free(&t->buddy, i, 0), 0);
	EXPECT_EQ(buddy_unusable(&t->buddy, 0), 0);
	EXPECT_EQ(buddy_unusable(&t->buddy, 1), 1000);
	EXPECT_EQ(buddy_free(&t->buddy, 1, 0), 0);
	/* 2 to 3 are no pair: of 33 frames, two are in one. */
	EXPECT_EQ(buddy_unusable(&t->buddy, 1), 31 * 1000 / 33);
	EXPECT_EQ(t->buddy.counts[0].allocs, 64);
	EXPECT_EQ(t->buddy.counts[0].frees, 33);
	EXPECT_EQ(t->buddy.counts[1].merges, 1);
	EXPECT(!buddy_alloc(&t->buddy, 3, 0));
	EXPECT_EQ(t->buddy.counts[3].failures, 1);
	EXPECT(!buddy_alloc(&t->buddy, 0, 33));
	EXPECT(buddy_alloc(&t->buddy, 0, 32));
}
