/*
 * fork: a second space with the same VMAs and, until somebody writes, the same
 * pages. The child is nobody's yet, so its lock is not taken.
 *
 * The child's tree of VMAs is the parent's, node by node: no place has to be looked
 * for, and it is as balanced. Then what children don't have is taken from it, which
 * is rare: VMAs that are marked so, and locks, without which neighbours may join.
 */

#include "aspace_vma.h"

#define LOCKS ((uint32_t)(VMA_LOCKED | VMA_LOCKONFAULT))

/* A copy of the VMA of n, in its place under `parent`, with nothing below it yet; adds
 * its flags. NULL: no memory for it, or not enough to promise as much again. */
static struct tree_node *copy_node(struct aspace *child,
				   const struct tree_node *n,
				   struct tree_node *parent, uint32_t *flags)
{
	const struct vma *v = container_of(n, struct vma, node);
	struct vma *copy = NULL;

	if (!(v->flags & VMA_ACCOUNTED) || commit_fits(range_size(v->va)))
		copy = aspace_vma_new();
	if (!copy)
		return NULL;
	*flags |= v->flags;
	*copy = *v;
	copy->as = child;
	copy->node.parent = parent;
	copy->node.child[TREE_LEFT] = NULL;
	copy->node.child[TREE_RIGHT] = NULL;
	if (copy->object)
		aspace_vma_own(copy);
	return &copy->node;
}

/* Each node before those below it. Adds to *flags what any VMA has. */
static int copy_tree(struct aspace *child, const struct aspace *parent,
		     uint32_t *flags)
{
	const struct tree_node *from = parent->vmas.tree.root;
	struct tree_node *to =
		from ? copy_node(child, from, NULL, flags) : NULL;

	child->vmas.tree.root = to;
	if (from && !to)
		return -ENOMEM;
	while (from) {
		unsigned side = !from->child[TREE_LEFT] || to->child[TREE_LEFT];
		const struct tree_node *down = from->child[side];

		if (!down || to->child[side]) {
			from = from->parent;
			to = to->parent;
			continue;
		}
		to->child[side] = copy_node(child, down, to, flags);
		if (!to->child[side])
			return -ENOMEM;
		from = down;
		to = to->child[side];
	}
	child->vmas.end = parent->vmas.end;
	child->vmas.count = parent->vmas.count;
	return 0;
}

/* What is not of VMAs, and sums over them. */
static void copy_rest(struct aspace *to, const struct aspace *from)
{
	to->vmas.given = from->vmas.given;
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
	struct aspace *as = aspace_new();
	uint32_t flags = 0;
	int err;

	if (!as)
		return -ENOMEM;
	aspace_lock(parent);
	err = copy_tree(as, parent, &flags);
	if (!err) {
		copy_rest(as, parent);
		err = user_copy(as, parent);
		if (flags & (LOCKS | VMA_DONTFORK))
			drop_rest(as);
	}
	aspace_unlock(parent);
	if (err)
		aspace_put(as);
	else
		*child = as;
	return err;
}
