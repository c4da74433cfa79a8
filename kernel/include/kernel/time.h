/* Time since boot, from the machine's one counter. */
#pragma once

#include <kernel/types.h>

/* Time starts now; the counter runs at `hz` (0: the rate is not known, and time
 * stands still at 0). Once, at boot. */
void time_init(uint64_t hz);

/* Is there a clock, so that waiting for a time ends? */
bool time_known(void);

/* Microseconds since time_init(). Any context. */
uint64_t time_us(void);
