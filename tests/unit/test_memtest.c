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
	unsigned workers; /* 1, or one for each region */
	unsigned each;	  /* words that were expelled */

	/* Flip bit `flip_bit` of word `flip_word` in each hold. */
	bool flip;
	uint64_t flip_word;
	unsigned flip_bit;
	uint64_t holds;

	uint64_t stop_after; /* calls of progress; 0: never */
	uint64_t calls;
	uint64_t starts, ends;
	uint64_t done[NREGIONS]; /* by each worker */
	uint64_t total;
	uint64_t errors;
	struct memtest_error last;
};

/* Workers take turns: one after the other, the last first. */
static void spread(void *arg, void (*fn)(void *ctx, unsigned worker), void *ctx)
{
	struct fixture *f = arg;

	for (unsigned i = f->workers; i-- > 0;)
		fn(ctx, i);
}

static bool next(void *arg, unsigned share, struct memtest_cursor *c,
		 struct memtest_region *r)
{
	struct fixture *f = arg;
	uint64_t at = c->offset++;

	if (f->workers > 1)
		at = at ? f->nregions : share;
	if (at >= f->nregions)
		return false;
	*r = f->regions[at];
	return true;
}

static void test_start(void *arg, const struct memtest_progress *p)
{
	struct fixture *f = arg;

	f->starts++;
	f->total = p->total;
	memset(f->done, 0, sizeof(f->done));
}

static void test_end(void *arg, const struct memtest_progress *p)
{
	struct fixture *f = arg;

	f->ends++;
	EXPECT_EQ(p->total, f->total);
	EXPECT(p->errors <= f->errors);
}

static bool progress(void *arg, unsigned worker, uint64_t done)
{
	struct fixture *f = arg;

	EXPECT(done >= f->done[worker]);
	EXPECT(done <= f->total);
	f->done[worker] = done;
	return ++f->calls == f->stop_after;
}

static void hold(void *arg, const struct memtest_hold *h)
{
	struct fixture *f = arg;

	(void)h;
	f->holds++;
	if (f->flip)
		f->memory[f->flip_word] ^= (uint64_t)1 << f->flip_bit;
}

static void error(void *arg, unsigned worker, const struct memtest_error *e)
{
	struct fixture *f = arg;

	EXPECT(worker < f->workers);
	f->errors++;
	f->last = *e;
}

static void expel_all(void *arg, unsigned worker)
{
	struct fixture *f = arg;

	EXPECT(worker < f->workers);
}

static bool expel(void *arg, volatile uint64_t *p)
{
	struct fixture *f = arg;

	EXPECT(p >= f->memory && p < f->memory + NWORDS);
	f->each++;
	return false;
}

static const struct memtest_ops ops = {
	spread, next,  test_start, test_end, progress,
	hold,	error, expel_all,  expel,
};

static struct memtest_config config(struct fixture *f, uint64_t tests)
{
	return (struct memtest_config){.ops = &ops,
				       .arg = f,
				       .workers = f->workers,
				       .tests = tests,
				       .passes = 1,
				       .seed = 1};
}

/* Three regions that meet at odd places, so that blocks and slices end inside
 * a region, at its end and across the end. */
