/* Inside the model of <host/mmu_sim.h>: the format, and walking it. */
#pragma once

#include <host/mmu_sim.h>

#define MAX_LEVELS 5

#define SATP_MODE_SHIFT 60
#define SATP_ASID_SHIFT 44
#define SATP_PPN	0x00000fffffffffffu

/* Figure 4.20 and those for Sv48 and Sv57. */
#define V	 0x01u
#define R	 0x02u
#define W	 0x04u
#define X	 0x08u
#define U	 0x10u
#define G	 0x20u
#define A	 0x40u
#define D	 0x80u
#define PPN(pte) ((pte) >> 10 & 0xfffffffffffu)
#define RESERVED 0x1fc0000000000000u /* 60:54 */
#define PBMT	 0x6000000000000000u /* 62:61, Svpbmt; 3 is reserved */
#define N	 0x8000000000000000u /* Svnapot */

enum kind { INVALID, POINTER, LEAF };

static inline unsigned satp_levels(uint64_t satp)
{
	unsigned mode = (unsigned)(satp >> SATP_MODE_SHIFT);

	return mode ? mode - 5 : 0; /* 8: Sv39, 9: Sv48, 10: Sv57 */
}

static inline unsigned satp_asid(uint64_t satp)
{
	return (unsigned)(satp >> SATP_ASID_SHIFT) & 0xffff;
}

static inline uint64_t bytes_at(unsigned level)
{
	return (uint64_t)4096 << 9 * level;
}

static inline bool overlap(uint64_t a, uint64_t na, uint64_t b, uint64_t nb)
{
	return a < b + nb && b < a + na;
}

static inline bool is_global(const struct mmu_sim_entry *e)
{
	return e->below_global || ((e->pte & V) && (e->pte & G));
}

static inline bool covers(const struct mmu_sim_entry *e, uint64_t va)
{
	return e->size && (va & ~(e->size - 1)) == e->va;
}

/* May a hart with this satp use it, for some address? */
static inline bool in_use(const struct mmu_sim_entry *e, uint64_t satp)
{
	return e->size && satp_levels(satp) &&
	       (is_global(e) || e->asid == satp_asid(satp));
}

static inline bool equal(struct mmu_sim_outcome a, struct mmu_sim_outcome b)
{
	return a.ok == b.ok && a.cause == b.cause && a.pa == b.pa;
}

/* What is an entry with this value, in a table at `level`? */
enum kind mmu_sim_kind_of(const struct mmu_sim *s, uint64_t pte,
			  unsigned level);

/* The aligned 64-bit word at pa; false if there is no memory. */
bool mmu_sim_word(const struct mmu_sim *s, uint64_t pa, uint64_t *word);

/* The entry for va in the table of satp; the one that pointer `e` leads to.
 * False if there is no memory. */
bool mmu_sim_read_root(const struct mmu_sim *s, uint64_t satp, uint64_t va,
		       struct mmu_sim_entry *e);
bool mmu_sim_read_next(const struct mmu_sim *s, const struct mmu_sim_entry *e,
		       uint64_t va, struct mmu_sim_entry *next);

/* On from a remembered or just read entry, in memory only. */
struct mmu_sim_outcome mmu_sim_finish(const struct mmu_sim *s,
				      struct mmu_sim_entry e,
				      const struct mmu_sim_access *a);

/* The outcome for a hart that remembers nothing. */
struct mmu_sim_outcome mmu_sim_fresh(const struct mmu_sim *s, uint64_t satp,
				     const struct mmu_sim_access *a);
