/*
 * Access to device registers through a mapped window, by <asm/io.h>:
 *
 *	uintN_t mmio_readN(const volatile void *)
 *	void mmio_writeN(volatile void *, uintN_t)
 *	uintN_t mmio_readN_relaxed(const volatile void *)
 *	void mmio_writeN_relaxed(volatile void *, uintN_t)
 *
 * for N = 8, 16, 32 and 64; each is one access of that width, at a multiple of
 * it. Accesses of one hart to one device happen in their order, all of them.
 * Those that are not relaxed are ordered against main memory, too: a read before
 * all memory accesses that follow, so that what a device stored before it said so
 * is seen; a write behind all that precede, so that the device sees what was
 * stored before it is told, and no load comes late. Relaxed ones are for runs of
 * accesses that have nothing to do with memory.
 *
 *	bool mmio_answers(const volatile void *, unsigned bits)
 *
 * reads a register of that width, to no avail but that a fault is none: false if
 * nothing answers there. A driver whose first read goes through this can be told
 * anything by a device tree.
 */
#pragma once

#include <asm/io.h>
