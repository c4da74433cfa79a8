/* Arenas, against a map with a byte for each unit. */
#include <kernel/ktest.h>
#include <lib/rng.h>
#include <mm/arena.h>

#define UNIT  0x1000u
#define UNITS 1024u
#define TAGS  256u
#define BASE  0xfffffff000000000u

static struct {
	struct arena a;
	struct arena_tag tag[TAGS];
	bool live[TAGS];
	uint8_t taken[UNITS];
	uint64_t used, count;
} * t;

static bool set_up(void)
{
	t = ktest_alloc(sizeof(*t));
	if (t)
		arena_init(&t->a, range_make(BASE, BASE + UNITS * UNIT), UNIT);
	return t;
}

static unsigned unit_of(uint64_t at)
{
	return (unsigned)((at - BASE) / UNIT);
}

static void mark(struct range r, bool taken)
{
	uint64_t n = range_size(r) / UNIT;

	for (uint64_t i = 0; i < n; i++)
		t->taken[unit_of(r.start) + i] = taken;
	t->used += taken ? range_size(r) : -range_size(r);
	t->count += taken ? 1 : -1ull;
}

/* Where the lowest gap of so many units begins; UNITS: nowhere. */
static unsigned model_gap(uint64_t units)
{
	uint64_t run = 0;

	for (unsigned i = 0; i < UNITS; i++) {
		run = t->taken[i] ? 0 : run + 1;
		if (run == units)
			return i + 1 - (unsigned)units;
	}
	return UNITS;
}

static uint64_t model_largest(void)
{
	uint64_t run = 0, largest = 0;

	for (unsigned i = 0; i < UNITS; i++) {
		run = t->taken[i] ? 0 : run + 1;
		largest = max_u64(largest, run);
	}
	return largest * UNIT;
}

static bool step_alloc(struct rng *r, unsigned i)
{
	uint64_t units = 1 + rng_below(r, rng_below(r, 16) ? 8 : 300);
	uint64_t align = (uint64_t)1 << rng_below(r, 7);
	uint64_t phase = rng_below(r, align), at;
	unsigned gap = model_gap(units + align - 1);
	bool got = arena_alloc(&t->a, &t->tag[i], units * UNIT, align * UNIT,
			       phase * UNIT);

	if (got != (gap < UNITS))
		return false;
	if (!got)
		return true;
	/* BASE is aligned to anything that is asked for. */
	for (at = gap; at % align != phase;)
		at++;
	t->live[i] = true;
	mark(t->tag[i].range, true);
	return t->tag[i].range.start == BASE + at * UNIT &&
	       range_size(t->tag[i].range) == units * UNIT;
}

static bool step_take(struct rng *r, unsigned i)
{
	uint64_t first = rng_below(r, UNITS), n = rng_below(r, 8);
	struct range want = {BASE + first * UNIT, BASE + (first + n) * UNIT};
	bool free = n && first + n <= UNITS;

	for (uint64_t k = first; free && k < first + n; k++)
		free = !t->taken[k];
	if (arena_take(&t->a, &t->tag[i], want) != free)
		return false;
	t->live[i] = free;
	if (free)
		mark(want, true);
	return true;
}

static bool step_free(unsigned i)
{
	mark(t->tag[i].range, false);
	t->live[i] = false;
	arena_free(&t->a, &t->tag[i]);
	return true;
}

/* Any byte leads to its tag, and only to that. */
static bool finds(uint64_t at)
{
	struct arena_tag *found = arena_find(&t->a, at);
	struct arena_tag *next = arena_find_from(&t->a, at);
	unsigned u = unit_of(at);

	if (found ? !range_has(found->range, at) : t->taken[u])
		return false;
	while (u < UNITS && !t->taken[u])
		u++;
	return next ? u < UNITS && range_has(next->range,
					     max_u64(at, BASE + u * UNIT))
		    : u == UNITS;
}

