/*
 * Bad frames on the system's zones: once retired, a frame is in no block that
 * anything gets, and all other frames are there. Everything is good again at the
 * end, and given back. Attacks mm/retire.c and mm/buddy_retire.c.
 */
#include <kernel/ktest.h>
#include <lib/rng.h>
#include <mm/page_debug.h>
#include <mm/retire.h>

#include "slab_bed.h"

#define ITEMS 128
#define MOST  24 /* bad ranges at a time */
#define KNOWN 6	 /* before: so that the list need not grow */

enum how { BLOCK, EXACT, BULK };

static struct {
	struct rng rng;
	struct {
		struct page *p;
		uint64_t frames;
		enum how how;
	} item[ITEMS];
	unsigned n;
	uint64_t held, most; /* frames in items: now, and so many at most */
	uint64_t seen;	     /* blocks with bad frames that were handed out */
	struct range bad[MOST];
	unsigned nbad;
} t;

static struct range frames_of(const struct page *p, uint64_t n)
{
	return range_make(page_to_phys(p), page_to_phys(p) + n * PAGE_SIZE);
}

static bool is_bad(const struct page *p, uint64_t frames)
{
	return range_set_part(page_bad(), frames_of(p, frames)) !=
	       RANGE_SET_NONE;
}

static bool is_retired(struct range r)
{
	for (paddr_t pa = r.start; pa < r.end; pa += PAGE_SIZE)
		if (!page_is_bad(pa >> PAGE_SHIFT))
			return false;
	return true;
}

static void note(struct page *p, uint64_t frames, enum how how)
{
	if (!p)
		return;
	t.seen += is_bad(p, frames);
	t.held += frames;
	t.item[t.n].p = p;
	t.item[t.n].frames = frames;
	t.item[t.n++].how = how;
}

static void alloc_some(void)
{
	static const unsigned flags[] = {
		0, 0, ALLOC_ATOMIC, ALLOC_DMA32, ALLOC_NORETRY, ALLOC_RESERVE};
	unsigned f = flags[rng_below(&t.rng, ARRAY_SIZE(flags))];
	unsigned order = (unsigned)rng_below(&t.rng, 1 + rng_below(&t.rng, 11));
	uint64_t n = 1 + rng_below(&t.rng, (uint64_t)1 << order);
	struct page *page[8];

	if (!order && rng_below(&t.rng, 4) == 0)
		f |= ALLOC_ZERO;
	switch (rng_below(&t.rng, 8)) {
	case 0:
		note(page_alloc_exact(n, f), n, EXACT);
		break;
	case 1:
		n = 1 + rng_below(&t.rng, ARRAY_SIZE(page));
		if (t.n + n <= ITEMS && page_alloc_bulk(n, page, f))
			while (n)
				note(page[--n], 1, BULK);
		break;
	default:
		note(page_alloc(order, f), (uint64_t)1 << order, BLOCK);
	}
}

/* What of it is bad is retired then. */
static void free_one(unsigned i)
{
	struct page *p = t.item[i].p;
	uint64_t frames = t.item[i].frames;
	enum how how = t.item[i].how;
	bool bad;

	t.item[i] = t.item[--t.n];
	t.held -= frames;
	bad = is_bad(p, frames);
	if (how == EXACT)
		page_free_exact(p, frames);
	else if (how == BULK)
		page_free_bulk(1, &p);
	else
		page_free(p, highest_bit(frames));
	for (unsigned k = 0; bad && k < t.nbad; k++)
		EXPECT(!range_overlaps(t.bad[k], frames_of(p, frames)) ||
		       is_retired(range_intersect(t.bad[k],
						  frames_of(p, frames))));
}

/* A frame or some of a block that we have, of one that we had, or of any. */
static struct range draw(void)
{
	const struct range *given;
	unsigned n = zone_given(&given);
	struct range r = given[rng_below(&t.rng, n)];
	pfn_t at = r.start + rng_below(&t.rng, range_size(r)), size = 1;

