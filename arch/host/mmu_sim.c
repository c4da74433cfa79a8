/*
 * Address translation as the privileged specification (version 1.12) tells it:
 * 4.1.11 satp, 4.2.1 SFENCE.VMA, 4.3 to 4.5 Sv39 to Sv57 (the algorithm is
 * 4.3.2), chapters 5 and 6 Svnapot and Svpbmt. See <host/mmu_sim.h>.
 *
 *	satp -> [entry, level n-1] -> ... -> [entry, level 0]
 *	           |                            |
 *	           remembered: va, size, pte    the same
 *
 * What is remembered are entries as they were read, each for the addresses that
 * it decides on, its level and its address space. A translation may begin at
 * satp or at any remembered entry for its address; from a pointer it goes on in
 * the table that this points to, wherever the tree is now.
 *
 *  I1 The possible outcomes of an access are those of: the walk from satp in
 *     memory, and the walk in memory from each remembered entry that matches.
 *     A walk that uses remembered entries in between has the outcome of one
 *     that begins at the last of them.
 *  I2 Two entries for one address may be remembered, an old one and a new one.
 *  I3 A remembered entry goes only if a fence orders it: 4.2.1 says which
 *     accesses to entries these are. With rs1 = va, those to leaf entries for
 *     va. With rs2 = asid, those of that address space but to global mappings.
 *     For a remembered entry that is not valid it is the write after it that
 *     must be ordered, and what that wrote is in memory: if it is a pointer
 *     now, a fence with an address does not make it known.
 *
 * A and D are never set here (as with Svade): A = 0, and a store with D = 0, are
 * page faults. No PMP; memory that can't be read is an access fault.
 */
#include <string.h>

#include "mmu_sim.h"

static unsigned asid_mask(const struct mmu_sim *s)
{
	return (1u << s->config.asid_bits) - 1;
}

/* Steps 3, 4 and 6 of 4.3.2. */
enum kind mmu_sim_kind_of(const struct mmu_sim *s, uint64_t pte, unsigned level)
{
	bool svpbmt = s->config.extensions & MMU_SIM_SVPBMT;
	bool svnapot = s->config.extensions & MMU_SIM_SVNAPOT;

	if (!(pte & V) || (pte & (R | W)) == W || (pte & RESERVED) ||
	    (!svpbmt && (pte & PBMT)) || (!svnapot && (pte & N)))
		return INVALID;
	if (!(pte & (R | X))) {
		/* A pointer, with which these have no meaning yet. */
		if (!level || (pte & (U | A | D | PBMT | N)))
			return INVALID;
		return POINTER;
	}
	if ((pte & PBMT) == PBMT)
		return INVALID;
	/* Of the NAPOT sizes only 64 KiB is defined. */
	if ((pte & N) && (level || (PPN(pte) & 0xf) != 0x8))
		return INVALID;
	/* A superpage must be aligned. */
	if (PPN(pte) << 12 & (bytes_at(level) - 1))
		return INVALID;
	return LEAF;
}

bool mmu_sim_word(const struct mmu_sim *s, uint64_t pa, uint64_t *word)
{
	const uint64_t *page =
		s->config.page(s->config.ctx, pa & ~(uint64_t)0xfff);

	if (page)
		*word = page[(pa & 0xfff) / 8];
	return page;
}

/* Read the entry for va from the table at `table`. */
static bool read_entry(const struct mmu_sim *s, unsigned asid, uint64_t table,
		       unsigned level, uint64_t va, bool below_global,
		       struct mmu_sim_entry *e)
{
	uint64_t size = bytes_at(level);

	*e = (struct mmu_sim_entry){
		.at = table + (va / size & 0x1ff) * 8,
		.asid = asid,
		.level = level,
		.below_global = below_global,
	};
	if (!mmu_sim_word(s, e->at, &e->pte))
		return false;
	if (mmu_sim_kind_of(s, e->pte, level) == LEAF && (e->pte & N))
		size = 16 * 4096;
	e->size = size;
	e->va = va & ~(size - 1);
	return true;
}

bool mmu_sim_read_root(const struct mmu_sim *s, uint64_t satp, uint64_t va,
		       struct mmu_sim_entry *e)
{
	return read_entry(s, satp_asid(satp), (satp & SATP_PPN) << 12,
			  satp_levels(satp) - 1, va, false, e);
}

bool mmu_sim_read_next(const struct mmu_sim *s, const struct mmu_sim_entry *e,
		       uint64_t va, struct mmu_sim_entry *next)
{
	return read_entry(s, e->asid, PPN(e->pte) << 12, e->level - 1, va,
			  e->below_global || (e->pte & G), next);
}

/* All bits from the highest one that is translated are equal. */
static bool canonical(unsigned levels, uint64_t va)
{
	int64_t top = (int64_t)va >> (12 + 9 * levels - 1);

	return top == 0 || top == -1;
}

