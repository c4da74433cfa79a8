/*
 * The inner loops of the marches: one element over some words.
 *
 * An element's operations are a constant for the compiler, and so is the step
 * from a word's value to the next word's: `sweep` is instantiated for each
 * shape of an element, kind of background and direction that the tests need
 * quickly, and a loop is nothing but the loads, stores, compares and steps of 8
 * words, which is a cache line. r0,w1 and r1,w0 have one shape: the first
 * operation's value is called a, its complement b; the mask that the state is
 * XORed with makes the difference.
 *
 * march.c has a slow loop for any element over any background.
 */
#pragma once

#include "internal.h"

#define OP_WRITE     2
#define OP_COUNT(o)  ((highest_bit(o) + 4) / 4)
#define OP_VALUES(o) (((uint32_t)(o) >> 2) & 0x11111111u)

/* Words that the loops do without a branch: a cache line. */
#define UNROLL 8

/* From the state that a word's value is made of to the next word's. */
typedef uint64_t step_fn(uint64_t s);

/* One element over n words, whose first has state s; values are state ^ mask.
 * Returns the state of the word behind them. */
typedef uint64_t sweep_fn(struct memtest_worker *w, volatile uint64_t *words,
			  uint64_t n, uint64_t s, uint64_t mask);

#define SWEEP_INLINE static inline __attribute__((always_inline))

SWEEP_INLINE void do_op(struct memtest_worker *w, volatile uint64_t *p,
			uint64_t a, uint32_t op)
{
	uint64_t v = op & 1 ? ~a : a;

	if (op & OP_WRITE)
		memtest_store(p, v);
	else if (op)
		memtest_check(w, p, v);
}

SWEEP_INLINE void do_word(struct memtest_worker *w, volatile uint64_t *p,
			  uint64_t a, uint32_t ops)
{
	do_op(w, p, a, ops & 15);
	do_op(w, p, a, ops >> 4 & 15);
	do_op(w, p, a, ops >> 8 & 15);
	do_op(w, p, a, ops >> 12 & 15);
	do_op(w, p, a, ops >> 16 & 15);
	do_op(w, p, a, ops >> 20 & 15);
	do_op(w, p, a, ops >> 24 & 15);
	do_op(w, p, a, ops >> 28 & 15);
}

/* The word at p; returns the next one's state. */
SWEEP_INLINE uint64_t do_step(struct memtest_worker *w, volatile uint64_t *p,
			      uint64_t s, uint64_t mask, uint32_t ops,
			      step_fn *step)
{
	do_word(w, p, s ^ mask, ops);
	return step(s);
}

/* The 8 words at p; `flip` is 7 to take them downwards, else 0. */
SWEEP_INLINE uint64_t do_block(struct memtest_worker *w, volatile uint64_t *p,
			       uint64_t s, uint64_t mask, uint32_t ops,
			       step_fn *step, unsigned flip)
{
	s = do_step(w, p + (0 ^ flip), s, mask, ops, step);
	s = do_step(w, p + (1 ^ flip), s, mask, ops, step);
	s = do_step(w, p + (2 ^ flip), s, mask, ops, step);
	s = do_step(w, p + (3 ^ flip), s, mask, ops, step);
	s = do_step(w, p + (4 ^ flip), s, mask, ops, step);
	s = do_step(w, p + (5 ^ flip), s, mask, ops, step);
	s = do_step(w, p + (6 ^ flip), s, mask, ops, step);
	return do_step(w, p + (7 ^ flip), s, mask, ops, step);
}

SWEEP_INLINE uint64_t sweep(struct memtest_worker *w, volatile uint64_t *words,
			    uint64_t n, uint64_t s, uint64_t mask, uint32_t ops,
			    step_fn *step, bool down)
{
	volatile uint64_t *end = words + n;
	volatile uint64_t *blocks_end = words + n / UNROLL * UNROLL;
	volatile uint64_t *p;

	if (down) {
		for (p = end; p != blocks_end;)
			s = do_step(w, --p, s, mask, ops, step);
		for (; p != words; p -= UNROLL)
			s = do_block(w, p - UNROLL, s, mask, ops, step,
				     UNROLL - 1);
	} else {
		for (p = words; p != blocks_end; p += UNROLL)
			s = do_block(w, p, s, mask, ops, step, 0);
		for (; p != end; p++)
			s = do_step(w, p, s, mask, ops, step);
	}
	return s;
}

#define SWEEP(name, ops, step, down)                                           \
	static uint64_t name(struct memtest_worker *w,                         \
			     volatile uint64_t *words, uint64_t n, uint64_t s, \
			     uint64_t mask)                                    \
	{                                                                      \
		return sweep(w, words, n, s, mask, ops, step, down);           \
	}
