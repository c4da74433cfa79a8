/*
 * A row of bench_user: an operation that a program can ask for, measured many
 * times. See main.c.
 */
#pragma once

#include "../user.h"

enum { MOST = 1024 };

/* Fill out[0..n-1] with what n operations took. False: can't be done here. */
typedef int row_fn(uint64_t *out, unsigned n);

struct row {
	const char *name;
	row_fn *fn;
	unsigned runs;
	unsigned each; /* an operation is of so many pages */
	const char *what;
};

extern const struct row memory_rows[], process_rows[]; /* fn NULL: the end */

enum counter { INSTRET, CYCLE, TIME };
extern enum counter counter;

static inline uint64_t now(void)
{
	uint64_t t;

	if (counter == INSTRET)
		__asm__ volatile("rdinstret %0" : "=r"(t)::"memory");
	else if (counter == CYCLE)
		__asm__ volatile("rdcycle %0" : "=r"(t)::"memory");
	else
		__asm__ volatile("rdtime %0" : "=r"(t)::"memory");
	return t;
}

/* What the statements between two readings take. */
#define MEASURE(...)                 \
	({                           \
		uint64_t t_ = now(); \
                                     \
		__VA_ARGS__;         \
		now() - t_;          \
	})

/* Anonymous memory, or the program ends. */
char *map_pages(unsigned long n, int prot, int flags);
void unmap_pages(char *p, unsigned long n);

static inline void touch(char *p)
{
	*(volatile char *)p = 1;
}

static inline void touch_all(char *p, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		touch(p + i * PAGE);
}

row_fn nothing;
