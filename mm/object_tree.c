/*
 * Memory objects (<mm/object.h>): the tree of pages.
 *
 * A radix tree with 64 slots in a node, as high as the largest index needs:
 *
 *	level 1		level 0
 *	+----+		+------+
 *	| 0  |--------->| page |  0
 *	| -  |		| -    |
 *	| 2  |---.	+------+
 *	+----+	 |	+------+
 *		 `----->| page |  128
 *			+------+
 *
 * I1  No node is empty; an object without pages has none.
 * I2  used is the number of its slots that are not NULL.
 *
 * The tree grows at its root, which becomes slot 0 of a new one, and does not shrink
 * but to nothing.
 *
 * Locking: the object's. Nodes are allocated by the caller before, without it.
 * Cost: a load a level; 64^2 pages (16 MiB) need two levels.
 */
#include <kernel/assert.h>
#include <mm/kmalloc.h>
#include <mm/page_ref.h>

#include "object_impl.h"

static unsigned shift_of(unsigned level)
{
	return level * NODE_BITS;
}

static size_t slot_of(uint64_t index, unsigned level)
{
	return (index >> shift_of(level)) % NODE_SIZE;
}

/* Levels of a tree that has this index. */
static unsigned levels_for(uint64_t index)
{
	unsigned n = 1;

	while (n < OBJECT_LEVELS && index >> shift_of(n))
		n++;
	return n;
}

struct object_node *object_leaf(const struct vm_object *o, uint64_t index)
{
	struct object_node *node = o->root;

	if (!node || levels_for(index) > o->levels)
		return NULL;
	for (unsigned level = o->levels - 1; node && level; level--)
		node = node->slot[slot_of(index, level)];
	return node;
}

unsigned object_lacks(const struct vm_object *o, uint64_t index)
{
	unsigned levels = levels_for(index), level = o->levels;
	const struct object_node *node = o->root;

	if (!node)
		return levels;
	/* New roots, and a path from the topmost that shares nothing. */
	if (levels > o->levels)
		return levels - o->levels + levels - 1;
	while (node && --level)
		node = node->slot[slot_of(index, level)];
	return level;
}

static struct object_node *new_node(struct spare_nodes *s)
{
	assert(s->n);
	return s->node[--s->n];
}

static void set_slot(struct object_node *node, size_t i, void *what)
{
	node->slot[i] = what;
	node->used++;
}

void object_insert(struct vm_object *o, uint64_t index, struct page *p,
		   struct spare_nodes *s)
{
	unsigned levels = levels_for(index), level;
	struct object_node *node;

	if (!o->root) {
		o->root = new_node(s);
		o->levels = levels;
	}
	for (; o->levels < levels; o->levels++) {
		node = new_node(s);
		set_slot(node, 0, o->root);
		o->root = node;
	}
	node = o->root;
	for (level = o->levels - 1; level; level--) {
		size_t i = slot_of(index, level);

		if (!node->slot[i])
			set_slot(node, i, new_node(s));
		node = node->slot[i];
	}
	set_slot(node, slot_of(index, 0), p);
	o->npages++;
}

struct erasure {
	struct vm_object *o;
	struct range index;
	void (*gone)(struct page *p);
};

/* What of the node, whose first index is `base`, is in the range. Is it empty
 * then? */
static bool erase(const struct erasure *e, struct object_node *node,
		  unsigned level, uint64_t base)
{
	uint64_t span = (uint64_t)1 << shift_of(level);

	for (size_t i = 0; i < NODE_SIZE; i++, base += span) {
		if (!node->slot[i] || base >= e->index.end ||
		    base + span <= e->index.start)
			continue;
		if (!level) {
			e->gone(node->slot[i]);
			e->o->npages--;
		} else if (!erase(e, node->slot[i], level - 1, base)) {
			continue;
		}
		node->slot[i] = NULL;
		node->used--;
	}
	if (node->used)
		return false;
	kfree(node);
	return true;
}

void object_erase(struct vm_object *o, struct range index,
		  void (*gone)(struct page *p))
{
	const struct erasure e = {o, index, gone};

	if (o->root && erase(&e, o->root, o->levels - 1, 0)) {
		o->root = NULL;
		o->levels = 0;
	}
}

static const char *check_page(const struct page *p, uint64_t index)
{
	if (!page_is_whole(p) || p->order)
		return "what is in an object is no page";
	if (!(p->flags & PAGE_OBJECT) || p->owner != index)
		return "an object's page does not say so";
	if (__atomic_load_n(&p->refs, __ATOMIC_RELAXED) < 1)
		return "an object's page without a reference";
	return NULL;
}

static const char *check(const struct object_node *node, unsigned level,
			 uint64_t base, uint64_t *npages)
{
	unsigned used = 0;

	for (size_t i = 0; i < NODE_SIZE; i++) {
		uint64_t index = base + ((uint64_t)i << shift_of(level));
		const char *wrong;

		if (!node->slot[i])
			continue;
		used++;
		*npages += !level;
		wrong = level ? check(node->slot[i], level - 1, index, npages)
			      : check_page(node->slot[i], index);
		if (wrong)
			return wrong;
	}
	if (!used)
		return "an empty node";
	return used == node->used ? NULL : "a wrong count of a node's slots";
}

const char *object_check_tree(const struct vm_object *o)
{
	uint64_t npages = 0;
	const char *wrong = NULL;

	if (o->root)
		wrong = check(o->root, o->levels - 1, 0, &npages);
	if (!wrong && npages != o->npages)
		wrong = "a wrong count of an object's pages";
	return wrong;
}
