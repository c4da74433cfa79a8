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
 * have nothing to do with each other. So an owner may walk the first one itself.
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

/* Turns are apart from the ways that lead to them: they are rare, and so the ways
 * need no stack. */
#define RARE __attribute__((noinline))

static inline unsigned height_of(const struct tree_node *n)
{
	return n ? n->height : 0;
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

	tree_replace_(t, n, c);
	tree_adopt_(n, side, c->child[!side]);
	tree_adopt_(c, !side, n);
	settle(t, n);
	return c;
}

/* I3 was broken at n by one. Returns what is at its place now. */
static RARE struct tree_node *rebalance(struct tree *t, struct tree_node *n,
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

/* The tree of n is higher than before, by one. */
void tree_grown(struct tree *t, struct tree_node *n)
{
	unsigned height = n->height;
	struct tree_node *up = n->parent, *other;

	for (; up && up->height == height; up = n->parent) {
		other = up->child[TREE_LEFT];
		if (other == n)
			other = up->child[TREE_RIGHT];
		if (height_of(other) + 1 < height) {
			/* As high as it was before n grew. */
			rebalance(t, up, up->child[TREE_RIGHT] == n);
			return;
		}
		up->height = ++height;
		n = up;
	}
}

static RARE void turn_shrunk(struct tree *t, struct tree_node *n)
{
	unsigned left = height_of(n->child[TREE_LEFT]);
	unsigned right = height_of(n->child[TREE_RIGHT]);
	unsigned before = n->height;

	n = rebalance(t, n, right > left);
	if (n->height != before)
		tree_shrunk(t, n->parent);
}

void tree_shrunk(struct tree *t, struct tree_node *n)
{
	for (; n; n = n->parent) {
		unsigned left = height_of(n->child[TREE_LEFT]);
		unsigned right = height_of(n->child[TREE_RIGHT]);

		if (left - right + 1 > 2) {
			turn_shrunk(t, n);
			return;
		}
		if (left < right)
			left = right;
		if (n->height == left + 1)
			return;
		n->height = left + 1;
	}
}

/* Make I4 true from n up, as far as something changes. Up to `moved`, if there is
 * one, that is no question: its summary is now that of another tree. */
static void sum_up(const struct tree *t, struct tree_node *n,
		   const struct tree_node *moved)
{
	for (; n; n = n->parent) {
		if (!t->update(n) && !moved)
			return;
		if (n == moved)
			moved = NULL;
	}
}

void tree_insert(struct tree *t, struct tree_node *n, struct tree_node *parent,
		 struct tree_node **link)
{
	tree_link(n, parent, link);
	if (t->update) {
		t->update(n);
		sum_up(t, parent, NULL);
	}
	tree_grown(t, n);
}

void tree_erase(struct tree *t, struct tree_node *n)
{
	struct tree_node *next = n->child[TREE_RIGHT] ? tree_next(n) : NULL;

	n = tree_unlink(t, n, next);
	if (t->update)
		sum_up(t, n, next);
	tree_shrunk(t, n);
}

void tree_changed(struct tree *t, struct tree_node *n)
{
	if (t->update)
		sum_up(t, n, NULL);
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
