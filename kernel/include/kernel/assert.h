/*
 * assert() is for bugs of our own callers; it is O(1) and stays in release
 * builds. debug_assert() may cost more and is in debug builds only. Nothing
 * that comes from user mode, the device tree or the console may reach either.
 */
#pragma once

#include <kernel/panic.h>

#define assert(cond)                                                          \
	do {                                                                  \
		if (__builtin_expect(!(cond), 0))                             \
			panic("assertion failed: %s, %s:%d", #cond, __FILE__, \
			      __LINE__);                                      \
	} while (0)

#ifdef STRATA_DEBUG
#define debug_assert(cond) assert(cond)
#else
#define debug_assert(cond) ((void)sizeof(!(cond)))
#endif
