/*
 * Arenas (<mm/arena.h>).
 *
 * The tags of allocated ranges form a balanced tree by address. What is free is
 * written nowhere else than in the tag behind it, as its gap; and each tag knows
 * the largest gap among the tags below it. So whoever looks for room goes down
 * one way:
 *
 *	        [D] gap 2, most 7	room of 5? D's left child has no such
 *	       /   \			gap below it, nor is D's own; so it is
 *	most 3      most 7		to the right.
 *	    [B]     [G]
 *
 *	|  AA BB   CC  DDDD FF       GG    |
 *
 * Two free ranges that meet are one at once.
 *
 * The paper's arenas keep free lists by size and a hash of what is allocated. That
 * takes constant time, but tags for free ranges, a table that grows, and a walk
 * over all tags to learn what an address belongs to. The tree has all of it in
 * one structure, takes the lowest address that fits, which keeps page tables few,
 * and describes user address spaces as well.
 *
 *  I1  tags are in the tree in order, ranges not empty, disjoint, in the arena
 *  I2  `gap` of a tag is what is free in front of it, `most` the largest gap of
 *      those below it and its own; `end` is where the last range ends
 *  I3  `used` and `count` are the sums over all tags
 *
 * Room for `size` aligned to `align` is surely in a gap of size + align - unit;
 * smaller ones are not tried, as that would be a search. In an arena that is
 * almost full it may so fail where an exact search would not.
 *
 * Cost: one way down to find room, one to hang the tag in, and up again as far
 * as gaps change; none of it longer than 1.44 log2(n + 2) nodes.
 *
 * Source: Bonwick and Adams, Magazines and Vmem (USENIX 2001), for what an arena
 * is and that allocations need not be searched for room.
 */
#include <mm/arena.h>

static struct arena_tag *tag_of(struct tree_node *n)
{
	return n ? container_of(n, struct arena_tag, node) : NULL;
}

static bool update(struct tree_node *n)
{
	struct arena_tag *t = tag_of(n);
	uint64_t most = t->gap, before = t->most;

	if (n->child[TREE_LEFT])
		most = max_u64(most, tag_of(n->child[TREE_LEFT])->most);
	if (n->child[TREE_RIGHT])
		most = max_u64(most, tag_of(n->child[TREE_RIGHT])->most);
	t->most = most;
	return most != before;
}

void arena_init(struct arena *a, struct range range, uint64_t unit)
{
	*a = (struct arena){.range = range, .unit = unit, .end = range.start};
	tree_init(&a->tags, update);
}

/* Where the lowest gap of `room` bytes begins, or what is behind all ranges. */
static uint64_t find_room(const struct arena *a, uint64_t room)
{
	struct arena_tag *t = tag_of(a->tags.root), *left;

	if (!t || t->most < room)
		return a->end;
	for (;;) {
		left = tag_of(t->node.child[TREE_LEFT]);
		if (left && left->most >= room)
			t = left;
		else if (t->gap >= room)
			return t->range.start - t->gap;
		else
			t = tag_of(t->node.child[TREE_RIGHT]);
	}
}

/* Free bytes in front of `next`, or behind all ranges, begin at `from`. */
static void set_gap(struct arena *a, struct arena_tag *next, uint64_t from)
{
	if (!next) {
		a->end = from;
		return;
	}
	next->gap = next->range.start - from;
	tree_changed(&a->tags, &next->node);
}

static void insert(struct arena *a, struct arena_tag *t)
{
	struct tree_node **link = &a->tags.root, *parent = NULL;
	struct arena_tag *prev = NULL, *next = NULL;

	while (*link) {
		parent = *link;
		if (tag_of(parent)->range.start < t->range.start) {
			prev = tag_of(parent);
			link = &parent->child[TREE_RIGHT];
		} else {
			next = tag_of(parent);
			link = &parent->child[TREE_LEFT];
		}
	}
	t->gap = t->range.start - (prev ? prev->range.end : a->range.start);
	tree_insert(&a->tags, &t->node, parent, link);
	set_gap(a, next, t->range.end);
	a->used += range_size(t->range);
	a->count++;
}

bool arena_alloc(struct arena *a, struct arena_tag *t, uint64_t size,
		 uint64_t align, uint64_t phase)
{
	uint64_t room = size + align - a->unit, at;

	if (size > range_size(a->range) || align > range_size(a->range))
		return false;
	at = find_room(a, room);
	if (a->range.end - at < room)
		return false;
	at = align_up(at - phase, align) + phase;
	t->range = range_make(at, at + size);
	insert(a, t);
	return true;
}

struct arena_tag *arena_find_from(const struct arena *a, uint64_t at)
{
	struct tree_node *n = a->tags.root;
	struct arena_tag *found = NULL;

	while (n) {
		struct arena_tag *t = tag_of(n);
		bool behind = t->range.end > at;

		if (behind)
			found = t;
		n = n->child[!behind];
	}
	return found;
}

struct arena_tag *arena_find(const struct arena *a, uint64_t at)
{
	struct tree_node *n = a->tags.root;

	while (n) {
		struct arena_tag *t = tag_of(n);

		if (range_has(t->range, at))
			return t;
		n = n->child[t->range.start < at];
	}
	return NULL;
}

bool arena_take(struct arena *a, struct arena_tag *t, struct range range)
{
	struct arena_tag *next = arena_find_from(a, range.start);

	if (range_empty(range) || !range_within(range, a->range) ||
	    (next && next->range.start < range.end))
		return false;
	t->range = range;
	insert(a, t);
	return true;
}

struct arena_tag *arena_next(const struct arena_tag *t)
{
	return tag_of(tree_next(&t->node));
}

void arena_free(struct arena *a, struct arena_tag *t)
{
	struct arena_tag *next = arena_next(t);

	tree_erase(&a->tags, &t->node);
	set_gap(a, next, t->range.start - t->gap);
	a->used -= range_size(t->range);
	a->count--;
}

uint64_t arena_largest(const struct arena *a)
{
	uint64_t behind = a->range.end - a->end;

	return a->tags.root ? max_u64(tag_of(a->tags.root)->most, behind)
			    : behind;
}

const char *arena_check(const struct arena *a)
{
	uint64_t used = 0, count = 0, end = a->range.start;

	if (!tree_check(&a->tags))
		return "the tree is damaged";
	for (struct tree_node *n = tree_first(&a->tags); n; n = tree_next(n)) {
		struct range r = tag_of(n)->range;

		if (range_empty(r) || r.start < end)
			return "a range is empty, or overlaps another";
		if (tag_of(n)->gap != r.start - end)
			return "a gap is wrong";
		end = r.end;
		used += range_size(r);
		count++;
	}
	if (end > a->range.end)
		return "a range is not in the arena";
	return end == a->end && used == a->used && count == a->count
		       ? NULL
		       : "the sums are wrong";
}
