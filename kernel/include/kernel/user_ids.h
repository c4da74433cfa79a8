/*
 * Whose a process is. Number 0 may do all; what others may not is small: lock
 * more memory than their limit, raise limits, map the lowest page, signal what
 * is not theirs.
 */
#pragma once

#include <kernel/types.h>

struct user_ids {
	uint32_t real, effective, saved;
};

static inline bool user_is_root(const struct user_ids *u)
{
	return !u->effective;
}

/* May `u` do something to a process that is v's? */
static inline bool user_may(const struct user_ids *u, const struct user_ids *v)
{
	return !u->effective || u->effective == v->saved ||
	       u->effective == v->real || u->real == v->saved ||
	       u->real == v->real;
}
