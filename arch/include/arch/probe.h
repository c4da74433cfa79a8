/*
 * Accesses that may trap, for tests and litmus tests: what a hart does at an
 * address now, not what the tables say.
 */
#pragma once

#include <kernel/types.h>

struct probe {
	bool ok;	/* no trap */
	unsigned cause; /* of the trap, as the hart tells it */
	uint64_t value; /* that was loaded; that the code there gave */
};

/*
 * By the kernel: load the aligned 64-bit word at va, store `value` there, or run
 * the code there, which arch_probe_code() wrote. Interrupts are off meanwhile.
 */
struct probe arch_probe(enum access kind, vaddr_t va, uint64_t value);

/* The same for a load of 8, 16, 32 or 64 bits at a multiple of that, also of a
 * device's register: of one that nothing answers for, the bus or the firmware may
 * make an access fault. */
struct probe arch_probe_load(vaddr_t va, unsigned bits);

/* May the kernel touch user pages on this hart? Not, until this is called. */
void arch_probe_users(bool allowed);

/* Code, of PROBE_CODE_SIZE bytes, that gives n, below 2048. Fetched only after
 * tlb_sync_code(). */
#define PROBE_CODE_SIZE 8
void arch_probe_code(void *at, unsigned n);
