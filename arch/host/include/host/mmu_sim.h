/*
 * A model of RISC-V address translation: harts that walk page tables in any
 * memory that can be read, and remember what they read as badly as the
 * architecture lets them. It is written from the privileged specification and
 * shares nothing with <asm/pte.h> or mm/, so that it can judge them.
 *
 * A hart may remember each entry that a walk read: leaves, pointers to tables,
 * entries that map nothing. It forgets at random, and where a fence demands it;
 * never because an entry changed in memory, or because satp did. An access may
 * use anything remembered, or memory. So it has a set of possible outcomes:
 * mmu_sim_access draws one, mmu_sim_outcomes tells them all. What a hart happens
 * to remember comes from the seed and from mmu_sim_prefetch.
 *
 * Apart from that each hart has an instruction cache: words by physical address,
 * as they were when they were first fetched, until it forgets one at random or
 * all by FENCE.I.
 *
 * No locks: one thread.
 */
#pragma once

#include <lib/rng.h>

struct mmu_sim_entry {
	uint64_t va;   /* the first address that it is for */
	uint64_t size; /* and how many bytes of them; 0: a free slot */
	uint64_t at;   /* physical address that it was read from */
	uint64_t pte;
	unsigned asid;
	unsigned level;
	bool below_global; /* a pointer on the way had G set */
	bool poisoned;	   /* leads to memory that was freed since */
	bool detached;	   /* was read from memory that was freed since */
	uint8_t overdue;   /* bit n: it was outdated when flush n began */
};

struct mmu_sim_code {
	uint64_t pa;
	uint64_t word;
	bool valid;
};

#define MMU_SIM_ENTRIES	 256 /* that a hart can remember */
#define MMU_SIM_CODE	 32  /* words in its instruction cache */
#define MMU_SIM_INTEREST 64
#define MMU_SIM_SEEN	 1024

struct mmu_sim_hart {
	uint64_t satp;
	struct mmu_sim_entry entry[MMU_SIM_ENTRIES];
	struct mmu_sim_code code[MMU_SIM_CODE];
	uint64_t crowded_out; /* entries lost for want of a slot */
	/* It waits, and uses no global leaf that it remembers: one that leads to
	 * freed memory is poisoned, no fault yet. */
	bool idle;
};

/* Extensions that the harts have. */
#define MMU_SIM_SVNAPOT (1u << 0)
#define MMU_SIM_SVPBMT	(1u << 1)

struct mmu_sim_config {
	/* The 4 KiB of physical memory at pa, aligned to that; NULL if there is
	 * no memory. */
	const uint64_t *(*page)(void *ctx, uint64_t pa);
	void *ctx;
	unsigned asid_bits;  /* ASIDLEN: 0 to 16 */
	unsigned modes;	     /* bit n: satp can be set to n levels; 3 to 5 */
	unsigned extensions; /* MMU_SIM_SV... */
	/* Addresses that may lead to freed memory (a direct map): the first one
	 * and how many. */
	uint64_t exempt, exempt_size;
	uint64_t seed;
};

struct mmu_sim {
	struct mmu_sim_config config;
	struct rng rng;
	struct mmu_sim_hart *hart;
	unsigned nharts;
	uint64_t interest[MMU_SIM_INTEREST];
	unsigned ninterest; /* ever named */
	/* Tables that a search has been through (arch/host/mmu_sim_check.c). */
	struct {
		uint64_t key, search;
		bool found;
	} seen[MMU_SIM_SEEN];
	uint64_t searches;
};

enum mmu_sim_kind { MMU_SIM_FETCH, MMU_SIM_LOAD, MMU_SIM_STORE };

struct mmu_sim_access {
	uint64_t va;
	enum mmu_sim_kind kind;
	bool user; /* by U-mode; else S-mode, with these bits of sstatus: */
	bool sum;
	bool mxr; /* counts in U-mode too */
};

struct mmu_sim_outcome {
	bool ok;
	unsigned cause; /* else: as in scause */
	uint64_t pa;	/* if ok */
};

/* `n` harts in `harts`, in Bare mode, that remember nothing. */
void mmu_sim_init(struct mmu_sim *s, const struct mmu_sim_config *config,
		  struct mmu_sim_hart *harts, unsigned n);

/* A value for satp; 0 levels is Bare. */
uint64_t mmu_sim_satp(unsigned levels, uint64_t root, unsigned asid);

/* The CSR write. An unknown mode: no effect. Nothing is forgotten. */
void mmu_sim_write_satp(struct mmu_sim *s, unsigned hart, uint64_t satp);

