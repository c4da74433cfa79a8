/* Sets of ranges against a bit for each number. */
#include <kernel/ktest.h>
#include <lib/errno.h>
#include <lib/range_set.h>
#include <lib/rng.h>

#define ROOM 6

static uint64_t mask(struct range r)
{
	uint64_t upto = r.end == 64 ? ~(uint64_t)0 : ((uint64_t)1 << r.end) - 1;

	return upto & ~(((uint64_t)1 << r.start) - 1);
}

static uint64_t bits(const struct range_set *s)
{
	uint64_t b = 0;

	for (unsigned i = 0; i < s->n; i++)
		b |= mask(s->range[i]);
	return b;
}

static enum range_set_part part(uint64_t model, uint64_t m)
{
	return !(model & m)	  ? RANGE_SET_NONE
	       : (model & m) == m ? RANGE_SET_ALL
				  : RANGE_SET_SOME;
}

/* The shortest run of zeros between ones. */
static uint64_t shortest_gap(uint64_t model)
{
	uint64_t best = 0, run = 0;
	bool one = false;

	for (unsigned i = 0; i < 64; i++) {
		if (!(model >> i & 1)) {
			run++;
			continue;
		}
		if (one && run && (!best || run < best))
			best = run;
		one = true;
		run = 0;
	}
	return best;
}

KTEST(range_set, as_bits)
{
	struct rng rng = rng_seed(ktest_seed());
	struct range room[ROOM + 1];
	struct range_set s = {.range = room, .room = ROOM};
	uint64_t model = 0, full = 0;

	room[ROOM] = range_make(77, 78);
	for (uint64_t i = 0; i < ktest_ops() / 4; i++) {
		uint64_t at = rng_below(&rng, 64);
		struct range r = {
			at, at + 1 + rng_below(&rng, min_u64(64 - at, 9))};
		uint64_t want =
			rng_below(&rng, 2) ? model | mask(r) : model & ~mask(r);
		int err = want & mask(r) ? range_set_add(&s, r)
					 : range_set_remove(&s, r);

		full += err == -ENOSPC;
		if (!err)
			model = want;
		if (bits(&s) != model || !range_set_check(&s) ||
		    (err && s.n < ROOM) || room[ROOM].start != 77 ||
		    range_set_part(&s, r) != part(model, mask(r)) ||
		    range_set_sum(&s) !=
			    (uint64_t)__builtin_popcountll(model) ||
		    range_size(range_set_gap(&s)) != shortest_gap(model)) {
			ktest_fail(__FILE__, __LINE__, "step %llu",
				   (unsigned long long)i);
			return;
		}
	}
	EXPECT(full);
}
