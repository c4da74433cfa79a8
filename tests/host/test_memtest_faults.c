/*
 * The memory tests over a RAM with faults: a sample of what tests/memtest_coverage.c
 * does in full, and what is to be seen of an error.
 */
#include <string.h>

#include <kernel/ktest.h>
#include <kernel/printk.h>

#include "memtest_trials.h"

#define ALL_TESTS (((uint64_t)1 << memtest_ntests) - 1)

static uint64_t one(const char *name)
{
	return (uint64_t)1 << memtest_find(name, strlen(name));
}

static struct trial uncached(uint64_t tests)
{
	return (struct trial){.tests = tests,
			      .mode = TRIAL_UNCACHED,
			      .workers = 1,
			      .nregions = 1,
			      .every = 1,
			      .rng = rng_seed(ktest_seed())};
}

/* ---- sound memory ---- */

static const struct ram_fault good = {.kind = RAM_GOOD};

/* Sizes around the unrolled blocks, in any number of regions. */
KTEST(memtest_faults, sound_memory_gives_no_error)
{
	for (unsigned i = 0; i < memtest_ntests; i++)
		for (unsigned n = 1; n <= RAM_MODEL_WORDS; n++) {
			struct trial t = uncached((uint64_t)1 << i);

			t.nwords = n;
			t.mode = n % TRIAL_MODES;
			t.workers = 1 + n / 4 % 4;
			t.nregions = 1 + n / 16;
			if (n < t.workers * t.nregions)
				t.workers = t.nregions = 1;
			t.any_hold = n % 2;
			EXPECT(!trial_finds(&t, &good));
			EXPECT_EQ(t.result.tested, 8 * n);
			EXPECT_EQ(t.result.passes, 1);
		}
}

KTEST(memtest_faults, sound_memory_passes_all_tests_together)
{
	for (unsigned mode = 0; mode < TRIAL_MODES; mode++)
		for (unsigned workers = 1; workers <= 4; workers++) {
			struct trial t = uncached(ALL_TESTS);

			t.mode = mode;
			t.workers = workers;
			t.nregions = 5 - workers;
			EXPECT(!trial_finds(&t, &good));
		}
}

/* The tests of lines look at few words, whatever the memory's size, and the
 * transfers leave out what is no whole block. */
KTEST(memtest_faults, accesses_are_those_of_the_table)
{
	uint64_t few = one("databus") | one("addrbus") | one("hammer");

	for (unsigned i = 0; i < memtest_ntests; i++)
		for (unsigned n = 16; n <= RAM_MODEL_WORDS; n++) {
			struct trial t = uncached((uint64_t)1 << i);
			uint64_t cost = memtest_cost(&memtest_tests[i], n);
			uint64_t blocks =
				memtest_tests[i].kind == MEMTEST_TRANSFER;

			if (few >> i & 1)
				continue;
			t.nwords = n;
			EXPECT(!trial_finds(&t, &good));
			EXPECT(ram_model_accesses() <= cost);
			EXPECT(ram_model_accesses() >= cost - blocks * 15 * 8);
		}
}

/* At 2 GB/s, 8 bytes an access. */
KTEST(memtest_faults, quick_takes_a_minute_for_8_gib_by_its_accesses)
{
	uint64_t words = GIB(8) / 8, accesses = 0;

	for (unsigned i = 0; i < memtest_ntests; i++)
		if (memtest_profile(MEMTEST_QUICK) >> i & 1)
			accesses += memtest_cost(&memtest_tests[i], words);
	kprintf("# %llu s\n", (unsigned long long)(accesses * 8 / 2000000000));
	EXPECT(accesses * 8 <= (uint64_t)60 * 2000000000);
	EXPECT_EQ(memtest_profile(MEMTEST_QUICK) &
			  ~memtest_profile(MEMTEST_SOAK),
		  0);
	EXPECT_EQ(ALL_TESTS & ~memtest_profile(MEMTEST_SOAK),
		  one("hammer") | one("walk64"));
}

/* ---- what is found ---- */

