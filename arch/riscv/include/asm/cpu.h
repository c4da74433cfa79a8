/* RISC-V side of <arch/cpu.h>. Sources: privileged specification 1.12. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <asm/csr.h>
#include <asm/hart.h>

static inline unsigned arch_cpu(void)
{
	uint64_t cpu;

	/* Once for several uses, but for calls between them. */
	__asm__("lwu %0, %1(tp)"
		: "=r"(cpu)
		: "i"(offsetof(struct arch_hart, cpu)), HART_CHANGES);
	if (cpu >= HART_MAX)
		__builtin_unreachable();
	return (unsigned)cpu;
}

static inline uint64_t arch_percpu_offset(void)
{
	uint64_t offset;

	__asm__("ld %0, %1(tp)"
		: "=r"(offset)
		: "i"(offsetof(struct arch_hart, percpu_offset)), HART_CHANGES);
	return offset;
}

static inline uint64_t arch_irq_save(void)
{
	return csr_read_clear(sstatus, SSTATUS_SIE) & SSTATUS_SIE;
}

static inline void arch_irq_restore(uint64_t flags)
{
	csr_set(sstatus, flags);
}

static inline bool arch_irq_enabled(void)
{
	return csr_read(sstatus) & SSTATUS_SIE;
}

static inline void arch_irq_enable(void)
{
	csr_set(sstatus, SSTATUS_SIE);
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

static inline void arch_smp_mb(void)
{
	__asm__ volatile("fence rw, rw" ::: "memory");
}

static inline void arch_mb(void)
{
	__asm__ volatile("fence iorw, iorw" ::: "memory");
}
