/*
 * VMAs (<mm/vma.h>).
 *
 * A balanced tree by address. What is free is written nowhere but in the VMA
 * behind it, as its gap, and each VMA knows the largest gap of those below it in
 * the tree. So whoever looks for room goes one way, as in arenas (mm/arena.c), but
 * for the highest place:
 *
 *	             D gap 0, most 9		room of 5? Not right of D, nor in
 *	           /   \			front of it: so it is in the tree
 *	    most 9      most 2			of B, as far right as there is so
 *	       B         F			much.
 *	      / \       / \
 *	|  A  B  C      D  E F  G     | given.end
 *
 * Programs map most of what they have below what they mapped last, and unmap it
 * again: in the one large gap between the heap and the mappings. Would that one
 * count, each such call would change the sums from the bottom of the tree to its
 * root. So there is one gap that does not count, the largest as a rule: `hole` says
 * whose it is. It moves with the border of what is free:
 *
 *	|  heap  |       hole       |W|X|	W's
 *	|  heap  |     hole     |new|W|X|	new's; all that counts is as before
 *
 *  I1  VMAs are in the tree in order: whole pages, not empty, disjoint, inside the
 *      bounds; the list is the same in the same order, `count` their number
 *  I2  `gap` is what is free in front of a VMA, and `given` out; in front of one
 *      that grows down the guard is not counted. But the hole's is 0. `most` is the
 *      largest gap in its tree
 *      `above` is false only if no gap counts above the hole
 *  I3  no two neighbours could be one: see vma_joins()
 *
 * I3 is the callers' as much as this file's: they ask vma_joins() of what they put
 * beside each other. It keeps the number of VMAs, which programs see, a function
 * of what is mapped and not of the way to it.
 *
 * Cost: one way down the tree, and up again as far as gaps change: no longer than
 * 1.44 log2(n + 2). Room in the hole, where there is none above it: a few loads.
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

static inline bool update(struct tree_node *n)
{
	struct vma *v = vma_of(n);
	uint64_t before = v->most;

	v->most = max_u64(v->gap, max_u64(most_of(n->child[TREE_LEFT]),
					  most_of(n->child[TREE_RIGHT])));
	return v->most != before;
}

/* Make `most` true from n up, as far as it changes; up to `sure`, if that is not
 * NULL, in any case. */
static inline void sum_up(struct tree_node *n, const struct vma *sure)
{
	for (; n; n = n->parent) {
		if (!update(n) && !sure)
			return;
		if (vma_of(n) == sure)
			sure = NULL;
	}
}

void vma_map_init(struct vma_map *m, struct range bounds)
{
	*m = (struct vma_map){.bounds = bounds, .given = bounds};
	tree_init(&m->tree, update);
}

/* Where what is free behind `prev` begins. */
static inline vaddr_t end_of(const struct vma_map *m, const struct vma *prev)
{
	return prev ? prev->va.end : m->given.start;
}

static inline struct range gap_from(const struct vma_map *m,
				    const struct vma *v, vaddr_t from)
{
	return range_make(from, min_u64(vma_guarded_start(v), m->given.end));
}

/* What is free in front of v, whether it counts or not. */
static inline struct range gap_range(const struct vma_map *m,
				     const struct vma *v)
{
	return gap_from(m, v, end_of(m, v->prev));
}

/* The highest place in `gap`, if there is one. */
static inline bool fits(struct range gap, uint64_t size, uint64_t align,
			vaddr_t *at)
{
	if (range_size(gap) < size)
		return false;
	*at = align_down(gap.end - size, align);
	return *at >= gap.start;
}

/* The highest VMA whose gap has `room` and counts. */
static inline struct vma *find_highest(const struct vma_map *m, uint64_t room)
{
	struct tree_node *n = m->tree.root;

	if (most_of(n) < room)
		return NULL;
	for (;;) {
		if (most_of(n->child[TREE_RIGHT]) >= room)
			n = n->child[TREE_RIGHT];
		else if (vma_of(n)->gap >= room)
			return vma_of(n);
		else
			n = n->child[TREE_LEFT];
	}
}

static __attribute__((noinline)) bool find_any(struct vma_map *m, uint64_t size,
					       uint64_t align, vaddr_t *at,
					       struct vma_place *place)
{
	uint64_t room = size + align - PAGE_SIZE;
	struct vma *v = find_highest(m, room), *hole = m->hole;

