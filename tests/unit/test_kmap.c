/* How the kernel plans its address space, for machines of all sizes. */
#include <kernel/ktest.h>
#include <mm/kmap.h>
#include <mm/layout.h>

#define SV39 (1u << 3)
#define SV48 (1u << 4)
#define SV57 (1u << 5)
#define ALL  (SV39 | SV48 | SV57)

/* Does the plan put all that it reaches where the layout has room? */
static bool fits(const struct kmap_plan *p)
{
	uint64_t start = p->reach.start + p->offset;
	uint64_t end = p->reach.end + p->offset;
	uint64_t low = p->levels == 3	? DIRECT_MAP_SV39
		       : p->levels == 4 ? DIRECT_MAP_SV48
					: DIRECT_MAP_SV57;
	uint64_t high = p->levels == 3 ? DIRECT_MAP_END : DIRECT_MAP_SV39;

	return start >= low && end > start && end <= high &&
	       p->offset % GIB(1) == 0 &&
	       p->reach.end / PAGE_SIZE * 32 <= PAGE_MAP_END - PAGE_MAP_BASE;
}

KTEST(kmap, auto_takes_the_smallest_mode_that_reaches_all)
{
	static const struct {
		struct range ram;
		unsigned modes, wanted, levels;
		bool all;
	} machine[] = {
		/* QEMU virt, VisionFive 2, two banks far apart. */
		{{GIB(2), GIB(2) + MIB(8)}, ALL, 0, 3, true},
		{{GIB(1), GIB(9)}, SV39, 0, 3, true},
		{{GIB(2), GIB(66)}, ALL, 0, 3, true},
		/* The last byte of Sv39's reach, and one more frame. */
		{{GIB(2), GIB(130)}, ALL, 0, 3, true},
		{{GIB(2), GIB(130) + PAGE_SIZE}, ALL, 0, 4, true},
		{{GIB(2), GIB(130) + PAGE_SIZE}, SV39, 0, 3, false},
		{{GIB(2), GIB(514)}, ALL, 0, 4, true},
		{{GIB(2), GIB(514)}, SV39 | SV57, 0, 5, true},
		/* RAM at 0, and RAM high up alone. */
		{{0, GIB(8)}, ALL, 0, 3, true},
		{{GIB(4000), GIB(4008)}, SV39, 0, 3, true},
		{{GIB(4000) + MIB(512), GIB(4128)}, SV39, 0, 3, true},
		/* The page map ends at 8 TiB. */
		{{GIB(2), GIB(8192)}, ALL, 0, 4, true},
		{{GIB(2), GIB(8192) + PAGE_SIZE}, ALL, 0, 4, false},
		/* mmu= decides, even against reach. */
		{{GIB(2), GIB(4)}, ALL, 5, 5, true},
		{{GIB(2), GIB(4)}, ALL, 4, 4, true},
		{{GIB(2), GIB(514)}, ALL, 3, 3, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(machine); i++) {
		struct kmap_plan p = kmap_plan(machine[i].ram, machine[i].modes,
					       machine[i].wanted);

		EXPECT_EQ(p.levels, machine[i].levels);
		EXPECT_EQ(p.reach.start, machine[i].ram.start);
		EXPECT_EQ(p.reach.end == machine[i].ram.end, machine[i].all);
		EXPECT(fits(&p));
	}
}

KTEST(kmap, no_mode_no_plan)
{
	EXPECT_EQ(kmap_plan(range_make(0, GIB(1)), SV39, 4).levels, 0);
	EXPECT_EQ(kmap_plan(range_make(0, GIB(1)), 0, 0).levels, 0);
}

KTEST(kmap, early_frames_lie_in_one_block)
{
	struct memblock *mb = ktest_alloc(sizeof(*mb));
	struct range r;

	REQUIRE(mb);
	memblock_add(mb, range_make(0x80000000, 0x80a00000));
	memblock_claim(mb, range_make(0x80200000, 0x80251000), REGION_KERNEL);
	/* Behind the image, though there is room in front of it. */
	r = kmap_early_frames(mb, 0x80251000);
	EXPECT_EQ(r.start, 0x80280000);
	EXPECT_EQ(range_size(r), KIB(256));

	/* Only little pieces: less will do; behind or in front. */
	memblock_claim(mb, range_make(0x80020000, 0x80a00000), REGION_RESERVED);
	r = kmap_early_frames(mb, 0x80251000);
	EXPECT_EQ(r.start, 0x80000000);
	EXPECT_EQ(range_size(r), KIB(128));
	memblock_claim(mb, range_make(0x80001000, 0x80a00000), REGION_RESERVED);
	EXPECT(range_empty(kmap_early_frames(mb, 0x80251000)));
}
