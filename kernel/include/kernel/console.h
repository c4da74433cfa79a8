/*
 * The console: one byte stream in, one out, whatever carries it. Devices
 * register a struct console_device; the best one that works is current.
 */
#pragma once

#include <kernel/types.h>

/* What went wrong on the line, as often as the port could tell (a). */
struct console_errors {
	uint32_t
		overruns; /* bytes lost, one or more: nobody took them in time */
	uint32_t parity;
	uint32_t framing;
	uint32_t breaks;
};

struct console_input;

struct console_device {
	const char *name;
	/* Write n bytes, waiting for room for as long as the device takes but
	 * not for ever. '\n' was already made "\r\n", but if adds_cr. */
	void (*write)(const struct console_device *d, const char *s, size_t n);
	/* The next input byte, or -1 when there is none now. Never waits. Called
	 * by one at a time. */
	int (*getc)(const struct console_device *d);
	bool adds_cr; /* the device itself puts '\r' before '\n' */

	/* All NULL for what can only be polled (<kernel/console_input.h>). */
	/* Interrupt when a byte has come, or don't. */
	void (*listen)(const struct console_device *d, bool on);
	/* It interrupts, and there is no byte. End that, whatever it is; returns
	 * whether there was something and it is over. */
	bool (*settle)(const struct console_device *d);
	const struct console_errors *errors; /* NULL: it can't tell */
	/* Where its bytes go; NULL: to where those of all others go. */
	struct console_input *input;
};

/* Make `d` the console from now on; NULL makes output vanish (the log ring
 * still keeps it) and input stay empty. `d` must live until another takes its
 * place. Input that is not read yet stays. */
void console_set(const struct console_device *d);
const struct console_device *console_current(void);

/* Write to the current console; '\n' becomes "\r\n". Any context. What is
 * written by one call comes out in one piece. */
void console_write(const char *s, size_t n);
void console_puts(const char *s);

/* The lock of output, for others who need what they write to stay together;
 * unlock with what lock returned. Rank LOCK_CONSOLE. */
uint64_t console_lock(void);
void console_unlock(uint64_t flags);
void console_write_locked(const char *s, size_t n);

/* For a panic: from now on nobody waits for the lock. */
void console_ignore_lock(void);

/*
 * Input, for one reader at a time. No spinlock held.
 *
 * console_getc: the next byte, -1 when there is none.
 * console_wait: run what there is for this hart, then sleep until there may be
 * a byte, or arch_time() >= until. The caller looks again.
 */
int console_getc(void);
void console_wait(uint64_t until);

/*
 * A ^C takes back what was typed before it and not read yet. Is it the next
 * byte? Then it is taken. Else nothing is: what is typed ahead stays. A ^C that
 * comes when the input is full of type-ahead is seen once some of that is read.
 */
bool console_interrupted(void);

/* From now on ^C is a byte like any other; or no longer. */
void console_raw(bool on);
