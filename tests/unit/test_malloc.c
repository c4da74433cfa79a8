/* <libc/malloc.h>: what the C standard and POSIX promise, sentence by sentence,
 * then random steps on a few blocks whose bytes are known. */
#include <errno.h>
#include <limits.h>
#include <stdalign.h>
#include <string.h>

#include <kernel/ktest.h>
#include <lib/bits.h>
#include <lib/rng.h>
#include <libc/malloc.h>
#include <mm/fail.h>

/* Sizes around every border: of classes, of a page, of contiguous memory. */
static const size_t sizes[] = {
	0,    1,     7,	    8,	   15,	  16,	  17,	  24,	   63,
	64,   65,    100,   127,   128,	  129,	  255,	  1000,	   1024,
	2047, 2048,  2049,  4000,  4095,  4096,	  4097,	  8191,	   8192,
	8193, 12288, 65535, 65536, 65537, 100000, 262144, 1000000,
};

static void fill(void *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (uint8_t)(seed + i * 7);
}

static bool filled(const void *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		if (((const uint8_t *)p)[i] != (uint8_t)(seed + i * 7))
			return false;
	return true;
}

static bool is_aligned_to(const void *p, size_t align)
{
	return is_aligned((uintptr_t)p, align);
}

KTEST(libc, blocks_are_disjoint_aligned_and_usable)
{
	void *p[ARRAY_SIZE(sizes)];

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		p[i] = c_malloc(sizes[i]);
		REQUIRE(p[i]);
		EXPECT(is_aligned_to(p[i], alignof(max_align_t)));
		EXPECT(c_malloc_usable_size(p[i]) >= sizes[i]);
		/* All that may be used, not only what was asked for. */
		fill(p[i], c_malloc_usable_size(p[i]), i);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		EXPECT(filled(p[i], c_malloc_usable_size(p[i]), i));
		c_free(p[i]);
	}
}

KTEST(libc, size_0_gives_pointers_of_their_own)
{
	void *p = c_malloc(0), *q = c_calloc(0, 8), *r = c_calloc(8, 0);

	EXPECT(p && q && r && p != q && q != r && p != r);
	c_free(p);
	c_free(q);
	c_free(r);
	/* Not a way to free. */
	p = c_realloc(c_malloc(100), 0);
	EXPECT(p);
	c_free(p);
}

KTEST(libc, null_is_nothing)
{
	void *p = c_realloc(NULL, 33);

	c_free(NULL);
	EXPECT_EQ(c_malloc_usable_size(NULL), 0);
	EXPECT(p && c_malloc_usable_size(p) >= 33);
	c_free(p);
}

KTEST(libc, calloc_clears_what_was_used_before)
{
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t n = sizes[i];
		uint8_t *p = c_malloc(n);
		unsigned set = 0;

		REQUIRE(p);
		memset(p, 0xa5, n);
		c_free(p);
		p = c_calloc(n % 8 ? n : n / 8, n % 8 ? 1 : 8);
		REQUIRE(p);
		for (size_t k = 0; k < n; k++)
			set += p[k];
		EXPECT_EQ(set, 0);
		c_free(p);
	}
}

/* NULL, and ENOMEM. */
#define FAILS(call)                       \
	do {                              \
		errno = 0;                \
		EXPECT(!(call));          \
		EXPECT_EQ(errno, ENOMEM); \
	} while (0)

KTEST(libc, what_can_not_be_fails)
{
	/* So that no compiler knows, and warns. */
	volatile size_t most = SIZE_MAX, half = SIZE_MAX / 2 + 1;
	uint8_t *p = c_malloc(50);
	void *out = p;

	REQUIRE(p);
	fill(p, 50, 1);
	FAILS(c_malloc(most));
	FAILS(c_malloc((size_t)PTRDIFF_MAX));
	FAILS(c_malloc(half));
	FAILS(c_calloc(most, most));
	FAILS(c_calloc(half, 2));
	FAILS(c_calloc(2, half));
	FAILS(c_calloc((size_t)1 << 32, (size_t)1 << 32));
	FAILS(c_realloc(p, most));
	FAILS(c_realloc(p, half));
	FAILS(c_reallocarray(p, half, 2));
	FAILS(c_reallocarray(p, (size_t)1 << 33, (size_t)1 << 31));
	FAILS(c_aligned_alloc(16, most));
	FAILS(c_aligned_alloc(half, 16));
	FAILS(c_aligned_alloc(8192, most - 8190));
	errno = 0;
	EXPECT_EQ(c_posix_memalign(&out, 16, most), ENOMEM);
	EXPECT_EQ(c_posix_memalign(&out, half, 16), ENOMEM);
	EXPECT(out == p && errno == 0);
	EXPECT(filled(p, 50, 1));
	c_free(p);
}

KTEST(libc, success_leaves_errno_alone)
{
	void *p;

	errno = EDOM;
	p = c_malloc(1000000);
	EXPECT(p);
	p = c_realloc(p, 2000000);
	EXPECT(p);
	c_free(p);
	p = c_aligned_alloc(4096, 100000);
	EXPECT(p);
	c_free(p);
	EXPECT_EQ(errno, EDOM);
}

KTEST(libc, alignment_is_any_power_of_two)
{
	static const size_t some[] = {1, 100, 4096, 5000, 20000};

	for (size_t align = 1; align <= KIB(128); align *= 2)
		for (unsigned i = 0; i < ARRAY_SIZE(some); i++) {
			void *p = c_aligned_alloc(align, some[i]), *q = NULL;

			REQUIRE(p);
			EXPECT(is_aligned_to(p, align));
			EXPECT(c_malloc_usable_size(p) >= some[i]);
			memset(p, 1, some[i]);
			if (align < sizeof(void *))
				EXPECT_EQ(c_posix_memalign(&q, align, 8),
					  EINVAL);
			else
				EXPECT_EQ(c_posix_memalign(&q, align, some[i]),
					  0);
			EXPECT(is_aligned_to(q, align) && q != p);
			c_free(p);
			c_free(q);
		}
}

