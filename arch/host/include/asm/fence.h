/*
 * The instructions that make a hart forget, on the simulated hart that runs, if
 * a test has given it an MMU (<asm/mmu.h>). Names and operands are those of the
 * kernel's <asm/fence.h>, so that the code above them runs here as it is.
 */
#pragma once

#include <kernel/types.h>

void sfence_vma(void);
void sfence_vma_page(vaddr_t va);
void sfence_vma_asid(uint64_t asid);
void sfence_vma_page_asid(vaddr_t va, uint64_t asid);
void sinval_vma_page(vaddr_t va);
void sinval_vma_page_asid(vaddr_t va, uint64_t asid);
void sfence_w_inval(void);
void sfence_inval_ir(void);
void fence_i(void);

/* Of caches: calls of a model (<host/cache.h>). */
void cbo_inval(vaddr_t va);
void cbo_clean(vaddr_t va);
void cbo_flush(vaddr_t va);

/* <arch/mmu.h> */
static inline void arch_tlb_fence_page(vaddr_t va, unsigned asid)
{
	sfence_vma_page_asid(va, asid);
}

static inline void arch_tlb_fence_space(unsigned asid)
{
	sfence_vma_asid(asid);
}
