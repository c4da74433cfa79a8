/* Windows of claims, on live tables: what they show, who shares them, when they go;
 * and where memory or addresses are out. */
#include <arch/probe.h>
#include <lib/errno.h>
#include <mm/fail.h>
#include <mm/page_alloc.h>
#include <mm/vmalloc.h>
#include <mm/zone.h>

#include "mmio_bed.h"

/* Two blocks in one page: one window, that is there as long as either. */
static void share(bool first_goes_first)
{
	struct mmio pair[2], *a = &pair[0], *b = &pair[1];
	struct mmio *first = &pair[!first_goes_first];
	struct mmio *last = &pair[first_goes_first];
	struct mmio_stats s;
	vaddr_t va;

	mmio_begin();
	EXPECT_EQ(mmio_map(a, AT + 0x100, 0x100, 0, "a"), 0);
	EXPECT_EQ(mmio_map(b, AT + 0x800, 0x10, 0, "b"), 0);
	EXPECT_EQ(b->base - a->base, 0x700);
	mmio_stats(&s);
	EXPECT_EQ(s.claims, mmio_before.claims.claims + 2);
	EXPECT_EQ(s.windows, mmio_before.claims.windows + 1);
	EXPECT_EQ(s.bytes, mmio_before.claims.bytes + PAGE_SIZE);
	va = va_of(last);
	mmio_unmap(first);
	EXPECT(!first->base);
	EXPECT(!mmio_check());
	EXPECT_EQ(va_of(last), va);
	EXPECT(mmio_shows(last, 0, ATTR_IO));
	/* What the first had is free again, and a third can have it. */
	EXPECT_EQ(mmio_map(first, first->pa, 4, 0, "c"), 0);
	EXPECT_EQ(align_down(va_of(first), PAGE_SIZE),
		  align_down(va, PAGE_SIZE));
	mmio_unmap(first);
	mmio_unmap(last);
	EXPECT(!mmio_mapped(va));
	mmio_end();
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

	mmio_begin();
	EXPECT_EQ(mmio_map(&wide, AT, 3 * PAGE_SIZE, 0, "wide"), 0);
	EXPECT_EQ(mmio_map(&narrow, AT + PAGE_SIZE, 4, MMIO_PEEK, "narrow"), 0);
	EXPECT(mmio_shows(&wide, 3 * PAGE_SIZE - 1, ATTR_IO));
	EXPECT(mmio_shows(&narrow, 0, ATTR_IO));
	va = va_of(&wide);
	mmio_unmap(&wide);
	EXPECT(!mmio_mapped(va) && !mmio_mapped(va + PAGE_SIZE));
	EXPECT(mmio_shows(&narrow, 0, ATTR_IO));
	EXPECT_EQ(mmio_map(&wide, AT + 2 * PAGE_SIZE, PAGE_SIZE, MMIO_WC, "wc"),
		  0);
	mmio_unmap(&wide);
	mmio_unmap(&narrow);
	mmio_end();
}

KTEST(mmio, windows_go_with_their_claims)
{
	arch_bed_run(overlapping_windows);
}

static void attributes(void)
{
	struct mmio m;

	mmio_begin();
	EXPECT_EQ(mmio_map(&m, AT + 4092, 8, 0, "registers"), 0);
	EXPECT_EQ(va_of(&m) % PAGE_SIZE, 4092);
	EXPECT(mmio_shows(&m, 0, ATTR_IO) && mmio_shows(&m, 7, ATTR_IO));
	EXPECT(!mmio_mapped(va_of(&m) - PAGE_SIZE));
	EXPECT(!mmio_mapped(va_of(&m) + 2 * PAGE_SIZE));
	mmio_unmap(&m);
	EXPECT_EQ(mmio_map(&m, AT, MIB(16), MMIO_WC, "frame buffer"), 0);
	EXPECT(mmio_shows(&m, 0, ATTR_NC) &&
	       mmio_shows(&m, MIB(16) - 1, ATTR_NC));
	EXPECT(!mmio_mapped(va_of(&m) - PAGE_SIZE) &&
	       !mmio_mapped(va_of(&m) + MIB(16)));
	mmio_unmap(&m);
	mmio_end();
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

	mmio_begin();
	EXPECT_EQ(mmio_map(&m, AT, GIB(1), 0, "1 GiB"), 0);
	EXPECT(pgtable_query(&kernel_pgtable, va_of(&m), &at));
	EXPECT(at.level > 0);
	EXPECT(mmio_shows(&m, GIB(1) - 1, ATTR_IO));
	frames = zone_used_frames();
	EXPECT(frames - mmio_before.frames < 8);
	mmio_unmap(&m);
	mmio_end();
	/* Pages at its ends. */
	EXPECT_EQ(mmio_map(&m, AT + PAGE_SIZE, MIB(32), 0, "32 MiB"), 0);
	EXPECT(pgtable_query(&kernel_pgtable, va_of(&m), &at));
	EXPECT_EQ(at.level, 0);
	EXPECT(pgtable_query(&kernel_pgtable, va_of(&m) + MIB(4), &at));
	EXPECT_EQ(at.level, 1);
	EXPECT(mmio_shows(&m, MIB(32) - 1, ATTR_IO));
	mmio_unmap(&m);
	mmio_end();
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
	mmio_begin();
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
	mmio_end();
	EXPECT_EQ(mmio_map(&m[0], AT, size, 0, "again"), 0);
	mmio_unmap(&m[0]);
	mmio_end();
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

	mmio_begin();
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
	mmio_end();
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
		mmio_begin();
		fail_arm(++n, true);
		err = mmio_map(&m, pa, size, 0, "unlucky");
		fail_arm(0, false);
		EXPECT(!err || (err == -ENOMEM && !m.base));
		if (!err)
			EXPECT(mmio_shows(&m, size - 1, ATTR_IO));
		mmio_unmap(&m);
		mmio_end();
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

/* For registers whose device may not answer. */
static void loads(void)
{
	vaddr_t va;
	char *p;

	mmio_begin();
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
	mmio_end();
}

KTEST(mmio, loads_of_all_widths_may_fail)
{
	arch_bed_run(loads);
}
