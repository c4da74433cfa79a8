/*
 * What mm/ and kernel/ need of the hart they run on. Each architecture
 * supplies these, some of them inline by <asm/cpu.h>.
 *
 *	unsigned arch_cpu(void)			index of this hart (<kernel/cpu.h>)
 *	uint64_t arch_percpu_offset(void)	percpu_offset[arch_cpu()]
 *	uint64_t arch_irq_save(void)		interrupts off, earlier state out
 *	void arch_irq_restore(uint64_t)		back to the state that save gave
 *	bool arch_irq_enabled(void)
 *	void arch_irq_enable(void)		for the first time
 *	void arch_relax(void)			a hint inside a spin loop
 *	void arch_wait_for_interrupt(void)	idle until something may be pending,
 *						even with interrupts off; may
 *						return for no reason
 *	uint64_t arch_time(void)		ticks since some start, all harts
 *	void arch_timer_set(uint64_t at)	kernel_timer() is called on this hart
 *						once arch_time() >= at, with
 *						interrupts off; replaces what was
 *						set before; UINT64_MAX: never
 *	bool arch_timer_works(void)		false: it never will be
 *	uint64_t arch_instret(void)		instructions retired by this hart
 *	void arch_smp_mb(void)			orders all earlier memory accesses
 *						before all later ones, for other
 *						harts
 *	void arch_mb(void)			the same, for devices too
 *
 * Interrupts that come in call these, with interrupts off, on the stack of
 * whatever they interrupted:
 */
#pragma once

#include <asm/cpu.h>
#include <kernel/types.h>

void arch_timer_set(uint64_t at);
bool arch_timer_works(void);

/* arch_ipi_send() was called for this hart, once or more (kernel/smp.c). */
void kernel_ipi(void);

/* The time that arch_timer_set() asked for has come (kernel/smp.c). It goes on
 * interrupting until a later one is set. */
void kernel_timer(void);
