/* Balanced trees, against a sorted set that is an array of flags. The summary is
 * the largest weight below a node. */
#include <kernel/ktest.h>
#include <lib/rng.h>
#include <lib/tree.h>

#define KEYS 512

struct item {
	struct tree_node node;
	unsigned key, weight, heaviest;
};

static struct {
	struct item item[KEYS];
	bool in[KEYS];
	struct tree tree;
	unsigned n;
	uint64_t updates;
} * t;

static struct item *item_of(struct tree_node *n)
{
	return container_of(n, struct item, node);
}

static bool update(struct tree_node *n)
{
	struct item *i = item_of(n);
	unsigned before = i->heaviest;

	t->updates++;
	i->heaviest = i->weight;
	for (unsigned side = 0; side < 2; side++)
		if (n->child[side] &&
		    item_of(n->child[side])->heaviest > i->heaviest)
			i->heaviest = item_of(n->child[side])->heaviest;
	return i->heaviest != before;
}

static void insert(unsigned key, unsigned weight)
{
	struct tree_node **link = &t->tree.root, *parent = NULL;
	struct item *i = &t->item[key];

	i->key = key;
	i->weight = i->heaviest = weight;
	while (*link) {
		parent = *link;
		link = &parent->child[item_of(parent)->key < key];
	}
	tree_insert(&t->tree, &i->node, parent, link);
	t->in[key] = true;
	t->n++;
}

static void erase(unsigned key)
{
	tree_erase(&t->tree, &t->item[key].node);
	t->in[key] = false;
	t->n--;
}

/* Both ways through it, all of the model comes, in order. */
static bool agrees(void)
{
	struct tree_node *up = tree_first(&t->tree);
	struct tree_node *down = tree_end(&t->tree, TREE_RIGHT);
	unsigned heaviest = 0;

	for (unsigned i = 0; i < KEYS; i++)
		if (t->in[i]) {
			if (!up || item_of(up)->key != i)
				return false;
			if (item_of(up)->weight > heaviest)
				heaviest = item_of(up)->weight;
			up = tree_next(up);
		}
	for (unsigned i = KEYS; i--;)
		if (t->in[i]) {
			if (!down || item_of(down)->key != i)
				return false;
			down = tree_prev(down);
		}
	return !up && !down &&
	       (!t->n || item_of(t->tree.root)->heaviest == heaviest);
}

/* 1.44 log2(n + 2), in whole numbers: the smallest tree of a height has
 * Fibonacci's number of nodes. */
static unsigned height_limit(unsigned n)
{
	unsigned a = 0, b = 1, height = 0;

	while (a + b + 1 <= n) {
		unsigned next = a + b + 1;

		a = b;
		b = next;
		height++;
	}
	return height + 1;
}

static bool set_up(void)
{
	t = ktest_alloc(sizeof(*t));
	if (!t)
		return false;
	tree_init(&t->tree, update);
	return true;
}

KTEST(tree, property_equals_a_sorted_set)
{
	struct rng r = rng_seed(ktest_seed());

	if (!set_up())
		return ktest_skip("no memory");
	KTEST_STEPS (step, ktest_ops()) {
		unsigned key = (unsigned)rng_below(&r, KEYS);
		/* Grow, shrink, grow: from empty to full. */
		bool grow = rng_below(&r, 8) < (step / 4096 % 2 ? 2 : 6);

		if (!t->in[key] && grow)
			insert(key, (unsigned)rng_below(&r, 1000));
		else if (t->in[key] && !grow)
			erase(key);
		else if (t->in[key]) {
			t->item[key].weight = (unsigned)rng_below(&r, 1000);
			tree_changed(&t->tree, &t->item[key].node);
		}
		if (step % 64)
			continue;
		REQUIRE(tree_check(&t->tree));
		REQUIRE(agrees());
		REQUIRE(!t->n || t->tree.root->height <= height_limit(t->n));
	}
}

/* In order, backwards, and from the middle: all are balanced. */
KTEST(tree, any_order_of_insertion_is_balanced)
{
	for (unsigned order = 0; order < 3; order++) {
		if (!set_up())
			return ktest_skip("no memory");
		for (unsigned i = 0; i < KEYS; i++) {
			unsigned key = order == 0   ? i
				       : order == 1 ? KEYS - 1 - i
						    : (i * 77) % KEYS;

			insert(key, i);
			REQUIRE(t->tree.root->height <= height_limit(t->n));
		}
		REQUIRE(tree_check(&t->tree) && agrees());
		for (unsigned i = 0; i < KEYS; i++) {
			erase(order == 2 ? (i * 31) % KEYS : i);
			REQUIRE(tree_check(&t->tree) && agrees());
		}
		EXPECT(!t->tree.root);
	}
}

KTEST(tree, check_sees_what_is_wrong)
{
	if (!set_up())
		return ktest_skip("no memory");
	for (unsigned i = 0; i < 7; i++)
		insert(i, i);
	EXPECT(tree_check(&t->tree));
	t->tree.root->height++;
	EXPECT(!tree_check(&t->tree));
	t->tree.root->height = 3;
	t->item[0].node.parent = &t->item[3].node;
	EXPECT(!tree_check(&t->tree));
	t->item[0].node.parent = &t->item[1].node;
	EXPECT(tree_check(&t->tree));
	t->item[5].heaviest = 100;
	EXPECT(!tree_check(&t->tree));
}
