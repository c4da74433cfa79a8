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

/* Note a failure and go on. */
#define EXPECT(cond)      \
	((cond) ? (void)0 \
		: ktest_fail(__FILE__, __LINE__, "expected: %s", #cond))

#define EXPECT_EQ(a, b)                                            \
	do {                                                       \
		uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b);   \
                                                                   \
		if (a_ != b_)                                      \
			ktest_fail(__FILE__, __LINE__,             \
				   "%s is %#llx, %s is %#llx", #a, \
				   (unsigned long long)a_, #b,     \
				   (unsigned long long)b_);        \
	} while (0)

/* Note a failure and leave the test function. */
#define REQUIRE(cond)                                                          \
	do {                                                                   \
		if (!(cond)) {                                                 \
			ktest_fail(__FILE__, __LINE__, "required: %s", #cond); \
			return;                                                \
		}                                                              \
	} while (0)

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

struct ktest_options {
	/* Run the tests whose "suite.name" contains one of these; all, if there
	 * are none. */
	const char *const *names;
	unsigned nnames;
	uint64_t seed; /* 0: the default */
	uint64_t ops;  /* 0: the default, 1,000,000 */
	/* Asked before each test: true ends the run there. NULL: never. */
	bool (*stop)(void);
};

/* Run the tests that are wanted, in TAP; what a stop left out is not counted in
 * the last line. Returns how many failed, or -1, with
 * nothing run, when one of the names means no test; `*bad`, if not NULL, becomes
 * that name. */
int ktest_run(const struct ktest_options *o, const char **bad);

/* List the names of all tests. */
void ktest_list(void);

/* What a machine supplies to ktest: memory that lasts until it is released
 * (NULL when there is none). */
void *ktest_os_alloc(size_t size);
void ktest_os_release(void *p, size_t size);
