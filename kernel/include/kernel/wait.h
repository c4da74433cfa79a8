/*
 * Wait queues: tasks that wait until something is so.
 *
 *	wait_on(&p->child_changed, has_zombie(p));	the one
 *
 *	p->zombie = true;				the other
 *	wake_all(&p->child_changed);
 *
 * The condition is looked at after the task has put itself into the queue, so a
 * wake-up between the look and the sleep is not lost; it may be looked at often,
 * at any time, with interrupts on. Whoever makes it true calls wake afterwards;
 * what it stored before is seen. Tasks only, no spinlock held; where there are
 * no tasks (boot, native tests) the hart looks again and again.
 *
 * wake_one is for conditions that one waiter uses up (a free slot, a byte): the
 * one that waits longest wakes. If that one gives up at that moment, or has found
 * another already, the next is woken.
 */
#pragma once

#include <kernel/spinlock.h>
#include <lib/list.h>

struct task;

struct wait_queue {
	struct spinlock lock; /* LOCK_WAIT */
	struct list waiters;  /* struct waiter.link, first come first (l) */
};

/* Of a variable of that name. */
#define WAIT_QUEUE_INIT(name)                         \
	{                                             \
		.lock = SPINLOCK_INIT(LOCK_WAIT),     \
		.waiters = LIST_INIT((name).waiters), \
	}

void wait_queue_init(struct wait_queue *q);

/* Any context; locks of lower ranks may be held. */
void wake_one(struct wait_queue *q);
void wake_all(struct wait_queue *q);

/* Sleep until `cond` is true. */
#define wait_on(q, cond) ((void)wait_on_(q, cond, UINT64_MAX, false))

/* The same, until arch_time() >= `time` at the latest. Returns whether the
 * condition was true in the end. */
#define wait_on_until(q, cond, time) wait_on_(q, cond, time, false)

/* The same, for as long as nobody kills the task (task_kill). */
#define wait_on_killable(q, cond) wait_on_(q, cond, UINT64_MAX, true)

/* --- private --- */

struct waiter {
	struct list link;
	struct task *task; /* NULL: a hart without tasks */
	bool queued;	   /* in the list (l, a) */
};

#define wait_on_(q, cond, time, killable)                             \
	__extension__({                                               \
		struct wait_queue *q_ = (q);                          \
		struct waiter w_;                                     \
		uint64_t time_ = (time);                              \
		bool so_, more_ = true;                               \
                                                                      \
		wait_begin(q_, &w_);                                  \
		while (!(so_ = (cond)) && more_)                      \
			more_ = wait_sleep(q_, &w_, time_, killable); \
		wait_end(q_, &w_);                                    \
		so_;                                                  \
	})

void wait_begin(struct wait_queue *q, struct waiter *w);
/* Until a wake-up; false: not again, for it is late or the task is killed. */
bool wait_sleep(struct wait_queue *q, struct waiter *w, uint64_t time,
		bool killable);
void wait_end(struct wait_queue *q, struct waiter *w);
