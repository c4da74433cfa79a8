/*
 * The memory tester's accounts of errors, and what it makes of them: streams of
 * errors as the faults would give them.
 */
#include <stdio.h>
#include <string.h>

#include <kernel/ktest.h>
#include <lib/rng.h>

#include <kernel/memtest_errors.c>
#include <kernel/memtest_suspect.c>

#define BASE	0x80000000u
#define SIZE	MIB(64)
#define MAX_SAY 16

static const struct memtest_test data_test = {.kind = MEMTEST_DATA};
static const struct memtest_test address_test = {.kind = MEMTEST_ADDRESS};
static const struct memtest_test transfer_test = {.kind = MEMTEST_TRANSFER};

static struct memtest_errors errors;

static bool fail(const struct memtest_test *t, paddr_t pa, uint64_t expected,
		 uint64_t actual)
{
	struct memtest_error e = {
		.test = t,
		.pa = pa,
		.expected = expected,
		.actual = actual,
		.class = MEMTEST_STUCK,
		.fresh = true,
	};

	return memtest_errors_add(&errors, &e);
}

/* A word that is read with these bits forced, for a test's two patterns. */
static void forced(const struct memtest_test *t, paddr_t pa, uint64_t word,
		   uint64_t ones, uint64_t zeros)
{
	for (unsigned i = 0; i < 2; i++, word = ~word)
		if (((word | ones) & ~zeros) != word)
			fail(t, pa, word, (word | ones) & ~zeros);
}

/* ---- what is suspected ---- */

static struct {
	unsigned n;
	char what[MAX_SAY][16];
	char detail[MAX_SAY][160];
} said;

static void say(void *ctx, const char *what, const char *detail)
{
	(void)ctx;
	if (said.n == MAX_SAY)
		return;
	snprintf(said.what[said.n], sizeof(said.what[0]), "%s", what);
	snprintf(said.detail[said.n++], sizeof(said.detail[0]), "%s", detail);
}

/* Exactly these suspicions, each so many times; "": nothing. */
static void expect(const char *what, unsigned times, const char *detail)
{
	said.n = 0;
	memtest_suspect(&errors, say, NULL);
	EXPECT_EQ(said.n, times);
	for (unsigned i = 0; i < said.n; i++) {
		if (strcmp(said.what[i], what) != 0)
			ktest_fail(__FILE__, __LINE__, "%s: %s; not %s",
				   said.what[i], said.detail[i], what);
	}
	EXPECT(!times || strstr(said.detail[0], detail));
}

static void begin(void)
{
	memtest_errors_init(&errors);
	memtest_errors_test(&errors);
	errors.span = SIZE;
}

/* All over memory, one word of each 100 KiB, in tests of both kinds. */
static void forced_all_over(uint64_t ones, uint64_t zeros)
{
	begin();
	for (paddr_t pa = BASE; pa < BASE + SIZE; pa += KIB(100)) {
		forced(&address_test, pa, pa, ones, zeros);
		forced(&data_test, pa, 0x5555555555555555, ones, zeros);
	}
}

KTEST(memtest_suspect, nothing)
{
	begin();
	expect("", 0, "");
}

KTEST(memtest_suspect, data_line)
{
	for (unsigned b = 0; b < 64; b++) {
		forced_all_over((uint64_t)1 << b, 0);
		expect("data-line", 1, "stuck at 1");
		forced_all_over(0, (uint64_t)1 << b);
		expect("data-line", 1, "stuck at 0");
	}
	/* A bus of 32 bits: one line is two bits. */
	forced_all_over(0x0000040000000400, 0);
	expect("data-line", 2, "bit 10, all over");
}

/* One that is loose goes either way, at any address: not an address line. */
KTEST(memtest_suspect, loose_data_line)
{
	struct rng rng = rng_seed(ktest_seed());

	for (unsigned b = 0; b < 64; b++) {
		begin();
		for (unsigned i = 0; i < 2000; i++) {
			paddr_t pa = BASE + 8 * rng_below(&rng, SIZE / 8);
			uint64_t word = i % 2 ? pa : ~pa;

			fail(&address_test, pa, word, word ^ (uint64_t)1 << b);
		}
		expect("data-line", 1, "all over");
	}
}

