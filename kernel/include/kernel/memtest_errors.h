/*
 * What a run of the memory tester found, and what may be behind it. Pure
 * bookkeeping: no locks, no output.
 */
#pragma once

#include <lib/range.h>
#include <memtest/memtest.h>

#define MEMTEST_SHOWN	   64  /* errors of a test in a pass with a line each */
#define MEMTEST_RANGES	   16  /* ranges of a test in a pass, for the others */
#define MEMTEST_BAD_RANGES 512 /* of bad frames */
#define MEMTEST_WORDS	   32  /* ranges of words that failed */

/* Bytes with errors: so many, in these bits. */
struct memtest_range {
	struct range bytes;
	uint64_t count;
	uint64_t bits;
};

/* Ranges, rising, none touching; when there are too many, those with the least
 * between them become one. One more than that, for what comes. */
#define MEMTEST_RANGE_SET(max)                          \
	struct {                                        \
		unsigned n;                             \
		bool merged; /* not all of it failed */ \
		struct memtest_range range[(max) + 1];  \
	}

/* Errors in which this bit was wrong. */
struct memtest_bit {
	uint64_t up;	/* 0 was read as 1 */
	uint64_t down;	/* 1 was read as 0 */
	uint64_t where; /* bit (hash of the frame's number) for each */
};

/* Errors in words that held their own addresses, or the complements, with only this
 * bit wrong: what was found was another word's. */
struct memtest_line_clue {
	uint64_t up, down;
	uint64_t all, any; /* AND and OR of the addresses */
};

struct memtest_errors {
	uint64_t span; /* from the first byte that is tested to the last: the
			* owner says */
	uint64_t count;

	/* Of the test that runs. */
	uint64_t in_test;
	uint64_t shown;
	MEMTEST_RANGE_SET(MEMTEST_RANGES) test;

	/* Of the run. */
	uint64_t transient; /* read well afterwards, from memory */
	uint64_t transfer;  /* of tests that can't tell where it went wrong */
	uint64_t lane[8];   /* with wrong bits in this byte */
	uint64_t all, any;  /* AND and OR of the addresses */
	struct memtest_bit bit[64];
	struct memtest_line_clue line[64];
	MEMTEST_RANGE_SET(MEMTEST_WORDS) words;
	MEMTEST_RANGE_SET(MEMTEST_BAD_RANGES) bad; /* frames to retire */
};

/* Nothing found yet; a test begins. */
void memtest_errors_init(struct memtest_errors *e);
void memtest_errors_test(struct memtest_errors *e);

/* Note an error. Returns whether it gets a line of its own: the first ones of a
 * test do, the others are in ranges. */
bool memtest_errors_add(struct memtest_errors *e,
			const struct memtest_error *error);

/* Is there a bad frame in these bytes? */
bool memtest_errors_bad(const struct memtest_errors *e, struct range bytes);

/* Bytes of a word with a bit of it set, as bits. */
unsigned memtest_lanes(uint64_t bits);

/*
 * Call `each` for what the errors make likely: `what` is a word (data-line,
 * address-line, byte-lane, chip, cell, row, cells, everywhere, transfer), `detail`
 * the evidence, a sentence.
 */
void memtest_suspect(const struct memtest_errors *e,
		     void (*each)(void *ctx, const char *what,
				  const char *detail),
		     void *ctx);
