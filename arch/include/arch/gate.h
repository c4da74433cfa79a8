/*
 * A gate, at which harts stand while the memory that they run in moves.
 */
#pragma once

#include <kernel/types.h>

/* Lies where nothing moves, and starts as all 0. */
struct arch_gate {
	uint64_t open;	 /* 0, else how (a) */
	uint32_t here;	 /* so many harts have come (a) */
	uint32_t copied; /* what they run is where it will be, too (a) */
	uint32_t fresh;	 /* so many fetch it from there as it is (a) */
	uint32_t passed; /* and so many are through (a) */
};

/*
 * Stand at the gate: counts itself in, and from there on stores nothing but to the
 * gate, not even to the stack, until it is open. Then the hart walks the tables that
 * arch_gate_open() named, forgets all that it remembers of others, and counts itself
 * out. Interrupts are off.
 */
void arch_gate_wait(struct arch_gate *g);

/*
 * All others are at the gate, and the copy is complete. From here on none fetches
 * what was at its place before: each entry that is changed from now on can be walked
 * at once, by any hart. `others` of them are waited for.
 */
void arch_gate_copied(struct arch_gate *g, uint32_t others);

/* All others are at the gate. What was stored before is what they see when they are
 * through; this hart goes through, too. */
void arch_gate_open(struct arch_gate *g, paddr_t table, unsigned levels);

/* Call fn(arg) on the stack that ends at `top`, a multiple of 16. Interrupts are
 * off; a trap can't be survived. */
void arch_call_on(vaddr_t top, void (*fn)(void *arg), void *arg);