	if (hole && (!v || hole->va.start > v->va.start)) {
		/* Any gap above it would have done. */
		if (room == PAGE_SIZE)
			m->above = false;
		if (fits(gap_range(m, hole), size, align, at))
			v = hole;
	}
	if (!v || (v != hole && !fits(gap_range(m, v), size, align, at)))
		return false;
	*place = (struct vma_place){v->prev, v};
	return true;
}

bool vma_find_gap(struct vma_map *m, uint64_t size, uint64_t align, vaddr_t *at,
		  struct vma_place *place)
{
	struct range rest = range_make(end_of(m, m->last), m->given.end);
	uint64_t most = range_size(m->given);
	struct vma *hole = m->hole;

	if (size > most || align > most)
		return false;
	if (rest.start < rest.end && fits(rest, size, align, at)) {
		*place = (struct vma_place){m->last, NULL};
		return true;
	}
	if (hole && !m->above && fits(gap_range(m, hole), size, align, at)) {
		*place = (struct vma_place){hole->prev, hole};
		return true;
	}
	return find_any(m, size, align, at, place);
}

bool vma_find_above(const struct vma_map *m, uint64_t size, vaddr_t *at,
		    struct vma_place *place)
{
	struct vma *prev = m->last, *next = NULL;
	vaddr_t end = m->bounds.end;

	for (; !next || next->va.start > m->given.end; prev = prev->prev) {
		if (fits(range_make(end_of(m, prev), end), size, PAGE_SIZE,
			 at)) {
			*place = (struct vma_place){prev, next};
			return true;
		}
		if (!prev)
			break;
		next = prev;
		end = vma_guarded_start(next);
	}
	return false;
}

static uint64_t pages(uint64_t bytes)
{
	return bytes >> PAGE_SHIFT;
}

/* v, which has the largest gap of all, has the hole from now on: what had it until
 * now counts again. */
static __attribute__((noinline)) void move_hole(struct vma_map *m,
						struct vma *v)
{
	struct vma *old = m->hole;

	m->hole = v;
	m->above = true;
	if (old) {
		old->gap = range_size(gap_range(m, old));
		sum_up(&old->node, NULL);
	}
}

/* How much counts of what is free in front of v, `from` there on. */
static inline uint64_t count_gap(struct vma_map *m, struct vma *v, vaddr_t from)
{
	uint64_t gap;

	if (v == m->hole)
		return 0;
	gap = range_size(gap_from(m, v, from));
	if (gap > v->gap &&
	    (!m->hole || gap > range_size(gap_range(m, m->hole)))) {
		move_hole(m, v);
		return 0;
	}
	if (gap && m->hole && v->va.start > m->hole->va.start)
		m->above = true;
	return gap;
}

/* What is free in front of v begins at `from` now. */
static inline void set_gap(struct vma_map *m, struct vma *v, vaddr_t from)
{
	v->gap = count_gap(m, v, from);
	sum_up(&v->node, NULL);
}

/* Into the list, and the tree; its gap is set, and the sums are not made. Returns
 * what it hangs from. */
static inline struct tree_node *link_in(struct vma_map *m, struct vma *v,
					struct vma *prev, struct vma *next)
{
	struct tree_node *parent = NULL, **link = &m->tree.root;

	if (next && !next->node.child[TREE_LEFT]) {
		parent = &next->node;
		link = &parent->child[TREE_LEFT];
	} else if (prev) {
		parent = &prev->node;
		link = &parent->child[TREE_RIGHT];
	}
	v->prev = prev;
	v->next = next;
	*(prev ? &prev->next : &m->first) = v;
	*(next ? &next->prev : &m->last) = v;
	v->most = v->gap;
	tree_link(&v->node, parent, link);
	m->count++;
	return parent;
}

/* v comes in between. Has the next one's gap changed? */
static inline bool divide_gap(struct vma_map *m, struct vma *v,
			      struct vma *next, vaddr_t from)
{
	uint64_t front = range_size(gap_from(m, v, from));
	uint64_t behind = range_size(gap_from(m, next, v->va.end));
	uint64_t before = next->gap;

	v->gap = front;
	if (next != m->hole) {
		/* In what was a guard. */
		if (front > before)
			m->above = true;
		next->gap = behind;
	} else if (front >= behind) {
		m->hole = v;
		m->above |= behind != 0;
		v->gap = 0;
		next->gap = behind;
	}
	return next->gap != before;
}

