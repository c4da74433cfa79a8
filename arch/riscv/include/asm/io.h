/*
 * RISC-V side of <arch/io.h>. Windows are mapped as I/O memory (by PMA or by
 * Svpbmt), which is strongly ordered among itself; the fences order it against
 * main memory (unprivileged specification, FENCE: i/o/r/w sets).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MMIO_ACCESSORS_(bits)                                                \
	static inline uint##bits##_t mmio_read##bits##_relaxed(              \
		const volatile void *p)                                      \
	{                                                                    \
		return *(const volatile uint##bits##_t *)p;                  \
	}                                                                    \
	static inline void mmio_write##bits##_relaxed(volatile void *p,      \
						      uint##bits##_t v)      \
	{                                                                    \
		*(volatile uint##bits##_t *)p = v;                           \
	}                                                                    \
	static inline uint##bits##_t mmio_read##bits(const volatile void *p) \
	{                                                                    \
		uint##bits##_t v = *(const volatile uint##bits##_t *)p;      \
                                                                             \
		__asm__ volatile("fence i, rw" ::: "memory");                \
		return v;                                                    \
	}                                                                    \
	static inline void mmio_write##bits(volatile void *p,                \
					    uint##bits##_t v)                \
	{                                                                    \
		__asm__ volatile("fence rw, o" ::: "memory");                \
		*(volatile uint##bits##_t *)p = v;                           \
	}

MMIO_ACCESSORS_(8)
MMIO_ACCESSORS_(16)
MMIO_ACCESSORS_(32)
MMIO_ACCESSORS_(64)

#undef MMIO_ACCESSORS_

bool mmio_answers(const volatile void *p, unsigned bits); /* probe.c */
