/*
 * The memtest command on a machine that is all made up: frames with memory behind
 * them, harts that take turns, a clock, a user, a console that is kept, and a kernel that
 * moves out of blocks of memory. Included by the one test that uses it, and then by the
 * sources under test, for which the names below stand for the fakes.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arch/cpu.h>
#include <arch/firmware.h>
#include <kernel/badram.h>
#include <kernel/console.h>
#include <kernel/devtree.h>
#include <kernel/displace.h>
#include <kernel/ktest.h>
#include <kernel/machine.h>
#include <kernel/memtest_cache.h>
#include <kernel/ram.h>
#include <kernel/shell.h>
#include <kernel/smp.h>
#include <kernel/smp_boot.h>
#include <lib/crc32.h>
#include <lib/errno.h>
#include <lib/rng.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>

#define BED_PFN	   0x80000u /* of the first frame: at 2 GiB */
#define BED_START  ((uint64_t)BED_PFN << PAGE_SHIFT)
#define BED_FRAMES 2048u /* 8 MiB */
#define BED_CPUS   4
/* Frames for what a run keeps, which no test of memory gets: when the kernel moves
 * here, what it has is overwritten. */
#define BED_SESSION 16u

/* ---- frames ---- */

static struct {
	uint64_t nframes, nfree;
	bool free[BED_FRAMES], bad[BED_FRAMES];
	struct page pages[BED_FRAMES + BED_SESSION];
	uint64_t *memory;
	bool has_session, no_memory;
	struct rng rng;
	struct memblock ram;
	struct devtree machine;
	struct pgtable pgtable;
	unsigned cpu; /* that runs */
	cpumask_t online;
	int err;	    /* of displace() */
	uint64_t displaced; /* times */
	unsigned late;	    /* so often the first 64 KiB can't be moved */
	bool is_away;
	const struct displace *away;
	int mode_err;
	bool flushes; /* cache_expel() can do it */
	uint64_t ecc;
} bed;

static void bed_set_free(uint64_t at, uint64_t n, bool is_free)
{
	memset(&bed.free[at], is_free, n);
	bed.nfree += is_free ? n : -n;
}

static bool bed_all_free(uint64_t at, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (!bed.free[at + i])
			return false;
	return true;
}

/* From a random place on, so that blocks come in no order. */
static struct page *bed_page_alloc(unsigned order, unsigned flags)
{
	uint64_t size = (uint64_t)1 << order, nblocks = bed.nframes >> order;
	uint64_t first = rng_below(&bed.rng, nblocks + 1);

	(void)flags;
	EXPECT(!bed.is_away);
	if (!bed.has_session) {
		bed.has_session = true;
		EXPECT((1u << order) <= BED_SESSION);
		bed.pages[bed.nframes] = (struct page){
			.state = PAGE_USED, .order = (uint8_t)order, .refs = 1};
		return bed.no_memory ? NULL : &bed.pages[bed.nframes];
	}
	for (uint64_t i = 0; i < nblocks; i++) {
		uint64_t at = (first + i) % nblocks * size;

		if (!bed_all_free(at, size))
			continue;
		bed_set_free(at, size, false);
		bed.pages[at] = (struct page){
			.state = PAGE_USED, .order = (uint8_t)order, .refs = 1};
		return &bed.pages[at];
	}
	return NULL;
}

static void bed_page_free(struct page *p, unsigned order)
{
	uint64_t at = (uint64_t)(p - bed.pages);

	EXPECT(!bed.is_away);
	EXPECT_EQ(p->state, PAGE_USED);
	EXPECT_EQ(p->order, order);
	p->state = PAGE_FREE;
	if (at == bed.nframes)
		return;
	for (uint64_t i = 0; i < (uint64_t)1 << order; i++)
		if (!bed.bad[at + i])
			bed_set_free(at + i, 1, true);
}

static uint64_t bed_page_free_count(void)
{
	return bed.nfree;
}

/* ---- bad frames ---- */

static enum badram_state bed_badram_add(struct range r)
{
	for (paddr_t pa = r.start; pa < r.end; pa += PAGE_SIZE)
		bed.bad[(pa - BED_START) >> PAGE_SHIFT] = true;
	return BADRAM_IN_USE;
}

