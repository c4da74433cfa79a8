/*
 * Trials of the memory tests: faults of a class, one at a time, are put into the
 * RAM model, and tests run over it.
 */
#pragma once

#include <lib/rng.h>

#include "memtest_model.h"
#include "ram_model.h"

#define TRIAL_BASE 0x80000000u /* physical address of the model */

/* How accesses get to the memory: as in the kernel's cache modes. */
enum trial_mode {
	TRIAL_WB,
	TRIAL_EVICT,
	TRIAL_FLUSH,
	TRIAL_UNCACHED,
	TRIAL_MODES
};

extern const char *const trial_mode_names[TRIAL_MODES];

/* A class of faults: a column of the table. */
enum trial_class {
	SAF,
	TF,
	WDF,
	RDF,
	DRDF,
	DRF,
	AF,
	AL,
	DL,
	CFIN_I,
	CFIN_X,
	CFID_I,
	CFID_X,
	CFST_I,
	CFST_X,
	TRIAL_CLASSES
};

extern const char *const trial_class_names[TRIAL_CLASSES];

/* What is to be tried, and what came out. */
struct trial {
	uint64_t tests; /* as in struct memtest_config */
	enum trial_mode mode;
	unsigned workers;  /* 1 to 4, each with an equal part of memory ... */
	unsigned nregions; /* ... in so many regions */
	unsigned nwords;   /* of the model's; 0: all */
	unsigned skipped;  /* that many are left out before these */
	bool any_hold;	   /* time passes in each hold, not just in long ones */
	unsigned every;	   /* of the class' faults, try one of so many */
	struct rng rng;	   /* for junk, places, and workers' turns */

	uint64_t found, total; /* faults */
	uint64_t errors;       /* of the last run */
	struct memtest_error first;
	struct memtest_result result;
};

/* Run over a RAM with this fault, up to the first error. Were there any? */
bool trial_finds(struct trial *t, const struct ram_fault *f);

/* All faults of a class; adds to found and total. */
void trial_class(struct trial *t, enum trial_class c);
