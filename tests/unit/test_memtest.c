/*
 * The memory tester over real memory: sound memory passes, what changes between
 * writing and verifying is reported exactly, a stop is obeyed. What faults the
 * tests find is tested over a model of faulty RAM, on the host.
 */
#include <string.h>

#include <kernel/ktest.h>
#include <lib/errno.h>
#include <lib/rng.h>
#include <memtest/memtest.h>

#define NWORDS	 ((uint64_t)3 << 17) /* 3 MiB: three slices */
#define NREGIONS 3
#define BASE	 0x123456000u

struct fixture {
	uint64_t *memory;
	struct memtest_region regions[NREGIONS];
	unsigned nregions;
	unsigned at;

	/* Flip bit `flip_bit` of word `flip_word` in each hold that has it. */
	bool flip;
	uint64_t flip_word;
	unsigned flip_bit;
	uint64_t holds;

	uint64_t stop_after; /* calls of progress; 0: never */
	uint64_t calls;
	uint64_t starts, ends;
	uint64_t done, total; /* as of the last test_end */
	uint64_t errors;
	struct memtest_error last;
};

static void rewind(void *arg)
{
	((struct fixture *)arg)->at = 0;
}

static bool next(void *arg, struct memtest_region *r)
{
	struct fixture *f = arg;

	if (f->at == f->nregions)
		return false;
	*r = f->regions[f->at++];
	return true;
}

static void test_start(void *arg, const struct memtest_progress *p)
{
	struct fixture *f = arg;

	f->starts++;
	EXPECT_EQ(p->done, 0);
}

static void test_end(void *arg, const struct memtest_progress *p)
{
	struct fixture *f = arg;

	f->ends++;
	f->done = p->done;
	f->total = p->total;
}

static bool progress(void *arg, const struct memtest_progress *p)
{
	struct fixture *f = arg;

	EXPECT(p->done <= p->total);
	return ++f->calls == f->stop_after;
}

static void hold(void *arg, const struct memtest_region *r, uint64_t pattern)
{
	struct fixture *f = arg;
	uint64_t start = (uint64_t)(r->words - f->memory);

	(void)pattern;
	f->holds++;
	if (f->flip && f->flip_word >= start &&
	    f->flip_word < start + r->nwords)
		f->memory[f->flip_word] ^= (uint64_t)1 << f->flip_bit;
}

static void error(void *arg, const struct memtest_error *e)
{
	struct fixture *f = arg;

	f->errors++;
	f->last = *e;
}

static const struct memtest_ops ops = {
	rewind, next, test_start, test_end, progress, hold, error,
};

/* Three regions that meet at odd places, so that blocks and slices end inside
 * a region, at its end and across the end. */
static bool fixture_init(struct fixture *f)
{
	static const uint64_t ends[] = {13, NWORDS - 1000, NWORDS};

	memset(f, 0, sizeof(*f));
	f->memory = ktest_alloc(NWORDS * 8);
	if (!f->memory) {
		ktest_skip("no 3 MiB of memory");
		return false;
	}
	for (uint64_t start = 0; f->nregions < NREGIONS; f->nregions++) {
		uint64_t end = ends[f->nregions];

		f->regions[f->nregions] = (struct memtest_region){
			f->memory + start, end - start, BASE + 8 * start};
		start = end;
	}
	return true;
}

KTEST(memtest, names_are_found_exactly)
{
	for (unsigned i = 0; i < memtest_ntests; i++)
		EXPECT_EQ(memtest_find(memtest_tests[i].name,
				       strlen(memtest_tests[i].name)),
			  i);
	EXPECT_EQ(memtest_find("marchc1,walk1", 6), memtest_find("marchc", 6));
	EXPECT(memtest_find("march", 5) == -1);
	EXPECT(memtest_find("marchc11", 8) == -1);
	EXPECT(memtest_find("", 0) == -1);
}

