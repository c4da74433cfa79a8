/*
 * madvise, mincore and msync (<mm/aspace.h>), with Linux's results.
 *
 * Advice is either about a VMA, whose flags it changes; or about its pages now,
 * which are dropped, or faulted in; or about what would only matter to somebody
 * who takes pages away from programs, which nobody does yet: then it is only
 * checked. MADV_FREE lets the kernel take pages whenever it likes, until they are
 * written to: it takes them at once.
 */
#include "aspace_vma.h"

/* Flags that an advice changes. */
struct flag_advice {
	int advice;
	uint32_t clear, set;
};

#define READ_ORDER (VMA_SEQUENTIAL | VMA_RANDOM)

static const struct flag_advice flag_advices[] = {
	{MADV_NORMAL, READ_ORDER, 0},
	{MADV_RANDOM, READ_ORDER, VMA_RANDOM},
	{MADV_SEQUENTIAL, READ_ORDER, VMA_SEQUENTIAL},
	{MADV_DONTFORK, 0, VMA_DONTFORK},
	{MADV_DOFORK, VMA_DONTFORK, 0},
	{MADV_HUGEPAGE, VMA_NOHUGE, VMA_HUGE},
	{MADV_NOHUGEPAGE, VMA_HUGE, VMA_NOHUGE},
	{MADV_WIPEONFORK, 0, VMA_WIPEONFORK},
	{MADV_KEEPONFORK, VMA_WIPEONFORK, 0},
};

static const struct flag_advice *flag_advice(int advice)
{
	for (unsigned i = 0; i < ARRAY_SIZE(flag_advices); i++)
		if (flag_advices[i].advice == advice)
			return &flag_advices[i];
	return NULL;
}

static int set_flags(struct aspace *as, struct vma *v, struct range part,
		     void *ctx)
{
	const struct flag_advice *a = ctx;
	struct vma_change c = {
		.v = v,
		.va = part,
		.prot = v->prot,
		.flags = (v->flags & ~a->clear) | a->set,
	};

	if (a->advice == MADV_WIPEONFORK && v->object)
		return -EINVAL;
	if (c.flags == v->flags)
		return 0;
	/* Memory that is out for the moment. */
	return aspace_change_flags(as, &c) ? -EAGAIN : 0;
}

static int advise_pages(struct aspace *as, struct vma *v, struct range part,
			void *ctx)
{
	bool locked = v->flags & VMA_LOCKED;

	switch (*(int *)ctx) {
	case MADV_FREE:
		if (v->object)
			return -EINVAL;
		return locked ? -EINVAL : user_zap(as, part);
	case MADV_DONTNEED:
		return locked ? -EINVAL : user_zap(as, part);
	case MADV_DONTNEED_LOCKED:
		return user_zap(as, part);
	case MADV_COLD:
	case MADV_PAGEOUT:
		return locked ? -EINVAL : 0;
	case MADV_COLLAPSE: /* a fault makes large pages, or nobody */
		return -EINVAL;
	default: /* WILLNEED, DONTDUMP, DODUMP */
		return 0;
	}
}

/* The next part to be faulted in, of a VMA that has this right. */
struct populating {
	struct range part;
	vm_prot_t need;
};

static int find_part(struct aspace *as, struct vma *v, struct range part,
		     void *ctx)
{
	struct populating *p = ctx;

	(void)as;
	p->part = part;
	return v->prot & p->need ? 1 : -EINVAL;
}

/* Fault in all that is mapped; the first page that can't be ends it. */
static int populate_parts(struct aspace *as, struct range va, bool write)
{
	struct populating p = {.need = write ? VM_WRITE : VM_READ};
	int err, hole = 0;

	for (; !range_empty(va); va.start = p.part.end) {
		aspace_read_begin(as);
		err = aspace_parts(as, va, false, find_part, &p);
		aspace_read_end(as);
		if (err != 1)
			return err;
		if (p.part.start > va.start)
			hole = -ENOMEM;
		err = user_populate(as, p.part, write);
		if (err)
			return err;
	}
	return hole;
}

/* The object of the first part that is not done yet, with a reference. */
struct removal {
	struct range left;
	struct vm_object *object;
	struct range index;
};

static int find_removal(struct aspace *as, struct vma *v, struct range part,
			void *ctx)
{
	struct removal *r = ctx;
	uint64_t first = v->offset + ((part.start - v->va.start) >> PAGE_SHIFT);

	(void)as;
	if ((v->flags & VMA_LOCKED) || !v->object)
		return -EINVAL;
	/* What could be made writable will do. */
	if ((v->flags & (VMA_SHARED | VMA_DENY_WRITE)) != VMA_SHARED)
		return -EACCES;
	r->object = object_get(v->object);
	r->index = range_make(first, first + (range_size(part) >> PAGE_SHIFT));
	r->left.start = part.end;
	return 1;
}

