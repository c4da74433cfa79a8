/* For tests of claims and windows: nothing is lost; what a window shows. */
#pragma once

#include <kernel/ktest.h>
#include <mm/kmap.h>
#include <mm/mmio.h>

#include "arch_bed.h"

/* No machine has anything there. */
#define AT ((paddr_t)1 << 50)

/* What there is before. */
struct mmio_before {
	struct mmio_stats claims;
	uint64_t frames;
};
extern struct mmio_before mmio_before;

/* Around what leaves all as it was: all claims are gone, and what they took is
 * back. */
void mmio_begin(void);
void mmio_end(void);

static inline vaddr_t va_of(const struct mmio *m)
{
	return (vaddr_t)(uintptr_t)m->base;
}

/* Is this byte of registers there, as `attr`, if harts have such? */
bool mmio_shows(const struct mmio *m, uint64_t offset, enum mem_attr attr);

/* Is anything there? */
bool mmio_mapped(vaddr_t va);
