/*
 * The native machine with several harts: a simulated MMU (<host/mmu_sim.h>),
 * firmware (<host/sbi_sim.h>) and a scheduler (<host/harts.h>) put together, on
 * which mm/ runs as it is. RAM is that of <host/ram.h>.
 *
 * While it runs, it watches mm/, and what it sees is a failure of the test:
 *
 *  - a frame or table is freed that a hart can still reach: by its satp or by
 *    what it remembers and can use
 *  - satp is written, or a hart is no longer idle, and it can use what it
 *    remembers that leads to memory freed since
 *  - a flush is over and a hart in that space, or any in the kernel's, can still
 *    access what the tables no longer allow, or, in the kernel's or on the hart
 *    that flushed, is still refused what they allow
 *
 * Harts walk and forget as they like at each yield point.
 */
#pragma once

#include <host/mmu_sim.h>
#include <host/sbi_sim.h>

struct tlb_space;

struct machine_config {
	unsigned harts;
	uint64_t hartid[HARTS_MAX];
	unsigned started; /* the first so many are; the others never run */
	struct mmu_sim_config mmu; /* all but `page` and `ctx` */
	uint64_t range_limit;	   /* of the firmware */
	bool svinval;
	/* The root of a space's tables. */
	paddr_t (*root_of)(const struct tlb_space *s);
};

struct machine {
	struct machine_config config;
	struct mmu_sim mmu;
	struct mmu_sim_hart hart[HARTS_MAX];
	struct sbi_sim sbi;
	/* The hart is in tlb_switch(): satp may already be the new space's while
	 * the one before is not forgotten. It uses no address of either. */
	bool switching[HARTS_MAX];
	uint64_t frees, flushes, switches; /* that were watched */
	uint64_t violations;
	bool quiet; /* they are counted, but do not make the test fail */
};

/* Switch it on; one at a time. The harts are in Bare mode, and the started ones
 * are cpus_online(). */
void machine_begin(struct machine *m, const struct machine_config *config);

/* Run fn[k] on cpu k, for all started harts; see harts_run(). */
void machine_run(struct machine *m, void (*const fn[])(void));

/* Off. Nothing is watched any more; one hart is online, as before. */
void machine_end(struct machine *m);
