/*
 * The memory tester's engine: runs tests over regions of RAM that its caller
 * supplies, and tells the caller through a table of callbacks what happens. It
 * neither prints nor allocates nor waits, so it runs in a kernel, in a unit
 * test, and over a model of faulty RAM alike.
 *
 * A run is passes x tests x stages x regions, in that nesting. A test with more
 * than one stage thus does one step to all of memory before the next: that is
 * how it sees an address that reaches another region's cells.
 */
#pragma once

#include <kernel/types.h>

/* What is tested at a time: words that lie side by side, at physical address
 * `pa`. At most 1 GiB or so, since progress of some tests is by region. */
struct memtest_region {
	volatile uint64_t *words;
	uint64_t nwords;
	paddr_t pa;
};

struct memtest; /* a run in progress; internal.h */

/* A test is a row of the table. */
struct memtest_test {
	const char *name;
	const char *finds; /* the faults, for --list */
	unsigned accesses; /* of each word, a pass */
	unsigned stages;   /* >= 1 */
	bool standard;	   /* run unless tests are named */
	const void *data;  /* what `run` works from */

	/* Do stage m->stage to one region. 0, or -EINTR when the caller of the
	 * engine wants to stop. */
	int (*run)(struct memtest *m, const struct memtest_region *r);
};

extern const struct memtest_test memtest_tests[];
extern const unsigned memtest_ntests; /* <= 64 */

/* A word that did not hold what was written to it. */
struct memtest_error {
	const struct memtest_test *test;
	uint64_t pass;	  /* from 1 */
	uint64_t pattern; /* background, or first word of the region */
	paddr_t pa;
	uint64_t expected;
	uint64_t actual; /* from the test's own, only read */
	uint64_t reread; /* from one more read, right after */
};

struct memtest_progress {
	const struct memtest_test *test;
	uint64_t pass;	 /* from 1 */
	uint64_t done;	 /* accesses of this test in this pass ... */
	uint64_t total;	 /* ... out of so many */
	uint64_t errors; /* of this test in this pass */
};

/* The engine's caller. `arg` is config.arg; none may be NULL. */
struct memtest_ops {
	/* The regions, in any order but each time the same: back to the first;
	 * the next, or false when there are no more. */
	void (*rewind)(void *arg);
	bool (*next)(void *arg, struct memtest_region *r);

	void (*test_start)(void *arg, const struct memtest_progress *p);
	void (*test_end)(void *arg, const struct memtest_progress *p);

	/* After each MiB or so. Returns whether to stop. */
	bool (*progress)(void *arg, const struct memtest_progress *p);

	/* Each word of `r` now holds its pattern and none has been read yet:
	 * the moment to wait, for a script that flips bits, or for cells that
	 * lose their charge. */
	void (*hold)(void *arg, const struct memtest_region *r,
		     uint64_t pattern);

	/* For each error; may be millions. */
	void (*error)(void *arg, const struct memtest_error *e);
};

struct memtest_config {
	const struct memtest_ops *ops;
	void *arg;
	uint64_t tests;	 /* bit i: run memtest_tests[i] */
	uint64_t passes; /* 0: until stopped */
	uint64_t seed;	 /* of random patterns */
};

struct memtest_result {
	uint64_t passes; /* complete ones */
	uint64_t errors;
	uint64_t tested; /* bytes that at least one test went through */
};

/*
 * Run. Overwrites all of the regions; they must not be in use. Returns 0 when
 * all was done, -EINTR when stopped by `progress`; *result is written in both
 * cases. Where there is no region, there is no pass.
 */
int memtest_run(const struct memtest_config *c, struct memtest_result *result);

/* The index of the test whose name is the first `len` bytes of `name`, or -1. */
int memtest_find(const char *name, size_t len);

/* The tests that run by default, as config.tests. */
uint64_t memtest_standard(void);