KTEST(memtest_suspect, lanes_and_chips)
{
	forced_all_over(0x0000000000ff0000, 0);
	expect("byte-lane", 1, "0x04");
	forced_all_over(0x00ff000000ff0000, 0);
	expect("byte-lane", 1, "0x44");
	forced_all_over(0, 0x000000000000ffff);
	expect("chip", 1, "lower 16");
	forced_all_over(0, 0xffff0000ffff0000);
	expect("chip", 1, "upper 16");
	forced_all_over(0xffffffffffffffff, 0);
	expect("everywhere", 1, "0xff");
}

/* Memory that has `line` of the address always at `value`: what the test of own
 * addresses reads, filled upwards, and then a march with one pattern. */
static void address_line(unsigned line, bool value)
{
	uint64_t bit = (uint64_t)1 << line;

	begin();
	for (paddr_t pa = BASE; pa < BASE + KIB(64); pa += 8) {
		/* The last of the two that was written is there. */
		paddr_t last = pa | bit;

		(void)value;
		if (last == pa)
			continue;
		fail(&address_test, pa, pa, last);
		fail(&address_test, pa, ~pa, ~last);
	}
	for (paddr_t pa = BASE; pa < BASE + SIZE; pa += KIB(100))
		fail(&data_test, pa, 0, UINT64_MAX);
}

KTEST(memtest_suspect, address_line)
{
	for (unsigned line = 3; line < 16; line++) {
		char text[40];

		snprintf(text, sizeof(text), "bit %u of the address:", line);
		address_line(line, false);
		expect("address-line", 1, text);
	}
}

KTEST(memtest_suspect, cells)
{
	begin();
	for (unsigned i = 0; i < 1000; i++)
		forced(&data_test, BASE + 0x1238, 0x5555555555555555, 1 << 9,
		       0);
	expect("cell", 1, "0x80001238, 8 bytes, bits 0x0000000000000200");
	forced(&address_test, BASE + SIZE, BASE + SIZE, 0, 1 << 8);
	forced(&address_test, BASE + SIZE, BASE + SIZE, 1 << 7, 0);
	expect("cell", 2, "0x80001238");
	/* Both ways, at one address: a cell, not a line of the address. */
	begin();
	fail(&address_test, BASE + 64, BASE + 64, (BASE + 64) ^ 8);
	fail(&address_test, BASE + 64, ~(uint64_t)(BASE + 64),
	     ~((BASE + 64) ^ 8));
	expect("cell", 1, "0x80000040");
	/* Neighbours. */
	begin();
	for (unsigned i = 0; i < 100; i++)
		fail(&data_test, BASE + 0x3000 + 24 * i, 0, 1 << i % 8);
	expect("row", 1, "100 errors within 3 KiB from 0x80003000");
	/* Few, far from each other, with different bits. */
	begin();
	for (unsigned i = 0; i < 12; i++)
		fail(&data_test, BASE + MIB(3) * i, 0, (uint64_t)1 << 5 * i);
	expect("cells", 1, "12 errors");
}

KTEST(memtest_suspect, transfer)
{
	struct memtest_error e = {.test = &data_test,
				  .pa = BASE,
				  .expected = 1,
				  .class = MEMTEST_TRANSIENT,
				  .fresh = true};

	begin();
	for (unsigned i = 0; i < 4; i++, e.pa += MIB(1))
		memtest_errors_add(&errors, &e);
	expect("transfer", 1, "4 of 4");
	EXPECT_EQ(errors.bad.n, 4);
	begin();
	fail(&transfer_test, BASE, 0, 1);
	expect("transfer", 1, "1 of 1");
	EXPECT_EQ(errors.bad.n, 0);
	begin();
	e.fresh = false;
	memtest_errors_add(&errors, &e);
	EXPECT_EQ(errors.bad.n, 0);
}

