/* Private to mm/user*.c and fault*.c: pages of user spaces, and faults. */
#pragma once

#include <mm/fault.h>
#include <mm/page_ref.h>

#include "aspace_impl.h"
#include "pgtable_internal.h"

/* What a leaf of level 1 maps: one block, which no other leaf maps. */
#define HUGE_ORDER PT_INDEX_BITS
#define HUGE_SIZE  (PAGE_SIZE << HUGE_ORDER)

/* The frame of zeros that all private memory is that was never stored to; NULL: no
 * memory for it. It has no references, and is kept for ever. */
extern struct page *user_zeros; /* private: NULL so far (a) */
struct page *user_make_zeros(void);

static inline struct page *user_zero_page(void)
{
	/* What it points to was stored before: by its address. */
	struct page *p = __atomic_load_n(&user_zeros, __ATOMIC_RELAXED);

	return p ? p : user_make_zeros();
}

/* The block that a leaf maps. Here none has attributes or is of a group, so it leads
 * to memory as a pointer does. */
static inline struct page *leaf_page(pte_t e)
{
	return pfn_to_page(pte_next_pfn(e));
}

/* Drop a leaf's reference, after the flush. */
static inline void leaf_put(struct page *p)
{
	if (!(p->flags & PAGE_ZEROS))
		page_put(p);
}

/* The rights of a leaf where those of the VMA are `prot`: storing only if it may.
 * What can be stored to can be loaded, with and without. */
static inline vm_prot_t leaf_prot(vm_prot_t prot, bool store)
{
	if (prot & VM_WRITE)
		prot |= VM_READ;
	return (store ? prot : prot & ~VM_WRITE) | VM_USER;
}

static inline pte_t leaf_of(const struct page *p, vm_prot_t prot, bool store)
{
	return pte_leaf(page_to_phys(p), leaf_prot(prot, store), ATTR_NORMAL);
}

static inline bool leaf_allows(pte_t e, enum access kind)
{
	return pte_is_leaf(e) && fault_allows(pte_prot(e), kind);
}

static inline struct range page_at(vaddr_t va)
{
	return range_make(va, va + PAGE_SIZE);
}

/* The index in v->object of the page at va. */
static inline uint64_t index_of(const struct vma *v, vaddr_t va)
{
	return v->offset + ((va - v->va.start) >> PAGE_SHIFT);
}

/* In a read section: the hart stays the same. */
static inline void count_faults(struct aspace_hart *me, enum fault_kind kind,
				uint64_t n)
{
	store_relaxed(&me->faults[kind], me->faults[kind] + n);
}

/*
 * If a leaf of 2 MiB lies across `at`, it becomes 512, and its block so many frames
 * (W). The gather is the caller's to flush. -ENOMEM: nothing changed.
 */
int user_split_at(struct aspace *as, vaddr_t at, struct tlb_gather *g);

/* At both ends of va. */
int user_split(struct aspace *as, struct range va, struct tlb_gather *g);

/* Each in va that there is. -ENOMEM: some may be. */
int user_split_all(struct aspace *as, struct range va, struct tlb_gather *g);

/* Tables for `va` that are empty go, with the gather's flush (W). */
void user_trim(const struct pgtable *pt, struct range va, struct tlb_gather *g);

/* A fault being served (R). */
struct fault {
	struct aspace *as;
	const struct vma *v; /* NULL: there is none */
	vaddr_t va;	     /* of the page */
	enum access kind;
	bool quiet;	/* the caller tells harts of leaves and tables */
	bool tables;	/* some were added */
	unsigned level; /* where the way down to va ends, */
	pte_t *entry;	/* and its entry there */
	pte_t e;	/* what that said */
};

/* Not served: the VMA, which is above, might grow. */
#define FAULT_GROW ((enum fault_result)(FAULT_NOMEM + 1))

/* All fields but `e` are set. Races with other faults that are lost are
 * FAULT_DONE, as whoever faulted looks again. */
enum fault_result fault_serve(struct fault *f);
