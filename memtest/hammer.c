/*
 * Row hammer: a row of DRAM that is opened many times between two refreshes can
 * make cells of its neighbours lose their charge. Two words of different rows of
 * one bank are read in turn, from memory each time, which closes one row to open
 * the other; the row between them suffers most.
 *
 * This is the best that can be done without knowing the machine. Which addresses
 * are one bank's rows, and which rows are neighbours, differs from controller to
 * controller; so the pairs are powers of two apart, another one from stretch to
 * stretch and from pass to pass, and all of memory is verified afterwards. Memory
 * that refreshes rows when it sees this (TRR) hides it. That nothing was found
 * means little. And where words can't be expelled, there is no hammer: the reads
 * come from a cache.
 *
 * Cost: a stretch of 4 MiB gets 2 * 2^16 reads, for each of the two polarities.
 * At 200 ns a read with its flush, a refresh interval of 64 ms has 1.6 * 10^5 of
 * each of the two rows.
 *
 * Source: Kim et al., "Flipping bits in memory without accessing them", ISCA
 * 2014.
 */
#include "internal.h"

/* The rows of a pair are twice so many words apart: 8 to 256 KiB. */
#define MIN_DISTANCE ((uint64_t)1 << 10)
#define DISTANCES    6

static void hammer(struct memtest_worker *w, volatile uint64_t *p,
		   volatile uint64_t *q, uint64_t reads, uint64_t v)
{
	while (reads--) {
		memtest_check(w, p, v);
		memtest_check(w, q, v);
		if (!memtest_expel(w, p))
			return;
		memtest_expel(w, q);
	}
}

/* Stages 1 and 3 hammer; the others fill and verify. */
int memtest_hammer(struct memtest_worker *w, const struct memtest_region *r)
{
	const struct memtest *m = w->run;
	uint64_t v = m->stage == 1 ? 0 : ~(uint64_t)0;
	int err = 0;

	if (m->stage % 2 == 0)
		return memtest_march(w, r);
	w->pattern = v;
	for (uint64_t at = 0, n; at < r->nwords && !err; at += n) {
		uint64_t which = at / MEMTEST_HAMMER + m->pass;
		uint64_t far = 2 * MIN_DISTANCE << which % DISTANCES;
		uint64_t p = memtest_random(m, r->pa + at);

		n = min_u64(r->nwords - at, MEMTEST_HAMMER);
		far = min_u64(far, n / 2);
		p = at + p % (n - far);
		hammer(w, r->words + p, r->words + p + far, n / 8, v);
		err = memtest_account(w, 2 * (n / 8));
	}
	return err;
}
