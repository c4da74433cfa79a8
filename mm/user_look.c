/*
 * Looking at pages of user spaces: what is in memory, how much that is, and whether
 * all is as it must be.
 */
#include "user_impl.h"

/* From the entry for `at` on, up to `end`, in one table: which pages are there? */
static uint64_t look_along(const struct vma *v, vaddr_t at, vaddr_t end,
			   uint8_t *vec)
{
	struct pgtable_slot s;
	uint64_t span, n;

	pgtable_find(&v->as->map.pt, at, 0, &s);
	span = pt_span(s.level);
	n = (min_u64(align_down(at, span) + span, end) - at) >> PAGE_SHIFT;
	for (uint64_t i = 0; i < n; i++, at += PAGE_SIZE) {
		bool there = pte_is_leaf(pte_load(s.entry));

		if (!there && v->object)
			there = object_has(v->object, index_of(v, at));
		vec[i] = there;
		s.entry += !s.level;
	}
	return n;
}

void user_incore(struct aspace *as, const struct vma *v, struct range va,
		 uint8_t *vec)
{
	(void)as;
	for (uint64_t n; !range_empty(va); va.start += n << PAGE_SHIFT) {
		n = look_along(v, va.start, va.end, vec);
		vec += n;
	}
}

static int count_leaf(void *ctx, const struct mapping *m)
{
	const struct page *p = pfn_to_page(m->pa >> PAGE_SHIFT);
	struct aspace_stats *s = ctx;
	uint64_t frames = range_size(m->va) >> PAGE_SHIFT;

	s->resident += p->flags & PAGE_ZEROS ? 0 : frames;
	s->shared += p->flags & PAGE_OBJECT ? frames : 0;
	s->huge += m->level == 1;
	return 0;
}

void user_count(struct aspace *as, struct aspace_stats *s)
{
	s->resident = s->shared = s->huge = 0;
	s->tables = pgtable_tables(&as->map.pt);
	pgtable_walk(&as->map.pt, as->map.pt.bounds, count_leaf, s);
}

struct check {
	struct aspace *as;
	const char *wrong;
};

static const char *check_page(const struct vma *v, const struct mapping *m)
{
	const struct page *p = pfn_to_page(m->pa >> PAGE_SHIFT);
	int32_t refs = __atomic_load_n(&p->refs, __ATOMIC_RELAXED);
	bool store = m->prot & VM_WRITE, shared = v->flags & VMA_SHARED;

	if (m->prot & ~leaf_prot(v->prot, true))
		return "a leaf with more rights than its VMA";
	if (leaf_prot(v->prot, false) & ~m->prot)
		return "a leaf without a right of its VMA";
	if (p->flags & PAGE_ZEROS)
		return store || v->object ? "the zero page where it can't be"
					  : NULL;
	if (!page_is_whole(p) || refs < 1)
		return "a leaf that leads to a free frame";
	if (p->order != (m->level ? HUGE_ORDER : 0) || m->level > 1)
		return "a leaf of another size than its block";
	if (m->level && (refs != 1 || v->object))
		return "a block of 2 MiB that is shared";
	if (p->flags & PAGE_OBJECT)
		return !v->object || (store && !shared)
			       ? "an object's page where it can't be"
			       : NULL;
	if (shared || p->flags)
		return "a page that is nobody's in shared memory";
	return store && refs != 1 ? "a page of several that can be stored to"
				  : NULL;
}

static int check_leaf(void *ctx, const struct mapping *m)
{
	struct check *c = ctx;
	const struct vma *v = vma_find(&c->as->vmas, m->va.start);

	if (!v || !range_within(m->va, v->va))
		c->wrong = "a leaf outside of all VMAs";
	else
		c->wrong = check_page(v, m);
	return c->wrong != NULL;
}

const char *user_check(struct aspace *as)
{
	struct check c = {as, pgtable_check(&as->map.pt)};

	if (!c.wrong)
		pgtable_walk(&as->map.pt, as->map.pt.bounds, check_leaf, &c);
	return c.wrong;
}
