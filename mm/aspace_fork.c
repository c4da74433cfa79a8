/*
 * fork: a second space with the same VMAs and, until somebody writes, the same
 * pages. Locks stay behind, as do VMAs that are marked so. The child is nobody's
 * yet, so its lock is not taken.
 */

#include "aspace_vma.h"

/* A copy of v behind all that the child has; it may join that, as what differed may
 * have stayed behind. */
static int copy_vma(struct aspace *child, const struct vma *v)
{
	struct vma_place place = {.next = NULL};
	struct vma new = *v;

	new.as = child;
	new.flags &= ~(uint32_t)(VMA_LOCKED | VMA_LOCKONFAULT);
	if ((new.flags &VMA_ACCOUNTED) && !commit_fits(range_size(new.va)))
		return -ENOMEM;
	place.prev = vma_last(&child->vmas);
	return aspace_add(child, &new, &place);
}

static int copy_all(struct aspace *child, struct aspace *parent)
{
	int err = 0;

	for (struct vma *v = vma_first(&parent->vmas); v && !err;
	     v = vma_next(v)) {
		if (v->flags & VMA_DONTFORK)
			continue;
		err = copy_vma(child, v);
		if (!err && !(v->flags & VMA_WIPEONFORK))
			err = user_copy(child, parent, v);
	}
	return err;
}

/* What is not of VMAs. */
static void copy_rest(struct aspace *to, const struct aspace *from)
{
	to->mmap_top = from->mmap_top;
	to->brk = from->brk;
	to->max_vmas = from->max_vmas;
	to->image_data = from->image_data;
	to->may_lock = from->may_lock;
	to->membarrier = from->membarrier;
	to->code = from->code;
	to->args = from->args;
	to->env = from->env;
	to->stack_top = from->stack_top;
	for (unsigned i = 0; i < ASPACE_LIMITS; i++)
		to->limit[i] = from->limit[i];
}

int aspace_fork(struct aspace *parent, struct aspace **child)
{
	struct aspace *as = aspace_new();
	int err;

	if (!as)
		return -ENOMEM;
	aspace_lock(parent);
	copy_rest(as, parent);
	err = copy_all(as, parent);
	aspace_unlock(parent);
	if (err)
		aspace_put(as);
	else
		*child = as;
	return err;
}
