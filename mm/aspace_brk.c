/*
 * What grows: the heap, by brk, and stacks, by faults below them. Between a stack
 * and what lies below it a guard stays free (VMA_GUARD), so that no access past
 * the end of the one reaches the other.
 */

#include "aspace_vma.h"

/* May there be private memory in front of `next`? */
static inline bool may_grow(const struct aspace *as, const struct vma *new,
			    const struct vma *next)
{
	uint64_t len = range_size(new->va);

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

/* The pages of the heap, which end at `from`, are to end at `to`. */
static inline bool extend(struct aspace *as, vaddr_t from, vaddr_t to)
{
	struct vma new = {
		.va = {from, to},
		.prot = VM_READ | VM_WRITE,
		.flags = VMA_ACCOUNTED | as->lock_future,
		.as = as,
	};
	struct vma_place place = vma_place(&as->vmas, from);

	return may_grow(as, &new, place.next) && !aspace_add(as, &new, &place);
}

/* They are to end at `to`, which is lower. */
static bool shrink(struct aspace *as, vaddr_t from, vaddr_t to)
{
	struct range va = range_make(to, from);

	return vma_overlap(&as->vmas, va) && !aspace_unmap(as, va);
}

/* The break moves, and where the pages of the heap end. */
static inline bool move_end(struct aspace *as, vaddr_t end, vaddr_t from,
			    vaddr_t to)
{
	if (end < as->brk.start || over_data_limit(as, end))
		return false;
	/* The end of the highest page of all wraps: that is not lower. */
	if (to < from)
		return end < as->brk.end && shrink(as, from, to);
	return to == from || extend(as, from, to);
}

vaddr_t aspace_brk(struct aspace *as, vaddr_t end)
{
	struct range grown;
	bool moved;

	aspace_lock(as);
	grown = range_make(align_up(as->brk.end, PAGE_SIZE),
			   align_up(end, PAGE_SIZE));
	moved = move_end(as, end, grown.start, grown.end);
	if (moved)
		as->brk.end = end;
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
