/*
 * Ticket lock: first come, first served, so no hart starves. The holder must
 * not sleep; a lock that is also taken in interrupt context is only ever taken
 * with interrupts off, by the _irqsave pair.
 *
 * Locks are taken in the order of their ranks, a hart holds at most one of a
 * rank: so no two harts can wait for each other. Debug builds check both rules,
 * and that the holder is who unlocks (kernel/spinlock.c); release builds pay
 * nothing for it.
 */
#pragma once

#include <arch/cpu.h>
#include <kernel/assert.h>
#include <kernel/types.h>

/* THE order. */
enum lock_rank {
	LOCK_UNRANKED, /* all zero: nothing is known of its place */
	LOCK_IRQ, /* lines of an interrupt controller; handlers run with it */
	LOCK_DEVICE,  /* a device's own state, of its driver */
	LOCK_PROCESS, /* who is whose child, and how it ended */
	LOCK_SIGNAL,  /* who sends signals to many */
	LOCK_OBJECT,  /* a memory object: its pages, who maps it */
	LOCK_UMAP,    /* a user address space's tables */
	LOCK_KMAP,    /* the kernel's tables */
	LOCK_MEMPOOL,
	LOCK_SLABS,    /* the list of all object caches */
	LOCK_SLAB,     /* an object cache */
	LOCK_GUARD,    /* guarded objects, and the tables of their pages */
	LOCK_ZONE,     /* a buddy allocator */
	LOCK_PAGE_MAP, /* growing the page map */
	LOCK_BAD,      /* the list of bad frames */
	LOCK_ASID,     /* handing out address space numbers */
	LOCK_VMALLOC,  /* areas of the kernel's arena */
	LOCK_MMIO,     /* claims of device registers */
	LOCK_DMA,      /* reserved areas for DMA, and pools */
	LOCK_INPUT,    /* bytes that came for the console */
	LOCK_RANDOM,   /* the key of random numbers */
	LOCK_MUTEX,    /* who waits for a sleeping lock */
	LOCK_WAIT,     /* who waits in a queue */
	LOCK_RUN,      /* tasks that are ready, of a hart */
	LOCK_CONSOLE,  /* log ring and console device */
	LOCK_TEST,     /* of tests; nothing is called with it held */
};

struct spinlock {
	uint32_t next;	/* the next ticket to hand out (a) */
	uint32_t owner; /* the ticket that holds the lock (a) */
	/* Debug builds only: */
	uint8_t rank;	 /* enum lock_rank (c) */
	uint8_t used;	 /* how it was taken so far (l) */
	uint16_t holder; /* its cpu + 1; 0: nobody (a) */
};

#define SPINLOCK_INIT(rank_)             \
	{                                \
		.rank = (uint8_t)(rank_) \
	}

static inline void spin_lock_init(struct spinlock *l, enum lock_rank rank)
{
	*l = (struct spinlock)SPINLOCK_INIT(rank);
}

/* The checks: before waiting for the lock, once it is had, before it goes. */
void spin_check_order(const struct spinlock *l);
void spin_check_taken(struct spinlock *l);
void spin_check_release(struct spinlock *l);

/* This hart holds no ranked lock: it is about to wait for other harts. */
void spin_check_none(void);

/* This hart begins, or ends, to serve an interrupt. */
void spin_check_irq(bool enter);

static inline void spin_lock(struct spinlock *l)
{
	uint32_t ticket;

	if (DEBUG_CHECKS)
		spin_check_order(l);
	ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
	/* Acquire: pairs with the release in spin_unlock. */
	while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket)
		arch_relax();
	if (DEBUG_CHECKS)
		spin_check_taken(l);
}

/* Take it if it is free now; returns whether. It can't wait, so it may be taken
 * out of order. */
static inline bool spin_trylock(struct spinlock *l)
{
	/* Acquire as in spin_lock, and here: `next` is not what was released. */
	uint32_t ticket = __atomic_load_n(&l->owner, __ATOMIC_ACQUIRE);

	/* Free when the next ticket is the owner's. */
	if (!__atomic_compare_exchange_n(&l->next, &ticket, ticket + 1, false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return false;
	if (DEBUG_CHECKS)
		spin_check_taken(l);
	return true;
}

static inline void spin_unlock(struct spinlock *l)
{
	if (DEBUG_CHECKS)
		spin_check_release(l);
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
