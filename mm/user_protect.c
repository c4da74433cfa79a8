/*
 * Other rights for pages of a user space (user_protect(), mm/aspace_impl.h).
 *
 * A leaf gets what its VMA now allows, and nothing is lost of what is in memory:
 *
 *	no right at all		hidden
 *	storing			if it is shared memory, or nobody else has the
 *				page; else the first store makes a copy
 *
 * Cost: a descent, and about ten instructions a page; one fence.
 * Locking: the writer's.
 */
#include "user_impl.h"

struct protection {
	vm_prot_t prot, less; /* rights, and those without storing */
	bool all;  /* the same for all: storing is for all, or none */
	bool lost; /* did a leaf have a right more? */
};

/* The leaves from p on, up to `end` or a pointer: where is that? */
static pte_t *change(pte_t *p, const pte_t *end, struct protection *to)
{
	const vm_prot_t prot = to->prot;
	uint64_t lost = 0;

	for (; p < end; p++) {
		pte_t e = pte_load(p);

		if (pte_is_leaf(e)) {
			lost |= pte_loses(e, prot);
			pte_set(p, pte_protect(e, prot));
		} else if (pte_is_table(e)) {
			break;
		}
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

	for (; p < end; p++) {
		pte_t e = pte_load(p);

		if (pte_is_leaf(e)) {
			lost |= pte_loses(e, prot);
			e = pte_protect(e, less);
			if (page_is_sole(leaf_page(e), order))
				e = pte_protect(e, prot);
			pte_set(p, e);
		} else if (pte_is_table(e)) {
			break;
		}
	}
	to->lost |= lost != 0;
	return p;
}

static uint64_t change_table(const struct cursor *c, struct protection *to,
			     struct tlb_gather *g)
{
	pte_t *const p = c->slot;
	pte_t *end = p + min_u64(cursor_room(c), cursor_entries(c));
	vaddr_t at = align_down(c->va, (uint64_t)1 << c->shift);
	uint64_t n;

	end = to->all ? change(p, end, to)
		      : change_each(p, end, to,
				    cursor_level(c) * PT_INDEX_BITS);
	n = (uint64_t)(end - p);
	if (n)
		tlb_gather_leaves(g, range_make(at, at + (n << c->shift)),
				  (uint64_t)1 << c->shift);
	return n;
}

int user_protect(struct aspace *as, struct range va, vm_prot_t prot,
		 bool shared)
{
	struct protection to = {
		.prot = leaf_prot(prot, true),
		.less = leaf_prot(prot, false),
		.all = shared || !(prot & VM_WRITE),
	};
	struct tlb_gather g;
	struct cursor c;
	int err = 0;

	tlb_gather_init(&g, &as->map.tlb);
	cursor_start(&c, &as->map.pt, va);
	if (!pte_present(cursor_down(&c)) && cursor_entries(&c) == 1)
		return 0;
	if (!in_one_table(&c)) {
		err = user_split(as, va, &g);
		cursor_start(&c, &as->map.pt, va);
		cursor_down(&c);
	}
	if (err)
		return err;
	/* What is there may have been stored by whoever. */
	if (prot & VM_EXEC)
		tlb_sync_code();
	to.lost = g.tables;
	while (cursor_along(&c, change_table(&c, &to, &g)))
		cursor_down(&c);
	/* Acquire: pairs with page_drop() of who had the pages that may be stored
	 * to. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (to.lost)
		tlb_flush(&g);
	else
		tlb_flush_new(&g);
	return 0;
}
