/*
 * fork: a second space with the same VMAs and, until somebody writes, the same
 * pages. No task is in the child yet, but who forgets pages of an object finds it
 * as soon as it has a VMA of that (mm/user_remove.c): so its lock is taken, too.
 *
 * The child has a copy of each VMA first. Then what children don't have is taken
 * from it, which is rare: VMAs that are marked so, and locks, without which
 * neighbours may join.
 */

#include "aspace_vma.h"

#define LOCKS ((uint32_t)(VMA_LOCKED | VMA_LOCKONFAULT))

struct forking {
	struct aspace *child;
	uint32_t flags; /* of all VMAs together */
};

/* NULL: no memory, or not enough to promise as much again. */
static struct vma *copy_vma(void *ctx, const struct vma *v)
{
	struct forking *f = ctx;
	struct vma *c = NULL;

	if ((v->flags & (VMA_ACCOUNTED | VMA_DONTFORK)) != VMA_ACCOUNTED ||
	    commit_fits(range_size(v->va)))
		c = aspace_vma_new();
	if (!c)
		return NULL;
	f->flags |= v->flags;
	*c = *v;
	c->as = f->child;
	if (c->object)
		aspace_vma_own(c);
	return c;
}

/* What is not of VMAs, and sums over them. */
static void copy_rest(struct aspace *to, const struct aspace *from)
{
	to->total = from->total;
	to->data = from->data;
	to->stack = from->stack;
	to->exec = from->exec;
	to->other = from->other;
	to->locked = from->locked;
	to->committed = from->committed;
	commit_add((int64_t)to->committed);
	to->brk = from->brk;
	to->max_vmas = from->max_vmas;
	to->image_data = from->image_data;
	to->may_lock = from->may_lock;
	to->no_huge = from->no_huge;
	to->membarrier = from->membarrier;
	to->code = from->code;
	to->args = from->args;
	to->env = from->env;
	to->stack_top = from->stack_top;
	for (unsigned i = 0; i < ASPACE_LIMITS; i++)
		to->limit[i] = from->limit[i];
}

/* The VMA that v is, or is part of, without locks. */
static struct vma *unlock(struct aspace *child, struct vma *v)
{
	struct vma_change c = {.v = v,
			       .va = v->va,
			       .prot = v->prot,
			       .flags = v->flags & ~LOCKS};

	/* All of it: that takes no VMA more. */
	aspace_change_begin(child, &c);
	return aspace_change(child, &c);
}

static void drop_rest(struct aspace *child)
{
	struct vma *next;

	for (struct vma *v = vma_first(&child->vmas); v; v = next) {
		if (v->flags & LOCKS)
			v = unlock(child, v);
		next = vma_next(v);
		if (v->flags & VMA_DONTFORK)
			aspace_cut(child, v, v->va, NULL);
	}
}

int aspace_fork(struct aspace *parent, struct aspace **child)
{
	struct forking f = {.child = aspace_new()};
	int err;

	if (!f.child)
		return -ENOMEM;
	aspace_lock(parent);
	aspace_lock(f.child);
	err = vma_copy(&f.child->vmas, &parent->vmas, copy_vma, &f);
	if (!err) {
		copy_rest(f.child, parent);
		err = user_copy(f.child, parent);
		if (f.flags & (LOCKS | VMA_DONTFORK))
			drop_rest(f.child);
	}
	aspace_unlock(f.child);
	aspace_unlock(parent);
	if (err)
		aspace_put(f.child);
	else
		*child = f.child;
	return err;
}
