/*
 * VMAs (<mm/vma.h>).
 *
 * A balanced tree by address. What is free is written nowhere but in the VMA
 * behind it, as its gap, and each VMA knows the largest gap of those below it in
 * the tree. So whoever looks for room goes one way, as in arenas (mm/arena.c), but
 * for the highest place, and below a bound:
 *
 *	             D gap 0, most 9		room of 5 below `end`? Not in front
 *	           /   \			of F. The next gaps down are G's
 *	    most 9      most 2			left, then D's own, then those
 *	       B         F			below B, the right ones first.
 *	      / \       / \
 *	|  A  B  C      D  E F | end    G |
 *
 *  I1  VMAs are in the tree in order: whole pages, not empty, disjoint, inside the
 *      bounds; `count` is their number, `end` where the last one ends
 *  I2  `gap` is what is free in front of a VMA; in front of one that grows down the
 *      guard is not counted. `most` is the largest gap in its tree
 *  I3  no two neighbours could be one: see vma_joins()
 *
 * I3 is the callers' as much as this file's: they ask vma_joins() of what they put
 * beside each other. It keeps the number of VMAs, which programs see, a function
 * of what is mapped and not of the way to it.
 *
 * Cost: one way down the tree, and up again as far as gaps change: no longer than
 * 1.44 log2(n + 2). A gap that grows is compared once a level.
 */
#include "vma_impl.h"

static struct vma *vma_of(struct tree_node *n)
{
	return n ? container_of(n, struct vma, node) : NULL;
}

static uint64_t most_of(struct tree_node *n)
{
	return n ? vma_of(n)->most : 0;
}

static bool update(struct tree_node *n)
{
	struct vma *v = vma_of(n);
	uint64_t before = v->most;

	v->most = max_u64(v->gap, max_u64(most_of(n->child[TREE_LEFT]),
					  most_of(n->child[TREE_RIGHT])));
	return v->most != before;
}

void vma_map_init(struct vma_map *m, struct range bounds)
{
	*m = (struct vma_map){.bounds = bounds, .end = bounds.start};
	tree_init(&m->tree, update);
}

struct vma *vma_first(const struct vma_map *m)
{
	return vma_of(tree_first(&m->tree));
}

struct vma *vma_last(const struct vma_map *m)
{
	return vma_of(tree_end(&m->tree, TREE_RIGHT));
}

struct vma *vma_next(const struct vma *v)
{
	return vma_of(tree_next(&v->node));
}

struct vma *vma_prev(const struct vma *v)
{
	return vma_of(tree_prev(&v->node));
}

struct vma_place vma_place(const struct vma_map *m, vaddr_t va)
{
	struct vma *next = vma_find(m, va);

	return (struct vma_place){next ? vma_prev(next) : vma_last(m), next};
}

/* The first one in front of v, in order, whose gap has `room`. */
static struct vma *find_below(struct vma *v, uint64_t room)
{
	struct tree_node *n = &v->node, *from;

	while (most_of(n->child[TREE_LEFT]) < room) {
		do {
			from = n;
			n = n->parent;
		} while (n && n->child[TREE_LEFT] == from);
		if (!n || vma_of(n)->gap >= room)
			return vma_of(n);
	}
	for (n = n->child[TREE_LEFT];;) {
		if (most_of(n->child[TREE_RIGHT]) >= room)
			n = n->child[TREE_RIGHT];
		else if (vma_of(n)->gap >= room)
			return vma_of(n);
		else
			n = n->child[TREE_LEFT];
	}
}

/* The highest place in `gap`, if there is one. */
static bool fits(struct range gap, struct range within, uint64_t size,
		 uint64_t align, vaddr_t *at)
{
	gap = range_intersect(gap, within);
	if (range_size(gap) < size)
		return false;
	*at = align_down(gap.end - size, align);
	return *at >= gap.start;
}

static struct range gap_range(const struct vma *v)
{
	vaddr_t end = vma_guarded_start(v);

	return range_make(end - v->gap, end);
}

bool vma_find_gap(const struct vma_map *m, uint64_t size, uint64_t align,
		  struct range within, vaddr_t *at, struct vma_place *place)
{
	uint64_t room = size + align - PAGE_SIZE;
	struct vma *v;

	within = range_intersect(within, m->bounds);
	if (size > range_size(within) || align > range_size(within))
		return false;
	if (fits(range_make(m->end, m->bounds.end), within, size, align, at)) {
		*place = (struct vma_place){vma_last(m), NULL};
		return true;
	}
	/* Gaps above this one are above `within`. */
	v = vma_find(m, within.end - 1);
	if (!v)
		v = vma_last(m);
	if (v && !fits(gap_range(v), within, size, align, at)) {
		v = find_below(v, room);
		/* If this one is too low, others are lower. */
		if (v && !fits(gap_range(v), within, size, align, at))
			v = NULL;
	}
	if (!v)
		return false;
	*place = (struct vma_place){vma_prev(v), v};
	return true;
}

