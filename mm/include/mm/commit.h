/*
 * Committed memory: what programs may need in the end, of what they mapped. Counted
 * for reports; a single request is refused when it is more than there is RAM
 * (Linux's rule 0, "guess").
 */
#pragma once

#include <kernel/types.h>

/* May one request be so large? Bytes; any context. */
bool commit_fits(uint64_t bytes);

/* So many more are committed, or fewer. Any context that stays on its hart. */
void commit_add(int64_t bytes);

/* The sum; exact while nobody adds. */
uint64_t commit_sum(void);
