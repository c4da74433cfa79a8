/*
 * The format of page table entries, from <asm/pte.h>. A radix tree of tables of
 * one page each; level 0 tables hold pages, a leaf at level n maps
 * PAGE_SIZE << (n * PT_INDEX_BITS) bytes. How many levels there are is known
 * at run time. Everything here is arithmetic on numbers: it has no effect and
 * compiles on any machine.
 *
 *	PT_INDEX_BITS			log2 of the entries of a table
 *	PT_PADDR_BITS			width of physical addresses; an entry
 *					can't hold more
 *	pte_t				an entry; a struct, so it can't be mixed
 *					up with a number
 *	pte_t pte_none(void)		maps nothing
 *	bool pte_present(pte_t)		maps something, or points to a table
 *	bool pte_is_leaf(pte_t)		present, and maps memory
 *	pte_t pte_leaf(pa, prot, attr)	maps memory at pa, for use right away: no
 *					"accessed" or "dirty" fault follows.
 *					Global unless VM_USER.
 *	pte_t pte_advance(leaf, bytes)	the same for memory so much further on
 *	pte_t pte_table(pa)		points to the next lower table
 *	paddr_t pte_paddr(pte_t)	of either kind
 *	vm_prot_t pte_prot(pte_t)	of a leaf
 *	enum mem_attr pte_attr(pte_t)	of a leaf
 */
#pragma once

#include <kernel/types.h>

/* How memory behaves: cached, uncached but idempotent, or device registers. */
enum mem_attr { ATTR_NORMAL, ATTR_NC, ATTR_IO };

#include <asm/pte.h>

#define PT_ENTRIES (1u << PT_INDEX_BITS)

_Static_assert(sizeof(pte_t) << PT_INDEX_BITS == PAGE_SIZE,
	       "a table is one page");

/* Bytes that one entry of a table at `level` maps. */
static inline uint64_t pt_span(unsigned level)
{
	return PAGE_SIZE << (level * PT_INDEX_BITS);
}

static inline unsigned pt_index(vaddr_t va, unsigned level)
{
	return (unsigned)(va >> (PAGE_SHIFT + level * PT_INDEX_BITS)) &
	       (PT_ENTRIES - 1);
}
