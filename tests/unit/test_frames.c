/*
 * Page frames on the system's zones, with the harts' caches: everything that
 * <mm/page_alloc.h> offers, at random, with a pattern in every block; misuse,
 * watermarks, failures, poison. All memory is given back.
 */
#include <string.h>

#include <kernel/ktest.h>
#include <lib/rng.h>
#include <mm/bug.h>
#include <mm/fail.h>
#include <mm/layout.h>
#include <mm/page_debug.h>
#include <mm/reclaim.h>
#include <mm/zone.h>

#include "slab_bed.h"

#define ITEMS 256
#define BATCH 64

enum how { BLOCK, EXACT, BULK };

struct item {
	struct page *p;
	uint64_t frames;
	enum how how;
};

static struct {
	struct item item[ITEMS];
	unsigned n;
	struct rng rng;
	struct mm_bug bug; /* the last one */
	unsigned bugs;
} t;

static void note_bug(const struct mm_bug *b)
{
	t.bug = *b;
	t.bugs++;
}

static void expect_sound(uint64_t before)
{
	pfn_t at = 0;
	const char *wrong = page_audit(&at);

	if (wrong)
		ktest_fail(__FILE__, __LINE__, "frame %#llx: %s",
			   (unsigned long long)at, wrong);
	EXPECT_EQ(frames_used(), before);
}

static uint64_t *first_word(const struct page *p)
{
	return phys_to_virt(page_to_phys(p));
}

/* Its owner's name in the first and the last word of a block. */
static void stamp(const struct item *x)
{
	uint64_t *w = first_word(x->p);

	w[0] = w[x->frames * PAGE_SIZE / 8 - 1] = (uintptr_t)x->p;
}

static bool stamped(const struct item *x)
{
	const uint64_t *w = first_word(x->p);

	return w[0] == (uintptr_t)x->p &&
	       w[x->frames * PAGE_SIZE / 8 - 1] == (uintptr_t)x->p;
}

static void add(struct page *p, uint64_t frames, enum how how)
{
	if (!p)
		return;
	t.item[t.n] = (struct item){p, frames, how};
	stamp(&t.item[t.n++]);
}

static void alloc_some(unsigned flags)
{
	struct range low = {GIB(2) >> PAGE_SHIFT, GIB(5) >> PAGE_SHIFT};
	unsigned order = (unsigned)rng_below(&t.rng, 1 + rng_below(&t.rng, 8));
	uint64_t n = 1 + rng_below(&t.rng, BATCH);
	struct page *page[BATCH];

	if (t.n + BATCH > ITEMS)
		return;
	switch (rng_below(&t.rng, 8)) {
	case 0:
		add(page_alloc_exact(n, flags), n, EXACT);
		return;
	case 1:
		if (page_alloc_bulk(n, page, flags))
			for (uint64_t i = 0; i < n; i++)
				add(page[i], 1, BULK);
		return;
	case 2:
		add(page_alloc_within(order, low, flags), 1ull << order, BLOCK);
		return;
	default:
		add(page_alloc(order, flags), 1ull << order, BLOCK);
	}
}

static struct item take(unsigned i)
{
	struct item x = t.item[i];

	t.item[i] = t.item[--t.n];
	if (!stamped(&x))
		ktest_fail(__FILE__, __LINE__, "%llu frames at %#llx: not mine",
			   (unsigned long long)x.frames,
			   (unsigned long long)page_to_pfn(x.p));
	return x;
}

static void free_bulk(void)
{
	struct page *page[BATCH];
	size_t n = 0;

	for (unsigned i = 0; i < t.n && n < BATCH;)
		if (t.item[i].how == BULK)
			page[n++] = take(i).p;
		else
			i++;
	page_free_bulk(n, page);
}

static void free_one(void)
{
	struct item x = take((unsigned)rng_below(&t.rng, t.n));

	if (x.how == EXACT)
		page_free_exact(x.p, x.frames);
	else
		page_free(x.p, highest_bit(x.frames));
}

static void step(uint64_t i)
{
	static const unsigned flags[] = {
		0, 0, ALLOC_ATOMIC, ALLOC_NORETRY, ALLOC_DMA32, ALLOC_RESERVE};

	if (rng_below(&t.rng, 10) < (i / 256 % 2 ? 6u : 4u))
		alloc_some(flags[rng_below(&t.rng, ARRAY_SIZE(flags))]);
	else if (t.n && rng_below(&t.rng, 16))
		free_one();
	else
		free_bulk();
	if (i % 65536 == 0)
		reclaim();
}

static void begin(void)
{
	t.rng = rng_seed(ktest_seed());
	t.n = t.bugs = 0;
	mm_bug_hook = note_bug;
}

static void end(void)
{
	while (t.n)
		free_one();
	mm_bug_hook = NULL;
}

KTEST(frames, random_steps_with_patterns)
{
	uint64_t before = frames_used();

	begin();
	KTEST_STEPS (i, ktest_ops())
		step(i);
	end();
	EXPECT_EQ(t.bugs, 0);
	expect_sound(before);
}

