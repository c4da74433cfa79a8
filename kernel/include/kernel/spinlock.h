/*
 * Ticket lock: first come, first served, so no hart starves. The holder must
 * not sleep; a lock that is also taken in interrupt context is only ever taken
 * with interrupts off, by the _irqsave pair.
 */
#pragma once

#include <arch/cpu.h>
#include <kernel/types.h>

struct spinlock {
	uint32_t next;	/* the next ticket to hand out */
	uint32_t owner; /* the ticket that holds the lock */
};

#define SPINLOCK_INIT \
	{             \
		0, 0  \
	}

static inline void spin_lock(struct spinlock *l)
{
	uint32_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	/* Acquire: pairs with the release in spin_unlock. */
	while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket)
		arch_relax();
}

static inline void spin_unlock(struct spinlock *l)
{
	/* Release: what the holder wrote is seen by the next holder. */
	__atomic_store_n(&l->owner, l->owner + 1, __ATOMIC_RELEASE);
}

/* Turn interrupts off on this hart, then lock. Returns the earlier state, to
 * be handed to the matching unlock. */
static inline uint64_t spin_lock_irqsave(struct spinlock *l)
{
	uint64_t flags = arch_irq_save();

	spin_lock(l);
	return flags;
}

static inline void spin_unlock_irqrestore(struct spinlock *l, uint64_t flags)
{
	spin_unlock(l);
	arch_irq_restore(flags);
}
