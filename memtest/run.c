/*
 * The table of tests, and the loop that runs them: passes, tests, stages,
 * regions. A new test is a row here and, unless it is one more march or one
 * more pattern, a run function.
 */
#include <string.h>

#include "internal.h"

const struct memtest_test memtest_tests[] = {
	{"address", "address lines, decoders, banks that alias", 4, 3, true,
	 &memtest_own_address, memtest_pattern},
	{"walk1", "data lines stuck, shorted or open", 4, 3, true,
	 &memtest_walk1, memtest_pattern},
	{"marchc",
	 "cells stuck or slow to change, cells that disturb others anywhere",
	 70, 1, true, &memtest_march_c, memtest_march},
	{"random", "what depends on many bits at once", 4, 3, true,
	 &memtest_random, memtest_pattern},
	{"marchc1", "as marchc, but not cells of one word that disturb others",
	 10, 1, false, &memtest_march_c1, memtest_march},
	{"walk64", "as walk1, with each bit in each word", 256, 129, false,
	 &memtest_walk64, memtest_pattern},
};

const unsigned memtest_ntests = ARRAY_SIZE(memtest_tests);

_Static_assert(ARRAY_SIZE(memtest_tests) <= 64, "config.tests is a bit each");

int memtest_find(const char *name, size_t len)
{
	for (unsigned i = 0; i < memtest_ntests; i++)
		if (strlen(memtest_tests[i].name) == len &&
		    memcmp(memtest_tests[i].name, name, len) == 0)
			return (int)i;
	return -1;
}

uint64_t memtest_standard(void)
{
	uint64_t tests = 0;

	for (unsigned i = 0; i < memtest_ntests; i++)
		if (memtest_tests[i].standard)
			tests |= (uint64_t)1 << i;
	return tests;
}

void memtest_mismatch(struct memtest *m, volatile uint64_t *p,
		      uint64_t expected, uint64_t actual)
{
	struct memtest_error e = {
		.test = m->test,
		.pass = m->progress.pass,
		.pattern = m->pattern,
		.pa = m->region->pa + 8 * (uint64_t)(p - m->region->words),
		.expected = expected,
		.actual = actual,
		.reread = memtest_load(p),
	};

	m->progress.errors++;
	m->result->errors++;
	m->config->ops->error(m->config->arg, &e);
}

int memtest_account(struct memtest *m, uint64_t accesses)
{
	m->progress.done += accesses;
	return m->config->ops->progress(m->config->arg, &m->progress) ? -EINTR
								      : 0;
}

void memtest_hold(struct memtest *m)
{
	memtest_fence();
	m->config->ops->hold(m->config->arg, m->region, m->pattern);
}

static uint64_t count_words(const struct memtest_config *c)
{
	struct memtest_region r;
	uint64_t n = 0;

	c->ops->rewind(c->arg);
	while (c->ops->next(c->arg, &r))
		n += r.nwords;
	return n;
}

static int run_test(struct memtest *m)
{
	const struct memtest_config *c = m->config;
	struct memtest_region r;
	uint64_t tested = 0;
	int err = 0;

	for (m->stage = 0; m->stage < m->test->stages && !err; m->stage++) {
		bool last = m->stage + 1 == m->test->stages;

		c->ops->rewind(c->arg);
		while (!err && c->ops->next(c->arg, &r)) {
			m->region = &r;
			err = m->test->run(m, &r);
			if (last && !err)
				tested += 8 * r.nwords;
		}
	}
	m->result->tested = max_u64(m->result->tested, tested);
	return err;
}

static int run_pass(struct memtest *m, uint64_t pass, uint64_t nwords)
{
	const struct memtest_config *c = m->config;
	int err = 0;

	for (unsigned i = 0; i < memtest_ntests && !err; i++) {
		if (!(c->tests >> i & 1))
			continue;
		m->test = &memtest_tests[i];
		m->progress = (struct memtest_progress){
			.test = m->test,
			.pass = pass,
			.total = nwords * m->test->accesses,
		};
		c->ops->test_start(c->arg, &m->progress);
		err = run_test(m);
		c->ops->test_end(c->arg, &m->progress);
	}
	return err;
}

int memtest_run(const struct memtest_config *c, struct memtest_result *result)
{
	struct memtest m = {.config = c, .result = result};
	uint64_t nwords = count_words(c);
	int err = 0;

	*result = (struct memtest_result){0};
	/* Over nothing, `progress` is never called: endless passes would be. */
	while (nwords && !err && (!c->passes || result->passes < c->passes)) {
		err = run_pass(&m, result->passes + 1, nwords);
		if (!err)
			result->passes++;
	}
	return err;
}
