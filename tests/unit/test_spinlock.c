/* The ticket lock, as far as one hart can see it. */
#include <kernel/ktest.h>
#include <kernel/spinlock.h>

KTEST(spinlock, trylock_only_takes_a_free_lock)
{
	struct spinlock l = SPINLOCK_INIT(LOCK_TEST);

	EXPECT(spin_trylock(&l));
	EXPECT(!spin_trylock(&l));
	EXPECT(!spin_trylock(&l));
	spin_unlock(&l);
	spin_lock(&l);
	EXPECT(!spin_trylock(&l));
	spin_unlock(&l);
	EXPECT(spin_trylock(&l));
	spin_unlock(&l);
	EXPECT_EQ(l.next, l.owner);
}

KTEST(spinlock, tickets_wrap)
{
	struct spinlock l;

	spin_lock_init(&l, LOCK_TEST);
	l.next = l.owner = UINT32_MAX;
	spin_lock(&l);
	EXPECT(!spin_trylock(&l));
	spin_unlock(&l);
	EXPECT(spin_trylock(&l));
	spin_unlock(&l);
	EXPECT_EQ(l.owner, 1);
}

KTEST(spinlock, zeroed_memory_is_a_lock)
{
	struct spinlock l = {0}, other = SPINLOCK_INIT(LOCK_TEST);
	uint64_t flags;

	/* Its place in the order is unknown: anywhere. */
	spin_lock(&other);
	flags = spin_lock_irqsave(&l);
	EXPECT(!arch_irq_enabled());
	spin_unlock_irqrestore(&l, flags);
	spin_unlock(&other);
}

KTEST(spinlock, ranks_nest_upwards)
{
	struct spinlock outer = SPINLOCK_INIT(LOCK_ZONE);
	struct spinlock inner = SPINLOCK_INIT(LOCK_TEST);

	for (int i = 0; i < 2; i++) {
		spin_lock(&outer);
		spin_lock(&inner);
		spin_unlock(&outer);
		spin_unlock(&inner);
	}
}
