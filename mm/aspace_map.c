/*
 * mmap and munmap (<mm/aspace.h>), with Linux's results.
 *
 * What a call asks for is looked at in the order in which Linux looks, since the
 * first error found is the one that is told: lengths, the number of VMAs, the
 * place, locks, kinds, limits. Then all memory is allocated that is needed; then,
 * for MAP_FIXED, what is in the way is unmapped; and what is left can't fail. Unlike
 * Linux, that keeps what was mapped there when memory is out.
 *
 *	0     4 KiB                                  given.end     stack
 *	|  -  |   program, heap ->          <- mappings  |  free   <- |
 *
 * Places are the highest that are free below given.end, else anywhere. What may get
 * pages of 2 MiB, and is a multiple of that, is aligned to them if that can be.
 */

#include "aspace_vma.h"

/* A mapping that is being made. */
struct request {
	struct vma new;
	struct vma_place place;
	struct vma *over;	/* the first VMA in its place, which is fixed */
	struct vm_object *made; /* for it */
};

/* At the hint, if it is free. */
static __attribute__((noinline)) int find_at(const struct aspace *as,
					     vaddr_t addr, uint64_t len,
					     vaddr_t *at,
					     struct vma_place *place)
{
	vaddr_t end = as->vmas.bounds.end;
	struct vma *v;

	addr = max_u64(addr, ASPACE_MIN_ADDR);
	v = vma_find(&as->vmas, addr);
	if (addr > end - len ||
	    (v && (v->va.start <= addr || addr + len > vma_guarded_start(v))))
		return -ENOMEM;
	*at = addr;
	*place = vma_place(&as->vmas, addr);
	return 0;
}

int aspace_find_any(struct aspace *as, vaddr_t addr, uint64_t len, vaddr_t *at,
		    struct vma_place *place)
{
	if (len > as->vmas.bounds.end - ASPACE_MIN_ADDR)
		return -ENOMEM;
	addr = align_down(addr, PAGE_SIZE);
	if (addr && !find_at(as, addr, len, at, place))
		return 0;
	if (is_aligned(len, ASPACE_HUGE) &&
	    vma_find_gap(&as->vmas, len, ASPACE_HUGE, at, place))
		return 0;
	if (vma_find_gap(&as->vmas, len, PAGE_SIZE, at, place) ||
	    vma_find_above(&as->vmas, len, at, place))
		return 0;
	return -ENOMEM;
}

/* MAP_FIXED: exactly there. */
static int fixed_place(struct aspace *as, const struct aspace_mmap *m,
		       uint64_t len, struct request *r)
{
	uint64_t end = as->vmas.bounds.end;

	if (len > end || m->addr > end - len)
		return -ENOMEM;
	if (!is_aligned(m->addr, PAGE_SIZE))
		return -EINVAL;
	if (m->addr < ASPACE_MIN_ADDR && !as->may_lock)
		return -EPERM;
	r->new.va = range_make(m->addr, m->addr + len);
	r->over = vma_overlap(&as->vmas, r->new.va);
	if (r->over && (m->flags & MAP_FIXED_NOREPLACE))
		return -EEXIST;
	if (!r->over)
		r->place = vma_place(&as->vmas, m->addr);
	return 0;
}

static inline int choose_place(struct aspace *as, const struct aspace_mmap *m,
			       struct request *r)
{
	uint64_t len = align_up(m->len, PAGE_SIZE);
	vaddr_t at;
	int err;

	if (!m->len || !is_aligned(m->offset, PAGE_SIZE))
		return -EINVAL;
	if (!len)
		return -ENOMEM;
	/* Its pages would wrap; it is a signed number to Linux. */
	if (m->offset + len <= m->offset && m->offset > INT64_MAX)
		return -EOVERFLOW;
	if (as->vmas.count > as->max_vmas)
		return -ENOMEM;
	if (m->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))
		return fixed_place(as, m, len, r);
	err = aspace_find_place(as, m->addr, len, &at, &r->place);
	if (!err)
		r->new.va = range_make(at, at + len);
	return err;
}

/* MAP_SHARED ignores flags that it doesn't know. MAP_SHARED_VALIDATE knows these, and
 * all of MAP_HUGE_MASK. */
#define KNOWN_FLAGS                                                    \
	(MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN |        \
	 MAP_DENYWRITE | MAP_EXECUTABLE | MAP_LOCKED | MAP_NORESERVE | \
	 MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB |       \
	 MAP_UNINITIALIZED | MAP_HUGE_MASK)

