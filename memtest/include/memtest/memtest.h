/*
 * The memory tester's engine: runs tests over RAM that its caller supplies, by as
 * many workers as the caller has, and tells the caller through a table of callbacks
 * what happens. It neither prints nor allocates nor waits, so it runs in a kernel, in
 * a unit test, and over a model of faulty RAM alike.
 *
 * A run is passes x tests x stages. A stage is one step (an element of a march, say)
 * over ALL of the memory, by all workers at once, each over its share; the next stage
 * begins when all are through. So an address that reaches another region's or
 * another worker's cells is seen, up and down hold over all of memory as far as
 * harts keep pace, and what a stage wrote has left the caches when the next reads it,
 * where memory is larger than they are.
 */
#pragma once

#include <kernel/types.h>

/* What is tested at a time: words that lie side by side, at physical address `pa`,
 * a multiple of 8. At least one, at most 1 GiB or so. */
struct memtest_region {
	volatile uint64_t *words;
	uint64_t nwords;
	paddr_t pa;
};

#define MEMTEST_WORKERS 64

struct memtest;	       /* a run in progress; internal.h */
struct memtest_worker; /* what one of its workers knows; internal.h */

/* What an error of the test says about where the fault is. */
enum memtest_kind {
	MEMTEST_DATA,	   /* in the word, or what reaches it */
	MEMTEST_ADDRESS,   /* in how the word is reached */
	MEMTEST_RETENTION, /* in the word, with time */
	MEMTEST_TRANSFER,  /* anywhere between memory and hart: don't retire */
};

/* Profiles that a test belongs to, as bits. */
enum { MEMTEST_QUICK = 1, MEMTEST_STANDARD = 2, MEMTEST_SOAK = 4 };

/* How a stage begins, and which way it goes. */
struct memtest_stage {
	bool down; /* the regions from the last to the first */
	bool hold; /* all words hold their patterns, none has been read */
	bool fade; /* ... and the hold is to be a long one */
	uint64_t pattern; /* for reports: the background, or an address 0's */
};

/* A test is a row of the table. */
struct memtest_test {
	const char *name;
	const char *finds; /* the faults, for --list */
	enum memtest_kind kind;
	unsigned profiles;
	unsigned accesses; /* of 64 words (512 bytes), a pass */
	unsigned stages;   /* >= 1 */
	unsigned waits;	  /* of the stages, those that begin with a long hold */
	const void *data; /* what `run` works from */

	/* Tell about a stage. NULL: all begin at once and go upwards. */
	struct memtest_stage (*plan)(const struct memtest *m, unsigned stage);

	/* Do the stage that the worker is at to one region. 0, or -EINTR when the caller of the
	 * engine wants to stop. */
	int (*run)(struct memtest_worker *w, const struct memtest_region *r);
};

extern const struct memtest_test memtest_tests[];
extern const unsigned memtest_ntests; /* <= 64 */

/* What reading the word twice more, from memory if that can be had, gave. */
enum memtest_class {
	MEMTEST_STUCK, /* both times the same wrong value: it is stored so */
	MEMTEST_TRANSIENT, /* both times the right one: the first read went wrong */
	MEMTEST_UNSTABLE, /* something else: reading disturbs it */
};

/* A word that did not hold what was written to it. */
struct memtest_error {
	const struct memtest_test *test;
	uint64_t pass; /* from 1 */
	uint64_t
		pattern; /* the stage's background, or the region's first word */
	paddr_t pa;
	uint64_t expected;
	uint64_t actual;   /* from the test's own, only read */
	uint64_t again[2]; /* from two more */
	enum memtest_class class;
	bool fresh; /* `again` came from memory, not from a cache */
};

struct memtest_progress {
	const struct memtest_test *test;
	uint64_t pass;	 /* from 1 */
	uint64_t total;	 /* accesses of this test in this pass, all workers' */
	uint64_t errors; /* of this test in this pass (in test_end) */
};

/* A place in the sequence of a share's regions. All zero: the start. */
struct memtest_cursor {
	void *at;
	uint64_t offset;
};

/* The moment when all words of all regions hold their patterns and none has been
 * read since: to wait, for a script that flips bits, or for cells that leak. */
struct memtest_hold {
	const struct memtest_test *test;
	uint64_t pass;
	uint64_t pattern;
	bool fade; /* the test wants a long wait: it is about retention */
};

/* The engine's caller. `arg` is config.arg. None may be NULL. */
struct memtest_ops {
	/* Call fn(ctx, w) for each worker w < config.workers, at the same time if
	 * that can be; return when all have returned. What was stored before is
	 * seen by fn, and what fn stored, afterwards. */
	void (*spread)(void *arg, void (*fn)(void *ctx, unsigned worker),
		       void *ctx);

	/* The next region of a share (< config.workers): false when there are no
	 * more. Called by any worker, for any share. Shares are disjoint; together,
	 * in the order of their numbers, they rise in address. */
	bool (*next)(void *arg, unsigned share, struct memtest_cursor *c,
		     struct memtest_region *r);

	/* In the caller's context, before and after a test. */
	void (*test_start)(void *arg, const struct memtest_progress *p);
	void (*test_end)(void *arg, const struct memtest_progress *p);

	/* By each worker, after each MiB or so: accesses that it has made in this test
	 * in this pass. Returns whether to stop: all workers must soon get true. */
	bool (*progress)(void *arg, unsigned worker, uint64_t done);

	/* In the caller's context, between two stages. */
	void (*hold)(void *arg, const struct memtest_hold *h);

	/* For each error; may be millions. By any worker, several at once. */
	void (*error)(void *arg, unsigned worker,
		      const struct memtest_error *e);

	/* By each worker, after each of its stages: displace or flush what caches
	 * have of its share. May do nothing. */
	void (*expel_all)(void *arg, unsigned worker);

	/* The next load of this word is to come from memory. False: can't be had.
	 * Also after each access, with config.each. */
	bool (*expel)(void *arg, volatile uint64_t *p);
};

/* For callers to whom a member means nothing: test_start and test_end, progress,
 * hold, expel_all, expel. They do nothing, nor stop, and expel no word. */
void memtest_ignore_test(void *arg, const struct memtest_progress *p);
bool memtest_go_on(void *arg, unsigned worker, uint64_t done);
void memtest_ignore_hold(void *arg, const struct memtest_hold *h);
void memtest_keep_all(void *arg, unsigned worker);
bool memtest_keep(void *arg, volatile uint64_t *p);

struct memtest_config {
	const struct memtest_ops *ops;
	void *arg;
	unsigned workers; /* 1 to MEMTEST_WORKERS */
	uint64_t tests;	  /* bit i: run memtest_tests[i] */
	uint64_t passes;  /* 0: until stopped */
	uint64_t seed;	  /* of random patterns */
	bool each; /* ops->expel after each access: slow, but each reaches memory */
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

/* Words of all shares; accesses of a test over so many words, a pass. */
uint64_t memtest_words(const struct memtest_config *c);
uint64_t memtest_cost(const struct memtest_test *t, uint64_t words);

/* The index of the test whose name is the first `len` bytes of `name`, or -1. */
int memtest_find(const char *name, size_t len);

/* The tests of a profile, as config.tests. */
uint64_t memtest_profile(unsigned profile);
