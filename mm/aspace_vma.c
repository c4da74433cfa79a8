/*
 * VMAs of an address space: where they live, what they count for, and the steps of
 * which all calls are made. Each step that can fail is apart from what follows it
 * and can't: so a call fails before it has changed anything.
 */
#include <mm/slab.h>

#include "aspace_vma.h"
#include "user_impl.h"

static struct kmem_cache *vmas; /* (a) */

bool aspace_vma_ready(void)
{
	static struct mutex making = MUTEX_INIT(making);

	if (__atomic_load_n(&vmas, __ATOMIC_ACQUIRE))
		return true;
	mutex_lock(&making);
	if (!vmas)
		__atomic_store_n(&vmas,
				 kmem_cache_create("vma", sizeof(struct vma), 0,
						   SLAB_NOGUARD, NULL),
				 __ATOMIC_RELEASE);
	mutex_unlock(&making);
	return vmas;
}

struct vma *aspace_vma_new(void)
{
	return kmem_cache_alloc(vmas, 0);
}

void aspace_vma_free(struct vma *v)
{
	kmem_cache_free(vmas, v);
}

void aspace_vma_own(struct vma *v)
{
	struct vm_object *o = v->object;

	object_get(o);
	spin_lock(&o->lock);
	list_add(&o->vmas, &v->of_object);
	spin_unlock(&o->lock);
}

/* It had an object, which may go now. */
static __attribute__((noinline)) void disown(struct vma *v)
{
	struct vm_object *o = v->object;

	spin_lock(&o->lock);
	list_del(&v->of_object);
	spin_unlock(&o->lock);
	object_put(o);
	kmem_cache_free(vmas, v);
}

void aspace_vma_drop(struct vma *v)
{
	if (v && v->object)
		disown(v);
	else
		kmem_cache_free(vmas, v);
}

static void add_joined(struct aspace *as, const struct vma *new,
		       const struct vma_place *place, unsigned joins)
{
	struct vma *gone = vma_join(&as->vmas, new, place, joins);

	if (gone)
		aspace_vma_drop(gone);
	aspace_account(as, new->prot, new->flags, (int64_t)range_size(new->va));
}

/* It joins nobody, and becomes v. */
static inline void add_alone(struct aspace *as, const struct vma *new,
			     const struct vma_place *place, struct vma *v)
{
	v->va = new->va;
	v->prot = new->prot;
	v->flags = new->flags;
	v->object = new->object;
	v->offset = new->offset;
	v->as = as;
	aspace_account(as, new->prot, new->flags,
		       (int64_t)(new->va.end - new->va.start));
	if (v->object)
		aspace_vma_own(v);
	vma_insert(&as->vmas, v, *place);
}

void aspace_add_spare(struct aspace *as, const struct vma *new,
		      const struct vma_place *place, struct vma *spare)
{
	unsigned joins = vma_add_joins(new, place);

	if (!joins) {
		add_alone(as, new, place, spare);
		return;
	}
	add_joined(as, new, place, joins);
	aspace_vma_free(spare);
}

int aspace_add(struct aspace *as, const struct vma *new,
	       const struct vma_place *place)
{
	unsigned joins = vma_add_joins(new, place);
	struct vma *v;

	if (joins) {
		add_joined(as, new, place, joins);
		return 0;
	}
	v = aspace_vma_new();
	if (!v)
		return -ENOMEM;
	add_alone(as, new, place, v);
	return 0;
}

int aspace_cut_begin(struct aspace *as, const struct vma *v, struct range va,
		     struct vma **spare)
{
	*spare = NULL;
	if (!vma_cut_splits(v, va))
		return 0;
	if (as->vmas.count >= as->max_vmas)
		return -ENOMEM;
	*spare = aspace_vma_new();
	return *spare ? 0 : -ENOMEM;
}

/* v goes, all of it. */
static void cut_whole(struct aspace *as, struct vma *v)
{
	aspace_account(as, v->prot, v->flags,
		       -(int64_t)(v->va.end - v->va.start));
	vma_erase(&as->vmas, v);
	aspace_vma_drop(v);
}

static void cut_part(struct aspace *as, struct vma *v, struct range va,
		     struct vma *spare)
{
	uint64_t bytes = range_size(range_intersect(v->va, va));

	aspace_account(as, v->prot, v->flags, -(int64_t)bytes);
	vma_cut(&as->vmas, v, va, spare);
	if (spare && spare->object)
		aspace_vma_own(spare);
}

/* v loses its addresses in va. */
static inline void cut_one(struct aspace *as, struct vma *v, struct range va,
			   struct vma *spare)
{
	if (va.start <= v->va.start && v->va.end <= va.end)
		cut_whole(as, v);
	else
		cut_part(as, v, va, spare);
}

void aspace_cut(struct aspace *as, struct vma *v, struct range va,
		struct vma *spare)
{
	struct vma *next;

	do {
		next = v->next;
		cut_one(as, v, va, spare);
		v = next;
	} while (v && v->va.start < va.end);
}

