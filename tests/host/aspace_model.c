/* The model of user spaces (aspace_model.h). */
#include <string.h>

#include <lib/errno.h>

#include "aspace_model.h"

#define LOCKS ((uint32_t)(VMA_LOCKED | VMA_LOCKONFAULT))

static bool same_vma(const struct model_cell *a, const struct model_cell *b)
{
	return a->used && b->used && a->prot == b->prot &&
	       a->flags == b->flags && a->object == b->object &&
	       (a->object < 0 || a->index + 1 == b->index);
}

unsigned model_vma_end(const struct model_space *s, unsigned page)
{
	while (page + 1 < MODEL_PAGES &&
	       same_vma(&s->cell[page], &s->cell[page + 1]))
		page++;
	return page + 1;
}

bool model_one_vma(const struct model_space *s, struct pages p)
{
	return p.start < p.end && s->cell[p.start].used &&
	       model_vma_end(s, p.start) >= p.end;
}

bool model_free(const struct model_space *s, struct pages p)
{
	for (unsigned i = p.start; i < p.end; i++)
		if (s->cell[i].used)
			return false;
	return true;
}

static bool in_use(const struct model *m, int object)
{
	for (unsigned s = 0; s < MODEL_SPACES; s++)
		for (unsigned i = 0; m->space[s].used && i < MODEL_PAGES; i++)
			if (m->space[s].cell[i].used &&
			    m->space[s].cell[i].object == object)
				return true;
	return false;
}

int model_new_object(struct model *m, unsigned pages)
{
	for (int o = MODEL_FILES; o < (int)MODEL_OBJECTS; o++) {
		if (in_use(m, o))
			continue;
		m->object[o] =
			(struct model_object){.used = true, .pages = pages};
		return o;
	}
	return -1;
}

static uint64_t *value_of(struct model *m, struct model_cell *c)
{
	return c->object < 0 || c->own ? &c->value
				       : &m->object[c->object].value[c->index];
}

static bool beyond(const struct model *m, const struct model_cell *c)
{
	return c->object >= 0 && !c->own &&
	       c->index >= m->object[c->object].pages;
}

/* The program is about to store to it. */
static void make_own(struct model *m, struct model_cell *c)
{
	if (c->object < 0 || c->own || (c->flags & VMA_SHARED))
		return;
	c->value = *value_of(m, c);
	c->own = true;
}

enum fault_result model_access(struct model *m, unsigned space, unsigned page,
			       enum access kind, uint64_t *value)
{
	static const uint32_t right[] = {VM_READ | VM_WRITE, VM_WRITE, VM_EXEC};
	struct model_cell *c = &m->space[space].cell[page];

	if (!c->used)
		return FAULT_MAPERR;
	if (!(c->prot & right[kind]))
		return FAULT_ACCERR;
	if (beyond(m, c))
		return FAULT_BUS;
	if (kind == ACCESS_STORE) {
		make_own(m, c);
		*value_of(m, c) = *value;
	} else {
		*value = *value_of(m, c);
	}
	return FAULT_DONE;
}

/* Fault in as mmap and mlock do; the first error ends it. */
static int populate(struct model *m, struct model_space *s, struct pages p)
{
	for (unsigned i = p.start; i < p.end; i++) {
		struct model_cell *c = &s->cell[i];

		if (!c->used || (c->flags & VMA_LOCKONFAULT))
			continue;
		if (!(c->prot & (VM_READ | VM_WRITE)))
			return -EINVAL;
		if (beyond(m, c))
			return -EFAULT;
		if (c->prot & VM_WRITE)
			make_own(m, c);
	}
	return 0;
}

/* The same, VMA by VMA, whatever the errors. */
static void populate_all(struct model *m, struct model_space *s, struct pages p)
{
	while (p.start < p.end) {
		unsigned end = model_vma_end(s, p.start);

		if (end > p.end)
			end = p.end;
		populate(m, s, (struct pages){p.start, end});
		p.start = end;
	}
}

static uint32_t accounted(const struct model_cell *c)
{
	return (c->prot & VM_WRITE) &&
			       !(c->flags & (VMA_SHARED | VMA_NORESERVE))
		       ? VMA_ACCOUNTED
		       : 0;
}

