/*
 * Committed memory: what programs may need in the end, of what they mapped. Counted
 * for reports; a single request is refused when it is more than there is RAM
 * (Linux's rule 0, "guess").
 *
 * Each hart has a sum of its own, which may be negative: no line is shared, and
 * nothing is atomic where memory is mapped. Interrupts don't map memory.
 */
#pragma once

#include <kernel/cpu.h>

extern int64_t commit_here;  /* per hart, bytes */
extern uint64_t commit_most; /* RAM at the last look (a) */

/* Look again. */
bool commit_fits_now(uint64_t bytes);

/* May one request be so large? Any context. */
static inline bool commit_fits(uint64_t bytes)
{
	return bytes <= __atomic_load_n(&commit_most, __ATOMIC_RELAXED) ||
	       commit_fits_now(bytes);
}

/* So many bytes more are committed, or fewer. Any context that stays on its hart,
 * but interrupts. */
static inline void commit_add(int64_t bytes)
{
	*this_cpu(commit_here) += bytes;
}

/* The sum; exact while nobody adds. */
uint64_t commit_sum(void);
