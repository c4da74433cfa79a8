/*
 * Fork: pages of a VMA for a child (user_copy(), mm/aspace_impl.h).
 *
 * The child's leaves are the parent's, both without the right to store, and the page
 * has a reference for each: the first store of either makes a copy, the last owner
 * keeps the page. The zero page has no references.
 *
 * Pages of an object are not copied: a fault finds them again, and most programs
 * that are forked start another soon. So shared memory costs nothing here.
 *
 * Blocks of 2 MiB are divided before: what is copied later is a page.
 *
 * Cost: for what is present, a table once, and about 25 instructions a page. One
 * fence, of the parent, if a page lost a right.
 * Locking: the writer's of both. Nobody runs in the child.
 */
#include <lib/errno.h>
#include <lib/relaxed.h>

#include "user_impl.h"

struct copying {
	const struct pgtable *to;
	vm_prot_t prot; /* of both leaves */
	struct tlb_gather *g;
};

/* The child's table for `va`, and where its entries are counted; NULL: no memory. */
static pte_t *table_for(const struct copying *c, vaddr_t va,
			struct page **count)
{
	struct pgtable_slot s;

	pgtable_find(c->to, va, 0, &s);
	if (s.level && pgtable_grow(va, 0, &s))
		return NULL;
	*count = s.count;
	return s.entry;
}

/* One reference more for the page of a leaf. */
static inline void share(struct page *p, bool sole)
{
	if (sole)
		/* Nobody else can look at it. */
		store_relaxed(&p->refs, 2);
	else if (!(p->flags & PAGE_ZEROS))
		page_get(p);
}

/* The parent's entries of one table from p, which is for `va`, up to `end`. */
static int copy_entries(const struct copying *c, vaddr_t va, pte_t *p,
			const pte_t *end)
{
	struct page *count = NULL;
	const vaddr_t last = va + ((uint64_t)(end - p) << PAGE_SHIFT);
	const vm_prot_t prot = c->prot;
	pte_t *to = NULL, *const first = p;
	uint64_t lost = 0;
	int32_t copied = 0;

	for (; p < end; p++) {
		pte_t e = pte_load(p);
		struct page *page = leaf_page(e);
		bool sole;

		if (!pte_is_leaf(e)) {
			p = skip_empty(p + 1, end) - 1;
			continue;
		}
		sole = page_is_sole(page, 0);
		if (!sole && (page->flags & PAGE_OBJECT))
			continue;
		if (!to)
			to = table_for(c, va, &count);
		if (!to)
			return -ENOMEM;
		share(page, sole);
		lost |= pte_loses(e, prot);
		e = pte_protect(e, prot);
		pte_set(p, e);
		pte_set(&to[p - first], e);
		copied++;
	}
	if (lost)
		tlb_gather_leaves(c->g, range_make(va, last), PAGE_SIZE);
	if (copied)
		count->refs += copied;
	return 0;
}

int user_copy(struct aspace *child, struct aspace *parent, const struct vma *v)
{
	struct tlb_gather g;
	const struct copying job = {
		.to = &child->map.pt,
		.prot = leaf_prot(v->prot, false),
		.g = &g,
	};
	struct cursor c;
	uint64_t n;
	int err;

	if (v->flags & VMA_SHARED)
		return 0;
	tlb_gather_init(&g, &parent->map.tlb);
	err = user_split_all(parent, v->va, &g);
	cursor_start(&c, &parent->map.pt, v->va);
	do {
		cursor_down(&c);
		n = 1;
		if (!cursor_level(&c)) {
			n = min_u64(cursor_room(&c), cursor_entries(&c));
			err = err ? err
				  : copy_entries(&job, c.va, c.slot,
						 c.slot + n);
		}
	} while (!err && cursor_along(&c, n));
	tlb_flush(&g);
	return err;
}