static bool bed_badram_is_ram(struct range r)
{
	const struct region *region = memblock_at(&bed.ram, r.start);

	return region && region->type == REGION_FREE;
}

static struct range bed_bad[2];

static unsigned bed_badram_ranges(const struct range **ranges)
{
	*ranges = bed_bad;
	return range_empty(bed_bad[0]) ? 0 : ARRAY_SIZE(bed_bad);
}

/* Frames below that belong to somebody who keeps them. */
static uint64_t bed_used;

static enum badram_state bed_badram_state(struct range r)
{
	return r.start < BED_START + bed_used * PAGE_SIZE ? BADRAM_IN_USE
							  : BADRAM_RETIRED;
}

static void bed_badram_each_line(enum badram_format f,
				 void (*line)(void *ctx, const char *text),
				 void *ctx)
{
	line(ctx,
	     f == BADRAM_DTS ? "\treg = <0x0>; // \"x\" \\" : "memmap=1$2");
}

/* ---- a clock, a user, and a console that is kept ---- */

static struct {
	char log[1 << 19];
	size_t len;
	uint64_t now;		  /* ms */
	uint64_t polls;		  /* of the keyboard */
	uint64_t interrupt_after; /* polls; 0: never */
	/* Words to change bits of, once the log has `when` behind `after`. */
	uint64_t flips[200];
	unsigned nflips;
	uint64_t bits;
	const char *after, *when;
	bool flipped;
} user;

/* ---- harts that take turns ---- */

static unsigned bed_arch_cpu(void)
{
	return bed.cpu;
}

static cpumask_t bed_cpus_online(void)
{
	return bed.online;
}

/* Hart ids are 10, 11, ... */
static int bed_smp_cpu_of(uint64_t hartid)
{
	return hartid >= 10 && hartid < 10 + BED_CPUS ? (int)(hartid - 10) : -1;
}

static uint64_t bed_machine_boot_hart(void)
{
	return 10;
}

static void bed_on(unsigned cpu, void (*fn)(void *arg), void *arg)
{
	unsigned me = bed.cpu;

	bed.cpu = cpu;
	fn(arg);
	bed.cpu = me;
}

/* A hart that does not answer for so long, the first time. */
static struct {
	unsigned cpu; /* 0: none does */
	uint64_t ms, until;
	struct smp_work *work;
} bed_slow;

static void bed_smp_run(unsigned cpu, struct smp_work *w)
{
	EXPECT(bed.online >> cpu & 1);
	EXPECT(!bed.is_away);
	if (cpu && cpu == bed_slow.cpu) {
		bed_slow.until = user.now + bed_slow.ms;
		bed_slow.work = w;
		bed_slow.cpu = 0;
		return;
	}
	bed_on(cpu, w->fn, w->arg);
	w->done = true;
}

static void bed_smp_wait(const struct smp_work *w)
{
	EXPECT(w->done);
}

static void bed_look(void)
{
	const char *from;

	if (user.flipped || !user.nflips)
		return;
	from = strstr(user.log, user.after);
	if (!from || !strstr(from, user.when))
		return;
	for (unsigned i = 0; i < user.nflips; i++)
		bed.memory[user.flips[i]] ^= user.bits;
	user.flipped = true;
}

static uint64_t bed_arch_time(void)
{
	bed_look();
	return (user.now += 5) * 1000;
}

static void bed_smp_idle(uint64_t until)
{
	bed_look();
	user.now = max_u64(user.now, until / 1000);
	if (bed_slow.work && user.now >= bed_slow.until) {
		struct smp_work *w = bed_slow.work;

		bed_slow.work = NULL;
		bed_on(1, w->fn, w->arg);
		w->done = true;
	}
}

static bool bed_shell_interrupted(void)
{
	return ++user.polls == user.interrupt_after;
}

static bool bed_shell_number(const char *s, uint64_t *out)
{
	char *end;

	*out = strtoull(s, &end, 0);
	return *s && !*end;
}

static bool bed_shell_range(const char *s, struct range *out)
{
	char *end;

	out->start = strtoull(s, &end, 0);
	if (*end != '-')
		return false;
	out->end = strtoull(end + 1, &end, 0);
	return !*end && !range_empty(*out);
}

static void bed_keep(const struct console_device *d, const char *s, size_t n)
{
	(void)d;
	if (user.len + n < sizeof(user.log)) {
		memcpy(user.log + user.len, s, n);
		user.len += n;
	}
	user.log[user.len] = '\0';
}

