/*
 * A second map with the same VMAs (vma_copy()): for fork.
 *
 * Each node is copied where it is, those above first. So the tree is as balanced as
 * the other, its sums are true, and no place has to be looked for. In the list, what
 * comes to the left of a node comes in front of it:
 *
 *	    B		B	then A, in front of what it hangs from
 *	   / \		A B	then C, behind
 *	  A   C		A B C
 *
 * Cost: for each VMA, what it takes to copy it, and some 25 instructions.
 */
#include <lib/errno.h>

#include "vma_impl.h"

struct copying {
	struct vma_map *to;
	const struct vma_map *from;
	vma_copy_fn *copy;
	void *ctx;
};

static struct vma *vma_of(const struct tree_node *n)
{
	return n ? container_of(n, struct vma, node) : NULL;
}

/* Into the list beside `up`, which has none but those that are beside it in the
 * end, or alone (NULL). */
static inline void list_beside(struct vma_map *m, struct vma *v, struct vma *up,
			       unsigned side)
{
	v->prev = v->next = NULL;
	if (up && side == TREE_LEFT) {
		v->prev = up->prev;
		v->next = up;
	} else if (up) {
		v->prev = up;
		v->next = up->next;
	}
	*(v->prev ? &v->prev->next : &m->first) = v;
	*(v->next ? &v->next->prev : &m->last) = v;
}

/* A copy of n as a child of `up`, on this side, or as the root (NULL). NULL: there
 * is none. */
static inline struct tree_node *add_copy(const struct copying *j,
					 const struct tree_node *n,
					 struct tree_node *up, unsigned side)
{
	const struct vma *v = vma_of(n);
	struct vma *c = j->copy(j->ctx, v);

	if (!c)
		return NULL;
	c->node.parent = up;
	c->node.child[TREE_LEFT] = c->node.child[TREE_RIGHT] = NULL;
	*(up ? &up->child[side] : &j->to->tree.root) = &c->node;
	list_beside(j->to, c, vma_of(up), side);
	if (v == j->from->hole)
		j->to->hole = c;
	return &c->node;
}

int vma_copy(struct vma_map *to, const struct vma_map *from, vma_copy_fn *copy,
	     void *ctx)
{
	const struct copying j = {to, from, copy, ctx};
	const struct tree_node *n = from->tree.root, *down;
	struct tree_node *c = n ? add_copy(&j, n, NULL, TREE_LEFT) : NULL;

	to->given = from->given;
	to->above = from->above;
	to->count = from->count;
	while (n && c) {
		unsigned side = !n->child[TREE_LEFT] || c->child[TREE_LEFT];

		down = n->child[side];
		if (down && !c->child[side]) {
			c = add_copy(&j, down, c, side);
			n = down;
		} else {
			c = c->parent;
			n = n->parent;
		}
	}
	return n ? -ENOMEM : 0;
}
