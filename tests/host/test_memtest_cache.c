/*
 * The memory tester's cache modes on machines whose caches and aliases are as they
 * should be, and on such as are not (cache_machine.h); trees with odd caches; and what
 * verify-cache says of figures.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arch/cpu.h>
#include <arch/firmware.h>
#include <asm/features.h>
#include <host/cache.h>
#include <host/ram.h>
#include <kernel/devtree.h>
#include <mm/dma.h>
#include <mm/fail.h>

#include "../unit/arch_bed.h"
#include "../unit/slab_bed.h"
#include "../unit/test_fdt_build.h"
#include "cache_machine.h"

#define machine	  cached_machine
#define arch_time cache_machine_time

extern struct devtree cached_machine;

#include <kernel/memtest_cache.c>
#include <kernel/memtest_cache_bypass.c>
#include <kernel/memtest_cache_tree.c>
#include <kernel/memtest_cache_verify.c>

struct devtree cached_machine;

#include "cache_tree.h"

static uint64_t vendor;

uint64_t arch_vendor(void)
{
	return vendor;
}

/* --- trees --- */

KTEST(memtest_cache, sizes_from_the_tree)
{
	static const struct {
		struct caches t;
		uint64_t largest, line;
		bool guessed;
	} c[] = {
		/* The JH7110. */
		{{.level = {{.next = 2, .size = 0x8000, .line = 64},
			    [2] = {.there = true,
				   .size = 0x200000,
				   .line = 64}}},
		 MIB(2),
		 64,
		 false},
		/* Three levels, of which the last is not the largest. */
		{{.level = {{.next = 1, .size = 0x8000},
			    {.there = true, .next = 5, .size = 0x400000},
			    [5] = {.there = true, .size = 0x100000}}},
		 MIB(4),
		 64,
		 false},
		/* Two cells; lines that differ. */
		{{.level = {{.next = 1, .line = 128},
			    {.there = true,
			     .is64 = true,
			     .size = 0x800000,
			     .line = 32}}},
		 MIB(8),
		 32,
		 false},
		/* Nothing, or only the hart's own. */
		{{.level = {{0}}}, MIB(2), 64, true},
		{{.level = {{.size = 0x8000}}}, MIB(2), 64, true},
		{{.level = {{.size = 0x800000}}}, MIB(8), 64, true},
		/* A loop, a way to itself, to nobody. */
		{{.level = {{.next = 1},
			    {.there = true, .next = 2, .size = 0x40000},
			    {.there = true, .next = 1, .size = 0x800000}}},
		 MIB(8),
		 64,
		 true},
		{{.level = {{.next = 3}, [3] = {.there = true, .next = 3}}},
		 MIB(2),
		 64,
		 true},
		{{.level = {{.next = 9, .size = 0x8000}}}, MIB(2), 64, true},
		/* The last one does not say how large it is. */
		{{.level = {{.next = 1},
			    {.there = true, .next = 2, .size = 0x400000},
			    {.there = true}}},
		 MIB(4),
		 64,
		 true},
		/* Sizes and lines that no cache has. */
		{{.level = {{.next = 1, .line = 1},
			    {.there = true, .size = 100, .line = 8192}}},
		 MIB(2),
		 64,
		 true},
		{{.level = {{.next = 1, .line = 48},
			    {.there = true, .is64 = true, .above = 1}}},
		 MIB(2),
		 64,
		 true},
		{{.level = {{.next = 1}, {.there = true, .size = 0xffffffff}}},
		 MIB(2),
		 64,
		 true},
	};

	REQUIRE(fb_start(&blob));
	for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
		struct cache_facts f;

		make(&c[i].t);
		cache_facts(&f);
		EXPECT_EQ(f.largest, c[i].largest);
		EXPECT_EQ(f.line, c[i].line);
		EXPECT_EQ(f.guessed, c[i].guessed);
	}
}

/* Longer than any way may be. */
KTEST(memtest_cache, a_way_that_is_too_long)
{
	struct caches t = {.level = {{.next = 1}}};
	struct cache_facts f;

	REQUIRE(fb_start(&blob));
	for (unsigned i = 1; i < CACHES; i++)
		t.level[i] = (struct level){.there = true,
					    .size = 0x10000,
					    .next = i + 1 < CACHES ? i + 1 : 0};
	make(&t);
	cache_facts(&f);
	EXPECT(f.guessed);
	EXPECT_EQ(f.largest, MIB(2));
}

