/*
 * Signals to many: a group, or everybody (<kernel/process.h>).
 *
 * THE PROBLEM. Such a signal is for all who are there at one moment, but to
 * look at all of them takes a while, and meanwhile they fork: a walk may never
 * come to the end of a group that forks for ever, or children that were begun
 * behind its back live on.
 *
 *	walk	enters itself in `walks`, then looks at each process
 *	fork	with LOCK_PROCESS held: looks at `walks`; the child is found
 *
 * W1  Who is to end by a walk has no child that is found after the walk entered
 *     itself: the fork notices, and the process ends there, as if the walk had
 *     come to it.
 * W2  Who was found before is looked at, unless it is gone by then.
 *
 * So a walk ends, and whom it ends has no child left that it did not look at.
 * Who does not end by it, since the signal is ignored or blocked, forks as
 * always: that child may have been there at the moment of the signal, or not.
 * It is right either way.
 *
 * Locking: `walks.lock`, LOCK_SIGNAL, below LOCK_PROCESS. `walks.count` is read
 * without: W1 needs that the fork's section comes after the walk's first, and
 * both have LOCK_PROCESS; before that, W2 does.
 *
 * Cost: of a fork, one load; of a walk, a step for each process there is.
 */
#include <kernel/process.h>
#include <kernel/spinlock.h>
#include <lib/errno.h>

#include "process_impl.h"

#define INIT 1

struct walk {
	struct list link;
	int group; /* 0: everybody but the sender and number 1 */
	int signal;
	const struct process *by; /* NULL: the kernel, which may all */
	unsigned sent, refused;
};

static struct {
	struct spinlock lock;
	struct list all; /* struct walk.link (l) */
	unsigned count;	 /* (l, a) */
} walks = {
	.lock = SPINLOCK_INIT(LOCK_SIGNAL),
	.all = LIST_INIT(walks.all),
};

bool process_may_signal(const struct process *by, const struct process *p,
			int signal)
{
	return !by || user_may(&by->user, &p->user) ||
	       (signal == SIGCONT && by->session == p->session);
}

static bool is_meant(const struct walk *w, const struct process *p)
{
	if (w->group)
		return p->group == w->group;
	return process_pid(p) != INIT && p != w->by;
}

int process_due(const struct process *p)
{
	int signal = (int)__atomic_load_n(&p->fatal, __ATOMIC_RELAXED);

	if (signal || !__atomic_load_n(&walks.count, __ATOMIC_RELAXED))
		return signal;
	spin_lock(&walks.lock);
	list_for_each (link, &walks.all) {
		const struct walk *w = list_entry(link, struct walk, link);

		if (is_meant(w, p) && process_may_signal(w->by, p, w->signal) &&
		    signal_ends(&p->signals, w->signal))
			signal = w->signal;
	}
	spin_unlock(&walks.lock);
	return signal;
}

static void enter(struct walk *w)
{
	uint64_t flags = spin_lock_irqsave(&walks.lock);

	list_add(&walks.all, &w->link);
	__atomic_store_n(&walks.count, walks.count + 1, __ATOMIC_RELAXED);
	spin_unlock_irqrestore(&walks.lock, flags);
}

static void leave(struct walk *w)
{
	uint64_t flags = spin_lock_irqsave(&walks.lock);

	list_del(&w->link);
	__atomic_store_n(&walks.count, walks.count - 1, __ATOMIC_RELAXED);
	spin_unlock_irqrestore(&walks.lock, flags);
}

static int look(void *ctx, struct process *p)
{
	struct walk *w = ctx;

	if (!is_meant(w, p))
		return 0;
	if (!process_may_signal(w->by, p, w->signal)) {
		w->refused++;
		return 0;
	}
	w->sent++;
	if (w->signal)
		signal_send(p, w->signal);
	return 0;
}

static void walk(struct walk *w)
{
	/* 0 is no signal, and ends nobody. */
	if (w->signal)
		enter(w);
	process_each(look, w);
	if (w->signal)
		leave(w);
}

int process_signal_group(int group, int signal, const struct process *by)
{
	struct walk w = {.group = group, .signal = signal, .by = by};

	walk(&w);
	if (w.sent)
		return 0;
	return w.refused ? -EPERM : -ESRCH;
}

int process_signal_all(int signal, const struct process *by)
{
	struct walk w = {.signal = signal, .by = by};

	walk(&w);
	/* Linux says so even if none of them may be signalled. */
	return w.sent || w.refused ? 0 : -ESRCH;
}
