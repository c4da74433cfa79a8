/*
 * Simulated harts that run tests: one thread, many stacks. A hart goes on until
 * a yield point, where a seeded draw decides who is next; so a run is the same
 * each time with one seed, and each seed is another interleaving.
 *
 * Yield points are arch_relax(), arch_smp_mb(), arch_irq_restore(), fences,
 * calls of firmware, and from time to time any branch of mm/ (which is compiled
 * so that it tells of them). All memory accesses are seen at once by everybody:
 * this finds wrong orders of steps, not missing barriers.
 */
#pragma once

#include <kernel/cpu.h>

#define HARTS_MAX 8

struct harts_hooks {
	/* At each yield point, on the hart that comes to it. */
	void (*yield)(void *ctx);
	/* What arch_ipi_send() makes a hart do, with interrupts off; NULL:
	 * kernel_ipi(). */
	void (*ipi)(void *ctx);
	void *ctx;
	bool keep_online; /* leave cpus_online() alone */
	bool sleep;	  /* only an interrupt ends arch_wait_for_interrupt() */
};

/*
 * Run fn[0] on cpu 0 to fn[n - 1] on cpu n - 1, until all have returned. Each
 * starts with interrupts on; one that has returned still serves interrupts.
 * These harts are cpus_online() while they run. Each of the HARTS_MAX harts has
 * its per-hart variables from the start of the program to its end. Ends the
 * program when all harts wait for each other.
 */
void harts_run(unsigned n, void (*const fn[])(void),
	       const struct harts_hooks *hooks, uint64_t seed);

/* Are harts running? */
bool harts_running(void);

/* A yield point. */
void harts_yield(void);

/* Interrupt a hart: soon, once for any number of calls. */
void harts_interrupt(unsigned cpu);

/* What arch_external_enable() said last, on whatever hart. */
bool harts_external_enabled(void);

/* Does interrupted code go on between two interrupts? It does, if nothing is said. */
void harts_stand(bool still);
