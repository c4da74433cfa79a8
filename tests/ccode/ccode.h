/*
 * Tests of code that others wrote, compiled as it is from where Debian installs
 * it. The same sources run natively and in the kernel; what they print with
 * digest() must be the same in both places, and no memory may be left over.
 *
 *	CCODE(name)
 *	{
 *		...
 *		digest("what", data, size);
 *	}
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <kernel/ktest.h>

/* Bytes that are allocated, by any means. */
uint64_t ccode_held(void);

/* Print a hash of the bytes (FNV-1a, 64 bits). */
void digest(const char *what, const void *p, size_t n);

/* Numbers that look random, the same everywhere. */
uint32_t next(uint32_t *seed);

#define CCODE(name_)                             \
	static void name_(void);                 \
	KTEST(ccode, name_)                      \
	{                                        \
		uint64_t before = ccode_held();  \
                                                 \
		name_();                         \
		EXPECT_EQ(ccode_held(), before); \
	}                                        \
	static void name_(void)
