/*
 * The memory that `memtest` tests: frames taken from the allocator, as many as
 * there are, seen as the fewest ranges that they make up, in shares.
 */
#pragma once

#include <kernel/types.h>
#include <lib/list.h>
#include <lib/range.h>
#include <memtest/memtest.h>

/* Ranges end at multiples of this at the latest. */
#define MEMTEST_POOL_CUT GIB(1)

struct memtest_pool {
	struct list blocks;  /* by address */
	struct range wanted; /* bytes */
};

/* A part of the pool: what of it lies in `range`. */
struct memtest_share {
	struct list *block; /* the first one that does */
	struct range range;
	uint64_t bytes;
};

/*
 * Take all free frames, but for a small reserve, and keep the blocks that
 * overlap `wanted`. Frames of it that are in use, reserved or no RAM at all are
 * not in the pool: the gaps between its ranges tell. O(n log n) for n blocks.
 */
void memtest_pool_take(struct memtest_pool *pool, struct range wanted);

/* Give all frames back. */
void memtest_pool_release(struct memtest_pool *pool);

/* Cut the pool into n shares of the same size, give or take a page: rising, each
 * begins at a page or where the pool begins. Some are empty where there is less
 * than that. O(n blocks). */
void memtest_pool_share(struct memtest_pool *pool, unsigned n,
			struct memtest_share *shares);

/*
 * Walk over a share: ranges in rising order, adjacent blocks as one. Each cursor is
 * a walk of its own; it begins all zero. False at the end. Any hart.
 */
bool memtest_pool_next(const struct memtest_pool *pool,
		       const struct memtest_share *share,
		       struct memtest_cursor *c, struct range *r);

/* The first `size` bytes, aligned to that (a power of two), in one block of the pool
 * at *at or behind it. Whether there are any; *at becomes their address. */
bool memtest_pool_find(const struct memtest_pool *pool, uint64_t size,
		       paddr_t *at);
