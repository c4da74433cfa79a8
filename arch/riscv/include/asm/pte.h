/*
 * RISC-V page table entries, Sv39/Sv48/Sv57 (privileged specification, 4.4).
 *
 *	63 N | 62:61 PBMT | 60:54 0 | 53:10 PPN | 9:8 RSW | D A G U X W R V
 *
 * A and D are set in every leaf: many harts (the U74 among them) do not set
 * them but fault. In an entry that points to a table they must be 0.
 */
#pragma once

#include <kernel/types.h>

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

#define PTE_PPN_SHIFT 10
#define PTE_PPN_MASK  ((((uint64_t)1 << 44) - 1) << PTE_PPN_SHIFT)

static inline pte_t pte_none(void)
{
	return (pte_t){0};
}

static inline bool pte_present(pte_t e)
{
	return e.v & PTE_V;
}

static inline bool pte_is_leaf(pte_t e)
{
	return (e.v & PTE_V) && (e.v & (PTE_R | PTE_W | PTE_X));
}

static inline uint64_t pte_ppn_bits_(paddr_t pa)
{
	return pa >> PAGE_SHIFT << PTE_PPN_SHIFT & PTE_PPN_MASK;
}

static inline pte_t pte_leaf(paddr_t pa, vm_prot_t prot, enum mem_attr attr)
{
	uint64_t v = pte_ppn_bits_(pa) | PTE_V | PTE_A | PTE_D;

	/* Svpbmt comes with the page mapper; without it the platform's own
	 * attributes of the address (PMA) say what is device memory. */
	(void)attr;
	/* W without R is a reserved encoding. */
	if (prot & (VM_READ | VM_WRITE))
		v |= PTE_R;
	if (prot & VM_WRITE)
		v |= PTE_W;
	if (prot & VM_EXEC)
		v |= PTE_X;
	v |= prot & VM_USER ? PTE_U : PTE_G;
	return (pte_t){v};
}

static inline pte_t pte_advance(pte_t leaf, uint64_t bytes)
{
	return (pte_t){leaf.v + (bytes >> PAGE_SHIFT << PTE_PPN_SHIFT)};
}

static inline pte_t pte_table(paddr_t pa)
{
	return (pte_t){pte_ppn_bits_(pa) | PTE_V};
}

static inline paddr_t pte_paddr(pte_t e)
{
	return (e.v & PTE_PPN_MASK) >> PTE_PPN_SHIFT << PAGE_SHIFT;
}

static inline vm_prot_t pte_prot(pte_t e)
{
	vm_prot_t prot = 0;

	if (e.v & PTE_R)
		prot |= VM_READ;
	if (e.v & PTE_W)
		prot |= VM_WRITE;
	if (e.v & PTE_X)
		prot |= VM_EXEC;
	if (e.v & PTE_U)
		prot |= VM_USER;
	return prot;
}

static inline enum mem_attr pte_attr(pte_t e)
{
	(void)e;
	return ATTR_NORMAL;
}