/* Other spaces may map the same pages, so the lock goes for each. */
static int remove_pages(struct aspace *as, struct range va)
{
	struct removal r = {.left = va};
	int err, hole = 0;

	while (!range_empty(r.left)) {
		aspace_lock(as);
		if (!vma_at(&as->vmas, r.left.start))
			hole = -ENOMEM;
		err = aspace_parts(as, r.left, false, find_removal, &r);
		aspace_unlock(as);
		if (err != 1)
			return err ? err : hole;
		user_remove(r.object, r.index);
		object_put(r.object);
	}
	return hole;
}

static bool is_page_advice(int advice)
{
	return advice == MADV_WILLNEED || advice == MADV_DONTNEED ||
	       advice == MADV_FREE || advice == MADV_COLD ||
	       advice == MADV_PAGEOUT || advice == MADV_DONTNEED_LOCKED ||
	       advice == MADV_DONTDUMP || advice == MADV_DODUMP ||
	       advice == MADV_COLLAPSE;
}

static bool is_advice(int advice)
{
	return flag_advice(advice) || is_page_advice(advice) ||
	       advice == MADV_REMOVE || advice == MADV_POPULATE_READ ||
	       advice == MADV_POPULATE_WRITE;
}

int aspace_madvise(struct aspace *as, vaddr_t addr, uint64_t len, int advice)
{
	struct range va = range_make(addr, addr + align_up(len, PAGE_SIZE));
	struct flag_advice a;
	int err;

	if (!is_advice(advice) || !is_aligned(addr, PAGE_SIZE) ||
	    va.end < addr || (len && va.end == addr))
		return -EINVAL;
	if (!len)
		return 0;
	if (advice == MADV_REMOVE)
		return remove_pages(as, va);
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
		return populate_parts(as, va, advice == MADV_POPULATE_WRITE);
	aspace_lock(as);
	if (is_page_advice(advice)) {
		err = aspace_parts(as, va, false, advise_pages, &advice);
	} else {
		a = *flag_advice(advice);
		err = aspace_parts(as, va, false, set_flags, &a);
	}
	aspace_unlock(as);
	return err;
}

/* What is in memory of the VMA at va.start, at most `max` pages; how many were
 * looked at, or -ENOMEM: there is no VMA. */
static int look(struct aspace *as, struct range va, uint8_t *vec, uint64_t max)
{
	struct vma *v;
	int n = -ENOMEM;

	va.end = min_u64(va.end, va.start + max * PAGE_SIZE);
	aspace_read_begin(as);
	v = vma_at(&as->vmas, va.start);
	if (v) {
		va.end = min_u64(va.end, v->va.end);
		user_incore(as, v, va, vec);
		n = (int)(range_size(va) >> PAGE_SHIFT);
	}
	aspace_read_end(as);
	return n;
}

int aspace_mincore(struct aspace *as, vaddr_t addr, uint64_t len,
		   int (*put)(void *ctx, uint64_t index, const uint8_t *vec,
			      size_t n),
		   void *ctx)
{
	uint64_t end = as->vmas.bounds.end;
	struct range va = {addr, 0};
	uint8_t vec[256];
	int n, err;

	if (!is_aligned(addr, PAGE_SIZE))
		return -EINVAL;
	if (addr > end || len > end - addr)
		return -ENOMEM;
	va.end = addr + align_up(len, PAGE_SIZE);
	while (!range_empty(va)) {
		n = look(as, va, vec, sizeof(vec));
		if (n < 0)
			return n;
		err = put(ctx, (va.start - addr) >> PAGE_SHIFT, vec, (size_t)n);
		if (err)
			return err;
		va.start += (uint64_t)n * PAGE_SIZE;
	}
	return 0;
}

static int sync_part(struct aspace *as, struct vma *v, struct range part,
		     void *ctx)
{
	(void)as;
	(void)part;
	return (*(int *)ctx & MS_INVALIDATE) && (v->flags & VMA_LOCKED) ? -EBUSY
									: 0;
}

/* Objects are the only storage, so there is nothing to write. */
int aspace_msync(struct aspace *as, vaddr_t addr, uint64_t len, int flags)
{
	struct range va = range_make(addr, addr + align_up(len, PAGE_SIZE));
	int err;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) ||
	    !is_aligned(addr, PAGE_SIZE) ||
	    (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	if (va.end < addr)
		return -ENOMEM;
	if (va.end == addr)
		return 0;
	aspace_read_begin(as);
	err = aspace_parts(as, va, flags == MS_ASYNC, sync_part, &flags);
	aspace_read_end(as);
	return err;
}
