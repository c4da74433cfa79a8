/*
 * Questions to the model of <host/mmu_sim.h> that judge an operating system:
 * what can still reach memory, and who still has a right that was taken away.
 *
 * A remembered pointer leads to whatever is below it in memory now. Many lead to
 * the same tables, so a search visits each once and keeps the answer (`seen`).
 */
#include "mmu_sim.h"

struct search {
	struct mmu_sim *s;
	uint64_t pa, size; /* what is looked for */
	bool exempt;	   /* leave out the addresses that may lead there */
	struct mmu_sim_path *path;
};

static bool table_leads_to(struct search *q, const struct mmu_sim_entry *e);

static bool is_exempt(const struct search *q, const struct mmu_sim_entry *e)
{
	return q->exempt &&
	       e->va - q->s->config.exempt < q->s->config.exempt_size;
}

/* Does entry `e`, or one below it, lead there? */
static bool leads_to(struct search *q, const struct mmu_sim_entry *e)
{
	enum kind kind = mmu_sim_kind_of(q->s, e->pte, e->level);
	uint64_t target = PPN(e->pte) << 12;
	uint64_t length = kind == LEAF ? e->size : 4096;

	/* A leaf that was never accessed can't be, A being 0. */
	if (kind == INVALID ||
	    (kind == LEAF && (!(e->pte & A) || is_exempt(q, e))))
		return false;
	if (!overlap(target & ~(length - 1), length, q->pa, q->size))
		return kind == POINTER && table_leads_to(q, e);
	q->path->va = e->va;
	q->path->pte = e->pte;
	q->path->table = kind == POINTER;
	return true;
}

static bool table_leads_to(struct search *q, const struct mmu_sim_entry *e)
{
	struct mmu_sim *s = q->s;
	uint64_t key = PPN(e->pte) << 12 | e->level;
	unsigned slot = (unsigned)(key * 0x9e3779b97f4a7c15u >> 54);
	const uint64_t *page = s->config.page(s->config.ctx, key & ~0xfffull);
	bool found = false;

	if (s->seen[slot].key == key && s->seen[slot].search == s->searches)
		return s->seen[slot].found;
	for (unsigned i = 0; page && i < 512 && !found; i++) {
		uint64_t va = e->va + i * bytes_at(e->level - 1);
		struct mmu_sim_entry next;

		if (page[i] & V)
			found = mmu_sim_read_next(s, e, va, &next) &&
				leads_to(q, &next);
	}
	s->seen[slot].key = key;
	s->seen[slot].search = s->searches;
	s->seen[slot].found = found;
	return found;
}

static bool satp_leads_to(struct search *q, uint64_t satp)
{
	unsigned levels = satp_levels(satp);
	/* Sign-extended from the highest bit that is translated. */
	unsigned shift = 64 - (12 + 9 * levels);

	if (!levels)
		return false;
	if (overlap((satp & SATP_PPN) << 12, 4096, q->pa, q->size)) {
		q->path->table = true;
		return true;
	}
	for (unsigned i = 0; i < 512; i++) {
		uint64_t va = i * bytes_at(levels - 1);
		struct mmu_sim_entry e;

		va = (uint64_t)((int64_t)(va << shift) >> shift);
		if (mmu_sim_read_root(q->s, satp, va, &e) && leads_to(q, &e))
			return true;
	}
	return false;
}

bool mmu_sim_reaches(struct mmu_sim *s, uint64_t pa, uint64_t size,
		     struct mmu_sim_path *path)
{
	struct mmu_sim_path unwanted;
	struct search q = {s, pa, size, false, path ? path : &unwanted};

	s->searches++;
	for (unsigned k = 0; k < s->nharts; k++) {
		const struct mmu_sim_hart *h = &s->hart[k];

		*q.path = (struct mmu_sim_path){.hart = k};
		if (satp_leads_to(&q, h->satp))
			return true;
		q.path->cached = true;
		for (unsigned i = 0; i < MMU_SIM_ENTRIES; i++)
			if (h->entry[i].size && leads_to(&q, &h->entry[i]))
				return true;
	}
	return false;
}

/* An entry that leads to what is freed: is that a fault? */
static bool can_use(const struct mmu_sim *s, const struct mmu_sim_hart *h,
		    const struct mmu_sim_entry *e)
{
	return in_use(e, h->satp) &&
	       !(h->idle && is_global(e) &&
		 mmu_sim_kind_of(s, e->pte, e->level) == LEAF);
}

/* What one hart remembers of the memory that is freed. */
static bool poison(struct search *q, struct mmu_sim_hart *h)
{
	bool found = false;

	for (unsigned i = 0; i < MMU_SIM_ENTRIES; i++) {
		struct mmu_sim_entry *e = &h->entry[i];

		if (!e->size)
			continue;
		if (overlap(e->at, 8, q->pa, q->size))
			e->detached = true;
		if (!leads_to(q, e))
			continue;
		if (can_use(q->s, h, e))
			found = true;
		else
			e->poisoned = true;
	}
	return found;
}

