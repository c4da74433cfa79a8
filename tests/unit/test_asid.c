/* Numbers of address spaces: random harts enter random spaces, and each hart
 * remembers under every number the space that it was last in. */
#include <string.h>

#include <kernel/ktest.h>
#include <lib/rng.h>
#include <mm/asid.h>

#define HARTS	8
#define SPACES	40
#define NUMBERS 32
#define NOBODY	UINT32_MAX

static struct {
	struct asid_pool pool;
	uint64_t context[SPACES];
	unsigned in[HARTS];		 /* the space that a hart is in */
	unsigned memory[HARTS][NUMBERS]; /* whose entries it has */
} t;

static void set_up(unsigned numbers, unsigned harts)
{
	memset(&t, 0, sizeof(t));
	memset(t.in, 0xff, sizeof(t.in));
	memset(t.memory, 0xff, sizeof(t.memory));
	asid_pool_init(&t.pool, numbers, harts);
}

/* Returns what is wrong, or NULL. */
static const char *enter(unsigned hart, unsigned space, unsigned numbers,
			 unsigned harts)
{
	bool forget;
	unsigned n = asid_enter(&t.pool, &t.context[space], hart, &forget);

	if (!n || n >= numbers || n != asid_of(t.context[space]))
		return "no such number";
	if (forget)
		memset(t.memory[hart], 0xff, sizeof(t.memory[hart]));
	if (t.memory[hart][n] != NOBODY && t.memory[hart][n] != space)
		return "I2: remembers another space under the number";
	t.memory[hart][n] = space;
	t.in[hart] = space;
	for (unsigned h = 0; h < harts; h++) {
		if (t.in[h] == NOBODY)
			continue;
		/* It goes on making entries of its own. */
		if (t.in[h] == space && t.memory[h][n] != space)
			return "I3: two numbers for a space";
		if (t.in[h] != space && asid_of(t.context[t.in[h]]) == n)
			return "I1: one number for two spaces";
	}
	return NULL;
}

static void run(unsigned numbers, unsigned harts, uint64_t steps)
{
	struct rng rng = rng_seed(ktest_seed() + numbers * 100 + harts);

	set_up(numbers, harts);
	EXPECT_EQ(t.pool.numbers, numbers);
	for (uint64_t i = 0; i < steps; i++) {
		/* A few spaces often, all of them at times. */
		unsigned spaces = rng_below(&rng, 4) ? 5 : SPACES;
		const char *wrong = enter((unsigned)rng_below(&rng, harts),
					  (unsigned)rng_below(&rng, spaces),
					  numbers, harts);

		if (wrong)
			return ktest_fail(__FILE__, __LINE__,
					  "%u numbers, %u harts, step %llu: %s",
					  numbers, harts, (unsigned long long)i,
					  wrong);
	}
	EXPECT(t.pool.rollovers > steps / 1000);
}

KTEST(asid, a_number_never_means_two_spaces)
{
	for (unsigned harts = 1; harts <= HARTS; harts++) {
		/* The fewest that will do, and more than enough. */
		run(harts + 2, harts, ktest_ops() / 20);
		run(NUMBERS, harts, ktest_ops() / 20);
	}
}

KTEST(asid, too_few_numbers_are_none)
{
	asid_pool_init(&t.pool, 1, 1);
	EXPECT_EQ(t.pool.numbers, 0);
	asid_pool_init(&t.pool, 5, 4);
	EXPECT_EQ(t.pool.numbers, 0);
	asid_pool_init(&t.pool, 6, 4);
	EXPECT_EQ(t.pool.numbers, 6);
	asid_pool_init(&t.pool, 1u << 16, 64);
	EXPECT_EQ(t.pool.numbers, 1u << 16);
}

KTEST(asid, the_second_time_nothing_is_forgotten)
{
	bool forget;
	unsigned a, b;

	set_up(16, 2);
	a = asid_enter(&t.pool, &t.context[0], 0, &forget);
	b = asid_enter(&t.pool, &t.context[1], 0, &forget);
	EXPECT(!forget && a != b);
	EXPECT_EQ(asid_enter(&t.pool, &t.context[0], 0, &forget), a);
	EXPECT(!forget);
	EXPECT_EQ(asid_enter(&t.pool, &t.context[0], 1, &forget), a);
	EXPECT(!forget);
}
