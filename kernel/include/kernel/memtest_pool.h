/*
 * The memory that `memtest` tests: frames taken from the allocator, as many as
 * there are, seen as the fewest ranges that they make up.
 */
#pragma once

#include <kernel/types.h>
#include <lib/list.h>
#include <lib/range.h>

/* What a step of memtest_pool_next gives at most. */
#define MEMTEST_POOL_MAX_RANGE GIB(1)

struct memtest_pool {
	struct list blocks;  /* by address */
	struct range wanted; /* bytes */
	/* Where memtest_pool_next goes on. */
	struct list *block;
	uint64_t offset; /* in it */
};

/*
 * Take all free frames, but for a small reserve, and keep the blocks that
 * overlap `wanted`. Frames of it that are in use, reserved or no RAM at all are
 * not in the pool: the gaps between its ranges tell. O(n log n) for n blocks.
 */
void memtest_pool_take(struct memtest_pool *pool, struct range wanted);

/* Give all frames back. */
void memtest_pool_release(struct memtest_pool *pool);

/*
 * Walk over what was taken, cut to `wanted`: ranges in rising order, adjacent
 * blocks as one. Rewind; the next, or false at the end.
 */
void memtest_pool_rewind(struct memtest_pool *pool);
bool memtest_pool_next(struct memtest_pool *pool, struct range *r);
