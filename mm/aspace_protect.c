/*
 * mprotect (<mm/aspace.h>), with Linux's results: VMA after VMA from the bottom,
 * up to the first that can't be; those before it stay changed.
 */

#include "aspace_vma.h"

/* May it have these rights, and is there room for what it then counts for? Its
 * flags with them, in *flags. */
static int check(const struct aspace *as, const struct vma *v,
		 struct range part, vm_prot_t prot, uint32_t *flags)
{
	int64_t bytes = (int64_t)(part.end - part.start);

	*flags = v->flags;
	if (!(prot & VM_WRITE) || (prot == v->prot))
		return 0;
	if (v->flags & VMA_DENY_WRITE)
		return -EACCES;
	if (!aspace_may_add(as, prot, v->flags, bytes) &&
	    aspace_may_add(as, v->prot, v->flags, bytes))
		return -ENOMEM;
	if (!(v->prot & VM_WRITE) && !(v->flags & VMA_ACCOUNTED) &&
	    vma_accountable(prot, v->flags)) {
		if (!commit_fits((uint64_t)bytes))
			return -ENOMEM;
		*flags |= VMA_ACCOUNTED;
	}
	return 0;
}

struct protecting {
	vm_prot_t prot;
	/* A part that is done, and whose pages are to be there for stores from
	 * now on. */
	struct range locked;
};

static bool is_for_stores(const struct vma *v, vm_prot_t prot)
{
	return (v->flags & (VMA_LOCKED | VMA_SHARED)) == VMA_LOCKED &&
	       !(v->prot & VM_WRITE) && (prot & VM_WRITE);
}

static __attribute__((noinline)) int protect_part(struct aspace *as,
						  struct vma *v,
						  struct range part,
						  vm_prot_t prot,
						  uint32_t flags)
{
	bool shared = v->flags & VMA_SHARED;
	struct vma_change c;
	int err;

	c.v = v;
	c.va = part;
	c.prot = prot;
	c.flags = flags;
	err = aspace_change_begin(as, &c);
	if (err)
		return err;
	err = user_protect(as, part, prot, shared);
	if (err)
		aspace_change_cancel(&c);
	else
		aspace_change(as, &c);
	return err;
}

/* All of v, which joins nobody. */
static int protect_alone(struct aspace *as, struct vma *v, vm_prot_t prot,
			 uint32_t flags)
{
	int err = user_protect(as, v->va, prot, flags & VMA_SHARED);

	if (!err) {
		aspace_recount(as, v, prot, flags, v->va.end - v->va.start);
		v->prot = prot;
		v->flags = flags;
	}
	return err;
}

/* 1: there is p->locked, which is to be faulted in. */
static int protect(struct aspace *as, struct vma *v, struct range part,
		   void *ctx)
{
	struct protecting *p = ctx;
	vm_prot_t prot = p->prot;
	bool stores = is_for_stores(v, prot);
	uint32_t flags;
	int err = check(as, v, part, prot, &flags);

	if (err || vma_alike(v, prot, flags))
		return err;
	if (stores)
		p->locked = part;
	err = vma_changes_alone(v, part, prot, flags)
		      ? protect_alone(as, v, prot, flags)
		      : protect_part(as, v, part, prot, flags);
	return err ? err : stores;
}

/* From the bottom. The lock is given back for what is faulted in. */
static int protect_all(struct aspace *as, struct range va, vm_prot_t prot)
{
	struct protecting p;
	int err;

	p.prot = prot;
	while ((err = aspace_parts(as, va, true, protect, &p)) == 1) {
		aspace_unlock(as);
		aspace_populate(as, p.locked, true);
		aspace_lock(as);
		va.start = p.locked.end;
		if (range_empty(va))
			return 0;
	}
	return err;
}

#define GROWS_BOTH (PROT_GROWSDOWN | PROT_GROWSUP)

/* With one of these: from where the stack that has some of it begins. */
static int start_of(const struct aspace *as, struct range va, uint32_t prot,
		    vaddr_t *start)
{
	struct vma *v = prot & PROT_GROWSDOWN ? vma_overlap(&as->vmas, va)
					      : vma_at(&as->vmas, va.start);

	if (!v)
		return -ENOMEM;
	/* Nothing grows up. */
	if ((prot & PROT_GROWSUP) || !(v->flags & VMA_GROWSDOWN))
		return -EINVAL;
	*start = v->va.start;
	return 0;
}

int aspace_mprotect(struct aspace *as, vaddr_t addr, uint64_t len,
		    uint32_t prot)
{
	const uint32_t rights = PROT_READ | PROT_WRITE | PROT_EXEC;
	struct range va = range_make(addr, addr + align_up(len, PAGE_SIZE));
	int err = 0;

	if ((prot & GROWS_BOTH) == GROWS_BOTH || !is_aligned(addr, PAGE_SIZE))
		return -EINVAL;
	if (!len)
		return 0;
	if (range_empty(va))
		return -ENOMEM;
	if (prot & ~(GROWS_BOTH | rights | PROT_SEM))
		return -EINVAL;
	aspace_lock(as);
	if (prot & GROWS_BOTH)
		err = start_of(as, va, prot, &va.start);
	if (!err)
		err = protect_all(as, va, prot & rights);
	aspace_unlock(as);
	return err;
}
