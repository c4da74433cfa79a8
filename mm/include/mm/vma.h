/*
 * VMAs: which addresses of a user space are in use, and as what. Bookkeeping on
 * a balanced tree (<lib/tree.h>) in which each node knows the largest gap below
 * it, and a list: no page table and no frame is touched here, and nothing is
 * allocated.
 *
 * Locking: the owner's. All that changes the map needs it for itself alone.
 */
#pragma once

#include <kernel/types.h>
#include <lib/list.h>
#include <lib/range.h>
#include <lib/tree.h>

struct aspace;
struct vm_object;

enum {				/* struct vma.flags */
       VMA_SHARED = 1u << 0,	/* stores are seen by all who map the object */
       VMA_GROWSDOWN = 1u << 1, /* a stack: faults below it make it grow */
       VMA_LOCKED = 1u << 2,	/* pages stay; they are there from the start, */
       VMA_LOCKONFAULT = 1u
			 << 3,	/* but with this (and _LOCKED) come by faults */
       VMA_NORESERVE = 1u << 4, /* was not to be counted as committed */
       VMA_DONTFORK = 1u << 5,	/* children don't have it */
       VMA_WIPEONFORK = 1u << 6,  /* children have it empty */
       VMA_HUGE = 1u << 7,	  /* MADV_HUGEPAGE */
       VMA_NOHUGE = 1u << 8,	  /* MADV_NOHUGEPAGE */
       VMA_ACCOUNTED = 1u << 9,	  /* counts as committed memory */
       VMA_SEQUENTIAL = 1u << 10, /* how it will be read; both: never */
       VMA_RANDOM = 1u << 11,
       VMA_DENY_WRITE = 1u << 12, /* shared, but opened for reading only */
};

/* A program's accesses must stay so far below a VMA_GROWSDOWN, unless they make it
 * grow: nothing is placed there. Bytes. */
#define VMA_GUARD (256 * PAGE_SIZE)

struct vma {
	struct range va; /* whole pages, not empty */
	vm_prot_t prot;	 /* VM_READ | VM_WRITE | VM_EXEC; 0: PROT_NONE */
	uint32_t flags;
	struct vm_object *object; /* NULL: private anonymous memory. The VMA
				     holds a reference */
	uint64_t offset;	  /* of va.start in the object, pages; else 0 */
	struct list of_object;	  /* in object->vmas */
	struct aspace *as;	  /* (c) */
	/* private: */
	struct vma *prev, *next; /* its neighbours; NULL at the ends */
	struct tree_node node;
	uint64_t gap;  /* free bytes in front of it that count */
	uint64_t most; /* the largest gap of the VMAs below it and its own */
};

struct vma_map {
	struct tree tree;
	struct vma *first, *last; /* NULL: there is none */
	struct range bounds;	  /* all VMAs lie in it (c) */
	uint64_t count;
	/* Where vma_find_gap() finds places, set while the map is empty: inside of
	 * the bounds; it begins at the first page or the second. */
	struct range given;
	/* private: */
	struct vma *hole; /* whose gap is not in the sums; or NULL */
	bool above;	  /* may gaps above it be? */
};

/* An empty one, where all is given out. */
void vma_map_init(struct vma_map *m, struct range bounds);

/* The VMA that has `va`, or the next above; NULL: there is none. O(log n), as
 * all that follow. */
static inline struct vma *vma_find(const struct vma_map *m, vaddr_t va)
{
	struct tree_node *n = m->tree.root;
	struct vma *found = NULL;

	while (n) {
		struct vma *v = container_of(n, struct vma, node);

		if (v->va.end > va) {
			found = v;
			n = n->child[TREE_LEFT];
		} else {
			n = n->child[TREE_RIGHT];
		}
	}
	return found;
}

static inline struct vma *vma_first(const struct vma_map *m)
{
	return m->first;
}

static inline struct vma *vma_last(const struct vma_map *m)
{
	return m->last;
}

static inline struct vma *vma_next(const struct vma *v)
{
	return v->next;
}

static inline struct vma *vma_prev(const struct vma *v)
{
	return v->prev;
}

/* The first one that has a page of `va`, which is not empty; NULL: it is free. */
static inline struct vma *vma_overlap(const struct vma_map *m, struct range va)
{
	struct vma *v = vma_find(m, va.start);

	return v && v->va.start < va.end ? v : NULL;
}

/* The one that has `va`, or NULL. */
static inline struct vma *vma_at(const struct vma_map *m, vaddr_t va)
{
	struct vma *v = vma_find(m, va);

	return v && v->va.start <= va ? v : NULL;
}

/* Nothing may be placed between this address and the VMA. */
static inline vaddr_t vma_guarded_start(const struct vma *v)
{
	if (!(v->flags & VMA_GROWSDOWN))
		return v->va.start;
	return v->va.start > VMA_GUARD ? v->va.start - VMA_GUARD : 0;
}

/* The VMAs around a free range: NULL at the ends. */
struct vma_place {
	struct vma *prev, *next;
};

/* The place of `va`, of which no page is in use. */
static inline struct vma_place vma_place(const struct vma_map *m, vaddr_t va)
{
	struct vma *next = vma_find(m, va);

	return (struct vma_place){next ? next->prev : m->last, next};
}

