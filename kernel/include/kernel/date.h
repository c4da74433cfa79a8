/* The time of day, of a clock that runs while the machine is off; in UTC. */
#pragma once

#include <kernel/types.h>

/* A driver's. */
struct date_clock {
	const char *name;
	uint64_t (*read)(void *arg); /* ns since 1970-01-01 00:00 */
	void *arg;
};

/* The clock from now on; NULL: there is none. It must last until then. */
void date_clock_set(const struct date_clock *c);

/* Nanoseconds since 1970; false: there is no clock. */
bool date_now(uint64_t *ns);

struct date {
	unsigned year, month, day; /* from 1 */
	unsigned hour, minute, second;
};

/* Any number of ns; it ends in 2554. */
struct date date_of(uint64_t ns);
