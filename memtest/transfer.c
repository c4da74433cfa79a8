/*
 * Tests of transfers: data that moves through memory, in lines and in blocks, by
 * all harts at once. What they look for is not in the cells but on the way:
 * marginal timing, crosstalk between lines, lost lines. Where the error arose is
 * not known, only where it was seen, so it says nothing about a word.
 *
 * Contents are known at each moment without a table. Each word once got a value
 * made from its address; a word that was moved has that of its origin, and the
 * origin is a function of place and stage:
 *
 * blockmove. A block is 64 bytes, h of them are half of a region. Lower half to
 * upper; back, one block further on:
 *
 *	filled		0 1 2 3 | 4 5 6 7
 *	up		0 1 2 3 | 0 1 2 3
 *	down		1 2 3 0 | 0 1 2 3
 *
 * traffic. A block is 4 KiB. Of 2^k blocks, each pair i, i^x changes places,
 * with another x from stage to stage: after stages with x1, x2, x3 block i holds
 * what began as block i^x1^x2^x3. The pairs come in a pseudo-random order, a
 * linear congruential sequence of period 2^k (Hull, Dobell, "Random number
 * generators", SIAM Review 4(3), 1962: multiplier 1 modulo 4, odd increment).
 * Each word is verified as it moves. A region is cut into such powers of two; a
 * single block that is left is only verified. From stage to stage another worker
 * has the share (run.c), so lines move between harts, too.
 */
#include "internal.h"

#define INLINE static inline __attribute__((always_inline))

INLINE void expel_each(struct memtest_worker *w, volatile uint64_t *p,
		       volatile uint64_t *q, bool each)
{
	if (__builtin_expect(each, 0)) {
		memtest_expel(w, p);
		memtest_expel(w, q);
	}
}

/* ---- blockmove ---- */

#define LINE 8 /* words */

enum step { FILL, UP, DOWN, VERIFY, NSTEPS };

INLINE void move_line(struct memtest_worker *w, volatile uint64_t *to,
		      volatile uint64_t *from)
{
	uint64_t a = memtest_load(from + 0), b = memtest_load(from + 1);
	uint64_t c = memtest_load(from + 2), d = memtest_load(from + 3);
	uint64_t e = memtest_load(from + 4), f = memtest_load(from + 5);
	uint64_t g = memtest_load(from + 6), h = memtest_load(from + 7);

	memtest_store(to + 0, a);
	memtest_store(to + 1, b);
	memtest_store(to + 2, c);
	memtest_store(to + 3, d);
	memtest_store(to + 4, e);
	memtest_store(to + 5, f);
	memtest_store(to + 6, g);
	memtest_store(to + 7, h);
	expel_each(w, from, to, w->each);
}

/* n lines. */
static int move(struct memtest_worker *w, volatile uint64_t *to,
		volatile uint64_t *from, uint64_t n)
{
	int err = 0;

	for (uint64_t slice; n && !err; n -= slice) {
		slice = min_u64(n, MEMTEST_SLICE / LINE + 1);
		for (uint64_t i = 0; i < slice; i++, to += LINE, from += LINE)
			move_line(w, to, from);
		err = memtest_account(w, 2 * LINE * slice);
	}
	return err;
}

/* Words that hold the addresses from `pa` on, or with R1 their complements. */
static int verify(struct memtest_worker *w, uint32_t ops,
		  volatile uint64_t *words, uint64_t n, paddr_t pa)
{
	return memtest_element(w, &memtest_address, ops, words, n, pa);
}

static int move_region(struct memtest_worker *w, const struct memtest_region *r,
		       enum step step, uint32_t ops)
{
	volatile uint64_t *p = r->words;
	uint64_t n = r->nwords / (2 * LINE) * LINE; /* words of half of it */
	uint64_t last = n - LINE;
	int err;

	if (step == UP)
		return move(w, p + n, p, n / LINE);
	if (step == DOWN) {
		err = move(w, p, p + n + LINE, n / LINE - 1);
		return err ? err : move(w, p + last, p + n, 1);
	}
	err = verify(w, ops, p, last, r->pa + 8 * LINE);
	if (!err)
		err = verify(w, ops, p + last, LINE, r->pa);
	return err ? err : verify(w, ops, p + n, n, r->pa);
}

