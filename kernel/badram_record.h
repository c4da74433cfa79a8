/* Private to kernel/badram*.c: the list as it lies in RAM, for the next start. */
#pragma once

#include <lib/range_set.h>
#include <mm/memblock.h>

#define BADRAM_COPIES 8

/* Where copies can be: one frame each, spread over RAM. They and the rest follow
 * from what RAM there is alone, so the next start finds them. */
struct badram_places {
	uint64_t total; /* bytes of RAM */
	struct range span;
	paddr_t at[BADRAM_COPIES];
};

void badram_places(struct badram_places *p, const struct memblock *mb);

#define BADRAM_RANGES ((PAGE_SIZE - 64) / sizeof(struct range))

struct badram_record {
	uint64_t magic;
	uint32_t version;
	uint32_t crc;	 /* of all that follows, up to the last range */
	uint64_t serial; /* the highest counts */
	uint64_t total;
	struct range span;
	uint64_t place; /* its own */
	uint64_t n;
	struct range range[BADRAM_RANGES]; /* bytes; as a range_set */
};

_Static_assert(sizeof(struct badram_record) == PAGE_SIZE, "fills its frame");

/*
 * Fill a record. What are more ranges than it holds are joined, those that are
 * nearest to each other. Returns false, with nothing written, when the list is
 * empty or would be too much for badram_record_check().
 */
bool badram_record_fill(struct badram_record *r, const struct range_set *bad,
			const struct badram_places *p, paddr_t at,
			uint64_t serial);

/*
 * Is this a record that was written at this place on such a machine? What is in it
 * may be anything. Returns 0; -ENOENT: it is none, or in a frame that is bad by its
 * own words; -EINVAL: it is one, and makes no sense: ranges that are no RAM, or more
 * than a quarter of it.
 */
int badram_record_check(const struct badram_record *r,
			const struct badram_places *p,
			const struct memblock *mb, paddr_t at);

/* Is it still as badram_record_fill() left it? No more is looked at than that. */
bool badram_record_intact(const struct badram_record *r);

/* Write the list to all places that can be had, or erase it when it is empty. */
void badram_save(void);
