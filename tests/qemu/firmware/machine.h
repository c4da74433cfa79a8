/* What the firmware needs of the machine that it is built for. */
#pragma once

#include <stdint.h>

void machine_put(uint8_t c);
int machine_get(void); /* -1: nothing was typed */
uint64_t machine_time(void);
void machine_end(unsigned status) __attribute__((noreturn));
void machine_restart(void) __attribute__((noreturn));
