/* The end of the line: report what is known and stop the machine. */
#pragma once

#include <kernel/types.h>

/*
 * Print the message, registers, backtrace, hart and memory state on every
 * console there is, then end the machine: `autorun: status 255` and reset when
 * an autorun is under way, else halt. Callable from any context, with any lock
 * held, once per hart: a panic inside a panic prints one line and halts.
 */
__attribute__((noreturn, cold)) void panic(const char *fmt, ...) __printf(1, 2);

/* The same for a trap that nobody can handle: registers and backtrace are those
 * of the code that trapped. */
struct trap_frame;
__attribute__((noreturn, cold)) void panic_trap(const struct trap_frame *frame,
						const char *fmt, ...)
	__printf(2, 3);
