/* The memory tester's engine over 2 MiB, for benchmarks. */
#pragma once

#include <memtest/memtest.h>

struct page;

#define BENCH_MEMORY_ORDER 9 /* 2 MiB */

struct bench_memory {
	struct page *page;
	volatile uint64_t *words;
	uint64_t nwords;
	unsigned workers; /* each has an equal share */
	/* Call fn on each worker; return when all have. */
	void (*spread)(void (*fn)(void *ctx, unsigned worker), void *ctx);
	uint64_t errors;
};

/* Get the memory; false: there is none. Give it back. */
bool bench_memory_get(struct bench_memory *b);
void bench_memory_put(struct bench_memory *b);

/* Run a test, so many passes. */
void bench_memory_run(struct bench_memory *b, const char *test,
		      uint64_t passes);
