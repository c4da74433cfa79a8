/*
 * Changing the VMA map so that its third invariant (mm/vma.c) stays true: what can be
 * one is one. What is added joins its neighbours, what is changed in part is cut
 * off and joins what it became equal to.
 *
 *	AABBBCC		B's first page becomes like A	AAABBCC	the border moves
 *	AABBBCC		all of B becomes like A		AAAAACC	B goes
 *	AABBBAA		all of B becomes like A		AAAAAAA	B and the other A go
 *	AABBBCC		B's middle becomes like A	AABABCC	two more
 *
 * Where two touch there is no gap, before and after: so moving a border changes no
 * node but these two.
 */
#include "vma_impl.h"

void vma_change_plan(struct vma_change *c)
{
	struct vma *v = c->v, *prev, *next;

	c->head = c->va.start > v->va.start;
	c->tail = c->va.end < v->va.end;
	c->left = c->right = NULL;
	if (!c->head) {
		prev = vma_prev(v);
		if (prev && vma_alike(prev, c->prot, c->flags) &&
		    vma_continues(prev, v))
			c->left = prev;
	}
	if (!c->tail) {
		next = vma_next(v);
		if (next && vma_alike(next, c->prot, c->flags) &&
		    vma_continues(v, next))
			c->right = next;
	}
	c->adds = c->head + c->tail - !!c->left - !!c->right;
}

/* Two that touch, and change where. */
static void move_border(struct vma *lower, struct vma *upper, vaddr_t at)
{
	lower->va.end = at;
	vma_set_range(upper, range_make(at, upper->va.end));
}

static struct vma *join(struct vma_map *m, struct vma_change *c)
{
	struct vma *keep = c->left ? c->left : c->right;

	if (c->tail)
		move_border(keep, c->v, c->va.end);
	else if (c->head)
		move_border(c->v, keep, c->va.start);
	else {
		vma_absorb(m, keep, c->v);
		c->gone[0] = c->v;
	}
	if (c->left && c->right) {
		vma_absorb(m, keep, c->right);
		c->gone[1] = c->right;
	}
	return keep;
}

struct vma *vma_change(struct vma_map *m, struct vma_change *c)
{
	struct vma *v = c->v;

	if (c->left || c->right)
		return join(m, c);
	if (c->tail)
		vma_split(m, v, c->va.end, c->spare[0]);
	if (c->head) {
		v = c->spare[c->tail];
		vma_split(m, c->v, c->va.start, v);
	}
	v->prot = c->prot;
	v->flags = c->flags;
	return v;
}

struct vma *vma_join(struct vma_map *m, const struct vma *new,
		     const struct vma_place *place, unsigned joins)
{
	struct vma *prev = place->prev, *next = place->next;

	if (!(joins & VMA_JOINS_PREV)) {
		vma_resize(m, next, range_make(new->va.start, next->va.end));
		return NULL;
	}
	vma_resize(m, prev, range_make(prev->va.start, new->va.end));
	if (!(joins & VMA_JOINS_NEXT))
		return NULL;
	vma_absorb(m, prev, next);
	return next;
}

void vma_cut(struct vma_map *m, struct vma *v, struct range va,
	     struct vma *spare)
{
	struct range rest = v->va;

	if (vma_cut_splits(v, va)) {
		vma_split(m, v, va.end, spare);
		rest.end = va.start;
	} else if (va.start <= rest.start) {
		rest.start = va.end;
	} else {
		rest.end = va.start;
	}
	vma_resize(m, v, rest);
}
