/*
 * Numbers of address spaces, given out by generations; mm/tlb.c is the only
 * user. The theory is in mm/asid.c.
 */
#pragma once

#include <kernel/cpu.h>
#include <kernel/spinlock.h>

#define ASID_NUMBER_BITS 16 /* of a context */

/* On a cache line of its own: the hart writes it at each switch. */
struct asid_hart {
	_Alignas(64) uint64_t running; /* the context that it is in (a) */
	uint64_t reserved;	       /* kept over a rollover (l) */
};

struct asid_pool {
	struct spinlock lock; /* interrupts off */
	uint64_t generation;  /* written under the lock (a) */
	unsigned numbers;     /* 1 to numbers - 1 are given out; 0: none (c) */
	unsigned cpus;	      /* harts that there can be (c) */
	unsigned next;	      /* lowest number not yet given out (l) */
	uint64_t rollovers;   /* (l) */
	cpumask_t pending;    /* harts that must forget everything (l) */
	struct asid_hart hart[MAX_CPUS];
};

/* Numbers below `numbers`, but 0, for so many harts. p->numbers stays 0 if they
 * don't suffice, and then nothing else may be called. */
void asid_pool_init(struct asid_pool *p, unsigned numbers, unsigned cpus);

/*
 * Hart `cpu`, which is the caller's, is about to enter the space with
 * `*context`: makes that current and returns its number. `*forget`: everything
 * must be forgotten first. Interrupts are off.
 */
unsigned asid_enter(struct asid_pool *p, uint64_t *context, unsigned cpu,
		    bool *forget);

/* The number in a context, current or not: 0 if it never had one. */
static inline unsigned asid_of(uint64_t context)
{
	return (unsigned)context & ((1u << ASID_NUMBER_BITS) - 1);
}
