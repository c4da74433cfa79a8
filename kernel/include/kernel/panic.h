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
