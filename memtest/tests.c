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
#define QUICK		   (MEMTEST_QUICK | MEMTEST_STANDARD | MEMTEST_SOAK)
#define STANDARD	   (MEMTEST_STANDARD | MEMTEST_SOAK)
#define SOAK		   MEMTEST_SOAK
#define MARCH(data)	   &(data), memtest_march_plan, memtest_march

const struct memtest_test memtest_tests[] = {
	{"databus", "data lines stuck, shorted or open", MEMTEST_DATA, QUICK, 4,
	 3, 0, NULL, NULL, memtest_databus},
	{"addrbus", "address lines stuck or shorted, inside a region",
	 MEMTEST_ADDRESS, QUICK, 1, 3, 0, NULL, NULL, memtest_addrbus},
	{"address", "address lines, decoders, banks that alias",
	 MEMTEST_ADDRESS, STANDARD, ACCESSES(4), 3, 0, MARCH(memtest_address)},
	{"marchca", "most of what address, marchc1 and walk1 find",
	 MEMTEST_DATA, MEMTEST_QUICK | MEMTEST_SOAK, ACCESSES(10), 6, 0,
	 MARCH(memtest_marchca)},
	{"walk1", "data lines and cells stuck, in each place", MEMTEST_DATA,
	 SOAK, ACCESSES(4), 3, 0, MARCH(memtest_walk1)},
	{"checker", "cells stuck, cells that leak to their neighbours",
	 MEMTEST_DATA, SOAK, ACCESSES(4), 3, 0, MARCH(memtest_checker)},
	{"marchc1", "as marchc, but not cells of one word that disturb others",
	 MEMTEST_DATA, SOAK, ACCESSES(10), 6, 0, MARCH(memtest_marchc1)},
	{"marchc",
	 "cells stuck or slow to change, cells that disturb others anywhere",
	 MEMTEST_DATA, STANDARD, ACCESSES(70), 42, 0, MARCH(memtest_marchc)},
	{"marchss",
	 "as marchc1, and cells disturbed by their own reads, writes",
	 MEMTEST_DATA, STANDARD, ACCESSES(22), 6, 0, MARCH(memtest_marchss)},
	{"movinv", "as marchc1, in another order", MEMTEST_DATA, SOAK,
	 ACCESSES(20), 12, 0, MARCH(memtest_movinv)},
	{"movinv8", "as marchc, but not bits 8 apart in one word", MEMTEST_DATA,
	 SOAK, ACCESSES(96), 64, 0, MARCH(memtest_movinv8)},
	{"movinvr", "what depends on many bits at once, each pass another",
	 MEMTEST_DATA, SOAK, ACCESSES(24), 16, 0, MARCH(memtest_movinvr)},
	{"movinv64", "lines and cells alone at their level, over 8 passes all",
	 MEMTEST_DATA, SOAK, ACCESSES(48), 32, 0, MARCH(memtest_movinv64)},
	{"random", "what depends on many bits at once", MEMTEST_DATA, STANDARD,
	 ACCESSES(4), 3, 0, MARCH(memtest_sequence)},
	{"modulo20", "cells that others disturb; caches can't hide it",
	 MEMTEST_DATA, STANDARD, ACCESSES(42), 120, 0, NULL, NULL,
	 memtest_modulo},
	{"blockmove", "transfers of whole lines", MEMTEST_TRANSFER, STANDARD,
	 ACCESSES(8), 8, 0, NULL, NULL, memtest_move},
	{"traffic", "transfers under load, in random order, between harts",
	 MEMTEST_TRANSFER, STANDARD, ACCESSES(18), 10, 0, NULL, NULL,
	 memtest_traffic},
	{"fade", "cells that lose their charge", MEMTEST_RETENTION, STANDARD,
	 ACCESSES(4), 3, 2, MARCH(memtest_fade)},
	{"walk64", "as walk1, with each bit in each word", MEMTEST_DATA, 0,
	 ACCESSES(256), 192, 0, MARCH(memtest_walk64)},
	{"hammer",
	 "rows that disturb others when read often (best effort: where rows "
	 "lie is not known)",
	 MEMTEST_DATA, 0, ACCESSES(4) + 32, 5, 0, &memtest_hammered,
	 memtest_march_plan, memtest_hammer},
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
