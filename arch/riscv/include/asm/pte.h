/*
 * RISC-V page table entries, Sv39/Sv48/Sv57 (privileged specification, 4.4;
 * chapters 5 and 6 for Svnapot and Svpbmt).
 *
 *	63 N | 62:61 PBMT | 60:54 0 | 53:10 PPN | 9:8 RSW | D A G U X W R V
 *
 * A and D are set in every leaf: many harts (the U74 among them) do not set
 * them but fault. In an entry that points to a table they must be 0. Of RSW,
 * which harts ignore, bit 8 marks a pointer to a permanent table, and bit 9 a leaf
 * that is hidden: without V all other bits are ours, and stay as they were.
 */
#pragma once

#include <kernel/types.h>
#include <lib/cas.h>

#define PT_INDEX_BITS 9
#define PT_PADDR_BITS 56

typedef struct {
	uint64_t v;
} pte_t;

#define PTE_V ((uint64_t)1 << 0)
#define PTE_R ((uint64_t)1 << 1)
#define PTE_W ((uint64_t)1 << 2)
#define PTE_X ((uint64_t)1 << 3)
#define PTE_U ((uint64_t)1 << 4)
#define PTE_G ((uint64_t)1 << 5)
#define PTE_A ((uint64_t)1 << 6)
#define PTE_D ((uint64_t)1 << 7)
#define PTE_P ((uint64_t)1 << 8) /* ours: permanent */
#define PTE_H ((uint64_t)1 << 9) /* ours: hidden */
#define PTE_N ((uint64_t)1 << 63)

#define PTE_RWX (PTE_R | PTE_W | PTE_X)

#define PTE_PPN_SHIFT 10
#define PTE_PPN_MASK  ((((uint64_t)1 << 44) - 1) << PTE_PPN_SHIFT)

/* 0: as the address's PMA say, 1: NC, 2: IO; 3 is reserved. */
#define PTE_PBMT_SHIFT 61
#define PTE_PBMT_MASK  ((uint64_t)3 << PTE_PBMT_SHIFT)

/* In a group of 64 KiB, the only size there is, PPN ends in 1000b. */
#define PTE_NAPOT_ENTRIES 16
#define PTE_NAPOT_SIZE	  ((uint64_t)8 << PTE_PPN_SHIFT)
#define PTE_NAPOT_PPN	  ((uint64_t)15 << PTE_PPN_SHIFT)

/* What all harts can do; no more than the base until pte_features_set(). */
extern struct pte_features {
	uint64_t pbmt_mask;	/* Svpbmt: PTE_PBMT_MASK, else 0 */
	unsigned group_entries; /* Svnapot: PTE_NAPOT_ENTRIES, else 1 */
} pte_features;

static inline void pte_features_set(bool attrs, bool groups)
{
	pte_features.pbmt_mask = attrs ? PTE_PBMT_MASK : 0;
	pte_features.group_entries = groups ? PTE_NAPOT_ENTRIES : 1;
}

static inline pte_t pte_none(void)
{
	return (pte_t){0};
}

static inline bool pte_present(pte_t e)
{
	return e.v & (PTE_V | PTE_H);
}

static inline bool pte_is_leaf(pte_t e)
{
	/* What is neither there nor hidden is all 0. */
	return e.v & (PTE_RWX | PTE_H);
}

static inline bool pte_is_hidden(pte_t e)
{
	return e.v & PTE_H;
}

static inline bool pte_is_table(pte_t e)
{
	return (e.v & (PTE_V | PTE_RWX)) == PTE_V;
}

static inline bool pte_same(pte_t a, pte_t b)
{
	return a.v == b.v;
}

static inline uint64_t pte_ppn_bits_(paddr_t pa)
{
	return pa >> PAGE_SHIFT << PTE_PPN_SHIFT & PTE_PPN_MASK;
}

#define PTE_PROT (PTE_RWX | PTE_V | PTE_H)

/* W without R is a reserved encoding. */
static inline uint64_t pte_prot_bits_(vm_prot_t prot)
{
	/* VM_READ, VM_WRITE, VM_EXEC are in the same order, from bit 0 on. */
	uint64_t rwx = (uint64_t)prot << 1 & PTE_RWX;

	return rwx | (prot & VM_WRITE ? PTE_R : 0) | (rwx ? PTE_V : PTE_H);
}

static inline pte_t pte_leaf(paddr_t pa, vm_prot_t prot, enum mem_attr attr)
{
	/* Without Svpbmt the platform's own attributes of the address (PMA) say
	 * what is device memory. */
	uint64_t pbmt =
		(uint64_t)attr << PTE_PBMT_SHIFT & pte_features.pbmt_mask;

	return (pte_t){pte_ppn_bits_(pa) | PTE_A | PTE_D |
		       pte_prot_bits_(prot) | pbmt |
		       (prot & VM_USER ? PTE_U : PTE_G)};
}

static inline pte_t pte_protect(pte_t leaf, vm_prot_t prot)
{
	return (pte_t){(leaf.v & ~PTE_PROT) | pte_prot_bits_(prot)};
}

