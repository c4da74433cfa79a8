/* Claims of registers and their windows, on live tables. */
#include <string.h>

#include <arch/probe.h>
#include <kernel/ktest.h>
#include <lib/errno.h>
#include <mm/fail.h>
#include <mm/kmap.h>
#include <mm/mmio.h>
#include <mm/page_alloc.h>
#include <mm/reclaim.h>
#include <mm/vmalloc.h>
#include <mm/zone.h>

#include "arch_bed.h"
#include "test_fdt_build.h"

/* No machine has anything there. */
#define AT ((paddr_t)1 << 50)

#define ADDRESS_END ((uint64_t)1 << PT_PADDR_BITS)

static struct mmio_stats claims_before;
static struct vmalloc_stats areas_before;
static uint64_t frames_before;

static void begin(void)
{
	reclaim();
	mmio_stats(&claims_before);
	vmalloc_stats(&areas_before);
	frames_before = zone_used_frames();
}

/* All that was claimed is gone, and what it took is back. */
static void end(void)
{
	struct mmio_stats claims;
	struct vmalloc_stats areas;

	EXPECT(!mmio_check());
	mmio_stats(&claims);
	EXPECT_EQ(claims.claims, claims_before.claims);
	EXPECT_EQ(claims.windows, claims_before.windows);
	EXPECT_EQ(claims.bytes, claims_before.bytes);
	reclaim();
	vmalloc_stats(&areas);
	EXPECT_EQ(areas.areas, areas_before.areas);
	EXPECT_EQ(areas.bytes, areas_before.bytes);
	EXPECT_EQ(areas.largest_free, areas_before.largest_free);
	EXPECT_EQ(zone_used_frames(), frames_before);
	EXPECT(!vmalloc_check());
}

static vaddr_t va_of(const struct mmio *m)
{
	return (vaddr_t)(uintptr_t)m->base;
}

/* Is this byte of registers there, as `attr`, if harts have such? */
static bool shows(const struct mmio *m, uint64_t offset, enum mem_attr attr)
{
	vaddr_t va = va_of(m) + offset;
	struct mapping at;

	return pgtable_query(&kernel_pgtable, va, &at) &&
	       at.pa + (va - at.va.start) == m->pa + offset &&
	       at.prot == (VM_READ | VM_WRITE) &&
	       at.attr == pte_attr(pte_leaf(0, VM_READ, attr));
}

static bool mapped(vaddr_t va)
{
	struct mapping at;

	return pgtable_query(&kernel_pgtable, va, &at);
}

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

	begin();
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
	end();
	/* What was in the way is not any more. */
	EXPECT_EQ(mmio_map(&b, AT + o->at, o->size, o->flags, "new"), 0);
	mmio_unmap(&b);
	mmio_unmap(&b);
	end();
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

		begin();
		err = mmio_map(&m, senseless[i].pa, senseless[i].size,
			       senseless[i].flags, "nobody");
		if (err != senseless[i].err)
			ktest_fail(__FILE__, __LINE__, "case %u: %d, not %d", i,
				   err, senseless[i].err);
		EXPECT(!m.base);
		mmio_unmap(&m);
		end();
	}
	/* The last bytes there are. */
	EXPECT_EQ(mmio_map(&m, ADDRESS_END - 4, 4, 0, "last"), 0);
	EXPECT(shows(&m, 3, ATTR_IO));
	mmio_unmap(&m);
	end();
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

	begin();
	EXPECT_EQ(mmio_map(&m, pa + 8, 4, 0, "driver"), -EBUSY);
	EXPECT(!strcmp(m.owner, "free") && !m.base);
	EXPECT_EQ(mmio_map(&m, pa, 4, MMIO_PEEK, "driver"), -EBUSY);
	EXPECT_EQ(mmio_map(&m, pa, 4, MMIO_CLAIM_ONLY, "driver"), -EBUSY);
	EXPECT_EQ(mmio_map(&m, 0, ADDRESS_END, 0, "driver"), -EBUSY);
	end();
	page_free(p, 0);
}

KTEST(mmio, ram_is_no_device)
{
	arch_bed_run(no_ram);
}

