/*
 * Memory objects: their tree against an array, sizes, bytes, and memory that runs
 * out at each place where it is asked for.
 */
#include <string.h>

#include <kernel/ktest.h>
#include <lib/errno.h>
#include <lib/rng.h>
#include <mm/fail.h>
#include <mm/object.h>
#include <mm/page_ref.h>

#define EXPECT_SOUND(o)                                               \
	do {                                                          \
		const char *wrong_ = object_check(o);                 \
                                                                      \
		if (wrong_)                                           \
			ktest_fail(__FILE__, __LINE__, "%s", wrong_); \
	} while (0)

static struct page *get(struct vm_object *o, uint64_t index, bool create)
{
	struct page *p = NULL;

	return object_page(o, index, create, &p) ? NULL : p;
}

KTEST(object, a_page_comes_once_and_cleared)
{
	struct vm_object *o = object_create(GIB(1));
	struct page *a, *b;
	uint8_t byte = 1;

	REQUIRE(o);
	EXPECT_EQ(object_page(o, 7, false, &a), -ENOENT);
	EXPECT(!object_has(o, 7));
	a = get(o, 7, true);
	b = get(o, 7, true);
	REQUIRE(a && b);
	EXPECT(a == b);
	EXPECT_EQ(a->refs, 3);
	EXPECT(object_has(o, 7) && !object_has(o, 6) && !object_has(o, 71));
	EXPECT_EQ(object_read(o, 7 * PAGE_SIZE + 4095, &byte, 1), 1);
	EXPECT_EQ(byte, 0);
	EXPECT_SOUND(o);
	page_put(a);
	page_put(b);
	object_put(o);
}

KTEST(object, what_is_held_outlives_it)
{
	struct vm_object *o = object_create(PAGE_SIZE);
	struct page *p;

	REQUIRE(o);
	p = get(o, 0, true);
	REQUIRE(p);
	object_put(object_get(o));
	object_put(o);
	EXPECT_EQ(p->refs, 1);
	page_put(p);
	object_put(NULL);
}

KTEST(object, indices_near_and_far)
{
	static const uint64_t index[] = {
		0,
		1,
		63,
		64,
		4095,
		4096,
		262143,
		262144,
		1 << 24,
		(uint64_t)1 << 36,
		((uint64_t)1 << 52) - 1,
	};
	struct vm_object *o = object_create(UINT64_MAX);
	struct page *p[ARRAY_SIZE(index)];

	REQUIRE(o);
	/* Each order in which a tree can grow: from below, then from above. */
	for (unsigned turn = 0; turn < 2; turn++) {
		for (unsigned i = 0; i < ARRAY_SIZE(index); i++) {
			unsigned k = turn ? ARRAY_SIZE(index) - 1 - i : i;

			p[k] = get(o, index[k], true);
			REQUIRE(p[k]);
			EXPECT_SOUND(o);
		}
		EXPECT_EQ(o->npages, ARRAY_SIZE(index));
		for (unsigned i = 0; i < ARRAY_SIZE(index); i++) {
			EXPECT(get(o, index[i], false) == p[i]);
			page_put(p[i]);
			page_put(p[i]);
		}
		object_punch(o, range_make(0, UINT64_MAX));
		EXPECT_EQ(o->npages, 0);
		EXPECT_SOUND(o);
	}
	object_put(o);
}

KTEST(object, nothing_is_beyond_the_size)
{
	struct vm_object *o = object_create(PAGE_SIZE + 1);
	uint8_t bytes[16], ones[16];
	struct page *p;

	REQUIRE(o);
	memset(ones, 1, sizeof(ones));
	EXPECT_EQ(object_page(o, 2, true, &p), -ERANGE);
	EXPECT_EQ(object_write(o, PAGE_SIZE - 8, ones, 10), -ERANGE);
	EXPECT_EQ(object_write(o, UINT64_MAX, ones, 2), -ERANGE);
	EXPECT_EQ(o->npages, 0);
	EXPECT_EQ(object_write(o, PAGE_SIZE - 8, ones, 9), 0);
	EXPECT_EQ(o->npages, 2);
	EXPECT_EQ(object_read(o, PAGE_SIZE - 8, bytes, 16), 9);
	EXPECT(!memcmp(bytes, ones, 9));
	EXPECT_EQ(object_read(o, PAGE_SIZE + 1, bytes, 1), 0);
	object_resize(o, PAGE_SIZE - 4);
	EXPECT_EQ(o->npages, 1);
	EXPECT_EQ(object_page(o, 1, true, &p), -ERANGE);
	/* What was cut off does not come back. */
	object_resize(o, 2 * PAGE_SIZE);
	EXPECT_EQ(object_read(o, PAGE_SIZE - 8, bytes, 16), 16);
	EXPECT(!memcmp(bytes, ones, 4));
	for (unsigned i = 4; i < 16; i++)
		EXPECT_EQ(bytes[i], 0);
	EXPECT_SOUND(o);
	object_put(o);
}

