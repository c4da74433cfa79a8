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
#define DEBUG_CHECKS true
#else
#define DEBUG_CHECKS false
#endif

#define debug_assert(cond)            \
	do {                          \
		if (DEBUG_CHECKS)     \
			assert(cond); \
	} while (0)
