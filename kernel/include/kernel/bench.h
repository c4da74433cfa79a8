/*
 * Benchmarks: operations measured in instructions retired. Each registers itself
 * in a linker section, and `bench` at the console runs them. Figures repeat to
 * the instruction where the emulator counts (scripts/bench); on hardware they
 * are what instret says.
 */
#pragma once

#include <kernel/types.h>

struct bench {
	const char *name;
	const char *what;    /* one operation, in words */
	unsigned per;	     /* operations in a run */
	bool (*start)(void); /* once, before; false: can't run here */
	void (*run)(void);   /* what is measured */
	void (*undo)(void);  /* after each run; NULL: nothing to do */
	void (*end)(void);   /* once, after; NULL */
};

#define BENCH(name_)                            \
	static const struct bench bench_##name_ \
		__attribute__((used, section("benches"), aligned(8)))
