/*
 * Benchmarks: operations measured in instructions retired. Each registers itself
 * in a linker section, and `bench` at the console runs them. Figures repeat to
 * the instruction where the emulator counts (scripts/bench); on hardware they
 * are what instret says.
 *
 *	BENCH(frame) = {.group = "alloc", .name = "page", .run = pair,
 *			.what = "allocate and free a frame"};
 *
 * A function of benchmarks costs nothing but the calls that it makes: what a
 * function that does nothing costs is taken off, and what is short is repeated
 * (`per`) without a loop, or in one whose steps are many calls.
 */
#pragma once

#include <kernel/types.h>

struct bench {
	const char *group;
	const char *name;
	const char *what;    /* one operation, in words */
	unsigned per;	     /* operations in a run; 0: one */
	bool (*start)(void); /* once, before; false: can't run here; NULL */
	void (*run)(void);   /* what is measured; interrupts are off */
	void (*undo)(void);  /* after each run; NULL: nothing to do */
	void (*end)(void);   /* once, after; NULL */
	bool (*all)(void); /* instead: measures and prints; whether it could */
};

#define BENCH(name_)                            \
	static const struct bench bench_##name_ \
		__attribute__((used, section("benches"), aligned(8)))

/* From now on there are none. */
void bench_drop(void);
