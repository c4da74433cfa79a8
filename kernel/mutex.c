/*
 * Mutexes (<kernel/mutex.h>).
 *
 * The state is one word. Nobody waits: 0 and HELD, by one compare-and-swap each
 * way. Somebody does: WANTED is set, and then only the spinlock's holder changes
 * the word, so both ways go through the list.
 *
 *  I1  WANTED is set exactly while the list is not empty, as the spinlock's
 *      holder sees it
 *  I2  who is in the list and not awake will be woken: by who clears HELD
 *  I3  a waiter that was woken and came too late is the next to have it
 *
 * Handed on or not? When the holder is done, the lock is free: whoever comes first
 * takes it, and the longest waiter is woken and tries. To hand it over at once
 * would be fair, but the lock would stand still, held, until that one runs, and
 * all others with it, each in turn: a convoy. But none shall starve: a waiter that
 * lost once is handed the lock the next time (I3). So each waits for at most two
 * others' turns once it is first.
 *
 * Cost: lock and unlock some ten instructions each, one atomic. A wait costs two
 * switches.
 */
#include <kernel/mutex.h>
#include <kernel/smp.h>
#include <kernel/task.h>
#include <lib/cas.h>

struct waiter {
	struct list link;
	struct task *task;
	bool lost;  /* it was woken, and too late */
	bool given; /* it has the lock, and has left the list */
};

void mutex_init(struct mutex *m)
{
	*m = (struct mutex)MUTEX_INIT(*m);
}

bool mutex_is_mine(const struct mutex *m)
{
	return __atomic_load_n(&m->owner, __ATOMIC_RELAXED) == mutex_me();
}

/* Out of the list. The spinlock is held. */
static void leave(struct mutex *m, struct waiter *w)
{
	list_del(&w->link);
	if (list_empty(&m->waiters))
		__atomic_fetch_and(&m->state, ~(uint32_t)MUTEX_WANTED,
				   __ATOMIC_RELAXED);
}

/* Try, having joined the list (I1). The spinlock is held. */
static bool take(struct mutex *m)
{
	uint32_t old = __atomic_fetch_or(&m->state, MUTEX_HELD | MUTEX_WANTED,
					 __ATOMIC_ACQUIRE);

	return !(old & MUTEX_HELD);
}

static void wait(struct mutex *m)
{
	struct waiter w = {.task = task_current()};

	spin_lock(&m->lock);
	list_add_tail(&m->waiters, &w.link);
	while (!w.given) {
		if (take(m)) {
			leave(m, &w);
			break;
		}
		spin_unlock(&m->lock);
		task_block();
		spin_lock(&m->lock);
		w.lost = true;
	}
	spin_unlock(&m->lock);
	store_relaxed(&m->owner, mutex_me());
}

void mutex_lock(struct mutex *m)
{
	if (DEBUG_CHECKS) {
		spin_check_none();
		if (mutex_is_mine(m))
			panic("mutex %p: taken twice", (void *)m);
	}
	if (mutex_trylock(m))
		return;
	if (task_current())
		wait(m);
	else
		while (!mutex_trylock(m))
			smp_relax();
}

/* Somebody waits (I1), and can't leave but by what is done here. */
static void hand_on(struct mutex *m)
{
	struct waiter *w;

	spin_lock(&m->lock);
	w = list_entry(m->waiters.next, struct waiter, link);
	if (w->lost) {
		leave(m, w);
		w->given = true;
	} else {
		__atomic_fetch_and(&m->state, ~(uint32_t)MUTEX_HELD,
				   __ATOMIC_RELEASE);
	}
	task_wake(w->task);
	spin_unlock(&m->lock);
}

void mutex_unlock(struct mutex *m)
{
	uint32_t alone = MUTEX_HELD;

	if (DEBUG_CHECKS && !mutex_is_mine(m))
		panic("mutex %p: released by who does not hold it", (void *)m);
	store_relaxed(&m->owner, 0);
	/* Release: what the holder stored is seen by the next. */
	if (!__atomic_compare_exchange_n(&m->state, &alone, 0, false,
					 CAS_RELEASE, CAS_RELEASE))
		hand_on(m);
}
