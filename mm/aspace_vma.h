/*
 * Inside address spaces: what the files of the VMA side (aspace*.c) share.
 * Everything is for the writer (W), but for what says otherwise.
 */
#pragma once

#include <lib/errno.h>
#include <mm/commit.h>

#include "aspace_impl.h"

/* aspace_create() without a layout. */
struct aspace *aspace_new(void);

/* The memory that they come from is there; false: there is none. */
bool aspace_vma_ready(void);

/* A struct vma, not filled in; NULL: no memory. Any context that may allocate. */
struct vma *aspace_vma_new(void);

/* Free one that is in no map. It has no object; NULL: nothing. */
void aspace_vma_free(struct vma *v);

/* A VMA with an object is in the map now: it gets a reference of it. One, with or
 * without, is in it no more: it gives that back, and is freed. */
void aspace_vma_own(struct vma *v);
void aspace_vma_drop(struct vma *v);

/* The sum that such VMAs are in, as Linux tells them apart. */
static inline uint64_t *aspace_sum_of(struct aspace *as, vm_prot_t prot,
				      uint32_t flags)
{
	if (flags & VMA_GROWSDOWN)
		return &as->stack;
	if ((prot & VM_WRITE) && !(flags & VMA_SHARED))
		return &as->data;
	return (prot & (VM_EXEC | VM_WRITE)) == VM_EXEC ? &as->exec
							: &as->other;
}

/* There are so many bytes more of VMAs with these rights and flags, or fewer. */
static inline void aspace_account(struct aspace *as, vm_prot_t prot,
				  uint32_t flags, int64_t bytes)
{
	as->total += (uint64_t)bytes;
	*aspace_sum_of(as, prot, flags) += (uint64_t)bytes;
	if (flags & VMA_LOCKED)
		as->locked += (uint64_t)bytes;
	if (flags & VMA_ACCOUNTED) {
		as->committed += (uint64_t)bytes;
		commit_add(bytes);
	}
}

/* So many bytes of v get these rights and flags. */
static inline void aspace_recount(struct aspace *as, const struct vma *v,
				  vm_prot_t prot, uint32_t flags,
				  uint64_t bytes)
{
	if ((v->flags ^ flags) & (VMA_LOCKED | VMA_ACCOUNTED)) {
		aspace_account(as, v->prot, v->flags, -(int64_t)bytes);
		aspace_account(as, prot, flags, (int64_t)bytes);
		return;
	}
	*aspace_sum_of(as, v->prot, v->flags) -= bytes;
	*aspace_sum_of(as, prot, flags) += bytes;
}

/* What is compared with it are whole pages. */
static inline uint64_t aspace_limit(const struct aspace *as,
				    enum aspace_limit l)
{
	return __atomic_load_n(&as->limit[l], __ATOMIC_RELAXED);
}

/* Do LIMIT_AS and LIMIT_DATA allow so many bytes more (or fewer) of these? */
static inline bool aspace_may_add(const struct aspace *as, vm_prot_t prot,
				  uint32_t flags, int64_t bytes)
{
	if (as->total + (uint64_t)bytes > aspace_limit(as, LIMIT_AS))
		return false;
	return (flags & (VMA_GROWSDOWN | VMA_SHARED)) || !(prot & VM_WRITE) ||
	       as->data + (uint64_t)bytes <= aspace_limit(as, LIMIT_DATA);
}

/* Does LIMIT_MEMLOCK, if such VMAs are locked? */
static inline bool aspace_may_lock(const struct aspace *as, uint32_t flags,
				   uint64_t bytes)
{
	return !(flags & VMA_LOCKED) || as->may_lock ||
	       as->locked + bytes <= aspace_limit(as, LIMIT_MEMLOCK);
}

/* May anything be locked at all? */
static inline bool aspace_can_lock(const struct aspace *as)
{
	return as->may_lock || as->limit[LIMIT_MEMLOCK];
}

/* Does it count as committed memory? */
static inline bool vma_accountable(vm_prot_t prot, uint32_t flags)
{
	return (prot & VM_WRITE) && !(flags & (VMA_SHARED | VMA_NORESERVE));
}

/*
 * `new`, which is no VMA but describes one, becomes part of the map, at a place that
 * is free: joined with neighbours, or by itself. -ENOMEM: that would take a struct
 * vma. Sums are kept.
 */
int aspace_add(struct aspace *as, const struct vma *new,
	       const struct vma_place *place);

/* The same with a struct vma that is used up in any case: it can't fail. */
void aspace_add_spare(struct aspace *as, const struct vma *new,
		      const struct vma_place *place, struct vma *spare);

/* Nothing is mapped in `va` any more; holes are fine. -ENOMEM: no memory, or there
 * would be too many VMAs; nothing was done. */
int aspace_unmap(struct aspace *as, struct range va);

/* The same in two steps, for whoever does something else to the pages in between:
 * may it be done, and then *spare is a VMA if one is needed; do it, to VMAs only. */
int aspace_cut_begin(struct aspace *as, const struct vma *v, struct range va,
		     struct vma **spare);
void aspace_cut(struct aspace *as, struct vma *v, struct range va,
		struct vma *spare);

/* vma_change() with its VMAs, limits and sums, in two steps: what can fail
 * (-ENOMEM), then the rest, or nothing of it. */
int aspace_change_begin(struct aspace *as, struct vma_change *c);
struct vma *aspace_change(struct aspace *as, struct vma_change *c);
void aspace_change_cancel(struct vma_change *c);

/* All of it, when pages stay as they are. 0 or -ENOMEM. */
int aspace_change_flags(struct aspace *as, struct vma_change *c);

/* Mappings of so many bytes may get such pages. */
#define ASPACE_HUGE pt_span(1)

/* Where to map `len` bytes, whole pages, that were asked for at `addr`, which is only
 * a hint. 0 or -ENOMEM. */
int aspace_find_any(struct aspace *as, vaddr_t addr, uint64_t len, vaddr_t *at,
		    struct vma_place *place);

static inline int aspace_find_place(struct aspace *as, vaddr_t addr,
				    uint64_t len, vaddr_t *at,
				    struct vma_place *place)
{
	/* What most ask for. */
	if (!addr && !is_aligned(len, ASPACE_HUGE) &&
	    vma_find_gap(&as->vmas, len, PAGE_SIZE, at, place))
		return 0;
	return aspace_find_any(as, addr, len, at, place);
}

/* Call fn for the part of each VMA in `va`, from the bottom, until it returns
 * non-zero, which is the result. It may change and join VMAs inside of its part.
 * -ENOMEM at the end if there were holes; with `stop`, at the first one. */
typedef int aspace_part_fn(struct aspace *as, struct vma *v, struct range part,
			   void *ctx);
int aspace_parts(struct aspace *as, struct range va, bool stop,
		 aspace_part_fn *fn, void *ctx);

/* Fault in what is mapped in `va`, for writing where a private page would be
 * copied otherwise; not what is locked on fault. `all`: go on after errors, and
 * return 0. No lock held. */
int aspace_populate(struct aspace *as, struct range va, bool all);