KTEST(memtest, sound_memory_passes)
{
	struct memtest_result result;
	struct memtest_config c = {&ops, NULL, memtest_standard(), 2, 1};
	struct fixture f;

	if (!fixture_init(&f))
		return;
	c.arg = &f;
	EXPECT_EQ(memtest_run(&c, &result), 0);
	EXPECT_EQ(f.errors, 0);
	EXPECT_EQ(result.errors, 0);
	EXPECT_EQ(result.passes, 2);
	EXPECT_EQ(result.tested, NWORDS * 8);
	EXPECT_EQ(f.starts, f.ends);
	EXPECT_EQ(f.starts,
		  2 * (unsigned)__builtin_popcountll(memtest_standard()));
	EXPECT_EQ(f.done, f.total);
}

/* A bit that changes after the word was written and before it is verified. */
static void flip_is_found(struct fixture *f, unsigned test, uint64_t word,
			  unsigned bit)
{
	struct memtest_result result;
	struct memtest_config c = {&ops, f, (uint64_t)1 << test, 1, 1};

	f->flip = true;
	f->flip_word = word;
	f->flip_bit = bit;
	f->errors = f->holds = 0;
	EXPECT_EQ(memtest_run(&c, &result), 0);
	/* Once for each hold over the word's region; a march holds once. */
	EXPECT(f->errors == 1 || f->errors == 2);
	EXPECT_EQ(f->holds, f->errors * NREGIONS);
	EXPECT_EQ(result.errors, f->errors);
	EXPECT_EQ(f->last.pa, BASE + 8 * word);
	EXPECT_EQ(f->last.expected ^ f->last.actual, (uint64_t)1 << bit);
	EXPECT_EQ(f->last.reread, f->last.actual);
	EXPECT(f->last.test == &memtest_tests[test]);
}

KTEST(memtest, flip_in_a_hold_is_reported_exactly)
{
	struct rng rng = rng_seed(ktest_seed());
	struct fixture f;

	if (!fixture_init(&f))
		return;
	for (unsigned i = 0; i < memtest_ntests; i++) {
		if (!memtest_tests[i].standard)
			continue;
		flip_is_found(&f, i, 0, 0);
		flip_is_found(&f, i, 12, 63);
		flip_is_found(&f, i, 13, 31);
		flip_is_found(&f, i, NWORDS - 1, 32);
		flip_is_found(&f, i, rng_below(&rng, NWORDS),
			      (unsigned)rng_below(&rng, 64));
	}
}

KTEST(memtest, stop_is_obeyed_at_once)
{
	struct memtest_result result;
	struct fixture f;

	if (!fixture_init(&f))
		return;
	for (unsigned i = 0; i < memtest_ntests; i++) {
		struct memtest_config c = {&ops, &f, (uint64_t)1 << i, 0, 1};

		for (uint64_t n = 1; n < 12; n++) {
			f.calls = f.starts = f.ends = 0;
			f.stop_after = n;
			EXPECT_EQ(memtest_run(&c, &result), (uint64_t)-EINTR);
			EXPECT_EQ(f.calls, n);
			EXPECT_EQ(f.starts, 1);
			EXPECT_EQ(f.ends, 1);
			EXPECT_EQ(result.passes, 0);
			EXPECT_EQ(result.errors, 0);
		}
	}
}

KTEST(memtest, tested_counts_what_a_test_completed)
{
	struct memtest_result result;
	struct fixture f;
	int marchc1 = memtest_find("marchc1", 7);
	struct memtest_config c = {&ops, &f, (uint64_t)1 << marchc1, 1, 1};

	if (!fixture_init(&f))
		return;
	f.stop_after = 6 + 1; /* six elements of the first region, one slice */
	EXPECT_EQ(memtest_run(&c, &result), (uint64_t)-EINTR);
	EXPECT_EQ(result.tested, 13 * 8);
}

KTEST(memtest, endless_passes_over_nothing_end)
{
	struct memtest_result result;
	struct fixture f;
	struct memtest_config c = {&ops, &f, memtest_standard(), 0, 1};

	if (!fixture_init(&f))
		return;
	f.nregions = 0;
	EXPECT_EQ(memtest_run(&c, &result), 0);
	EXPECT_EQ(result.tested, 0);
	EXPECT_EQ(result.passes, 0);
	EXPECT_EQ(f.starts, 0);
}
