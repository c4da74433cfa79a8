/*
 * A run of the memory tester, from the first line of its log to the last:
 *
 *	memtest_session.c	what is done, in which order
 *	memtest_progress.c	tests begin, go on and end; when all will be over
 *	memtest_report.c	what is said at the start and at the end
 *	memtest_kernel.c	the memory that the kernel lives in
 *	memtest_reach.c		by which addresses memory is reached
 *
 * One run at a time, from the shell. All of it is in a struct memtest_session, which
 * has memory of its own from the allocator.
 */
#pragma once

#include <kernel/memtest_cache.h>
#include <kernel/memtest_errors.h>
#include <kernel/memtest_harts.h>
#include <kernel/memtest_pool.h>
#include <kernel/spinlock.h>

#define MEMTEST_RUN_ID 32 /* longest */
#define MEMTEST_WHYS   16
#define MEMTEST_VIEWS  64

struct memtest_options {
	const char *profile; /* "none": it was about certain tests */
	uint64_t tests;	     /* as in struct memtest_config */
	bool has_range;
	struct range range; /* bytes; all, if there is none */
	uint64_t passes;    /* 0: until ^C */
	uint64_t seed;
	uint64_t hold_ms;
	uint64_t fade_ms;
	uint64_t tick_ms;
	cpumask_t harts;
	enum cache_mode cache;
	bool kernel; /* test what the kernel lives in, too */
	char run_id[MEMTEST_RUN_ID + 1];
};

/* The test that runs, and how fast those before were. */
struct memtest_progressing {
	const struct memtest_test *test;
	uint64_t accesses;  /* that it will make */
	uint64_t start;	    /* ticks */
	uint64_t faded;	    /* ticks of it in long holds */
	uint64_t last_tick; /* ticks: when a line was last logged */
	struct {
		uint64_t accesses,
			ticks;	/* of the run; long holds not counted */
		uint64_t done;	/* accesses of this pass */
		uint64_t fades; /* long holds of this pass */
	} of[64];
};

/* Part of a block of 2 MiB that the kernel has moved out of. */
struct memtest_block {
	struct range bytes;
	uint64_t frames[8]; /* those to test, as bits */
	unsigned nframes;
	volatile uint64_t *view; /* NULL: there is no block */
};

/* Uncached addresses of a range of the pool. */
struct memtest_view {
	struct range bytes;
	volatile uint64_t *words;
};

/* What people and programs are told at the end. */
struct memtest_outcome {
	struct memtest_options o;
	enum cache_verdict verified; /* of its cache mode */
	const char *status;	     /* NULL: there was no run */
	uint64_t passes, errors;
	uint64_t tested, untested, skipped; /* bytes */
	uint64_t ms, lines;
};

struct memtest_session {
	struct memtest_options o;
	struct memtest_pool pool;
	struct memtest_share shares[MAX_CPUS];
	struct memtest_harts harts;
	unsigned self;	 /* the worker that is the console's hart */
	uint64_t start;	 /* ticks */
	uint64_t passes; /* complete ones */
	struct memtest_block block;
	struct memtest_region spare; /* for the kernel, while it is tested */
	struct memtest_progressing progress;
	unsigned nviews;
	struct memtest_view view[MEMTEST_VIEWS];

	/* Bytes: what there is to test, and what was. */
	struct range span; /* of the pool */
	uint64_t pool_bytes, kernel_bytes, kernel_blocks;
	uint64_t pool_tested, kernel_tested;
	uint64_t untested, skipped;
	uint64_t ecc_corrected, ecc_lost; /* at the start */
	struct {
		const char *why;
		uint64_t bytes;
	} why[MEMTEST_WHYS];

	struct spinlock lock; /* of `errors`, while harts test */
	struct memtest_errors errors;
	struct memtest_outcome outcome;
};

/* Run. Returns the command's status. */
int memtest_session(const struct memtest_options *o);

/* Tell the outcome of the last run again: `memtest last`. */
int memtest_last(void);

/* ---- between the files ---- */

/* Get ready to reach the pool in the cache mode that has begun. 0, or *why not. */
int memtest_reach_begin(struct memtest_session *s, const char **why);
void memtest_reach_end(struct memtest_session *s);
struct memtest_region memtest_reach(const struct memtest_session *s,
				    struct range bytes);

static inline bool memtest_stopped(const struct memtest_session *s)
{
	return __atomic_load_n(&s->harts.stop, __ATOMIC_RELAXED);
}

/* On the console's hart, often: see ^C, log a tick if it is time. */
void memtest_attend(struct memtest_session *s);

/* The engine's callbacks of that name, for memtest_progress.c. */
void memtest_on_test_start(void *arg, const struct memtest_progress *p);
void memtest_on_test_end(void *arg, const struct memtest_progress *p);
bool memtest_on_progress(void *arg, unsigned worker, uint64_t done);
void memtest_on_hold(void *arg, const struct memtest_hold *h);

/* ... of memtest_session.c. */
void memtest_on_error(void *arg, unsigned worker,
		      const struct memtest_error *e);

/* ... of memtest_reach.c. */
void memtest_on_expel_all(void *arg, unsigned worker);
bool memtest_on_expel(void *arg, volatile uint64_t *p);

/* A pass begins. */
void memtest_progress_pass(struct memtest_session *s);

/* Run all tests once over the pool or, if there is one, over the block. Adds to
 * *tested. 0 or -EINTR. */
int memtest_tests_once(struct memtest_session *s, uint64_t *tested);

/* All of the kernel's memory, once. Bytes that were tested. */
uint64_t memtest_kernel(struct memtest_session *s);

/* Over the block: memtest_ops.spread. */
void memtest_kernel_spread(struct memtest_session *s,
			   void (*fn)(void *ctx, unsigned worker), void *ctx);

/* The next region of a share of the block (memtest_ops.next). */
bool memtest_kernel_next(const struct memtest_session *s, unsigned share,
			 struct memtest_cursor *c, struct memtest_region *r);

/* The first lines: the run, the machine. */
void memtest_report_start(const struct memtest_session *s);

/* What there is to test, and what not: fills in the bytes. */
void memtest_report_memory(struct memtest_session *s);

/* The last lines where nothing could be tested: `why`. Returns the status. */
int memtest_report_refusal(struct memtest_session *s, const char *why);

/* The last lines; frames that are bad are retired, the others go back. Returns the
 * command's status. */
int memtest_report_end(struct memtest_session *s);

/* The very first line, once more. */
void memtest_report_again(const struct memtest_outcome *o);

/* Lines that sum up errors; the very last ones, three times. */
void memtest_report_errors(const struct memtest_errors *e);
void memtest_report_outcome(const struct memtest_outcome *o);
