/* RAM: does it hold what is stored, and does it end where the tree says? */
#include <arch/cpu.h>
#include <kernel/devtree.h>
#include <kernel/printk.h>
#include <kernel/ram.h>
#include <memtest/memtest.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>

#include "../../mm/dma_impl.h"
#include "../../mm/kmap_impl.h"
#include "silicon.h"

#define LL(x) ((unsigned long long)(x))

/* --- where it ends --- */

/* The last word of a bank, if it is mapped. What is behind it, nobody may look at:
 * the bus might never answer. */
static bool last_word_answers(struct range bank)
{
	paddr_t last = align_down(bank.end, PAGE_SIZE) - 8;
	const struct region *r = memblock_at(&ram, last);

	/* What is out of reach or closed says nothing. */
	if (!r || !kmap_shows(r->type))
		return true;
	return arch_probe(ACCESS_LOAD, (vaddr_t)(uintptr_t)phys_to_virt(last),
			  0)
		.ok;
}

KTEST(silicon, ram_end)
{
	unsigned dead = 0;

	for (unsigned i = 0; i < machine.nmemory; i++)
		dead += !last_word_answers(machine.memory[i]);
	silicon_say("ram_end", silicon_ok_if(!dead),
		    "the last word of %u of %u banks can be read",
		    machine.nmemory - dead, machine.nmemory);
}

/* --- does the upper part lie on the lower one again? --- */

static volatile uint64_t *word_at(paddr_t pa)
{
	return phys_to_virt(pa);
}

/* Past the caches, as far as there is a means to. */
static void to_memory(paddr_t pa)
{
	if (dma_cache())
		dma_flush(range_make(pa, pa + 64));
}

/* Are these two one word? The upper one is ours; the lower stays as it is even if
 * they are. */
static bool same_word(paddr_t upper, paddr_t lower)
{
	uint64_t flags = arch_irq_save(), before, mine;
	bool same;

	/* So that no cache writes it over what is stored now. */
	to_memory(lower);
	before = *word_at(lower);
	mine = *word_at(upper);
	*word_at(upper) = ~before;
	to_memory(upper);
	to_memory(lower);
	same = *word_at(lower) == ~before;
	*word_at(upper) = same ? before : mine;
	to_memory(upper);
	to_memory(lower);
	arch_irq_restore(flags);
	return same;
}

/* The highest page to be had at once. */
static struct page *high_page(void)
{
	for (unsigned i = ram.n; i-- > 0;) {
		struct range r = ram.region[i].range;
		struct page *p = NULL;

		if (ram.region[i].type != REGION_FREE)
			continue;
		if (range_size(r) > MIB(4))
			r.start = r.end - MIB(4);
		p = page_alloc_within(
			0,
			range_make(r.start >> PAGE_SHIFT, r.end >> PAGE_SHIFT),
			0);
		if (p)
			return p;
	}
	return NULL;
}

KTEST(silicon, ram_wraps)
{
	struct page *p = high_page();
	paddr_t upper, wraps = 0;
	unsigned tried = 0;

	if (!p)
		return silicon_skip("ram_wraps", "no page at the end of RAM");
	upper = page_to_phys(p);
	for (uint64_t size = MIB(1); size < upper; size *= 2) {
		const struct region *r = memblock_at(&ram, upper - size);

		if (!r || !kmap_shows(r->type))
			continue;
		tried++;
		if (same_word(upper, upper - size))
			wraps = size;
	}
	page_free(p, 0);
	silicon_say("ram_wraps", silicon_ok_if(!wraps),
		    "the page at %#llx is %s of %u lower ones (%s)", LL(upper),
		    wraps ? "ONE" : "none", tried,
		    dma_cache() ? "flushed" : "as caches have them");
}

/* --- does it hold what is stored? --- */

#define ORDER 6

static struct memtest_region piece;

static void spread(void *arg, void (*fn)(void *ctx, unsigned worker), void *ctx)
{
	(void)arg;
	fn(ctx, 0);
}

static bool next(void *arg, unsigned share, struct memtest_cursor *c,
		 struct memtest_region *r)
{
	(void)arg, (void)share;
	*r = piece;
	return c->offset++ == 0;
}

static void error(void *arg, unsigned worker, const struct memtest_error *e)
{
	(void)arg, (void)worker, (void)e;
}

/* What is stored must come back from RAM, not from a cache. */
static void expel_all(void *arg, unsigned worker)
{
	(void)arg, (void)worker;
	if (dma_cache())
		dma_flush(range_make(piece.pa, piece.pa + piece.nwords * 8));
}

static bool expel(void *arg, volatile uint64_t *p)
{
	(void)p;
	expel_all(arg, 0);
	return dma_cache();
}

KTEST(silicon, dram)
{
	static const struct memtest_ops ops = {
		.spread = spread,
		.next = next,
		.test_start = memtest_ignore_test,
		.test_end = memtest_ignore_test,
		.progress = memtest_go_on,
		.hold = memtest_ignore_hold,
		.error = error,
		.expel_all = expel_all,
		.expel = expel,
	};
	struct page *p = page_alloc(ORDER, 0);
	struct memtest_config c = {
		.ops = &ops,
		.workers = 1,
		.tests = memtest_profile(MEMTEST_STANDARD),
		.passes = 1,
		.seed = ktest_seed(),
	};
	struct memtest_result result;

	if (!p)
		return silicon_skip("dram", "no memory");
	piece = (struct memtest_region){
		.words = word_at(page_to_phys(p)),
		.nwords = (PAGE_SIZE << ORDER) / 8,
		.pa = page_to_phys(p),
	};
	memtest_run(&c, &result);
	page_free(p, ORDER);
	silicon_say("dram", silicon_ok_if(!result.errors),
		    "%llu KiB at %#llx, %llu words did not hold; memtest looks "
		    "at all",
		    LL(result.tested >> 10), LL(piece.pa), LL(result.errors));
}
