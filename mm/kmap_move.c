/*
 * Moving frames under the kernel's feet (<mm/kmap_move.h>).
 *
 *	entry --> frame of B	becomes		entry --> frame of S
 *	entry --> table in B			entry --> table in S, a copy whose
 *							  entries are changed, too
 *
 * B is 2 MiB of RAM in use, S as much that is free. Tables that lie in B are changed
 * in the copy only, all others in place.
 *
 *  I1  Nobody stores to B once the copy has begun, and nobody to S but this file
 *  I2  An entry that names S is stored after all that it leads to: the copy is
 *      complete, and each such store is a release
 *  I3  No leaf has frames that move and others that don't
 *
 * So a walk, from the old root or the new one, through any mix of old and new
 * entries, ends at a frame of B or at its copy, which hold the same; but for what
 * tables hold, which nobody reads but walks.
 *
 * Here tables are reached by addresses whose translation does not change: those in
 * S by the direct map of S, or by the window, which `keep` excepts; others by the
 * direct map, for what is not in B.
 *
 * Back it is the same the other way round: what names S is changed to B, but for the
 * direct map of S itself. Nothing else named S (kmap_move_prepare), so the tables
 * become what they were.
 *
 * Cost: the copy, and a look at every entry of the kernel's tables.
 */
#include <string.h>

#include <lib/errno.h>
#include <mm/kmap_move.h>

#include "kmap_impl.h"
#include "pgtable_internal.h"

/* Where what belongs in `home` is. */
static struct range home;
static paddr_t away;

void kmap_moved(const struct kmap_move *m)
{
	home = m ? range_make(m->from, m->from + KMAP_MOVE_SIZE)
		 : range_make(0, 0);
	away = m ? m->to : 0;
}

bool kmap_is_moved(void)
{
	return !range_empty(home);
}

paddr_t kmap_now(paddr_t pa)
{
	return range_has(home, pa) ? pa - home.start + away : pa;
}

struct kmap_move kmap_move_back(const struct kmap_move *m)
{
	struct kmap_move back = *m;

	back.from = m->to;
	back.to = m->from;
	back.seen = m->copy;
	back.copy = m->seen;
	return back;
}

static bool is_pinned(const struct kmap_move *m, uint64_t offset)
{
	uint64_t n = offset >> PAGE_SHIFT;

	return m->pinned[n / 64] >> n % 64 & 1;
}

static bool moves(const struct kmap_move *m, paddr_t pa)
{
	return pa - m->from < KMAP_MOVE_SIZE && !is_pinned(m, pa - m->from);
}

static bool keeps(const struct kmap_move *m, vaddr_t va)
{
	return range_has(m->keep[0], va) || range_has(m->keep[1], va);
}

paddr_t kmap_move_copy(const struct kmap_move *m)
{
	for (uint64_t at = 0; at < KMAP_MOVE_SIZE; at += PAGE_SIZE)
		if (!is_pinned(m, at))
			memcpy(m->copy + at, m->seen + at, PAGE_SIZE);
	for (uint64_t at = 0; at < KMAP_MOVE_SIZE; at += PAGE_SIZE)
		if (!is_pinned(m, at) &&
		    memcmp(m->copy + at, m->seen + at, PAGE_SIZE))
			return m->to + at;
	return KMAP_MOVE_GOOD;
}

uint64_t kmap_move_strays(const struct kmap_move *m)
{
	const pte_t *seen = (const pte_t *)(void *)m->seen;
	const pte_t *copy = (const pte_t *)(void *)m->copy;
	uint64_t n = 0;

	for (uint64_t i = 0; i < KMAP_MOVE_SIZE / sizeof(pte_t); i++)
		n += !is_pinned(m, i * sizeof(pte_t)) &&
		     !pte_same(seen[i], copy[i]) &&
		     !pte_same(pte_move(seen[i], m->from, m->to), copy[i]);
	return n;
}

static pte_t *table_of(const struct kmap_move *m, paddr_t pa)
{
	return moves(m, pa) ? (pte_t *)(void *)(m->copy + (pa - m->from))
			    : table_at(pa);
}

/* The table that belongs at `pa`, whose first entry is for `va`. */
static void move_table(const struct kmap_move *m, paddr_t pa, vaddr_t va,
		       unsigned level)
{
	pte_t *slot = table_of(m, pa);

	for (unsigned i = 0; i < PT_ENTRIES; i++, va += pt_span(level)) {
		pte_t e = pte_load(&slot[i]);

		if (pte_is_table(e)) {
			move_table(m, pte_next(e), va, level - 1);
			if (!moves(m, pte_next(e)))
				continue;
		} else if (!pte_is_leaf(e) || !moves(m, pte_paddr(e)) ||
			   keeps(m, va)) {
			continue;
		}
		pte_store(&slot[i], pte_move(e, m->from, m->to));
	}
}

paddr_t kmap_move_entries(const struct kmap_move *m, paddr_t root,
			  unsigned levels)
{
	unsigned level = levels - 1;
	/* Its middle is where the upper half begins; the lower is empty. */
	vaddr_t first = pgtable_upper_half(levels).start -
			PT_ENTRIES / 2 * pt_span(level);

	move_table(m, root, first, level);
	return moves(m, root) ? root - m->from + m->to : root;
}

/* From leaf->pa on, where do frames that move and others meet? The leaf's end: nowhere. */
static paddr_t edge(const struct kmap_move *m, const struct mapping *leaf)
{
	paddr_t end = leaf->pa + range_size(leaf->va);
	paddr_t from_end = m->from + KMAP_MOVE_SIZE;
	bool first = moves(m, leaf->pa);

	for (paddr_t pa = max_u64(leaf->pa, m->from);
	     pa < min_u64(end, from_end); pa += PAGE_SIZE)
		if (moves(m, pa) != first)
			return pa;
	return first && from_end < end ? from_end : end;
}

struct search {
	const struct kmap_move *m;
	struct range mixed; /* of a leaf: from the edge on */
};

static int look_at(void *ctx, const struct mapping *leaf)
{
	struct search *s = ctx;
	struct range pa = {leaf->pa, leaf->pa + range_size(leaf->va)};
	struct range to = {s->m->to, s->m->to + KMAP_MOVE_SIZE};

	if (keeps(s->m, leaf->va.start))
		return 0;
	if (range_overlaps(pa, to))
		return -EINVAL;
	s->mixed.start = leaf->va.start + (edge(s->m, leaf) - leaf->pa);
	s->mixed.end = leaf->va.end;
	return !range_empty(s->mixed);
}

int kmap_move_prepare(const struct kmap_move *m)
{
	struct search s = {.m = m};
	int err;

	/* So that whole leaves are in it or not. */
	err = kmap_split(m->keep[0]);
	while (!err) {
		err = pgtable_walk(&kernel_pgtable, kernel_pgtable.bounds,
				   look_at, &s);
		if (err <= 0)
			break;
		err = kmap_split(s.mixed);
	}
	return err;
}

void kmap_move_rejoin(paddr_t pa)
{
	vaddr_t va = (vaddr_t)(uintptr_t)phys_to_virt(pa);

	kmap_join(range_intersect(
		range_align_out(range_make(va, va + 1), pt_span(2)),
		kernel_pgtable.bounds));
}
