/*
 * The `tlbcross` command: from how many pages on is it cheaper to forget
 * everything than page by page? Forgetting everything has a price that is paid
 * later, so each run then touches a working set, which has to be walked again.
 *
 * By time, since no instruction counter sees what a fence costs.
 */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <kernel/time.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>

#define PAGES 512u /* most that are fenced one by one */
#define WORK  64u  /* pages of the working set */
#define RUNS  200u

static vaddr_t base;

static void touch(void)
{
	for (unsigned i = 0; i < WORK; i++)
		*(volatile char *)(uintptr_t)(base + i * PAGE_SIZE);
}

/* Ticks of RUNS runs; the fastest of five. */
static uint64_t measure(const struct tlb_fence *f)
{
	uint64_t best = UINT64_MAX;

	for (unsigned k = 0; k < 5; k++) {
		uint64_t flags = arch_irq_save(), start = arch_time();

		for (unsigned i = 0; i < RUNS; i++) {
			if (f)
				arch_tlb_fence(f);
			touch();
		}
		best = min_u64(best, arch_time() - start);
		arch_irq_restore(flags);
	}
	return best;
}

static void print(unsigned pages, uint64_t range, uint64_t all, uint64_t none)
{
	kprintf("tlbcross: %3u pages: one by one %8llu, everything %8llu, "
		"nothing %8llu ticks\n",
		pages, (unsigned long long)range, (unsigned long long)all,
		(unsigned long long)none);
}

static int cross(void)
{
	const struct tlb_fence all = {.asid = ASID_ANY};
	unsigned first = 0;

	kprintf("tlbcross: %u runs, each followed by loads from %u pages\n",
		RUNS, WORK);
	for (unsigned n = 1; n <= PAGES; n *= 2) {
		/* Not the working set: what lies behind it. */
		vaddr_t at = base + WORK * PAGE_SIZE;
		const struct tlb_fence range = {
			{at, at + n * PAGE_SIZE}, PAGE_SIZE, ASID_ANY};
		uint64_t r = measure(&range), a = measure(&all);

		print(n, r, a, measure(NULL));
		if (r > a && !first)
			first = n;
		if (shell_interrupted())
			return SHELL_INTERRUPTED;
	}
	if (first)
		kprintf("tlbcross: everything is cheaper from %u pages on\n",
			first);
	else
		kprintf("tlbcross: everything was never cheaper\n");
	return 0;
}

static int cmd_tlbcross(int argc, char **argv)
{
	struct page *p = page_alloc(0, 0);
	uint64_t mapped = 0;
	struct range va;
	int status = 1;

	(void)argc;
	(void)argv;
	base = align_up(kmap_arena.start, MIB(2)) + PAGE_SIZE;
	va = range_make(base, base + WORK * PAGE_SIZE);
	/* All to one frame: a leaf for each page all the same. */
	for (vaddr_t at = va.start; p && at < va.end; at += PAGE_SIZE) {
		if (kmap_map(range_make(at, at + PAGE_SIZE), page_to_phys(p),
			     VM_READ, ATTR_NORMAL))
			break;
		mapped += PAGE_SIZE;
	}
	if (mapped == range_size(va))
		status = cross();
	else
		kprintf("tlbcross: out of memory\n");
	kmap_unmap(va);
	if (p)
		page_free(p, 0);
	return status;
}
COMMAND(tlbcross, cmd_tlbcross, "",
	"from how many pages on it is cheaper to forget everything");