/* Stage: NSTEPS with addresses, then with their complements. */
int memtest_move(struct memtest_worker *w, const struct memtest_region *r)
{
	unsigned stage = w->run->stage;
	enum step step = stage % NSTEPS;
	uint64_t moved = r->nwords / (2 * LINE) * (2 * LINE);
	uint32_t read = stage < NSTEPS ? R0 : R1;
	int err = 0;

	w->pattern = stage < NSTEPS ? r->pa : ~r->pa;
	if (step == FILL)
		return memtest_element(w, &memtest_address,
				       stage < NSTEPS ? W0 : W1, r->words,
				       r->nwords, r->pa);
	if (moved)
		err = move_region(w, r, step, read);
	/* The rest is not moved, only verified. */
	if (!err && step == VERIFY)
		err = verify(w, read, r->words + moved, r->nwords - moved,
			     r->pa + 8 * moved);
	return err;
}

/* ---- traffic ---- */

/* Blocks that lie side by side: a power of two, or less than a whole one. */
struct blocks {
	volatile uint64_t *words;
	paddr_t pa;
	uint64_t n;
	uint64_t size;	/* words of each */
	uint64_t moved; /* what a block's place is XORed with, to get its
			 * origin's */
};

/* The word at p has a, that at q b: each gets the other's. Stored is what should
 * have been loaded, so that an error is reported once. */
INLINE void swap_word(struct memtest_worker *w, volatile uint64_t *p,
		      volatile uint64_t *q, uint64_t a, uint64_t b, bool each)
{
	memtest_check(w, p, a);
	memtest_check(w, q, b);
	expel_each(w, p, q, each);
	memtest_store(p, b);
	memtest_store(q, a);
	expel_each(w, p, q, each);
}

static void swap(struct memtest_worker *w, volatile uint64_t *p,
		 volatile uint64_t *q, uint64_t n, uint64_t a, uint64_t b)
{
	const volatile uint64_t *end = p + n;
	const bool each = w->each;

	for (; p != end; p += 2, q += 2) {
		swap_word(w, p, q, a, b, each);
		a = memtest_xorshift(a);
		b = memtest_xorshift(b);
		swap_word(w, p + 1, q + 1, a, b, each);
		a = memtest_xorshift(a);
		b = memtest_xorshift(b);
	}
}

/* What places are XORed with in a stage; 0 only where there is one block. */
static uint64_t distance(const struct memtest *m, unsigned stage, uint64_t n)
{
	uint64_t x = memtest_random(m, stage) & (n - 1);

	return x ? x : n / 2;
}

static paddr_t origin(const struct blocks *b, uint64_t i)
{
	return b->pa + 8 * b->size * (i ^ b->moved);
}

/* Block i in a stage, with its partner; a pair is done once. What has no partner
 * is verified, as all are in the end. */
static int do_block(struct memtest_worker *w, const struct blocks *b,
		    uint64_t i)
{
	const struct memtest *m = w->run;
	uint64_t j = i ^ distance(m, m->stage, b->n);
	volatile uint64_t *p = b->words + i * b->size;
	bool last = m->stage + 1 == m->test->stages;

	if (m->stage == 0 || last || i == j)
		return memtest_element(w, &memtest_sequence, m->stage ? R0 : W0,
				       p, b->size, origin(b, i));
	if (i < j)
		return 0;
	swap(w, p, b->words + j * b->size, b->size,
	     memtest_random(m, origin(b, i)), memtest_random(m, origin(b, j)));
	return memtest_account(w, 4 * b->size);
}

/* One stage: each block once, in random order. */
static int do_blocks(struct memtest_worker *w, struct blocks *b)
{
	const struct memtest *m = w->run;
	uint64_t r = memtest_random(m, m->stage), i = 0;
	int err = 0;

	for (unsigned stage = 1; stage < m->stage; stage++)
		b->moved ^= distance(m, stage, b->n);
	for (uint64_t left = b->n; left && !err; left--) {
		i = (i * (r << 2 | 1) + (r >> 32 | 1)) & (b->n - 1);
		err = do_block(w, b, i);
	}
	return err;
}

int memtest_traffic(struct memtest_worker *w, const struct memtest_region *r)
{
	int err = 0;

	w->pattern = memtest_random(w->run, r->pa);
	for (uint64_t at = 0, left; at < r->nwords && !err;) {
		struct blocks b = {.words = r->words + at,
				   .pa = r->pa + 8 * at,
				   .n = 1,
				   .size = MEMTEST_BLOCK};

		left = r->nwords - at;
		if (left < MEMTEST_BLOCK)
			b.size = left;
		else
			b.n = (uint64_t)1 << highest_bit(left / MEMTEST_BLOCK);
		at += b.n * b.size;
		err = do_blocks(w, &b);
	}
	return err;
}
