/*
 * Unit tests that run both on the host and in the kernel, from the same
 * source. A test is a function; it registers itself in a linker section:
 *
 *	KTEST(range, intersect_of_disjoint_is_empty)
 *	{
 *		struct range r = range_intersect(...);
 *
 *		EXPECT(range_empty(r));
 *		EXPECT_EQ(range_size(r), 0);
 *	}
 *
 * Tests must leave the machine as they found it, since the kernel that runs
 * them goes on. Output is TAP; the last line is "N passed, N failed".
 *
 * Suites are of one of four kinds. Those called `stress` (all harts on something
 * for long), `litmus` (what harts see of each other) and `silicon` (how this machine
 * differs from others) are kinds of their own, all others are `unit`.
 */
#pragma once

#include <kernel/types.h>

struct ktest {
	const char *suite;
	const char *name;
	void (*fn)(void);
};

#define KTEST(suite_, name_)                                             \
	static void ktest_##suite_##_##name_(void);                      \
	static const struct ktest ktest_rec_##suite_##_##name_           \
		__attribute__((used, section("ktests"), aligned(8))) = { \
			#suite_, #name_, ktest_##suite_##_##name_};      \
	static void ktest_##suite_##_##name_(void)

/*
 * Note a failure and go on. There are thousands of these: what each adds to the
 * image is a line number, its text, and a call. The function that it is in comes
 * from the call's return address.
 */
#define EXPECT(cond) ((cond) ? (void)0 : ktest_expected_(__LINE__, #cond))

#define EXPECT_EQ(a, b)                                              \
	do {                                                         \
		uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b);     \
                                                                     \
		if (a_ != b_)                                        \
			ktest_differ_(__LINE__, a_, b_, #a "\0" #b); \
	} while (0)

/* Note a failure and leave the test function. */
#define REQUIRE(cond)                                     \
	do {                                              \
		if (!(cond)) {                            \
			ktest_expected_(__LINE__, #cond); \
			return;                           \
		}                                         \
	} while (0)

__attribute__((cold)) void ktest_expected_(int line, const char *what);
__attribute__((cold)) void ktest_differ_(int line, uint64_t a, uint64_t b,
					 const char *names);

/* The same with words of one's own. */
__attribute__((cold)) void ktest_fail(const char *file, int line,
				      const char *fmt, ...) __printf(3, 4);

/* Say why the test can't run here; it then counts as passed, marked SKIP. */
void ktest_skip(const char *why);

/* Scratch memory of at least `size` bytes, zeroed; it is freed when the test
 * ends. NULL when there is none: skip the test then. */
void *ktest_alloc(size_t size);

/* The seed of this run (printed in its first line), and the number of steps
 * that a property test takes; both can be set from outside. */
uint64_t ktest_seed(void);
uint64_t ktest_ops(void);

/*
 * A loop of `n` steps that may take long: it says how far it is every few seconds,
 * and ends early when the user wants to stop. What the test finds afterwards does
 * not count then.
 */
#define KTEST_STEPS(i, n)                 \
	for (uint64_t i = 0, i##_n = (n); \
	     i < i##_n && ktest_goes_on(i, i##_n); i++)

/* The same by hand: `done` of `n` steps were made. False: leave. */
bool ktest_goes_on_(uint64_t done, uint64_t n);

static inline bool ktest_goes_on(uint64_t done, uint64_t n)
{
	return done % 256 || ktest_goes_on_(done, n);
}

/* For a test that has seen that the user wants to stop: the run ends with it. Was
 * the last run stopped, by whatever? */
void ktest_stop(void);
bool ktest_stopped(void);

struct ktest_options {
	/* Run the tests that one of these means: a kind, or a part of
	 * "suite.name"; all, if there are none. */
	const char *const *names;
	unsigned nnames;
	uint64_t seed; /* 0: the default */
	uint64_t ops;  /* 0: the default, 1,000,000 */
	/* Asked before each test, and now and then by long ones: true ends the
	 * run there. NULL: never. */
	bool (*stop)(void);
	uint64_t
		tell_us; /* from one report of a long test to the next; 0: none */
};

/* Run the tests that are wanted, in TAP; what a stop left out is not counted in
 * the last line. Returns how many failed, or -1, with
 * nothing run, when one of the names means no test; `*bad`, if not NULL, becomes
 * that name. */
int ktest_run(const struct ktest_options *o, const char **bad);

/* List the tests that are wanted: their names, or, when all are, the suites of
 * each kind with their numbers of tests. -1 as above. */
int ktest_list(const struct ktest_options *o, const char **bad);

/* From now on there are no tests. Was that said? */
void ktest_drop(void);
bool ktest_dropped(void);

/* What a machine supplies to ktest: memory that lasts until it is released
 * (NULL when there is none). */
void *ktest_os_alloc(size_t size);
void ktest_os_release(void *p, size_t size);
