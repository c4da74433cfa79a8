/* Page frames on simulated harts, which take turns in the middle of everything. */
#include <host/harts.h>

#include "../unit/frames_stress.h"
#include "../unit/slab_bed.h"

#define HARTS 4

static struct stress_hart hart[HARTS];

static void run(void)
{
	stress_run(&hart[arch_cpu()]);
}

KTEST(frames_harts, blocks_have_one_owner)
{
	static void (*const fn[HARTS])(void) = {run, run, run, run};
	const struct harts_hooks hooks = {.yield = NULL};
	uint64_t before = frames_used();
	pfn_t at = 0;

	for (unsigned round = 0; round < 8; round++) {
		for (unsigned i = 0; i < HARTS; i++)
			hart[i] = (struct stress_hart){
				.rng = rng_seed(ktest_seed() + round * 8 + i),
				.steps = ktest_ops() / 8 / HARTS / 4,
			};
		harts_run(HARTS, fn, &hooks, ktest_seed() + round);
		stress_end(&hart[0]);
		for (unsigned i = 0; i < HARTS; i++)
			EXPECT_EQ(hart[i].foreign, 0);
		EXPECT(!page_audit(&at));
		EXPECT_EQ(frames_used(), before);
	}
}
