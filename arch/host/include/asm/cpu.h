/*
 * Native side of <arch/cpu.h>: the simulated hart that runs (<host/harts.h>),
 * or the thread that runs the tests, which is hart 0 then.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

unsigned arch_cpu(void);
uint64_t arch_percpu_offset(void);
uint64_t arch_irq_save(void);
void arch_irq_restore(uint64_t flags);
bool arch_irq_enabled(void);
void arch_irq_enable(void);
void arch_relax(void);
void arch_wait_for_interrupt(void);
uint64_t arch_time(void);
void arch_timer_set(uint64_t at);
uint64_t arch_instret(void);
void arch_smp_mb(void);

static inline void arch_mb(void)
{
	arch_smp_mb();
}