/* ---- the accounts ---- */

KTEST(memtest_errors, first_ones_are_shown_others_in_ranges)
{
	begin();
	for (unsigned i = 0; i < 164; i++)
		EXPECT_EQ(fail(&data_test, BASE + 8 * i, 0, 1), i < 64);
	EXPECT_EQ(errors.in_test, 164);
	EXPECT_EQ(errors.shown, 64);
	EXPECT_EQ(errors.test.n, 1);
	EXPECT_EQ(errors.test.range[0].bytes.start, BASE + 8 * 64);
	EXPECT_EQ(errors.test.range[0].bytes.end, BASE + 8 * 164);
	EXPECT_EQ(errors.test.range[0].count, 100);
	memtest_errors_test(&errors);
	EXPECT(fail(&data_test, BASE, 0, 1));
	EXPECT_EQ(errors.count, 165);
	EXPECT_EQ(errors.in_test, 1);
	EXPECT_EQ(errors.test.n, 0);
}

KTEST(memtest_errors, bits_are_counted)
{
	begin();
	fail(&data_test, BASE, 0x0f, 0xf0);
	fail(&data_test, BASE, 0, (uint64_t)1 << 63);
	for (unsigned b = 0; b < 64; b++) {
		EXPECT_EQ(errors.bit[b].up, (b >= 4 && b < 8) || b == 63);
		EXPECT_EQ(errors.bit[b].down, b < 4);
	}
	EXPECT_EQ(errors.lane[0], 1);
	EXPECT_EQ(errors.lane[7], 1);
	EXPECT_EQ(memtest_lanes(0xff00000000000100), 0x82);
}

/* Any errors: each failing word is in a range, ranges rise and don't touch, counts
 * add up, and where ranges were merged it is for there being too many. */
KTEST(memtest_errors, ranges_hold_all_errors)
{
	struct rng rng = rng_seed(ktest_seed());

	for (unsigned round = 0; round < 50; round++) {
		uint64_t n = 1 + rng_below(&rng, 2000), sum = 0;
		uint64_t span = (uint64_t)16 << rng_below(&rng, 12);
		static paddr_t pa[2000];

		begin();
		for (uint64_t i = 0; i < n; i++) {
			pa[i] = BASE + 8 * rng_below(&rng, span);
			fail(&data_test, pa[i], 0, 1);
		}
		for (uint64_t i = 0; i < n; i++)
			EXPECT(memtest_errors_bad(
				&errors, range_make(pa[i], pa[i] + 8)));
		EXPECT(errors.words.n <= MEMTEST_WORDS);
		for (unsigned i = 0; i < errors.words.n; i++) {
			struct memtest_range *r = &errors.words.range[i];

			sum += r->count;
			EXPECT(!range_empty(r->bytes));
			EXPECT(!i || r->bytes.start > r[-1].bytes.end);
		}
		EXPECT_EQ(sum, n);
		EXPECT(errors.words.merged || errors.words.n <= MEMTEST_WORDS);
		for (unsigned i = 0; i < errors.bad.n; i++)
			EXPECT(is_aligned(errors.bad.range[i].bytes.start |
						  errors.bad.range[i].bytes.end,
					  PAGE_SIZE));
	}
}

KTEST(memtest_errors, good_neighbours_are_not_bad)
{
	begin();
	fail(&data_test, BASE + PAGE_SIZE - 8, 0, 1);
	fail(&data_test, BASE + 4 * PAGE_SIZE, 0, 1);
	EXPECT(memtest_errors_bad(&errors, range_make(BASE, BASE + 8)));
	EXPECT(!memtest_errors_bad(
		&errors, range_make(BASE + PAGE_SIZE, BASE + 4 * PAGE_SIZE)));
	EXPECT(memtest_errors_bad(
		&errors, range_make(BASE + PAGE_SIZE, BASE + 5 * PAGE_SIZE)));
	EXPECT(!memtest_errors_bad(&errors, range_make(0, BASE)));
}
