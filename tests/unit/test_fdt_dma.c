/* lib/fdt_dma.c: what buses let through, coherence, memory regions; absurd trees are
 * errors. */
#include <lib/bits.h>
#include <lib/errno.h>
#include <lib/fdt_dma.h>

#include "test_fdt_build.h"

/*
 * A root (cells 2, 2), a bus "a" (cells 1, 1) on it, a bus "b" (2, 1) on that, the
 * device "d" on that.
 */
enum { ROOT, A, B, D, NODES };

struct tree {
	struct fb b;
	const uint32_t *cell[NODES]; /* dma-ranges */
	uint32_t n[NODES];	     /* cells */
	const char *flag[NODES];
	uint32_t region[2], nregion; /* memory-region of d */
	uint32_t phandle;	     /* of the root */
	uint32_t width;		     /* address cells of b; 0: 2 */
};

#define RANGES(t, node, ...)                                   \
	do {                                                   \
		static const uint32_t cell_[] = {__VA_ARGS__}; \
                                                               \
		(t)->cell[node] = cell_;                       \
		(t)->n[node] = sizeof(cell_) / sizeof(*cell_); \
	} while (0)

static bool start(struct tree *t)
{
	*t = (struct tree){.phandle = 7};
	return fb_start(&t->b);
}

static int read_device(struct tree *t, struct fdt_dma *out)
{
	static const char *const name[] = {"", "a", "b", "d"};
	static const uint32_t na[] = {2, 1, 2, 1}, ns[] = {2, 1, 1, 1};
	struct fb *b = &t->b;
	struct fdt fdt;

	fb_restart(b);
	for (unsigned i = 0; i < NODES; i++) {
		fb_node(b, name[i]);
		FB_CELLS(b, "#address-cells",
			 i == B && t->width ? t->width : na[i]);
		FB_CELLS(b, "#size-cells", ns[i]);
		if (t->cell[i])
			fb_cells_(b, "dma-ranges", t->cell[i], t->n[i]);
		if (t->flag[i])
			fb_flag(b, t->flag[i]);
		if (i == ROOT)
			FB_CELLS(b, "phandle", t->phandle);
		if (i == D && t->nregion)
			fb_cells_(b, "memory-region", t->region, t->nregion);
	}
	for (unsigned i = 0; i < NODES; i++)
		fb_end(b);
	EXPECT_EQ(fb_open(b, &fdt), 0);
	return fdt_dma(&fdt, fdt_find(&fdt, "/a/b/d"), out);
}

static void expect(struct tree *t, uint64_t from, uint64_t to, uint64_t offset)
{
	struct fdt_dma dma;

	EXPECT_EQ(read_device(t, &dma), 0);
	EXPECT_EQ(dma.reach.start, from);
	EXPECT_EQ(dma.reach.end, to);
	EXPECT_EQ(dma.offset, offset);
}

KTEST(fdt_dma, buses_let_parts_through)
{
	struct tree t;

	if (!start(&t))
		return ktest_skip("no memory");
	expect(&t, 0, UINT64_MAX, 0);
	/* Empty: as it is. */
	t.cell[A] = t.cell[B] = (const uint32_t[]){0};
	expect(&t, 0, UINT64_MAX, 0);
	/* The bus's 0 is memory at 2 GiB. */
	RANGES(&t, A, 0, 0, 0x80000000, 0x40000000);
	expect(&t, 0x80000000, 0xc0000000, 0x80000000);
	/* And before that 0x10000000 is its 0x8000000. */
	RANGES(&t, B, 0, 0x10000000, 0x08000000, 0x20000000);
	expect(&t, 0x88000000, 0xa8000000, 0x78000000);
	/* Less is left behind the second. */
	RANGES(&t, A, 0x10000000, 1, 0x00000000, 0x40000000);
	expect(&t, 0x100000000, 0x118000000, 0xe8000000);
	/* What the device calls it is above what it is. */
	RANGES(&t, B, 0xff, 0, 0x10000000, 0x1000);
	expect(&t, 0x100000000, 0x100001000, 0x100000000 - 0xff00000000u);
	/* The root is no bus. */
	RANGES(&t, ROOT, 1, 2, 3);
	expect(&t, 0x100000000, 0x100001000, 0x100000000 - 0xff00000000u);
}

