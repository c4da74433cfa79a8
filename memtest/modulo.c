/*
 * Modulo 20: each twentieth word gets a pattern, then all others get its
 * complement, then the first ones are verified; so for each of the 20 offsets,
 * and with the complement as the pattern.
 *
 *	offset 2	~ ~ P ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ P ~ ~
 *
 * Between the writing of a word and its verification, all of the other words
 * around it were written: no cache that is smaller than memory still has it,
 * whatever its lines and its order of replacement, and no write buffer can
 * merge what goes to it. 20 is no multiple of a power of two larger than 4, so
 * the words are all places of a line and of a burst in turn.
 *
 * The pattern is random, another one in each pass.
 */
#include "internal.h"

#define MODULUS 20

enum step { MARK, FLOOD, VERIFY, NSTEPS };

static inline __attribute__((always_inline)) void put(struct memtest_worker *w,
						      volatile uint64_t *p,
						      uint64_t v, bool each)
{
	memtest_store(p, v);
	if (__builtin_expect(each, 0))
		memtest_expel(w, p);
}

static inline __attribute__((always_inline)) void put4(struct memtest_worker *w,
						       volatile uint64_t *p,
						       uint64_t v, bool each)
{
	put(w, p + 0, v, each);
	put(w, p + 1, v, each);
	put(w, p + 2, v, each);
	put(w, p + 3, v, each);
}

/* Words before `first`, between it and the next marked one, and so on. */
static void flood(struct memtest_worker *w, volatile uint64_t *p,
		  volatile uint64_t *end, uint64_t first, uint64_t v)
{
	const bool each = w->each;
	volatile uint64_t *marked = p + first;

	for (; p < end && p != marked; p++)
		put(w, p, v, each);
	for (; end - p >= MODULUS; p += MODULUS) {
		put4(w, p + 1, v, each);
		put4(w, p + 5, v, each);
		put4(w, p + 9, v, each);
		put4(w, p + 13, v, each);
		put(w, p + 17, v, each);
		put(w, p + 18, v, each);
		put(w, p + 19, v, each);
	}
	for (p++; p < end; p++)
		put(w, p, v, each);
}

static void mark(struct memtest_worker *w, volatile uint64_t *p, uint64_t n,
		 uint64_t v)
{
	const bool each = w->each;

	for (; n; n--, p += MODULUS)
		put(w, p, v, each);
}

static void verify(struct memtest_worker *w, volatile uint64_t *p, uint64_t n,
		   uint64_t v)
{
	const bool each = w->each;

	for (; n; n--, p += MODULUS) {
		memtest_check(w, p, v);
		if (__builtin_expect(each, 0))
			memtest_expel(w, p);
	}
}

/* Stage: NSTEPS for each offset, for the pattern, then for its complement. */
int memtest_modulo(struct memtest_worker *w, const struct memtest_region *r)
{
	unsigned stage = w->run->stage;
	unsigned offset = stage / NSTEPS % MODULUS;
	uint64_t v = memtest_random(w->run, 0);
	int err = 0;

	if (stage >= NSTEPS * MODULUS)
		v = ~v;
	w->pattern = v;
	for (uint64_t at = 0, n; at < r->nwords && !err; at += n) {
		volatile uint64_t *p = r->words + at;
		uint64_t place = (r->pa / 8 + at) % MODULUS;
		uint64_t first = (offset + MODULUS - place) % MODULUS;
		uint64_t marked;

		n = min_u64(r->nwords - at, MEMTEST_SLICE);
		marked = (n + MODULUS - 1 - first) / MODULUS;
		if (stage % NSTEPS == MARK)
			mark(w, p + first, marked, v);
		else if (stage % NSTEPS == FLOOD)
			flood(w, p, p + n, first, ~v);
		else
			verify(w, p + first, marked, v);
		err = memtest_account(w, stage % NSTEPS == FLOOD ? n - marked
								 : marked);
	}
	return err;
}