static char *read_tree(const char *name, size_t *size)
{
	char path[4096], *data = malloc(MIB(1));
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.dtb", getenv("STRATA_DTB_DIR"),
		 name);
	f = fopen(path, "rb");
	*size = f ? fread(data, 1, MIB(1), f) : 0;
	if (f)
		fclose(f);
	return data;
}

/* The boards' own: a cache of 2 MiB, and nothing where RAM is seen again. */
KTEST(memtest_cache, trees_of_boards)
{
	static const char *const trees[] = {
		"visionfive2-v1.2a-2g",
		"visionfive2-v1.3b-8g",
		"upstream",
		"debian",
		"factory",
		"vendor-5",
	};

	if (!getenv("STRATA_DTB_DIR"))
		return ktest_skip("STRATA_DTB_DIR is not set");
	for (unsigned i = 0; i < ARRAY_SIZE(trees); i++) {
		struct cache_facts f;
		struct range r;
		size_t size;
		char *data = read_tree(trees[i], &size);

		EXPECT_EQ(devtree_init(&machine, data, size), 0);
		cache_facts(&f);
		EXPECT_EQ(f.largest, MIB(2));
		EXPECT_EQ(f.line, 64);
		EXPECT(!f.guessed);
		EXPECT(f.uncached && !strcmp(f.uncached, "alias"));
		r = ram_span(&machine);
		EXPECT_EQ(r.start, GIB(1));
		EXPECT(!in_tree(&machine.fdt,
				range_make(r.start + JH7110_ALIAS,
					   r.end + JH7110_ALIAS)));
		free(data);
	}
}

/* --- figures --- */

KTEST(memtest_cache, what_figures_say)
{
	static const struct {
		uint64_t hit, memory, mode;
		bool emulated;
		enum cache_verdict verdict;
	} c[] = {
		/* L1, memory; a flush that works, one that leaves the line in
		 * the second level, one that does nothing. */
		{2700, 163000, 160000, false, CACHE_WORKS},
		{2700, 163000, 100000, false, CACHE_WORKS},
		{2700, 163000, 40000, false, CACHE_FAILS},
		{2700, 163000, 2700, false, CACHE_FAILS},
		{2700, 163000, 900000, false, CACHE_WORKS},
		{10, 20, 15, false, CACHE_WORKS},
		{10, 20, 14, false, CACHE_FAILS},
		/* Nothing to tell apart by. */
		{10, 19, 19, false, CACHE_UNKNOWN},
		{4000, 4100, 4000, false, CACHE_UNKNOWN},
		{163000, 2700, 2700, false, CACHE_UNKNOWN},
		{0, 163000, 163000, false, CACHE_UNKNOWN},
		{2700, 163000, 0, false, CACHE_UNKNOWN},
		{0, 0, 0, false, CACHE_UNKNOWN},
		{4000, 53200, 14800, true, CACHE_UNKNOWN},
		{1, UINT64_MAX, UINT64_MAX, false, CACHE_WORKS},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
		struct cache_figures f = {c[i].hit, c[i].memory, c[i].emulated};

		EXPECT_EQ(cache_judge(&f, c[i].mode), c[i].verdict);
	}
}

/* --- machines --- */

/* A cache of 256 KiB, so that its tests are short. */
static const struct cache_machine small = {
	.size = KIB(256),
	.line = 64,
	.ways = 8,
	.hit = 3000,
	.memory = 150000,
	.hz = 4000000,
	.offset = JH7110_ALIAS,
	.alias = ALIAS_RAM,
};
static const struct caches board = {
	.compatible = "starfive,jh7110",
	.level = {{.next = 1, .size = 0x8000, .line = 64},
		  {.there = true, .size = 0x40000, .line = 64}},
};

static void (*body)(void);
static bool svpbmt;

static void on_machine(void)
{
	uint64_t before = frames_used();

	dma_set_cache(&cache_machine_ops);
	pte_features_set(svpbmt, false);
	body();
	pte_features_set(true, false);
	dma_set_cache(NULL);
	reclaim();
	EXPECT_EQ(frames_used(), before);
	EXPECT(list_empty(&now.blocks) && now.mode == CACHE_WB);
}

static void run(void (*fn)(void), struct cache_machine m, struct caches t)
{
	REQUIRE(fb_start(&blob));
	make(&t);
	vendor = 0x489;
	body = fn;
	cache_machine_begin(&m, ktest_seed());
	arch_bed_run(on_machine);
	cache_machine_end();
}