KTEST(fdt_dma, the_first_usable_entry_counts)
{
	struct tree t;
	struct fdt_dma dma;

	if (!start(&t))
		return ktest_skip("no memory");
	RANGES(&t, B, 0, 0x1000, 0xffffffff, 0, /* nothing */
	       0, 0x2000, 0x2000, 0x1000, 0, 0x8000, 0x8000, 0x1000);
	expect(&t, 0x2000, 0x3000, 0);
	RANGES(&t, A, 0x8000, 0, 0x8000, 0x1000, /* not that */
	       0x2800, 0, 0x12800, 0x1000);
	expect(&t, 0x12800, 0x13000, 0x10000);
	/* One that wraps. */
	RANGES(&t, A, 0x2000, 0xffffffff, 0xfffff000, 0x1000, 0x2800, 0,
	       0x12800, 0x1000);
	expect(&t, 0x12800, 0x13000, 0x10000);
	/* A PCI bus's addresses. */
	t.width = 3;
	RANGES(&t, B, 0x43000000, 0, 0x2000, 0x2000, 0x1000, 0, 0, 0x2800,
	       0x2800, 0x100);
	expect(&t, 0x12800, 0x12900, 0x10000);
	/* Nothing is left. */
	RANGES(&t, A, 0x8000, 0, 0x8000, 0x1000);
	EXPECT_EQ(read_device(&t, &dma), -ENXIO);
	RANGES(&t, A, 0, 0, 0, 0);
	EXPECT_EQ(read_device(&t, &dma), -ENXIO);
}

KTEST(fdt_dma, malformed_ones_are_errors)
{
	struct tree t;
	struct fdt_dma dma = {.offset = 9};

	if (!start(&t))
		return ktest_skip("no memory");
	RANGES(&t, A, 0, 0, 0x80000000);
	EXPECT_EQ(read_device(&t, &dma), -EINVAL);
	t.cell[A] = NULL;
	RANGES(&t, B, 0, 0, 0x80000000, 1, 2);
	EXPECT_EQ(read_device(&t, &dma), -EINVAL);
	t.width = 5;
	EXPECT_EQ(read_device(&t, &dma), -EINVAL);
	t.width = ~0u;
	EXPECT_EQ(read_device(&t, &dma), -EINVAL);
	EXPECT_EQ(dma.offset, 9);
}

KTEST(fdt_dma, coherent_is_what_the_nearest_says)
{
	static const char yes[] = "dma-coherent", no[] = "dma-noncoherent";
	static const struct {
		const char *flag[NODES];
		bool coherent;
	} c[] = {
		{{0}, true},
		{{no}, false},
		{{NULL, NULL, NULL, no}, false},
		{{no, NULL, yes}, true},
		{{yes, no, NULL, NULL}, false},
		{{no, no, no, yes}, true},
	};
	struct fdt_dma dma;
	struct tree t;

	if (!start(&t))
		return ktest_skip("no memory");
	for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
		memcpy(t.flag, c[i].flag, sizeof(t.flag));
		EXPECT_EQ(read_device(&t, &dma), 0);
		EXPECT_EQ(dma.coherent, c[i].coherent);
	}
}

KTEST(fdt_dma, memory_regions)
{
	struct fdt_dma dma;
	struct tree t;

	if (!start(&t))
		return ktest_skip("no memory");
	EXPECT_EQ(read_device(&t, &dma), 0);
	EXPECT_EQ(dma.region, FDT_NONE);
	t.region[0] = 7;
	t.region[1] = 99; /* only the first counts */
	t.nregion = 2;
	EXPECT_EQ(read_device(&t, &dma), 0);
	EXPECT_EQ(dma.region, 0);
	t.region[0] = 99;
	EXPECT_EQ(read_device(&t, &dma), -EINVAL);
}
