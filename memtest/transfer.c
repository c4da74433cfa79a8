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
 * Each word is verified as it moves. A region is cut into such powers of two;
 * what is left changes places with itself. From stage to stage another worker
 * has the share (run.c), so lines move between harts, too.
 */
#include "internal.h"

#define INLINE static inline __attribute__((always_inline))

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
	if (__builtin_expect(w->each, 0)) {
		memtest_expel(w, from);
		memtest_expel(w, to);
	}
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

/* From a word's value to the next word's; odd, so all values differ. */
#define STEP ((uint64_t)0x9e3779b97f4a7c15)

/* Blocks that lie side by side: a power of two, or less than a whole one. */
struct blocks {
	volatile uint64_t *words;
	uint64_t n;
	uint64_t size;	/* words of each */
	uint64_t value; /* that the first word began with */
	uint64_t moved; /* what a block's place is XORed with, to get its
			 * origin's */
};

enum op { WRITE, READ, SWAP };

INLINE void put(struct memtest_worker *w, volatile uint64_t *p, uint64_t v,
		bool each)
{
	memtest_store(p, v);
	if (each)
		memtest_expel(w, p);
}

INLINE void get(struct memtest_worker *w, volatile uint64_t *p, uint64_t v,
		bool each)
{
	memtest_check(w, p, v);
	if (each)
		memtest_expel(w, p);
}

/* p has a, and q has b; SWAP: each gets the other's. Stored is what should have
 * been loaded, so that an error is reported once. */
INLINE void do_word(struct memtest_worker *w, enum op op, volatile uint64_t *p,
		    volatile uint64_t *q, uint64_t a, uint64_t b, bool each)
{
	if (op != WRITE)
		get(w, p, a, each);
	if (op == SWAP)
		get(w, q, b, each);
	if (op != READ)
		put(w, p, b, each);
	if (op == SWAP)
		put(w, q, a, each);
}

INLINE void do_words(struct memtest_worker *w, enum op op, volatile uint64_t *p,
		     volatile uint64_t *q, uint64_t n, uint64_t a, uint64_t b,
		     bool each)
{
	for (; n >= 2; n -= 2, p += 2, q += 2) {
		do_word(w, op, p, q, a, b, each);
		do_word(w, op, p + 1, q + 1, a + STEP, b + STEP, each);
		a += 2 * STEP;
		b += 2 * STEP;
	}
	if (n)
		do_word(w, op, p, q, a, b, each);
}

static void do_block(struct memtest_worker *w, enum op op,
		     const struct blocks *b, uint64_t i, uint64_t j)
{
	volatile uint64_t *p = b->words + i * b->size;
	volatile uint64_t *q = b->words + j * b->size;
	uint64_t vi = b->value + (i ^ b->moved) * b->size * STEP;
	uint64_t vj = b->value + (j ^ b->moved) * b->size * STEP;

	if (w->each && op == SWAP)
		do_words(w, SWAP, p, q, b->size, vi, vj, true);
	else if (op == SWAP)
		do_words(w, SWAP, p, q, b->size, vi, vj, false);
	else if (op == READ)
		do_words(w, READ, p, p, b->size, vi, vi, w->each);
	else
		do_words(w, WRITE, p, p, b->size, vi, vi, w->each);
}

/* What places are XORed with in a stage; 0 only where there is one block. */
static uint64_t distance(const struct memtest *m, unsigned stage, uint64_t n)
{
	uint64_t x = memtest_random(m, stage) & (n - 1);

	return x ? x : n / 2;
}

/* One stage: each block once, in random order, a slice between two accounts. */
static int do_blocks(struct memtest_worker *w, struct blocks *b)
{
	const struct memtest *m = w->run;
	bool last = m->stage + 1 == m->test->stages;
	uint64_t x = distance(m, m->stage, b->n);
	uint64_t r = memtest_random(m, m->stage), i = 0, n;
	enum op op = m->stage == 0 ? WRITE : last || !x ? READ : SWAP;
	unsigned accesses = m->stage == 0 || last ? 1 : 2;
	int err = 0;

	for (unsigned stage = 1; stage < m->stage; stage++)
		b->moved ^= distance(m, stage, b->n);
	for (uint64_t left = b->n; left && !err; left -= n) {
		n = min_u64(left, MEMTEST_SLICE / MEMTEST_BLOCK);
		for (uint64_t k = 0; k < n; k++) {
			i = (i * (r << 2 | 1) + (r >> 32 | 1)) & (b->n - 1);
			if (op != SWAP || (i ^ x) > i)
				do_block(w, op, b, i, i ^ x);
		}
		err = memtest_account(w, n * b->size * accesses);
	}
	return err;
}

int memtest_traffic(struct memtest_worker *w, const struct memtest_region *r)
{
	int err = 0;

	w->pattern = memtest_random(w->run, r->pa);
	for (uint64_t at = 0, left; at < r->nwords && !err;) {
		struct blocks b = {.words = r->words + at,
				   .n = 1,
				   .size = MEMTEST_BLOCK,
				   .value = w->pattern + at * STEP};

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
