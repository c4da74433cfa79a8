/*
 * Memory objects (<mm/object.h>).
 *
 *	VMA ---.		 .--- leaf of a page table
 *	VMA ---+--> object --> page
 *	file --'   (tree by index)
 *
 * I1  Each page of the tree has one reference of the object's, PAGE_OBJECT, and its
 *     index as owner. A leaf that maps it has one of its own: so a page that
 *     leaves the object lives on until the last leaf is zapped.
 * I2  No page lies wholly beyond the size.
 *
 * Whoever takes pages out does that first and zaps leaves then (user_remove()). A
 * fault that had looked before is in a read section of its space; zapping enters
 * the space as its writer, so it comes after that fault, and takes its leaf too.
 *
 * Locking: the tree is under the object's spinlock, which is held for a few loads
 * by faults. Nothing is allocated with it held: who adds a page looks how many nodes
 * are missing, gets these and the page, and looks again.
 */
#include <string.h>

#include <lib/errno.h>
#include <mm/kmalloc.h>
#include <mm/layout.h>
#include <mm/page_ref.h>
#include <mm/tlb.h>

#include "object_impl.h"

static uint64_t pages_of(uint64_t size)
{
	return size / PAGE_SIZE + (size % PAGE_SIZE != 0);
}

static bool in_size(const struct vm_object *o, uint64_t index)
{
	return index < pages_of(__atomic_load_n(&o->size, __ATOMIC_RELAXED));
}

struct vm_object *object_create(uint64_t size)
{
	struct vm_object *o = kmalloc(sizeof(*o), ALLOC_ZERO);

	if (!o)
		return NULL;
	spin_lock_init(&o->lock, LOCK_OBJECT);
	o->refs = 1;
	o->size = size;
	list_init(&o->vmas);
	return o;
}

void object_put(struct vm_object *o)
{
	if (!o || __atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL))
		return;
	object_erase(o, range_make(0, UINT64_MAX), page_put);
	kfree(o);
}

static void free_nodes(struct spare_nodes *s)
{
	while (s->n)
		kfree(s->node[--s->n]);
}

static bool get_nodes(struct spare_nodes *s, unsigned n)
{
	while (s->n < n) {
		struct object_node *node = kmalloc(sizeof(*node), ALLOC_ZERO);

		if (!node)
			return false;
		s->node[s->n++] = node;
	}
	return true;
}

/* Put `mine` there, unless a page is there by now: which is it then? With a
 * reference for the caller. -EAGAIN: it takes *lacks nodes. */
static int try_to_add(struct vm_object *o, uint64_t index, struct page *mine,
		      struct spare_nodes *s, struct page **p, unsigned *lacks)
{
	int err = 0;

	spin_lock(&o->lock);
	*p = object_find(o, index);
	*lacks = *p ? 0 : object_lacks(o, index);
	if (!in_size(o, index)) {
		err = -ERANGE;
	} else if (*p) {
		page_get(*p);
	} else if (*lacks > s->n) {
		err = -EAGAIN;
	} else {
		*p = mine;
		page_get(mine);
		object_insert(o, index, mine, s);
	}
	spin_unlock(&o->lock);
	return err;
}

static int add_page(struct vm_object *o, uint64_t index, struct page **p)
{
	struct page *mine = page_alloc(0, ALLOC_ZERO);
	struct spare_nodes s = {.n = 0};
	unsigned lacks = 0;
	int err;

	if (!mine)
		return -ENOMEM;
	mine->flags |= PAGE_OBJECT;
	mine->owner = index;
	do {
		err = get_nodes(&s, lacks)
			      ? try_to_add(o, index, mine, &s, p, &lacks)
			      : -ENOMEM;
	} while (err == -EAGAIN);
	free_nodes(&s);
	if (err || *p != mine)
		page_put(mine);
	else
		/* Who runs it must not run what the frame was before. */
		__atomic_fetch_add(&o->written, 1, __ATOMIC_RELEASE);
	return err;
}

int object_page(struct vm_object *o, uint64_t index, bool create,
		struct page **p)
{
	if (!in_size(o, index))
		return -ERANGE;
	spin_lock(&o->lock);
	*p = object_find(o, index);
	if (*p)
		page_get(*p);
	spin_unlock(&o->lock);
	if (*p)
		return 0;
	return create ? add_page(o, index, p) : -ENOENT;
}

