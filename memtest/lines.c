/*
 * Tests of wires: data lines and address lines that are stuck, shorted or open.
 * They look at few words, cost nothing, and come first, because a broken line
 * breaks each later test, with errors that say less. All words that they look at
 * go through { w0; (r0,w1); r1 }, and each is expelled from caches after each
 * access, where that can be had.
 *
 * addrbus. A line is seen by two words whose addresses differ in it only. In a
 * region, the word with the roundest address, M, has the most such partners:
 *
 *	region	|-----+-----+-+-+ M +-+-+-----+---------|
 *			M-2^k		M+2^k
 *
 * All of them get their own addresses. A stuck line makes one word of M's and a
 * partner's; two shorted lines of two partners' (both are M+2^i+2^j), or of M's
 * and those of both.
 *
 * databus. In each 64 KiB, a word gets each of the 64 patterns with one line
 * high, and with one low. A line that nobody drives keeps its level for a while:
 * what was written last can be read back from no memory at all. So between
 * writing and reading, the complement goes over the lines to another word, which
 * is parked there.
 *
 * Where words can't be expelled, a cache answers for this one. So the line of
 * words that begins there gets the data backgrounds, in which each two lines
 * differ somewhere, and is read after all others were written. 64 KiB apart,
 * these lines share few sets of a cache, which soon give them up.
 *
 * Source: the memory test of U-Boot's power-on self test, for the parking.
 */
#include "internal.h"

#define CACHE_LINE 8 /* words */

static void write_word(struct memtest_worker *w, volatile uint64_t *p,
		       uint64_t v)
{
	memtest_store(p, v);
	memtest_expel(w, p);
}

static void verify_word(struct memtest_worker *w, volatile uint64_t *p,
			uint64_t v)
{
	memtest_check(w, p, v);
	memtest_expel(w, p);
}

/* A stage of it, for a word that gets v. */
static void step(struct memtest_worker *w, volatile uint64_t *p, uint64_t v)
{
	unsigned stage = w->run->stage;

	if (stage > 0)
		verify_word(w, p, stage == 1 ? v : ~v);
	if (stage < 2)
		write_word(w, p, stage == 0 ? v : ~v);
}

/* ---- data lines ---- */

/* One line high among low ones, and low among high ones. */
static void walk(struct memtest_worker *w, volatile uint64_t *p,
		 volatile uint64_t *parking)
{
	for (unsigned i = 0; i < 128; i++) {
		uint64_t bit = (uint64_t)1 << i / 2, v = i % 2 ? ~bit : bit;

		write_word(w, p, v);
		if (parking != p)
			write_word(w, parking, ~v);
		verify_word(w, p, v);
	}
}

/* The probes are the first words of each so many. */
int memtest_databus(struct memtest_worker *w, const struct memtest_region *r)
{
	int err = 0;

	w->pattern = memtest_background(0);
	for (uint64_t at = 0, n; at < r->nwords && !err; at += n) {
		volatile uint64_t *p = r->words + at;

		n = min_u64(r->nwords - at, MEMTEST_PROBE);
		if (w->run->stage == 0)
			walk(w, p, p + n - 1);
		for (unsigned i = 0; i < min_u64(n, CACHE_LINE); i++)
			step(w, p + i, memtest_background(i));
		/* Of 4 in all: each stage shows that it goes on. */
		err = memtest_account(
			w, w->run->stage ? n / 64 : 4 * n / 64 - 2 * (n / 64));
	}
	return err;
}

/* ---- address lines ---- */

/* The word of the region whose address has the most zeros at its end. */
static uint64_t roundest(const struct memtest_region *r)
{
	uint64_t first = r->pa / 8, at = first + r->nwords - 1;

	while (at && (at & (at - 1)) >= first)
		at &= at - 1;
	return at - first;
}

static void step_own(struct memtest_worker *w, uint64_t i)
{
	const struct memtest_region *r = w->region;

	step(w, r->words + i, r->pa + 8 * i);
}

int memtest_addrbus(struct memtest_worker *w, const struct memtest_region *r)
{
	uint64_t m = roundest(r);

	w->pattern = r->pa;
	step_own(w, m);
	for (uint64_t line = 1; line < r->nwords; line <<= 1) {
		if (line < r->nwords - m)
			step_own(w, m + line);
		if (line <= m)
			step_own(w, m - line);
	}
	/* All of the cost at once: it is nothing. */
	return memtest_account(w, w->run->stage ? 0 : r->nwords / 64);
}