/* Neighbours in the order of their addresses, in the other, and mixed: stacks
 * are given back in whole, or but for some. */
KTEST(frames, batches_come_back_in_any_order)
{
	enum { N = 509 };
	static const unsigned factor[] = {1, N - 1, 2, 167};
	struct page **page = ktest_alloc(N * sizeof(struct page *));
	uint64_t before;
	unsigned n;

	REQUIRE(page);
	before = frames_used();
	for (unsigned round = 0; round < 8 * ARRAY_SIZE(factor); round++) {
		/* Leave some of the last round in the stack. */
		for (n = 0; n < N; n++) {
			page[n] = page_alloc(0, 0);
			if (!page[n])
				break;
		}
		if (n < N) {
			while (n)
				page_free(page[--n], 0);
			return ktest_skip("not enough memory");
		}
		for (unsigned i = 0; i < N; i++)
			page_free(page[i * factor[round % 4] % N], 0);
		expect_sound(before);
	}
}

KTEST(frames, neighbours_of_two_zones_go_to_their_own)
{
	pfn_t border = GIB(4) >> PAGE_SHIFT;
	struct range around = {border - 1, border + 1};
	uint64_t before = frames_used();
	struct page *page[2];

	for (unsigned first = 0; first < 2; first++) {
		page[0] = page_alloc_within(0, around, 0);
		page[1] = page_alloc_within(0, around, 0);
		if (!page[0] || !page[1]) {
			if (page[0])
				page_free(page[0], 0);
			return ktest_skip("no free RAM around 4 GiB");
		}
		if ((page[0] < page[1]) != (first == 0)) {
			struct page *p = page[0];

			page[0] = page[1];
			page[1] = p;
		}
		page_free_bulk(2, page);
		expect_sound(before);
	}
}

static void expect_bug(enum mm_bug_kind kind, const struct page *p)
{
	EXPECT_EQ(t.bugs, 1);
	EXPECT_EQ(t.bug.kind, kind);
	EXPECT_EQ(t.bug.object, (uintptr_t)first_word(p));
	EXPECT(t.bug.caller);
	t.bugs = 0;
}

KTEST(frames, misuse_is_seen_at_once)
{
	uint64_t before = frames_used();
	struct page *p, *pair[2];

	begin();
	p = page_alloc(1, 0);
	REQUIRE(p);
	page_free(p, 0);
	expect_bug(BUG_WRONG_ORDER, p);
	page_free(p, 12);
	expect_bug(BUG_WRONG_ORDER, p);
	page_free(p, UINT32_MAX);
	expect_bug(BUG_WRONG_ORDER, p);
	page_free(p + 1, 0);
	expect_bug(BUG_INVALID_FREE, p + 1);
	page_free(p, 1);
	EXPECT_EQ(t.bugs, 0);
	page_free(p, 1); /* in this hart's stack */
	expect_bug(BUG_DOUBLE_FREE, p);
	reclaim();
	page_free(p, 1); /* in the zone */
	expect_bug(BUG_DOUBLE_FREE, p);
	page_free(p + 1, 0);
	expect_bug(BUG_DOUBLE_FREE, p + 1);
	REQUIRE(page_alloc_bulk(1, pair, 0));
	pair[1] = pair[0];
	page_free_bulk(2, pair); /* twice in one call */
	expect_bug(BUG_DOUBLE_FREE, pair[0]);
	p = page_alloc_exact(6, 0);
	REQUIRE(p);
	for (uint64_t wrong = 0; wrong <= 16; wrong++) {
		t.bugs = 0;
		if (wrong != 6)
			page_free_exact(p, wrong);
		EXPECT_EQ(t.bugs, wrong != 6);
	}
	t.bugs = 0;
	page_free_exact(p, UINT64_MAX);
	EXPECT_EQ(t.bugs, 1);
	t.bugs = 0;
	page_free(p, 2);
	EXPECT_EQ(t.bugs, 1);
	t.bugs = 0;
	page_free_exact(p, 6);
	EXPECT_EQ(t.bugs, 0);
	end();
	expect_sound(before);
}

/* One frame after the other, as far as the flags go. Returns what was left. */
static uint64_t drain_zone(unsigned flags, struct list *taken)
{
	struct page *p;

	while ((p = page_alloc(0, flags)))
		list_add(taken, &p->link);
	reclaim();
	return zone_buddy(ZONE_DMA32)->free_frames;
}

