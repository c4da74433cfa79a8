/*
 * Models of interrupt controllers, from their specifications, strict ones: an
 * access of another width than 32 bits, to where no register is, or to what belongs
 * to firmware counts as a fault.
 *
 * A line's input is a level, which its device raises and lowers.
 */
#pragma once

#include <arch/io.h>
#include <kernel/types.h>

#include "../unit/test_fdt_build.h"

#define INTC_LINES 100u /* numbers below */
#define INTC_HARTS 3u
#define INTC_PA	   0x0c000000u

struct intc {
	const char *compatible;
	unsigned cells; /* of an interrupt */
	uint32_t size;	/* of the registers */
	/* Garbage in all registers, as somebody else may have left them. */
	void (*reset)(uint64_t seed);
	/* Properties of its node; phandle[cpu] is of that hart's controller,
	 * phandle[INTC_HARTS] of one that is firmware's alone. */
	void (*describe)(struct fb *b, const uint32_t *phandle);
	void (*input)(unsigned line, bool level);
	/* Does it interrupt the hart in S-mode? */
	bool (*wire)(unsigned cpu);
	struct io_model io;
	unsigned faults;
};

extern struct intc plic_model, aplic_model;

/* Lines of the APLIC that are edges; others are levels. */
static inline bool aplic_edge(unsigned line)
{
	return line % 4 == 1;
}

/* Lines that firmware has not let S-mode have. */
static inline bool aplic_kept(unsigned line)
{
	return line % 10 == 9;
}