/*
 * The highest free range in `given` that has `size` bytes (whole pages, > 0) and
 * begins at a multiple of `align` (a power of two, at least a page): where, in
 * *at, and its place. With a larger alignment than a page it needs a gap of
 * size + align - PAGE_SIZE. Keeps out of guards.
 */
bool vma_find_gap(struct vma_map *m, uint64_t size, uint64_t align, vaddr_t *at,
		  struct vma_place *place);

/* The same at any multiple of a page that is not wholly below given.end. It looks at
 * each VMA there. */
bool vma_find_above(const struct vma_map *m, uint64_t size, vaddr_t *at,
		    struct vma_place *place);

/* Does b's memory follow a's, whatever rights and flags they have? */
static inline bool vma_continues(const struct vma *a, const struct vma *b)
{
	return a->va.end == b->va.start && a->object == b->object &&
	       (!a->object ||
		a->offset + (range_size(a->va) >> PAGE_SHIFT) == b->offset);
}

static inline bool vma_alike(const struct vma *v, vm_prot_t prot,
			     uint32_t flags)
{
	return v->prot == prot && v->flags == flags;
}

/* Could these two be one: does `b` follow `a` at once, with the same contents
 * going on? Either may be NULL, and need not be in the map. */
static inline bool vma_joins(const struct vma *a, const struct vma *b)
{
	return a && b && vma_continues(a, b) && vma_alike(a, b->prot, b->flags);
}

/* Hang v in, whose va is free; all its fields but private ones are set. It must not
 * join a neighbour. */
void vma_insert(struct vma_map *m, struct vma *v, struct vma_place place);
void vma_erase(struct vma_map *m, struct vma *v);

/* Move its ends, inside what is free around it; the offset follows. */
void vma_resize(struct vma_map *m, struct vma *v, struct range va);

/* Cut v at `at`, which is inside: `upper`, all fields of which are set here, is
 * the part from there on. */
void vma_split(struct vma_map *m, struct vma *v, vaddr_t at, struct vma *upper);

/*
 * Part of a VMA gets other rights or flags, and is joined with what then joins:
 *
 *	struct vma_change c = {.v, .va, .prot, .flags set};
 *
 *	vma_change_plan(&c);	how many VMAs there will be more: c.adds
 *	vma_change(m, &c);	makes it so: cannot fail
 *
 * In between nothing else is changed, and spare[] gets c.adds new VMAs (none, if
 * that is negative). Afterwards the -c.adds first ones of gone[] are the caller's,
 * and the references to objects of spare[] are the caller's to get.
 */
struct vma_change {
	struct vma *v;
	struct range va; /* in v */
	vm_prot_t prot;
	uint32_t flags;
	int adds; /* -2 to 2 */
	struct vma *spare[2], *gone[2];
	/* private: */
	bool head, tail;	  /* this is left of v in front, behind */
	struct vma *left, *right; /* or else who it joins there */
};
void vma_change_plan(struct vma_change *c);

/* Would that change v as a whole, and nothing join? Then there is no more to it than
 * the two fields. */
static inline bool vma_changes_alone(const struct vma *v, struct range va,
				     vm_prot_t prot, uint32_t flags)
{
	const struct vma *prev = v->prev, *next = v->next;

	return va.start == v->va.start && va.end == v->va.end &&
	       !(prev && vma_alike(prev, prot, flags) &&
		 vma_continues(prev, v)) &&
	       !(next && vma_alike(next, prot, flags) &&
		 vma_continues(v, next));
}

/* Returns the VMA that has c->va now. */
struct vma *vma_change(struct vma_map *m, struct vma_change *c);

/* Which neighbours would it join? */
enum { VMA_JOINS_PREV = 1, VMA_JOINS_NEXT = 2 };

static inline unsigned vma_add_joins(const struct vma *new,
				     const struct vma_place *place)
{
	return (vma_joins(place->prev, new) ? VMA_JOINS_PREV : 0) |
	       (vma_joins(new, place->next) ? VMA_JOINS_NEXT : 0);
}

/*
 * What `new` describes, all fields but private ones, becomes part of the map at a
 * place that is free, by joining neighbours, as vma_add_joins() said, not 0. Returns
 * the VMA that was joined to another and is the caller's now, or NULL.
 */
struct vma *vma_join(struct vma_map *m, const struct vma *new,
		     const struct vma_place *place, unsigned joins);

/* v loses its addresses in `va`, which it has some of, and others; *spare is needed
 * if vma_cut_splits(): the part behind. */
static inline bool vma_cut_splits(const struct vma *v, struct range va)
{
	return v->va.start < va.start && va.end < v->va.end;
}

void vma_cut(struct vma_map *m, struct vma *v, struct range va,
	     struct vma *spare);

/* Fill `to`, which is empty, with copies of all that is in `from`. copy() makes each: of
 * the whole struct, with what its owner wants to be different. -ENOMEM: one was NULL,
 * and `to` can only be taken apart. */
typedef struct vma *vma_copy_fn(void *ctx, const struct vma *v);
int vma_copy(struct vma_map *to, const struct vma_map *from, vma_copy_fn *copy,
	     void *ctx);

/* Take all apart: one VMA with each call, in no order, then NULL. Nothing else may
 * be done with the map before that. */
struct vma *vma_dismantle(struct vma_map *m);

/* Validate: NULL, or what is wrong. O(n). */
const char *vma_check(const struct vma_map *m);
