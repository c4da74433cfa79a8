/*
 * The format of page table entries, from <asm/pte.h>. A radix tree of tables of
 * one page each; level 0 tables hold pages, a leaf at level n maps
 * PAGE_SIZE << (n * PT_INDEX_BITS) bytes. How many levels there are is known
 * at run time. Everything here is arithmetic on numbers, but for the stores: it
 * compiles on any machine.
 *
 *	PT_INDEX_BITS			log2 of the entries of a table
 *	PT_PADDR_BITS			width of physical addresses; an entry
 *					can't hold more
 *	pte_t				an entry; a struct, so it can't be mixed
 *					up with a number
 *	pte_t pte_none(void)		maps nothing; all bits 0, so that a zeroed
 *					table is empty
 *	bool pte_present(pte_t)		maps something, or points to a table
 *	bool pte_is_leaf(pte_t)		present, and maps memory; or hidden
 *	bool pte_is_table(pte_t)	present, and points to a table
 *	bool pte_same(pte_t, pte_t)	in every bit
 *	bool pte_valid(pte_t, level)	none, or what the functions here make: no
 *					reserved bits, no reserved combination
 *	pte_t pte_leaf(pa, prot, attr)	maps memory at pa, for use right away: no
 *					"accessed" or "dirty" fault follows.
 *					Global unless VM_USER. An attribute that
 *					the harts don't have becomes ATTR_NORMAL.
 *					Without any right it is hidden
 *	pte_t pte_protect(leaf, prot)	the same with other rights, but VM_USER as
 *					it was; also of an entry of a group
 *	pte_t pte_readonly(leaf)	the same without VM_WRITE, in one step
 *	uint64_t pte_loses(leaf, prot)	not 0: that would take a right from it
 *	bool pte_is_hidden(pte_t)	a leaf without any right: to harts there is
 *					nothing, but all the functions here see what
 *					it was. Only where VM_USER is
 *	pte_t pte_advance(leaf, bytes)	the same for memory so much further on;
 *					not for a group
 *	pte_t pte_move(e, from, to)	the same, where memory, or the table, that
 *					was so far behind `from` is so far behind
 *					`to`: both aligned to 2 MiB, and the leaf
 *					within as much. Also of a group
 *	pte_t pte_table(pa, permanent)	points to the next lower table, which is
 *					never freed if `permanent`
 *	bool pte_permanent(pte_t)	of an entry that points to a table
 *	paddr_t pte_next(pte_t)		of such an entry: where that table is
 *	pfn_t pte_next_pfn(pte_t)	the same, as a frame's number
 *	paddr_t pte_paddr(pte_t)	of either kind; the group's first byte
 *	vm_prot_t pte_prot(pte_t)	of a leaf
 *	enum mem_attr pte_attr(pte_t)	of a leaf
 *	bool pte_global(pte_t)		of a leaf
 *	void pte_store(pte_t *, pte_t)	one store, which other harts see whole, and
 *					not before what was stored earlier
 *	void pte_set(pte_t *, pte_t)	the same in no order: for entries that show
 *					nothing new, or after a fence
 *	pte_t pte_load(const pte_t *)	one load
 *	bool pte_cas(pte_t *, old, new)	pte_store() of `new` if `old` is there, at
 *					once; false: something else is
 *
 * Groups. Some harts can remember several pages in one piece (Svnapot). At
 * level 0, pte_group_entries() entries in a row, aligned, can then be one leaf:
 *
 *	unsigned pte_group_entries(void)  a power of two; 1: there are none
 *	pte_t pte_group(leaf)		for all entries of the group, from the
 *					leaf that its first would be
 *	bool pte_is_group(pte_t)	is this entry part of one?
 *	pte_t pte_ungroup(entry)	the leaf that the first would be alone
 *
 * All entries of a group are changed before any hart is fenced: each of them
 * says the same of all.
 *
 *	void pte_features_set(attrs, groups)
 *					what all harts have: memory attributes,
 *					groups; neither until this is called
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
