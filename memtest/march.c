/*
 * March tests. A march is a list of elements; an element goes over all words of
 * a region, upwards or downwards, and does the same few reads and writes to
 * each word before it moves to the next. 0 stands for the data background, 1
 * for its complement. The published tests are written here as they are in the
 * literature:
 *
 *	March C-  { w0; up(r0,w1); up(r1,w0); down(r0,w1); down(r1,w0); r0 }
 *
 * For words of many bits the march is run with several backgrounds, such that
 * each two bits of a word differ in one of them: log2(64) + 1 = 7. Bits that
 * are always equal can hide that one disturbs the other.
 *
 * Speed. An element's operations are a constant for the compiler: `sweep` is
 * instantiated for each shape and direction, so its loop is nothing but the
 * loads, stores and compares of 8 words. r0,w1 and r1,w0 have one shape: the
 * first operation's value is called a, its complement b. A march with an
 * element of a new shape needs a SHAPE line, no more; without one, it panics the
 * first time that it runs, in a unit test.
 *
 * Where it holds: once, after the first element of the first background.
 *
 * Sources: van de Goor, "Testing Semiconductor Memories", 1991 (March C-);
 * van de Goor, Tlili, "March tests for word-oriented memories", DATE 1998.
 */
#include <kernel/assert.h>

#include "internal.h"

/* An operation is 4 bits, so that a list of up to 8 is one number; 0 ends it.
 * Bit 0: the complement; bit 1: a write. */
enum { R0 = 4, R1 = 5, W0 = 6, W1 = 7 };

#define OP_WRITE     2
#define OPS1(a)	     ((uint32_t)(a))
#define OPS2(a, b)   (OPS1(a) | OPS1(b) << 4)
#define OP_COUNT(o)  ((highest_bit(o) + 4) / 4)
#define OP_VALUES(o) (((uint32_t)(o) >> 2) & 0x11111111u)

struct march_element {
	uint32_t ops;
	bool down;
};

struct memtest_march {
	unsigned nbackgrounds; /* the first so many */
	unsigned nelements;
	const struct march_element *elements;
};

static const struct march_element march_c[] = {
	{.ops = OPS1(W0)},
	{.ops = OPS2(R0, W1)},
	{.ops = OPS2(R1, W0)},
	{.ops = OPS2(R0, W1), .down = true},
	{.ops = OPS2(R1, W0), .down = true},
	{.ops = OPS1(R0)},
};

const struct memtest_march memtest_march_c = {7, ARRAY_SIZE(march_c), march_c};
const struct memtest_march memtest_march_c1 = {1, ARRAY_SIZE(march_c), march_c};

static const uint64_t backgrounds[] = {
	0x0000000000000000, 0x5555555555555555, 0x3333333333333333,
	0x0f0f0f0f0f0f0f0f, 0x00ff00ff00ff00ff, 0x0000ffff0000ffff,
	0x00000000ffffffff,
};

static inline __attribute__((always_inline)) void do_op(struct memtest *m,
							volatile uint64_t *p,
							uint64_t a, uint64_t b,
							uint32_t op)
{
	uint64_t v = op & 1 ? b : a;

	if (op & OP_WRITE)
		memtest_store(p, v);
	else if (op)
		memtest_check(m, p, v);
}

static inline __attribute__((always_inline)) void do_word(struct memtest *m,
							  volatile uint64_t *p,
							  uint64_t a,
							  uint64_t b,
							  uint32_t ops)
{
	do_op(m, p, a, b, ops & 15);
	do_op(m, p, a, b, ops >> 4 & 15);
	do_op(m, p, a, b, ops >> 8 & 15);
	do_op(m, p, a, b, ops >> 12 & 15);
	do_op(m, p, a, b, ops >> 16 & 15);
	do_op(m, p, a, b, ops >> 20 & 15);
	do_op(m, p, a, b, ops >> 24 & 15);
	do_op(m, p, a, b, ops >> 28 & 15);
}

