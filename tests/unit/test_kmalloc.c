/* Memory of any size, against a model that fills each piece with its own bytes. */
#include <string.h>

#include <lib/rng.h>
#include <mm/fail.h>

#include "slab_bed.h"

static bool all_bytes(const uint8_t *p, size_t size, uint8_t byte)
{
	for (size_t i = 0; i < size; i++)
		if (p[i] != byte)
			return false;
	return true;
}

/* What the size demands. */
static size_t align_of(size_t size)
{
	if (size >= PAGE_SIZE)
		return PAGE_SIZE;
	return size > 16 && is_pow2(size) ? size : 16;
}

KTEST(kmalloc, all_small_sizes)
{
	uint64_t before = frames_used();

	for (size_t size = 0; size <= 3 * PAGE_SIZE; size++) {
		uint8_t *p = kmalloc(size, 0), *q = kmalloc(size, 0);

		REQUIRE(p && q);
		if ((uintptr_t)p % align_of(size) || p == q ||
		    ksize(p) < size || ksize(p) > size + size / 3 + PAGE_SIZE)
			ktest_fail(__FILE__, __LINE__, "size %zu at %p", size,
				   (void *)p);
		memset(p, 1, ksize(p));
		memset(q, 2, ksize(q));
		if (!all_bytes(p, size, 1))
			ktest_fail(__FILE__, __LINE__, "size %zu", size);
		kfree(p);
		kfree(q);
	}
	EXPECT(!slab_check());
	EXPECT_EQ(frames_used(), before);
}

KTEST(kmalloc, waste_of_a_class_is_at_most_a_quarter)
{
	struct slab_stats s;
	size_t last = 0;

	for (unsigned i = 0; slab_stats(i, &s); i++) {
		if (strncmp(s.name, "kmalloc-", 8))
			continue;
		EXPECT(s.size > last);
		/* The smallest size that lands here; above a page, in whole
		 * frames. */
		if (s.size <= PAGE_SIZE && s.size > 64)
			EXPECT((s.size - last - 1) * 4 <= s.size);
		last = s.size;
	}
	EXPECT_EQ(last, 8192);
}

#define PIECES 256

struct piece {
	uint8_t *p;
	size_t size;
	uint8_t mark;
};

/* Sizes of all magnitudes. */
static size_t draw_size(struct rng *r)
{
	return (size_t)(rng_next(r) & ((1u << rng_below(r, 17)) - 1));
}

static void fill(struct piece *x, size_t from, struct rng *r)
{
	if (!from)
		x->mark = (uint8_t)rng_next(r);
	memset(x->p + from, x->mark, x->size - from);
}

static void make(struct piece *x, struct rng *r)
{
	unsigned flags = (rng_below(r, 8) ? 0 : ALLOC_ZERO) |
			 (rng_below(r, 8) ? 0 : ALLOC_DMA32);
	size_t align = (size_t)1 << rng_below(r, 14);

	x->size = draw_size(r);
	if (rng_below(r, 8)) {
		x->p = kmalloc(x->size, flags);
		align = align_of(x->size);
	} else {
		x->p = kmalloc_aligned(x->size, align, flags);
	}
	REQUIRE(x->p);
	EXPECT(!((uintptr_t)x->p % align));
	EXPECT(!(flags & ALLOC_ZERO) || all_bytes(x->p, x->size, 0));
	EXPECT(!(flags & ALLOC_DMA32) || virt_to_phys(x->p) < GIB(4));
	fill(x, 0, r);
}

static void change(struct piece *x, struct rng *r)
{
	unsigned flags = rng_below(r, 2) ? 0 : ALLOC_ZERO;
	size_t size = draw_size(r), old = x->size, room = ksize(x->p);
	uint8_t *p = krealloc(x->p, size, flags);

	REQUIRE(p);
	EXPECT(size > room || p == x->p);
	EXPECT(all_bytes(p, min_u64(size, old), x->mark));
	if (flags && size > room)
		EXPECT(all_bytes(p + room, size - room, 0));
	x->p = p;
	x->size = size;
	fill(x, min_u64(size, old), r);
}

