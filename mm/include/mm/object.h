/*
 * Memory objects: pages by index, which several VMAs, processes and files may
 * share. Shared anonymous memory is one without a name; a file's page cache is one;
 * both live only here.
 *
 * Tasks and boot; any harts at once. No spinlock held, but where said. When memory
 * is out it is -ENOMEM, and nothing changed.
 */
#pragma once

#include <kernel/spinlock.h>
#include <lib/list.h>
#include <lib/range.h>
#include <mm/page.h>

struct object_node;

struct vm_object {
	struct spinlock lock; /* LOCK_OBJECT; never in interrupts */
	uint32_t refs;	      /* (a) */
	uint64_t size;	  /* bytes (a): whole pages beyond its end are SIGBUS */
	uint64_t npages;  /* present (l) */
	struct list vmas; /* struct vma.of_object (l) */
	unsigned levels;  /* of nodes (l) */
	struct object_node *root; /* (l) */
	/* So often was it written to by the kernel, and so often had it been when
	 * all harts last forgot the code that they had fetched (a). */
	uint64_t written, synced;
};

/* An empty one: its pages read as zeros. One reference. NULL: no memory. */
struct vm_object *object_create(uint64_t size);

static inline struct vm_object *object_get(struct vm_object *o)
{
	__atomic_fetch_add(&o->refs, 1, __ATOMIC_RELAXED);
	return o;
}

/* The last one frees all. NULL: nothing. */
void object_put(struct vm_object *o);

/*
 * The page at `index`, with a reference for the caller. 0; -ENOENT: absent and
 * !create; -ERANGE: beyond the size; -ENOMEM. A new page is cleared.
 */
int object_page(struct vm_object *o, uint64_t index, bool create,
		struct page **p);

/* Those of the `n` pages from `index` on (64 at most) that are present and inside
 * the size, each with a reference: page[i] is NULL otherwise. How many? */
unsigned object_pages(struct vm_object *o, uint64_t index, unsigned n,
		      struct page **page);

/* Does it have the page now? (mincore) */
bool object_has(struct vm_object *o, uint64_t index);

/* Bytes by the direct map, for kernel readers and writers. Reads beyond the size
 * are short. A write that does not fit is -ERANGE with nothing done; at -ENOMEM
 * what is in front of the missing page is written. */
size_t object_read(struct vm_object *o, uint64_t offset, void *p, size_t n);
int object_write(struct vm_object *o, uint64_t offset, const void *p, size_t n);

/*
 * Forget the pages with these indices: from now on they read as zeros. Leaves that
 * map them stay, with their references: who punches zaps them next
 * (user_remove() does both), in this order, so that none is mapped anew.
 */
void object_punch(struct vm_object *o, struct range index);

/* Change the size, in bytes. Pages wholly beyond are forgotten as by
 * object_punch(), and the rest of the last one is cleared. */
void object_resize(struct vm_object *o, uint64_t size);

/* Before code of it can be run that was written since the last time: all harts
 * fetch it anew. */
void object_sync_code(struct vm_object *o);

/* The tree is whole, pages are marked, references are there. NULL, or what is wrong. */
const char *object_check(struct vm_object *o);