KTEST(libc, alignment_that_is_none_is_refused)
{
	static const size_t wrong[] = {0, 3, 6, 24, 4095, SIZE_MAX};
	void *out = &out;

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		errno = 0;
		EXPECT(!c_aligned_alloc(wrong[i], 64));
		EXPECT_EQ(errno, EINVAL);
		errno = 0;
		EXPECT_EQ(c_posix_memalign(&out, wrong[i], 64), EINVAL);
		EXPECT(out == (void *)&out && errno == 0);
	}
}

/* From each size to each other. */
KTEST(libc, realloc_keeps_the_smaller_of_both_sizes)
{
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		for (unsigned k = 0; k < ARRAY_SIZE(sizes); k++) {
			void *p = c_malloc(sizes[i]);

			REQUIRE(p);
			fill(p, sizes[i], i);
			p = c_realloc(p, sizes[k]);
			REQUIRE(p);
			EXPECT(is_aligned_to(p, alignof(max_align_t)));
			EXPECT(c_malloc_usable_size(p) >= sizes[k]);
			EXPECT(filled(p, min_u64(sizes[i], sizes[k]), i));
			fill(p, sizes[k], k);
			c_free(p);
		}
}

/* An operation on `old', 100 bytes; returns a block or NULL, which then is
 * freed. */
static void *some_malloc(void *old)
{
	(void)old;
	return c_malloc(200);
}

static void *some_large_malloc(void *old)
{
	(void)old;
	return c_malloc(200000);
}

static void *some_calloc(void *old)
{
	(void)old;
	return c_calloc(7, 5000);
}

static void *some_realloc(void *old)
{
	return c_realloc(old, 3000);
}

static void *some_large_realloc(void *old)
{
	return c_realloc(old, 300000);
}

static void *some_aligned(void *old)
{
	(void)old;
	return c_aligned_alloc(512, 20000);
}

static void *some_widely_aligned(void *old)
{
	(void)old;
	return c_aligned_alloc(16384, 20000);
}

static void *(*const operations[])(void *old) = {
	some_malloc,	     some_large_malloc,	 some_calloc,
	some_realloc,	     some_large_realloc, some_aligned,
	some_widely_aligned,
};

/* With the n-th allocation inside it failing, or all from it on; true when there
 * are not that many. */
static bool try_with_failure(void *(*operation)(void *), uint64_t n, bool on)
{
	void *old = c_malloc(100), *p;
	bool over;

	if (!old)
		return true;
	fill(old, 100, 3);
	errno = EDOM;
	fail_arm(n, on);
	p = operation(old);
	over = fail_count() < n;
	fail_arm(0, false);
	/* One failure: there was another way to get much memory. */
	EXPECT(p || on || operation != some_large_malloc);
	/* It either did what it should, or nothing. */
	EXPECT_EQ(errno, p ? EDOM : ENOMEM);
	EXPECT(p || !over);
	if (!p ||
	    (operation != some_realloc && operation != some_large_realloc)) {
		EXPECT(filled(old, 100, 3));
		c_free(old);
	}
	c_free(p);
	return over;
}

KTEST(libc, each_allocation_may_fail)
{
	for (unsigned i = 0; i < ARRAY_SIZE(operations); i++) {
		uint64_t n = 1;

		while (n < 1000 && !try_with_failure(operations[i], n, false))
			n++;
		EXPECT(n > 1 && n < 1000);
		n = 1;
		while (n < 1000 && !try_with_failure(operations[i], n, true))
			n++;
		EXPECT(n > 1 && n < 1000);
	}
}

#define BLOCKS 24

struct block {
	uint8_t *p;
	size_t size;
	unsigned seed;
};

static void step(struct block *b, struct rng *rng, size_t most)
{
	size_t size = rng_below(rng, rng_below(rng, most) + 1);
	uint8_t *p;

	if (b->p)
		EXPECT(filled(b->p, b->size, b->seed));
	switch (rng_below(rng, 5)) {
	case 0:
		c_free(b->p);
		b->p = NULL;
		return;
	case 1:
		p = c_realloc(b->p, size);
		if (p && b->p)
			EXPECT(filled(p, min_u64(size, b->size), b->seed));
		b->p = p ? p : b->p;
		if (!p)
			return;
		break;
	case 2:
		c_free(b->p);
		b->p = c_aligned_alloc((size_t)1 << rng_below(rng, 14), size);
		break;
	default:
		c_free(b->p);
		b->p = c_malloc(size);
	}
	if (!b->p)
		return;
	b->size = size;
	b->seed = (unsigned)rng_next(rng);
	fill(b->p, b->size, b->seed);
}

KTEST(libc, random_steps)
{
	struct block b[BLOCKS] = {{NULL, 0, 0}};
	struct rng rng = {ktest_seed()};

	/* A step writes and reads whole blocks: mostly small ones. */
	KTEST_STEPS (i, ktest_ops())
		step(&b[rng_below(&rng, BLOCKS)], &rng,
		     i % 512 == 0 ? 300000 : 600);
	for (unsigned i = 0; i < BLOCKS; i++) {
		if (b[i].p)
			EXPECT(filled(b[i].p, b[i].size, b[i].seed));
		c_free(b[i].p);
	}
}