KTEST(kmalloc, property)
{
	struct piece *x = ktest_alloc(PIECES * sizeof(*x));
	struct rng r = rng_seed(ktest_seed());
	uint64_t before;

	REQUIRE(x);
	/* Caches that are made when first needed stay. */
	for (size_t size = 0; size <= 8192; size += 16)
		kfree(kmalloc(size, ALLOC_DMA32));
	before = frames_used();
	KTEST_STEPS (i, ktest_ops() / 10) {
		struct piece *y = &x[rng_below(&r, PIECES)];

		if (!y->p) {
			make(y, &r);
		} else if (!rng_below(&r, 3)) {
			change(y, &r);
		} else {
			if (!all_bytes(y->p, y->size, y->mark))
				ktest_fail(__FILE__, __LINE__, "size %zu",
					   y->size);
			kfree(y->p);
			y->p = NULL;
		}
		if (i % 64 == 0)
			EXPECT(!slab_check());
	}
	for (unsigned i = 0; i < PIECES; i++)
		kfree(x[i].p);
	EXPECT_EQ(frames_used(), before);
}

KTEST(kmalloc, bounds)
{
	void *p;

	EXPECT(!kmalloc(KMALLOC_MAX + 1, 0));
	EXPECT(!kmalloc(SIZE_MAX, 0));
	EXPECT(!kmalloc_array(SIZE_MAX / 8 + 1, 8, 0));
	EXPECT(!kcalloc(1u << 31, (size_t)1 << 33, 0));
	EXPECT(!kmalloc_aligned(8, 3, 0));
	EXPECT(!kmalloc_aligned(8, 2 * KMALLOC_MAX, 0));
	EXPECT(!kmalloc_aligned(SIZE_MAX - 8, 64, 0));
	kfree(NULL);
	p = krealloc(NULL, 40, ALLOC_ZERO);
	REQUIRE(p);
	EXPECT(all_bytes(p, 40, 0));
	EXPECT(!krealloc(p, SIZE_MAX, 0));
	EXPECT(all_bytes(p, 40, 0));
	p = krealloc(p, 0, 0);
	EXPECT(p);
	kfree(p);
	p = kcalloc(10, 10, 0);
	REQUIRE(p);
	EXPECT(all_bytes(p, 100, 0));
	kfree(p);
	p = kmalloc_aligned(100, MIB(1), 0);
	if (p)
		EXPECT(!((uintptr_t)p % MIB(1)));
	kfree(p);
}

/* --- failures --- */

static bool try_small(void)
{
	void *p = kmalloc(100, 0);

	kfree(p);
	return p;
}

static bool try_large(void)
{
	void *p = kmalloc(5 * PAGE_SIZE, ALLOC_ZERO);

	kfree(p);
	return p;
}

static bool try_low(void)
{
	void *p = kmalloc(100, ALLOC_DMA32);

	kfree(p);
	return p;
}

static bool try_grow(void)
{
	uint8_t *p = kmalloc(64, 0), *q;

	if (!p)
		return false;
	memset(p, 9, 64);
	q = krealloc(p, 20000, 0);
	EXPECT(all_bytes(q ? q : p, 64, 9));
	kfree(q ? q : p);
	return q;
}

KTEST(kmalloc, each_failure_leaves_all_as_it_was)
{
	static bool (*const op[])(void) = {try_small, try_large, try_low,
					   try_grow};

	for (unsigned i = 0; i < ARRAY_SIZE(op); i++) {
		uint64_t before;

		/* Caches that are made when first needed stay. */
		EXPECT(op[i]());
		before = frames_used();
		for (uint64_t n = 1;; n++) {
			bool ok;

			fail_arm(n, false);
			ok = op[i]();
			if (ok && fail_count() < n)
				break;
			fail_arm(0, false);
			EXPECT(!slab_check());
			EXPECT_EQ(frames_used(), before);
		}
		fail_arm(0, false);
		EXPECT(op[i]());
	}
}

KTEST(kmalloc, exhaustion_is_null)
{
	uint64_t before = frames_used();
	struct list frames;
	void *last = NULL, *p;

	frames_take_all(&frames);
	while ((p = kmalloc(1000, 0))) {
		*(void **)p = last;
		last = p;
	}
	EXPECT(!kmalloc(1000, ALLOC_ATOMIC));
	EXPECT(!kmalloc(100000, 0));
	while (last) {
		p = last;
		last = *(void **)p;
		kfree(p);
	}
	frames_give_back(&frames);
	EXPECT_EQ(frames_used(), before);
}