unsigned object_pages(struct vm_object *o, uint64_t index, unsigned n,
		      struct page **page)
{
	struct object_node *leaf = NULL;
	unsigned found = 0;

	spin_lock(&o->lock);
	for (unsigned i = 0; i < n; i++) {
		if (!i || !((index + i) % NODE_SIZE))
			leaf = object_leaf(o, index + i);
		page[i] = leaf ? leaf->slot[(index + i) % NODE_SIZE] : NULL;
		if (!page[i])
			continue;
		page_get(page[i]);
		found++;
	}
	spin_unlock(&o->lock);
	return found;
}

bool object_has(struct vm_object *o, uint64_t index)
{
	bool has;

	spin_lock(&o->lock);
	has = object_find(o, index);
	spin_unlock(&o->lock);
	return has;
}

static uint8_t *bytes(const struct page *p, uint64_t offset)
{
	return (uint8_t *)phys_to_virt(page_to_phys(p)) + offset % PAGE_SIZE;
}

/* So many bytes of this are in the page of `offset`. */
static size_t in_page(uint64_t offset, size_t n)
{
	return min_u64(n, PAGE_SIZE - offset % PAGE_SIZE);
}

size_t object_read(struct vm_object *o, uint64_t offset, void *to, size_t n)
{
	uint64_t size = __atomic_load_n(&o->size, __ATOMIC_RELAXED);
	uint8_t *at = to;

	if (offset >= size)
		return 0;
	n = min_u64(n, size - offset);
	for (size_t left = n, part; left; left -= part) {
		struct page *p;

		part = in_page(offset, left);
		if (object_page(o, offset / PAGE_SIZE, false, &p)) {
			memset(at, 0, part);
		} else {
			memcpy(at, bytes(p, offset), part);
			page_put(p);
		}
		at += part;
		offset += part;
	}
	return n;
}

int object_write(struct vm_object *o, uint64_t offset, const void *from,
		 size_t n)
{
	uint64_t size = __atomic_load_n(&o->size, __ATOMIC_RELAXED);
	const uint8_t *at = from;
	int err = 0;

	if (n > size || offset > size - n)
		return -ERANGE;
	for (size_t part; n && !err; n -= part) {
		struct page *p;

		part = in_page(offset, n);
		err = object_page(o, offset / PAGE_SIZE, true, &p);
		if (err)
			break;
		memcpy(bytes(p, offset), at, part);
		page_put(p);
		at += part;
		offset += part;
	}
	/* Release: who sees that syncs what was stored. */
	__atomic_fetch_add(&o->written, 1, __ATOMIC_RELEASE);
	return err;
}

void object_punch(struct vm_object *o, struct range index)
{
	spin_lock(&o->lock);
	object_erase(o, index, page_put);
	spin_unlock(&o->lock);
}

void object_resize(struct vm_object *o, uint64_t size)
{
	struct page *last;

	spin_lock(&o->lock);
	__atomic_store_n(&o->size, size, __ATOMIC_RELAXED);
	object_erase(o, range_make(pages_of(size), UINT64_MAX), page_put);
	last = size % PAGE_SIZE ? object_find(o, size / PAGE_SIZE) : NULL;
	if (last)
		memset(bytes(last, size), 0, PAGE_SIZE - size % PAGE_SIZE);
	spin_unlock(&o->lock);
}

void object_sync_code(struct vm_object *o)
{
	uint64_t written = __atomic_load_n(&o->written, __ATOMIC_ACQUIRE);

	if (__atomic_load_n(&o->synced, __ATOMIC_ACQUIRE) == written)
		return;
	tlb_sync_code();
	/* Release: who sees it fetches what was written. What was written since is
	 * not in it. */
	__atomic_store_n(&o->synced, written, __ATOMIC_RELEASE);
}

const char *object_check(struct vm_object *o)
{
	const char *wrong;

	spin_lock(&o->lock);
	wrong = object_check_tree(o);
	spin_unlock(&o->lock);
	return wrong;
}
