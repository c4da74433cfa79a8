/*
 * Balanced binary trees with the links inside the elements. The order is the
 * owner's: it goes down from the root, finds the place, and has the node hung in
 * there. Each node may carry a summary of the tree below it, such as the largest
 * gap between its elements, which is kept true. No locking: the owner's lock
 * covers it.
 *
 *	struct tree_node **link = &t->root, *parent = NULL;
 *
 *	while (*link) {
 *		parent = *link;
 *		link = &parent->child[key_of(parent) < key];
 *	}
 *	tree_insert(t, node, parent, link);
 *
 * With n elements no way down is longer than 1.44 log2(n + 2).
 */
#pragma once

#include <lib/bits.h>

enum { TREE_LEFT, TREE_RIGHT };

struct tree_node {
	struct tree_node *parent; /* NULL: the root */
	struct tree_node *child[2];
	unsigned height; /* of the tree that it heads; 1: alone */
};

struct tree {
	struct tree_node *root; /* NULL: empty */
	/* Make n's summary true again, from n itself and those of its children;
	 * whether it changed. NULL: there are no summaries. */
	bool (*update)(struct tree_node *n);
};

static inline void tree_init(struct tree *t,
			     bool (*update)(struct tree_node *n))
{
	*t = (struct tree){.update = update};
}

/* Hang `n` in at *link, which is empty, a child of `parent` or the root. */
void tree_insert(struct tree *t, struct tree_node *n, struct tree_node *parent,
		 struct tree_node **link);

/* Take `n` out. */
void tree_erase(struct tree *t, struct tree_node *n);

/* The element itself changed: its summary, and those above, are made true. Its
 * place must still be right. */
void tree_changed(struct tree *t, struct tree_node *n);

/* What led to `old` leads to `new`, which may be NULL. */
static inline void tree_replace_(struct tree *t, const struct tree_node *old,
				 struct tree_node *new)
{
	struct tree_node *parent = old->parent;

	if (new)
		new->parent = parent;
	if (!parent)
		t->root = new;
	else
		parent->child[parent->child[TREE_RIGHT] == old] = new;
}

static inline void tree_adopt_(struct tree_node *parent, unsigned side,
			       struct tree_node *n)
{
	parent->child[side] = n;
	if (n)
		n->parent = parent;
}

/*
 * The same in two steps, for owners who know more about their summaries than
 * update() does: in between they make those true that changed, of `n` and above it.
 *
 *	tree_link(n, parent, link);		n = tree_unlink(t, n, tree_next(n));
 *	tree_grown(t, n);			tree_shrunk(t, n);
 *
 * tree_unlink() returns the lowest node, or NULL, below which something is gone.
 * That is `next` or below it, if `next` was below the one that goes: it took its
 * place, and its summary is now that of another tree.
 */
static inline void tree_link(struct tree_node *n, struct tree_node *parent,
			     struct tree_node **link)
{
	n->parent = parent;
	n->child[TREE_LEFT] = n->child[TREE_RIGHT] = NULL;
	n->height = 1;
	*link = n;
}

void tree_grown(struct tree *t, struct tree_node *n);

static inline struct tree_node *tree_unlink(struct tree *t, struct tree_node *n,
					    struct tree_node *next)
{
	struct tree_node *from;

	if (!n->child[TREE_RIGHT]) {
		tree_replace_(t, n, n->child[TREE_LEFT]);
		return n->parent;
	}
	/* The next one takes its place. */
	from = next->parent == n ? next : next->parent;
	tree_replace_(t, next, next->child[TREE_RIGHT]);
	tree_replace_(t, n, next);
	tree_adopt_(next, TREE_LEFT, n->child[TREE_LEFT]);
	/* If that was the next one itself, it is what that left behind. */
	tree_adopt_(next, TREE_RIGHT, n->child[TREE_RIGHT]);
	next->height = n->height;
	return from;
}

void tree_shrunk(struct tree *t, struct tree_node *n);

/* The first element (TREE_LEFT) or the last; the one before `n` or behind it. NULL:
 * there is none. */
struct tree_node *tree_end(const struct tree *t, unsigned side);
struct tree_node *tree_neighbour(const struct tree_node *n, unsigned side);

static inline struct tree_node *tree_first(const struct tree *t)
{
	return tree_end(t, TREE_LEFT);
}

static inline struct tree_node *tree_next(const struct tree_node *n)
{
	return tree_neighbour(n, TREE_RIGHT);
}

static inline struct tree_node *tree_prev(const struct tree_node *n)
{
	return tree_neighbour(n, TREE_LEFT);
}

/* Validate: links fit, heights are true and balanced, and so are the summaries.
 * O(n). */
bool tree_check(const struct tree *t);