/* Two blocks in one page: one window, that is there as long as either. */
static void share(bool first_goes_first)
{
	struct mmio pair[2], *a = &pair[0], *b = &pair[1];
	struct mmio *first = &pair[!first_goes_first];
	struct mmio *last = &pair[first_goes_first];
	struct mmio_stats s;
	vaddr_t va;

	begin();
	EXPECT_EQ(mmio_map(a, AT + 0x100, 0x100, 0, "a"), 0);
	EXPECT_EQ(mmio_map(b, AT + 0x800, 0x10, 0, "b"), 0);
	EXPECT_EQ(b->base - a->base, 0x700);
	mmio_stats(&s);
	EXPECT_EQ(s.claims, claims_before.claims + 2);
	EXPECT_EQ(s.windows, claims_before.windows + 1);
	EXPECT_EQ(s.bytes, claims_before.bytes + PAGE_SIZE);
	va = va_of(last);
	mmio_unmap(first);
	EXPECT(!first->base);
	EXPECT(!mmio_check());
	EXPECT_EQ(va_of(last), va);
	EXPECT(shows(last, 0, ATTR_IO));
	/* What the first had is free again, and a third can have it. */
	EXPECT_EQ(mmio_map(first, first->pa, 4, 0, "c"), 0);
	EXPECT_EQ(align_down(va_of(first), PAGE_SIZE),
		  align_down(va, PAGE_SIZE));
	mmio_unmap(first);
	mmio_unmap(last);
	EXPECT(!mapped(va));
	end();
}

static void both_orders(void)
{
	share(true);
	share(false);
}

KTEST(mmio, two_blocks_of_registers_share_a_page)
{
	arch_bed_run(both_orders);
}

/* Of two windows that overlap, neither keeps the other's pages mapped. */
static void overlapping_windows(void)
{
	struct mmio wide, narrow;
	vaddr_t va;

	begin();
	EXPECT_EQ(mmio_map(&wide, AT, 3 * PAGE_SIZE, 0, "wide"), 0);
	EXPECT_EQ(mmio_map(&narrow, AT + PAGE_SIZE, 4, MMIO_PEEK, "narrow"), 0);
	EXPECT(shows(&wide, 3 * PAGE_SIZE - 1, ATTR_IO));
	EXPECT(shows(&narrow, 0, ATTR_IO));
	va = va_of(&wide);
	mmio_unmap(&wide);
	EXPECT(!mapped(va) && !mapped(va + PAGE_SIZE));
	EXPECT(shows(&narrow, 0, ATTR_IO));
	EXPECT_EQ(mmio_map(&wide, AT + 2 * PAGE_SIZE, PAGE_SIZE, MMIO_WC, "wc"),
		  0);
	mmio_unmap(&wide);
	mmio_unmap(&narrow);
	end();
}

KTEST(mmio, windows_go_with_their_claims)
{
	arch_bed_run(overlapping_windows);
}

static void attributes(void)
{
	struct mmio m;

	begin();
	EXPECT_EQ(mmio_map(&m, AT + 4092, 8, 0, "registers"), 0);
	EXPECT_EQ(va_of(&m) % PAGE_SIZE, 4092);
	EXPECT(shows(&m, 0, ATTR_IO) && shows(&m, 7, ATTR_IO));
	EXPECT(!mapped(va_of(&m) - PAGE_SIZE));
	EXPECT(!mapped(va_of(&m) + 2 * PAGE_SIZE));
	mmio_unmap(&m);
	EXPECT_EQ(mmio_map(&m, AT, MIB(16), MMIO_WC, "frame buffer"), 0);
	EXPECT(shows(&m, 0, ATTR_NC) && shows(&m, MIB(16) - 1, ATTR_NC));
	EXPECT(!mapped(va_of(&m) - PAGE_SIZE) && !mapped(va_of(&m) + MIB(16)));
	mmio_unmap(&m);
	end();
}

KTEST(mmio, windows_have_attributes_and_guards)
{
	arch_bed_run(attributes);
}

/* As large as they can be; what is aligned, by large leaves. */
static void large(void)
{
	struct mmio m;
	struct mapping at;
	uint64_t frames;

	begin();
	EXPECT_EQ(mmio_map(&m, AT, GIB(1), 0, "1 GiB"), 0);
	EXPECT(pgtable_query(&kernel_pgtable, va_of(&m), &at));
	EXPECT(at.level > 0);
	EXPECT(shows(&m, GIB(1) - 1, ATTR_IO));
	frames = zone_used_frames();
	EXPECT(frames - frames_before < 8);
	mmio_unmap(&m);
	end();
	/* Pages at its ends. */
	EXPECT_EQ(mmio_map(&m, AT + PAGE_SIZE, MIB(32), 0, "32 MiB"), 0);
	EXPECT(pgtable_query(&kernel_pgtable, va_of(&m), &at));
	EXPECT_EQ(at.level, 0);
	EXPECT(pgtable_query(&kernel_pgtable, va_of(&m) + MIB(4), &at));
	EXPECT_EQ(at.level, 1);
	EXPECT(shows(&m, MIB(32) - 1, ATTR_IO));
	mmio_unmap(&m);
	end();
}

KTEST(mmio, large_windows_have_large_leaves)
{
	arch_bed_run(large);
}