void model_map(struct model *m, unsigned space, struct pages p,
	       const struct model_cell *first, bool now)
{
	struct model_space *s = &m->space[space];

	for (unsigned i = p.start; i < p.end; i++) {
		s->cell[i] = *first;
		s->cell[i].used = true;
		s->cell[i].flags |= accounted(first);
		if (first->object >= 0)
			s->cell[i].index += i - p.start;
	}
	if (now || (first->flags & VMA_LOCKED))
		populate_all(m, s, p);
}

void model_unmap(struct model_space *s, struct pages p)
{
	for (unsigned i = p.start; i < p.end; i++)
		s->cell[i] = (struct model_cell){.object = -1};
}

int model_protect(struct model *m, unsigned space, struct pages p,
		  uint32_t prot)
{
	for (unsigned i = p.start; i < p.end; i++) {
		struct model_cell *c = &m->space[space].cell[i];
		uint32_t before = c->prot;

		if (!c->used)
			return -ENOMEM;
		if ((prot & VM_WRITE) && (c->flags & VMA_DENY_WRITE))
			return -EACCES;
		c->prot = prot;
		if (before & VM_WRITE || !(prot & VM_WRITE))
			continue;
		c->flags |= accounted(c);
		/* What is locked is there for stores. */
		if ((c->flags & LOCKS) == VMA_LOCKED && !beyond(m, c))
			make_own(m, c);
	}
	return 0;
}

/* What the advice does to a page's VMA; false: none of these. */
static bool advise_flags(struct model_cell *c, int advice)
{
	static const struct {
		int advice;
		uint32_t clear, set;
	} all[] = {
		{MADV_NORMAL, VMA_SEQUENTIAL | VMA_RANDOM, 0},
		{MADV_RANDOM, VMA_SEQUENTIAL, VMA_RANDOM},
		{MADV_SEQUENTIAL, VMA_RANDOM, VMA_SEQUENTIAL},
		{MADV_DONTFORK, 0, VMA_DONTFORK},
		{MADV_DOFORK, VMA_DONTFORK, 0},
		{MADV_WIPEONFORK, 0, VMA_WIPEONFORK},
		{MADV_KEEPONFORK, VMA_WIPEONFORK, 0},
		{MADV_HUGEPAGE, VMA_NOHUGE, VMA_HUGE},
		{MADV_NOHUGEPAGE, VMA_HUGE, VMA_NOHUGE},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].advice == advice) {
			c->flags = (c->flags & ~all[i].clear) | all[i].set;
			return true;
		}
	return false;
}

static void forget(struct model_cell *c)
{
	if (c->flags & VMA_SHARED)
		return;
	c->own = false;
	c->value = 0;
}

static int remove_page(struct model *m, struct model_cell *c)
{
	if ((c->flags & VMA_LOCKED) || c->object < 0)
		return -EINVAL;
	if (!(c->flags & VMA_SHARED) || (c->flags & VMA_DENY_WRITE))
		return -EACCES;
	if (c->index < MODEL_OBJECT_PAGES)
		m->object[c->object].value[c->index] = 0;
	return 0;
}

static int populate_page(struct model *m, struct model_cell *c, bool write)
{
	if (!(c->prot & (write ? VM_WRITE : VM_READ | VM_WRITE)))
		return -EINVAL;
	if (beyond(m, c))
		return -EFAULT;
	if (write)
		make_own(m, c);
	return 0;
}

static int advise_page(struct model *m, struct model_cell *c, int advice)
{
	bool locked = c->flags & VMA_LOCKED;

	switch (advice) {
	case MADV_WIPEONFORK:
		if (c->object >= 0)
			return -EINVAL;
		break;
	case MADV_FREE:
		if (c->object >= 0 || locked)
			return -EINVAL;
		forget(c);
		return 0;
	case MADV_DONTNEED:
		if (locked)
			return -EINVAL;
		forget(c);
		return 0;
	case MADV_DONTNEED_LOCKED:
		forget(c);
		return 0;
	case MADV_COLD:
	case MADV_PAGEOUT:
		return locked ? -EINVAL : 0;
	case MADV_REMOVE:
		return remove_page(m, c);
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		return populate_page(m, c, advice == MADV_POPULATE_WRITE);
	}
	advise_flags(c, advice);
	return 0;
}

int model_advise(struct model *m, unsigned space, struct pages p, int advice)
{
	int hole = 0, err;

	for (unsigned i = p.start; i < p.end; i++) {
		struct model_cell *c = &m->space[space].cell[i];

		if (!c->used) {
			hole = -ENOMEM;
			continue;
		}
		err = advise_page(m, c, advice);
		if (err)
			return err;
	}
	return hole;
}

