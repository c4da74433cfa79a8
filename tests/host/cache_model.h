/*
 * Caches between the CPU and devices, on the native machine: what is in RAM is what
 * the CPU sees; what a device sees is another copy of it, and only maintenance, or
 * chance, makes lines of the two agree.
 *
 * A line that the CPU has changed since it was fetched is dirty, and may be written
 * back at any time; one that is not may be fetched anew at any time. So whatever
 * was not cleaned, or not forgotten, sooner or later shows. The model begins with
 * all lines dirty and rubbish behind them.
 */
#pragma once

#include <mm/dma.h>

enum cache_op { CACHE_CLEAN, CACHE_FLUSH, CACHE_INVALIDATE };

/* From now on, with lines of that size; and forget all. */
void cache_model_begin(uint64_t line, uint64_t seed);
void cache_model_end(void);

/* Maintenance of the line at pa, which is a multiple of its size. */
void cache_model_op(enum cache_op op, paddr_t pa);

/* That, for the lines of a range. */
extern const struct dma_cache cache_model;

/* Things that caches do by themselves, so many of them. */
void cache_model_shake(unsigned n);

/* What a device does that sees no caches; and the CPU through an uncached window. */
void cache_model_read(paddr_t pa, void *to, size_t size);
void cache_model_write(paddr_t pa, const void *from, size_t size);
