/*
 * The console: one byte stream in, one out, whatever carries it. Devices
 * register a struct console_device; the best one that works is current.
 */
#pragma once

#include <kernel/types.h>

struct console_device {
	const char *name;
	/* Write n bytes, waiting for room for as long as the device takes but
	 * not for ever. '\n' was already made "\r\n", but if adds_cr. */
	void (*write)(const struct console_device *d, const char *s, size_t n);
	/* The next input byte, or -1 when there is none now. Never waits. */
	int (*getc)(const struct console_device *d);
	bool adds_cr; /* the device itself puts '\r' before '\n' */
};

/* Make `d` the console from now on; NULL makes output vanish (the log ring
 * still keeps it) and input stay empty. `d` must live for ever. */
void console_set(const struct console_device *d);
const struct console_device *console_current(void);

/* Write to the current console; '\n' becomes "\r\n". Any context. What is
 * written by one call comes out in one piece. */
void console_write(const char *s, size_t n);
void console_puts(const char *s);

/* The lock that both ways take, for others who need what they write to stay
 * together; unlock with what lock returned. Rank LOCK_CONSOLE. */
uint64_t console_lock(void);
void console_unlock(uint64_t flags);
void console_write_locked(const char *s, size_t n);

/* For a panic: from now on nobody waits for the lock. */
void console_ignore_lock(void);

/* Next byte, -1 when there is none. */
int console_getc(void);
