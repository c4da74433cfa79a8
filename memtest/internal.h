/* What the engine and the tests share. */
#pragma once

#include <lib/bits.h>
#include <lib/errno.h>
#include <memtest/access.h>
#include <memtest/memtest.h>

/* A run. Workers only read it while a stage is on, but for (a): atomically. */
struct memtest {
	const struct memtest_config *config;
	const struct memtest_test *test;
	uint64_t pass; /* from 1 */
	unsigned stage;
	bool down; /* the stage goes downwards */

	uint64_t errors; /* (a) of the test in the pass */
	uint64_t tested; /* (a) bytes that the test went through */
	bool stopped;	 /* (a) */
	/* Accesses of each worker in the test so far; it alone writes its own,
	 * at the end of a stage. */
	uint64_t done[MEMTEST_WORKERS];
};

/* A worker in a stage: on its own stack, in lines of its own, since it counts
 * in there. */
struct memtest_worker {
	struct memtest *run;
	const struct memtest_region *region;
	uint64_t pattern; /* for reports: what the stage works with */
	uint64_t errors;
	uint64_t done; /* accesses in this test and pass */
	uint64_t told; /* as of the last call of `progress` */
	unsigned index;
	bool each; /* config.each */
} __attribute__((aligned(64)));

/* Note an error: `actual` was read at p. */
__attribute__((cold, noinline)) void memtest_mismatch(struct memtest_worker *w,
						      volatile uint64_t *p,
						      uint64_t expected,
						      uint64_t actual);

/* Read a word, once, and compare. */
static inline __attribute__((always_inline)) void memtest_check(
	struct memtest_worker *w, volatile uint64_t *p, uint64_t expected)
{
	uint64_t actual = memtest_load(p);

	if (__builtin_expect(actual != expected, 0))
		memtest_mismatch(w, p, expected, actual);
}

/* The next load of the word is to come from memory. Returns whether it will. */
bool memtest_expel(struct memtest_worker *w, volatile uint64_t *p);

/* So many accesses were made: to be called for each slice at least. 0, or
 * -EINTR to stop. */
int memtest_account(struct memtest_worker *w, uint64_t accesses);

/* The number that random patterns of a run, a pass and a place begin with;
 * never 0. */
uint64_t memtest_random(const struct memtest *m, uint64_t place);

/* Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8(14), 2003: full
 * period, and cheaper than the load and store around it. Not of 0. */
static inline uint64_t memtest_xorshift(uint64_t v)
{
	v ^= v << 13;
	v ^= v >> 7;
	return v ^ v << 17;
}

/* An operation is 4 bits, so that a list of up to 8 is one number; 0 ends it.
 * Bit 0: the complement; bit 1: a write. */
enum { R0 = 4, R1 = 5, W0 = 6, W1 = 7 };

#define OPS1(a)		    ((uint32_t)(a))
#define OPS2(a, b)	    (OPS1(a) | OPS1(b) << 4)
#define OPS3(a, b, c)	    (OPS2(a, b) | OPS1(c) << 8)
#define OPS5(a, b, c, d, e) (OPS3(a, b, c) | OPS2(d, e) << 12)

/* Do these to n words, upwards, by slices, as an element of the march's first
 * round would; the first word as if it were at `pa`. 0 or -EINTR. */
struct memtest_march;
int memtest_element(struct memtest_worker *w, const struct memtest_march *march,
		    uint32_t ops, volatile uint64_t *words, uint64_t n,
		    paddr_t pa);

/* Words such that each two bits differ in one of them, and each bit is 0 in
 * one; i modulo their number. */
#define MEMTEST_BACKGROUNDS 7
uint64_t memtest_background(unsigned i);

/* The families of tests, and what each works from. */
int memtest_march(struct memtest_worker *w, const struct memtest_region *r);
struct memtest_stage memtest_march_plan(const struct memtest *m,
					unsigned stage);
extern const struct memtest_march memtest_address, memtest_marchca,
	memtest_walk1, memtest_walk64, memtest_checker, memtest_marchc1,
	memtest_marchc, memtest_marchss, memtest_movinv, memtest_movinv8,
	memtest_movinvr, memtest_movinv64, memtest_sequence, memtest_fade,
	memtest_hammered;

int memtest_databus(struct memtest_worker *w, const struct memtest_region *r);
int memtest_addrbus(struct memtest_worker *w, const struct memtest_region *r);
int memtest_modulo(struct memtest_worker *w, const struct memtest_region *r);
int memtest_move(struct memtest_worker *w, const struct memtest_region *r);
int memtest_traffic(struct memtest_worker *w, const struct memtest_region *r);
int memtest_hammer(struct memtest_worker *w, const struct memtest_region *r);