/* The 8 words at p; `flip` is 7 to take them downwards, else 0. */
static inline __attribute__((always_inline)) void do_block(
	struct memtest *m, volatile uint64_t *p, uint64_t a, uint64_t b,
	uint32_t ops, unsigned flip)
{
	do_word(m, p + (0 ^ flip), a, b, ops);
	do_word(m, p + (1 ^ flip), a, b, ops);
	do_word(m, p + (2 ^ flip), a, b, ops);
	do_word(m, p + (3 ^ flip), a, b, ops);
	do_word(m, p + (4 ^ flip), a, b, ops);
	do_word(m, p + (5 ^ flip), a, b, ops);
	do_word(m, p + (6 ^ flip), a, b, ops);
	do_word(m, p + (7 ^ flip), a, b, ops);
}

static inline __attribute__((always_inline)) void sweep(
	struct memtest *m, volatile uint64_t *words, uint64_t n, uint64_t a,
	uint64_t b, uint32_t ops, bool down)
{
	volatile uint64_t *end = words + n;
	volatile uint64_t *blocks_end =
		words + n / MEMTEST_UNROLL * MEMTEST_UNROLL;
	volatile uint64_t *p;

	if (down) {
		for (p = end; p != blocks_end;)
			do_word(m, --p, a, b, ops);
		for (; p != words; p -= MEMTEST_UNROLL)
			do_block(m, p - MEMTEST_UNROLL, a, b, ops,
				 MEMTEST_UNROLL - 1);
	} else {
		for (p = words; p != blocks_end; p += MEMTEST_UNROLL)
			do_block(m, p, a, b, ops, 0);
		for (; p != end; p++)
			do_word(m, p, a, b, ops);
	}
}

typedef void sweep_fn(struct memtest *m, volatile uint64_t *words, uint64_t n,
		      uint64_t a, uint64_t b);

struct shape {
	uint32_t ops;	    /* with 0 for the first operation's value */
	sweep_fn *sweep[2]; /* up, down */
};

#define SHAPE(name, ops)                                                     \
	static void name##_up(struct memtest *m, volatile uint64_t *words,   \
			      uint64_t n, uint64_t a, uint64_t b)            \
	{                                                                    \
		sweep(m, words, n, a, b, ops, false);                        \
	}                                                                    \
	static void name##_down(struct memtest *m, volatile uint64_t *words, \
				uint64_t n, uint64_t a, uint64_t b)          \
	{                                                                    \
		sweep(m, words, n, a, b, ops, true);                         \
	}                                                                    \
	static const struct shape name = {ops, {name##_up, name##_down}};

SHAPE(shape_r, OPS1(R0))
SHAPE(shape_w, OPS1(W0))
SHAPE(shape_rw, OPS2(R0, W1))

static const struct shape *shape_find(uint32_t ops)
{
	static const struct shape *const shapes[] = {&shape_r, &shape_w,
						     &shape_rw};

	if (ops & 1)
		ops ^= OP_VALUES(ops);
	for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++)
		if (shapes[i]->ops == ops)
			return shapes[i];
	return NULL;
}

static int run_element(struct memtest *m, const struct memtest_region *r,
		       const struct march_element *e, uint64_t background)
{
	const struct shape *shape = shape_find(e->ops);
	uint64_t a = e->ops & 1 ? ~background : background;
	unsigned nops = OP_COUNT(e->ops);

	assert(shape);
	memtest_fence();
	for (uint64_t done = 0, n; done < r->nwords; done += n) {
		uint64_t at = done;

		n = min_u64(r->nwords - done, MEMTEST_SLICE);
		if (e->down)
			at = r->nwords - done - n;
		shape->sweep[e->down](m, r->words + at, n, a, ~a);
		if (memtest_account(m, n * nops))
			return -EINTR;
	}
	return 0;
}

int memtest_march(struct memtest *m, const struct memtest_region *r)
{
	const struct memtest_march *march = m->test->data;

	for (unsigned b = 0; b < march->nbackgrounds; b++) {
		m->pattern = backgrounds[b];
		for (unsigned i = 0; i < march->nelements; i++) {
			int err = run_element(m, r, &march->elements[i],
					      backgrounds[b]);

			if (err)
				return err;
			if (b == 0 && i == 0)
				memtest_hold(m);
		}
	}
	return 0;
}