bool mmu_sim_freed(struct mmu_sim *s, uint64_t pa, uint64_t size,
		   struct mmu_sim_path *path)
{
	struct mmu_sim_path way = {0};
	struct search q = {s, pa, size, true, &way};
	bool found = false;

	s->searches++;
	for (unsigned k = 0; k < s->nharts; k++) {
		bool now = satp_leads_to(&q, s->hart[k].satp);

		/* All harts' memories, for the poison. */
		if (!poison(&q, &s->hart[k]) && !now)
			continue;
		if (!found)
			*path = way;
		path->hart = k;
		path->cached = !now;
		found = true;
	}
	return found;
}

bool mmu_sim_poisoned(const struct mmu_sim *s, unsigned hart,
		      struct mmu_sim_path *path)
{
	const struct mmu_sim_hart *h = &s->hart[hart];

	for (unsigned i = 0; i < MMU_SIM_ENTRIES; i++) {
		const struct mmu_sim_entry *e = &h->entry[i];

		if (!e->poisoned || !can_use(s, h, e))
			continue;
		*path = (struct mmu_sim_path){
			.hart = hart,
			.va = e->va,
			.pte = e->pte,
			.table =
				mmu_sim_kind_of(s, e->pte, e->level) == POINTER,
			.cached = true,
		};
		return true;
	}
	return false;
}

/* Does `e` stand for something else than the tables, at va? */
static bool differs(const struct mmu_sim *s, uint64_t satp,
		    const struct mmu_sim_entry *e, uint64_t va, bool exact)
{
	for (unsigned i = 0; i < 6; i++) {
		struct mmu_sim_access a = {
			.va = va,
			.kind = (enum mmu_sim_kind)(i % 3),
			.user = i >= 3,
			.sum = true,
		};
		struct mmu_sim_outcome old = mmu_sim_finish(s, *e, &a);

		if ((old.ok || exact) &&
		    !equal(old, mmu_sim_fresh(s, satp, &a)))
			return true;
	}
	return false;
}

/* Does the hart remember it wrongly, for some address in [va, va + size)? */
static bool outdated(struct mmu_sim *s, unsigned hart,
		     const struct mmu_sim_entry *e, uint64_t va, uint64_t size,
		     bool exact, struct mmu_sim_path *path)
{
	uint64_t satp = s->hart[hart].satp;
	uint64_t first = e->va > va ? e->va : va;
	uint64_t last = e->va + (e->size - 1);

	/* The last address may be that of all. */
	if (va + (size - 1) < last)
		last = va + (size - 1);
	if (!in_use(e, satp) || first > last)
		return false;
	for (unsigned k = 0; k < 5; k++) {
		uint64_t at =
			k == 0	 ? first
			: k == 1 ? last
				 : first + rng_below(&s->rng, last - first + 1);

		if (!differs(s, satp, e, at, exact))
			continue;
		*path = (struct mmu_sim_path){hart, at, e->pte, e->size > 0,
					      true};
		path->table = mmu_sim_kind_of(s, e->pte, e->level) == POINTER;
		return true;
	}
	return false;
}

bool mmu_sim_outdated(struct mmu_sim *s, unsigned hart, uint64_t va,
		      uint64_t size, bool exact, struct mmu_sim_path *path)
{
	for (unsigned i = 0; i < MMU_SIM_ENTRIES; i++)
		if (outdated(s, hart, &s->hart[hart].entry[i], va, size, exact,
			     path))
			return true;
	return false;
}

void mmu_sim_flush_begins(struct mmu_sim *s, unsigned flush, uint64_t va,
			  uint64_t size, bool exact)
{
	const uint8_t bit = (uint8_t)(1u << flush);
	struct mmu_sim_path path;

	for (unsigned k = 0; k < s->nharts; k++)
		for (unsigned i = 0; i < MMU_SIM_ENTRIES; i++) {
			struct mmu_sim_entry *e = &s->hart[k].entry[i];

			e->overdue &= (uint8_t)~bit;
			if (outdated(s, k, e, va, size, exact, &path))
				e->overdue |= bit;
		}
}

bool mmu_sim_overdue(struct mmu_sim *s, unsigned flush, unsigned hart,
		     uint64_t va, uint64_t size, bool exact,
		     struct mmu_sim_path *path)
{
	for (unsigned i = 0; i < MMU_SIM_ENTRIES; i++) {
		const struct mmu_sim_entry *e = &s->hart[hart].entry[i];

		if (e->overdue >> flush & 1 &&
		    outdated(s, hart, e, va, size, exact, path))
			return true;
	}
	return false;
}
