/* Time on the native machine. */
#pragma once

#include <stdint.h>

/* From now on each look at arch_time() finds it `step` ticks later, whatever the
 * computer does meanwhile; 0: it is the computer's clock again, as at first. By one
 * hart at a time. */
void host_clock_step(uint64_t step);
