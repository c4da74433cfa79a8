/* What is around the harts: the console's port, and the cache between them and
 * RAM. */
#include <stdio.h>

#include <arch/cpu.h>
#include <kernel/console_input.h>
#include <kernel/devtree.h>
#include <kernel/printk.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <lib/errno.h>
#include <mm/layout.h>
#include <mm/mmio.h>
#include <mm/page_alloc.h>

#include "../../kernel/memtest_cache_impl.h"
#include "dw_busy.h"
#include "flush_look.h"
#include "silicon.h"

#define LL(x) ((unsigned long long)(x))

/* --- the console's port --- */

static uint64_t device_interrupts(void)
{
	uint64_t n = 0;

	for_each_cpu (cpu, cpus_online())
		n += *(volatile uint64_t *)&smp_counters((unsigned)cpu)
			      ->devices;
	return n;
}

/* Wait until the port no longer asks, a tenth of a second at most. */
static bool settles(const volatile uint8_t *base)
{
	uint64_t end = arch_time() + time_ticks(100000);

	while (dw_asks_for_busy(base))
		if (arch_time() >= end)
			return false;
	return true;
}

static void provoke(struct mmio *m)
{
	const volatile uint8_t *id = m->base + 0xf8;
	const struct console_input *in = console_input_current();
	bool listens = in && in->irq, asks, over;
	uint64_t flags, before = device_interrupts(), came;

	/* So that there is a byte on its way. */
	kprintf("# a line to keep the port busy\n");
	flags = arch_irq_save();
	asks = dw_provoke_busy(m->base);
	arch_irq_restore(flags);
	over = listens ? settles(m->base) : dw_end_busy(m->base);
	dw_end_busy(m->base);
	came = device_interrupts() - before;
	/* It may be another hart's, and ended before this one looked. */
	asks |= listens && came;
	silicon_say("uart",
		    !over   ? SILICON_FAILED
		    : !asks ? SILICON_DIFFERS
			    : SILICON_OK,
		    "DW, UCV %#x, CTR %#x; LCR written while busy %s, ended "
		    "%s, %llu interrupts",
		    mmio_read32(id), mmio_read32(id + 4),
		    asks ? "interrupts (IIR 7)" : "is taken",
		    !over     ? "by NOBODY"
		    : listens ? "by the driver"
			      : "by reading USR",
		    LL(came));
}

KTEST(silicon, uart)
{
	const struct fdt *t = &machine.fdt;
	fdt_node n = machine.stdout_node;
	uint32_t shift = 0, width = 0, offset = 0;
	struct mmio m;

	if (n == FDT_NONE || !fdt_compatible(t, n, "snps,dw-apb-uart"))
		return silicon_skip("uart",
				    "the console's port is no DW_apb_uart");
	fdt_get_u32(t, n, "reg-shift", &shift);
	fdt_get_u32(t, n, "reg-io-width", &width);
	fdt_get_u32(t, n, "reg-offset", &offset);
	if (shift != 2 || width != 4 || offset ||
	    mmio_map_node(&m, t, n, 0, MMIO_PEEK, "silicon"))
		return silicon_skip("uart", "not a layout to try this on");
	if (m.size < 0x100 || !mmio_answers(m.base + DW_USR, 32) ||
	    !mmio_answers(m.base + 0xf8, 32))
		silicon_skip("uart", "no such registers");
	else
		provoke(&m);
	mmio_unmap(&m);
}

/* --- the cache --- */

/* Where the JH7110 has its RAM once more, past the caches (StarFive JH7110 TRM,
 * system memory map). */
#define JH7110_ALIAS ((paddr_t)0x200000000)

/* Crowd everything else out of a cache of 2 MiB. */
static bool crowd_out(void)
{
	const unsigned order = 11;
	struct page *p = page_alloc(order, 0);
	const volatile uint64_t *word;

	if (!p)
		return false;
	word = phys_to_virt(page_to_phys(p));
	for (uint64_t i = 0; i < PAGE_SIZE << order; i += 64)
		(void)word[i / 8];
	page_free(p, order);
	return true;
}

