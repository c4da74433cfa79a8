/* Claims of registers, on live tables: who gets them, by address and by node. */
#include <string.h>

#include <lib/errno.h>
#include <mm/page_alloc.h>

#include "mmio_bed.h"
#include "test_fdt_build.h"

#define ADDRESS_END ((uint64_t)1 << PT_PADDR_BITS)

/* A claim that is there, and what another one then gets. P: pages. */
#define P PAGE_SIZE
static const struct overlap {
	const char *what;
	uint64_t there, there_size;
	unsigned there_flags;
	uint64_t at, size;
	unsigned flags;
	int err;
} overlaps[] = {
	{"  AAAA  |  BBBB  ", P, P, 0, P, P, 0, -EBUSY},
	{"  AAAA  | BB     ", P, P, 0, P - 4, 8, 0, -EBUSY},
	{"  AAAA  |     BB ", P, P, 0, 2 * P - 4, 8, 0, -EBUSY},
	{"  AAAA  |   BB   ", P, P, 0, P + 4, 8, 0, -EBUSY},
	{"  AAAA  |BBBBBBBB", P, P, 0, 0, 4 * P, 0, -EBUSY},
	{"  AAAA  |BB      ", P, P, 0, 0, P, 0, 0},
	{"  AAAA  |      BB", P, P, 0, 2 * P, P, 0, 0},
	{"one page, bytes apart", P, 4, 0, P + 4, 4, 0, 0},
	{"one page, the last byte", P, 5, 0, P + 4, 4, 0, -EBUSY},
	{"only one of them shares", P, P, MMIO_SHARED, P, P, 0, -EBUSY},
	{"only the other shares", P, P, 0, P, P, MMIO_SHARED, -EBUSY},
	{"both share", P, P, MMIO_SHARED, P, P, MMIO_SHARED, 0},
	{"both share some", P, P, MMIO_SHARED, 0, 2 * P, MMIO_SHARED, 0},
	{"a look at another's", P, P, 0, P, P, MMIO_PEEK, 0},
	{"somebody looks", P, P, MMIO_PEEK, P, P, 0, 0},
	{"two look", P, P, MMIO_PEEK, P, P, MMIO_PEEK, 0},
	{"another kind, bytes apart", P, 4, 0, P + 8, 4, MMIO_WC, -EBUSY},
	{"another kind, shared", P, P, MMIO_SHARED, P, P, MMIO_SHARED | MMIO_WC,
	 -EBUSY},
	{"a look as another kind", P, P, MMIO_WC, P, P, MMIO_PEEK, -EBUSY},
	{"somebody looks, another kind", P, P, MMIO_PEEK, P, P, MMIO_WC,
	 -EBUSY},
	{"another kind, next page", P, P, MMIO_WC, 2 * P, P, 0, 0},
	{"the same kind", P, 4, MMIO_WC, P + 4, 4, MMIO_WC, 0},
	{"no device", P, P, MMIO_CLAIM_ONLY, P, 4, 0, -EBUSY},
	{"a look at no device", P, P, MMIO_CLAIM_ONLY, P, 4, MMIO_PEEK, -EBUSY},
	{"a share of no device", P, P, MMIO_CLAIM_ONLY | MMIO_SHARED, P, 4,
	 MMIO_SHARED, -EBUSY},
	{"no device, looked at", P, P, MMIO_PEEK, P, 4, MMIO_CLAIM_ONLY,
	 -EBUSY},
	{"no device twice", P, P, MMIO_CLAIM_ONLY, P, 4, MMIO_CLAIM_ONLY,
	 -EBUSY},
	{"no device, and both say shared", P, P, MMIO_CLAIM_ONLY | MMIO_SHARED,
	 P, 4, MMIO_CLAIM_ONLY | MMIO_SHARED, 0},
	{"beside what is no device", P, 4, MMIO_CLAIM_ONLY, P + 4, 4, MMIO_WC,
	 0},
};

static void overlap(const struct overlap *o)
{
	struct mmio a, b;
	int err;

	mmio_begin();
	EXPECT_EQ(mmio_map(&a, AT + o->there, o->there_size, o->there_flags,
			   "there"),
		  0);
	err = mmio_map(&b, AT + o->at, o->size, o->flags, "new");
	if (err != o->err)
		ktest_fail(__FILE__, __LINE__, "%s: %d, not %d", o->what, err,
			   o->err);
	EXPECT(!strcmp(b.owner, o->err ? "there" : "new"));
	EXPECT(!b.base == (o->err || o->flags & MMIO_CLAIM_ONLY));
	EXPECT(!mmio_check());
	mmio_unmap(&b);
	EXPECT(!a.base == !!(o->there_flags & MMIO_CLAIM_ONLY));
	mmio_unmap(&a);
	mmio_end();
	/* What was in the way is not any more. */
	EXPECT_EQ(mmio_map(&b, AT + o->at, o->size, o->flags, "new"), 0);
	mmio_unmap(&b);
	mmio_unmap(&b);
	mmio_end();
}

