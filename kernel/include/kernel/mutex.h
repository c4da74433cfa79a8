/*
 * Mutexes: locks that may be held for long, while whoever waits for one lets
 * other tasks run. Taken and released by tasks, interrupts on, no spinlock held;
 * the one that took it releases it. Where there are no tasks (boot, native tests)
 * a hart waits by smp_relax().
 *
 * The order among mutexes is their owners' to say: a task that holds one may take
 * another only if nobody takes them the other way round, and calls smp_wait() never:
 * work for a hart waits while its own task waits for a mutex.
 */
#pragma once

#include <arch/task.h>
#include <kernel/spinlock.h>
#include <lib/list.h>
#include <lib/relaxed.h>

struct mutex {
	uint32_t state;	      /* of MUTEX_HELD, MUTEX_WANTED (a) */
	struct spinlock lock; /* LOCK_MUTEX */
	struct list waiters;  /* struct waiter.link, first come first (l) */
	uintptr_t owner;      /* the task, or the hart; 0: nobody (a) */
};

enum { MUTEX_HELD = 1, MUTEX_WANTED = 2 };

/* Of a variable of that name. */
#define MUTEX_INIT(name)                              \
	{                                             \
		.lock = SPINLOCK_INIT(LOCK_MUTEX),    \
		.waiters = LIST_INIT((name).waiters), \
	}

void mutex_init(struct mutex *m);

/* Take it; waits as long as another has it. Not twice: debug builds panic. What
 * the one before stored while it held it is seen. */
void mutex_lock(struct mutex *m);

/* Whoever asks, as `owner`: the task, or the hart where there are none; tasks are at
 * even addresses. */
static inline uintptr_t mutex_me(void)
{
	const struct task *t = arch_task();

	return t ? (uintptr_t)t : 2 * (uintptr_t)arch_cpu() + 1;
}

/* Take it if it is free; returns whether. Never waits. */
static inline bool mutex_trylock(struct mutex *m)
{
	uint32_t free = 0;

	/* Acquire: pairs with the release in mutex_unlock(). */
	if (!__atomic_compare_exchange_n(&m->state, &free, MUTEX_HELD, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	store_relaxed(&m->owner, mutex_me());
	return true;
}

/* Only by who holds it (debug builds check). Wakes one that waits. */
void mutex_unlock(struct mutex *m);

/* Does the caller hold it? For assertions. */
bool mutex_is_mine(const struct mutex *m);
