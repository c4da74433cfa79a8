/*
 * How the tests touch the memory they test: 64 bits at a time, exactly as often
 * and in the order that the test says.
 *
 * A build that defines MEMTEST_ACCESS as the name of a header gets its own
 * definitions instead: that is how the tests' sources, unchanged, run over a
 * model of faulty RAM (tests/host/memtest_model.h).
 */
#pragma once

#include <stdint.h>

#ifdef MEMTEST_ACCESS
#include MEMTEST_ACCESS
#else

#include <arch/cpu.h>

/* Words between two calls of `progress`, and so what bounds the answer to a
 * stop: the loops below it know nothing of either. 1 MiB. */
#define MEMTEST_SLICE  ((uint64_t)1 << 17)

/* Words between two probes of the data lines; of a block that is swapped; of
 * a stretch in which one pair of words is hammered. */
#define MEMTEST_PROBE  ((uint64_t)1 << 13)
#define MEMTEST_BLOCK  ((uint64_t)512)
#define MEMTEST_HAMMER ((uint64_t)1 << 19)

static inline uint64_t memtest_load(const volatile uint64_t *p)
{
	return *p;
}

static inline void memtest_store(volatile uint64_t *p, uint64_t v)
{
	*p = v;
}

/* A load behind it gets nothing from a store before it that is still on its
 * way; it is not about caches. */
static inline void memtest_fence(void)
{
	arch_mb();
}

#endif
