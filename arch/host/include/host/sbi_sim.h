/*
 * A model of the firmware, as far as fences and interrupts go (SBI 2.0, chapters
 * IPI, RFENCE, HSM), with the ways of OpenSBI:
 *
 *  - a mask that names a hart which is unknown or not started is refused, and
 *    then no hart is told
 *  - a range of size 0 that does not start at 0 is fenced nowhere
 *  - one of more than `range_limit` (OpenSBI: a page) is everything, as are start
 *    0 with size 0, and size 2^64 - 1; with an ASID: everything of that
 *  - else there is a fence for the page of each start + n * 4096 below the end
 *
 * Harts are told one after the other, in any order. All calls are recorded, and
 * can be made to fail.
 */
#pragma once

#include <asm/sbi.h>
#include <host/harts.h>

#define SBI_SIM_CALLS 64

struct sbi_sim_call {
	uint64_t ext, fid, arg[5];
	unsigned cpu; /* that made it */
	int64_t error;
};

struct mmu_sim;

struct sbi_sim {
	struct mmu_sim *mmu;
	unsigned n;
	uint64_t hartid[HARTS_MAX];
	bool started[HARTS_MAX];
	uint64_t range_limit;
	/* The latest: call k is at k % SBI_SIM_CALLS. */
	struct sbi_sim_call call[SBI_SIM_CALLS];
	uint64_t calls, refused;
	/* Asked before each call, if not NULL: an error makes the call return
	 * it and do nothing; 0 lets it be made. */
	int64_t (*refuse)(const struct sbi_sim_call *c);
};

/* From now on sbi_call() comes here. NULL: to no model; then interrupts are
 * delivered while harts run, fences do nothing, and hart ids are cpu numbers. */
void sbi_sim_use(struct sbi_sim *s);
