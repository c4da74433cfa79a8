/*
 * The record of bad frames in RAM: what was written is read again, and nothing
 * else is believed, whatever lies there.
 */
#include <string.h>

#include <kernel/ktest.h>
#include <lib/crc32.h>
#include <lib/errno.h>
#include <lib/rng.h>

#include "../../kernel/badram_record.h"

static struct memblock mb;
static struct badram_places places;
static struct badram_record record;

static void make_ram(void)
{
	mb.n = 0;
	memblock_add(&mb, range_make(0x40000000, 0x44000000));
	memblock_add(&mb, range_make(0x80000000, 0x83001000));
	memblock_claim(&mb, range_make(0x40000000, 0x40200000),
		       REGION_FIRMWARE);
	memblock_claim(&mb, range_make(0x40200000, 0x40300000), REGION_KERNEL);
	badram_places(&places, &mb);
}

/* As any owner of RAM could write it. */
static void sign(struct badram_record *r)
{
	if (r->n <= BADRAM_RANGES)
		r->crc = crc32(0, &r->serial,
			       sizeof(*r) - 16 - sizeof(r->range) +
				       r->n * sizeof(r->range[0]));
}

static int check(const struct badram_record *r)
{
	return badram_record_check(r, &places, &mb, places.at[0]);
}

/* Of so many ranges. */
static bool fill(struct rng *rng, unsigned n, struct range *range)
{
	struct range_set s = {.range = range, .room = n};
	unsigned tries = 10 * n;

	while (s.n < n && tries--) {
		paddr_t at = 0x40000000 + (rng_below(rng, 0x4000) << 12);

		if (at != places.at[0])
			range_set_add(&s, range_make(at, at + PAGE_SIZE));
	}
	return badram_record_fill(&record, &s, &places, places.at[0], 7);
}

static unsigned part_of(const struct badram_record *r, struct range x)
{
	const struct range_set s = {(struct range *)(uintptr_t)r->range,
				    (unsigned)r->n, BADRAM_RANGES};

	return range_set_part(&s, x);
}

KTEST(badram_record, places_are_spread_and_are_frames_of_ram)
{
	struct badram_places again;

	make_ram();
	for (unsigned i = 0; i < BADRAM_COPIES; i++) {
		EXPECT(is_aligned(places.at[i], PAGE_SIZE));
		EXPECT(memblock_at(&mb, places.at[i]));
		EXPECT(!i || places.at[i] > places.at[i - 1] + MIB(1));
	}
	/* They don't depend on who holds what. */
	memblock_claim(&mb, range_make(0x41000000, 0x42000000), REGION_BAD);
	badram_places(&again, &mb);
	EXPECT(!memcmp(&again, &places, sizeof(places)));
}

KTEST(badram_record, reads_what_was_written)
{
	struct rng rng = rng_seed(ktest_seed());
	struct range range[600], here;

	make_ram();
	here = range_make(places.at[0], places.at[0] + PAGE_SIZE);
	EXPECT(!fill(&rng, 0, range));
	for (unsigned n = 1; n<ARRAY_SIZE(range); n += n> 240 ? 17 : 1) {
		struct range_set s = {range, 0, 0};

		REQUIRE(fill(&rng, n, range));
		/* Its place may be in a gap that was closed. */
		EXPECT_EQ(check(&record), part_of(&record, here) ? -ENOENT : 0);
		EXPECT(record.n <= BADRAM_RANGES);
		/* All that is bad is in it; and no more, if there was room. */
		s.n = s.room = n;
		for (unsigned i = 0; i < n && !range_empty(range[i]); i++) {
			EXPECT_EQ(part_of(&record, range[i]), RANGE_SET_ALL);
			if (n > BADRAM_RANGES)
				continue;
			EXPECT_EQ(record.range[i].start, range[i].start);
			EXPECT_EQ(record.range[i].end, range[i].end);
		}
		memset(range, 0, sizeof(range));
		/* Of another place, or machine. */
		EXPECT_EQ(badram_record_check(&record, &places, &mb,
					      places.at[1]),
			  -ENOENT);
		places.span.end += PAGE_SIZE;
		EXPECT_EQ(check(&record), -ENOENT);
		places.span.end -= PAGE_SIZE;
	}
}

