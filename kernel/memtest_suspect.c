/*
 * What is likely behind the errors of a run: see <kernel/memtest_errors.h>.
 *
 * Evidence, by what it excludes:
 *
 *	address line	in tests in which words hold their own addresses (and then the
 *			complements), the contents of A were found to be those of
 *			A with one bit b changed; both ways, 0 for 1 and 1 for 0,
 *			but only at addresses with the same b: so bit b of the
 *			*address* has one value for memory. (Both addresses must
 *			be among those tested.) A data line that is stuck goes
 *			one way only; one that is loose, at any address.
 *			The other tests then also find errors, in all bits: they
 *			say no more.
 *	data lines	a bit that is wrong in many frames all over; alone, or one in
 *			each half of the word (a bus of 32 bits), or those of one byte
 *			(its strobe), or of 16 bits (a chip, or a channel of LPDDR4)
 *	cells		few places: a word, or neighbours (a row)
 *	transfer	memory has the right value when it is read again
 *
 * "Many frames": 16 of the 64 classes that memtest_bit.where tells apart, so at
 * least so many frames. Where so many cells are bad by themselves, in the same
 * bit, the guess is wrong; the counters by bit show that better than any rule.
 */
#include <stdarg.h>
#include <stdio.h>

#include <kernel/memtest_errors.h>

#define MANY_PLACES 16
#define ROW	    KIB(64) /* no DRAM's row, of a whole rank, is longer */
#define CELLS_MAX   8	    /* so many are told one by one */

#define LL(x) ((unsigned long long)(x))

struct guess {
	const struct memtest_errors *e;
	void (*each)(void *ctx, const char *what, const char *detail);
	void *ctx;
};

static __attribute__((format(printf, 3, 4))) void tell(const struct guess *g,
						       const char *what,
						       const char *fmt, ...)
{
	char detail[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	g->each(g->ctx, what, detail);
}

static bool address_lines(const struct guess *g)
{
	bool found = false;

	for (unsigned b = 3; b < 64; b++) {
		const struct memtest_line_clue *l = &g->e->line[b];
		uint64_t differ = l->all ^ l->any;

		if (g->e->span <= (uint64_t)1 << b || !l->up || !l->down ||
		    differ >> b & 1 || __builtin_popcountll(differ) < 2)
			continue;
		tell(g, "address-line",
		     "bit %u of the address: %llu words had the contents of "
		     "their partner",
		     b, LL(l->up + l->down));
		found = true;
	}
	return found;
}

/* The bits that are wrong in many places. */
static uint64_t wide_bits(const struct memtest_errors *e)
{
	uint64_t wide = 0;

	for (unsigned b = 0; b < 64; b++)
		if (__builtin_popcountll(e->bit[b].where) >= MANY_PLACES)
			wide |= (uint64_t)1 << b;
	return wide;
}

static void data_line(const struct guess *g, unsigned b)
{
	const struct memtest_bit *bit = &g->e->bit[b];

	tell(g, "data-line",
	     "bit %u, all over: %llu times 1 for 0, %llu times 0 for 1%s", b,
	     LL(bit->up), LL(bit->down),
	     !bit->down ? " (stuck at 1)"
	     : !bit->up ? " (stuck at 0)"
			: "");
}

/* Lanes of a word, and of the two halves that a bus of 32 bits makes of it. */
static void data_lines(const struct guess *g, uint64_t wide)
{
	unsigned lanes = memtest_lanes(wide);
	unsigned half = (lanes | lanes >> 4) & 15;

	if (__builtin_popcountll((wide | wide >> 32) & UINT32_MAX) <= 2)
		for (uint64_t left = wide; left; left &= left - 1)
			data_line(g, lowest_bit(left));
	else if (is_pow2(half))
		tell(g, "byte-lane", "bytes 0x%02x of the word, all over",
		     lanes);
	else if (half == 3 || half == 12)
		tell(g, "chip", "the %s 16 bits (bytes 0x%02x), all over",
		     half == 3 ? "lower" : "upper", lanes);
	else
		tell(g, "everywhere",
		     "bytes 0x%02x of the word, all over: "
		     "timing, voltage or controller",
		     lanes);
}

static void cells(const struct guess *g)
{
	const struct memtest_errors *e = g->e;
	uint64_t span, words = 0;

	span = e->words.range[e->words.n - 1].bytes.end -
	       e->words.range[0].bytes.start;
	for (unsigned i = 0; i < e->words.n; i++)
		words += range_size(e->words.range[i].bytes) / 8;
	if (!e->words.merged && words <= CELLS_MAX) {
		for (unsigned i = 0; i < e->words.n; i++)
			tell(g, "cell", "0x%llx, %llu bytes, bits 0x%016llx",
			     LL(e->words.range[i].bytes.start),
			     LL(range_size(e->words.range[i].bytes)),
			     LL(e->words.range[i].bits));
		return;
	}
	tell(g, span <= ROW ? "row" : "cells",
	     "%llu errors within %llu KiB from 0x%llx", LL(e->count),
	     LL((span + 1023) / 1024), LL(e->words.range[0].bytes.start));
}

void memtest_suspect(const struct memtest_errors *e,
		     void (*each)(void *ctx, const char *what,
				  const char *detail),
		     void *ctx)
{
	struct guess g = {e, each, ctx};
	/* Tests of transfers find bad cells, too; but others then do as well. */
	uint64_t passing = e->transfer == e->count ? e->count : e->transient;
	uint64_t wide = wide_bits(e);

	if (!e->count)
		return;
	if (!address_lines(&g)) {
		if (wide)
			data_lines(&g, wide);
		else if (passing < e->count - passing)
			cells(&g);
	}
	if (passing >= e->count - passing)
		tell(&g, "transfer",
		     "%llu of %llu errors: read again, the word was right, or "
		     "the test can't tell cells from transfers",
		     LL(passing), LL(e->count));
}