int aspace_unmap(struct aspace *as, struct range va)
{
	struct vma *v = vma_overlap(&as->vmas, va), *spare = NULL;
	int err;

	if (!v)
		return 0;
	if (vma_cut_splits(v, va)) {
		err = aspace_cut_begin(as, v, va, &spare);
		if (err)
			return err;
	}
	err = user_zap(as, va);
	if (err)
		aspace_vma_free(spare);
	else if (v->va.end >= va.end)
		cut_one(as, v, va, spare);
	else
		aspace_cut(as, v, va, spare);
	return err;
}

int aspace_change_begin(struct aspace *as, struct vma_change *c)
{
	c->spare[0] = c->spare[1] = NULL;
	vma_change_plan(c);
	if (c->adds <= 0)
		return 0;
	if (as->vmas.count + (uint64_t)c->adds > as->max_vmas)
		return -ENOMEM;
	for (int i = 0; i < c->adds; i++) {
		c->spare[i] = aspace_vma_new();
		if (!c->spare[i]) {
			aspace_change_cancel(c);
			return -ENOMEM;
		}
	}
	return 0;
}

void aspace_change_cancel(struct vma_change *c)
{
	aspace_vma_free(c->spare[0]);
	aspace_vma_free(c->spare[1]);
}

struct vma *aspace_change(struct aspace *as, struct vma_change *c)
{
	struct vma *v;

	aspace_recount(as, c->v, c->prot, c->flags, c->va.end - c->va.start);
	v = vma_change(&as->vmas, c);
	for (int i = 0; i < c->adds; i++)
		if (c->spare[i]->object)
			aspace_vma_own(c->spare[i]);
	if (c->adds < 0)
		aspace_vma_drop(c->gone[0]);
	if (c->adds < -1)
		aspace_vma_drop(c->gone[1]);
	return v;
}

/* No leaf may lie across the end of a VMA. */
static int split_leaves(struct aspace *as, struct range va)
{
	struct tlb_gather g;
	int err;

	tlb_gather_init(&g, &as->map.tlb);
	err = user_split(as, va, &g);
	tlb_flush(&g);
	return err;
}

int aspace_change_flags(struct aspace *as, struct vma_change *c)
{
	int err = aspace_change_begin(as, c);

	if (err)
		return err;
	if (c->head || c->tail)
		err = split_leaves(as, c->va);
	if (err)
		aspace_change_cancel(c);
	else
		aspace_change(as, c);
	return err;
}

static __attribute__((noinline)) int several_parts(struct aspace *as,
						   struct range va, bool stop,
						   aspace_part_fn *fn,
						   void *ctx)
{
	struct vma *v = vma_overlap(&as->vmas, va);
	int hole = 0, err;

	for (; va.start < va.end; v = vma_overlap(&as->vmas, va)) {
		struct range part = va;

		if (!v || v->va.start > va.start) {
			hole = -ENOMEM;
			if (!v || stop)
				break;
			part.start = v->va.start;
		}
		part.end = min_u64(v->va.end, va.end);
		err = fn(as, v, part, ctx);
		if (err)
			return err;
		va.start = part.end;
		if (va.start == va.end)
			break;
	}
	return hole;
}

int aspace_parts(struct aspace *as, struct range va, bool stop,
		 aspace_part_fn *fn, void *ctx)
{
	struct vma *v = vma_find(&as->vmas, va.start);

	if (v && v->va.start <= va.start && va.end <= v->va.end)
		return fn(as, v, va, ctx);
	return several_parts(as, va, stop, fn, ctx);
}

/* What is to be faulted in first of `va`, and by what access; the rest is left. */
static struct range next_part(struct aspace *as, struct range *va,
			      enum access *kind)
{
	struct range part = range_make(va->end, va->end);
	struct vma *v;

	aspace_read_begin(as);
	v = vma_overlap(&as->vmas, *va);
	if (v) {
		part = range_intersect(v->va, *va);
		*kind = v->prot == VM_EXEC ? ACCESS_FETCH : ACCESS_LOAD;
		if ((v->prot & VM_WRITE) && !(v->flags & VMA_SHARED))
			*kind = ACCESS_STORE;
		va->start = part.end;
		if (v->flags & VMA_LOCKONFAULT)
			part.end = part.start;
	} else {
		va->start = va->end;
	}
	aspace_read_end(as);
	return part;
}

/* What can only be executed. */
static int populate_code(struct aspace *as, struct range va)
{
	for (; va.start < va.end; va.start += PAGE_SIZE) {
		if (aspace_killed && aspace_killed())
			return -EINTR;
		switch (aspace_fault(as, va.start, ACCESS_FETCH)) {
		case FAULT_DONE:
			break;
		case FAULT_BUS:
			return -EFAULT;
		default:
			return -ENOMEM;
		}
	}
	return 0;
}

int aspace_populate(struct aspace *as, struct range va, bool all)
{
	enum access kind = ACCESS_LOAD;
	struct range part;
	int err = 0;

	while (va.start < va.end && (!err || (all && err != -EINTR))) {
		part = next_part(as, &va, &kind);
		if (kind == ACCESS_FETCH)
			err = populate_code(as, part);
		else if (!range_empty(part))
			err = user_populate(as, part, kind == ACCESS_STORE);
	}
	return all ? 0 : err;
}
