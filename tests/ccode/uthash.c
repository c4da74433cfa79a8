/* uthash-dev: hash tables, lists, arrays and strings made of macros. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utarray.h>
#include <uthash.h>
#include <utlist.h>
#include <utstring.h>

#include "ccode.h"

#define ENTRIES 100000

struct entry {
	int id;
	uint32_t value;
	UT_hash_handle hh;
};

CCODE(uthash_of_100000_entries)
{
	struct entry *table = NULL, *e, *tmp;
	uint32_t seed = 1, sum = 0;

	for (int i = 0; i < ENTRIES; i++) {
		e = malloc(sizeof(*e));
		REQUIRE(e);
		e->id = i * 7;
		e->value = next(&seed);
		HASH_ADD_INT(table, id, e);
	}
	EXPECT_EQ(HASH_COUNT(table), ENTRIES);
	for (int i = 0; i < ENTRIES * 7; i++) {
		HASH_FIND_INT(table, &i, e);
		if (!!e != (i % 7 == 0) || (e && e->id != i)) {
			EXPECT(!"found what was put in");
			break;
		}
		sum += e ? e->value : 0;
	}
	digest("uthash.sum", &sum, sizeof(sum));
	HASH_ITER(hh, table, e, tmp)
	{
		HASH_DEL(table, e);
		free(e);
	}
	EXPECT(!table);
}

struct named {
	char name[16];
	UT_hash_handle hh;
};

static int by_name(struct named *a, struct named *b)
{
	return strcmp(a->name, b->name);
}

CCODE(uthash_sorted_by_strings)
{
	struct named *table = NULL, *e, *tmp;
	uint32_t seed = 2;
	UT_string text;

	utstring_init(&text);
	for (int i = 0; i < 500; i++) {
		e = malloc(sizeof(*e));
		REQUIRE(e);
		snprintf(e->name, sizeof(e->name), "%u", next(&seed));
		HASH_ADD_STR(table, name, e);
	}
	HASH_SORT(table, by_name);
	HASH_ITER(hh, table, e, tmp)
	{
		utstring_printf(&text, "%s %5.2f;", e->name, atof(e->name) / 3);
		HASH_DEL(table, e);
		free(e);
	}
	digest("uthash.sorted", utstring_body(&text), utstring_len(&text));
	utstring_done(&text);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

CCODE(utarray_sorts_and_finds)
{
	UT_icd icd = {sizeof(uint32_t), NULL, NULL, NULL};
	uint32_t seed = 3, x;
	UT_array *a;

	utarray_new(a, &icd);
	for (int i = 0; i < 20000; i++) {
		x = next(&seed);
		utarray_push_back(a, &x);
	}
	EXPECT(utarray_find(a, &x, by_value) || utarray_len(a) == 20000);
	utarray_sort(a, by_value);
	EXPECT_EQ(*(uint32_t *)utarray_find(a, &x, by_value), x);
	utarray_erase(a, 100, 19000);
	digest("utarray", utarray_front(a), utarray_len(a) * sizeof(x));
	utarray_free(a);
}

struct node {
	uint32_t value;
	struct node *prev, *next;
};

static int by_node(struct node *a, struct node *b)
{
	return a->value < b->value ? -1 : a->value > b->value;
}

CCODE(utlist_sorts)
{
	struct node *head = NULL, *n, *tmp;
	uint32_t seed = 4, last = 0;
	int count;

	for (int i = 0; i < 5000; i++) {
		n = malloc(sizeof(*n));
		REQUIRE(n);
		n->value = next(&seed);
		DL_APPEND(head, n);
	}
	DL_SORT(head, by_node);
	DL_COUNT(head, n, count);
	EXPECT_EQ(count, 5000);
	DL_FOREACH_SAFE(head, n, tmp)
	{
		EXPECT(n->value >= last);
		last = n->value;
		DL_DELETE(head, n);
		free(n);
	}
	EXPECT(!head);
}