	if (t.n && rng_below(&t.rng, 4)) {
		unsigned i = (unsigned)rng_below(&t.rng, t.n);

		r.start = page_to_pfn(t.item[i].p);
		r.end = r.start + t.item[i].frames;
		at = r.start + rng_below(&t.rng, t.item[i].frames);
		if (rng_below(&t.rng, 2))
			free_one(i);
	}
	if (rng_below(&t.rng, 8) == 0)
		size = 1 + rng_below(&t.rng, 64);
	return range_make(at << PAGE_SHIFT, min_u64(at + size, r.end)
						    << PAGE_SHIFT);
}

static void retire_some(void)
{
	struct range r = draw();

	if (t.nbad == MOST || range_set_part(page_bad(), r) != RANGE_SET_NONE)
		return;
	t.bad[t.nbad++] = r;
	EXPECT_EQ(page_retire(r) == 0, is_retired(r));
}

static void check(void)
{
	pfn_t at = 0;
	const char *wrong = page_audit(&at);

	if (wrong)
		ktest_fail(__FILE__, __LINE__, "frame %#llx: %s",
			   (unsigned long long)at, wrong);
}

/* Back to what was known before. */
static void make_good(void)
{
	while (t.nbad)
		EXPECT(page_unretire(t.bad[--t.nbad]));
}

static void run(uint64_t steps)
{
	uint64_t every = steps / 64 + 1;

	for (uint64_t i = 0; i < steps; i++) {
		if (t.n == ITEMS || t.held > t.most ||
		    (t.n && rng_below(&t.rng, 2)))
			free_one((unsigned)rng_below(&t.rng, t.n));
		else
			alloc_some();
		if (rng_below(&t.rng, every) == 0)
			retire_some();
		if (rng_below(&t.rng, every * 16) == 0) {
			check();
			make_good();
		}
	}
	while (t.n)
		free_one(0);
}

KTEST(retire, bad_frames_are_never_seen_again)
{
	uint64_t before = frames_used(), retired = zone_sums().bad;

	if (page_bad()->n > KNOWN)
		return ktest_skip("this machine has much bad RAM");
	t.rng = rng_seed(ktest_seed());
	t.seen = 0;
	/* Reclaim would take most of the time. */
	t.most = page_free_count() / 4;
	/* Two steps an allocation. */
	run(2 * ktest_ops());
	EXPECT_EQ(t.seen, 0);
	check();
	make_good();
	EXPECT_EQ(zone_sums().bad, retired);
	EXPECT_EQ(frames_used(), before);
	check();
}

static struct range frame(const struct page *p)
{
	return t.bad[t.nbad++] = frames_of(p, 1);
}

/* Wherever it is. */
KTEST(retire, free_cached_in_use)
{
	uint64_t before = frames_used(), retired = zone_sums().bad;
	struct page *p = page_alloc(0, 0), *q = page_alloc(3, 0);

	if (page_bad()->n > KNOWN)
		return ktest_skip("this machine has much bad RAM");
	REQUIRE(p && q);
	page_free(p, 0); /* into this hart's cache */
	EXPECT_EQ(page_retire(frame(p)), 0);
	EXPECT(page_is_bad(page_to_pfn(p)));
	/* In the middle of a block, then the rest of it. */
	EXPECT(page_retire(frame(q + 5)) < 0);
	EXPECT(!page_is_bad(page_to_pfn(q + 5)));
	EXPECT_EQ(zone_sums().bad, retired + 1);
	page_free(q, 3);
	EXPECT(page_is_bad(page_to_pfn(q + 5)));
	EXPECT(page_is_free(page_to_pfn(q + 4)));
	EXPECT_EQ(zone_sums().bad, retired + 2);
	check();
	make_good();
	EXPECT_EQ(zone_sums().bad, retired);
	EXPECT_EQ(frames_used(), before);
	check();
}

/* One that is found good again while it is in use is as any other. */
KTEST(retire, forgotten_in_time)
{
	uint64_t before = frames_used(), retired = zone_sums().bad;
	struct page *p = page_alloc(2, 0);

	if (page_bad()->n > KNOWN)
		return ktest_skip("this machine has much bad RAM");
	REQUIRE(p);
	EXPECT(page_retire(frame(p + 1)) < 0);
	EXPECT_EQ(p->state, PAGE_DOOMED);
	make_good();
	EXPECT_EQ(p->state, PAGE_USED);
	page_free(p, 2);
	EXPECT_EQ(zone_sums().bad, retired);
	EXPECT_EQ(frames_used(), before);
	check();
}
