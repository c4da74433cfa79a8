/*
 * Pages of a user space get other addresses (user_move(), mm/aspace_impl.h).
 *
 *	from	| table | table | part |
 *		    \       \      \ leaf by leaf
 *	to		| table | table | part |
 *
 * What lies alike to the borders of tables moves as whole tables, by one entry each;
 * the rest leaf by leaf. First there are made all tables that this takes; then
 * nothing can fail. Tables that are left empty go in the end. One page that takes and
 * leaves no table has a straight way.
 *
 * The frames stay what they are, so it does no harm that a hart knows an old address a
 * little longer: one flush, before anything else can be there.
 *
 * Cost: two descents for each entry that is moved, twice; once for one page.
 * Locking: the writer's.
 */
#include <lib/errno.h>

#include "user_impl.h"

/* The entry that is to be moved next, at `at`. */
struct piece {
	struct pgtable_slot s;
	pte_t e;
	uint64_t size; /* to the end of what it maps, if it is not present */
};

struct move {
	const struct pgtable *pt;
	struct range from;
	vaddr_t to;
	bool tables; /* can they be moved whole? */
};

/* What is at `at`: an entry of level 1 if all of that can be moved. */
static void look(const struct move *m, vaddr_t at, struct piece *p)
{
	struct range huge = {align_down(at, HUGE_SIZE),
			     align_down(at, HUGE_SIZE) + HUGE_SIZE};
	bool whole = m->tables && at == huge.start && huge.end <= m->from.end;
	uint64_t span;

	pgtable_find(m->pt, at, whole, &p->s);
	p->e = pte_load(p->s.entry);
	span = pt_span(p->s.level);
	p->size = align_down(at, span) + span - at;
}

/* Make what has to be there for each piece. */
static int prepare(const struct move *m)
{
	struct piece p;
	int err = 0;

	for (vaddr_t at = m->from.start; at < m->from.end && !err;
	     at += p.size) {
		vaddr_t to = m->to + (at - m->from.start);
		struct pgtable_slot s;

		look(m, at, &p);
		if (!pte_present(p.e))
			continue;
		pgtable_find(m->pt, to, p.s.level, &s);
		if (s.level > p.s.level)
			err = pgtable_grow(to, p.s.level, &s);
	}
	return err;
}

static void move(const struct move *m, struct tlb_gather *g)
{
	struct piece p;

	for (vaddr_t at = m->from.start; at < m->from.end; at += p.size) {
		vaddr_t to = m->to + (at - m->from.start);
		struct pgtable_slot s;

		look(m, at, &p);
		if (!pte_present(p.e))
			continue;
		pgtable_find(m->pt, to, p.s.level, &s);
		pte_set(p.s.entry, pte_none());
		pte_store(s.entry, p.e);
		if (p.s.count)
			p.s.count->refs--;
		if (s.count)
			s.count->refs++;
		if (pte_is_table(p.e))
			tlb_gather_table(g);
	}
}

/* One page, between tables that stay. False: nothing was done. */
static bool move_page(struct aspace *as, vaddr_t from, vaddr_t to)
{
	struct pgtable_slot s, d;
	pte_t e;

	slot_find(&as->map.pt, from, 0, &s);
	e = pte_load(s.entry);
	if (!pte_present(e))
		return true;
	slot_find(&as->map.pt, to, 0, &d);
	if (s.level || d.level || s.count->refs == 2)
		return false;
	s.count->refs--;
	d.count->refs++;
	pte_set(s.entry, pte_none());
	pte_store(d.entry, e);
	tlb_flush_page(&as->map.tlb, from);
	tlb_flush_added_page(&as->map.tlb, to);
	return true;
}

static __attribute__((noinline)) int move_range(struct aspace *as,
						struct range from, vaddr_t to)
{
	const struct range target = {to, to + range_size(from)};
	struct move m = {
		.pt = &as->map.pt,
		.from = from,
		.to = to,
		.tables = is_aligned(from.start ^ to, HUGE_SIZE),
	};
	struct tlb_gather g;
	int err;

	tlb_gather_init(&g, &as->map.tlb);
	err = m.tables ? user_split(as, from, &g)
		       : user_split_all(as, from, &g);
	if (!err)
		err = prepare(&m);
	if (!err) {
		move(&m, &g);
		tlb_gather_leaves(&g, from, PAGE_SIZE);
		tlb_gather_leaves(&g, target, PAGE_SIZE);
	}
	user_trim(m.pt, err ? target : from, &g);
	tlb_flush(&g);
	return err;
}

int user_move(struct aspace *as, struct range from, vaddr_t to)
{
	if (range_size(from) == PAGE_SIZE && move_page(as, from.start, to))
		return 0;
	return move_range(as, from, to);
}