static void all_is_found(unsigned workers)
{
	for (unsigned c = 0; c < TRIAL_CLASSES; c++) {
		struct trial t = uncached(memtest_profile(MEMTEST_STANDARD));

		t.workers = t.nregions = workers;
		t.every = c == AL ? 1 : c < AF ? 4 : 64;
		trial_class(&t, c);
		kprintf("# %s: %llu of %llu\n", trial_class_names[c],
			(unsigned long long)t.found,
			(unsigned long long)t.total);
		EXPECT(t.total >= 10);
		EXPECT_EQ(t.found, t.total);
	}
}

KTEST(memtest_faults, standard_tests_find_all_single_faults)
{
	all_is_found(1);
}

KTEST(memtest_faults, standard_tests_find_all_with_three_workers)
{
	all_is_found(3);
}

/* With --hold, tests that verify patterns and their complements see it, too. */
KTEST(memtest_faults, retention_is_seen_after_a_hold)
{
	struct trial t = uncached(one("address"));

	trial_class(&t, DRF);
	EXPECT_EQ(t.found, 0);
	t.found = t.total = 0;
	t.any_hold = true;
	trial_class(&t, DRF);
	EXPECT_EQ(t.found, t.total);
}

static bool finds_all(uint64_t tests, enum trial_mode mode, enum trial_class c)
{
	struct trial t = uncached(tests);

	t.mode = mode;
	trial_class(&t, c);
	return t.found == t.total;
}

/* Behind a cache that is emptied before a wait, all fades; March SS finds what
 * deceives if each access gets there. */
KTEST(memtest_faults, modes_differ_in_what_reaches_memory)
{
	EXPECT(!finds_all(one("fade"), TRIAL_WB, DRF));
	EXPECT(finds_all(one("fade"), TRIAL_EVICT, DRF));
	EXPECT(!finds_all(one("marchss"), TRIAL_EVICT, DRDF));
	EXPECT(finds_all(one("marchss"), TRIAL_FLUSH, DRDF));
}

/* What the pattern that finds it tells: the walk, before anything else does. Only
 * the complement on its way to the parking makes an open line lie. */
KTEST(memtest_faults, open_data_line_is_seen_at_once)
{
	for (unsigned line = 0; line < 64; line++) {
		struct trial t = uncached(one("databus"));
		struct ram_fault f = {.kind = RAM_DATA_OPEN, .from = line};
		int ones;

		REQUIRE(trial_finds(&t, &f));
		EXPECT_EQ(t.first.pa, TRIAL_BASE);
		EXPECT_EQ(t.first.expected ^ t.first.actual,
			  (uint64_t)1 << line);
		ones = __builtin_popcountll(t.first.expected);
		EXPECT(ones == 1 || ones == 63);
	}
}

/* Words 10 to 33: the roundest is 32, and its partners are below. */
KTEST(memtest_faults, address_lines_of_a_region_that_ends_behind_its_middle)
{
	for (unsigned line = 0; line < 4; line++)
		for (unsigned value = 0; value < 2; value++) {
			struct trial t = uncached(one("addrbus"));
			struct ram_fault f = {.kind = RAM_LINE_STUCK,
					      .from = line,
					      .value = value};

			t.skipped = 10;
			t.nwords = 24;
			EXPECT(trial_finds(&t, &f));
		}
}

/* A line that picks the region, not a word in it; and the worker. */
KTEST(memtest_faults, alias_between_regions)
{
	static const char *const names[] = {"address", "marchca", "marchc1",
					    "random", "traffic"};
	struct ram_fault f = {.kind = RAM_LINE_STUCK, .from = 5};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		for (f.value = 0; f.value < 2; f.value++) {
			struct trial t = uncached(one(names[i]));

			t.nregions = 2;
			EXPECT(trial_finds(&t, &f));
			t.nregions = 1;
			t.workers = 2;
			EXPECT(trial_finds(&t, &f));
		}
}

/* Order over regions: the victim is below, and its 0 becomes 1 when the aggressor
 * above does. Upwards it always is 1 by then; only a true way down sees it. */