static void all_overlaps(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(overlaps); i++)
		overlap(&overlaps[i]);
}

KTEST(mmio, who_is_in_the_way_of_whom)
{
	arch_bed_run(all_overlaps);
}

static const struct {
	paddr_t pa;
	uint64_t size;
	unsigned flags;
	int err;
} senseless[] = {
	{AT, 0, 0, -EINVAL},
	{0, 0, 0, -EINVAL},
	{AT + 1, 4, 0, -EINVAL},
	{AT + 2, 4, 0, -EINVAL},
	{AT, 4, 1u << 4, -EINVAL},
	{AT, 4, ~0u, -EINVAL},
	{AT, 4, MMIO_PEEK | MMIO_SHARED, -EINVAL},
	{AT, 4, MMIO_PEEK | MMIO_CLAIM_ONLY, -EINVAL},
	{AT, 4, MMIO_WC | MMIO_CLAIM_ONLY, -EINVAL},
	{UINT64_MAX - 3, 4, 0, -EOVERFLOW},
	{UINT64_MAX - 3, 8, 0, -EOVERFLOW},
	{AT, UINT64_MAX, 0, -EOVERFLOW},
	{AT, UINT64_MAX - AT, 0, -ERANGE},
	{ADDRESS_END, 4, 0, -ERANGE},
	{ADDRESS_END - 4, 8, 0, -ERANGE},
	{ADDRESS_END - 4, 8, MMIO_CLAIM_ONLY, -ERANGE},
	{0xfffffffffffffff0u & ~(uint64_t)3, 8, 0, -ERANGE},
	/* No arena has so many addresses. */
	{AT, ADDRESS_END - AT, 0, -ENOMEM},
	{AT, (uint64_t)1 << 47, 0, -ENOMEM},
	{AT, GIB(64), MMIO_WC, -ENOMEM},
};

static void nonsense(void)
{
	struct mmio m;

	for (unsigned i = 0; i < ARRAY_SIZE(senseless); i++) {
		int err;

		mmio_begin();
		err = mmio_map(&m, senseless[i].pa, senseless[i].size,
			       senseless[i].flags, "nobody");
		if (err != senseless[i].err)
			ktest_fail(__FILE__, __LINE__, "case %u: %d, not %d", i,
				   err, senseless[i].err);
		EXPECT(!m.base);
		mmio_unmap(&m);
		mmio_end();
	}
	/* The last bytes there are. */
	EXPECT_EQ(mmio_map(&m, ADDRESS_END - 4, 4, 0, "last"), 0);
	EXPECT(mmio_shows(&m, 3, ATTR_IO));
	mmio_unmap(&m);
	mmio_end();
}

KTEST(mmio, what_makes_no_sense_is_refused)
{
	arch_bed_run(nonsense);
}

/* Whole frames, whoever has them; also for a look. */
static void no_ram(void)
{
	struct page *p = page_alloc(0, 0);
	paddr_t pa = page_to_phys(p);
	struct mmio m;

	mmio_begin();
	EXPECT_EQ(mmio_map(&m, pa + 8, 4, 0, "driver"), -EBUSY);
	EXPECT(!strcmp(m.owner, "free") && !m.base);
	EXPECT_EQ(mmio_map(&m, pa, 4, MMIO_PEEK, "driver"), -EBUSY);
	EXPECT_EQ(mmio_map(&m, pa, 4, MMIO_CLAIM_ONLY, "driver"), -EBUSY);
	EXPECT_EQ(mmio_map(&m, 0, ADDRESS_END, 0, "driver"), -EBUSY);
	mmio_end();
	page_free(p, 0);
}

KTEST(mmio, ram_is_no_device)
{
	arch_bed_run(no_ram);
}

