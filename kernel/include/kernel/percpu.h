/* Making copies of the per-hart variables of <kernel/cpu.h>. */
#pragma once

#include <kernel/cpu.h>

/* The first thing that boot does: the variables have their initial values. */
void percpu_init(void);

/* Variables for cpu, as they were then; percpu_offset[cpu] leads to them. For
 * ever. Returns 0 or -ENOMEM. */
int percpu_add(unsigned cpu);
