/* What the files of vmalloc share. */
#pragma once

#include <kernel/spinlock.h>
#include <lib/list.h>
#include <mm/arena.h>
#include <mm/vmalloc.h>

enum area_kind { AREA_MEMORY, AREA_WINDOW, AREA_STACK, AREA_KINDS };

enum area_state {
	AREA_BUSY,  /* somebody maps or unmaps it */
	AREA_LIVE,  /* handed out */
	AREA_FREED, /* waits on the lazy list */
	AREA_SPARE, /* unmapped, kept for the next one of its size */
};

/* The entries of a window, if they are its alone (I5 in vmap.c): so many of one
 * permanent table, and the others of the next. */
struct vm_entries {
	pte_t *first, *second; /* first == NULL: they are not */
	uint32_t nfirst, nsecond;
	unsigned shift; /* log2 of what each maps */
};

/* Addresses in use, until harts have forgotten them. */
struct vm_area {
	struct arena_tag tag;  /* its pages, and the guard page behind (l) */
	uint64_t size;	       /* bytes of its pages (c) */
	enum area_kind kind;   /* (c) */
	struct vm_entries own; /* of a window (c) */
	uint64_t align;	       /* what a window was placed for (c) */
	struct vm_area **slot; /* for it, when it is spare (c) */
	enum area_state state; /* (l) */
	struct list lazy;      /* links those that are freed (l) */
	/* Of a busy area these are whoever's made it so, else constant: */
	struct list blocks; /* its memory: struct page, by their links */
	struct alloc_track allocated, freed;
};

/* An area that is gone. */
struct vm_gone {
	struct range va; /* without the guard; empty: none */
	enum area_kind kind;
	struct alloc_track allocated, freed;
};

#define VM_GONE 32

/* Small windows have addresses of their own. */
enum { VM_WINDOWS, VM_REST, VM_ARENAS };

/* Spare windows, by a hash of their size. */
#define VM_SPARE_BITS 4
#define VM_SPARES     (1u << VM_SPARE_BITS)

struct vm {
	struct spinlock lock; /* nothing is called under it: for any context */
	/* All (l): */
	struct arena arena[VM_ARENAS];
	struct list lazy; /* areas that are freed */
	uint64_t nlazy, lazy_bytes;
	uint64_t purges, flushed;
	struct vm_area *spare[VM_SPARES];
	struct vm_gone gone[VM_GONE]; /* a ring: the last ones, for reports */
	unsigned last_gone;
	uint64_t lazy_max; /* bytes that may wait (c) */
};

extern struct vm vm;

static inline struct vm_area *area_of(struct arena_tag *t)
{
	return t ? container_of(t, struct vm_area, tag) : NULL;
}

/* What is mapped. */
static inline struct range area_range(const struct vm_area *a)
{
	return range_make(a->tag.range.start, a->tag.range.start + a->size);
}

/* The last area that was at this address, if it is known still. The lock is
 * held. */
const struct vm_gone *vm_gone_at(vaddr_t va);

/* "memory", "window", "stack" */
const char *area_name(enum area_kind kind);

/* The area that holds `va`; the first that ends behind it. Or NULL. The lock is
 * held. */
struct vm_area *area_find(vaddr_t va);
struct vm_area *area_find_from(vaddr_t va);

/*
 * A busy area of `size` bytes (whole pages) at `phase` modulo `align`, which holds
 * no memory; `pc` wants it. NULL: no memory, or no addresses. It is handed out by
 * area_publish() when it is ready.
 */
struct vm_area *area_new(enum area_kind kind, uint64_t size, uint64_t align,
			 uint64_t phase, unsigned flags, uintptr_t pc);

/* What becomes of the live area of this kind that starts at `va`: freed or busy.
 * If there is none, that is reported as a misuse by `pc`, and NULL comes back. */
struct vm_area *area_claim(vaddr_t va, enum area_kind kind,
			   enum area_state next, uintptr_t pc);

/* Hand a busy area out, whose mapping was just flushed: that was a barrier, too. */
static inline void area_publish(struct vm_area *a)
{
	__atomic_store_n(&a->state, AREA_LIVE, __ATOMIC_RELAXED);
}

/* A busy area of which no hart knows anything any more: forget it, too. */
void area_release(struct vm_area *a);

/*
 * Windows for who keeps the area (vmap.c): vmap() of whole pages, which must not
 * be empty, nor wrap, nor have rights that vmap() refuses; and vunmap(), of an
 * area that is nobody else's. `pc` wants it.
 */
struct vm_area *window_open(struct range pages, vm_prot_t prot,
			    enum mem_attr attr, uintptr_t pc);
void window_close(struct vm_area *a, uintptr_t pc);

/* Spare windows go (vmap.c). */
void vmap_drop_spares(void);

static inline uint64_t vm_lock(void)
{
	return spin_lock_irqsave(&vm.lock);
}

static inline void vm_unlock(uint64_t flags)
{
	spin_unlock_irqrestore(&vm.lock, flags);
}