KTEST(frames, watermarks_hold_frames_back)
{
	static const unsigned order[] = {ALLOC_DMA32 | ALLOC_NORETRY,
					 ALLOC_DMA32 | ALLOC_ATOMIC,
					 ALLOC_DMA32 | ALLOC_RESERVE};
	uint64_t before = frames_used(), left[3];
	static struct zone_stats s;
	struct list taken;

	zone_stats(ZONE_DMA32, &s);
	if (!s.total)
		return ktest_skip("no RAM below 4 GiB");
	EXPECT(s.min * s.min <= s.total && (s.min + 1) * (s.min + 1) > s.total);
	EXPECT(s.min < s.low && s.low < s.high);
	list_init(&taken);
	for (unsigned i = 0; i < 3; i++)
		left[i] = drain_zone(order[i], &taken);
	list_for_each_safe (l, &taken)
		page_free(list_entry(l, struct page, link), 0);
	EXPECT_EQ(left[0], s.min);
	EXPECT_EQ(left[1], s.min / 2);
	EXPECT_EQ(left[2], 0);
	expect_sound(before);
}

KTEST(frames, bulk_is_all_or_nothing)
{
	uint64_t before = frames_used();
	struct page *block = page_alloc(4, 0), *page[20], *p;
	struct list taken;

	REQUIRE(block);
	list_init(&taken);
	for (unsigned order = MAX_ORDER + 1; order-- > 0;)
		while ((p = page_alloc(order, ALLOC_RESERVE)))
			list_add(&taken, &p->link);
	EXPECT_EQ(page_free_count(), 0);
	page_free(block, 4);
	EXPECT(!page_alloc_bulk(20, page, ALLOC_RESERVE));
	EXPECT_EQ(page_free_count(), 16);
	EXPECT(page_alloc_bulk(16, page, ALLOC_RESERVE));
	EXPECT_EQ(page_free_count(), 0);
	page_free_bulk(16, page);
	EXPECT(page_alloc_bulk(0, page, 0));
	list_for_each_safe (l, &taken) {
		p = list_entry(l, struct page, link);
		page_free(p, p->order);
	}
	expect_sound(before);
}

static struct page *one(unsigned how)
{
	struct range all = {0, UINT64_MAX >> PAGE_SHIFT};
	struct page *page[BATCH];

	switch (how) {
	case 0:
		return page_alloc(0, 0);
	case 1:
		return page_alloc(5, ALLOC_ZERO);
	case 2:
		return page_alloc_exact(11, 0);
	case 3:
		return page_alloc_within(1, all, 0);
	default:
		if (!page_alloc_bulk(BATCH, page, 0))
			return NULL;
		page_free_bulk(BATCH, page);
		return page[0];
	}
}

static void give_back(unsigned how, struct page *p)
{
	static const unsigned order[] = {0, 5, 0, 1};

	if (how == 2)
		page_free_exact(p, 11);
	else if (how < 4)
		page_free(p, order[how]);
}

KTEST(frames, each_allocation_can_be_made_to_fail)
{
	uint64_t before = frames_used();

	for (unsigned how = 0; how < 5; how++)
		for (uint64_t n = 1; n <= 3; n++) {
			struct page *p[3];

			fail_arm(n, how % 2);
			for (unsigned i = 0; i < 3; i++) {
				bool fails = how % 2 ? i + 1 >= n : i + 1 == n;

				p[i] = one(how);
				EXPECT_EQ(!p[i], fails);
			}
			EXPECT_EQ(fail_count(), 3);
			fail_arm(0, false);
			for (unsigned i = 0; i < 3; i++)
				if (p[i])
					give_back(how, p[i]);
			p[0] = one(how);
			EXPECT(p[0]);
			if (p[0])
				give_back(how, p[0]);
			expect_sound(before);
		}
}

KTEST(frames, poison_tells_of_writes_to_free_frames)
{
	uint64_t before = frames_used();
	struct alloc_track allocated, freed;
	struct page *p, *again;

	begin();
	if (page_debug() || page_debug_set(PAGE_DEBUG_POISON))
		return ktest_skip("in use, or no memory");
	p = page_alloc(2, 0);
	REQUIRE(p);
	EXPECT(page_debug_get(page_to_pfn(p) + 3, &allocated, &freed));
	EXPECT(allocated.pc && !freed.pc);
	page_free(p, 2);
	((uint8_t *)first_word(p + 1))[5] = 0;
	again = page_alloc(2, 0);
	EXPECT_EQ(page_to_pfn(again), page_to_pfn(p));
	EXPECT_EQ(t.bugs, 1);
	EXPECT_EQ(t.bug.kind, BUG_USE_AFTER_FREE);
	EXPECT_EQ(t.bug.at, (uintptr_t)first_word(p + 1) + 5);
	EXPECT(t.bug.allocated.pc == allocated.pc && t.bug.freed.pc);
	page_free(again, 2);
	page_free(again, 2);
	EXPECT_EQ(t.bug.kind, BUG_DOUBLE_FREE);
	EXPECT(t.bug.freed.pc);
	t.bugs = 0;
	for (unsigned i = 0; i < 2000; i++)
		step(i + 1);
	end();
	EXPECT_EQ(t.bugs, 0);
	EXPECT_EQ(page_debug_set(0), 0);
	EXPECT(!page_debug_get(page_to_pfn(p), &allocated, &freed));
	expect_sound(before);
}
