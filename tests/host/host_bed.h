/* A native machine with the kernel's tables, for tests of a few harts. */
#pragma once

#include <host/machine.h>

/*
 * Run fn[cpu] on each of so many harts (3 at most); each begins with
 * host_bed_enter(). What the machine sees is a failure of the test. Returns the
 * machine as it was.
 */
struct machine *host_bed_run(unsigned harts, unsigned asid_bits, uint64_t seed,
			     void (*const fn[])(void));

/* This hart walks the kernel's tables from now on. */
void host_bed_enter(void);
