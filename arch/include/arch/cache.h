/*
 * Making memory and the harts' caches agree, by instructions of the hart, for
 * devices that don't see caches. On the lines of [p, p + size), whole ones, all of
 * it mapped for the kernel; of all harts' caches. In what order these come with
 * other accesses is told by arch_mb() alone.
 */
#pragma once

#include <kernel/types.h>

/* Bytes of a line that these instructions act on, a power of two. 0: there are none,
 * and the functions below must not be called. */
uint64_t arch_cache_block(void);

/* What is newer in caches goes to memory. */
void arch_cache_clean(void *p, uint64_t size);

/* The same, and no cache has it any more. */
void arch_cache_flush(void *p, uint64_t size);

/* No cache has it any more, and what was newer may be lost. */
void arch_cache_invalidate(void *p, uint64_t size);
