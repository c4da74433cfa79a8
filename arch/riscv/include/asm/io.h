/*
 * RISC-V side of <arch/io.h>. Windows are mapped as I/O memory (by PMA or by
 * Svpbmt), which is strongly ordered among itself; the fences order it against
 * main memory (unprivileged specification, FENCE: i/o/r/w sets).
 */
#pragma once

#include <stdint.h>

#define IO_ACCESSORS_(bits)                                                   \
	static inline uint##bits##_t io_read##bits(const volatile void *p)    \
	{                                                                     \
		uint##bits##_t v = *(const volatile uint##bits##_t *)p;       \
                                                                              \
		__asm__ volatile("fence i, r" ::: "memory");                  \
		return v;                                                     \
	}                                                                     \
	static inline void io_write##bits(volatile void *p, uint##bits##_t v) \
	{                                                                     \
		__asm__ volatile("fence w, o" ::: "memory");                  \
		*(volatile uint##bits##_t *)p = v;                            \
	}

IO_ACCESSORS_(8)
IO_ACCESSORS_(16)
IO_ACCESSORS_(32)
IO_ACCESSORS_(64)

#undef IO_ACCESSORS_