static int set_locks(struct model_space *s, struct pages p, uint32_t flags)
{
	for (unsigned i = p.start; i < p.end; i++) {
		if (!s->cell[i].used)
			return -ENOMEM;
		s->cell[i].flags = (s->cell[i].flags & ~LOCKS) | flags;
	}
	return 0;
}

int model_lock(struct model *m, unsigned space, struct pages p, bool on_fault)
{
	struct model_space *s = &m->space[space];

	if (set_locks(s, p, VMA_LOCKED | (on_fault ? VMA_LOCKONFAULT : 0)))
		return -ENOMEM;
	return populate(m, s, p) ? -ENOMEM : 0;
}

int model_unlock(struct model_space *s, struct pages p)
{
	return set_locks(s, p, 0);
}

/* Cells `at` become what `like` is, but empty; the first is so many pages behind it
 * in the object. */
static void extend(struct model_space *s, struct model_cell like,
		   struct pages at, unsigned first)
{
	for (unsigned i = at.start; i < at.end; i++) {
		s->cell[i] = like;
		s->cell[i].own = false;
		s->cell[i].value = 0;
		if (like.object >= 0)
			s->cell[i].index = like.index + (first + i - at.start);
	}
}

static int check_size(const struct model_space *s, struct pages from)
{
	const struct model_cell *c = &s->cell[from.start];

	/* Its place was the target. */
	if (!c->used)
		return -EFAULT;
	if (from.start == from.end && !(c->flags & VMA_SHARED))
		return -EINVAL;
	return from.end > model_vma_end(s, from.start) ? -EFAULT : 0;
}

static int grow(struct model *m, struct model_space *s, struct pages from,
		unsigned len)
{
	struct pages more = {from.end, from.start + len};
	struct model_cell like = s->cell[from.start];
	int err = check_size(s, from);

	if (err)
		return err;
	if (from.end != model_vma_end(s, from.start) || !model_free(s, more))
		return -ENOMEM;
	extend(s, like, more, from.end - from.start);
	if (like.flags & VMA_LOCKED)
		populate_all(m, s, more);
	return 0;
}

static void move(struct model *m, struct model_space *s, struct pages from,
		 unsigned len, bool stays, unsigned to)
{
	struct model_cell like = s->cell[from.start];
	unsigned n = from.end - from.start;

	extend(s, like, (struct pages){to, to + len}, 0);
	for (unsigned i = 0; i < n; i++) {
		struct model_cell *c = &s->cell[from.start + i];

		s->cell[to + i] = *c;
		c->flags &= ~LOCKS;
		forget(c);
	}
	if (!stays)
		model_unmap(s, from);
	if (like.flags & VMA_LOCKED)
		populate_all(m, s, (struct pages){to + n, to + len});
}

int model_remap(struct model *m, unsigned space, struct pages from,
		unsigned len, uint32_t flags, unsigned to)
{
	struct model_space *s = &m->space[space];
	bool stays = flags & MREMAP_DONTUNMAP;
	int err;

	if (!len || (stays && len != from.end - from.start))
		return -EINVAL;
	if (!s->cell[from.start].used)
		return -EFAULT;
	if (!(flags & MREMAP_FIXED)) {
		if (from.end - from.start < len)
			return grow(m, s, from, len);
		model_unmap(s, (struct pages){from.start + len, from.end});
		return 0;
	}
	if (from.end > to && to + len > from.start)
		return -EINVAL;
	model_unmap(s, (struct pages){to, to + len});
	if (from.start + len < from.end) {
		model_unmap(s, (struct pages){from.start + len, from.end});
		from.end = from.start + len;
	}
	err = check_size(s, from);
	if (!err)
		move(m, s, from, len, stays, to);
	return err;
}

void model_fork(struct model *m, unsigned parent, unsigned child)
{
	struct model_space *to = &m->space[child];

	*to = m->space[parent];
	for (unsigned i = 0; i < MODEL_PAGES; i++) {
		struct model_cell *c = &to->cell[i];

		if (c->flags & VMA_DONTFORK)
			*c = (struct model_cell){.object = -1};
		c->flags &= ~LOCKS;
		if (c->flags & VMA_WIPEONFORK)
			forget(c);
	}
}