static int begun(enum cache_mode m)
{
	const char *why = NULL;
	int err = cache_mode_begin(m, &why);

	EXPECT(!err || why);
	return err;
}

static void all_work(void)
{
	for (unsigned m = 0; m < CACHE_MODES; m++) {
		EXPECT_EQ(begun((enum cache_mode)m), 0);
		cache_mode_end();
	}
	EXPECT_EQ(cache_verify(), 0);
	for (unsigned m = 0; m < CACHE_MODES; m++)
		EXPECT_EQ(cache_verified((enum cache_mode)m), CACHE_WORKS);
}

KTEST(memtest_cache, all_modes_work)
{
	struct cache_machine m = small;

	run(all_work, m, board);
	m.lru = true;
	m.hz = 1000000;
	run(all_work, m, board);
	m.hz = 24000000;
	m.ways = 16;
	run(all_work, m, board);
}

static void emulated(void)
{
	vendor = 0;
	EXPECT_EQ(cache_verify(), 0);
	for (unsigned m = 0; m < CACHE_MODES; m++)
		EXPECT_EQ(cache_verified((enum cache_mode)m), CACHE_UNKNOWN);
}

/* Not even a flush that does nothing is held against it. */
static void emulated_flush(void)
{
	vendor = 0;
	EXPECT_EQ(begun(CACHE_FLUSH), 0);
	cache_mode_end();
}

static void without_cache(void)
{
	EXPECT_EQ(cache_verify(), 0);
	for (unsigned m = 0; m < CACHE_MODES; m++)
		EXPECT_EQ(cache_verified((enum cache_mode)m), CACHE_UNKNOWN);
}

/* Allocations fail: there are modes or there is -ENOMEM, and no loss. */
static void short_of_memory(void)
{
	static const enum cache_mode modes[] = {CACHE_FLUSH, CACHE_UNCACHED};
	unsigned refused = 0;

	for (unsigned n = 0; n < 2 * 2 * 40; n++) {
		int err;

		/* All after the n-th, too, or not. */
		fail_arm(1 + n / 4, n & 2);
		err = begun(modes[n % 2]);
		fail_arm(0, false);
		EXPECT(!err || err == -ENOMEM);
		if (!err)
			cache_mode_end();
		refused += !!err;
	}
	EXPECT(refused > 2);
}

KTEST(memtest_cache, modes_without_memory)
{
	run(short_of_memory, small, board);
}

KTEST(memtest_cache, nothing_is_said_where_caches_do_not_show)
{
	struct cache_machine m = small;

	run(emulated, m, board);
	m.flushing = FLUSHES_NOTHING;
	run(emulated_flush, m, board);
	m.flushing = FLUSHES;
	m.hit = m.memory;
	run(without_cache, m, board);
}

/* An uncached view that is none, as the sentence says. */
static const char *none_as;

static void no_view(void)
{
	const char *why = "";

	EXPECT_EQ(cache_mode_begin(CACHE_UNCACHED, &why), -EIO);
	EXPECT(why && strstr(why, none_as));
	EXPECT_EQ(cache_verify(), 1);
	EXPECT_EQ(cache_verified(CACHE_UNCACHED), CACHE_FAILS);
	EXPECT_EQ(cache_verified(CACHE_FLUSH), CACHE_WORKS);
	EXPECT_EQ(cache_verified(CACHE_EVICT), CACHE_WORKS);
}

KTEST(memtest_cache, an_alias_that_is_none)
{
	static const struct {
		enum cache_alias alias;
		const char *as;
	} none[] = {
		{ALIAS_NOTHING, "nothing answers"},
		{ALIAS_OTHER, "something else"},
		{ALIAS_WRAPS, "something else"},
		{ALIAS_SHIFTED, "something else"},
		{ALIAS_CACHED, "old data"},
		{ALIAS_COHERENT, "what is in caches"},
		{ALIAS_READ_ONLY, "what is stored by"},
	};
	struct cache_machine m = small;

	for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
		m.alias = none[i].alias;
		none_as = none[i].as;
		run(no_view, m, board);
	}
}

static void unsupported(void)
{
	EXPECT_EQ(begun(CACHE_UNCACHED), -EOPNOTSUPP);
	cache_verify();
	EXPECT_EQ(cache_verified(CACHE_UNCACHED), CACHE_UNKNOWN);
}

