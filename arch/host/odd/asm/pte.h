/*
 * Page table entries as no machine has them, so that mm/ can't know those of a
 * machine by accident: entries of two words, other bits in other places, a
 * right to write that is taken away and not given, groups of four.
 *
 *	flags	47 present | 40 no-write | 35 hidden | 31 table | 30 permanent |
 *		22 group | 13 user | 9 IO | 3 exec; all others 0
 *	pa	47:12, all others 0; of a group, its first byte
 *
 * What is present can be read, unless it is hidden.
 */
#pragma once

#include <kernel/types.h>

#define PT_INDEX_BITS 8
#define PT_PADDR_BITS 48

typedef struct {
	uint64_t flags;
	uint64_t pa;
} pte_t;

#define PTE_PRESENT   ((uint64_t)1 << 47)
#define PTE_NO_WRITE  ((uint64_t)1 << 40)
#define PTE_HIDDEN    ((uint64_t)1 << 35)
#define PTE_TABLE     ((uint64_t)1 << 31)
#define PTE_PERMANENT ((uint64_t)1 << 30)
#define PTE_GROUP     ((uint64_t)1 << 22)
#define PTE_USER      ((uint64_t)1 << 13)
#define PTE_IO	      ((uint64_t)1 << 9)
#define PTE_EXEC      ((uint64_t)1 << 3)

extern struct pte_features {
	uint64_t attr_mask;	/* PTE_IO or 0 */
	unsigned group_entries; /* 4 or 1 */
} pte_features;

static inline void pte_features_set(bool attrs, bool groups)
{
	pte_features.attr_mask = attrs ? PTE_IO : 0;
	pte_features.group_entries = groups ? 4 : 1;
}

static inline pte_t pte_none(void)
{
	return (pte_t){0, 0};
}

static inline bool pte_present(pte_t e)
{
	return e.flags & PTE_PRESENT;
}

static inline bool pte_is_leaf(pte_t e)
{
	return (e.flags & PTE_PRESENT) && !(e.flags & PTE_TABLE);
}

static inline bool pte_is_table(pte_t e)
{
	return (e.flags & PTE_PRESENT) && (e.flags & PTE_TABLE);
}

static inline bool pte_is_hidden(pte_t e)
{
	return e.flags & PTE_HIDDEN;
}

static inline bool pte_same(pte_t a, pte_t b)
{
	return a.flags == b.flags && a.pa == b.pa;
}

static inline uint64_t pte_prot_bits_(vm_prot_t prot)
{
	if (!(prot & (VM_READ | VM_WRITE | VM_EXEC)))
		return PTE_NO_WRITE | PTE_HIDDEN;
	return (prot & VM_WRITE ? 0 : PTE_NO_WRITE) |
	       (prot & VM_EXEC ? PTE_EXEC : 0);
}

static inline pte_t pte_leaf(paddr_t pa, vm_prot_t prot, enum mem_attr attr)
{
	uint64_t io = attr == ATTR_IO ? pte_features.attr_mask : 0;

	return (pte_t){PTE_PRESENT | pte_prot_bits_(prot) | io |
			       (prot & VM_USER ? PTE_USER : 0),
		       pa};
}

static inline pte_t pte_protect(pte_t leaf, vm_prot_t prot)
{
	return (pte_t){(leaf.flags & ~(PTE_NO_WRITE | PTE_EXEC | PTE_HIDDEN)) |
			       pte_prot_bits_(prot),
		       leaf.pa};
}

static inline pte_t pte_advance(pte_t leaf, uint64_t bytes)
{
	return (pte_t){leaf.flags, leaf.pa + bytes};
}

static inline pte_t pte_move(pte_t e, paddr_t from, paddr_t to)
{
	return (pte_t){e.flags, e.pa - from + to};
}

static inline pte_t pte_table(paddr_t pa, bool permanent)
{
	return (pte_t){
		PTE_PRESENT | PTE_TABLE | (permanent ? PTE_PERMANENT : 0), pa};
}

