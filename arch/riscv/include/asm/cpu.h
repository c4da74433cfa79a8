/* RISC-V side of <arch/cpu.h>. Sources: privileged specification 1.12. */
#pragma once

#include <stdint.h>

#include <asm/csr.h>

static inline uint64_t arch_irq_save(void)
{
	return csr_read_clear(sstatus, SSTATUS_SIE) & SSTATUS_SIE;
}

static inline void arch_irq_restore(uint64_t flags)
{
	csr_set(sstatus, flags);
}

static inline void arch_relax(void)
{
	/* PAUSE (Zihintpause): a HINT, so harts without it just go on. */
	__asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x010" ::: "memory");
}

static inline void arch_wait_for_interrupt(void)
{
	__asm__ volatile("wfi" ::: "memory");
}

/* rdtime may be emulated by firmware (it is on the U74): not for hot paths. */
static inline uint64_t arch_time(void)
{
	return csr_read(time);
}

static inline uint64_t arch_instret(void)
{
	return csr_read(instret);
}

static inline void arch_mb(void)
{
	__asm__ volatile("fence iorw, iorw" ::: "memory");
}
