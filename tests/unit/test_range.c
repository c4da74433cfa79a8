/* Half-open ranges: touching, nested, disjoint, empty and the top of space. */
#include <kernel/ktest.h>
#include <lib/range.h>

KTEST(range, sizes)
{
	EXPECT_EQ(range_size(range_make(3, 8)), 5);
	EXPECT_EQ(range_size(range_make(8, 8)), 0);
	EXPECT_EQ(range_size(range_make(8, 3)), 0);
	EXPECT(range_empty(range_make(8, 3)));
}

KTEST(range, touching_ranges_do_not_overlap)
{
	EXPECT(!range_overlaps(range_make(0, 8), range_make(8, 16)));
	EXPECT(range_overlaps(range_make(0, 9), range_make(8, 16)));
	EXPECT(!range_overlaps(range_make(4, 4), range_make(0, 16)));
}

KTEST(range, within)
{
	EXPECT(range_within(range_make(2, 4), range_make(2, 4)));
	EXPECT(!range_within(range_make(1, 4), range_make(2, 4)));
	EXPECT(!range_within(range_make(2, 5), range_make(2, 4)));
	EXPECT(range_within(range_make(9, 9), range_make(2, 4)));
}

KTEST(range, align_in_and_out)
{
	struct range r = range_align_in(range_make(0x1001, 0x3fff), 0x1000);

	EXPECT_EQ(r.start, 0x2000);
	EXPECT_EQ(r.end, 0x3000);
	EXPECT(range_empty(range_align_in(range_make(0x1001, 0x1fff), 0x1000)));

	r = range_align_out(range_make(0x1001, 0x3001), 0x1000);
	EXPECT_EQ(r.start, 0x1000);
	EXPECT_EQ(r.end, 0x4000);
}

KTEST(range, alignment_at_the_top_does_not_wrap)
{
	uint64_t top = UINT64_MAX - 10;

	EXPECT(range_empty(range_align_in(range_make(top, UINT64_MAX), 4096)));
	EXPECT_EQ(range_align_out(range_make(top, UINT64_MAX), 4096).end,
		  UINT64_MAX - 4095);
}
