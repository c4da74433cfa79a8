/*
 * The harts that test memory. One of them, or one more, is the console's: it
 * called, waits for the others, and sees what the user types.
 */
#pragma once

#include <kernel/cpu.h>
#include <kernel/smp.h>

/* What a hart writes all the time is on a line of the cache that is its own. */
struct memtest_hart {
	uint64_t done; /* accesses in the test that runs (a) */
	unsigned cpu;
	uint64_t hartid; /* firmware's name for it */
	uint64_t share;	 /* accesses that it will make in this test */
	bool working;	 /* has not returned yet (a) */
	uint64_t seen;	 /* of `done`, by who looks for harts that stall */
	uint64_t since;	 /* ticks: when that was new, or it did not work */
	struct smp_work work;
} __attribute__((aligned(64)));

struct memtest_harts {
	unsigned n;
	bool stop; /* all are to end soon (a) */

	/* Called by the console's hart about ten times a second while it waits for
	 * the others. */
	void (*idle)(void *arg);
	void *arg;

	/* What they do now. */
	void (*fn)(void *ctx, unsigned worker);
	void *ctx;
	unsigned left; /* harts that are at it (a) */

	struct memtest_hart hart[MAX_CPUS]; /* by number of the worker */
};

/* Those of `cpus`, all online, at least one. */
void memtest_harts_init(struct memtest_harts *h, cpumask_t cpus);

/*
 * Call fn(ctx, w) on each at the same time, w from 0 up; return when all have
 * returned. A hart that never does (its memory does not answer) is waited for
 * for ever: nothing can take the work away from it.
 */
void memtest_harts_spread(struct memtest_harts *h,
			  void (*fn)(void *ctx, unsigned worker), void *ctx);

/* The worker that this hart is; n if it is none. */
unsigned memtest_harts_self(const struct memtest_harts *h);

/* Firmware's id of a hart. */
uint64_t memtest_hartid(unsigned cpu);

/* Parse a list of hart ids, like 0,2-3: those that are to test. NULL, or what
 * is wrong with it. */
const char *memtest_harts_parse(const char *list, cpumask_t *cpus);