/* SFENCE.VMA with these operands; NULL is x0. */
void mmu_sim_sfence_vma(struct mmu_sim *s, unsigned hart, const uint64_t *va,
			const uint64_t *asid);

/* An address that harts may walk to on their own. The latest
 * MMU_SIM_INTEREST count. */
void mmu_sim_interest(struct mmu_sim *s, uint64_t va);

/* Let every hart do what it may do at any time: walk to an address of interest,
 * forget an entry. Or neither. */
void mmu_sim_disturb(struct mmu_sim *s);

/* The worst case: the hart walks to va, from satp and from each pointer that it
 * remembers, and remembers every entry that it reads. */
void mmu_sim_prefetch(struct mmu_sim *s, unsigned hart, uint64_t va);

/* One access, with one of its possible outcomes. */
struct mmu_sim_outcome mmu_sim_access(struct mmu_sim *s, unsigned hart,
				      const struct mmu_sim_access *a);

/* All possible outcomes, each once: how many there are, of which the first
 * `max` go to `set`. Draws nothing and changes nothing, as all below. */
unsigned mmu_sim_outcomes(const struct mmu_sim *s, unsigned hart,
			  const struct mmu_sim_access *a,
			  struct mmu_sim_outcome *set, unsigned max);

/* Is this one of them? */
bool mmu_sim_possible(const struct mmu_sim *s, unsigned hart,
		      const struct mmu_sim_access *a,
		      struct mmu_sim_outcome outcome);

/* Could the access succeed, wherever it leads? */
bool mmu_sim_may_succeed(const struct mmu_sim *s, unsigned hart,
			 const struct mmu_sim_access *a);

/* The same for a fetch of the aligned 64-bit word at a->va; if it succeeds,
 * `*word` is what the hart gets. */
struct mmu_sim_outcome mmu_sim_fetch(struct mmu_sim *s, unsigned hart,
				     const struct mmu_sim_access *a,
				     uint64_t *word);

/* FENCE.I. */
void mmu_sim_fence_i(struct mmu_sim *s, unsigned hart);

/* Does the hart hold another word for pa than is there now? */
bool mmu_sim_stale_code(const struct mmu_sim *s, unsigned hart, uint64_t pa);

/* A way to memory, for messages. */
struct mmu_sim_path {
	unsigned hart;
	uint64_t va;
	uint64_t pte; /* the entry that leads there */
	bool table;   /* as a table that is walked, not by an access */
	bool cached;  /* it starts at a remembered entry, not at satp */
};

/*
 * Could any hart still reach a byte of physical memory [pa, pa + size): by an
 * access with whatever right, or by reading it as a table? By what satp points
 * to now, and by everything remembered of whatever address space. If so, and
 * `path` is not NULL, it becomes one of the ways. A hart in Bare mode counts as
 * one that does not run, as to satp. Visits all tables.
 */
bool mmu_sim_reaches(struct mmu_sim *s, uint64_t pa, uint64_t size,
		     struct mmu_sim_path *path);

/*
 * This memory is being freed. The same question, but only for what harts can use
 * under their satp as it is now, and but for global leaves remembered by idle
 * harts and for addresses that are exempt. All else that leads there is poisoned.
 */
bool mmu_sim_freed(struct mmu_sim *s, uint64_t pa, uint64_t size,
		   struct mmu_sim_path *path);

/* Can the hart use what is poisoned? To be asked when satp was written, and when
 * it is no longer idle. */
bool mmu_sim_poisoned(const struct mmu_sim *s, unsigned hart,
		      struct mmu_sim_path *path);

/*
 * Does the hart remember, for addresses in [va, va + size), what allows other
 * accesses, or the same to other places, than its tables do now? With `exact`,
 * also what forbids more. Looks at some addresses of what is large. Draws.
 */
bool mmu_sim_outdated(struct mmu_sim *s, unsigned hart, uint64_t va,
		      uint64_t size, bool exact, struct mmu_sim_path *path);

/*
 * The same for what has been so since mmu_sim_flush_begins() was called with this
 * number (0 to 7): what others have unhooked meanwhile is theirs to flush.
 */
void mmu_sim_flush_begins(struct mmu_sim *s, unsigned flush, uint64_t va,
			  uint64_t size, bool exact);
bool mmu_sim_overdue(struct mmu_sim *s, unsigned flush, unsigned hart,
		     uint64_t va, uint64_t size, bool exact,
		     struct mmu_sim_path *path);
