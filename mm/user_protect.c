/*
 * Other rights for pages of a user space (user_protect(), mm/aspace_impl.h).
 *
 * A leaf gets what its VMA now allows, and nothing is lost of what is in memory:
 *
 *	no right at all		hidden
 *	storing			if it could already, the page is shared memory, or
 *				nobody else has it; else the first store makes a copy
 *
 * Cost: a descent, and about ten instructions a page; one fence.
 * Locking: the writer's.
 */
#include "user_impl.h"

struct protection {
	vm_prot_t with, without; /* rights, where storing may be, and else */
	bool all;		 /* storing may be everywhere, or nowhere */
	bool lost;		 /* has a leaf fewer rights than before? */
};

static inline bool may_store(pte_t e)
{
	const struct page *p = leaf_page(e);

	return (pte_prot(e) & VM_WRITE) || page_is_sole(p) ||
	       p->head == page_head(PAGE_USED, HUGE_ORDER);
}

/* Change those from p on, up to `end` or a pointer: where is that? */
static pte_t *change(pte_t *p, const pte_t *end, struct protection *to)
{
	const vm_prot_t with = to->with, without = to->without;
	const bool all = to->all;
	bool lost = to->lost;

	for (; p < end; p++) {
		pte_t e = pte_load(p), now;

		if (!pte_is_leaf(e)) {
			if (pte_is_table(e))
				break;
			continue;
		}
		now = pte_protect(e, with);
		if (!all && !may_store(e))
			now = pte_protect(e, without);
		lost |= pte_loses(e, now);
		pte_set(p, now);
	}
	to->lost = lost;
	return p;
}

static uint64_t change_table(const struct cursor *c, struct protection *to,
			     struct tlb_gather *g)
{
	uint64_t most = min_u64(cursor_room(c), cursor_entries(c)), n;
	pte_t *const p = c->slot;
	vaddr_t at = align_down(c->va, (uint64_t)1 << c->shift);

	n = (uint64_t)(change(p, p + most, to) - p);
	if (n)
		tlb_gather_leaves(g, range_make(at, at + (n << c->shift)),
				  (uint64_t)1 << c->shift);
	return n;
}

int user_protect(struct aspace *as, struct range va, vm_prot_t prot,
		 bool shared)
{
	struct protection to = {
		.with = leaf_prot(prot, true),
		.without = leaf_prot(prot, false),
		.all = shared || !(prot & VM_WRITE),
	};
	struct tlb_gather g;
	struct cursor c;
	int err;

	tlb_gather_init(&g, &as->map.tlb);
	err = user_split(as, va, &g);
	to.lost = g.tables;
	if (!err) {
		/* What is there may have been stored by whoever. */
		if (prot & VM_EXEC)
			tlb_sync_code();
		cursor_start(&c, &as->map.pt, va);
		do
			cursor_down(&c);
		while (cursor_along(&c, change_table(&c, &to, &g)));
	}
	if (to.lost)
		tlb_flush(&g);
	else
		tlb_flush_new(&g);
	return err;
}
