/* libstb-dev: arrays and hash tables that grow. */
#include <stdio.h>

#define STB_DS_IMPLEMENTATION
#include <stb/stb_ds.h>

#include "ccode.h"

#define ENTRIES 100000

CCODE(stb_ds_hash_of_100000_entries)
{
	struct {
		uint32_t key;
		uint64_t value;
	} *table = NULL;
	uint32_t seed = 7, key;

	stbds_rand_seed(1);
	for (uint64_t i = 0; i < ENTRIES; i++) {
		key = next(&seed);
		hmput(table, key, i);
	}
	EXPECT_EQ(hmlen(table), ENTRIES);
	seed = 7;
	for (uint64_t i = 0; i < ENTRIES; i++) {
		key = next(&seed);
		EXPECT_EQ(hmget(table, key), i);
	}
	seed = 7;
	for (uint64_t i = 0; i < ENTRIES; i++) {
		key = next(&seed);
		EXPECT(hmdel(table, key));
	}
	EXPECT_EQ(hmlen(table), 0);
	hmfree(table);
}

CCODE(stb_ds_strings_and_arrays)
{
	struct {
		char *key;
		int value;
	} *table = NULL;
	uint32_t seed = 8, *a = NULL;
	char name[16];

	sh_new_arena(table);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "key %d", i);
		shput(table, name, i);
	}
	EXPECT_EQ(shget(table, "key 2718"), 2718);
	EXPECT_EQ(shgeti(table, "key 3000"), -1);
	shfree(table);

	for (int i = 0; i < 50000; i++)
		arrput(a, next(&seed));
	for (int i = 0; i < 1000; i++)
		arrdel(a, i);
	arrins(a, 5, 42);
	digest("stb_ds.array", a, arrlenu(a) * sizeof(*a));
	arrfree(a);
}
