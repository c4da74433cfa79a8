/*
 * mremap (<mm/aspace.h>), with Linux's results. Pages are moved by their entries,
 * not copied. In what order things are looked at is Linux's; what is in the way
 * at a fixed target, and a tail that is cut off, go first, and are gone even if the
 * rest then fails.
 */

#include "aspace_vma.h"

struct remap {
	struct range from; /* empty: a shared mapping gets a second place */
	uint64_t len;	   /* of the new place */
	uint32_t flags;
	vaddr_t to; /* the new place, or a hint */
};

/* Has the VMA at its start all of it, which may be `len` long then? */
static inline int look(const struct aspace *as, const struct remap *r,
		       const struct vma *has)
{
	uint64_t old = range_size(r->from), more = r->len - old;

	if (!old && !(has->flags & VMA_SHARED))
		return -EINVAL;
	if (r->from.end > has->va.end)
		return -EFAULT;
	if (!more)
		return 0;
	if (!aspace_may_lock(as, has->flags, more))
		return -EAGAIN;
	return aspace_may_add(as, has->prot, has->flags, (int64_t)more)
		       ? 0
		       : -ENOMEM;
}

/* The map may become larger by two, and Linux wants three to spare. */
static bool too_many(const struct aspace *as, uint64_t more)
{
	return as->vmas.count + more + 3 >= as->max_vmas;
}

/* What v has from `at` on, at another place. */
static inline void describe(struct vma *new, const struct vma *v, vaddr_t at,
			    struct range to)
{
	new->va = to;
	new->prot = v->prot;
	new->flags = v->flags;
	new->object = v->object;
	new->offset = v->offset;
	if (v->object)
		new->offset += (at - v->va.start) >> PAGE_SHIFT;
}

/* What is left at the old place: nothing, or, with DONTUNMAP, an empty part of v
 * that is not locked. In two steps as the functions that are used. */
struct leave {
	struct vma_change c;
	struct vma *spare;
	bool cut, change;
};

static int leave_begin(struct aspace *as, const struct remap *r, struct vma *v,
		       struct leave *l)
{
	*l = (struct leave){.cut = !(r->flags & MREMAP_DONTUNMAP)};
	if (range_empty(r->from)) {
		l->cut = false;
		return 0;
	}
	if (l->cut)
		return aspace_cut_begin(as, v, r->from, &l->spare);
	l->change = v->flags & VMA_LOCKED;
	l->c.v = v;
	l->c.va = r->from;
	l->c.prot = v->prot;
	l->c.flags = v->flags & ~(uint32_t)(VMA_LOCKED | VMA_LOCKONFAULT);
	return l->change ? aspace_change_begin(as, &l->c) : 0;
}

static void leave(struct aspace *as, const struct remap *r, struct vma *v,
		  struct leave *l)
{
	if (l->cut)
		aspace_cut(as, v, r->from, l->spare);
	else if (l->change)
		aspace_change(as, &l->c);
}

static void leave_cancel(struct leave *l)
{
	aspace_vma_free(l->spare);
	if (l->change)
		aspace_change_cancel(&l->c);
}

/* Move what v has in r->from to `to`, which is free, and as long or longer. */
static int move(struct aspace *as, const struct remap *r, struct vma *v,
		struct range to)
{
	uint64_t more = range_size(to);
	struct vma_place place;
	struct vma new, *spare;
	struct leave l;
	int err;

	if (too_many(as, 0))
		return -ENOMEM;
	if (!(r->flags & MREMAP_DONTUNMAP))
		more -= range_size(r->from);
	if ((v->flags & VMA_ACCOUNTED) && !commit_fits(more))
		return -ENOMEM;
	spare = aspace_vma_new();
	if (!spare)
		return -ENOMEM;
	err = leave_begin(as, r, v, &l);
	if (err) {
		aspace_vma_free(spare);
		return err;
	}
	if (!range_empty(r->from))
		err = user_move(as, r->from, to.start);
	if (err) {
		aspace_vma_free(spare);
		leave_cancel(&l);
		return err;
	}
	describe(&new, v, r->from.start, to);
	/* v may go now, and the object with it. */
	if (new.object)
		object_get(new.object);
	leave(as, r, v, &l);
	place = vma_place(&as->vmas, to.start);
	aspace_add_spare(as, &new, &place, spare);
	if (new.object)
		object_put(new.object);
	return 0;
}

static int move_anywhere(struct aspace *as, const struct remap *r, vaddr_t hint,
			 struct vma *v, vaddr_t *at)
{
	struct vma_place place;
	int err = aspace_find_place(as, hint, r->len, at, &place);

	return err ? err : move(as, r, v, range_make(*at, *at + r->len));
}

