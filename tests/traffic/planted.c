/* See planted.h. This is built as the allocators are: instrumented. */
#include <kernel/spinlock.h>

#include "planted.h"
#include "traffic.h"

static struct {
	uint64_t counter;
	struct spinlock lock;
	uint8_t own[MAX_CPUS / 8];
} shared __attribute__((aligned(CACHE_LINE)));

void planted_nothing(void *p)
{
	*(volatile uint8_t *)p = 1;
}

void planted_counter(void *p)
{
	planted_nothing(p);
	shared.counter++;
}

void planted_atomic(void *p)
{
	planted_nothing(p);
	__atomic_fetch_add(&shared.counter, 1, __ATOMIC_RELAXED);
}

void planted_lock(void *p)
{
	spin_lock(&shared.lock);
	planted_nothing(p);
	spin_unlock(&shared.lock);
}

void planted_neighbours(void *p)
{
	planted_nothing(p);
	shared.own[arch_cpu()] = 1;
}

void planted_fence(void *p)
{
	planted_nothing(p);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