static int check_object(const struct aspace_mmap *m, const struct request *r)
{
	uint64_t len = range_size(r->new.va);
	uint32_t type = m->flags & MAP_TYPE;

	if (len > INT64_MAX || m->offset > INT64_MAX - len)
		return -EOVERFLOW;
	if (type == MAP_SHARED_VALIDATE && (m->flags & ~KNOWN_FLAGS))
		return -EOPNOTSUPP;
	if (type == MAP_SHARED || type == MAP_SHARED_VALIDATE) {
		if ((m->prot & PROT_WRITE) && m->object_ro)
			return -EACCES;
	} else if (type != MAP_PRIVATE) {
		return -EINVAL;
	}
	if (m->refuse)
		return m->refuse;
	return m->flags & MAP_GROWSDOWN ? -EINVAL : 0;
}

static inline int check_anonymous(const struct aspace_mmap *m)
{
	uint32_t type = m->flags & MAP_TYPE;

	if (type == MAP_PRIVATE)
		return 0;
	return type == MAP_SHARED && !(m->flags & MAP_GROWSDOWN) ? 0 : -EINVAL;
}

static uint32_t rare_flags(const struct aspace_mmap *m)
{
	uint32_t flags = 0;

	if (m->flags & MAP_SHARED) { /* both kinds */
		flags |= VMA_SHARED;
		if (m->object && m->object_ro)
			flags |= VMA_DENY_WRITE;
	}
	if (m->flags & MAP_GROWSDOWN)
		flags |= VMA_GROWSDOWN;
	if (m->flags & MAP_LOCKED)
		flags |= VMA_LOCKED;
	if (m->flags & MAP_NORESERVE)
		flags |= VMA_NORESERVE;
	return flags;
}

static inline uint32_t flags_of(const struct aspace *as,
				const struct aspace_mmap *m)
{
	const uint32_t rare =
		MAP_SHARED | MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE;

	return as->lock_future | (m->flags & rare ? rare_flags(m) : 0);
}

/* It is to be locked. */
static int check_lock(const struct aspace *as, const struct aspace_mmap *m,
		      const struct vma *new)
{
	if ((m->flags & MAP_LOCKED) && !aspace_can_lock(as))
		return -EPERM;
	return aspace_may_lock(as, new->flags, range_size(new->va)) ? 0
								    : -EAGAIN;
}

/* All that can be said without doing anything. */
static inline int decode(struct aspace *as, const struct aspace_mmap *m,
			 struct request *r)
{
	struct vma *new = &r->new;
	int err;

	r->over = NULL;
	r->made = NULL;
	err = choose_place(as, m, r);
	if (err)
		return err;
	new->prot = m->prot &(VM_READ | VM_WRITE | VM_EXEC);
	new->flags = flags_of(as, m);
	new->object = m->object;
	new->offset = m->object ? m->offset >> PAGE_SHIFT : 0;
	if (new->flags & VMA_LOCKED)
		err = check_lock(as, m, new);
	if (err)
		return err;
	return m->object || m->refuse ? check_object(m, r) : check_anonymous(m);
}

/* Bytes in use, from v on. */
static uint64_t covered(const struct vma *v, struct range va)
{
	uint64_t sum = 0;

	for (; v && v->va.start < va.end; v = vma_next(v))
		sum += range_size(range_intersect(v->va, va));
	return sum;
}

static inline int check_limits(const struct aspace *as, struct request *r)
{
	struct vma *new = &r->new;
	uint64_t len = range_size(new->va), less;
	bool anonymous = !new->object && (new->flags &VMA_SHARED);

	if (!aspace_may_add(as, new->prot, new->flags, (int64_t)len)) {
		less = covered(r->over, new->va);
		if (!aspace_may_add(as, new->prot, new->flags,
				    (int64_t)(len - less)))
			return -ENOMEM;
	}
	if (vma_accountable(new->prot, new->flags))
		new->flags |= VMA_ACCOUNTED;
	if ((new->flags &VMA_ACCOUNTED) ||
	    (anonymous && !(new->flags &VMA_NORESERVE)))
		return commit_fits(len) ? 0 : -ENOMEM;
	return 0;
}

/* Memory first: a struct vma if one may be needed, and an object for what is shared
 * but has none. */
static int allocate(struct request *r, struct vma **spare)
{
	struct vma *new = &r->new;

	if ((new->flags &VMA_SHARED) && !new->object) {
		r->made = object_create(range_size(new->va));
		if (!r->made)
			return -ENOMEM;
		new->object = r->made;
	}
	*spare = aspace_vma_new();
	return *spare ? 0 : -ENOMEM;
}

static int perform_slowly(struct aspace *as, struct request *r)
{
	struct vma *spare = NULL;
	int err = allocate(r, &spare);

	if (!err && r->over) {
		err = aspace_unmap(as, r->new.va);
		r->place = vma_place(&as->vmas, r->new.va.start);
	}
	if (err)
		aspace_vma_free(spare);
	else
		aspace_add_spare(as, &r->new, &r->place, spare);
	/* The VMA has a reference of its own. */
	if (r->made)
		object_put(r->made);
	return err;
}

