/*
 * Tests that fill memory with a pattern that differs from word to word, and
 * then verify it.
 *
 * A pattern comes in rounds, each with the pattern and then its complement: so
 * each bit of each word is seen as 0 and as 1. Fill and verify are stages, that
 * is all of memory is filled before any of it is verified, whatever the number
 * of regions:
 *
 *	stage	0	 1	   2	     3			last
 *	verify		 round 0   round 0   round 1		round n-1
 *				   inverted			inverted
 *	fill	round 0  round 0   round 1   round 1
 *			 inverted	     inverted
 *
 * This way an address that reaches a word of another region is seen, and each
 * word is out of the caches before it is verified, as long as all of what is
 * tested is larger than they are.
 *
 * A pattern is a start value for the region and a step from a word's value to
 * the next word's; `sweep` is instantiated for each step, so that the step is
 * inline in a loop of 8 words.
 *
 * Where it holds: before the two verifies of the first round.
 */
#include <lib/rng.h>

#include "internal.h"

typedef uint64_t step_fn(uint64_t v);

/* Returns the value of the word that follows. */
typedef uint64_t sweep_fn(struct memtest *m, volatile uint64_t *words,
			  uint64_t n, uint64_t v);

struct memtest_pattern {
	unsigned rounds;
	uint64_t (*start)(const struct memtest *m,
			  const struct memtest_region *r, uint64_t round);
	/* Of the pattern, and of its complement. */
	sweep_fn *fill[2];
	sweep_fn *verify[2];
};

static inline __attribute__((always_inline)) uint64_t do_word(
	struct memtest *m, volatile uint64_t *p, uint64_t v, step_fn *step,
	bool verify)
{
	if (verify)
		memtest_check(m, p, v);
	else
		memtest_store(p, v);
	return step(v);
}

static inline __attribute__((always_inline)) uint64_t sweep(
	struct memtest *m, volatile uint64_t *p, uint64_t n, uint64_t v,
	step_fn *step, bool verify)
{
	volatile uint64_t *end = p + n;
	volatile uint64_t *blocks_end = p + n / MEMTEST_UNROLL * MEMTEST_UNROLL;

	for (; p != blocks_end; p += MEMTEST_UNROLL) {
		v = do_word(m, p + 0, v, step, verify);
		v = do_word(m, p + 1, v, step, verify);
		v = do_word(m, p + 2, v, step, verify);
		v = do_word(m, p + 3, v, step, verify);
		v = do_word(m, p + 4, v, step, verify);
		v = do_word(m, p + 5, v, step, verify);
		v = do_word(m, p + 6, v, step, verify);
		v = do_word(m, p + 7, v, step, verify);
	}
	for (; p != end; p++)
		v = do_word(m, p, v, step, verify);
	return v;
}

#define STEP(name, expression)                                              \
	static inline uint64_t name##_step(uint64_t v)                      \
	{                                                                   \
		return expression;                                          \
	}                                                                   \
	static uint64_t name##_fill(struct memtest *m,                      \
				    volatile uint64_t *words, uint64_t n,   \
				    uint64_t v)                             \
	{                                                                   \
		return sweep(m, words, n, v, name##_step, false);           \
	}                                                                   \
	static uint64_t name##_verify(struct memtest *m,                    \
				      volatile uint64_t *words, uint64_t n, \
				      uint64_t v)                           \
	{                                                                   \
		return sweep(m, words, n, v, name##_step, true);            \
	}

/* A word's value is its physical address; the complement counts down. */
STEP(up, v + 8)
STEP(down, v - 8)

static uint64_t own_address_start(const struct memtest *m,
				  const struct memtest_region *r,
				  uint64_t round)
{
	(void)m, (void)round;
	return r->pa;
}

const struct memtest_pattern memtest_own_address = {
	1, own_address_start, {up_fill, down_fill}, {up_verify, down_verify}};

/* Each word has one bit set, the next word the next bit; with the round, the
 * bit moves through the word. The complement moves alike. */
STEP(walk, v << 1 | v >> 63)

static uint64_t walk_start(const struct memtest *m,
			   const struct memtest_region *r, uint64_t round)
{
	(void)m;
	return (uint64_t)1 << ((r->pa / 8 + round) % 64);
}

const struct memtest_pattern memtest_walk1 = {
	1, walk_start, {walk_fill, walk_fill}, {walk_verify, walk_verify}};
const struct memtest_pattern memtest_walk64 = {
	64, walk_start, {walk_fill, walk_fill}, {walk_verify, walk_verify}};

/* Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8(14), 2003: full
 * period, and cheaper than the load and store around it. */
static inline uint64_t xorshift(uint64_t v)
{
	v ^= v << 13;
	v ^= v >> 7;
	return v ^ v << 17;
}

STEP(random, xorshift(v))
STEP(random_not, ~xorshift(~v))

static uint64_t random_start(const struct memtest *m,
			     const struct memtest_region *r, uint64_t round)
{
	struct rng rng = rng_seed(m->config->seed + m->progress.pass + r->pa);
	uint64_t v = rng_next(&rng);

	(void)round;
	return v ? v : 1; /* 0 would stay 0 */
}

const struct memtest_pattern memtest_random = {
	1,
	random_start,
	{random_fill, random_not_fill},
	{random_verify, random_not_verify}};

/* Phase 2 * round is the pattern, 2 * round + 1 its complement. */
static int run_phase(struct memtest *m, const struct memtest_region *r,
		     unsigned phase, bool verify)
{
	const struct memtest_pattern *t = m->test->data;
	sweep_fn *sweep_slice = (verify ? t->verify : t->fill)[phase & 1];
	uint64_t v = t->start(m, r, phase / 2);

	if (phase & 1)
		v = ~v;
	m->pattern = v;
	if (verify && phase < 2)
		memtest_hold(m);
	memtest_fence();
	for (uint64_t done = 0, n; done < r->nwords; done += n) {
		n = min_u64(r->nwords - done, MEMTEST_SLICE);
		v = sweep_slice(m, r->words + done, n, v);
		if (memtest_account(m, n))
			return -EINTR;
	}
	return 0;
}

int memtest_pattern(struct memtest *m, const struct memtest_region *r)
{
	const struct memtest_pattern *t = m->test->data;
	int err = 0;

	if (m->stage > 0)
		err = run_phase(m, r, m->stage - 1, true);
	if (!err && m->stage < 2 * t->rounds)
		err = run_phase(m, r, m->stage, false);
	return err;
}