KTEST(memtest_faults, down_begins_with_the_last_region)
{
	struct ram_fault f = {.kind = RAM_COUPLE_IDEM,
			      .edge = 1,
			      .value = 1,
			      .cell = 3 * 64 + 5,
			      .aggressor = 61 * 64 + 5};

	for (unsigned n = 1; n < 8; n++) {
		struct trial t = uncached(one("marchc1"));

		t.nregions = n;
		EXPECT(trial_finds(&t, &f));
	}
}

/* ---- what an error tells ---- */

KTEST(memtest_faults, error_is_exact)
{
	uint64_t tests = ALL_TESTS & ~one("addrbus") & ~one("traffic") &
			 ~one("blockmove");

	for (unsigned i = 0; i < memtest_ntests; i++) {
		struct trial t = uncached((uint64_t)1 << i);
		struct ram_fault f = {.kind = RAM_STUCK, .cell = 17 * 64 + 42};

		f.aggressor = f.cell;
		if (!(tests >> i & 1))
			continue;
		REQUIRE(trial_finds(&t, &f));
		EXPECT(t.first.test == &memtest_tests[i]);
		EXPECT_EQ(t.first.pa, TRIAL_BASE + 8 * 17);
		EXPECT_EQ(t.first.expected ^ t.first.actual, (uint64_t)1 << 42);
		EXPECT_EQ(t.first.again[0], t.first.actual);
		EXPECT_EQ(t.first.again[1], t.first.actual);
		EXPECT_EQ(t.first.class, MEMTEST_STUCK);
		EXPECT(t.first.fresh);
		EXPECT_EQ(t.first.pass, 1);
	}
}

KTEST(memtest_faults, own_address_is_the_physical_one)
{
	struct trial t = uncached(one("address"));
	struct ram_fault f = {.kind = RAM_STUCK, .cell = 20 * 64 + 42};

	t.nregions = 2;
	f.aggressor = f.cell;
	REQUIRE(trial_finds(&t, &f));
	EXPECT_EQ(t.first.expected, ~(uint64_t)(TRIAL_BASE + 8 * 20));
}

/* What is reported is the test's own read: that a cell reads well the second
 * time must not hide that it did not the first time. */
KTEST(memtest_faults, failing_word_is_read_once)
{
	for (unsigned i = 0; i < memtest_ntests; i++) {
		struct trial t = uncached((uint64_t)1 << i);
		struct ram_fault f = {.kind = RAM_SOFT_READ,
				      .cell = 3 * 64 + 7};

		f.aggressor = f.cell;
		t.any_hold = true;
		if (!memtest_tests[i].plan ||
		    i == (unsigned)memtest_find("hammer", 6))
			continue;
		REQUIRE(trial_finds(&t, &f));
		EXPECT_EQ(t.first.pa, TRIAL_BASE + 8 * 3);
		EXPECT_EQ(t.first.expected ^ t.first.actual, (uint64_t)1 << 7);
		EXPECT_EQ(t.first.again[0], t.first.expected);
		EXPECT_EQ(t.first.class, MEMTEST_TRANSIENT);
	}
}

KTEST(memtest_faults, cell_that_reads_change_is_unstable)
{
	struct trial t = uncached(one("marchss"));
	struct ram_fault f = {.kind = RAM_RESTLESS, .cell = 9 * 64 + 1};

	f.aggressor = f.cell;
	REQUIRE(trial_finds(&t, &f));
	EXPECT_EQ(t.first.class, MEMTEST_UNSTABLE);
}

KTEST(memtest_faults, error_tells_whether_it_looked_behind_the_cache)
{
	struct ram_fault f = {.kind = RAM_STUCK, .cell = 9 * 64 + 1};

	f.aggressor = f.cell;
	for (unsigned mode = 0; mode < TRIAL_MODES; mode++) {
		struct trial t = uncached(one("marchc1"));

		t.mode = mode;
		REQUIRE(trial_finds(&t, &f));
		EXPECT_EQ(t.first.fresh,
			  mode == TRIAL_FLUSH || mode == TRIAL_UNCACHED);
	}
}
