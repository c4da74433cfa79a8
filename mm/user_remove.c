/*
 * Pages of an object are forgotten everywhere (user_remove(), mm/aspace_impl.h).
 *
 * First the object forgets them, then each space that maps it zaps its leaves. A fault
 * that had found a page before holds up the zapping of its space until its leaf is in;
 * one that comes later finds the page gone. VMAs that appear meanwhile have no
 * leaves of it: fork copies none (mm/user_copy.c), and what moves inside a space is found
 * there. So it is enough to visit each space once: in the order of their addresses, by
 * which the next one is found, as the list may change while a space is waited for.
 *
 * Cost: for n VMAs of the object in s spaces n * s steps, besides the zapping.
 * Locking: the object's spinlock to look; then the writer's lock of one space at a
 * time, and the spinlock again, under which its VMAs are zapped: objects have no leaves of
 * 2 MiB, so that takes no memory.
 */
#include "user_impl.h"

/* With a reference, unless it is about to go, and its pages with it. */
static bool get_alive(struct aspace *as)
{
	uint32_t refs = __atomic_load_n(&as->refs, __ATOMIC_RELAXED);

	while (refs &&
	       !__atomic_compare_exchange_n(&as->refs, &refs, refs + 1, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return refs;
}

static struct vma *vma_of(struct list *l)
{
	return list_entry(l, struct vma, of_object);
}

/* The space that maps the object and follows `last`; NULL: that was all. */
static struct aspace *find_space(const struct vm_object *o,
				 const struct aspace *last)
{
	struct aspace *next = NULL;

	list_for_each (l, &o->vmas) {
		struct aspace *as = vma_of(l)->as;

		if (as > last && (!next || as < next) &&
		    __atomic_load_n(&as->refs, __ATOMIC_RELAXED))
			next = as;
	}
	return next;
}

static struct aspace *get_space(struct vm_object *o, const struct aspace *last)
{
	struct aspace *next;

	spin_lock(&o->lock);
	do
		next = find_space(o, last);
	while (next && !get_alive(next));
	spin_unlock(&o->lock);
	return next;
}

/* Where in v are these pages? */
static struct range place_in(const struct vma *v, struct range index)
{
	uint64_t n = range_size(v->va) >> PAGE_SHIFT;
	struct range part =
		range_intersect(index, range_make(v->offset, v->offset + n));

	if (range_empty(part))
		return part;
	return range_make(v->va.start +
				  ((part.start - v->offset) << PAGE_SHIFT),
			  v->va.start + ((part.end - v->offset) << PAGE_SHIFT));
}

/* The object's pages go, the program's own copies stay. */
static void zap_private(struct aspace *as, struct range va)
{
	uint64_t span;

	for (vaddr_t at = va.start; at < va.end;
	     at = align_down(at, span) + span) {
		struct pgtable_slot s;
		pte_t e;

		pgtable_find(&as->map.pt, at, 0, &s);
		span = pt_span(s.level);
		e = pte_load(s.entry);
		if (pte_is_leaf(e) && (leaf_page(e)->flags & PAGE_OBJECT))
			user_zap(as, page_at(at));
	}
}

static void zap_in(struct aspace *as, struct vm_object *o, struct range index)
{
	aspace_lock(as);
	spin_lock(&o->lock);
	list_for_each (l, &o->vmas) {
		const struct vma *v = vma_of(l);
		struct range va;

		if (v->as != as)
			continue;
		va = place_in(v, index);
		if (range_empty(va))
			continue;
		if (v->flags & VMA_SHARED)
			user_zap(as, va);
		else
			zap_private(as, va);
	}
	spin_unlock(&o->lock);
	aspace_unlock(as);
}

void user_remove(struct vm_object *o, struct range index)
{
	const struct aspace *last = NULL;
	struct aspace *as;

	object_punch(o, index);
	while ((as = get_space(o, last))) {
		zap_in(as, o, index);
		aspace_put(as);
		last = as;
	}
}
