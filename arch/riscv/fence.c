/*
 * Fences on this hart and on others, and interrupts to others.
 *
 * Firmware's calls name harts by a 64-bit mask that starts at some hart id (SBI
 * 2.0, 3.1). Ids can be any numbers, so a set of harts may take several calls:
 * each covers those within 64 ids from the lowest that is left. Every result
 * counts: one bad id makes some firmware refuse a whole call.
 *
 *	cpus	0   1   2   3
 *	ids	4   1   2   70	->  base 1, mask 1011b; base 70, mask 1b
 *
 * Firmware flushes everything when asked for a range larger than it likes
 * (OpenSBI: a page), and nothing when asked for size 0.
 *
 * This file has no instruction of its own: it also runs natively, over a model
 * of the firmware and of the harts.
 */
#include <arch/mmu.h>
#include <arch/smp.h>
#include <asm/features.h>
#include <asm/fence.h>
#include <asm/hartid.h>
#include <asm/sbi.h>
#include <lib/errno.h>

struct riscv_features riscv_features;
uint64_t riscv_hartid[MAX_CPUS];

uint64_t arch_hartid(unsigned cpu)
{
	return riscv_hartid[cpu];
}

static void fence_pages(const struct tlb_fence *f)
{
	const vaddr_t end = f->va.end;
	const uint64_t step = f->step;

	if (f->asid == ASID_ANY)
		for (vaddr_t va = f->va.start; va < end; va += step)
			sfence_vma_page(va);
	else
		for (vaddr_t va = f->va.start; va < end; va += step)
			sfence_vma_page_asid(va, f->asid);
}

/* The same, with one ordering for all pages (Svinval). */
static void invalidate_pages(const struct tlb_fence *f)
{
	sfence_w_inval();
	for (vaddr_t va = f->va.start; va < f->va.end; va += f->step)
		if (f->asid == ASID_ANY)
			sinval_vma_page(va);
		else
			sinval_vma_page_asid(va, f->asid);
	sfence_inval_ir();
}

void arch_tlb_fence(const struct tlb_fence *f)
{
	if (!range_empty(f->va)) {
		if (riscv_features.svinval && range_size(f->va) > f->step)
			invalidate_pages(f);
		else
			fence_pages(f);
	} else if (f->asid == ASID_ANY) {
		sfence_vma();
	} else {
		sfence_vma_asid(f->asid);
	}
}

struct call {
	uint64_t ext, fid;
	uint64_t start, size, asid; /* as far as the function takes them */
};

/* The harts among `cpus` that one call can name; takes them out. */
static uint64_t next_mask(cpumask_t *cpus, uint64_t *base)
{
	uint64_t mask = 0;

	*base = UINT64_MAX;
	for_each_cpu (cpu, *cpus)
		*base = min_u64(*base, riscv_hartid[cpu]);
	for_each_cpu (cpu, *cpus) {
		uint64_t bit = riscv_hartid[cpu] - *base;

		if (bit < 64) {
			mask |= (uint64_t)1 << bit;
			*cpus &= ~cpu_bit((unsigned)cpu);
		}
	}
	return mask;
}

/* Call for all of them, even if one call fails. */
static int call_harts(const struct call *c, cpumask_t cpus)
{
	int err = 0;

	/* What was stored so far is what they find when they are told. */
	arch_smp_mb();
	while (cpus) {
		uint64_t base, mask = next_mask(&cpus, &base);

		if (sbi_call(c->ext, c->fid, mask, base, c->start, c->size,
			     c->asid)
			    .error)
			err = -EIO;
	}
	return err;
}

int arch_tlb_fence_remote(const struct tlb_fence *f, cpumask_t cpus)
{
	bool all = range_empty(f->va);
	struct call c = {
		.ext = SBI_EXT_RFENCE,
		.fid = f->asid == ASID_ANY ? SBI_RFENCE_VMA
					   : SBI_RFENCE_VMA_ASID,
		.start = all ? 0 : f->va.start,
		.size = all ? UINT64_MAX : range_size(f->va),
		.asid = f->asid,
	};

	return call_harts(&c, cpus);
}

void arch_icache_fence(void)
{
	fence_i();
}

int arch_icache_fence_remote(cpumask_t cpus)
{
	struct call c = {SBI_EXT_RFENCE, SBI_RFENCE_I, 0, 0, 0};

	return call_harts(&c, cpus);
}

int arch_ipi_send(cpumask_t cpus)
{
	struct call c = {SBI_EXT_IPI, SBI_IPI_SEND, 0, 0, 0};

	return call_harts(&c, cpus);
}
