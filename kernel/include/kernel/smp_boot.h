/* Bringing up the harts. */
#pragma once

#include <kernel/cpu.h>

/*
 * Start all harts that the device tree calls usable, and wait until they are
 * online, for smptimeout= milliseconds (10,000) at most, in all. One that
 * firmware refuses or that stays away is told; it will not come later either.
 * maxcpus= limits how many run. Interrupts are on from here on. Once, by the
 * boot hart, when memory that only boot used is gone.
 */
void smp_boot(void);

/* So many harts run at most: all that can be started, and the one that boots,
 * which the device tree need not name. */
unsigned smp_most(void);

/* The cpu that this hart id was given, online or not; -1: none. */
int smp_cpu_of(uint64_t hartid);

/* Was a hart started that did not come up? It may arrive yet, at physical
 * addresses of the image, its variables and the tables. */
bool smp_late(void);
