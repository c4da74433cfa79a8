/*
 * mlock and its family (<mm/aspace.h>), with Linux's results. There is no reclaim of
 * user memory yet, so what locking does is to fault pages in, to count, and to
 * refuse what must not happen to locked memory.
 */
#include "aspace_vma.h"

#define LOCK_FLAGS ((uint32_t)(VMA_LOCKED | VMA_LOCKONFAULT))

static int set_lock(struct aspace *as, struct vma *v, struct range part,
		    void *ctx)
{
	struct vma_change c = {
		.v = v,
		.va = part,
		.prot = v->prot,
		.flags = (v->flags & ~LOCK_FLAGS) | *(uint32_t *)ctx,
	};

	return c.flags == v->flags ? 0 : aspace_change_flags(as, &c);
}

/* What is mapped up to the first hole: -ENOMEM if there is one. */
static int set_locks(struct aspace *as, struct range va, uint32_t flags)
{
	return range_empty(va) ? 0
			       : aspace_parts(as, va, true, set_lock, &flags);
}

/* The pages that have a byte of it. Wraps: the end is below the start. */
static struct range pages_of(vaddr_t addr, uint64_t len)
{
	vaddr_t start = align_down(addr, PAGE_SIZE);

	len = align_up(len + (addr - start), PAGE_SIZE);
	return range_make(start, start + len);
}

static int add_locked(struct aspace *as, struct vma *v, struct range part,
		      void *ctx)
{
	(void)as;
	if (v->flags & VMA_LOCKED)
		*(uint64_t *)ctx += range_size(part);
	return 0;
}

/* Is it within the limit? What is locked already does not count again. */
static bool may_lock_range(struct aspace *as, struct range va)
{
	uint64_t have = 0, len = range_size(va);

	if (aspace_may_lock(as, VMA_LOCKED, len))
		return true;
	aspace_parts(as, va, false, add_locked, &have);
	return aspace_may_lock(as, VMA_LOCKED, len - have);
}

int aspace_mlock(struct aspace *as, vaddr_t addr, uint64_t len, bool on_fault)
{
	struct range va = pages_of(addr, len);
	uint32_t flags = VMA_LOCKED | (on_fault ? VMA_LOCKONFAULT : 0);
	int err = -ENOMEM;

	aspace_lock(as);
	if (!aspace_can_lock(as))
		err = -EPERM;
	else if (may_lock_range(as, va))
		err = va.end < va.start ? -EINVAL : set_locks(as, va, flags);
	aspace_unlock(as);
	if (err)
		return err;
	/* What can't be faulted in: not mapped by now, no right, no memory. */
	err = aspace_populate(as, va, false);
	return !err ? 0 : err == -ENOMEM ? -EAGAIN : -ENOMEM;
}

int aspace_munlock(struct aspace *as, vaddr_t addr, uint64_t len)
{
	struct range va = pages_of(addr, len);
	int err;

	if (va.end < va.start)
		return -EINVAL;
	aspace_lock(as);
	err = set_locks(as, va, 0);
	aspace_unlock(as);
	return err;
}

/* Each VMA that can be; as Linux, errors are nobody's. */
static void lock_all(struct aspace *as, uint32_t flags)
{
	struct vma *v = vma_first(&as->vmas);
	struct range va;

	while (v) {
		va = v->va;
		set_lock(as, v, va, &flags);
		v = vma_find(&as->vmas, va.end);
		/* It may have been joined with others, of which it is the end. */
		if (v && v->va.start < va.end)
			v = vma_next(v);
	}
}

int aspace_mlockall(struct aspace *as, int flags)
{
	uint32_t kind =
		VMA_LOCKED | (flags & MCL_ONFAULT ? VMA_LOCKONFAULT : 0);
	int err = 0;

	if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) ||
	    flags == MCL_ONFAULT)
		return -EINVAL;
	aspace_lock(as);
	if (!aspace_can_lock(as))
		err = -EPERM;
	else if ((flags & MCL_CURRENT) && !as->may_lock &&
		 as->total > as->limit[LIMIT_MEMLOCK])
		err = -ENOMEM;
	else {
		as->lock_future = flags & MCL_FUTURE ? kind : 0;
		if (flags & MCL_CURRENT)
			lock_all(as, kind);
	}
	aspace_unlock(as);
	if (!err && (flags & MCL_CURRENT))
		aspace_populate(as, as->vmas.bounds, true);
	return err;
}

int aspace_munlockall(struct aspace *as)
{
	aspace_lock(as);
	as->lock_future = 0;
	lock_all(as, 0);
	aspace_unlock(as);
	return 0;
}