static struct mmu_sim_outcome page_fault(const struct mmu_sim_access *a)
{
	static const unsigned cause[] = {12, 13, 15};

	return (struct mmu_sim_outcome){.cause = cause[a->kind]};
}

static struct mmu_sim_outcome access_fault(const struct mmu_sim_access *a)
{
	static const unsigned cause[] = {1, 5, 7};

	return (struct mmu_sim_outcome){.cause = cause[a->kind]};
}

/* Step 5, and 4.1.1.2 (SUM, MXR). */
static bool allowed(uint64_t pte, const struct mmu_sim_access *a)
{
	if (a->user && !(pte & U))
		return false;
	if (!a->user && (pte & U) && (a->kind == MMU_SIM_FETCH || !a->sum))
		return false;
	switch (a->kind) {
	case MMU_SIM_FETCH:
		return pte & X;
	case MMU_SIM_LOAD:
		return (pte & R) || (a->mxr && (pte & X));
	default:
		return pte & W;
	}
}

/* Where leaf `e` leads. NAPOT: the lowest bits of PPN tell the size only. */
static uint64_t place(const struct mmu_sim_entry *e, uint64_t va)
{
	return (PPN(e->pte) << 12 & ~(e->size - 1)) | (va & (e->size - 1));
}

/* The end of the walk: an entry that is no pointer. */
static struct mmu_sim_outcome conclude(const struct mmu_sim *s,
				       const struct mmu_sim_entry *e,
				       const struct mmu_sim_access *a)
{
	if (mmu_sim_kind_of(s, e->pte, e->level) != LEAF ||
	    !allowed(e->pte, a) || !(e->pte & A) ||
	    (a->kind == MMU_SIM_STORE && !(e->pte & D)))
		return page_fault(a);
	return (struct mmu_sim_outcome){.ok = true, .pa = place(e, a->va)};
}

struct mmu_sim_outcome mmu_sim_finish(const struct mmu_sim *s,
				      struct mmu_sim_entry e,
				      const struct mmu_sim_access *a)
{
	while (mmu_sim_kind_of(s, e.pte, e.level) == POINTER) {
		struct mmu_sim_entry next;

		if (!mmu_sim_read_next(s, &e, a->va, &next))
			return access_fault(a);
		e = next;
	}
	return conclude(s, &e, a);
}

static bool usable(const struct mmu_sim_entry *e, uint64_t satp, uint64_t va)
{
	return covers(e, va) && in_use(e, satp);
}

static bool chance(struct mmu_sim *s, uint64_t one_in)
{
	return rng_below(&s->rng, one_in) == 0;
}

static bool same(const struct mmu_sim_entry *a, const struct mmu_sim_entry *b)
{
	return a->va == b->va && a->size == b->size && a->at == b->at &&
	       a->pte == b->pte && a->asid == b->asid && a->level == b->level &&
	       a->below_global == b->below_global;
}

static void remember(struct mmu_sim *s, struct mmu_sim_hart *h,
		     const struct mmu_sim_entry *e)
{
	struct mmu_sim_entry *slot = NULL;

	for (unsigned i = 0; i < MMU_SIM_ENTRIES; i++) {
		if (same(&h->entry[i], e)) {
			h->entry[i] = *e; /* read anew: not poisoned */
			return;
		}
		if (!h->entry[i].size && !slot)
			slot = &h->entry[i];
	}
	if (!slot) {
		h->crowded_out++;
		slot = &h->entry[rng_below(&s->rng, MMU_SIM_ENTRIES)];
	}
	*slot = *e;
}

void mmu_sim_init(struct mmu_sim *s, const struct mmu_sim_config *config,
		  struct mmu_sim_hart *harts, unsigned n)
{
	memset(s, 0, sizeof(*s));
	memset(harts, 0, n * sizeof(*harts));
	s->config = *config;
	s->rng = rng_seed(config->seed);
	s->hart = harts;
	s->nharts = n;
}

uint64_t mmu_sim_satp(unsigned levels, uint64_t root, unsigned asid)
{
	uint64_t mode = levels ? levels + 5 : 0;

	return mode << SATP_MODE_SHIFT | (uint64_t)asid << SATP_ASID_SHIFT |
	       root >> 12;
}

void mmu_sim_write_satp(struct mmu_sim *s, unsigned hart, uint64_t satp)
{
	uint64_t unimplemented = 0xffff & ~(uint64_t)asid_mask(s);
	unsigned mode = (unsigned)(satp >> SATP_MODE_SHIFT);

	if (mode && (mode < 8 || mode > 10 ||
		     !(s->config.modes >> satp_levels(satp) & 1)))
		return;
	s->hart[hart].satp = satp & ~(unimplemented << SATP_ASID_SHIFT);
}

