/* Private to mm/object*.c: the tree of pages. The object's lock is held. */
#pragma once

#include <mm/object.h>

#define NODE_BITS 6
#define NODE_SIZE ((size_t)1 << NODE_BITS)

/* Pages have indices below 2^52. */
#define OBJECT_LEVELS 9

struct object_node {
	void *slot[NODE_SIZE]; /* nodes; pages where it is of level 0 */
	unsigned used;	       /* slots that are not NULL */
};

/* Nodes for an insertion: those of a path, and those that make the tree higher. */
#define SPARE_NODES (2 * OBJECT_LEVELS)

struct spare_nodes {
	struct object_node *node[SPARE_NODES];
	unsigned n;
};

/* The node of level 0 for this index, or NULL. */
struct object_node *object_leaf(const struct vm_object *o, uint64_t index);

static inline struct page *object_find(const struct vm_object *o,
				       uint64_t index)
{
	struct object_node *leaf = object_leaf(o, index);

	return leaf ? leaf->slot[index % NODE_SIZE] : NULL;
}

/* How many new nodes it takes to put a page there. */
unsigned object_lacks(const struct vm_object *o, uint64_t index);

/* Put it there, where none is; `s` has the nodes that this takes. */
void object_insert(struct vm_object *o, uint64_t index, struct page *p,
		   struct spare_nodes *s);

/* Take those with these indices out, each to `gone`, and free nodes that are empty
 * then. */
void object_erase(struct vm_object *o, struct range index,
		  void (*gone)(struct page *p));

/* NULL, or what is wrong with the tree. */
const char *object_check_tree(const struct vm_object *o);
