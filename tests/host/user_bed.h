/*
 * Programs without code, for tests of user spaces on the native machine: what a hart
 * in U-mode would load and store, by what it walks and remembers; and what the kernel
 * does when that faults. A test function runs on a hart of host_bed_run().
 */
#pragma once

#include <kernel/ktest.h>
#include <mm/aspace.h>
#include <mm/object.h>

#include "host_bed.h"

/* One 64-bit access by the program on this hart, which is in the space; with as
 * many faults as it takes. What the last one was, if it failed. */
enum fault_result user_load(struct aspace *as, vaddr_t va, uint64_t *value);
enum fault_result user_store(struct aspace *as, vaddr_t va, uint64_t value);

/* Private memory, or a view of an object, at a fixed address; true if it is there. */
bool user_map(struct aspace *as, struct range va, uint32_t prot,
	      struct vm_object *o, uint32_t type);

/* Where tests have their memory: from the first address of a table of leaves on. The n-th
 * page there, and n of them. */
#define USER_BASE GIB(1)

static inline vaddr_t page(unsigned n)
{
	return USER_BASE + n * PAGE_SIZE;
}

static inline struct range pages(unsigned first, unsigned n)
{
	return range_make(page(first), page(first + n));
}

/* Faults of that kind so far. */
static inline uint64_t user_faults(const struct aspace *as,
				   enum fault_kind kind)
{
	return aspace_faults_of(as, kind);
}

/* Run fn on one hart, twice, and compare the free memory after both. */
void user_bed_run(void (*fn)(void));

#define EXPECT_LOAD(as, va, want)                                \
	do {                                                     \
		uint64_t got_ = 0;                               \
                                                                 \
		EXPECT_EQ(user_load(as, va, &got_), FAULT_DONE); \
		EXPECT_EQ(got_, want);                           \
	} while (0)

#define EXPECT_STORE(as, va, value) \
	EXPECT_EQ(user_store(as, va, value), FAULT_DONE)

#define EXPECT_FITS(as)                                               \
	do {                                                          \
		const char *wrong_ = aspace_check(as);                \
                                                                      \
		if (wrong_)                                           \
			ktest_fail(__FILE__, __LINE__, "%s", wrong_); \
	} while (0)
