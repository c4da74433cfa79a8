/*
 * What debug builds check of spinlocks (<kernel/spinlock.h>). Each rule is
 * checked where it is broken, not where two harts happen to meet:
 *
 * I1  The ranks that a hart holds only grow. Interrupted code's count: a handler
 *     that waits for a lower rank makes that code's locks wait with it.
 * I2  A lock is released by the hart that holds it.
 * I3  A lock that was ever taken in an interrupt was never taken with
 *     interrupts on: the handler would wait for the code under it.
 *
 * No locking: what is per hart is the hart's own, the rest is written by the
 * lock's holder.
 */
#include <kernel/cpu.h>
#include <kernel/spinlock.h>

enum { IN_IRQ = 1, IRQS_ON = 2 }; /* struct spinlock.used */

static PERCPU uint32_t held; /* bit r: a lock of rank r; unranked don't count */
static PERCPU unsigned irq_depth;

static bool is_mine(const struct spinlock *l)
{
	return __atomic_load_n(&l->holder, __ATOMIC_RELAXED) == arch_cpu() + 1;
}

void spin_check_order(const struct spinlock *l)
{
	uint32_t mine = *this_cpu(held);

	if (is_mine(l))
		panic("spinlock %p: taken twice", (const void *)l);
	if (l->rank && mine >> l->rank)
		panic("spinlock %p: rank %u is wanted, but the ranks in %#x "
		      "are held",
		      (const void *)l, l->rank, mine);
}

void spin_check_taken(struct spinlock *l)
{
	l->used |= (uint8_t)((*this_cpu(irq_depth) ? IN_IRQ : 0) |
			     (arch_irq_enabled() ? IRQS_ON : 0));
	__atomic_store_n(&l->holder, (uint16_t)(arch_cpu() + 1),
			 __ATOMIC_RELAXED);
	*this_cpu(held) |= (uint32_t)1 << l->rank & ~1u;
	if (l->used == (IN_IRQ | IRQS_ON))
		panic("spinlock %p: taken in interrupts, and with them on",
		      (const void *)l);
}

void spin_check_release(struct spinlock *l)
{
	if (!is_mine(l))
		panic("spinlock %p: released by cpu %u, holder is %d",
		      (const void *)l, arch_cpu(), l->holder - 1);
	__atomic_store_n(&l->holder, 0, __ATOMIC_RELAXED);
	*this_cpu(held) &= ~((uint32_t)1 << l->rank & ~1u);
}

void spin_check_none(void)
{
	uint32_t mine = *this_cpu(held);

	if (mine)
		panic("the ranks in %#x are held where none may be", mine);
}

void spin_check_irq(bool enter)
{
	*this_cpu(irq_depth) += enter ? 1u : -1u;
}