/* A bus that translates, with a bus below that does not. */
static bool make_tree(struct fb *b, struct fdt *t)
{
	if (!fb_start(b))
		return false;
	fb_node(b, "");
	FB_CELLS(b, "#address-cells", 2);
	FB_CELLS(b, "#size-cells", 2);
	fb_node(b, "soc");
	FB_CELLS(b, "#address-cells", 1);
	FB_CELLS(b, "#size-cells", 1);
	FB_CELLS(b, "ranges", 0x1000, AT >> 32, 0x20000, 0x10000);
	fb_node(b, "serial@2000");
	FB_CELLS(b, "reg", 0x2000, 0x100, 0x2100, 0x10, 0x11000, 4, 0x3000, 0);
	FB_LIST(b, "reg-names", "control\0data\0outside\0nothing\0more");
	fb_end(b);
	fb_node(b, "i2c@3000");
	FB_CELLS(b, "reg", 0x3000, 0x100);
	FB_CELLS(b, "#address-cells", 1);
	FB_CELLS(b, "#size-cells", 0);
	fb_node(b, "clock@40");
	FB_CELLS(b, "reg", 0x40);
	fb_end(b);
	fb_end(b);
	fb_node(b, "broken@4000");
	FB_CELLS(b, "reg", 0x4000, 0x100, 1);
	fb_end(b);
	fb_node(b, "timer");
	fb_end(b);
	fb_end(b);
	fb_end(b);
	return !fb_open(b, t);
}

static const struct {
	const char *path, *name; /* name: NULL: by index */
	unsigned i;
	int err;
	paddr_t pa;
	uint64_t size;
} nodes[] = {
	{"/soc/serial", NULL, 0, 0, AT + 0x21000, 0x100},
	{"/soc/serial", NULL, 1, 0, AT + 0x21100, 0x10},
	{"/soc/serial", NULL, 2, -ENXIO, 0, 0},
	{"/soc/serial", NULL, 3, -EINVAL, AT + 0x22000, 0},
	{"/soc/serial", NULL, 4, -ENOENT, 0, 0},
	{"/soc/serial", NULL, UINT32_MAX, -ENOENT, 0, 0},
	{"/soc/serial", "control", 0, 0, AT + 0x21000, 0x100},
	{"/soc/serial", "data", 0, 0, AT + 0x21100, 0x10},
	{"/soc/serial", "outside", 0, -ENXIO, 0, 0},
	{"/soc/serial", "more", 0, -ENOENT, 0, 0},
	{"/soc/serial", "absent", 0, -ENOENT, 0, 0},
	{"/soc/serial", "", 0, -ENOENT, 0, 0},
	{"/soc/i2c", "control", 0, -ENOENT, 0, 0},
	{"/soc/i2c/clock", NULL, 0, -ENXIO, 0, 0},
	{"/soc/broken", NULL, 0, -EINVAL, 0, 0},
	{"/soc/timer", NULL, 0, -ENOENT, 0, 0},
	{"/", NULL, 0, -EINVAL, 0, 0},
};

static void by_node(void)
{
	struct fb b;
	struct fdt t;
	struct mmio m;

	REQUIRE(make_tree(&b, &t));
	for (unsigned i = 0; i < ARRAY_SIZE(nodes); i++) {
		fdt_node n = fdt_find(&t, nodes[i].path);
		int err;

		REQUIRE(n != FDT_NONE);
		mmio_begin();
		err = nodes[i].name
			      ? mmio_map_named(&m, &t, n, nodes[i].name, 0,
					       "test")
			      : mmio_map_node(&m, &t, n, nodes[i].i, 0, "test");
		if (err != nodes[i].err)
			ktest_fail(__FILE__, __LINE__, "case %u: %d, not %d", i,
				   err, nodes[i].err);
		EXPECT_EQ(!m.base, !!err);
		EXPECT_EQ(m.pa, nodes[i].pa);
		EXPECT_EQ(m.size, nodes[i].size);
		EXPECT(!strcmp(m.owner, "test"));
		mmio_unmap(&m);
		mmio_end();
	}
}

KTEST(mmio, registers_are_found_by_the_tree)
{
	arch_bed_run(by_node);
}

static unsigned nlisted;
static paddr_t listed_last;

static void list_one(void *ctx, const struct mmio *m)
{
	const struct range *within = ctx;

	if (!range_has(*within, m->pa))
		return;
	EXPECT(m->pages.start >= listed_last);
	listed_last = m->pages.start;
	nlisted++;
}

static void listed(void)
{
	struct range ours = {AT, AT + MIB(1)};
	struct mmio *m = ktest_alloc(64 * sizeof(*m));

	REQUIRE(m);
	mmio_begin();
	for (unsigned i = 0; i < 64; i++)
		EXPECT_EQ(mmio_map(&m[i], AT + (i * 29 % 64) * 256, 256, 0,
				   "many"),
			  0);
	nlisted = 0;
	listed_last = 0;
	mmio_each(list_one, &ours);
	EXPECT_EQ(nlisted, 64);
	EXPECT(!mmio_check());
	for (unsigned i = 0; i < 64; i++)
		mmio_unmap(&m[i * 23 % 64]);
	mmio_end();
}

KTEST(mmio, claims_are_listed_by_address)
{
	arch_bed_run(listed);
}
