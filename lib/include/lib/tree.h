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
