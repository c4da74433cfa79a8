/* The kernel out of the way, while all other harts have work to do. */
#include <stdio.h>
#include <string.h>

#include <kernel/displace.h>
#include <kernel/ktest.h>
#include <kernel/shell.h>
#include <kernel/smp.h>
#include <lib/errno.h>
#include <lib/rng.h>
#include <mm/kmalloc.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/umap.h>
#include <mm/vmalloc.h>
#include <mm/zone.h>

#define THINGS 32

enum kind { NOTHING, FRAMES, OBJECT, AREA };

struct thing {
	enum kind kind;
	struct page *page;
	uint64_t *at;
	size_t words;
};

struct load {
	struct smp_work work;
	struct rng rng;
	struct thing thing[THINGS];
	uint64_t wrong, turns;
};

static bool stop; /* (a) */

static void take(struct load *l, struct thing *t)
{
	unsigned order = (unsigned)rng_below(&l->rng, 3);

	t->kind = FRAMES + (enum kind)rng_below(&l->rng, 3);
	t->words = (PAGE_SIZE << order) / 8;
	if (t->kind == FRAMES) {
		t->page = page_alloc(order, 0);
		t->at = t->page ? phys_to_virt(page_to_phys(t->page)) : NULL;
	} else if (t->kind == OBJECT) {
		t->words = 1 + rng_below(&l->rng, 200);
		t->at = kmalloc(8 * t->words, 0);
	} else {
		t->at = vmalloc(8 * t->words, 0);
	}
	if (!t->at)
		t->kind = NOTHING;
	for (size_t i = 0; t->at && i < t->words; i++)
		t->at[i] = (uintptr_t)(t->at + i) * 3;
}

static void give(struct load *l, struct thing *t)
{
	for (size_t i = 0; i < t->words; i++)
		l->wrong += t->at[i] != (uintptr_t)(t->at + i) * 3;
	if (t->kind == FRAMES)
		page_free(t->page, t->page->order);
	else if (t->kind == OBJECT)
		kfree(t->at);
	else
		vfree(t->at);
	t->kind = NOTHING;
}

static void work(void *arg)
{
	struct load *l = arg;

	for (; !__atomic_load_n(&stop, __ATOMIC_RELAXED); l->turns++) {
		struct thing *t = &l->thing[rng_below(&l->rng, THINGS)];

		if (t->kind == NOTHING)
			take(l, t);
		else
			give(l, t);
	}
	for (unsigned i = 0; i < THINGS; i++)
		if (l->thing[i].kind != NOTHING)
			give(l, &l->thing[i]);
}

/* A round more for each 10^6 steps. */
KTEST(stress, every_block_displaced_under_load)
{
	cpumask_t others = cpus_online() & ~cpu_bit(arch_cpu());
	struct load *loads = kcalloc(MAX_CPUS, sizeof(*loads), 0);
	uint64_t n = displace_count();
	char line[48];

	REQUIRE(loads);
	stop = false;
	for_each_cpu (cpu, others) {
		loads[cpu].work =
			(struct smp_work){.fn = work, .arg = &loads[cpu]};
		loads[cpu].rng = rng_seed(ktest_seed() + cpu);
		smp_run((unsigned)cpu, &loads[cpu].work);
	}
	snprintf(line, sizeof(line), "displace all --rounds %llu",
		 (unsigned long long)(1 + ktest_ops() / 1000000));
	EXPECT_EQ(shell_execute(line), 0);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for_each_cpu (cpu, others) {
		smp_wait(&loads[cpu].work);
		EXPECT_EQ(loads[cpu].wrong, 0);
		EXPECT(loads[cpu].turns > 0);
	}
	EXPECT(displace_count() > n);
	EXPECT(!displaced());
	kfree(loads);
}

static void never(void *arg, volatile uint64_t *view)
{
	(void)view;
	*(bool *)arg = true;
}

KTEST(displace, refusals_have_no_effect)
{
	struct page *p = page_alloc(9, 0), *q = page_alloc(9, 0);
	struct displace d = {.harts = cpu_bit(arch_cpu()), .run = never};
	uint64_t used;
	bool ran = false;

	if (!p || !q) {
		if (p)
			page_free(p, 9);
		return ktest_skip("no two blocks are free");
	}
	d.arg = &ran;
	d.spare = page_to_phys(p);
	d.block = range_make(d.spare, d.spare + DISPLACE_BLOCK);
	EXPECT_EQ(displace(&d), -EINVAL); /* onto itself */
	d.block = range_make(page_to_phys(q), page_to_phys(q) + DISPLACE_BLOCK);
	d.harts = 0;
	EXPECT_EQ(displace(&d), -EINVAL);
	d.harts = cpu_bit(arch_cpu());
	EXPECT(!ran);
	used = zone_used_frames();
	EXPECT_EQ(displace(&d), 0);
	EXPECT(ran);
	EXPECT_EQ(zone_used_frames(), used);
	page_free(p, 9);
	page_free(q, 9);
}