#define MANY 96

/* Until no addresses are left, or no memory: then all of it comes back. */
static void exhaust(uint64_t size, uint64_t step)
{
	struct mmio *m = ktest_alloc(MANY * sizeof(*m)), small;
	unsigned n = 0;
	int err = 0;

	REQUIRE(m);
	begin();
	for (; n < MANY; n++) {
		err = mmio_map(&m[n], AT + n * step, size, 0, "greedy");
		if (err)
			break;
	}
	EXPECT_EQ(err, -ENOMEM);
	EXPECT(n && n < MANY);
	EXPECT(!mmio_check() && !vmalloc_check());
	/* The claim went, too. */
	EXPECT_EQ(mmio_map(&small, AT + n * step, 4, MMIO_CLAIM_ONLY, "small"),
		  0);
	mmio_unmap(&small);
	while (n--)
		mmio_unmap(&m[n]);
	end();
	EXPECT_EQ(mmio_map(&m[0], AT, size, 0, "again"), 0);
	mmio_unmap(&m[0]);
	end();
}

static void exhausted(void)
{
	exhaust(GIB(1), GIB(2));
}

KTEST(mmio, exhausted_addresses_come_back)
{
	arch_bed_run(exhausted);
}

/* Without a free frame: what needs none works, the rest is refused at once. */
static void no_memory(void)
{
	static const uint64_t sizes[] = {4, KIB(64), MIB(8), GIB(1)};
	struct list all = LIST_INIT(all);
	struct mmio m[ARRAY_SIZE(sizes)];
	struct page *p;

	begin();
	for (unsigned order = MAX_ORDER + 1; order--;)
		while ((p = page_alloc(order, ALLOC_NORETRY)))
			list_add(&all, &p->link);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		int err = mmio_map(&m[i], AT + i * GIB(4) + PAGE_SIZE, sizes[i],
				   0, "unlucky");

		EXPECT(!err || err == -ENOMEM);
		EXPECT(!err == !!m[i].base);
	}
	EXPECT(!mmio_check());
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		mmio_unmap(&m[i]);
	list_for_each_safe (l, &all) {
		p = list_entry(l, struct page, link);
		page_free(p, p->order);
	}
	end();
}

KTEST(mmio, without_memory_nobody_waits)
{
	arch_bed_run(no_memory);
}

/* Each allocation fails once, in windows of all ways. */
static void failing(uint64_t pa, uint64_t size)
{
	uint64_t n = 0;
	struct mmio m;
	int err;

	do {
		begin();
		fail_arm(++n, true);
		err = mmio_map(&m, pa, size, 0, "unlucky");
		fail_arm(0, false);
		EXPECT(!err || (err == -ENOMEM && !m.base));
		if (!err)
			EXPECT(shows(&m, size - 1, ATTR_IO));
		mmio_unmap(&m);
		end();
	} while (err && n < 100);
	EXPECT(!err && n > 1);
}

static void failures(void)
{
	failing(AT, 4);
	failing(AT, KIB(64));
	failing(AT + PAGE_SIZE, MIB(1));
	failing(AT + MIB(2) - PAGE_SIZE, MIB(4));
	failing(AT, MIB(16));
	failing(AT, GIB(1));
}

KTEST(mmio, each_failing_allocation_leaves_all_as_it_was)
{
	arch_bed_run(failures);
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
		begin();
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
		end();
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
	begin();
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
	end();
}

KTEST(mmio, claims_are_listed_by_address)
{
	arch_bed_run(listed);
}

/* For registers whose device may not answer. */
static void loads(void)
{
	vaddr_t va;
	char *p;

	begin();
	p = vmalloc(PAGE_SIZE, 0);
	REQUIRE(p);
	va = (vaddr_t)(uintptr_t)p;
	EXPECT(arch_probe(ACCESS_STORE, va + 8, 0x8899aabbccddeeff).ok);
	for (unsigned bits = 8; bits <= 64; bits *= 2)
		for (unsigned at = 0; at < 64; at += bits) {
			struct probe o = arch_probe_load(va + 8 + at / 8, bits);

			EXPECT(o.ok);
			EXPECT_EQ(o.value, 0x8899aabbccddeeff >> at &
						   UINT64_MAX >> (64 - bits));
			o = arch_probe_load(va + PAGE_SIZE + at / 8, bits);
			EXPECT(!o.ok);
			EXPECT(o.cause ==
			       arch_probe(ACCESS_LOAD, va + PAGE_SIZE, 0)
				       .cause);
		}
	vfree(p);
	end();
}

KTEST(mmio, loads_of_all_widths_may_fail)
{
	arch_bed_run(loads);
}
