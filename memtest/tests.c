/*
 * The table of tests. A new one is a row here and, unless it is one more march,
 * a function that does its stages.
 *
 * They run in the order of the table: what tells most about wires comes first,
 * since a broken wire makes each later test fail, too.
 */
#include <string.h>

#include "internal.h"

#define ACCESSES(per_word) (64 * (per_word))

const struct memtest_test memtest_tests[] = {
	{"address", "address lines, decoders, banks that alias",
	 MEMTEST_ADDRESS, MEMTEST_STANDARD | MEMTEST_SOAK, ACCESSES(4), 3, 0,
	 &memtest_address, memtest_march_plan, memtest_march},
	{"walk1", "data lines stuck, shorted or open", MEMTEST_DATA,
	 MEMTEST_STANDARD | MEMTEST_SOAK, ACCESSES(4), 3, 0, &memtest_walk1,
	 memtest_march_plan, memtest_march},
	{"marchc",
	 "cells stuck or slow to change, cells that disturb others anywhere",
	 MEMTEST_DATA, MEMTEST_STANDARD | MEMTEST_SOAK, ACCESSES(70), 42, 0,
	 &memtest_marchc, memtest_march_plan, memtest_march},
	{"random", "what depends on many bits at once", MEMTEST_DATA,
	 MEMTEST_STANDARD | MEMTEST_SOAK, ACCESSES(4), 3, 0, &memtest_sequence,
	 memtest_march_plan, memtest_march},
	{"marchc1", "as marchc, but not cells of one word that disturb others",
	 MEMTEST_DATA, MEMTEST_SOAK, ACCESSES(10), 6, 0, &memtest_marchc1,
	 memtest_march_plan, memtest_march},
	{"walk64", "as walk1, with each bit in each word", MEMTEST_DATA, 0,
	 ACCESSES(256), 192, 0, &memtest_walk64, memtest_march_plan,
	 memtest_march},
};

const unsigned memtest_ntests = ARRAY_SIZE(memtest_tests);

_Static_assert(ARRAY_SIZE(memtest_tests) <= 64, "config.tests is a bit each");

int memtest_find(const char *name, size_t len)
{
	for (unsigned i = 0; i < memtest_ntests; i++)
		if (strlen(memtest_tests[i].name) == len &&
		    memcmp(memtest_tests[i].name, name, len) == 0)
			return (int)i;
	return -1;
}

uint64_t memtest_profile(unsigned profile)
{
	uint64_t tests = 0;

	for (unsigned i = 0; i < memtest_ntests; i++)
		if (memtest_tests[i].profiles & profile)
			tests |= (uint64_t)1 << i;
	return tests;
}

uint64_t memtest_cost(const struct memtest_test *t, uint64_t words)
{
	return words / 64 * t->accesses + words % 64 * t->accesses / 64;
}
