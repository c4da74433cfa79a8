/*
 * Wait queues (<kernel/wait.h>).
 *
 * A waiter joins the list, then looks at the condition, then sleeps; who makes the
 * condition true looks at the list afterwards, with the queue's lock. So either it
 * finds the waiter, or the waiter, which joined later, finds the condition true:
 * the lock orders the two. What is sent is a token (<kernel/task.h>), so the
 * waiter need not sleep yet.
 *
 * Whoever wakes takes the waiter out of the list: the next wake_one is for
 * another. A waiter that finds the condition still false joins again, at the end.
 *
 * A hart's own task does the hart's work meanwhile, as smp_wait() does: so nobody
 * waits for the shell to come back.
 *
 *  I1  `queued` says whether it is in the list; it changes under the lock
 *  I2  when a waiter leaves, nobody will touch it any more: who woke it did so
 *      under the lock, which it has taken since
 *  I3  a wake_one that reached a waiter after its last look goes on to another: that
 *      one gives up, or what it found was for an earlier one
 */
#include <kernel/smp.h>
#include <kernel/task.h>
#include <kernel/wait.h>

void wait_queue_init(struct wait_queue *q)
{
	*q = (struct wait_queue)WAIT_QUEUE_INIT(*q);
}

static void wake(struct wait_queue *q, bool all)
{
	uint64_t flags = spin_lock_irqsave(&q->lock);

	while (!list_empty(&q->waiters)) {
		struct waiter *w =
			list_entry(q->waiters.next, struct waiter, link);

		list_del(&w->link);
		w->queued = false;
		if (w->task)
			task_wake(w->task);
		if (!all)
			break;
	}
	spin_unlock_irqrestore(&q->lock, flags);
}

void wake_one(struct wait_queue *q)
{
	wake(q, false);
}

void wake_all(struct wait_queue *q)
{
	wake(q, true);
}

static void join(struct wait_queue *q, struct waiter *w)
{
	uint64_t flags = spin_lock_irqsave(&q->lock);

	if (!w->queued)
		list_add_tail(&q->waiters, &w->link);
	w->queued = true;
	spin_unlock_irqrestore(&q->lock, flags);
}

void wait_begin(struct wait_queue *q, struct waiter *w)
{
	*w = (struct waiter){.task = task_current()};
	join(q, w);
}

bool wait_sleep(struct wait_queue *q, struct waiter *w, uint64_t time,
		bool killable)
{
	bool more = true;

	if (killable && task_killed())
		return false;
	if (!w->task)
		smp_relax();
	else if (w->task->bound)
		smp_idle(time);
	else
		more = task_block_until(time);
	more = more && (time == UINT64_MAX || arch_time() < time);
	/* Before the condition is looked at again. */
	join(q, w);
	return more;
}

void wait_end(struct wait_queue *q, struct waiter *w)
{
	uint64_t flags = spin_lock_irqsave(&q->lock);
	bool woken = !w->queued;

	if (!woken)
		list_del(&w->link);
	spin_unlock_irqrestore(&q->lock, flags);
	if (woken)
		wake_one(q);
}
