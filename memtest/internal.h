/* What the engine and the tests share. */
#pragma once

#include <lib/bits.h>
#include <lib/errno.h>
#include <memtest/access.h>
#include <memtest/memtest.h>

/* Words that the loops do without a branch: a cache line. */
#define MEMTEST_UNROLL 8

struct memtest {
	const struct memtest_config *config;
	struct memtest_result *result;
	const struct memtest_test *test;
	unsigned stage; /* of the test, from 0 */
	const struct memtest_region *region;
	uint64_t pattern; /* for reports: what the test now works with */
	struct memtest_progress progress;
};

/* Note an error: `actual` was read at p. */
__attribute__((cold, noinline)) void memtest_mismatch(struct memtest *m,
						      volatile uint64_t *p,
						      uint64_t expected,
						      uint64_t actual);

/* Read a word, once, and compare. */
static inline __attribute__((always_inline)) void memtest_check(
	struct memtest *m, volatile uint64_t *p, uint64_t expected)
{
	uint64_t actual = memtest_load(p);

	if (__builtin_expect(actual != expected, 0))
		memtest_mismatch(m, p, expected, actual);
}

/* After each slice: so many accesses were made. 0, or -EINTR to stop. */
int memtest_account(struct memtest *m, uint64_t accesses);

/* All words of the region are written, none is verified. */
void memtest_hold(struct memtest *m);

/* The run functions of the two families of tests, and their data. */
int memtest_march(struct memtest *m, const struct memtest_region *r);
extern const struct memtest_march memtest_march_c, memtest_march_c1;

int memtest_pattern(struct memtest *m, const struct memtest_region *r);
extern const struct memtest_pattern memtest_own_address, memtest_walk1,
	memtest_walk64, memtest_random;
