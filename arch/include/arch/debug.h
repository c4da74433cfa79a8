/* What a panic wants to know of the hart. */
#pragma once

#include <kernel/types.h>

struct trap_frame;

/* Print registers, cause and address of a trap. */
void arch_print_frame(const struct trap_frame *frame);

/*
 * Call `each` with the return addresses of the functions that are active,
 * innermost first, at most `max`; of the trapped code if `frame` is not NULL,
 * else of the caller. Stops at the first frame that makes no sense, so a
 * smashed stack does no harm.
 */
void arch_backtrace(const struct trap_frame *frame, unsigned max,
		    void (*each)(vaddr_t pc));

/* Firmware's word on a hart: "started", "stopped", ...; NULL if unknown. */
const char *arch_hart_state(uint64_t hartid);

/* Name and version of the firmware, and what else identifies the machine: a
 * line or two of text through kprintf. */
void arch_print_firmware(void);
