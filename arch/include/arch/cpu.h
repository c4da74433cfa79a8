/*
 * What mm/ and kernel/ need of the hart they run on. Each architecture
 * supplies these, some of them inline by <asm/cpu.h>.
 *
 *	uint64_t arch_irq_save(void)		interrupts off, earlier state out
 *	void arch_irq_restore(uint64_t)		back to the state that save gave
 *	void arch_relax(void)			a hint inside a spin loop
 *	void arch_wait_for_interrupt(void)	idle until something may be pending
 *	uint64_t arch_time(void)		ticks since some start, all harts
 *	uint64_t arch_instret(void)		instructions retired by this hart
 *	void arch_mb(void)			orders all earlier memory and device
 *						accesses before all later ones
 */
#pragma once

#include <asm/cpu.h>