static bool fixture_init(struct fixture *f)
{
	static const uint64_t ends[] = {13, NWORDS - 1000, NWORDS};

	memset(f, 0, sizeof(*f));
	f->workers = 1;
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

static void sound_memory(struct fixture *f, unsigned workers)
{
	uint64_t tests = memtest_profile(MEMTEST_STANDARD);
	uint64_t ntests = (unsigned)__builtin_popcountll(tests);
	struct memtest_result result;
	struct memtest_config c;

	f->workers = workers;
	f->starts = f->ends = 0;
	c = config(f, tests);
	c.passes = 2;
	EXPECT_EQ(memtest_words(&c), NWORDS);
	EXPECT_EQ(memtest_run(&c, &result), 0);
	EXPECT_EQ(f->errors, 0);
	EXPECT_EQ(result.errors, 0);
	EXPECT_EQ(result.passes, 2);
	EXPECT_EQ(result.tested, NWORDS * 8);
	EXPECT_EQ(f->starts, f->ends);
	EXPECT_EQ(f->starts, 2 * ntests);
	EXPECT_EQ(f->done[0] + f->done[1] + f->done[2], f->total);
}

KTEST(memtest, sound_memory_passes)
{
	struct fixture f;

	if (!fixture_init(&f))
		return;
	sound_memory(&f, 1);
	sound_memory(&f, NREGIONS);
}

/* Nearly all of memory is one region. */
KTEST(memtest, transfers_go_from_worker_to_worker)
{
	struct memtest_result result;
	struct fixture f;
	struct memtest_config c;

	if (!fixture_init(&f))
		return;
	f.workers = NREGIONS;
	c = config(&f, (uint64_t)1 << memtest_find("traffic", 7));
	EXPECT_EQ(memtest_run(&c, &result), 0);
	for (unsigned i = 0; i < NREGIONS; i++)
		EXPECT(f.done[i] > NWORDS);
}

/* A bit that changes after the word was written and before it is verified. */
static void flip_is_found(struct fixture *f, unsigned test, uint64_t word,
			  unsigned bit)
{
	struct memtest_result result;
	struct memtest_config c = config(f, (uint64_t)1 << test);

	f->flip = true;
	f->flip_word = word;
	f->flip_bit = bit;
	f->errors = f->holds = 0;
	EXPECT_EQ(memtest_run(&c, &result), 0);
	EXPECT(f->errors == 1 || f->errors == 2);
	EXPECT(f->holds && f->holds <= f->errors);
	EXPECT_EQ(result.errors, f->errors);
	EXPECT_EQ(f->last.pa, BASE + 8 * word);
	EXPECT_EQ(f->last.expected ^ f->last.actual, (uint64_t)1 << bit);
	EXPECT_EQ(f->last.again[0], f->last.actual);
	EXPECT_EQ(f->last.class, MEMTEST_STUCK);
	EXPECT(!f->last.fresh);
	EXPECT(f->last.test == &memtest_tests[test]);
}

KTEST(memtest, flip_in_a_hold_is_reported_exactly)
{
	struct rng rng = rng_seed(ktest_seed());
	struct fixture f;

	if (!fixture_init(&f))
		return;
	for (unsigned i = 0; i < memtest_ntests; i++) {
		struct memtest_stage (*plan)(const struct memtest *m,
					     unsigned stage);

		plan = memtest_tests[i].plan;
		if (!plan || !(memtest_tests[i].profiles & MEMTEST_STANDARD))
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
		struct memtest_config c = config(&f, (uint64_t)1 << i);

		c.passes = 0;
		for (uint64_t n = 1; n < 12; n++) {
			f.calls = f.starts = f.ends = 0;
			f.stop_after = n;
			EXPECT_EQ(memtest_run(&c, &result), (uint64_t)-EINTR);
			EXPECT_EQ(f.calls, n);
			EXPECT_EQ(f.starts, result.passes + 1);
			EXPECT_EQ(f.ends, f.starts);
			EXPECT_EQ(result.errors, 0);
		}
	}
}

/* March C- over regions of 13 words, just under 3 MiB, and the rest of it. Six
 * stages, the last of which is stopped in the second region's second slice:
 * progress is called after so many accesses, wherever that is. */
KTEST(memtest, tested_counts_what_a_test_completed)
{
	struct memtest_result result;
	struct fixture f;
	struct memtest_config c;

	if (!fixture_init(&f))
		return;
	c = config(&f, (uint64_t)1 << memtest_find("marchc1", 7));
	EXPECT_EQ(memtest_run(&c, &result), 0);
	f.stop_after = f.calls - 1;
	f.calls = 0;
	EXPECT_EQ(memtest_run(&c, &result), (uint64_t)-EINTR);
	EXPECT_EQ(result.tested, 13 * 8);
}

KTEST(memtest, endless_passes_over_nothing_end)
{
	struct memtest_result result;
	struct fixture f;
	struct memtest_config c;

	if (!fixture_init(&f))
		return;
	c = config(&f, memtest_profile(MEMTEST_STANDARD));
	c.passes = 0;
	f.nregions = 0;
	EXPECT_EQ(memtest_run(&c, &result), 0);
	EXPECT_EQ(result.tested, 0);
	EXPECT_EQ(result.passes, 0);
	EXPECT_EQ(f.starts, 0);
}
