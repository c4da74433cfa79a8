/*
 * Balanced trees (<lib/tree.h>).
 *
 *  I1  a child's parent is the node that it hangs from
 *  I2  a node's height is one more than its higher child's; 0 for none
 *  I3  the heights of two siblings differ by one at most
 *  I4  a node's summary is what update() makes of it and its children
 *
 * A change at the bottom breaks these on one way to the root only, which is mended
 * by two walks up: summaries, then heights, with the turns that these demand. Each
 * ends early where a node comes out as it was, since what is above depends on
 * nothing else; and as a turn leaves the summary of the whole as it was, the walks
 * have nothing to do with each other.
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

/* Make I2 and I4 true of n. */
static void settle(const struct tree *t, struct tree_node *n)
{
	unsigned left = height_of(n->child[TREE_LEFT]);
	unsigned right = height_of(n->child[TREE_RIGHT]);

	n->height = 1 + (left > right ? left : right);
	if (t->update)
		t->update(n);
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
	settle(t, n);
	return c;
}

/* I3 was broken at n by one. Returns what is at its place now. */
static struct tree_node *rebalance(struct tree *t, struct tree_node *n,
				   unsigned side)
{
	struct tree_node *c = n->child[side];

	if (height_of(c->child[!side]) > height_of(c->child[side])) {
		c = rotate(t, c, !side);
		settle(t, c);
	}
	c = rotate(t, n, side);
	settle(t, c);
	return c;
}

/* Make I4 true from n up. */
static void sum_up(const struct tree *t, struct tree_node *n)
{
	if (t->update)
		while (n && t->update(n))
			n = n->parent;
}

/* Make I2 and I3 true from n up. */
static void balance(struct tree *t, struct tree_node *n)
{
	for (; n; n = n->parent) {
		unsigned left = height_of(n->child[TREE_LEFT]);
		unsigned right = height_of(n->child[TREE_RIGHT]);
		unsigned before = n->height;

		if (left > right + 1 || right > left + 1)
			n = rebalance(t, n, right > left);
		else
			n->height = 1 + (left > right ? left : right);
		if (n->height == before)
			return;
	}
}

void tree_insert(struct tree *t, struct tree_node *n, struct tree_node *parent,
		 struct tree_node **link)
{
	*n = (struct tree_node){.parent = parent, .height = 1};
	*link = n;
	if (t->update)
		t->update(n);
	sum_up(t, parent);
	balance(t, parent);
}

void tree_erase(struct tree *t, struct tree_node *n)
{
	struct tree_node *left = n->child[TREE_LEFT];
	struct tree_node *right = n->child[TREE_RIGHT], *next, *from;

	if (!left || !right) {
		replace(t, n, left ? left : right);
		sum_up(t, n->parent);
		balance(t, n->parent);
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
	/* Its summary is another than n's was, even if it is what it was before;
	 * so there is no early end up to there. */
	for (struct tree_node *at = from; t->update; at = at->parent) {
		t->update(at);
		if (at == next)
			break;
	}
	sum_up(t, next->parent);
	balance(t, from);
}

void tree_changed(struct tree *t, struct tree_node *n)
{
	sum_up(t, n);
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
	       n->height == 1 + (left > right ? left : right) &&
	       !(t->update && t->update(n));
}

bool tree_check(const struct tree *t)
{
	for (struct tree_node *n = tree_first(t); n; n = tree_next(n))
		if (!node_sound(t, n))
			return false;
	return true;
}
