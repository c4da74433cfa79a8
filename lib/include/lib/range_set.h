/*
 * A set of numbers as ranges: rising, none empty, none touching another. Pure; the
 * caller gives it room, and locks.
 */
#pragma once

#include <lib/range.h>

struct range_set {
	struct range *range;
	unsigned n, room;
};

/* Add, or take out, a range (not empty). Returns 0, or -ENOSPC with nothing
 * changed. */
int range_set_add(struct range_set *s, struct range r);
int range_set_remove(struct range_set *s, struct range r);

/* How much of r, which is not empty, is in the set? */
enum range_set_part { RANGE_SET_NONE, RANGE_SET_SOME, RANGE_SET_ALL };
enum range_set_part range_set_part(const struct range_set *s, struct range r);

/* The narrowest gap between two ranges; empty when there are not two. */
struct range range_set_gap(const struct range_set *s);

/* All numbers that are in it. */
uint64_t range_set_sum(const struct range_set *s);

/* Is it as it should be: rising, no range empty, none touching? */
bool range_set_check(const struct range_set *s);
