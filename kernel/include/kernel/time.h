/* Time since boot, from the machine's one counter. */
#pragma once

#include <kernel/types.h>

/* Time starts now; the counter runs at `hz` (0: the rate is not known, and time
 * stands still at 0). Once, at boot. */
void time_init(uint64_t hz);

/* Is there a clock, so that waiting for a time ends? */
bool time_known(void);

/* So many microseconds in ticks of arch_time(); where the rate is not known, at
 * least that long on any machine that we know of. */
uint64_t time_ticks(uint64_t us);

/* So many ticks in microseconds; 0 where the rate is not known. */
uint64_t time_us_of(uint64_t ticks);

/* Since time_init(), in microseconds and nanoseconds. Any context. */
uint64_t time_us(void);
uint64_t time_ns(void);
