/*
 * The kernel on harts such as the JH7110's U74, as far as they are known: satp keeps
 * no number of a space, A and D are never set for software, whatever may be
 * remembered is, wild addresses come back changed, the port is a DW_apb_uart. What
 * the silicon really does, `test silicon` shows there (docs/silicon.md).
 */
#include <string.h>

#include <arch/mmu.h>
#include <arch/probe.h>
#include <asm/mmu.h>
#include <kernel/console_input.h>
#include <kernel/ktest.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/tlb.h>
#include <mm/umap.h>

#include <kernel/explain.c>

#include "../target/dw_busy.h"
#include "../target/flush_look.h"
#include "cache_model.h"
#include "host_bed.h"
#include "uart_model.h"

#define RW (VM_READ | VM_WRITE)

struct memblock ram; /* of explain.c: empty */

static const struct range place = {GIB(1), GIB(1) + PAGE_SIZE};

/* Two spaces, each with a page of its own at one address. */
static struct {
	struct umap space[2];
	struct page *frame[2];
	unsigned harts; /* that are done (a) */
} t;

static uint64_t *word(unsigned i)
{
	return phys_to_virt(page_to_phys(t.frame[i]));
}

static void set_up(void)
{
	for (unsigned i = 0; i < 2; i++) {
		t.frame[i] = page_alloc(0, ALLOC_ZERO);
		*word(i) = 100 + i;
		EXPECT_EQ(umap_init(&t.space[i]), 0);
		EXPECT_EQ(umap_map(&t.space[i], place, page_to_phys(t.frame[i]),
				   RW, ATTR_NORMAL),
			  0);
	}
}

static void tear_down(void)
{
	for (unsigned i = 0; i < 2; i++) {
		umap_destroy(&t.space[i]);
		page_free(t.frame[i], 0);
	}
}

/* Remembers all that it may each time. */
static void commute(void)
{
	arch_probe_users(true);
	for (unsigned n = 0; n < 500; n++) {
		struct probe p;

		umap_activate(&t.space[n % 2]);
		mmu_sim_prefetch(mmu_model_in_use(), arch_cpu(), place.start);
		p = arch_probe(ACCESS_LOAD, place.start, 0);
		EXPECT(p.ok);
		EXPECT_EQ(p.value, 100 + n % 2);
	}
	umap_activate(NULL);
	arch_probe_users(false);
	__atomic_fetch_add(&t.harts, 1, __ATOMIC_RELEASE);
}

static void first(void)
{
	host_bed_enter();
	EXPECT_EQ(tlb_asids(), 0);
	set_up();
	__atomic_fetch_add(&t.harts, 1, __ATOMIC_RELEASE);
	commute();
	while (__atomic_load_n(&t.harts, __ATOMIC_ACQUIRE) != 3)
		arch_relax();
	tear_down();
}

static void second(void)
{
	host_bed_enter();
	while (!__atomic_load_n(&t.harts, __ATOMIC_ACQUIRE))
		arch_relax();
	commute();
}

KTEST(u74, spaces_without_numbers_are_apart)
{
	static void (*const fn[])(void) = {first, second};

	t.harts = 0;
	host_bed_run(2, 0, ktest_seed(), fn);
}

/* The entry for `place`, which is stored as if it came from elsewhere. */
static void set_bits(uint64_t clear)
{
	pte_t *table = phys_to_virt(t.space[0].pt.root), *e;

	for (unsigned level = t.space[0].pt.levels - 1; level; level--)
		table = phys_to_virt(
			pte_next(table[pt_index(place.start, level)]));
	e = &table[pt_index(place.start, 0)];
	e->v = (e->v | 0xc0) & ~clear;
	arch_tlb_fence_all();
}

static void accessed_and_dirty(void)
{
	struct probe p;

	host_bed_enter();
	set_up();
	umap_activate(&t.space[0]);
	arch_probe_users(true);
	/* What the mapper made needs no update. */
	EXPECT(arch_probe(ACCESS_LOAD, place.start, 0).ok);
	EXPECT(arch_probe(ACCESS_STORE, place.start, 7).ok);
	/* And this hart would make none. */
	set_bits(0xc0);
	p = arch_probe(ACCESS_LOAD, place.start, 0);
	EXPECT(!p.ok && p.cause == 13);
	set_bits(0x80);
	EXPECT(arch_probe(ACCESS_LOAD, place.start, 0).ok);
	p = arch_probe(ACCESS_STORE, place.start, 0);
	EXPECT(!p.ok && p.cause == 15);
	set_bits(0);
	arch_probe_users(false);
	umap_activate(NULL);
	tear_down();
}

