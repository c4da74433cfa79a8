/*
 * The functions that code built with -fsanitize=thread calls, without the
 * sanitizer (traffic.h). Harts are simulated: one thread, so nothing here needs
 * to be atomic.
 *
 * A table of lines, open addressing; it never gets full, or the run ends.
 */
#include <string.h>

#include <arch/cpu.h>
#include <kernel/assert.h>

#include "traffic.h"

#define LINES (1u << 16)

struct line {
	uintptr_t at;		   /* address / CACHE_LINE; 0: none */
	uint32_t readers, writers; /* sets of harts */
	uintptr_t pc;		   /* of the last store */
};

static struct line table[LINES];
static struct traffic now;
static bool counting;

static struct line *find(uintptr_t at)
{
	uint64_t i = at * 0x9e3779b97f4a7c15u >> 48;

	while (table[i].at && table[i].at != at)
		i = (i + 1) % LINES;
	if (!table[i].at)
		assert(++now.lines < LINES / 2);
	table[i].at = at;
	return &table[i];
}

static void touch(const volatile void *p, size_t size, bool store, void *pc)
{
	uintptr_t first = (uintptr_t)p / CACHE_LINE;
	uintptr_t last = ((uintptr_t)p + size - 1) / CACHE_LINE;
	uint32_t me = (uint32_t)cpu_bit(arch_cpu());

	if (!counting || !size)
		return;
	now.loads += !store;
	now.stores += store;
	for (uintptr_t at = first; at <= last; at++) {
		struct line *l = find(at);

		l->readers |= me;
		l->writers |= store ? me : 0;
		l->pc = store ? (uintptr_t)pc : l->pc;
	}
}

static void rmw(const volatile void *p, size_t size, void *pc)
{
	touch(p, size, true, pc);
	now.rmws += counting;
	now.rmw_pc = (uintptr_t)pc;
}

void traffic_start(void)
{
	memset(table, 0, sizeof(table));
	now = (struct traffic){0};
	counting = true;
}

void traffic_stop(struct traffic *t)
{
	counting = false;
	for (unsigned i = 0; i < LINES; i++) {
		const struct line *l = &table[i];

		if (!l->writers)
			continue;
		now.written++;
		/* Readers are those that stored, too. */
		if (!(l->readers & (l->readers - 1)))
			continue;
		now.shared++;
		now.shared_line = l->at * CACHE_LINE;
		now.shared_pc = l->pc;
	}
	*t = now;
}

/* --- what the compiler calls --- */

#define PC __builtin_return_address(0)

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

void __tsan_init(void)
{
}

void __tsan_func_entry(void *pc)
{
	(void)pc;
}

void __tsan_func_exit(void)
{
}

void __tsan_read_range(void *p, size_t size)
{
	touch(p, size, false, PC);
}

void __tsan_write_range(void *p, size_t size)
{
	touch(p, size, true, PC);
}

#define PLAIN(n)                                     \
	void __tsan_read##n(void *p)                 \
	{                                            \
		touch(p, n, false, PC);              \
	}                                            \
	void __tsan_write##n(void *p)                \
	{                                            \
		touch(p, n, true, PC);               \
	}                                            \
	void __tsan_unaligned_read##n(void *p)       \
	{                                            \
		touch(p, n, false, PC);              \
	}                                            \
	void __tsan_unaligned_write##n(void *p)      \
	{                                            \
		touch(p, n, true, PC);               \
	}                                            \
	void __tsan_read_write##n(void *p)           \
	{                                            \
		touch(p, n, true, PC);               \
	}                                            \
	void __tsan_unaligned_read_write##n(void *p) \
	{                                            \
		touch(p, n, true, PC);               \
	}

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

#define SEQ __ATOMIC_SEQ_CST

#define FETCH(bits, type, op)                                           \
	type __tsan_atomic##bits##_fetch_##op(volatile type *p, type v, \
					      int order)                \
	{                                                               \
		(void)order;                                            \
		rmw(p, sizeof(type), PC);                               \
		return __atomic_fetch_##op(p, v, SEQ);                  \
	}

#define ATOMIC(bits, type)                                                     \
	type __tsan_atomic##bits##_load(const volatile type *p, int order)     \
	{                                                                      \
		(void)order;                                                   \
		touch(p, sizeof(type), false, PC);                             \
		return __atomic_load_n(p, SEQ);                                \
	}                                                                      \
	void __tsan_atomic##bits##_store(volatile type *p, type v, int order)  \
	{                                                                      \
		(void)order;                                                   \
		touch(p, sizeof(type), true, PC);                              \
		__atomic_store_n(p, v, SEQ);                                   \
	}                                                                      \
	type __tsan_atomic##bits##_exchange(volatile type *p, type v,          \
					    int order)                         \
	{                                                                      \
		(void)order;                                                   \
		rmw(p, sizeof(type), PC);                                      \
		return __atomic_exchange_n(p, v, SEQ);                         \
	}                                                                      \
	FETCH(bits, type, add)                                                 \
	FETCH(bits, type, sub)                                                 \
	FETCH(bits, type, and)                                                 \
	FETCH(bits, type, or)                                                  \
	FETCH(bits, type, xor)                                                 \
	FETCH(bits, type, nand)                                                \
	int __tsan_atomic##bits##_compare_exchange_strong(                     \
		volatile type *p, type *expected, type v, int order,           \
		int failed)                                                    \
	{                                                                      \
		(void)order;                                                   \
		(void)failed;                                                  \
		rmw(p, sizeof(type), PC);                                      \
		return __atomic_compare_exchange_n(p, expected, v, false, SEQ, \
						   SEQ);                       \
	}                                                                      \
	int __tsan_atomic##bits##_compare_exchange_weak(                       \
		volatile type *p, type *expected, type v, int order,           \
		int failed)                                                    \
	{                                                                      \
		(void)order;                                                   \
		(void)failed;                                                  \
		rmw(p, sizeof(type), PC);                                      \
		return __atomic_compare_exchange_n(p, expected, v, false, SEQ, \
						   SEQ);                       \
	}                                                                      \
	type __tsan_atomic##bits##_compare_exchange_val(volatile type *p,      \
							type expected, type v, \
							int order, int failed) \
	{                                                                      \
		(void)order;                                                   \
		(void)failed;                                                  \
		rmw(p, sizeof(type), PC);                                      \
		__atomic_compare_exchange_n(p, &expected, v, false, SEQ, SEQ); \
		return expected;                                               \
	}

ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

void __tsan_atomic_thread_fence(int order)
{
	(void)order;
	now.fences += counting;
}

void __tsan_atomic_signal_fence(int order)
{
	(void)order;
}
