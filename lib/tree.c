/*
 * Balanced trees (<lib/tree.h>).
 *
 *  I1  a child's parent is the node that it hangs from
 *  I2  a node's height is one more than its higher child's; 0 for none
 *  I3  the heights of two siblings differ by one at most
 *  I4  a node's summary is what update() makes of it and its children
 *
 * A change at the bottom breaks these on one way to the root only. One walk up
 * that way, retrace(), mends them after any change. It ends early where a node
 * comes out as it was, since what is above depends on nothing else.
 *
 * A node that is too high on one side is turned: its higher child rises, after
 * that child's inner child has, if that is the higher one.
 *
 *	    n		   c
 *	   / \		  / \
 *	  c   C	  ->	 A   n
 *	 / \		    / \
 *	A   B		   B   C
 *
 * Cost: a walk down, and up as far as something changes; two turns at most for an
 * insertion, one or two a level for a removal.
 *
 * Source: Adelson-Velsky and Landis, An algorithm for the organization of
 * information (1962); Knuth, TAOCP 3, 6.2.3. Summaries: Cormen et al.,
 * Introduction to Algorithms, Augmenting Data Structures.
 */
#include <lib/tree.h>

static inline unsigned height_of(const struct tree_node *n)
{
	return n ? n->height : 0;
}

/* Make I2 and I4 true of n; whether it is another than before. */
static inline bool settle(const struct tree *t, struct tree_node *n,
			  unsigned left, unsigned right)
{
	unsigned height = 1 + (left > right ? left : right);
	bool changed = height != n->height;

	n->height = height;
	return (t->update && t->update(n)) || changed;
}

static bool settle_alone(const struct tree *t, struct tree_node *n)
{
	return settle(t, n, height_of(n->child[TREE_LEFT]),
		      height_of(n->child[TREE_RIGHT]));
}

/* What led to `old` leads to `new`, which may be NULL. */
static void replace(struct tree *t, const struct tree_node *old,
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

static void adopt(struct tree_node *parent, unsigned side, struct tree_node *n)
{
	parent->child[side] = n;
	if (n)
		n->parent = parent;
}

/* The child on this side rises above n. Its own I2 and I4 are left to the
 * caller. */
static struct tree_node *rotate(struct tree *t, struct tree_node *n,
				unsigned side)
{
	struct tree_node *c = n->child[side];

	replace(t, n, c);
	adopt(n, side, c->child[!side]);
	adopt(c, !side, n);
	settle_alone(t, n);
	return c;
}

/* I3 was broken at n by one. Returns what is at its place now. */
static struct tree_node *rebalance(struct tree *t, struct tree_node *n,
				   unsigned side)
{
	struct tree_node *c = n->child[side];

	if (height_of(c->child[!side]) > height_of(c->child[side])) {
		c = rotate(t, c, !side);
		settle_alone(t, c);
	}
	c = rotate(t, n, side);
	settle_alone(t, c);
	return c;
}

/* Make I2 to I4 true of n. Returns what is at its place then, and whether that is
 * another than before. */
static inline struct tree_node *mend(struct tree *t, struct tree_node *n,
				     bool *changed)
{
	unsigned left = height_of(n->child[TREE_LEFT]);
	unsigned right = height_of(n->child[TREE_RIGHT]);

	if (left > right + 1 || right > left + 1) {
		*changed = true;
		return rebalance(t, n, right > left);
	}
	*changed = settle(t, n, left, right);
	return n;
}

/* Mend the way from n up. */
static void retrace(struct tree *t, struct tree_node *n)
{
	bool changed = true;

	while (n && changed)
		n = mend(t, n, &changed)->parent;
}

void tree_insert(struct tree *t, struct tree_node *n, struct tree_node *parent,
		 struct tree_node **link)
{
	*n = (struct tree_node){.parent = parent};
	*link = n;
	/* Its height changes from 0, so the walk goes on to the parent. */
	retrace(t, n);
}

void tree_erase(struct tree *t, struct tree_node *n)
{
	struct tree_node *left = n->child[TREE_LEFT];
	struct tree_node *right = n->child[TREE_RIGHT], *next, *from;
	bool changed, done;

	if (!left || !right) {
		replace(t, n, left ? left : right);
		retrace(t, n->parent);
		return;
	}
	/* The next one takes its place. */
	for (next = right; next->child[TREE_LEFT];)
		next = next->child[TREE_LEFT];
	from = next == right ? next : next->parent;
	replace(t, next, next->child[TREE_RIGHT]);
	replace(t, n, next);
	adopt(next, TREE_LEFT, left);
	/* Not `right`: that may have been the next one. */
	adopt(next, TREE_RIGHT, n->child[TREE_RIGHT]);
	next->height = n->height;
	/* That one has changed, whatever is below it. */
	do {
		done = from == next;
		from = mend(t, from, &changed)->parent;
	} while (!done);
	retrace(t, from);
}

void tree_changed(struct tree *t, struct tree_node *n)
{
	retrace(t, n);
}

static struct tree_node *furthest(struct tree_node *n, unsigned side)
{
	while (n && n->child[side])
		n = n->child[side];
	return n;
}

struct tree_node *tree_end(const struct tree *t, unsigned side)
{
	return furthest(t->root, side);
}

struct tree_node *tree_neighbour(const struct tree_node *n, unsigned side)
{
	struct tree_node *up;

	if (n->child[side])
		return furthest(n->child[side], !side);
	for (up = n->parent; up && up->child[side] == n; up = up->parent)
		n = up;
	return up;
}

static bool node_sound(const struct tree *t, struct tree_node *n)
{
	unsigned left = height_of(n->child[TREE_LEFT]);
	unsigned right = height_of(n->child[TREE_RIGHT]);

	const struct tree_node *up = n->parent;

	if (up ? up->child[TREE_LEFT] != n && up->child[TREE_RIGHT] != n
	       : t->root != n)
		return false;
	for (unsigned side = 0; side < 2; side++)
		if (n->child[side] && n->child[side]->parent != n)
			return false;
	return left <= right + 1 && right <= left + 1 &&
	       !settle(t, n, left, right);
}

bool tree_check(const struct tree *t)
{
	for (struct tree_node *n = tree_first(t); n; n = tree_next(n))
		if (!node_sound(t, n))
			return false;
	return true;
}