KTEST(u74, leaves_need_no_update_of_a_and_d)
{
	static void (*const fn[])(void) = {accessed_and_dirty};

	host_bed_run(1, 0, ktest_seed(), fn);
}

static bool means(vaddr_t va, const char *text)
{
	char got[80];

	explain_address(va, got, sizeof(got));
	return !strcmp(got, text);
}

/* As it was, and as it was seen to come back: bits 63 to 39 all as bit 39. */
KTEST(u74, wild_addresses_mean_the_same_when_made_canonical)
{
	unsigned before = kernel_pgtable.levels;

	kernel_pgtable.levels = 3;
	EXPECT(means(0x8000000140005014, "no address in this paging mode"));
	EXPECT(means(0xffffff8140005014, "no address in this paging mode"));
	EXPECT(means(0x0000008000000000, "no address in this paging mode"));
	EXPECT(means(0xffffffbfffffffff, "no address in this paging mode"));
	EXPECT(means(0x0000003fffffffff, "an address of the user half"));
	EXPECT(means(0x8, "null pointer plus 8"));
	EXPECT(means(0xfffffffffffffff8, "null pointer minus 8"));
	kernel_pgtable.levels = before;
}

/* What `test silicon` does to the console's port, and what its driver makes of it. */
KTEST(u74, busy_detect_is_ended_by_the_driver)
{
	const struct uart_layout layout = {2, 4, 0};
	const struct console_device *before = console_current();
	static struct console_input in;
	struct ns n = {.bits = 32, .shift = 2, .dw = true, .depth = 16};
	struct uart u;

	ns_begin(&n);
	REQUIRE(uart_setup(&u, "snps,dw-apb-uart", &uart_window, &layout));
	in = (struct console_input){0};
	u.console.input = &in;
	console_set(&u.console);
	console_input_interrupts(&u.console, true);
	n.busy = 1;
	EXPECT(dw_provoke_busy((void *)uart_window.base));
	EXPECT(ns_raised(&n));
	EXPECT(console_input_raised(&u.console));
	EXPECT(!ns_raised(&n));
	/* Without a driver, by hand. */
	n.busy = 1;
	EXPECT(dw_provoke_busy((void *)uart_window.base));
	EXPECT(dw_end_busy(uart_window.base));
	/* A port that is not busy takes it. */
	n.busy = 0;
	EXPECT(!dw_provoke_busy((void *)uart_window.base));
	EXPECT(!ns_raised(&n));
	EXPECT_EQ(n.lcr, 0x03);
	console_input_interrupts(&u.console, false);
	console_set(before);
	uart_model_end();
	EXPECT_EQ(n.lcr_writes, 3);
	EXPECT_EQ(n.faults, 2); /* those while it was busy */
}

static paddr_t looked_at;

static uint64_t past_caches(const volatile void *at)
{
	uint64_t word;

	(void)at;
	cache_model_read(looked_at, &word, sizeof(word));
	return word;
}

static void do_nothing(struct range pa)
{
	(void)pa;
}

/* What `test silicon` looks at, with a cache that is flushed and one that is not. */
KTEST(u74, a_flush_is_seen_past_the_caches)
{
	static const struct dma_cache broken = {"broken", 64, do_nothing,
						do_nothing, do_nothing};
	const struct dma_cache *const caches[] = {&cache_model, &broken};
	const struct dma_cache *before = dma_cache();
	struct page *p = page_alloc(0, 0);

	looked_at = page_to_phys(p);
	for (unsigned i = 0; i < 2; i++) {
		struct flush_look seen;

		cache_model_begin(64, ktest_seed());
		dma_set_cache(caches[i]);
		seen = flush_look(looked_at, past_caches, NULL);
		EXPECT(!seen.before);
		EXPECT_EQ(seen.after, i == 0);
	}
	dma_set_cache(before);
	cache_model_end();
	page_free(p, 0);
}