/* Nobody looks where something else is, or where no JH7110 is. */
KTEST(memtest_cache, no_look_at_what_may_be_something_else)
{
	static const struct range taken[] = {
		{HOST_RAM_START + JH7110_ALIAS, HOST_RAM_END + JH7110_ALIAS},
		{0, HOST_RAM_START + JH7110_ALIAS + 1},
		{HOST_RAM_END + JH7110_ALIAS - 1, UINT64_MAX},
	};
	struct caches t = board;

	for (unsigned i = 0; i < ARRAY_SIZE(taken); i++) {
		t.also = taken[i];
		run(unsupported, small, t);
	}
	t = board;
	t.compatible = "starfive,jh7100";
	run(unsupported, small, t);
	t.compatible = NULL;
	run(unsupported, small, t);
}

/* The page table's way, with the same look. */
static void by_svpbmt(void)
{
	EXPECT_EQ(begun(CACHE_UNCACHED), 0);
	cache_mode_end();
	EXPECT_EQ(cache_verify(), 0);
	EXPECT_EQ(cache_verified(CACHE_UNCACHED), CACHE_WORKS);
	dma_set_cache(NULL);
	EXPECT_EQ(begun(CACHE_UNCACHED), -EOPNOTSUPP);
}

KTEST(memtest_cache, uncached_by_the_page_table)
{
	struct cache_machine m = small;
	struct caches t = board;

	m.offset = 0;
	t.compatible = "maker,board";
	svpbmt = true;
	run(by_svpbmt, m, t);
	m.alias = ALIAS_COHERENT;
	none_as = "what is in caches";
	run(no_view, m, t);
	svpbmt = false;
}

/* --- flushing --- */

static void flush_does_nothing(void)
{
	const char *why = "";

	EXPECT_EQ(cache_mode_begin(CACHE_FLUSH, &why), -EIO);
	EXPECT(strstr(why, "as fast as"));
	EXPECT_EQ(cache_verify(), 1);
	EXPECT_EQ(cache_verified(CACHE_FLUSH), CACHE_FAILS);
	EXPECT_EQ(cache_verified(CACHE_UNCACHED), CACHE_FAILS);
	EXPECT_EQ(cache_verified(CACHE_EVICT), CACHE_WORKS);
}

static void flush_loses(void)
{
	const char *why = "";

	EXPECT_EQ(cache_mode_begin(CACHE_FLUSH, &why), -EIO);
	EXPECT(strstr(why, "is lost"));
	EXPECT_EQ(begun(CACHE_UNCACHED), -EIO);
	EXPECT_EQ(cache_verify(), 1);
	EXPECT_EQ(cache_verified(CACHE_FLUSH), CACHE_FAILS);
}

static void no_flush(void)
{
	uint64_t word = 0;

	dma_set_cache(NULL);
	EXPECT_EQ(begun(CACHE_FLUSH), -EOPNOTSUPP);
	EXPECT_EQ(begun(CACHE_UNCACHED), -EOPNOTSUPP);
	EXPECT(!cache_expel(&word, HOST_RAM_START));
	EXPECT_EQ(cache_verify(), 0);
	EXPECT_EQ(cache_verified(CACHE_FLUSH), CACHE_UNKNOWN);
}

KTEST(memtest_cache, flushes_that_are_none)
{
	struct cache_machine m = small;

	m.flushing = FLUSHES_NOTHING;
	run(flush_does_nothing, m, board);
	m.flushing = FLUSHES_AND_LOSES;
	run(flush_loses, m, board);
	run(no_flush, small, board);
}

static uint64_t flushed_by_hart;

static void cbo(enum host_cbo op, vaddr_t va)
{
	paddr_t pa = virt_to_phys((void *)(uintptr_t)va);

	EXPECT_EQ(op, HOST_CBO_FLUSH);
	flushed_by_hart++;
	cache_machine_ops.flush(range_make(pa, pa + 64));
}

/* By instructions: at the address that the caller has, whatever the other says. */
static void by_zicbom(void)
{
	struct page *p = page_alloc(0, 0);
	paddr_t pa = page_to_phys(p);
	volatile uint64_t *word = phys_to_virt(pa + 64);
	struct cache_facts f;

	riscv_features.cbom_block = 64;
	host_cbo = cbo;
	cache_facts(&f);
	EXPECT(!strcmp(f.flusher, "zicbom"));
	cache_poke(word, 1);
	EXPECT_EQ(cache_machine_dirty(pa, PAGE_SIZE), 1);
	EXPECT(cache_expel(word, 0));
	EXPECT_EQ(cache_machine_dirty(pa, PAGE_SIZE), 0);
	EXPECT_EQ(flushed_by_hart, 1);
	page_free(p, 0);
	all_work();
	riscv_features.cbom_block = 0;
	host_cbo = NULL;
}

