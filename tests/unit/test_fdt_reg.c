/* lib/fdt_reg.c: cells of every width, reg, and ranges up to the CPU. */
#include <lib/errno.h>
#include <lib/fdt_reg.h>

#include "test_fdt_build.h"

KTEST(fdt_reg, cells)
{
	uint32_t be[4] = {0};
	uint64_t v = 7;

	fb_put32((uint8_t *)&be[2], 0x11223344);
	fb_put32((uint8_t *)&be[3], 0x55667788);
	EXPECT_EQ(fdt_cells(be, 0, &v), 0);
	EXPECT_EQ(v, 0);
	EXPECT_EQ(fdt_cells(&be[2], 1, &v), 0);
	EXPECT_EQ(v, 0x11223344);
	EXPECT_EQ(fdt_cells(&be[2], 2, &v), 0);
	EXPECT_EQ(v, 0x1122334455667788u);
	EXPECT_EQ(fdt_cells(&be[1], 3, &v), 0);
	EXPECT_EQ(fdt_cells(be, 4, &v), 0);
	EXPECT_EQ(v, 0x1122334455667788u);
	v = 7;
	be[0] = 1;
	EXPECT_EQ(fdt_cells(be, 4, &v), -ERANGE);
	be[0] = 0;
	be[1] = 1;
	EXPECT_EQ(fdt_cells(be, 4, &v), -ERANGE);
	EXPECT_EQ(fdt_cells(be + 1, 3, &v), -ERANGE);
	EXPECT_EQ(v, 7);
}

KTEST(fdt_reg, ranges_do_not_wrap)
{
	struct range r = {1, 2};

	EXPECT_EQ(fdt_range(UINT64_MAX, 1, &r), -EOVERFLOW);
	EXPECT_EQ(fdt_range(1, UINT64_MAX, &r), -EOVERFLOW);
	EXPECT_EQ(r.end, 2);
	EXPECT_EQ(fdt_range(UINT64_MAX - 5, 5, &r), 0);
	EXPECT_EQ(r.end, UINT64_MAX);
	EXPECT_EQ(fdt_range(9, 0, &r), 0);
	EXPECT(range_empty(r) && r.start == 9);
}

/* A root with these cells and a child "d" with this reg. */
static bool one_reg(struct fb *b, struct fdt *t, uint32_t na, uint32_t ns,
		    const uint32_t *cell, uint32_t n)
{
	fb_restart(b);
	fb_node(b, "");
	FB_CELLS(b, "#address-cells", na);
	FB_CELLS(b, "#size-cells", ns);
	fb_node(b, "d");
	fb_cells_(b, "reg", cell, n);
	fb_end(b);
	fb_end(b);
	return fb_open(b, t) == 0;
}

/* A reg of up to 10 cells, the entry asked for, and the answer. */
struct reg_case {
	uint32_t na, ns, ncells;
	uint32_t cell[10];
	unsigned entry;
	int error;
	uint64_t start, end;
};

