/*
 * Access to device registers through a mapped window, by <asm/io.h>:
 *
 *	uint8_t/uint16_t/uint32_t/uint64_t io_read8/16/32/64(const volatile void *)
 *	void io_write8/16/32/64(volatile void *, uintN_t)
 *
 * Each is one access of that width. A read is ordered before all later memory
 * accesses, a write after all earlier ones, so that a device that reads memory
 * sees what was stored before it was told to.
 */
#pragma once

#include <asm/io.h>