static const struct console_device bed_keeper = {.name = "keeper",
						 .write = bed_keep};

static void bed_arch_firmware_facts(struct firmware_facts *f)
{
	*f = (struct firmware_facts){.name = "OpenSBI \"9\" \\",
				     .spec_major = 3};
}

static const char *bed_fdt_get_str(const struct fdt *t, fdt_node n,
				   const char *name)
{
	(void)t;
	(void)n;
	return strcmp(name, "compatible") == 0 ? "a,b" : NULL;
}

/* ---- a kernel that moves out ---- */

static const char *bed_displace_refuses(struct range block, struct range *part)
{
	paddr_t kernel = BED_START;

	EXPECT(range_size(block) <= DISPLACE_BLOCK);
	*part = block;
	if (block.start == kernel && bed.late) {
		bed.late--;
		part->end = min_u64(block.end, kernel + KIB(64));
		return "late-hart";
	}
	if (block.start >= kernel)
		return NULL;
	part->end = min_u64(block.end, kernel);
	return "firmware";
}

static int bed_displace(const struct displace *d)
{
	uint64_t *block = &bed.memory[(d->block.start - BED_START) / 8];
	uint64_t at = (d->spare - BED_START) >> PAGE_SHIFT;
	static uint64_t home[DISPLACE_BLOCK / 8];

	EXPECT(d->harts & cpu_bit(bed.cpu));
	EXPECT(is_aligned(d->block.start | d->spare, DISPLACE_BLOCK));
	EXPECT(!range_has(d->block, d->spare));
	for (unsigned i = 0; i < 512; i++)
		EXPECT(!bed.free[at + i]);
	if (bed.err)
		return bed.err;
	memcpy(home, block, sizeof(home));
	bed.is_away = true;
	bed.away = d;
	bed.displaced++;
	d->run(d->arg, block);
	bed.is_away = false;
	memcpy(block, home, sizeof(home));
	return 0;
}

static void bed_displace_spread(void (*fn)(void *ctx, unsigned i), void *ctx)
{
	cpumask_t others = bed.away->harts & ~cpu_bit(bed.cpu);
	unsigned me = bed.cpu, i = 1;

	fn(ctx, 0);
	for (; others; others &= others - 1) {
		bed.cpu = lowest_bit(others);
		fn(ctx, i++);
	}
	bed.cpu = me;
}

/* ---- caches ---- */

static int bed_cache_mode_find(const char *s)
{
	return strcmp(s, "wb") == 0	    ? CACHE_WB
	       : strcmp(s, "flush") == 0    ? CACHE_FLUSH
	       : strcmp(s, "uncached") == 0 ? CACHE_UNCACHED
					    : -1;
}

static const char *bed_cache_mode_name(enum cache_mode m)
{
	return m == CACHE_WB ? "wb" : m == CACHE_FLUSH ? "flush" : "uncached";
}

static int bed_cache_mode_begin(enum cache_mode m, const char **why)
{
	(void)m;
	*why = "the cache is on strike";
	return bed.mode_err;
}

static void bed_cache_mode_end(void)
{
}

static void bed_cache_settle(void)
{
}

static bool bed_cache_expel(volatile void *p, paddr_t pa)
{
	bed_look();
	EXPECT((const volatile void *)&bed.memory[(pa - BED_START) / 8] == p);
	return bed.flushes;
}

static unsigned bed_views;
static struct range bed_viewed; /* last */

static volatile uint64_t *bed_cache_view(paddr_t pa, uint64_t size)
{
	EXPECT(is_aligned(pa | size, PAGE_SIZE));
	bed_views++;
	bed_viewed = range_make(pa, pa + size);
	return &bed.memory[(pa - BED_START) / 8];
}

static void bed_cache_unview(volatile uint64_t *v, paddr_t pa, uint64_t size)
{
	EXPECT(is_aligned(pa | size, PAGE_SIZE));
	EXPECT(v == &bed.memory[(pa - BED_START) / 8]);
	bed_views--;
}

static enum cache_verdict bed_cache_verified(enum cache_mode m)
{
	return m == CACHE_WB ? CACHE_WORKS : CACHE_UNKNOWN;
}