static inline bool pte_permanent(pte_t e)
{
	return e.flags & PTE_PERMANENT;
}

static inline paddr_t pte_next(pte_t e)
{
	return e.pa;
}

static inline pfn_t pte_next_pfn(pte_t e)
{
	return e.pa >> PAGE_SHIFT;
}

static inline paddr_t pte_paddr(pte_t e)
{
	return e.pa;
}

static inline vm_prot_t pte_prot(pte_t e)
{
	return (e.flags & PTE_HIDDEN ? 0 : VM_READ) |
	       (e.flags & PTE_NO_WRITE ? 0 : VM_WRITE) |
	       (e.flags & PTE_EXEC ? VM_EXEC : 0) |
	       (e.flags & PTE_USER ? VM_USER : 0);
}

static inline pte_t pte_readonly(pte_t leaf)
{
	return (pte_t){leaf.flags | PTE_NO_WRITE, leaf.pa};
}

static inline uint64_t pte_loses(pte_t leaf, vm_prot_t prot)
{
	return pte_prot(leaf) & ~pte_prot(pte_protect(leaf, prot));
}

static inline enum mem_attr pte_attr(pte_t e)
{
	return e.flags & PTE_IO ? ATTR_IO : ATTR_NORMAL;
}

static inline bool pte_global(pte_t e)
{
	return !(e.flags & PTE_USER);
}

static inline unsigned pte_group_entries(void)
{
	return pte_features.group_entries;
}

static inline pte_t pte_group(pte_t leaf)
{
	return (pte_t){leaf.flags | PTE_GROUP, leaf.pa};
}

static inline bool pte_is_group(pte_t e)
{
	return e.flags & PTE_GROUP;
}

static inline pte_t pte_ungroup(pte_t e)
{
	return (pte_t){e.flags & ~PTE_GROUP, e.pa};
}

static inline bool pte_valid(pte_t e, unsigned level)
{
	uint64_t size = PAGE_SIZE << (level * PT_INDEX_BITS);
	uint64_t leaf = PTE_NO_WRITE | PTE_USER | PTE_EXEC;

	if (e.flags & PTE_HIDDEN)
		return (e.flags & PTE_USER) &&
		       pte_same(e, pte_protect(e, VM_USER)) &&
		       pte_valid(pte_protect(e, VM_READ), level);
	if (!(e.flags & PTE_PRESENT))
		return !e.flags && !e.pa;
	if (e.pa >> PT_PADDR_BITS)
		return false;
	if (e.flags & PTE_TABLE)
		return level && !(e.pa % PAGE_SIZE) &&
		       !(e.flags & ~(PTE_PRESENT | PTE_TABLE | PTE_PERMANENT));
	if (e.flags & PTE_GROUP)
		size *= pte_features.group_entries;
	return !(e.pa % size) && !(level && (e.flags & PTE_GROUP)) &&
	       !(e.flags &
		 ~(PTE_PRESENT | PTE_GROUP | leaf | pte_features.attr_mask));
}

/* No hart walks these; a reader between the two sees nothing, or the same. */
static inline void pte_set(pte_t *p, pte_t e)
{
	if (!e.flags)
		__atomic_store_n(&p->flags, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&p->pa, e.pa, __ATOMIC_RELEASE);
	__atomic_store_n(&p->flags, e.flags, __ATOMIC_RELEASE);
}

static inline void pte_store(pte_t *p, pte_t e)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	pte_set(p, e);
}

static inline pte_t pte_load(const pte_t *p)
{
	return (pte_t){__atomic_load_n(&p->flags, __ATOMIC_RELAXED),
		       __atomic_load_n(&p->pa, __ATOMIC_RELAXED)};
}

/* No two harts change an entry of this format at the same time. */
static inline bool pte_cas(pte_t *p, pte_t old, pte_t e)
{
	if (!pte_same(pte_load(p), old))
		return false;
	pte_store(p, e);
	return true;
}