/* Does the fence order what `e` says, or the write that came after it? I3. */
static bool ordered(const struct mmu_sim *s, const struct mmu_sim_entry *e,
		    const uint64_t *va, const uint64_t *asid)
{
	uint64_t pte = e->pte;
	bool leaf;

	if (!(pte & V) && (e->detached || !mmu_sim_word(s, e->at, &pte)))
		pte = 0;
	leaf = !e->level || ((pte & V) && (pte & (R | W | X)));
	if (va && !(leaf && covers(e, *va)))
		return false;
	if (asid && (e->asid != (*asid & asid_mask(s)) || e->below_global ||
		     ((pte & V) && (pte & G))))
		return false;
	return true;
}

void mmu_sim_sfence_vma(struct mmu_sim *s, unsigned hart, const uint64_t *va,
			const uint64_t *asid)
{
	struct mmu_sim_hart *h = &s->hart[hart];

	for (unsigned i = 0; i < MMU_SIM_ENTRIES; i++)
		if (ordered(s, &h->entry[i], va, asid))
			h->entry[i].size = 0;
}

void mmu_sim_interest(struct mmu_sim *s, uint64_t va)
{
	s->interest[s->ninterest++ % MMU_SIM_INTEREST] = va;
}

void mmu_sim_prefetch(struct mmu_sim *s, unsigned hart, uint64_t va)
{
	struct mmu_sim_hart *h = &s->hart[hart];
	unsigned levels = satp_levels(h->satp);
	struct mmu_sim_entry e, next;

	if (!levels || !canonical(levels, va))
		return;
	if (mmu_sim_read_root(s, h->satp, va, &e))
		remember(s, h, &e);
	for (unsigned level = MAX_LEVELS - 1; level; level--)
		for (unsigned i = 0; i < MMU_SIM_ENTRIES; i++) {
			e = h->entry[i];
			if (e.level == level && usable(&e, h->satp, va) &&
			    mmu_sim_kind_of(s, e.pte, level) == POINTER &&
			    mmu_sim_read_next(s, &e, va, &next))
				remember(s, h, &next);
		}
}

/* One of the remembered entries for va below `level`, or none of them. */
static bool recall(struct mmu_sim *s, const struct mmu_sim_hart *h, uint64_t va,
		   unsigned level, struct mmu_sim_entry *e)
{
	unsigned n = 1; /* candidates so far; memory is the first */

	for (unsigned i = 0; i < MMU_SIM_ENTRIES; i++) {
		const struct mmu_sim_entry *c = &h->entry[i];

		if (c->level < level && usable(c, h->satp, va) &&
		    chance(s, ++n))
			*e = *c;
	}
	return e->size;
}

/* Walk from anywhere that the architecture allows, to the entry that ends it;
 * false if there is no memory. Remembers most of what it reads. */
static bool walk(struct mmu_sim *s, struct mmu_sim_hart *h, uint64_t va,
		 struct mmu_sim_entry *e)
{
	e->size = 0;
	if (!recall(s, h, va, MAX_LEVELS, e)) {
		if (!mmu_sim_read_root(s, h->satp, va, e))
			return false;
		if (!chance(s, 4))
			remember(s, h, e);
	}
	while (mmu_sim_kind_of(s, e->pte, e->level) == POINTER) {
		struct mmu_sim_entry next = {.size = 0};

		if (!recall(s, h, va, e->level, &next)) {
			if (!mmu_sim_read_next(s, e, va, &next))
				return false;
			if (!chance(s, 4))
				remember(s, h, &next);
		}
		*e = next;
	}
	return true;
}

/* The slot of pa's word in the instruction cache: the one that has it, or
 * another, and then it is filled from memory. NULL if there is no memory. */
static struct mmu_sim_code *cache_code(struct mmu_sim *s,
				       struct mmu_sim_hart *h, uint64_t pa)
{
	struct mmu_sim_code *c = &h->code[pa / 8 % MMU_SIM_CODE];

	if (!c->valid || c->pa != pa) {
		c->pa = pa;
		c->valid = mmu_sim_word(s, pa, &c->word);
	}
	return c->valid ? c : NULL;
}

void mmu_sim_fence_i(struct mmu_sim *s, unsigned hart)
{
	for (unsigned i = 0; i < MMU_SIM_CODE; i++)
		s->hart[hart].code[i].valid = false;
}

bool mmu_sim_stale_code(const struct mmu_sim *s, unsigned hart, uint64_t pa)
{
	uint64_t at = pa & ~(uint64_t)7, word;
	const struct mmu_sim_code *c =
		&s->hart[hart].code[at / 8 % MMU_SIM_CODE];

	return c->valid && c->pa == at && mmu_sim_word(s, at, &word) &&
	       word != c->word;
}

