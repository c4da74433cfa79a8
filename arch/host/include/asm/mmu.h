/*
 * What the native machine was asked to forget, so far, and the simulated MMU
 * that is asked to.
 */
#pragma once

#include <stdint.h>

struct mmu_model {
	uint64_t flushed_pages; /* fences with an address (a) */
	uint64_t flushed_all;	/* without (a) */
};

extern struct mmu_model mmu_model;

struct mmu_sim;

/* From now on <arch/mmu.h> acts on the harts of `sim` (<host/mmu_sim.h>), on the
 * one whose number is arch_cpu(); NULL: on none. A test that installs one takes
 * it away. */
void mmu_model_use(struct mmu_sim *sim);
struct mmu_sim *mmu_model_in_use(void);

/* Called with each write of satp, after it; NULL: nothing is. */
extern void (*mmu_model_satp_written)(void);