KTEST(fdt_reg, reg_in_all_widths)
{
	static const struct reg_case cases[] = {
		{1, 1, 2, {0x10, 0x20}, 0, 0, 0x10, 0x30},
		{1, 1, 4, {1, 2, 0x10, 0x20}, 1, 0, 0x10, 0x30},
		{1, 1, 2, {1, 2}, 1, -ENOENT, 0, 0},
		{1,
		 1,
		 2,
		 {0xffffffff, 0xffffffff},
		 0,
		 0,
		 0xffffffff,
		 0x1fffffffe},
		{2, 1, 3, {1, 2, 3}, 0, 0, 0x100000002, 0x100000005},
		{2, 2, 4, {1, 2, 3, 4}, 0, 0, 0x100000002, 0x400000006},
		{2, 2, 3, {1, 2, 3}, 0, -EINVAL, 0, 0},
		{2, 2, 5, {1, 2, 3, 4, 5}, 0, -EINVAL, 0, 0},
		{2, 2, 4, {~0u, ~0u, 0, 1}, 0, -EOVERFLOW, 0, 0},
		{2, 2, 4, {~0u, ~0u, 0, 0}, 0, 0, UINT64_MAX, UINT64_MAX},
		{3, 2, 5, {0, 1, 2, 0, 8}, 0, 0, 0x100000002, 0x10000000a},
		{3, 2, 5, {1, 1, 2, 0, 8}, 0, -ERANGE, 0, 0},
		{4, 4, 8, {0, 0, 0, 5, 0, 0, 0, 6}, 0, 0, 5, 11},
		{4, 4, 8, {0, 0, 0, 5, 1, 0, 0, 6}, 0, -ERANGE, 0, 0},
		{1, 0, 2, {4, 9}, 1, 0, 9, 9},
		{0, 1, 1, {8}, 0, 0, 0, 8},
		{0, 0, 1, {8}, 0, -EINVAL, 0, 0},
		{5, 1, 6, {0, 0, 0, 0, 1, 1}, 0, -EINVAL, 0, 0},
		{2, 0xffffffff, 1, {0}, 0, -EINVAL, 0, 0},
		{1, 1, 2, {1, 2}, 0x80000000, -ENOENT, 0, 0},
	};
	struct fdt t;
	struct fb b;

	if (!fb_start(&b))
		return ktest_skip("no memory");
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct reg_case *c = &cases[i];
		struct range r = {0, 0};
		fdt_node n;
		int err;

		REQUIRE(one_reg(&b, &t, c->na, c->ns, c->cell, c->ncells));
		n = fdt_first_child(&t, fdt_root(&t));
		err = fdt_reg(&t, n, c->entry, &r);
		if (err != c->error || r.start != c->start || r.end != c->end)
			ktest_fail(__FILE__, __LINE__,
				   "case %u: %d %#llx-%#llx", i, err,
				   (unsigned long long)r.start,
				   (unsigned long long)r.end);
		r = range_make(0, 0);
		err = fdt_reg_phys(&t, n, c->entry, &r);
		EXPECT(err == c->error && r.start == c->start);
	}
}

KTEST(fdt_reg, default_cells_are_2_and_1)
{
	struct range r;
	struct fdt t;
	struct fb b;
	fdt_node n;

	if (!fb_start(&b))
		return ktest_skip("no memory");
	fb_node(&b, "");
	fb_node(&b, "d");
	FB_CELLS(&b, "reg", 1, 2, 3);
	fb_end(&b);
	fb_end(&b);
	REQUIRE(fb_open(&b, &t) == 0);
	n = fdt_first_child(&t, fdt_root(&t));
	EXPECT_EQ(fdt_reg(&t, n, 0, &r), 0);
	EXPECT_EQ(r.start, 0x100000002);
	EXPECT_EQ(range_size(r), 3);
	EXPECT_EQ(fdt_reg(&t, fdt_root(&t), 0, &r), -EINVAL);
	EXPECT_EQ(fdt_reg_phys(&t, fdt_root(&t), 0, &r), -EINVAL);
}

/*
 *	/ (2/2)
 *	soc (1/1)	0x0+0x1000 -> 0x9_0000_0000; 0x2000+0x1000 -> 0x5000
 *	  pci (3/2)	0x0200_0000_..: skipped; 0x8000+0x800 -> 0x2800
 *	    dev		0x8010+0x10
 *	same (1/1)	one to one
 *	i2c (1/0)	not mapped
 */