static void bed_cache_ecc(uint64_t *corrected, uint64_t *lost)
{
	*corrected = bed.ecc++;
	*lost = 0;
}

static void bed_cache_facts(struct cache_facts *f)
{
	*f = (struct cache_facts){.largest = MIB(2), .line = 64};
}

static int bed_cache_verify(void)
{
	return 77;
}

/* ---- a fresh one ---- */

/* The first `used` frames are the kernel's, all others free; firmware has 128 KiB
 * below. */
static void bed_init(uint64_t used)
{
	uint64_t n = BED_FRAMES;
	static uint64_t memory[(BED_FRAMES + BED_SESSION) * PAGE_SIZE / 8]
		__attribute__((aligned(PAGE_SIZE)));

	memset(&user, 0, sizeof(user));
	memset(&bed, 0, sizeof(bed));
	memset(bed_bad, 0, sizeof(bed_bad));
	memset(&bed_slow, 0, sizeof(bed_slow));
	user.after = "";
	user.when = "ev=hold";
	user.bits = 1;
	bed.rng = rng_seed(ktest_seed());
	bed.nframes = n;
	bed.memory = memory;
	memset(memory, 0x5a, sizeof(memory));
	bed.online = 1;
	bed.machine.timebase = 1000000;
	bed.machine.ncpu = BED_CPUS;
	for (unsigned i = 0; i < BED_CPUS; i++)
		bed.machine.cpu[i].hartid = 10 + i;
	bed.machine.model = "The \"model\"\t\x80";
	bed_used = used;
	memblock_add(&bed.ram, range_make(BED_START - KIB(128),
					  BED_START + (n << PAGE_SHIFT)));
	memblock_claim(&bed.ram, range_make(BED_START - KIB(128), BED_START),
		       REGION_FIRMWARE);
	bed_set_free(used, n - used, true);
}

/* ---- the names, for what is included from here on ---- */

#undef this_cpu
#define page_alloc	 bed_page_alloc
#define page_free	 bed_page_free
#define page_free_count	 bed_page_free_count
#define page_to_phys(p)	 (BED_START + ((uint64_t)((p)-bed.pages) << PAGE_SHIFT))
#define pfn_to_page(pfn) (&bed.pages[(pfn)-BED_PFN])
#define phys_to_virt(pa) ((void *)((uint8_t *)bed.memory + ((pa)-BED_START)))
#define virt_to_phys(v) \
	(BED_START +    \
	 (uint64_t)((const uint8_t *)(v) - (const uint8_t *)bed.memory))
#define badram_add	    bed_badram_add
#define badram_is_ram	    bed_badram_is_ram
#define badram_ranges	    bed_badram_ranges
#define badram_state	    bed_badram_state
#define badram_each_line    bed_badram_each_line
#define arch_cpu	    bed_arch_cpu
#define cpus_online	    bed_cpus_online
#define smp_cpu_of	    bed_smp_cpu_of
#define machine_boot_hart   bed_machine_boot_hart
#define smp_run		    bed_smp_run
#define smp_wait	    bed_smp_wait
#define smp_idle	    bed_smp_idle
#define arch_time	    bed_arch_time
#define shell_interrupted   bed_shell_interrupted
#define shell_number	    bed_shell_number
#define shell_range	    bed_shell_range
#define arch_firmware_facts bed_arch_firmware_facts
#define fdt_get_str	    bed_fdt_get_str
#define fdt_root(t)	    ((void)(t), 0)
#define displace_refuses    bed_displace_refuses
#define displace(d)	    bed_displace(d)
#define displace_spread	    bed_displace_spread
#define cache_mode_find	    bed_cache_mode_find
#define cache_mode_name	    bed_cache_mode_name
#define cache_mode_begin    bed_cache_mode_begin
#define cache_mode_end	    bed_cache_mode_end
#define cache_settle	    bed_cache_settle
#define cache_expel	    bed_cache_expel
#define cache_view	    bed_cache_view
#define cache_unview	    bed_cache_unview
#define cache_verified	    bed_cache_verified
#define cache_ecc	    bed_cache_ecc
#define cache_facts(f)	    bed_cache_facts(f)
#define cache_verify	    bed_cache_verify
#define machine		    bed.machine
#define ram		    bed.ram
#define kernel_pgtable	    bed.pgtable
