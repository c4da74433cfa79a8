/*
 * The coverage of the memory tests, as the tables of docs/memtest-coverage.md:
 *
 *	memtest-coverage
 *
 * prints them. The seeds are fixed, so the tables are the same each time.
 * tests/memtest_coverage.py compares them with the document.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kernel/panic.h>
#include <tests/host/memtest_trials.h>

/* For the engine's assertions: there is nothing else of the kernel here. */
void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	exit(1);
}

/* Of the faults of a class, one of so many is tried: pairs are many. */
static unsigned every(enum trial_class c, enum trial_mode mode)
{
	if (mode == TRIAL_UNCACHED || c == AL || c < AF)
		return 1;
	return c == AF || c == DL ? 8 : 16;
}

/* Tests of lines look at few words of a large memory, and at most of the model:
 * what else they find there says nothing. */
static bool is_bus(const char *name)
{
	return strstr(name, "bus");
}

/* What else the model is too small to tell: these walks repeat themselves after
 * as many words as it has, so in a larger memory they can't tell which of them an
 * address reaches. */
static bool repeats(const char *name)
{
	return strcmp(name, "walk1") == 0 || strcmp(name, "walk64") == 0;
}

static bool unknown(const char *name, enum trial_class c)
{
	if (is_bus(name))
		return c != (strcmp(name, "databus") == 0 ? DL : AL);
	return (c == AF || c == AL) && repeats(name);
}

/* Of the tests in a row, those that count in a column. */
static uint64_t counting(uint64_t tests, enum trial_class c)
{
	for (unsigned i = 0; i < memtest_ntests; i++)
		if (is_bus(memtest_tests[i].name) && c != AL && c != DL)
			tests &= ~((uint64_t)1 << i);
	return tests;
}

/* 100 is all, 0 is none. */
static unsigned percent(const struct trial *t)
{
	uint64_t p = (100 * t->found + t->total / 2) / t->total;

	if (t->found && !p)
		return 1;
	if (t->found < t->total && p == 100)
		return 99;
	return (unsigned)p;
}

static void row(const char *name, uint64_t tests, enum trial_mode mode,
		unsigned workers, unsigned nregions)
{
	printf(*name == '*' ? "| %s |" : "| `%s` |", name);
	for (unsigned c = 0; c < TRIAL_CLASSES; c++) {
		struct trial t = {.tests = counting(tests, c),
				  .mode = mode,
				  .workers = workers,
				  .nregions = nregions,
				  .every = every(c, mode),
				  .rng = rng_seed(c)};

		if (unknown(name, c)) {
			printf(" – |");
			continue;
		}
		trial_class(&t, c);
		printf(" %u |", percent(&t));
	}
	printf("\n");
}

static void table(enum trial_mode mode)
{
	printf("\n### `%s`\n\n| test |", trial_mode_names[mode]);
	for (unsigned c = 0; c < TRIAL_CLASSES; c++)
		printf(" %s |", trial_class_names[c]);
	printf("\n|---|");
	for (unsigned c = 0; c < TRIAL_CLASSES; c++)
		printf("---|");
	printf("\n");
	for (unsigned i = 0; i < memtest_ntests; i++)
		row(memtest_tests[i].name, (uint64_t)1 << i, mode, 1, 1);
	row("*quick*", memtest_profile(MEMTEST_QUICK), mode, 1, 1);
	row("*standard*", memtest_profile(MEMTEST_STANDARD), mode, 1, 1);
	row("*standard*, 3 harts", memtest_profile(MEMTEST_STANDARD), mode, 3,
	    2);
}

int main(void)
{
	for (unsigned mode = 0; mode < TRIAL_MODES; mode++)
		table(mode);
	return 0;
}