static inline pte_t pte_readonly(pte_t leaf)
{
	return (pte_t){leaf.v & ~PTE_W};
}

static inline uint64_t pte_loses(pte_t leaf, vm_prot_t prot)
{
	return leaf.v & (PTE_RWX & ~pte_prot_bits_(prot));
}

static inline pte_t pte_advance(pte_t leaf, uint64_t bytes)
{
	return (pte_t){leaf.v + (bytes >> PAGE_SHIFT << PTE_PPN_SHIFT)};
}

static inline pte_t pte_move(pte_t e, paddr_t from, paddr_t to)
{
	return (pte_t){e.v - pte_ppn_bits_(from) + pte_ppn_bits_(to)};
}

static inline pte_t pte_table(paddr_t pa, bool permanent)
{
	return (pte_t){pte_ppn_bits_(pa) | PTE_V | (permanent ? PTE_P : 0)};
}

static inline bool pte_permanent(pte_t e)
{
	return e.v & PTE_P;
}

static inline pfn_t pte_next_pfn(pte_t e)
{
	/* Above PPN all is 0. */
	return e.v >> PTE_PPN_SHIFT;
}

static inline paddr_t pte_next(pte_t e)
{
	return pte_next_pfn(e) << PAGE_SHIFT;
}

static inline paddr_t pte_paddr(pte_t e)
{
	uint64_t size = e.v & PTE_N ? PTE_NAPOT_SIZE : 0;

	return (e.v & PTE_PPN_MASK & ~size) >> PTE_PPN_SHIFT << PAGE_SHIFT;
}

static inline vm_prot_t pte_prot(pte_t e)
{
	/* VM_USER follows the others, too. */
	return (vm_prot_t)(e.v >> 1) & (VM_READ | VM_WRITE | VM_EXEC | VM_USER);
}

static inline enum mem_attr pte_attr(pte_t e)
{
	return (enum mem_attr)((e.v & PTE_PBMT_MASK) >> PTE_PBMT_SHIFT);
}

static inline bool pte_global(pte_t e)
{
	return e.v & PTE_G;
}

static inline unsigned pte_group_entries(void)
{
	return pte_features.group_entries;
}

static inline pte_t pte_group(pte_t leaf)
{
	return (pte_t){leaf.v | PTE_N | PTE_NAPOT_SIZE};
}

static inline bool pte_is_group(pte_t e)
{
	return e.v & PTE_N;
}

static inline pte_t pte_ungroup(pte_t e)
{
	return (pte_t){e.v & ~(PTE_N | PTE_NAPOT_SIZE)};
}

static inline bool pte_valid(pte_t e, unsigned level)
{
	const uint64_t known = PTE_PPN_MASK | PTE_RWX | PTE_V | PTE_A | PTE_D;
	const uint64_t below = ((uint64_t)1 << (level * PT_INDEX_BITS)) - 1;
	uint64_t pbmt = e.v & PTE_PBMT_MASK;

	if (e.v & PTE_H)
		return (e.v & (PTE_U | PTE_PROT)) == (PTE_U | PTE_H) &&
		       pte_valid(pte_protect(e, VM_READ), level);
	if (!(e.v & PTE_V))
		return !e.v;
	if (!(e.v & PTE_RWX))
		return level && !(e.v & ~(PTE_PPN_MASK | PTE_V | PTE_P));
	if (e.v & ~(known | PTE_U | PTE_G | PTE_N | pte_features.pbmt_mask))
		return false;
	if ((e.v & (PTE_R | PTE_W)) == PTE_W || pbmt == PTE_PBMT_MASK ||
	    (e.v & (PTE_A | PTE_D)) != (PTE_A | PTE_D) ||
	    !(e.v & PTE_U) != !!(e.v & PTE_G))
		return false;
	if (e.v & PTE_N)
		return !level && pte_features.group_entries > 1 &&
		       (e.v & PTE_NAPOT_PPN) == PTE_NAPOT_SIZE;
	/* A superpage must be aligned. */
	return !(e.v >> PTE_PPN_SHIFT & below);
}

/* Not atomic builtins, here and below: compilers make an atomic swap of a store,
 * and forget what they know of other memory. */
static inline void pte_set(pte_t *p, pte_t e)
{
	*(volatile uint64_t *)&p->v = e.v;
}

static inline void pte_store(pte_t *p, pte_t e)
{
	/* Release: pairs with the order that a walk has by its addresses. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	pte_set(p, e);
}

static inline pte_t pte_load(const pte_t *p)
{
	return (pte_t){*(const volatile uint64_t *)&p->v};
}

static inline bool pte_cas(pte_t *p, pte_t old, pte_t e)
{
	uint64_t seen = old.v;

	/* Release: as pte_store(). */
	__atomic_compare_exchange_n(&p->v, &seen, e.v, false, CAS_RELEASE,
				    CAS_RELEASE);
	return seen == old.v;
}