/* With a target, or what has to move anyway. */
static int remap_to(struct aspace *as, struct remap *r, vaddr_t *at)
{
	struct range to = range_make(r->to, r->to + r->len), tail;
	uint64_t end = as->vmas.bounds.end;
	struct vma *v;
	int err = 0;

	if (!is_aligned(r->to, PAGE_SIZE) || r->len > end ||
	    r->to > end - r->len ||
	    (r->from.end > to.start && to.end > r->from.start))
		return -EINVAL;
	if (too_many(as, 2))
		return -ENOMEM;
	if (r->flags & MREMAP_FIXED)
		err = aspace_unmap(as, to);
	tail = range_make(r->from.start + r->len, r->from.end);
	if (!err && !range_empty(tail)) {
		if (tail.end > end)
			return -EINVAL;
		err = aspace_unmap(as, tail);
		r->from.end = tail.start;
	}
	if (err)
		return err;
	v = vma_at(&as->vmas, r->from.start);
	err = v ? look(as, r, v) : -EFAULT;
	if (err)
		return err;
	if ((r->flags & MREMAP_DONTUNMAP) &&
	    !aspace_may_add(as, v->prot, v->flags, (int64_t)r->len))
		return -ENOMEM;
	if (!(r->flags & MREMAP_FIXED))
		return move_anywhere(as, r, r->to, v, at);
	if (to.start < ASPACE_MIN_ADDR && !as->may_lock)
		return -EPERM;
	*at = to.start;
	return move(as, r, v, to);
}

static bool can_expand(const struct aspace *as, const struct vma *v,
		       struct range more)
{
	struct vma *next = vma_next(v);

	return more.end > more.start && more.end <= as->vmas.bounds.end &&
	       (!next || next->va.start >= more.end);
}

static int grow(struct aspace *as, struct remap *r, struct vma *v, vaddr_t *at,
		bool *locked)
{
	struct range more = range_make(r->from.end, r->from.start + r->len);
	struct vma_place place;
	struct vma new;
	int err = look(as, r, v);

	if (err)
		return err;
	*locked = v->flags & VMA_LOCKED;
	if (r->from.end == v->va.end && can_expand(as, v, more)) {
		if ((v->flags & VMA_ACCOUNTED) &&
		    !commit_fits(range_size(more)))
			return -ENOMEM;
		describe(&new, v, more.start, more);
		*at = r->from.start;
		/* It joins v, so it needs no memory. */
		place = (struct vma_place){v, vma_next(v)};
		return aspace_add(as, &new, &place);
	}
	if (!(r->flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	return move_anywhere(as, r, 0, v, at);
}

static int shrink(struct aspace *as, const struct remap *r, vaddr_t *at)
{
	struct range tail = range_make(r->from.start + r->len, r->from.end);

	*at = r->from.start;
	if (range_empty(tail))
		return 0;
	return tail.end > as->vmas.bounds.end ? -EINVAL
					      : aspace_unmap(as, tail);
}

static int remap(struct aspace *as, struct remap *r, vaddr_t *at, bool *locked)
{
	struct vma *v = vma_find(&as->vmas, r->from.start);

	if (!v || v->va.start > r->from.start)
		return -EFAULT;
	if (r->from.end < r->from.start)
		return r->from.end - r->from.start < r->len ? -EFAULT : -EINVAL;
	if (r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
		*locked = v->flags & VMA_LOCKED;
		return remap_to(as, r, at);
	}
	if (range_size(r->from) >= r->len)
		return shrink(as, r, at);
	return grow(as, r, v, at, locked);
}

int aspace_mremap(struct aspace *as, vaddr_t old, uint64_t old_len,
		  uint64_t new_len, uint32_t flags, vaddr_t to, vaddr_t *at)
{
	const uint32_t known = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
	bool move = flags & MREMAP_MAYMOVE, locked = false;
	struct remap r = {
		.len = align_up(new_len, PAGE_SIZE), .flags = flags, .to = to};
	vaddr_t place;
	int err;

	if ((flags & ~known) || ((flags & MREMAP_FIXED) && !move) ||
	    ((flags & MREMAP_DONTUNMAP) && (!move || old_len != new_len)) ||
	    !is_aligned(old, PAGE_SIZE) || !r.len)
		return -EINVAL;
	old_len = align_up(old_len, PAGE_SIZE);
	r.from = range_make(old, old + old_len);
	aspace_lock(as);
	err = remap(as, &r, &place, &locked);
	aspace_unlock(as);
	if (err)
		return err;
	*at = place;
	if (locked && r.len > old_len)
		aspace_populate(as, range_make(place + old_len, place + r.len),
				true);
	return 0;
}
