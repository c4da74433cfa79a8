/* Allocators under load (../stress/stress.h), on harts that are simulated, each
 * seed another interleaving; or threads, under ThreadSanitizer. */
#include <host/harts.h>
#include <host/ram.h>
#include <kernel/ktest.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/tlb.h>
#include <mm/vmalloc.h>

#include "../stress/stress.h"

static struct stress_config config;

#define LEVELS 4

/* Tables that no hart walks, for vmalloc(); the first chunk of its addresses
 * keeps a table, as the kernel's root is complete. */
static void make_tables(struct tlb_gather *g)
{
	struct range keep = {ARENA_BASE, ARENA_BASE + PAGE_SIZE};

	EXPECT_EQ(pgtable_init(&kernel_pgtable, LEVELS,
			       pgtable_upper_half(LEVELS), &page_tables),
		  0);
	kmap_arena = range_make(ARENA_BASE, ARENA_BASE + GIB(2));
	EXPECT_EQ(pgtable_map(&kernel_pgtable, keep, 0, VM_READ, ATTR_IO, g),
		  0);
	tlb_flush(g);
	vmalloc_init();
}

static void hart(void)
{
	EXPECT_EQ(stress_run(&config), 0);
}

static void run(unsigned harts)
{
	void (*const fn[HARTS_MAX])(void) = {hart, hart, hart, hart,
					     hart, hart, hart, hart};
	const struct harts_hooks hooks = {.ipi = NULL};
	struct tlb_gather g;

	config = (struct stress_config){
		.harts = harts,
		.seed = ktest_seed(),
		.ops = ktest_ops() / 4 / harts + 1,
	};
	tlb_gather_init(&g, NULL);
	make_tables(&g);
	tlb_init(harts, false);
	harts_run(harts, fn, &hooks, config.seed);
	pgtable_destroy(&kernel_pgtable, &g);
	tlb_flush(&g);
}

KTEST(stress, allocators_on_1_hart)
{
	run(1);
}

KTEST(stress, allocators_on_2_harts)
{
	run(2);
}

KTEST(stress, allocators_on_4_harts)
{
	run(4);
}

KTEST(stress, allocators_on_8_harts)
{
	run(8);
}
