/*
 * Frames are retired while harts allocate and free, on simulated harts that take
 * turns in the middle of everything: no mark is lost, whoever frees the block
 * just then (mm/buddy_retire.c).
 */
#include <host/harts.h>
#include <kernel/printk.h>
#include <lib/errno.h>
#include <mm/fail.h>
#include <mm/retire.h>

#include "../unit/frames_stress.h"
#include "../unit/slab_bed.h"

#define HARTS 4
#define MOST  24

static struct stress_hart hart[HARTS];
static struct range bad[MOST]; /* by the time that the function returned */
static unsigned nbad;
static struct page *going; /* a hart is about to free it */
static uint64_t seen;

/* Frames that are bad are in no block that was just allocated. */
static void allocate(void)
{
	struct stress_hart *h = &hart[arch_cpu()];

	for (uint64_t i = 0; i < h->steps; i++) {
		struct page **own = &h->own[rng_below(&h->rng, STRESS_OWN)];
		unsigned n = nbad;

		if (*own) {
			going = *own;
			stress_free(h, *own);
		}
		*own = stress_alloc(h);
		for (unsigned k = 0; *own && k < n; k++) {
			paddr_t pa = page_to_phys(*own);

			seen += range_overlaps(
				bad[k],
				range_make(pa,
					   pa + (PAGE_SIZE << (*own)->order)));
		}
	}
	for (unsigned i = 0; i < STRESS_OWN; i++) {
		stress_free(h, h->own[i]);
		h->own[i] = NULL;
	}
}

/* Retire frames of blocks that other harts have, or are about to free. */
static void retire(void)
{
	struct stress_hart *h = &hart[arch_cpu()];

	while (nbad < MOST) {
		struct stress_hart *o =
			&hart[1 + rng_below(&h->rng, HARTS - 1)];
		struct page *p = o->own[rng_below(&h->rng, STRESS_OWN)];
		paddr_t pa;

		harts_yield();
		if (rng_below(&h->rng, 4))
			p = going;
		if (rng_below(&h->rng, p ? 8 : 1000))
			continue;
		pa = p ? page_to_phys(p + !!p->order)
		       : page_to_phys(
				 pfn_to_page(zone_buddy(0)->seed[0].start));
		bad[nbad] = range_make(pa, pa + PAGE_SIZE);
		page_retire(bad[nbad]);
		nbad++;
	}
}

KTEST(retire_harts, no_mark_is_lost)
{
	static void (*const fn[HARTS])(void) = {retire, allocate, allocate,
						allocate};
	const struct harts_hooks hooks = {.yield = NULL};
	uint64_t before = frames_used();
	pfn_t at = 0;

	for (uint64_t round = 0; round < ktest_ops() / 1000 + 1; round++) {
		nbad = 0;
		seen = 0;
		for (unsigned i = 0; i < HARTS; i++)
			hart[i] = (struct stress_hart){
				.rng = rng_seed(ktest_seed() + round * 8 + i),
				.steps = 250,
			};
		harts_run(HARTS, fn, &hooks, ktest_seed() + round);
		/* The harts have no block now. What was freed when it was
		 * found may be the page map's since, or a slab's. */
		for (unsigned i = 0; i < nbad; i++)
			EXPECT(!page_is_free(bad[i].start >> PAGE_SHIFT));
		EXPECT_EQ(seen, 0);
		EXPECT(!page_audit(&at));
		while (page_bad()->n)
			EXPECT(page_unretire(page_bad()->range[0]));
		EXPECT_EQ(frames_used(), before);
	}
}

/* Every other frame of a block, as many as no list has room for at first; then
 * without any memory for more. */
static void many(bool memory)
{
	struct page *p = page_alloc(10, 0);
	uint64_t frames = (uint64_t)1 << 10, listed = 0;
	pfn_t at = 0;

	REQUIRE(p);
	if (!memory)
		fail_arm(1, true);
	for (uint64_t i = 0; i < frames; i += 2) {
		paddr_t pa = page_to_phys(p + i);

		page_retire(range_make(pa, pa + PAGE_SIZE));
	}
	fail_arm(0, false);
	page_free(p, 10);
	EXPECT(!page_audit(&at));
	listed = range_set_sum(page_bad()) >> PAGE_SHIFT;
	EXPECT(memory ? listed == frames / 2 : listed < frames);
	EXPECT_EQ(zone_sums().bad, listed);
	for (uint64_t i = 0; i < frames; i += 2)
		EXPECT(page_is_bad(page_to_pfn(p + i)));
	while (page_bad()->n)
		EXPECT(page_unretire(page_bad()->range[0]));
	EXPECT_EQ(zone_sums().bad, 0);
	EXPECT(!page_audit(&at));
}

KTEST(retire_list, without_memory_ranges_join)
{
	uint64_t before = frames_used();

	printk_set_console_level(LOG_ERR); /* it says so each time */
	many(false);
	printk_set_console_level(LOG_INFO);
	EXPECT_EQ(frames_used(), before);
}

KTEST(retire_list, grows)
{
	many(true);
}

/* A block that its owner is about to free; the hook retires it, once. */
static struct page *victim;
static bool marked;

/* Here this hart could serve an interrupt: then a mark that is set now must be
 * respected. */
static void mark(void *ctx)
{
	struct page *p = victim;

	(void)ctx;
	if (!p || !arch_irq_enabled() || p->state != PAGE_USED)
		return;
	victim = NULL;
	marked = true;
	EXPECT_EQ(buddy_retire(zone_buddy(page_to_phys(p) >= GIB(4)),
			       page_to_pfn(p)),
		  -EAGAIN);
}

static void free_marked(void)
{
	unsigned marks = 0;

	for (uint64_t i = 0; i < ktest_ops() / 10; i++) {
		unsigned order = i % 3 ? 0 : 2;
		struct page *p = page_alloc(order, 0);
		paddr_t pa = page_to_phys(p);

		page_condemn(range_make(pa, pa + PAGE_SIZE));
		marked = false;
		victim = p;
		page_free(p, order);
		victim = NULL;
		marks += marked;
		if (marked && !page_is_bad(page_to_pfn(p)))
			ktest_fail(__FILE__, __LINE__, "a mark was lost");
		EXPECT(page_unretire(range_make(pa, pa + PAGE_SIZE)));
	}
	EXPECT(marks);
}

KTEST(retire_harts, a_mark_between_two_steps)
{
	static void (*const fn[])(void) = {free_marked};
	const struct harts_hooks hooks = {.yield = mark};
	uint64_t before = frames_used();
	pfn_t at = 0;

	for (unsigned round = 0; round < 8; round++)
		harts_run(1, fn, &hooks, ktest_seed() + round);
	EXPECT(!page_audit(&at));
	EXPECT_EQ(frames_used(), before);
}
