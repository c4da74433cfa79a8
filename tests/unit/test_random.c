/* Random numbers: what can be said of them without knowing them. */
#include <string.h>

#include <kernel/ktest.h>
#include <kernel/random.h>
#include <lib/bits.h>

#define N 4096

static unsigned ones(const uint8_t *p, size_t n)
{
	unsigned count = 0;

	for (size_t i = 0; i < n; i++)
		count += (unsigned)__builtin_popcount(p[i]);
	return count;
}

KTEST(random, bytes_fill_just_the_buffer_and_differ)
{
	uint8_t *a = ktest_alloc(N), *b = ktest_alloc(N);

	REQUIRE(a && b);
	random_bytes(a, N);
	random_bytes(b, N - 1);
	EXPECT_EQ(b[N - 1], 0);
	/* Blocks of one request are not alike, nor are requests. */
	EXPECT(memcmp(a, a + 64, 64) != 0);
	EXPECT(memcmp(a, b, 64) != 0);
	/* Half of 32768 bits; 90.5 is a standard deviation, ten of which no
	 * good source ever shows. */
	EXPECT(ones(a, N) > N * 4 - 905 && ones(a, N) < N * 4 + 905);
	random_bytes(a, 0);
}

/* More than are made at once: no two are alike, bits are half and half. */
KTEST(random, words_differ)
{
	uint64_t word[64];
	unsigned count = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(word); i++) {
		word[i] = random_word();
		count += (unsigned)__builtin_popcountll(word[i]);
		for (unsigned j = 0; j < i; j++)
			EXPECT(word[i] != word[j]);
	}
	/* Of 4096; a standard deviation is 32. */
	EXPECT(count > 2048 - 320 && count < 2048 + 320);
}

static unsigned asked;

static int answer(struct random_source *s)
{
	(void)s;
	asked++;
	return 0;
}

static int refuse(struct random_source *s)
{
	(void)s;
	asked++;
	return -5;
}

KTEST(random, all_sources_are_asked)
{
	struct random_source a = {.name = "a", .ask = answer};
	struct random_source b = {.name = "b", .ask = refuse};

	asked = 0;
	random_source_add(&a);
	random_source_add(&b);
	EXPECT_EQ(random_ask(), -5);
	EXPECT_EQ(asked, 2);
	random_source_remove(&a);
	random_source_remove(&b);
	random_source_remove(&b);
	asked = 0;
	random_ask();
	EXPECT_EQ(asked, 0);
}