static uint64_t read_alias(const volatile void *alias)
{
	return mmio_read64(alias);
}

/* A flush that does nothing, or an alias that is none? What is crowded out of the
 * cache is in memory. */
static void compare(struct page *p, const volatile void *alias)
{
	struct flush_look seen = flush_look(page_to_phys(p), read_alias, alias);
	bool late =
		!seen.after && crowd_out() && read_alias(alias) == seen.stored;

	silicon_say("ccache",
		    seen.after ? SILICON_OK
		    : late     ? SILICON_FAILED
			       : SILICON_DIFFERS,
		    "%s: past the cache a store is %s before a flush, %s "
		    "after it%s",
		    dma_cache()->name, seen.before ? "there" : "not there",
		    seen.after ? "there" : "NOT there",
		    seen.after || late ? "" : "; nor later: that is no alias");
}

KTEST(silicon, ccache)
{
	struct page *p;
	struct mmio m;

	if (!dma_cache())
		return silicon_skip("ccache", "nothing that flushes caches");
	if (!fdt_compatible(&machine.fdt, fdt_root(&machine.fdt),
			    "starfive,jh7110"))
		return silicon_skip("ccache", "RAM has no alias to compare");
	p = page_alloc(0, 0);
	if (!p)
		return silicon_skip("ccache", "no memory");
	if (mmio_map(&m, page_to_phys(p) + JH7110_ALIAS, PAGE_SIZE, MMIO_PEEK,
		     "silicon")) {
		silicon_skip("ccache", "the alias can't be mapped");
	} else {
		if (mmio_answers(m.base, 64))
			compare(p, m.base);
		else
			silicon_skip("ccache", "no alias answers");
		mmio_unmap(&m);
	}
	page_free(p, 0);
}

/* --- the memory tester's ways around it --- */

/* The kernel refuses what is no such view; so nothing fails. */
KTEST(silicon, uncached)
{
	struct cache_facts f;
	const char *why;
	int err = cache_mode_begin(CACHE_UNCACHED, &why);

	cache_facts(&f);
	if (!err)
		cache_mode_end();
	if (err && err != -EIO)
		return silicon_skip("uncached", why);
	silicon_say("uncached", err ? SILICON_DIFFERS : SILICON_OK, "%s: %s",
		    f.uncached,
		    err ? why : "leads to RAM, past the caches, both ways");
}

/* "2.7", or "-". */
static const char *ns(char text[24], uint64_t ps)
{
	if (!ps)
		return "-";
	snprintf(text, 24, "%llu.%llu", LL(ps / 1000), LL(ps / 100 % 10));
	return text;
}

KTEST(silicon, latency)
{
	struct cache_report r;
	const char *why = cache_measure(&r);
	bool bad = false;
	char t[5][24];

	if (why)
		return silicon_skip("latency", why);
	/* One that is refused is not used. */
	for (unsigned m = 0; m < CACHE_MODES; m++)
		bad |= !r.mode[m].err && r.mode[m].verdict == CACHE_FAILS;
	silicon_say("latency",
		    bad || r.broken ? SILICON_FAILED
		    : r.mode[CACHE_WB].verdict || r.figures.emulated
			    ? SILICON_OK
			    : SILICON_DIFFERS,
		    "ns per load: cache %s, memory %s, evict %s, flush %s, "
		    "uncached %s%s",
		    ns(t[0], r.figures.hit), ns(t[1], r.figures.memory),
		    ns(t[2], r.mode[CACHE_EVICT].ps),
		    ns(t[3], r.mode[CACHE_FLUSH].ps),
		    ns(t[4], r.mode[CACHE_UNCACHED].ps),
		    r.figures.emulated ? "; an emulator's" : "");
}