KTEST(arena, property_equals_a_map_of_units)
{
	struct rng r = rng_seed(ktest_seed());

	if (!set_up())
		return ktest_skip("no memory");
	KTEST_STEPS (step, ktest_ops()) {
		unsigned i = (unsigned)rng_below(&r, TAGS);

		if (t->live[i])
			REQUIRE(step_free(i));
		else if (rng_below(&r, 4))
			REQUIRE(step_alloc(&r, i));
		else
			REQUIRE(step_take(&r, i));
		REQUIRE(finds(BASE + rng_below(&r, UNITS * UNIT)));
		REQUIRE(t->a.used == t->used && t->a.count == t->count);
		if (step % 64)
			continue;
		REQUIRE(!arena_check(&t->a));
		REQUIRE(arena_largest(&t->a) == model_largest());
	}
}

KTEST(arena, ends_and_nonsense)
{
	struct arena_tag a, b, c;
	struct range all;

	if (!set_up())
		return ktest_skip("no memory");
	all = t->a.range;
	EXPECT(!arena_find(&t->a, all.start) && !arena_find_from(&t->a, 0));
	/* All of it, and not a byte more. */
	EXPECT(!arena_alloc(&t->a, &a, range_size(all) + UNIT, UNIT, 0));
	EXPECT(!arena_alloc(&t->a, &a, UINT64_MAX - UNIT + 1, UNIT, 0));
	EXPECT(!arena_alloc(&t->a, &a, UNIT, (uint64_t)1 << 63, 0));
	EXPECT(!arena_take(&t->a, &a,
			   range_make(all.start - UNIT, all.start + UNIT)));
	EXPECT(!arena_take(&t->a, &a, range_make(all.start, all.start)));
	EXPECT(arena_alloc(&t->a, &a, range_size(all), UNIT, 0));
	EXPECT_EQ(arena_largest(&t->a), 0);
	EXPECT(!arena_alloc(&t->a, &b, UNIT, UNIT, 0));
	arena_free(&t->a, &a);
	/* The ends meet what is between them. */
	EXPECT(arena_take(&t->a, &a, range_make(all.start, all.start + UNIT)));
	EXPECT(arena_take(&t->a, &b, range_make(all.end - UNIT, all.end)));
	EXPECT_EQ(arena_largest(&t->a), range_size(all) - 2 * UNIT);
	EXPECT(arena_alloc(&t->a, &c, range_size(all) - 2 * UNIT, UNIT, 0));
	EXPECT(arena_next(&a) == &c && arena_next(&c) == &b && !arena_next(&b));
	EXPECT(!arena_check(&t->a));
}

static uint64_t steps;
static bool (*update)(struct tree_node *n);

static bool count_steps(struct tree_node *n)
{
	steps++;
	return update(n);
}

/* Nodes that are looked at, for an allocation and its free among n live ranges:
 * on the way down no more than the tree is high, on the way up as many updates
 * as are counted here. */
static uint64_t steps_among(struct arena_tag *tag, uint64_t n)
{
	struct rng r = rng_seed(ktest_seed());
	uint64_t most = 0;
	struct arena a;

	arena_init(&a, range_make(0, n * 64 * UNIT), UNIT);
	update = a.tags.update;
	a.tags.update = count_steps;
	for (uint64_t i = 0; i < n; i++)
		if (!arena_alloc(&a, &tag[i], (1 + rng_below(&r, 16)) * UNIT,
				 UNIT, 0))
			return UINT64_MAX;
	for (unsigned k = 0; k < 1000; k++) {
		uint64_t i = rng_below(&r, n), before = steps;

		arena_free(&a, &tag[i]);
		if (!arena_alloc(&a, &tag[i], (1 + rng_below(&r, 16)) * UNIT,
				 UNIT, 0))
			return UINT64_MAX;
		most = max_u64(most, steps - before + 3 * a.tags.root->height);
	}
	return most;
}

KTEST(arena, cost_grows_as_the_logarithm)
{
	struct arena_tag *tag;

	for (uint64_t n = 100, log = 7; n <= 100000; n *= 10) {
		uint64_t most;

		tag = ktest_alloc(n * sizeof(*tag));
		if (!tag)
			return ktest_skip("no memory");
		most = steps_among(tag, n);
		while ((uint64_t)1 << log < n)
			log++;
		/* Down three times, up twice with a turn at each level. */
		EXPECT(most <= 12 * log);
	}
}