static bool buses(struct fb *b, struct fdt *t)
{
	if (!fb_start(b))
		return false;
	fb_node(b, "");
	FB_CELLS(b, "#address-cells", 2);
	FB_CELLS(b, "#size-cells", 2);
	fb_node(b, "soc");
	FB_CELLS(b, "#address-cells", 1);
	FB_CELLS(b, "#size-cells", 1);
	FB_CELLS(b, "ranges", 0, 9, 0, 0x1000, 0x2000, 0, 0x5000, 0x1000,
		 0x10000, ~0u, ~0u, 0x1000);
	fb_node(b, "uart");
	FB_CELLS(b, "reg", 0x100, 0x10, 0x2ff0, 0x10, 0x2ff1, 0x10, 0xff0, 0x20,
		 0x10000, 0x10, 0x1000, 0);
	FB_LIST(b, "reg-names", "regs\0fifo\0bad");
	fb_end(b);
	fb_node(b, "pci");
	FB_CELLS(b, "#address-cells", 3);
	FB_CELLS(b, "#size-cells", 2);
	FB_CELLS(b, "ranges", 0x02000000, 0, 0x8000, 0x0, 0, 0x800, 0, 0,
		 0x8000, 0x2800, 0, 0x800);
	fb_node(b, "dev");
	FB_CELLS(b, "reg", 0, 0, 0x8010, 0, 0x10, 0x02000000, 0, 0x8010, 0,
		 0x10, 0, 0, 0x87f8, 0, 0x10);
	fb_end(b);
	fb_end(b);
	fb_end(b);
	fb_node(b, "same");
	FB_CELLS(b, "#address-cells", 1);
	FB_CELLS(b, "#size-cells", 1);
	fb_flag(b, "ranges");
	fb_node(b, "rtc");
	FB_CELLS(b, "reg", 0x700, 0x10);
	fb_end(b);
	fb_end(b);
	fb_node(b, "i2c");
	FB_CELLS(b, "#address-cells", 1);
	FB_CELLS(b, "#size-cells", 0);
	fb_node(b, "chip");
	FB_CELLS(b, "reg", 0x50);
	fb_end(b);
	fb_end(b);
	fb_end(b);
	return fb_open(b, t) == 0;
}

KTEST(fdt_reg, translation_through_buses)
{
	static const struct {
		const char *path;
		unsigned entry;
		int error;
		uint64_t start, size;
	} cases[] = {
		{"/soc/uart", 0, 0, 0x900000100, 0x10},
		{"/soc/uart", 1, 0, 0x5ff0, 0x10},
		{"/soc/uart", 2, -ENXIO, 0, 0}, /* leaves its window */
		{"/soc/uart", 3, -ENXIO, 0, 0}, /* into the gap */
		{"/soc/uart", 4, -ENXIO, 0, 0}, /* window that wraps */
		{"/soc/uart", 5, -ENXIO, 0, 0}, /* at the end of one */
		{"/soc/uart", 6, -ENOENT, 0, 0},
		{"/soc/pci/dev", 0, 0, 0x5810, 0x10},
		{"/soc/pci/dev", 1, -ERANGE, 0, 0},
		{"/soc/pci/dev", 2, -ENXIO, 0, 0},
		{"/same/rtc", 0, 0, 0x700, 0x10},
		{"/i2c/chip", 0, -ENXIO, 0, 0},
	};
	struct fdt t;
	struct fb b;

	REQUIRE(buses(&b, &t));
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct range r = {0, 0};
		fdt_node n = fdt_find(&t, cases[i].path);
		int err;

		REQUIRE(n != FDT_NONE);
		err = fdt_reg_phys(&t, n, cases[i].entry, &r);
		if (err != cases[i].error || r.start != cases[i].start ||
		    range_size(r) != cases[i].size)
			ktest_fail(__FILE__, __LINE__,
				   "case %u: %d %#llx-%#llx", i, err,
				   (unsigned long long)r.start,
				   (unsigned long long)r.end);
	}
}

KTEST(fdt_reg, by_name)
{
	struct range r = {0, 0};
	struct fdt t;
	struct fb b;
	fdt_node n;

	REQUIRE(buses(&b, &t));
	n = fdt_find(&t, "/soc/uart");
	EXPECT_EQ(fdt_reg_phys_named(&t, n, "fifo", &r), 0);
	EXPECT_EQ(r.start, 0x5ff0);
	EXPECT_EQ(fdt_reg_phys_named(&t, n, "bad", &r), -ENXIO);
	EXPECT_EQ(fdt_reg_phys_named(&t, n, "none", &r), -ENOENT);
	n = fdt_find(&t, "/same/rtc");
	EXPECT_EQ(fdt_reg_phys_named(&t, n, "regs", &r), -ENOENT);
}
