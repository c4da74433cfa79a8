/*
 * Other rights for pages of a user space (user_protect(), mm/aspace_impl.h).
 *
 * A leaf gets what its VMA now allows, and nothing is lost of what is in memory:
 *
 *	no right at all		hidden
 *	storing			if it is shared memory, or nobody else has the
 *				page; else the first store makes a copy
 *
 * Cost: a descent, and about ten instructions a page; one fence. One page, which is most
 * calls, has a straight way.
 * Locking: the writer's.
 */
#include "user_impl.h"

struct protection {
	vm_prot_t prot, less; /* rights, and those without storing */
	bool all;  /* the same for all: storing is for all, or none */
	bool lost; /* did a leaf have a right more? */
};

/* Before somebody may store to pages that others had. */
static inline void had_by_others(void)
{
	/* Acquire: pairs with page_drop() of who had them. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

/* The leaves from p on, up to `end` or what is none: where is that? */
static pte_t *change(pte_t *p, const pte_t *end, struct protection *to)
{
	const vm_prot_t prot = to->prot;
	uint64_t lost = 0;

	/* By itself, much of it would be the loop. */
#pragma GCC unroll 4
	for (; p < end; p++) {
		pte_t e = pte_load(p);

		if (!pte_is_leaf(e))
			break;
		lost |= pte_loses(e, prot);
		pte_set(p, pte_protect(e, prot));
	}
	to->lost |= lost != 0;
	return p;
}

/* The same, where each block (2^order frames) says whether storing may be. */
static pte_t *change_each(pte_t *p, const pte_t *end, struct protection *to,
			  unsigned order)
{
	const vm_prot_t prot = to->prot, less = to->less;
	uint64_t lost = 0;
	pte_t e;

	for (; p < end && (e = pte_load(p), pte_is_leaf(e)); p++) {
		lost |= pte_loses(e, prot);
		if (page_is_sole(leaf_page(e), order))
			pte_set(p, pte_protect(e, prot));
		else
			pte_set(p, pte_protect(e, less));
	}
	to->lost |= lost != 0;
	return p;
}

/* What there is from the cursor on in its table, up to a pointer. Returns how many
 * entries that is. */
static uint64_t change_table(const struct cursor *c, struct protection *to,
			     struct tlb_gather *g)
{
	const unsigned order = cursor_level(c) * PT_INDEX_BITS;
	pte_t *p = c->slot;
	pte_t *const end = p + min_u64(cursor_room(c), cursor_entries(c));
	vaddr_t at = align_down(c->va, (uint64_t)1 << c->shift);
	uint64_t n;

	for (; p < end && !pte_is_table(pte_load(p)); p = skip_empty(p, end))
		p = to->all ? change(p, end, to)
			    : change_each(p, end, to, order);
	n = (uint64_t)(p - c->slot);
	if (n)
		tlb_gather_leaves(g, range_make(at, at + (n << c->shift)),
				  (uint64_t)1 << c->shift);
	return n;
}

static __attribute__((noinline)) int protect_range(struct aspace *as,
						   struct range va,
						   struct protection *to)
{
	struct tlb_gather g;
	struct cursor c;
	int err = 0;

	tlb_gather_init(&g, &as->map.tlb);
	cursor_start(&c, &as->map.pt, va);
	cursor_down(&c);
	if (!in_one_table(&c)) {
		err = user_split(as, va, &g);
		cursor_start(&c, &as->map.pt, va);
		cursor_down(&c);
	}
	if (err) {
		/* One end may have been split. */
		tlb_flush(&g);
		return err;
	}
	/* What is there may have been stored by whoever. */
	if (to->prot & VM_EXEC)
		tlb_sync_code();
	to->lost = g.tables;
	while (cursor_along(&c, change_table(&c, to, &g)))
		cursor_down(&c);
	had_by_others();
	if (to->lost)
		tlb_flush(&g);
	else
		tlb_flush_new(&g);
	return 0;
}

/* The leaf of one page, which nobody will execute. */
static inline void protect_page(struct aspace *as, vaddr_t va, pte_t *slot,
				vm_prot_t prot, bool shared)
{
	pte_t e = pte_load(slot);
	bool store =
		shared || !(prot & VM_WRITE) || page_is_sole(leaf_page(e), 0);

	prot = leaf_prot(prot, store);
	pte_set(slot, pte_protect(e, prot));
	had_by_others();
	if (pte_loses(e, prot))
		tlb_flush_page(&as->map.tlb, va);
	else
		tlb_flush_added_page(&as->map.tlb, va);
}

int user_protect(struct aspace *as, struct range va, vm_prot_t prot,
		 bool shared)
{
	struct protection to;
	struct pgtable_slot s;

	if (va.end - va.start == PAGE_SIZE) {
		slot_find(&as->map.pt, va.start, 0, &s);
		if (!pte_present(pte_load(s.entry)))
			return 0;
		if (!s.level && !(prot & VM_EXEC)) {
			protect_page(as, va.start, s.entry, prot, shared);
			return 0;
		}
	}
	to.prot = leaf_prot(prot, true);
	to.less = leaf_prot(prot, false);
	to.all = shared || !(prot & VM_WRITE);
	return protect_range(as, range_make(va.start, va.end), &to);
}
