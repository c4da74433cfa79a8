/*
 * RISC-V side of <arch/io.h>. Windows are mapped as I/O memory (by PMA or by
 * Svpbmt), which is strongly ordered among itself; the fences order it against
 * main memory (unprivileged specification, FENCE: i/o/r/w sets).
 *
 * Where the tree claims a device and there is none, the bus answers with an access
 * fault: then what is read is all ones, as from an empty slot, and what is written
 * goes nowhere. Page faults are bugs as everywhere.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <asm/extable.h>

#define MMIO_ACCESSORS_(bits, load, store)                                    \
	static inline uint##bits##_t mmio_read##bits##_relaxed(               \
		const volatile void *p)                                       \
	{                                                                     \
		uint##bits##_t v = (uint##bits##_t) - 1;                      \
                                                                              \
		__asm__ volatile("1: " load                                   \
				 " %0, %1\n2:\n" EXTABLE_ACCESS("1b", "2b")   \
				 : "+r"(v)                                    \
				 : "m"(*(const volatile uint##bits##_t *)p)); \
		return v;                                                     \
	}                                                                     \
	static inline void mmio_write##bits##_relaxed(volatile void *p,       \
						      uint##bits##_t v)       \
	{                                                                     \
		__asm__ volatile("1: " store                                  \
				 " %z1, %0\n2:\n" EXTABLE_ACCESS("1b", "2b")  \
				 : "=m"(*(volatile uint##bits##_t *)p)        \
				 : "rJ"(v));                                  \
	}                                                                     \
	static inline uint##bits##_t mmio_read##bits(const volatile void *p)  \
	{                                                                     \
		uint##bits##_t v = mmio_read##bits##_relaxed(p);              \
                                                                              \
		__asm__ volatile("fence i, rw" ::: "memory");                 \
		return v;                                                     \
	}                                                                     \
	static inline void mmio_write##bits(volatile void *p,                 \
					    uint##bits##_t v)                 \
	{                                                                     \
		__asm__ volatile("fence rw, o" ::: "memory");                 \
		mmio_write##bits##_relaxed(p, v);                             \
	}

MMIO_ACCESSORS_(8, "lbu", "sb")
MMIO_ACCESSORS_(16, "lhu", "sh")
MMIO_ACCESSORS_(32, "lw", "sw")
MMIO_ACCESSORS_(64, "ld", "sd")

#undef MMIO_ACCESSORS_

bool mmio_answers(const volatile void *p, unsigned bits); /* probe.c */
