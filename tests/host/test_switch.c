/*
 * A hart that goes from space to space again and again, while another uses up
 * all numbers and frees memory of one of them: the gap between leaving and
 * entering is small, and random steps seldom meet in it.
 */
#include <arch/cpu.h>
#include <kernel/ktest.h>
#include <lib/rng.h>
#include <mm/page_alloc.h>
#include <mm/umap.h>

#include <asm/mmu.h>

#include "host_bed.h"

#define SPACES 6

static struct umap space[SPACES];
static struct rng rng;
static unsigned left;
static bool ready;
static const struct range page = {GIB(1), GIB(1) + PAGE_SIZE};

static void look(void)
{
	struct machine *m =
		container_of(mmu_model_in_use(), struct machine, mmu);

	mmu_sim_prefetch(&m->mmu, arch_cpu(), page.start);
}

static void give_back(struct tlb_gather *g, const struct mapping *m)
{
	tlb_gather_free(g, pfn_to_page(m->pa >> PAGE_SHIFT));
}

static void commuter(void)
{
	host_bed_enter();
	while (!ready)
		arch_relax();
	while (left) {
		umap_activate(&space[0]);
		look();
		umap_activate(&space[1]);
	}
	umap_activate(NULL);
}

static void owner(void)
{
	host_bed_enter();
	for (unsigned i = 0; i < SPACES; i++)
		EXPECT_EQ(umap_init(&space[i]), 0);
	ready = true;
	for (; left; left--) {
		struct page *p = page_alloc(0, 0);

		EXPECT_EQ(umap_map(&space[0], page, page_to_phys(p), VM_READ,
				   ATTR_NORMAL),
			  0);
		for (unsigned i = 0; i < 3; i++)
			umap_activate(&space[rng_below(&rng, SPACES)]);
		umap_activate(&space[0]);
		look();
		EXPECT_EQ(umap_unmap(&space[0], page, give_back), 0);
	}
	umap_activate(NULL);
}

static void clean_up(void)
{
	for (unsigned i = 0; i < SPACES; i++)
		umap_destroy(&space[i]);
}

KTEST(machine, from_space_to_space_while_numbers_run_out)
{
	static void (*const fn[])(void) = {owner, commuter};

	for (unsigned i = 0; i < 4; i++) {
		rng = rng_seed(ktest_seed() + i);
		left = 2000;
		ready = false;
		host_bed_run(2, 2, ktest_seed() + i, fn);
		clean_up();
	}
}