KTEST(memtest_cache, flushes_by_the_harts_instructions)
{
	flushed_by_hart = 0;
	run(by_zicbom, small, board);
}

/* --- displacing --- */

#define PAGES 64

static unsigned dirty_after_settling(void)
{
	struct page *p = page_alloc(6, 0);
	paddr_t pa = page_to_phys(p);
	unsigned left;

	for (unsigned i = 0; i < PAGES * PAGE_SIZE / 8; i++)
		cache_poke((volatile uint64_t *)phys_to_virt(pa) + i, i);
	EXPECT(cache_machine_dirty(pa, PAGES * PAGE_SIZE) > 2000);
	cache_settle();
	left = cache_machine_dirty(pa, PAGES * PAGE_SIZE);
	page_free(p, 6);
	return left;
}

/* Of 4096 lines; of a cache that chooses at random, two or so stay. */
static void settles(void)
{
	EXPECT_EQ(begun(CACHE_EVICT), 0);
	EXPECT(dirty_after_settling() < 30);
	cache_mode_end();
	EXPECT(dirty_after_settling() > 2000);
	EXPECT_EQ(cache_machine_flushes(), 0);
}

static void settles_all(void)
{
	EXPECT_EQ(begun(CACHE_EVICT), 0);
	EXPECT_EQ(dirty_after_settling(), 0);
	cache_mode_end();
}

static void too_little(void)
{
	EXPECT_EQ(begun(CACHE_EVICT), 0);
	cache_mode_end();
	EXPECT_EQ(cache_verify(), 1);
	EXPECT_EQ(cache_verified(CACHE_EVICT), CACHE_FAILS);
	EXPECT_EQ(cache_verified(CACHE_FLUSH), CACHE_WORKS);
}

static void no_memory(void)
{
	EXPECT_EQ(begun(CACHE_EVICT), -ENOMEM);
	EXPECT_EQ(cache_verify(), 1);
}

KTEST(memtest_cache, reading_other_memory_displaces)
{
	struct cache_machine m = small;
	struct caches t = board;

	run(settles, m, t);
	m.lru = true;
	run(settles_all, m, t);
	/* The cache is larger than the tree says, and than what is read. */
	m.size = KIB(768);
	m.ways = 12;
	run(too_little, m, t);
	/* More than there is. */
	t.level[1].size = 0x4000000;
	run(no_memory, small, t);
}

/* --- views --- */

static void views(void)
{
	struct page *p = page_alloc(4, 0);
	paddr_t pa = page_to_phys(p);
	uint64_t size = PAGE_SIZE << 4;
	volatile uint64_t *direct = phys_to_virt(pa), *v;

	for (unsigned m = 0; m < CACHE_UNCACHED; m++) {
		EXPECT_EQ(begun((enum cache_mode)m), 0);
		v = cache_view(pa, size);
		EXPECT(v == direct);
		cache_unview(v, pa, size);
		cache_mode_end();
	}
	EXPECT_EQ(begun(CACHE_UNCACHED), 0);
	for (unsigned i = 0; i < size / 8; i++)
		cache_poke(&direct[i], ~(uint64_t)i);
	v = cache_view(pa, size);
	EXPECT(v && v != direct);
	EXPECT_EQ(cache_machine_dirty(pa, size), 0);
	for (unsigned i = 0; i < size / 8; i++) {
		EXPECT_EQ(cache_peek(&v[i]), ~(uint64_t)i);
		/* A hart that speculates. */
		cache_peek(&direct[i]);
		cache_poke(&v[i], i);
	}
	cache_unview(v, pa, size);
	for (unsigned i = 0; i < size / 8; i++)
		EXPECT_EQ(cache_peek(&direct[i]), i);
	cache_mode_end();
	page_free(p, 4);
}

KTEST(memtest_cache, views)
{
	run(views, small, board);
}

KTEST(memtest_cache, names)
{
	for (unsigned m = 0; m < CACHE_MODES; m++)
		EXPECT_EQ(cache_mode_find(cache_mode_name((enum cache_mode)m)),
			  m);
	EXPECT_EQ(cache_mode_find("none"), -1);
	EXPECT_EQ(cache_mode_find(""), -1);
}
