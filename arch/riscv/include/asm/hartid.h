/* Firmware's number of each hart, by index: set before it is started (c). */
#pragma once

#include <kernel/cpu.h>

extern uint64_t riscv_hartid[MAX_CPUS];
