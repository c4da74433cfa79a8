/*
 * Numbers of address spaces (<mm/asid.h>).
 *
 * A hart that tags what it remembers with a number (ASID) need not forget a
 * space when it leaves it. There are fewer numbers than spaces, so they are
 * given out anew in each generation; a space's context is the pair
 *
 *	context = generation << 16 | number		0: never had one
 *
 * and the number counts only while the generation is the current one. When
 * numbers run out, the next generation begins (rollover): every hart must
 * forget everything before it enters a space of the new generation (`pending`),
 * and the numbers of spaces that harts are in at that time stay theirs
 * (`reserved`), for these harts go on using them.
 *
 *  I1  at any time, no two spaces that harts are in have the same number
 *  I2  a hart never enters a space under a number that it remembers of another:
 *      numbers are given once in a generation, and each hart forgets all when it
 *      first enters a space in one
 *  I3  a space has one number on all harts that are in it
 *
 * `running` is the context that a hart is in; the hart itself sets it, by
 * compare-and-exchange if it holds no lock, and a rollover takes it (0) and
 * keeps it in `reserved`. So a hart that finds 0 knows that a rollover came
 * between, and takes the lock.
 *
 * A number can be reserved by each hart, once, and each rollover must find a
 * free one for the space that asks: there must be more numbers than harts.
 *
 * Cost: as a rule, two loads and one exchange. A new number is a look at one
 * word for each hart. Numbers are not given back: there is no bitmap.
 */
#include <kernel/assert.h>
#include <lib/cas.h>
#include <mm/asid.h>

static uint64_t running_of(struct asid_pool *p, unsigned cpu)
{
	return __atomic_load_n(&p->hart[cpu].running, __ATOMIC_RELAXED);
}

static bool current(const struct asid_pool *p, uint64_t context)
{
	return context >> ASID_NUMBER_BITS ==
	       __atomic_load_n(&p->generation, __ATOMIC_RELAXED);
}

void asid_pool_init(struct asid_pool *p, unsigned numbers, unsigned cpus)
{
	*p = (struct asid_pool){
		.lock = SPINLOCK_INIT(LOCK_ASID),
		.generation = 1,
		.numbers = numbers > cpus + 1 ? numbers : 0,
		.next = 1,
		.cpus = cpus,
	};
}

static void rollover(struct asid_pool *p)
{
	__atomic_store_n(&p->generation, p->generation + 1, __ATOMIC_RELAXED);
	for (unsigned cpu = 0; cpu < p->cpus; cpu++) {
		uint64_t context = __atomic_exchange_n(&p->hart[cpu].running, 0,
						       __ATOMIC_ACQ_REL);

		/* 0: since the last rollover it entered no space, so it is in
		 * the one it was in then. */
		if (context)
			p->hart[cpu].reserved = context;
	}
	p->pending = ~(cpumask_t)0;
	p->next = 1;
	p->rollovers++;
}

static bool reserved(const struct asid_pool *p, unsigned number)
{
	for (unsigned cpu = 0; cpu < p->cpus; cpu++)
		if (asid_of(p->hart[cpu].reserved) == number)
			return true;
	return false;
}

/* Harts were in the space at a rollover: it keeps its number. */
static bool keep(struct asid_pool *p, uint64_t old, uint64_t context)
{
	bool hit = false;

	for (unsigned cpu = 0; cpu < p->cpus; cpu++)
		if (p->hart[cpu].reserved == old) {
			p->hart[cpu].reserved = context;
			hit = true;
		}
	return hit;
}

static uint64_t make(const struct asid_pool *p, unsigned number)
{
	return p->generation << ASID_NUMBER_BITS | number;
}

static uint64_t renew(struct asid_pool *p, uint64_t old)
{
	if (old && keep(p, old, make(p, asid_of(old))))
		return make(p, asid_of(old));
	do {
		if (p->next == p->numbers)
			rollover(p);
	} while (reserved(p, p->next++));
	return make(p, p->next - 1);
}

unsigned asid_enter(struct asid_pool *p, uint64_t *context, unsigned cpu,
		    bool *forget)
{
	uint64_t mine = running_of(p, cpu);
	uint64_t c = __atomic_load_n(context, __ATOMIC_RELAXED);

	debug_assert(cpu < p->cpus);
	*forget = false;
	if (mine && current(p, c) &&
	    __atomic_compare_exchange_n(&p->hart[cpu].running, &mine, c, false,
					CAS_RELEASE, CAS_RELEASE))
		return asid_of(c);

	spin_lock(&p->lock);
	c = __atomic_load_n(context, __ATOMIC_RELAXED);
	if (!current(p, c)) {
		c = renew(p, c);
		__atomic_store_n(context, c, __ATOMIC_RELAXED);
	}
	*forget = p->pending & cpu_bit(cpu);
	p->pending &= ~cpu_bit(cpu);
	__atomic_store_n(&p->hart[cpu].running, c, __ATOMIC_RELAXED);
	spin_unlock(&p->lock);
	return asid_of(c);
}
