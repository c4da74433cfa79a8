/*
 * Fork: a parent's pages for its child (user_copy(), mm/aspace_impl.h).
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
 * It goes from one table of leaves to the next, with the child's beside the parent's.
 * VMAs that lie in one table share the ways down to it.
 *
 * Cost: for what is present, a table once, and about 20 instructions a page. One
 * fence, of the parent, if a page lost a right.
 * Locking: the writer's of both. Nobody runs in the child.
 */
#include <lib/errno.h>
#include <lib/relaxed.h>

#include "user_impl.h"

struct copying {
	struct aspace *child, *parent;
	struct tlb_gather g;
	/* The tables of leaves from `base` on: the parent's (NULL: none yet), the
	 * child's (NULL: it needs none yet), and where that one's are counted. */
	vaddr_t base;
	pte_t *from, *to;
	struct page *count;
};

/* The parent's table for va. -ERANGE: there is none, for *span bytes around. */
static int find_table(struct copying *c, vaddr_t va, uint64_t *span)
{
	struct pgtable_slot s;
	int err;

	slot_find(&c->parent->map.pt, va, 0, &s);
	if (s.level && pte_is_leaf(pte_load(s.entry))) {
		err = user_split_at(c->parent,
				    align_down(va, HUGE_SIZE) + PAGE_SIZE,
				    &c->g);
		if (err)
			return err;
		slot_find(&c->parent->map.pt, va, 0, &s);
	}
	c->base = align_down(va, HUGE_SIZE);
	c->from = s.level ? NULL : s.entry - pt_index(va, 0);
	c->to = NULL;
	*span = pt_span(s.level);
	return s.level ? -ERANGE : 0;
}

/* The child's. */
static __attribute__((noinline)) int make_table(struct copying *c)
{
	struct pgtable_slot s;

	slot_find(&c->child->map.pt, c->base, 0, &s);
	if (s.level && pgtable_grow(c->base, 0, &s))
		return -ENOMEM;
	c->to = s.entry;
	c->count = s.count;
	return 0;
}

/* The first leaf from p on that is to be copied, or end. */
static pte_t *first_own(pte_t *p, const pte_t *end)
{
	for (; p < end; p++) {
		pte_t e = pte_load(p);

		if (!pte_is_leaf(e))
			p = skip_empty(p + 1, end) - 1;
		else if (!(leaf_page(e)->flags & PAGE_OBJECT))
			break;
	}
	return p;
}

/* One reference more for the page of a leaf. False: it is not copied. */
static inline bool share(struct page *p)
{
	if (page_is_sole(p, 0))
		/* Nobody else can look at it. */
		store_relaxed(&p->refs, 2);
	else if (p->flags & PAGE_OBJECT)
		return false;
	else if (!(p->flags & PAGE_ZEROS))
		page_get(p);
	return true;
}

/* Leaves from p on, up to the first that is not copied, go to `to` as well: how many.
 * *lost: not 0 if any of them could be stored to. */
static int32_t copy_run(pte_t *to, pte_t *p, const pte_t *end, uint64_t *lost)
{
	struct page *const pages = page_map; /* in a register */
	pte_t *const first = p;
	uint64_t rights = 0;

	for (; p < end; p++, to++) {
		pte_t e = pte_load(p);

		if (!pte_is_leaf(e) || !share(pages + pte_next_pfn(e)))
			break;
		rights |= pte_loses(e, VM_READ | VM_EXEC);
		pte_set(p, pte_readonly(e));
		pte_set(to, pte_readonly(e));
	}
	*lost |= rights;
	return (int32_t)(p - first);
}

/* What of a VMA is in the table: n entries from the i-th on. */
static int copy_entries(struct copying *c, uint64_t i, uint64_t n)
{
	pte_t *p = c->from + i, *const end = p + n;
	uint64_t lost = 0;

	for (int32_t run; (p = first_own(p, end)) < end; p += run) {
		if (!c->to && make_table(c))
			return -ENOMEM;
		run = copy_run(c->to + (p - c->from), p, end, &lost);
		c->count->refs += run;
	}
	if (lost)
		tlb_gather_leaves(&c->g,
				  range_make(c->base + (i << PAGE_SHIFT),
					     c->base + ((i + n) << PAGE_SHIFT)),
				  PAGE_SIZE);
	return 0;
}

static int copy_vma(struct copying *c, const struct vma *v)
{
	vaddr_t va = v->va.start, end;
	int err = 0;

	for (; va < v->va.end && (!err || err == -ERANGE); va = end) {
		uint64_t span = HUGE_SIZE;

		err = 0;
		if (!c->from || va - c->base >= HUGE_SIZE)
			err = find_table(c, va, &span);
		end = min_u64(align_down(va, span) + span, v->va.end);
		if (!err)
			err = copy_entries(c, pt_index(va, 0),
					   (end - va) >> PAGE_SHIFT);
	}
	return err == -ERANGE ? 0 : err;
}

int user_copy(struct aspace *child, struct aspace *parent)
{
	struct copying c = {.child = child, .parent = parent};
	int err = 0;

	tlb_gather_init(&c.g, &parent->map.tlb);
	for (struct vma *v = vma_first(&parent->vmas); v && !err;
	     v = vma_next(v))
		if (!(v->flags & (VMA_SHARED | VMA_DONTFORK | VMA_WIPEONFORK)))
			err = copy_vma(&c, v);
	tlb_flush(&c.g);
	return err;
}
