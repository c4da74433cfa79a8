/*
 * What the native machine was asked to forget, so far, and the simulated hart
 * that is asked to.
 */
#pragma once

#include <stdint.h>

struct mmu_model {
	uint64_t flushed_pages; /* calls of arch_tlb_flush_page */
	uint64_t flushed_all;	/* of arch_tlb_flush_all */
};

extern struct mmu_model mmu_model;

struct mmu_sim;

/* From now on <arch/mmu.h> acts on this hart of `sim` (<host/mmu_sim.h>); NULL:
 * on none. A test that installs one takes it away. */
void mmu_model_use(struct mmu_sim *sim, unsigned hart);