static uint64_t pages(uint64_t bytes)
{
	return bytes >> PAGE_SHIFT;
}

/* What is free in front of v from `from` on is its gap, or behind all. */
static inline void set_gap(struct vma_map *m, struct vma *v, vaddr_t from)
{
	uint64_t before, gap;
	vaddr_t to;

	if (!v) {
		m->end = from;
		return;
	}
	to = vma_guarded_start(v);
	gap = to > from ? to - from : 0;
	before = v->gap;
	v->gap = gap;
	if (gap <= before)
		tree_changed(&m->tree, &v->node);
	else
		for (struct tree_node *n = &v->node; n && vma_of(n)->most < gap;
		     n = n->parent)
			vma_of(n)->most = gap;
}

/* Where v's gap begins: the end of the one in front of it. */
static vaddr_t gap_start(const struct vma_map *m, const struct vma *v)
{
	struct vma *prev;

	if (!(v->flags & VMA_GROWSDOWN))
		return v->va.start - v->gap;
	prev = vma_prev(v);
	return prev ? prev->va.end : m->bounds.start;
}

/* Hang v in, its gap is set. */
static inline void hang(struct vma_map *m, struct vma *v,
			struct vma_place place)
{
	struct tree_node *next = place.next ? &place.next->node : NULL;
	struct tree_node *prev = place.prev ? &place.prev->node : NULL;

	if (next && !next->child[TREE_LEFT])
		tree_insert(&m->tree, &v->node, next, &next->child[TREE_LEFT]);
	else if (prev)
		tree_insert(&m->tree, &v->node, prev, &prev->child[TREE_RIGHT]);
	else
		tree_insert(&m->tree, &v->node, NULL, &m->tree.root);
	m->count++;
}

void vma_take_out(struct vma_map *m, struct vma *v)
{
	tree_erase(&m->tree, &v->node);
	m->count--;
}

void vma_insert(struct vma_map *m, struct vma *v, struct vma_place place)
{
	vaddr_t from = place.prev ? place.prev->va.end : m->bounds.start;
	vaddr_t to = vma_guarded_start(v);

	v->gap = to > from ? to - from : 0;
	hang(m, v, place);
	set_gap(m, place.next, v->va.end);
}

void vma_erase(struct vma_map *m, struct vma *v)
{
	struct vma *next = vma_next(v);
	vaddr_t from = gap_start(m, v);

	vma_take_out(m, v);
	set_gap(m, next, from);
}

void vma_set_range(struct vma *v, struct range va)
{
	if (v->object)
		v->offset += pages(va.start) - pages(v->va.start);
	v->va = va;
}

void vma_resize(struct vma_map *m, struct vma *v, struct range va)
{
	struct range before = v->va;
	vaddr_t from = gap_start(m, v);

	vma_set_range(v, va);
	if (va.start != before.start)
		set_gap(m, v, from);
	if (va.end != before.end)
		set_gap(m, vma_next(v), va.end);
}

void vma_split(struct vma_map *m, struct vma *v, vaddr_t at, struct vma *upper)
{
	/* Whoever splits has one: aspace_cut_begin(). */
	/* cppcheck-suppress ctunullpointer */
	*upper = *v;
	vma_set_range(upper, range_make(at, v->va.end));
	upper->gap = 0;
	v->va.end = at;
	hang(m, upper, (struct vma_place){v, vma_next(v)});
}

struct vma *vma_dismantle(struct vma_map *m)
{
	struct tree_node *n = m->tree.root, **link = &m->tree.root;

	if (!n) {
		vma_map_init(m, m->bounds);
		return NULL;
	}
	while (n->child[TREE_LEFT] || n->child[TREE_RIGHT]) {
		link = &n->child[!n->child[TREE_LEFT]];
		n = *link;
	}
	*link = NULL;
	return vma_of(n);
}

static bool sound(const struct vma_map *m, const struct vma *v, vaddr_t from)
{
	vaddr_t to = vma_guarded_start(v);

	return !range_empty(v->va) && v->va.start >= from &&
	       v->va.end <= m->bounds.end &&
	       is_aligned(v->va.start | v->va.end, PAGE_SIZE) &&
	       v->gap == (to > from ? to - from : 0);
}

const char *vma_check(const struct vma_map *m)
{
	vaddr_t from = m->bounds.start;
	struct vma *prev = NULL;
	uint64_t count = 0;

	if (!tree_check(&m->tree))
		return "the tree of VMAs is damaged";
	for (struct vma *v = vma_first(m); v; prev = v, v = vma_next(v)) {
		if (!sound(m, v, from))
			return "a VMA's range, or its gap, is wrong";
		if (vma_joins(prev, v))
			return "two VMAs should be one";
		from = v->va.end;
		count++;
	}
	return from == m->end && count == m->count
		       ? NULL
		       : "the end or the number of VMAs is wrong";
}
