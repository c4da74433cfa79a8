/* The machine as a whole: how it ends, and what boot measured. */
#pragma once

#include <kernel/types.h>

/*
 * End the machine with a status (0: all is well), by whatever way there is; by a
 * test device the emulator gets it. Where there is none, say so and halt.
 */
__attribute__((noreturn)) void machine_end(unsigned status);

/* The same once "autorun: status N" is out, which stays the last line: where the
 * machine can't be ended, it halts without a word. */
__attribute__((noreturn)) void machine_end_autorun(unsigned status);

/* The status of a run that could not go on to its end. */
#define MACHINE_FAILED 255

/*
 * The end of a run that can't go on: print `why` and what happens now. With an
 * autorun under way or to come, that is "autorun: status 255" as the last line
 * and machine_end_autorun(); else the hart halts, for somebody to read
 * what it says.
 */
__attribute__((noreturn)) void machine_fail(const char *why);

/* Start it afresh, as far as that can be had; else as machine_end(0). */
__attribute__((noreturn)) void machine_reboot(void);

/* Is nobody watching, so that a panic must end the machine? */
void machine_set_unattended(bool unattended);
bool machine_unattended(void);

/* Instructions from the kernel's entry to its first prompt; 0 if unknown. */
uint64_t machine_boot_instructions(void);

/* The id of the hart that booted. */
uint64_t machine_boot_hart(void);
