/*
 * A small RAM with one fault in it, and a cache before it or none, for the
 * coverage tests of memtest/.
 *
 * A cell is one bit: word * 64 + bit. The fault models are the usual functional
 * ones of the literature (van de Goor, "Testing Semiconductor Memories", 1991;
 * Hamdioui et al., "March SS", 2002). Faults are in the memory and on the wires
 * to it: a cache is sound. It allocates on writes, writes back, and replaces the
 * line that was not used for longest.
 */
#pragma once

#include <stdint.h>

#define RAM_MODEL_WORDS 64
#define RAM_MODEL_LINE	8 /* words */

enum ram_fault_kind {
	RAM_GOOD,
	RAM_STUCK,	    /* cell is always `value` */
	RAM_TRANSITION,	    /* cell never changes to `value` by a write */
	RAM_WRITE_DISTURB,  /* writing `value` over `value` flips the cell */
	RAM_READ_DISTURB,   /* reading `value` flips it, returns the new one */
	RAM_DECEPTIVE_READ, /* reading `value` flips it, returns the old one */
	RAM_RETENTION,	    /* `value` leaks away in time */
	RAM_SOFT_READ,	    /* one read after a wait flips cell, no more */
	RAM_RESTLESS,	    /* each read flips it, returns the old one */
	RAM_COUPLE_INV,	    /* aggressor's change to `edge` flips cell */
	RAM_COUPLE_IDEM,   /* aggressor's change to `edge` makes cell `value` */
	RAM_COUPLE_STATE,  /* while aggressor is `edge`, cell is `value` */
	RAM_NO_CELL,	   /* address `from` has no word; reads float:
			     * value 0: all 0; 1: all 1; 2: what was last on
			     * the bus */
	RAM_OTHER_CELL,	   /* address `from` has the word of `to` */
	RAM_TWO_CELLS,	   /* `from` has also the word of `to`; a read gives
			     * their AND (value 0) or their OR (1) */
	RAM_LINE_STUCK,	   /* address line `from` is always `value` */
	RAM_LINES_SHORTED, /* lines `from` and `to` are both their AND
			     * (value 0) or their OR (1) */
	RAM_DATA_STUCK,	   /* data line `from` is always `value` */
	RAM_DATA_SHORTED,  /* lines `from` and `to` are both their AND
			     * (value 0) or their OR (1) */
	RAM_DATA_OPEN,	   /* line `from` does not reach the memory: reads
			     * find the level that was last written */
};

struct ram_fault {
	enum ram_fault_kind kind;
	unsigned value;
	unsigned edge;
	unsigned cell, aggressor;
	unsigned from, to;
};

/* One memory at a time: put in a fault, with junk in all words, and a cache of
 * so many lines, at most 4; 0: none. */
void ram_model_init(const struct ram_fault *f, uint64_t junk_seed,
		    unsigned cache_lines);

/* What the tests take for memory: never dereferenced, only compared. */
extern volatile uint64_t ram_model_words[RAM_MODEL_WORDS];

uint64_t ram_model_load(const volatile uint64_t *p);
void ram_model_store(volatile uint64_t *p, uint64_t v);

/* Write back and forget: the word's line; all lines. */
void ram_model_flush(const volatile uint64_t *p);
void ram_model_flush_all(void);

/* Time passes. */
void ram_model_wait(void);

/* Loads and stores since init, by the tests. */
uint64_t ram_model_accesses(void);
