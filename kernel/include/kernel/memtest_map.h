/*
 * All RAM, or all of a range, by how the memory tester gets at it.
 */
#pragma once

#include <kernel/memtest_pool.h>

enum memtest_place {
	MEMTEST_POOL,	/* free: in the pool */
	MEMTEST_KERNEL, /* can be had by moving the kernel away */
	MEMTEST_NOT,	/* can't be had */
};

struct memtest_span {
	struct range bytes;
	enum memtest_place place;
	const char *why; /* MEMTEST_NOT: a word */
};

/* A walk. */
struct memtest_map {
	struct memtest_pool *pool;
	struct memtest_share all;
	struct memtest_cursor cursor;
	struct range taken; /* of the pool, the one at `at` or behind it */
	bool gaps;	    /* tell what is no RAM */
	uint64_t at;
	struct memtest_span ahead; /* empty: none */
};

/* Begin: over what the pool was to have of the map of RAM; with `gaps`, over all
 * addresses that it was to have. */
void memtest_map_begin(struct memtest_map *m, struct memtest_pool *pool,
		       bool gaps);

/* The next piece, rising, as long as can be; false at the end. O(RAM / 2 MiB + blocks
 * of the pool) over all. */
bool memtest_map_next(struct memtest_map *m, struct memtest_span *s);
