/*
 * The loop that runs tests: passes, tests, stages; and, in each worker, the
 * regions of its share.
 *
 *	caller		hold	spread	hold	spread	...
 *	worker 0		regions		regions
 *	worker 1		regions		regions
 *
 * Nothing is shared in a stage but what nobody writes: each worker counts on
 * its own stack, and adds what it counted to the run's figures at the end.
 *
 * A stage that goes downwards takes the regions of a share from the last to
 * the first. Since the caller has them in rising order only, a stretch of n is
 * halved: the cursor is moved to the middle, the upper half is done, then the
 * lower. That takes log2(n) places in memory and n * log2(n) steps of the
 * cursor, which is nothing beside what is done to a region.
 */
#include <kernel/assert.h>
#include <lib/rng.h>

#include "internal.h"

bool memtest_expel(struct memtest_worker *w, volatile uint64_t *p)
{
	const struct memtest_config *c = w->run->config;

	memtest_fence();
	return c->ops->expel(c->arg, p);
}

static enum memtest_class classify(const struct memtest_error *e)
{
	if (e->again[0] != e->again[1])
		return MEMTEST_UNSTABLE;
	if (e->again[0] == e->actual)
		return MEMTEST_STUCK;
	return e->again[0] == e->expected ? MEMTEST_TRANSIENT
					  : MEMTEST_UNSTABLE;
}

void memtest_mismatch(struct memtest_worker *w, volatile uint64_t *p,
		      uint64_t expected, uint64_t actual)
{
	const struct memtest *m = w->run;
	struct memtest_error e = {
		.test = m->test,
		.pass = m->pass,
		.pattern = w->pattern,
		.pa = w->region->pa + 8 * (uint64_t)(p - w->region->words),
		.expected = expected,
		.actual = actual,
		.fresh = true,
	};

	for (unsigned i = 0; i < 2; i++) {
		e.fresh &= memtest_expel(w, p);
		e.again[i] = memtest_load(p);
	}
	e.class = classify(&e);
	w->errors++;
	m->config->ops->error(m->config->arg, w->index, &e);
}

static int tell_progress(struct memtest_worker *w)
{
	const struct memtest_config *c = w->run->config;

	w->told = w->done;
	return c->ops->progress(c->arg, w->index, w->done) ? -EINTR : 0;
}

int memtest_account(struct memtest_worker *w, uint64_t accesses)
{
	w->done += accesses;
	return w->done - w->told < MEMTEST_SLICE ? 0 : tell_progress(w);
}

uint64_t memtest_random(const struct memtest *m, uint64_t place)
{
	struct rng rng = rng_seed(m->config->seed + m->pass + place);
	uint64_t v = rng_next(&rng);

	return v ? v : 1;
}

/* ---- a worker's stage ---- */

static bool next_region(const struct memtest_worker *w, unsigned share,
			struct memtest_cursor *c, struct memtest_region *r)
{
	const struct memtest_config *config = w->run->config;

	return config->ops->next(config->arg, share, c, r);
}

static int run_region(struct memtest_worker *w, const struct memtest_region *r)
{
	struct memtest *m = w->run;
	int err;

	w->region = r;
	err = m->test->run(w, r);
	if (!err && m->stage + 1 == m->test->stages)
		__atomic_fetch_add(&m->tested, 8 * r->nwords, __ATOMIC_RELAXED);
	return err;
}

static int run_up(struct memtest_worker *w, unsigned share)
{
	struct memtest_cursor c = {0};
	struct memtest_region r;
	int err = 0;

	while (!err && next_region(w, share, &c, &r))
		err = run_region(w, &r);
	return err;
}

/* The n regions from the cursor on, the last first. */
static int run_down(struct memtest_worker *w, unsigned share,
		    struct memtest_cursor c, uint64_t n)
{
	struct memtest_cursor middle = c;
	struct memtest_region r;
	int err;

