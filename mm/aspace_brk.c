/*
 * What grows: the heap, by brk, and stacks, by faults below them. Between a stack
 * and what lies below it a guard stays free (VMA_GUARD), so that no access past
 * the end of the one reaches the other.
 */

#include "aspace_vma.h"

/* May there be private memory from `from` to `to`? */
static bool may_grow(const struct aspace *as, const struct vma *new)
{
	uint64_t len = range_size(new->va);
	struct vma *next = vma_find(&as->vmas, new->va.start);

	if (new->va.end > as->vmas.bounds.end || range_empty(new->va))
		return false;
	if (next && new->va.end + PAGE_SIZE > vma_guarded_start(next))
		return false;
	return aspace_may_lock(as, new->flags, len) &&
	       aspace_may_add(as, new->prot, new->flags, (int64_t)len) &&
	       as->vmas.count <= as->max_vmas && commit_fits(len);
}

static bool over_data_limit(const struct aspace *as, vaddr_t end)
{
	uint64_t limit = as->limit[LIMIT_DATA];

	return limit != UINT64_MAX &&
	       end - as->brk.start + as->image_data > limit;
}

/* The pages of the heap are to end at `to` instead of at `from`. */
static bool move_end(struct aspace *as, vaddr_t from, vaddr_t to)
{
	struct vma new = {
		.va = {from, to},
		.prot = VM_READ | VM_WRITE,
		.flags = VMA_ACCOUNTED | as->lock_future,
		.as = as,
	};
	struct vma_place place;

	if (to < from) {
		struct range va = range_make(to, from);

		return vma_overlap(&as->vmas, va) && !aspace_unmap(as, va);
	}
	if (!may_grow(as, &new))
		return false;
	place = vma_place(&as->vmas, from);
	return !aspace_add(as, &new, &place);
}

vaddr_t aspace_brk(struct aspace *as, vaddr_t end)
{
	bool moved = false;
	struct range grown;
	vaddr_t from, to;

	aspace_lock(as);
	from = align_up(as->brk.end, PAGE_SIZE);
	to = align_up(end, PAGE_SIZE);
	grown = range_make(from, to);
	if (end >= as->brk.start && !over_data_limit(as, end)) {
		moved = to == from || ((end < as->brk.end || to > from) &&
				       move_end(as, from, to));
		if (moved)
			as->brk.end = end;
	}
	end = as->brk.end;
	moved = moved && (as->lock_future & VMA_LOCKED);
	aspace_unlock(as);
	if (moved && !range_empty(grown))
		aspace_populate(as, grown, true);
	return end;
}

/* May the stack v begin at `start`, as far as what is below it is concerned? */
static bool keeps_distance(const struct vma *v, vaddr_t start)
{
	struct vma *prev = vma_prev(v);

	return !prev || (prev->flags & VMA_GROWSDOWN) || !prev->prot ||
	       start - prev->va.end >= VMA_GUARD;
}

static int grow(struct aspace *as, struct vma *v, vaddr_t start)
{
	uint64_t more = v->va.start - start;
	struct vma_place place;
	struct vma new = *v;

	if (start < ASPACE_MIN_ADDR || !keeps_distance(v, start) ||
	    !aspace_may_add(as, v->prot, v->flags, (int64_t)more) ||
	    v->va.end - start > as->limit[LIMIT_STACK] ||
	    !aspace_may_lock(as, v->flags, more) || !commit_fits(more))
		return -ENOMEM;
	new.va = range_make(start, v->va.start);
	/* It joins v, so it needs no memory. */
	place = (struct vma_place){vma_prev(v), v};
	return aspace_add(as, &new, &place);
}

/* Locked or not, pages come by faults, as on Linux. */
int aspace_grow_stack(struct aspace *as, vaddr_t va)
{
	struct vma *v;
	int err = 0;

	aspace_lock(as);
	v = vma_find(&as->vmas, va);
	if (!v || (v->va.start > va && !(v->flags & VMA_GROWSDOWN)))
		err = -ENOMEM;
	else if (v->va.start > va)
		err = grow(as, v, align_down(va, PAGE_SIZE));
	aspace_unlock(as);
	return err;
}
