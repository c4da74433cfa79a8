/*
 * Ways to end or restart the machine: firmware's, and those that drivers find.
 * Who wants it done calls machine_end() or machine_reboot().
 */
#pragma once

#include <kernel/types.h>

/* The owner's, until it is removed. Both functions return when nothing came of
 * it; NULL: not by this way. They are called in any context, also a panic's: they
 * take no locks. */
struct machine_exit {
	const char *name;
	bool tells_status; /* to whoever started the machine */
	void (*end)(void *arg, unsigned status);
	void (*restart)(void *arg);
	void *arg;
	struct machine_exit *next; /* private */
};

/* Boot, then the shell. */
void machine_exit_add(struct machine_exit *e);
void machine_exit_remove(struct machine_exit *e);

/*
 * Try one after the other; they return if none worked. To end: those that tell the
 * status, then firmware, then others. To restart: firmware, then these.
 */
void machine_try_end(unsigned status);
void machine_try_restart(void);