	for (uint64_t i = 0; i < n / 2; i++)
		next_region(w, share, &middle, &r);
	if (n <= 1)
		return n && next_region(w, share, &c, &r) ? run_region(w, &r)
							  : 0;
	err = run_down(w, share, middle, n - n / 2);
	return err ? err : run_down(w, share, c, n / 2);
}

static uint64_t count_regions(const struct memtest_worker *w, unsigned share)
{
	struct memtest_cursor c = {0};
	struct memtest_region r;
	uint64_t n = 0;

	while (next_region(w, share, &c, &r))
		n++;
	return n;
}

/* Tests of transfers give the shares to other workers from stage to stage:
 * what one has written is to get to another. */
static unsigned share_of(const struct memtest *m, unsigned worker)
{
	if (m->test->kind != MEMTEST_TRANSFER)
		return worker;
	return (worker + m->stage) % m->config->workers;
}

static void run_worker(void *ctx, unsigned index)
{
	struct memtest *m = ctx;
	const struct memtest_config *c = m->config;
	struct memtest_worker w = {.run = m,
				   .index = index,
				   .done = m->done[index],
				   .told = m->done[index],
				   .each = c->each};
	unsigned share = share_of(m, index);
	int err;

	if (m->down)
		err = run_down(&w, share, (struct memtest_cursor){0},
			       count_regions(&w, share));
	else
		err = run_up(&w, share);
	if (!err && w.done != w.told)
		err = tell_progress(&w);
	c->ops->expel_all(c->arg, index);
	m->done[index] = w.done;
	__atomic_fetch_add(&m->errors, w.errors, __ATOMIC_RELAXED);
	if (err)
		__atomic_store_n(&m->stopped, true, __ATOMIC_RELAXED);
}

/* ---- a run ---- */

static void run_stage(struct memtest *m)
{
	const struct memtest_config *c = m->config;
	struct memtest_stage s = {0};

	if (m->test->plan)
		s = m->test->plan(m, m->stage);
	if (s.hold) {
		struct memtest_hold h = {m->test, m->pass, s.pattern, s.fade};

		c->ops->hold(c->arg, &h);
	}
	m->down = s.down;
	c->ops->spread(c->arg, run_worker, m);
}

static void run_test(struct memtest *m, uint64_t words)
{
	const struct memtest_config *c = m->config;
	struct memtest_progress p = {.test = m->test,
				     .pass = m->pass,
				     .total = memtest_cost(m->test, words)};

	m->errors = m->tested = 0;
	for (unsigned i = 0; i < c->workers; i++)
		m->done[i] = 0;
	c->ops->test_start(c->arg, &p);
	for (m->stage = 0; m->stage < m->test->stages && !m->stopped;
	     m->stage++)
		run_stage(m);
	p.errors = m->errors;
	c->ops->test_end(c->arg, &p);
}

static void run_pass(struct memtest *m, uint64_t words,
		     struct memtest_result *result)
{
	for (unsigned i = 0; i < memtest_ntests && !m->stopped; i++) {
		if (!(m->config->tests >> i & 1))
			continue;
		m->test = &memtest_tests[i];
		run_test(m, words);
		result->errors += m->errors;
		result->tested = max_u64(result->tested, m->tested);
	}
	if (!m->stopped)
		result->passes++;
}

uint64_t memtest_words(const struct memtest_config *c)
{
	uint64_t n = 0;

	for (unsigned share = 0; share < c->workers; share++) {
		struct memtest_cursor cursor = {0};
		struct memtest_region r;

		while (c->ops->next(c->arg, share, &cursor, &r))
			n += r.nwords;
	}
	return n;
}

int memtest_run(const struct memtest_config *c, struct memtest_result *result)
{
	struct memtest m = {.config = c};
	uint64_t words = memtest_words(c);

	assert(c->workers && c->workers <= MEMTEST_WORKERS);
	*result = (struct memtest_result){0};
	/* Over nothing, `progress` is never called: endless passes would be. */
	while (words && !m.stopped &&
	       (!c->passes || result->passes < c->passes)) {
		m.pass = result->passes + 1;
		run_pass(&m, words, result);
	}
	return m.stopped ? -EINTR : 0;
}
