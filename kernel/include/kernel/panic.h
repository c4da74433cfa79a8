/* The end of the line: report what is known and stop the machine. */
#pragma once

#include <kernel/types.h>

/*
 * Print the message, registers, backtrace, hart and memory state on the
 * console, then end as machine_fail() does. Callable from any context, with any
 * lock held; a panic inside a panic prints one line.
 */
__attribute__((noreturn, cold)) void panic(const char *fmt, ...) __printf(1, 2);

/* The same for a trap that nobody can handle: registers and backtrace are those
 * of the code that trapped. */
struct trap_frame;
__attribute__((noreturn, cold)) void panic_trap(const struct trap_frame *frame,
						const char *fmt, ...)
	__printf(2, 3);