void vma_insert(struct vma_map *m, struct vma *v, struct vma_place place)
{
	vaddr_t from = end_of(m, place.prev);
	struct tree_node *parent;
	bool changed = false;

	if (place.next) {
		changed = divide_gap(m, v, place.next, from);
	} else {
		v->gap = 0;
		v->gap = count_gap(m, v, from);
	}
	parent = link_in(m, v, place.prev, place.next);
	/* The next one is the parent, or above it. */
	if (v->gap || changed)
		sum_up(parent, changed ? place.next : NULL);
	tree_grown(&m->tree, &v->node);
}

/* v goes. Has the next one's gap changed? */
static inline __attribute__((always_inline)) void take_out(struct vma_map *m,
							   struct vma *v,
							   bool changed)
{
	struct vma *prev = v->prev, *next = v->next;
	struct tree_node *n;

	*(prev ? &prev->next : &m->first) = next;
	*(next ? &next->prev : &m->last) = prev;
	m->count--;
	changed |= v->node.child[TREE_RIGHT] != NULL;
	n = tree_unlink(&m->tree, &v->node, next ? &next->node : NULL);
	/* The next one is there, or above it. */
	if (v->gap || changed)
		sum_up(n, changed ? next : NULL);
	tree_shrunk(&m->tree, n);
}

void vma_erase(struct vma_map *m, struct vma *v)
{
	struct vma *next = v->next;
	uint64_t before;

	if (m->hole == v)
		m->hole = next;
	if (!next) {
		take_out(m, v, false);
		return;
	}
	before = next->gap;
	next->gap = count_gap(m, next, end_of(m, v->prev));
	take_out(m, v, next->gap != before);
}

void vma_absorb(struct vma_map *m, struct vma *keep, struct vma *gone)
{
	bool below = gone->next == keep;

	if (below) {
		if (m->hole == gone)
			m->hole = keep;
		if (m->hole != keep)
			keep->gap = gone->gap;
		vma_set_range(keep, range_make(gone->va.start, keep->va.end));
	} else {
		if (m->hole == gone)
			m->hole = NULL;
		keep->va.end = gone->va.end;
	}
	take_out(m, gone, below);
}

void vma_set_range(struct vma *v, struct range va)
{
	if (v->object)
		v->offset += pages(va.start) - pages(v->va.start);
	v->va = va;
}

void vma_resize(struct vma_map *m, struct vma *v, struct range va)
{
	struct vma *next = v->next;
	bool front = va.start != v->va.start, behind = va.end != v->va.end;

	vma_set_range(v, va);
	if (front)
		set_gap(m, v, end_of(m, v->prev));
	if (behind && next)
		set_gap(m, next, va.end);
}

void vma_split(struct vma_map *m, struct vma *v, vaddr_t at, struct vma *upper)
{
	/* Whoever splits has one: aspace_cut_begin(). */
	/* cppcheck-suppress ctunullpointer */
	*upper = *v;
	vma_set_range(upper, range_make(at, v->va.end));
	upper->gap = 0;
	v->va.end = at;
	link_in(m, upper, v, v->next);
	tree_grown(&m->tree, &upper->node);
}

struct vma *vma_dismantle(struct vma_map *m)
{
	struct vma *v = m->first;

	if (v)
		m->first = v->next;
	else
		vma_map_init(m, m->bounds);
	return v;
}

static bool sound(const struct vma_map *m, const struct vma *v, vaddr_t from)
{
	return !range_empty(v->va) && v->va.start >= from &&
	       v->va.end <= m->bounds.end &&
	       is_aligned(v->va.start | v->va.end, PAGE_SIZE) &&
	       v->gap == (v == m->hole ? 0 : range_size(gap_range(m, v)));
}

const char *vma_check(const struct vma_map *m)
{
	struct tree_node *n = tree_first(&m->tree);
	vaddr_t from = m->bounds.start;
	struct vma *prev = NULL;
	uint64_t count = 0;

	if (!tree_check(&m->tree))
		return "the tree of VMAs is damaged";
	for (struct vma *v = m->first; v; prev = v, v = v->next) {
		if (&v->node != n || v->prev != prev)
			return "the list of VMAs is not the tree";
		if (!sound(m, v, from))
			return "a VMA's range, or its gap, is wrong";
		if (vma_joins(prev, v))
			return "two VMAs should be one";
		if (v->gap && m->hole && !m->above &&
		    v->va.start > m->hole->va.start)
			return "there is a gap above the hole";
		from = v->va.end;
		n = tree_next(n);
		count++;
	}
	return !n && prev == m->last && count == m->count
		       ? NULL
		       : "the end or the number of VMAs is wrong";
}