/* Whatever byte is not as it was. */
KTEST(badram_record, damage_is_seen)
{
	struct rng rng = rng_seed(ktest_seed());
	static struct range range[100];

	make_ram();
	REQUIRE(fill(&rng, 100, range));
	for (uint64_t i = 0; i < ktest_ops() / 20; i++) {
		struct badram_record r = record;
		size_t used =
			sizeof(r) - sizeof(r.range) + r.n * sizeof(r.range[0]);
		uint8_t *bytes = (uint8_t *)&r;

		for (uint64_t k = 1 + rng_below(&rng, 4); k--;)
			bytes[rng_below(&rng, used)] ^=
				(uint8_t)(1 + rng_below(&rng, 255));
		/* Cut off: as RAM that was half overwritten. */
		if (rng_below(&rng, 8) == 0)
			memset(bytes + rng_below(&rng, used), 0, 64);
		if (memcmp(&r, &record, used))
			EXPECT_EQ(check(&r), -ENOENT);
	}
}

/* Right checksums over anything: no range that is believed is other than whole
 * frames of RAM, in order, a quarter of it at most. */
KTEST(badram_record, lies_are_not_believed)
{
	static const uint64_t odd[] = {0,
				       1,
				       0x40000000,
				       0x80000000,
				       0x83001000,
				       0x44000000,
				       0x44001000,
				       UINT64_MAX,
				       UINT64_MAX - 1,
				       (uint64_t)1 << 63,
				       0x40200800,
				       -(uint64_t)PAGE_SIZE};
	struct rng rng = rng_seed(ktest_seed());
	static struct range range[100];
	uint64_t believed = 0, refused = 0;

	make_ram();
	for (uint64_t i = 0; i < ktest_ops() / 20; i++) {
		struct range_set s;

		REQUIRE(fill(&rng, 1 + (unsigned)rng_below(&rng, 100), range));
		memset(range, 0, sizeof(range));
		for (uint64_t k = rng_below(&rng, 3); k--;) {
			struct range *r =
				&record.range[rng_below(&rng, record.n)];
			uint64_t *end =
				rng_below(&rng, 2) ? &r->start : &r->end;

			*end = rng_below(&rng, 2)
				       ? odd[rng_below(&rng, ARRAY_SIZE(odd))]
				       : *end + (rng_next(&rng) & 0xfffff000);
		}
		if (rng_below(&rng, 16) == 0)
			record.n = odd[rng_below(&rng, ARRAY_SIZE(odd))];
		sign(&record);
		if (check(&record)) {
			refused++;
			continue;
		}
		believed++;
		s = (struct range_set){record.range, (unsigned)record.n,
				       BADRAM_RANGES};
		REQUIRE(range_set_check(&s));
		EXPECT(range_set_sum(&s) <= memblock_total(&mb) / 4);
		for (unsigned k = 0; k < s.n; k++) {
			EXPECT(memblock_at(&mb, s.range[k].start) &&
			       memblock_at(&mb, s.range[k].end - 1));
			EXPECT(is_aligned(s.range[k].start | s.range[k].end,
					  PAGE_SIZE));
		}
	}
	EXPECT(believed && refused);
}

/* A quarter is enough. */
KTEST(badram_record, bad_ram_is_not_believed)
{
	struct range bad;
	struct range_set s = {&bad, 1, 1};

	make_ram();
	for (unsigned i = 0; i < 3; i++) {
		paddr_t at = places.at[0] + i * PAGE_SIZE - PAGE_SIZE;

		bad = range_make(at, at + PAGE_SIZE);
		EXPECT(badram_record_fill(&record, &s, &places, places.at[0],
					  7));
		EXPECT_EQ(check(&record), i == 1 ? -ENOENT : 0);
	}
}

KTEST(badram_record, most_of_ram_is_not_bad)
{
	struct range half = {0x41000000, 0x43000000};
	struct range_set s = {&half, 1, 1};

	make_ram();
	EXPECT(!badram_record_fill(&record, &s, &places, places.at[0], 1));
	half.end = half.start + align_down(places.total / 4, PAGE_SIZE);
	EXPECT(badram_record_fill(&record, &s, &places, places.at[0], 1));
	EXPECT_EQ(check(&record), 0);
	record.range[0].end += PAGE_SIZE;
	sign(&record);
	EXPECT_EQ(check(&record), -EINVAL);
}
