/*
 * Dynamic kernel addresses on several harts, which take turns anywhere: each
 * allocates, fills, checks, frees and purges, and opens windows on its memory,
 * while the machine watches every free and every flush (<host/machine.h>).
 */
#include <string.h>

#include <arch/probe.h>
#include <asm/mmu.h>
#include <kernel/ktest.h>
#include <lib/rng.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/reclaim.h>
#include <mm/vmalloc.h>
#include <mm/zone.h>

#include "../../mm/vmalloc_impl.h"
#include "host_bed.h"

#define HARTS 3
#define SLOTS 12

static struct {
	vaddr_t va;
	size_t size;
	bool window;
} slot[HARTS][SLOTS];

static struct page *frame[HARTS]; /* the first of what its windows show */
static struct rng rng;
static uint64_t left;

static uint64_t mark(unsigned cpu, unsigned i)
{
	return 0x1000u * (cpu + 1) + i;
}

static bool probe(enum access kind, vaddr_t va, uint64_t value)
{
	struct probe p = arch_probe(kind, va, value);

	return p.ok && (kind != ACCESS_LOAD || p.value == value);
}

static void take(unsigned cpu, unsigned i)
{
	size_t size = (1 + rng_below(&rng, 6)) * PAGE_SIZE;
	bool window = !rng_below(&rng, 3);
	vaddr_t va;

	if (window) {
		va = vmap(page_to_phys(frame[cpu]), size, VM_READ | VM_WRITE,
			  ATTR_NORMAL);
	} else {
		va = (vaddr_t)(uintptr_t)vmalloc(size, 0);
	}
	if (!va)
		return;
	slot[cpu][i].va = va;
	slot[cpu][i].size = size;
	slot[cpu][i].window = window;
	EXPECT(probe(ACCESS_STORE, va + 8 * i, mark(cpu, i)));
	EXPECT(probe(ACCESS_STORE, va + size - 8 - 8 * i, mark(cpu, i)));
	EXPECT(!probe(ACCESS_STORE, va + size, 0));
}

/* All harts look there, as if of their own accord. */
static void tempt(vaddr_t va)
{
	struct mmu_sim *sim = mmu_model_in_use();

	for (unsigned cpu = 0; cpu < HARTS; cpu++)
		mmu_sim_prefetch(sim, cpu, va);
}

static void give(unsigned cpu, unsigned i)
{
	vaddr_t va = slot[cpu][i].va;
	size_t size = slot[cpu][i].size;

	EXPECT(probe(ACCESS_LOAD, va + 8 * i, mark(cpu, i)));
	EXPECT(probe(ACCESS_LOAD, va + size - 8 - 8 * i, mark(cpu, i)));
	slot[cpu][i].va = 0;
	tempt(va);
	if (slot[cpu][i].window)
		vunmap(va);
	else
		vfree((void *)(uintptr_t)va);
	tempt(va);
}

static void hart(void)
{
	unsigned cpu = arch_cpu();

	host_bed_enter();
	while (left) {
		unsigned i = (unsigned)rng_below(&rng, SLOTS);

		left--;
		if (slot[cpu][i].va)
			give(cpu, i);
		else
			take(cpu, i);
		if (!rng_below(&rng, 50))
			vmalloc_purge();
		/* Whatever the others are about. */
		if (!rng_below(&rng, 20))
			EXPECT_EQ(vmalloc_check(), NULL);
	}
	for (unsigned i = 0; i < SLOTS; i++)
		if (slot[cpu][i].va)
			give(cpu, i);
	vmalloc_purge();
}

KTEST(vmalloc_host, harts_never_meet_in_each_other_s_memory)
{
	static void (*const harts[HARTS])(void) = {hart, hart, hart};
	struct vmalloc_stats s;
	uint64_t before;

	rng = rng_seed(ktest_seed());
	for (uint64_t n = ktest_ops() / 50000 + 1; n; n--) {
		reclaim();
		before = zone_used_frames();
		for (unsigned i = 0; i < HARTS; i++)
			frame[i] = page_alloc(3, 0);
		left = 500;
		host_bed_run(HARTS, 0, rng_next(&rng), harts);
		for (unsigned i = 0; i < HARTS; i++)
			page_free(frame[i], 3);
		reclaim();
		EXPECT_EQ(zone_used_frames(), before);
		vmalloc_stats(&s);
		EXPECT_EQ(s.areas + s.lazy, 0);
	}
}

/* In a panic, somebody may hold the lock for ever. */
KTEST(vmalloc_host, explaining_waits_for_no_lock)
{
	char text[160] = "";
	uint64_t flags = vm_lock();

	vmalloc_explain(VMALLOC_BASE, text, sizeof(text));
	vm_unlock(flags);
	EXPECT(strstr(text, "can't be told"));
	vmalloc_explain(VMALLOC_BASE, text, sizeof(text));
	EXPECT(strstr(text, "nobody"));
}
