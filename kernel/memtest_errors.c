/*
 * What a run found: see <kernel/memtest_errors.h>. What may be behind it:
 * memtest_suspect.c.
 *
 * Errors may come by the million: each costs a few dozen instructions, and a binary
 * search in the ranges that there are.
 */
#include <string.h>

#include <kernel/memtest_errors.h>

/* The first range that ends at `at` or behind it. */
static unsigned find(const struct memtest_range *r, unsigned n, uint64_t at)
{
	unsigned low = 0;

	while (low < n) {
		unsigned mid = (low + n) / 2;

		if (r[mid].bytes.end < at)
			low = mid + 1;
		else
			n = mid;
	}
	return low;
}

/* Make r[i] and the one behind it one range. */
static void join(struct memtest_range *r, unsigned *n, unsigned i)
{
	r[i].bytes.end = max_u64(r[i].bytes.end, r[i + 1].bytes.end);
	r[i].count += r[i + 1].count;
	r[i].bits |= r[i + 1].bits;
	(*n)--;
	memmove(&r[i + 1], &r[i + 2], (*n - i - 1) * sizeof(*r));
}

static void join_nearest(struct memtest_range *r, unsigned *n)
{
	uint64_t least = UINT64_MAX;
	unsigned at = 0;

	for (unsigned i = 0; i + 1 < *n; i++)
		if (r[i + 1].bytes.start - r[i].bytes.end < least) {
			least = r[i + 1].bytes.start - r[i].bytes.end;
			at = i;
		}
	join(r, n, at);
}

/* Add bytes to a set of `max` ranges at most. */
static void add(struct memtest_range *r, unsigned *n, unsigned max,
		bool *merged, struct range bytes, uint64_t bits)
{
	unsigned i = find(r, *n, bytes.start);

	if (i < *n && r[i].bytes.start <= bytes.end) {
		r[i].bytes.start = min_u64(r[i].bytes.start, bytes.start);
		r[i].bytes.end = max_u64(r[i].bytes.end, bytes.end);
		r[i].count++;
		r[i].bits |= bits;
		if (i + 1 < *n && r[i + 1].bytes.start <= r[i].bytes.end)
			join(r, n, i);
		return;
	}
	memmove(&r[i + 1], &r[i], (*n - i) * sizeof(*r));
	r[i] = (struct memtest_range){bytes, 1, bits};
	if (++*n > max) {
		join_nearest(r, n);
		*merged = true;
	}
}

#define ADD(set, max, bytes, bits) \
	add((set)->range, &(set)->n, max, &(set)->merged, bytes, bits)

void memtest_errors_init(struct memtest_errors *e)
{
	memset(e, 0, sizeof(*e));
	e->all = UINT64_MAX;
	for (unsigned i = 0; i < 64; i++)
		e->line[i].all = UINT64_MAX;
}

void memtest_errors_test(struct memtest_errors *e)
{
	e->in_test = 0;
	e->shown = 0;
	e->test.n = 0;
	e->test.merged = false;
}

unsigned memtest_lanes(uint64_t bits)
{
	unsigned lanes = 0;

	for (unsigned i = 0; i < 8; i++)
		if (bits >> 8 * i & 0xff)
			lanes |= 1u << i;
	return lanes;
}

/* Frames look alike in their low bits: Knuth's multiplier mixes. */
static uint64_t where_bit(paddr_t pa)
{
	return (uint64_t)1 << ((pa >> PAGE_SHIFT) * 0x9e3779b97f4a7c15u >> 58);
}

static void count_bits(struct memtest_errors *e, const struct memtest_error *f)
{
	uint64_t where = where_bit(f->pa);

	for (uint64_t left = f->expected ^ f->actual; left; left &= left - 1) {
		unsigned b = lowest_bit(left);

		if (f->actual >> b & 1)
			e->bit[b].up++;
		else
			e->bit[b].down++;
		e->bit[b].where |= where;
	}
	for (unsigned left = memtest_lanes(f->expected ^ f->actual); left;
	     left &= left - 1)
		e->lane[lowest_bit(left)]++;
}

static void look_for_line(struct memtest_errors *e,
			  const struct memtest_error *f)
{
	uint64_t xor = f->expected ^ f->actual;
	struct memtest_line_clue *line;

	if ((f->expected != f->pa && f->expected != ~f->pa) || !is_pow2(xor))
		return;
	line = &e->line[lowest_bit(xor)];
	if (f->actual & xor)
		line->up++;
	else
		line->down++;
	line->all &= f->pa;
	line->any |= f->pa;
}

/* A frame is to be retired unless the fault may be anywhere. */
static bool is_to_retire(const struct memtest_error *f)
{
	return f->test->kind != MEMTEST_TRANSFER &&
	       !(f->class == MEMTEST_TRANSIENT && !f->fresh);
}

bool memtest_errors_add(struct memtest_errors *e, const struct memtest_error *f)
{
	uint64_t xor = f->expected ^ f->actual;
	struct range word = range_make(f->pa, f->pa + 8);

	e->count++;
	e->in_test++;
	e->transient += f->class == MEMTEST_TRANSIENT;
	e->transfer += f->test->kind == MEMTEST_TRANSFER;
	e->all &= f->pa;
	e->any |= f->pa;
	count_bits(e, f);
	look_for_line(e, f);
	ADD(&e->words, MEMTEST_WORDS, word, xor);
	if (is_to_retire(f))
		ADD(&e->bad, MEMTEST_BAD_RANGES,
		    range_align_out(word, PAGE_SIZE), xor);
	if (e->shown < MEMTEST_SHOWN) {
		e->shown++;
		return true;
	}
	ADD(&e->test, MEMTEST_RANGES, word, xor);
	return false;
}

bool memtest_errors_bad(const struct memtest_errors *e, struct range bytes)
{
	/* A range that ends where these bytes begin has none of them. */
	unsigned i = find(e->bad.range, e->bad.n, bytes.start + 1);

	return i < e->bad.n && e->bad.range[i].bytes.start < bytes.end;
}
