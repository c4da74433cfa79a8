/*
 * The instructions that make a hart forget translations and instructions
 * (privileged specification, SFENCE.VMA and Svinval; Zifencei). rs1 is the
 * address, rs2 the ASID; a register that holds 0 is not x0. And those that make
 * caches write back or forget a block (Zicbom), by number as the others that the
 * assembler may not know.
 */
#pragma once

#include <kernel/types.h>

static inline void sfence_vma(void)
{
	__asm__ volatile("sfence.vma" ::: "memory");
}

static inline void sfence_vma_page(vaddr_t va)
{
	__asm__ volatile("sfence.vma %0, zero" ::"r"(va) : "memory");
}

static inline void sfence_vma_asid(uint64_t asid)
{
	__asm__ volatile("sfence.vma zero, %0" ::"r"(asid) : "memory");
}

static inline void sfence_vma_page_asid(vaddr_t va, uint64_t asid)
{
	__asm__ volatile("sfence.vma %0, %1" ::"r"(va), "r"(asid) : "memory");
}

/* <arch/mmu.h> */
static inline void arch_tlb_fence_page(vaddr_t va, unsigned asid)
{
	sfence_vma_page_asid(va, asid);
}

static inline void arch_tlb_fence_space(unsigned asid)
{
	sfence_vma_asid(asid);
}

/* SINVAL.VMA, by number: the assembler may not know Svinval. */
static inline void sinval_vma_page(vaddr_t va)
{
	__asm__ volatile(".insn r 0x73, 0, 0x0b, x0, %0, x0" ::"r"(va)
			 : "memory");
}

static inline void sinval_vma_page_asid(vaddr_t va, uint64_t asid)
{
	__asm__ volatile(".insn r 0x73, 0, 0x0b, x0, %0, %1" ::"r"(va),
			 "r"(asid)
			 : "memory");
}

/* Earlier stores come before later SINVAL.VMAs. */
static inline void sfence_w_inval(void)
{
	__asm__ volatile(".word 0x18000073" ::: "memory");
}

/* Earlier SINVAL.VMAs come before later walks. */
static inline void sfence_inval_ir(void)
{
	__asm__ volatile(".word 0x18100073" ::: "memory");
}

static inline void fence_i(void)
{
	__asm__ volatile("fence.i" ::: "memory");
}

/* CBO.INVAL, CBO.CLEAN, CBO.FLUSH: rs1 is any address in the block. */
static inline void cbo_inval(vaddr_t va)
{
	__asm__ volatile(".insn i 0x0f, 2, x0, %0, 0" ::"r"(va) : "memory");
}

static inline void cbo_clean(vaddr_t va)
{
	__asm__ volatile(".insn i 0x0f, 2, x0, %0, 1" ::"r"(va) : "memory");
}

static inline void cbo_flush(vaddr_t va)
{
	__asm__ volatile(".insn i 0x0f, 2, x0, %0, 2" ::"r"(va) : "memory");
}
