/*
 * Arenas: ranges of numbers, here addresses, handed out and taken back. An
 * allocated range is described by a tag of the caller's, usually part of what
 * the range is for; so an arena allocates no memory, and any address in a range
 * leads back to it.
 *
 * Locking: the caller's, around each call.
 */
#pragma once

#include <lib/range.h>
#include <lib/tree.h>

struct arena_tag {
	struct tree_node node;
	struct range range; /* what is allocated */
	uint64_t gap;	    /* free bytes right in front of it */
	uint64_t most;	    /* the largest gap of the tags below and its own */
};

struct arena {
	struct range range; /* (c) */
	uint64_t unit;	    /* all starts and sizes are multiples of it (c) */
	struct tree tags;   /* by address */
	uint64_t end;	    /* of the last range; from there all is free */
	uint64_t used;	    /* bytes that are allocated */
	uint64_t count;	    /* tags */
};

void arena_init(struct arena *a, struct range range, uint64_t unit);

/*
 * Allocate `size` (> 0) bytes at an address that is `phase` modulo `align`, a
 * power of two: in the lowest gap that has room for that wherever it begins.
 * True, and where in t->range; false when there is no such gap. O(log n).
 */
bool arena_alloc(struct arena *a, struct arena_tag *t, uint64_t size,
		 uint64_t align, uint64_t phase);

/* Allocate exactly `range`. False when it is not in the arena, or not free.
 * O(log n). */
bool arena_take(struct arena *a, struct arena_tag *t, struct range range);

/* Give back what the tag describes. O(log n). */
void arena_free(struct arena *a, struct arena_tag *t);

/* The tag whose range holds `at`; the first one that ends behind `at`. NULL: there
 * is none. O(log n). */
struct arena_tag *arena_find(const struct arena *a, uint64_t at);
struct arena_tag *arena_find_from(const struct arena *a, uint64_t at);

/* The next one by address, or NULL. */
struct arena_tag *arena_next(const struct arena_tag *t);

/* The largest range that is free, bytes. O(1). */
uint64_t arena_largest(const struct arena *a);

/* Validate: NULL, or what is wrong. O(n). */
const char *arena_check(const struct arena *a);