static inline int perform(struct aspace *as, struct request *r)
{
	const struct vma *new = &r->new;

	/* The place is free, and what is mapped is there. */
	if (!r->over && (!(new->flags &VMA_SHARED) || new->object))
		return aspace_add(as, new, &r->place);
	return perform_slowly(as, r);
}

static inline int map(struct aspace *as, const struct aspace_mmap *m,
		      struct request *r)
{
	int err = decode(as, m, r);

	if (!err)
		err = check_limits(as, r);
	return err ? err : perform(as, r);
}

/* There is no pool of huge pages; there could be one for those of a leaf. */
static int no_huge_pool(const struct aspace_mmap *m)
{
	uint32_t log = m->flags >> MAP_HUGE_SHIFT;
	bool known = !log || ((uint64_t)1 << log) == ASPACE_HUGE;

	return !m->len || !known || m->object || m->refuse ? -EINVAL : -ENOMEM;
}

int aspace_mmap(struct aspace *as, const struct aspace_mmap *m, vaddr_t *at)
{
	const uint32_t now = MAP_POPULATE | MAP_NONBLOCK;
	struct request r;
	int err;

	if (m->flags & MAP_HUGETLB)
		return no_huge_pool(m);
	aspace_lock(as);
	err = map(as, m, &r);
	aspace_unlock(as);
	if (err)
		return err;
	*at = r.new.va.start;
	if ((r.new.flags &VMA_LOCKED) || (m->flags & now) == MAP_POPULATE)
		aspace_populate(as, r.new.va, true);
	return 0;
}

int aspace_map_anonymous(struct aspace *as, vaddr_t addr, uint64_t len,
			 uint32_t prot, uint32_t flags, vaddr_t *at)
{
	struct aspace_mmap m = {
		.addr = addr,
		.len = len,
		.prot = prot,
		.flags = flags | MAP_PRIVATE | MAP_ANONYMOUS,
	};

	return aspace_mmap(as, &m, at);
}

int aspace_munmap(struct aspace *as, vaddr_t addr, uint64_t len)
{
	uint64_t end = as->vmas.bounds.end;
	int err;

	if (!is_aligned(addr, PAGE_SIZE) || addr > end || len > end - addr ||
	    !len)
		return -EINVAL;
	aspace_lock(as);
	err = aspace_unmap(as,
			   range_make(addr, addr + align_up(len, PAGE_SIZE)));
	aspace_unlock(as);
	return err;
}

/* Is all of va mapped, from v on, as v is: the same memory, rights and flags? In what
 * order its pages come may differ, after an earlier call of this kind. */
static bool mapped_alike(const struct vma *v, struct range va)
{
	const struct vma *next;

	for (; v->va.end < va.end; v = next) {
		next = v->next;
		if (!next || next->va.start != v->va.end ||
		    next->object != v->object ||
		    !vma_alike(next, v->prot, v->flags))
			return false;
	}
	return true;
}

/* The object of the shared mapping of va, in `m`, with a reference, and what it may
 * be used for. */
static int look_shared(struct aspace *as, struct range va,
		       struct aspace_mmap *m)
{
	int err = -EINVAL;
	struct vma *v;

	aspace_lock(as);
	v = vma_at(&as->vmas, va.start);
	if (v && (v->flags & VMA_SHARED) && !(v->flags & VMA_DENY_WRITE) &&
	    mapped_alike(v, va)) {
		m->prot = v->prot;
		m->flags |= v->flags & VMA_LOCKED ? MAP_LOCKED : 0;
		m->object = object_get(v->object);
		err = 0;
	}
	aspace_unlock(as);
	return err;
}

/* The last one is too far for any mapping. */
#define MAX_PGOFF (((uint64_t)1 << (64 - PAGE_SHIFT)) - 1)

int aspace_remap_pages(struct aspace *as, vaddr_t addr, uint64_t len,
		       uint32_t prot, uint64_t pgoff, uint32_t flags)
{
	struct aspace_mmap m = {
		.addr = align_down(addr, PAGE_SIZE),
		.len = align_down(len, PAGE_SIZE),
		.offset = min_u64(pgoff, MAX_PGOFF) << PAGE_SHIFT,
		.flags = MAP_SHARED | MAP_FIXED | MAP_POPULATE |
			 (flags & MAP_NONBLOCK),
	};
	struct range va = range_make(m.addr, m.addr + m.len);
	vaddr_t at;
	int err;

	if (prot || range_empty(va) || pgoff + (m.len >> PAGE_SHIFT) < pgoff)
		return -EINVAL;
	err = look_shared(as, va, &m);
	if (err)
		return err;
	err = aspace_mmap(as, &m, &at);
	object_put(m.object);
	return err;
}