KTEST(object, several_pages_at_once)
{
	struct vm_object *o = object_create(GIB(1));
	struct page *p[64];

	REQUIRE(o);
	for (uint64_t i = 60; i < 70; i += 2)
		page_put(get(o, i, true));
	EXPECT_EQ(object_pages(o, 56, 16, p), 5);
	for (unsigned i = 0; i < 16; i++) {
		bool there = i >= 4 && i < 14 && !(i % 2);

		EXPECT_EQ(p[i] != NULL, there);
		if (p[i])
			page_put(p[i]);
	}
	EXPECT_EQ(object_pages(o, 4096, 64, p), 0);
	EXPECT_SOUND(o);
	object_put(o);
}

#define CELLS 300

/* Indices that make several levels, with neighbours. */
static uint64_t index_of_cell(unsigned i)
{
	return i % 100 + (uint64_t)(i / 100) * 5000;
}

static void compare(struct vm_object *o, const uint8_t *cell)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < CELLS; i++) {
		uint8_t byte = 0;

		n += cell[i] != 0;
		EXPECT_EQ(object_has(o, index_of_cell(i)), cell[i] != 0);
		object_read(o, index_of_cell(i) * PAGE_SIZE, &byte, 1);
		EXPECT_EQ(byte, cell[i]);
	}
	EXPECT_EQ(o->npages, n);
}

KTEST(object, random_steps_against_an_array)
{
	struct vm_object *o = object_create(GIB(1));
	struct rng rng = rng_seed(ktest_seed());
	static uint8_t cell[CELLS];

	REQUIRE(o);
	memset(cell, 0, sizeof(cell));
	KTEST_STEPS (step, ktest_ops() / 200) {
		unsigned i = (unsigned)rng_below(&rng, CELLS);
		unsigned n = (unsigned)rng_below(&rng, 20);
		uint64_t index = index_of_cell(i);
		uint8_t byte = (uint8_t)(1 + rng_below(&rng, 255));

		if (rng_below(&rng, 4)) {
			EXPECT_EQ(object_write(o, index * PAGE_SIZE, &byte, 1),
				  0);
			cell[i] = byte;
			continue;
		}
		object_punch(o, range_make(index, index + n));
		for (unsigned k = 0; k < CELLS; k++)
			if (index_of_cell(k) - index < n)
				cell[k] = 0;
		EXPECT_SOUND(o);
		if (!rng_below(&rng, 16))
			compare(o, cell);
	}
	compare(o, cell);
	object_put(o);
}

/* Each allocation fails once; what was there before is there after. */
KTEST(object, memory_out_at_each_place)
{
	static const uint64_t index[] = {3, 64, 1 << 20};
	struct vm_object *o = object_create(UINT64_MAX);

	REQUIRE(o);
	for (unsigned i = 0; i < ARRAY_SIZE(index); i++) {
		for (uint64_t n = 1;; n++) {
			struct page *p;
			int err;

			fail_arm(n, false);
			err = object_page(o, index[i], true, &p);
			fail_arm(0, false);
			EXPECT_SOUND(o);
			if (!err) {
				page_put(p);
				break;
			}
			EXPECT_EQ(err, -ENOMEM);
			EXPECT_EQ(o->npages, i);
			REQUIRE(n < 32);
		}
	}
	fail_arm(1, false);
	EXPECT(!object_create(1));
	fail_arm(0, false);
	object_put(o);
}
