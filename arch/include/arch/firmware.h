/*
 * Services of the firmware below the kernel (on RISC-V: SBI).
 */
#pragma once

#include <kernel/types.h>

struct console_device;

/* The firmware's console, the best of those it offers; NULL when it has none.
 * Works from the first instruction of C on. */
const struct console_device *arch_firmware_console(void);

enum arch_reset { ARCH_SHUTDOWN, ARCH_REBOOT };

/* Ask the firmware to end or restart the machine. Returns when it can't. */
void arch_firmware_reset(enum arch_reset how);

/* What identifies it, and the core below it. */
struct firmware_facts {
	char name[40]; /* "OpenSBI 1.1" */
	unsigned spec_major, spec_minor;
	uint64_t vendor, arch, implementation;
};
void arch_firmware_facts(struct firmware_facts *f);

/* Stop this hart for good, using as little power as it can. */
__attribute__((noreturn)) void arch_halt(void);

/* Who made the harts, as a number (JEDEC, mvendorid); 0: they don't say, as those of
 * emulators. */
uint64_t arch_vendor(void);