static void disturb(struct mmu_sim *s, unsigned hart)
{
	unsigned n = s->ninterest < MMU_SIM_INTEREST ? s->ninterest
						     : MMU_SIM_INTEREST;
	struct mmu_sim_hart *h = &s->hart[hart];
	unsigned levels = satp_levels(h->satp);
	struct mmu_sim_entry e;

	if (n && levels && chance(s, 4)) {
		uint64_t va = s->interest[rng_below(&s->rng, n)];

		if (canonical(levels, va) && walk(s, h, va, &e) &&
		    mmu_sim_kind_of(s, e.pte, e.level) == LEAF && (e.pte & X))
			cache_code(s, h, place(&e, va) & ~(uint64_t)7);
	}
	if (chance(s, 8)) {
		h->entry[rng_below(&s->rng, MMU_SIM_ENTRIES)].size = 0;
		h->code[rng_below(&s->rng, MMU_SIM_CODE)].valid = false;
	}
}

void mmu_sim_disturb(struct mmu_sim *s)
{
	for (unsigned i = 0; i < s->nharts; i++)
		disturb(s, i);
}

struct mmu_sim_outcome mmu_sim_access(struct mmu_sim *s, unsigned hart,
				      const struct mmu_sim_access *a)
{
	struct mmu_sim_hart *h = &s->hart[hart];
	unsigned levels = satp_levels(h->satp);
	struct mmu_sim_entry e;

	disturb(s, hart);
	if (!levels)
		return (struct mmu_sim_outcome){.ok = true, .pa = a->va};
	if (!canonical(levels, a->va))
		return page_fault(a);
	if (!walk(s, h, a->va, &e))
		return access_fault(a);
	return conclude(s, &e, a);
}

struct mmu_sim_outcome mmu_sim_fetch(struct mmu_sim *s, unsigned hart,
				     const struct mmu_sim_access *a,
				     uint64_t *word)
{
	struct mmu_sim_outcome o = mmu_sim_access(s, hart, a);
	struct mmu_sim_code *c;

	if (!o.ok)
		return o;
	c = cache_code(s, &s->hart[hart], o.pa & ~(uint64_t)7);
	if (!c)
		return access_fault(a);
	*word = c->word;
	return o;
}

struct mmu_sim_outcome mmu_sim_fresh(const struct mmu_sim *s, uint64_t satp,
				     const struct mmu_sim_access *a)
{
	unsigned levels = satp_levels(satp);
	struct mmu_sim_entry e;

	if (!levels)
		return (struct mmu_sim_outcome){true, 0, a->va};
	if (!canonical(levels, a->va))
		return page_fault(a);
	if (!mmu_sim_read_root(s, satp, a->va, &e))
		return access_fault(a);
	return mmu_sim_finish(s, e, a);
}

/* Call `each` for the outcomes (I1), some more than once, until it returns
 * true. */
static bool each_outcome(const struct mmu_sim *s, unsigned hart,
			 const struct mmu_sim_access *a,
			 bool (*each)(void *ctx, struct mmu_sim_outcome o),
			 void *ctx)
{
	const struct mmu_sim_hart *h = &s->hart[hart];

	if (each(ctx, mmu_sim_fresh(s, h->satp, a)))
		return true;
	for (unsigned i = 0; i < MMU_SIM_ENTRIES; i++)
		if (usable(&h->entry[i], h->satp, a->va) &&
		    each(ctx, mmu_sim_finish(s, h->entry[i], a)))
			return true;
	return false;
}

struct collection {
	struct mmu_sim_outcome *set;
	unsigned n, max;
};

static bool collect(void *ctx, struct mmu_sim_outcome o)
{
	struct collection *c = ctx;

	for (unsigned i = 0; i < c->n && i < c->max; i++)
		if (equal(c->set[i], o))
			return false;
	if (c->n < c->max)
		c->set[c->n] = o;
	c->n++;
	return false;
}

unsigned mmu_sim_outcomes(const struct mmu_sim *s, unsigned hart,
			  const struct mmu_sim_access *a,
			  struct mmu_sim_outcome *set, unsigned max)
{
	struct collection c = {.set = set, .max = max};

	each_outcome(s, hart, a, collect, &c);
	return c.n;
}

static bool is_it(void *ctx, struct mmu_sim_outcome o)
{
	return equal(*(struct mmu_sim_outcome *)ctx, o);
}

bool mmu_sim_possible(const struct mmu_sim *s, unsigned hart,
		      const struct mmu_sim_access *a,
		      struct mmu_sim_outcome outcome)
{
	return each_outcome(s, hart, a, is_it, &outcome);
}

static bool is_ok(void *ctx, struct mmu_sim_outcome o)
{
	(void)ctx;
	return o.ok;
}

bool mmu_sim_may_succeed(const struct mmu_sim *s, unsigned hart,
			 const struct mmu_sim_access *a)
{
	return each_outcome(s, hart, a, is_ok, NULL);
}
