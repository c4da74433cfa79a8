/*
 * Slabs: objects out of frames (<mm/slab.h>).
 *
 *	| object | object | ... | object | slack | bitmap |
 *	  page    page   ...				struct page of each frame
 *
 * A slab is a block of 2^order frames. The page of each frame says PAGE_SLAB and
 * has the cache as its owner: from any pointer that leads to the cache in O(1).
 * That of the first frame has the slab's place in one of the cache's lists, and
 * in `refs` which objects are free: a bitmap if there are at most 32 of them,
 * else their number, and the bitmap is in the slab, behind the objects.
 *
 * Nothing is ever stored in a free object. So there is no pointer that a write
 * after free could bend, and nothing to obfuscate; and each object that comes
 * back is looked up in the bitmap: what is free already, or begins at no object,
 * or belongs to another cache, is found there, in release builds too.
 *
 * Invariants:
 *  I1  refs == 0 exactly for slabs on `full`, refs == all_free for those on
 *      `empty`, neither for those on `partial`
 *  I2  taken is the number of clear bits in all bitmaps
 *  I3  each frame of a slab, and no other, has PAGE_SLAB and the cache as owner
 *
 * Frames are taken and given back without the cache's lock: the zone's lock is
 * never waited for with it held. A slab's pages are cleared before they go, since
 * the allocator of frames looks at heads of blocks only.
 *
 * Cost: O(1) for an object. Its index is offset * r / 2^32, where r = 2^32 /
 * stride, rounded up by less than 1. That is exact: the error is less than
 * offset / 2^32, and the next integer is at least 1 / stride away; and offset *
 * stride < 2^32 (ORDER_MAX in slab_cache.c).
 */
#include <string.h>

#include "slab_impl.h"

/* Empty slabs that a cache keeps, so that an object to and fro costs no frames. */
#define KEEP_EMPTY 1

struct page *slab_head(const struct kmem_cache *c, struct page *p)
{
	pfn_t pfn = page_to_pfn(p);

	return p - (pfn & (((pfn_t)1 << c->order) - 1));
}

static char *base_of(const struct page *head)
{
	return phys_to_virt(page_to_phys(head));
}

void *slab_object(const struct kmem_cache *c, struct page *head, unsigned n)
{
	return base_of(head) + c->left + (size_t)n * c->stride;
}

static uint32_t *map_of(const struct kmem_cache *c, struct page *head)
{
	return c->map_at ? (uint32_t *)(void *)(base_of(head) + c->map_at)
			 : (uint32_t *)&head->refs;
}

struct page *slab_page_of(const void *p)
{
	struct page *page = slab_ram_page(p);

	return slab_in_ram(p) && page_map_has(slab_ram.map, page_to_pfn(page))
		       ? page
		       : NULL;
}

struct kmem_cache *slab_cache_of(const void *p)
{
	const struct page *page = slab_page_of(p);

	return page && (page->flags & PAGE_SLAB) ? slab_owner(page) : NULL;
}

bool slab_find(const struct kmem_cache *c, const void *at, unsigned *index,
	       void **obj)
{
	struct page *head = slab_head(c, slab_ram_page(at));
	uint64_t offset = (uint64_t)((const char *)at - base_of(head));

	*index = (unsigned)(offset * c->recip >> 32);
	if (*index >= c->per_slab)
		return false;
	*obj = slab_object(c, head, *index);
	return true;
}

bool slab_is_free(const struct kmem_cache *c, struct page *head, unsigned n)
{
	return map_of(c, head)[n / 32] >> (n % 32) & 1;
}

/* Put the slab where I1 wants it. */
static void file(struct kmem_cache *c, struct page *head, int32_t before)
{
	if (before == head->refs)
		return;
	if (before && before != c->all_free && head->refs &&
	    head->refs != c->all_free)
		return;
	list_del(&head->link);
	if (before == c->all_free)
		c->nempty--;
	if (head->refs == c->all_free) {
		list_add(&c->empty, &head->link);
		c->nempty++;
	} else {
		list_add(head->refs ? &c->partial : &c->full, &head->link);
	}
}

/* Up to `n` objects of a word of the bitmap, the first of which is at `at`. */
static unsigned take_word(uint32_t *word, char *at, size_t stride, unsigned n,
			  void **obj)
{
	uint32_t bits = *word;
	unsigned first = lowest_bit(bits), got = 0;

	at += first * stride;
	for (uint32_t bit = 1u << first; bits && got < n;
	     bit <<= 1, at += stride)
		if (bits & bit) {
			bits &= ~bit;
			obj[got++] = at;
		}
	*word = bits;
	return got;
}

/* One object of a slab that has some, any: where the order is drawn, nobody can
 * rely on it. (It can be guessed: the generator is not for secrets.) */
static unsigned take_random(struct kmem_cache *c, struct page *head, void **obj)
{
	unsigned i = (unsigned)rng_below(&c->rng, c->per_slab);

	while (!slab_is_free(c, head, i))
		i = (i + 1) % c->per_slab;
	map_of(c, head)[i / 32] &= ~((uint32_t)1 << (i % 32));
	*obj = slab_object(c, head, i);
	return 1;
}

/* Up to `n` objects of a slab. */
static unsigned take_from(struct kmem_cache *c, struct page *head, unsigned n,
			  void **obj)
{
	uint32_t *map = map_of(c, head);
	int32_t before = head->refs;
	unsigned got = 0;

	/* Such caches have no magazines: n is 1. */
	if (c->flags & SLAB_RANDOM)
		got = take_random(c, head, obj);
	for (unsigned i = 0; got < n && i < c->per_slab; i += 32)
		if (map[i / 32])
			got += take_word(&map[i / 32], slab_object(c, head, i),
					 c->stride, n - got, obj + got);
	if (c->map_at)
		head->refs -= (int32_t)got;
	file(c, head, before);
	return got;
}

unsigned slab_take(struct kmem_cache *c, unsigned n, void **obj)
{
	uint64_t irq = spin_lock_irqsave(&c->lock);
	unsigned got = 0;

	while (got < n) {
		struct list *from =
			!list_empty(&c->partial) ? &c->partial : &c->empty;

		if (list_empty(from))
			break;
		got += take_from(c, list_entry(from->next, struct page, link),
				 n - got, obj + got);
	}
	c->taken += got;
	spin_unlock_irqrestore(&c->lock, irq);
	return got;
}

/* Returns whether it was one that was handed out; if not, `*kind` tells. */
static bool put_one(struct kmem_cache *c, void *obj, enum mm_bug_kind *kind)
{
	struct kmem_cache *owner = slab_cache_of(obj);
	struct page *head;
	unsigned n;
	int32_t before;
	uint32_t *map;
	void *start;

	*kind = owner ? BUG_WRONG_CACHE : BUG_INVALID_FREE;
	if (owner != c)
		return false;
	head = slab_head(c, slab_ram_page(obj));
	*kind = BUG_INVALID_FREE;
	if (!slab_find(c, obj, &n, &start) || start != obj)
		return false;
	map = map_of(c, head) + n / 32;
	*kind = BUG_DOUBLE_FREE;
	if (*map >> (n % 32) & 1)
		return false;
	before = head->refs;
	*map |= (uint32_t)1 << (n % 32);
	if (c->map_at)
		head->refs++;
	c->taken--;
	file(c, head, before);
	return true;
}

/* Empty slabs beyond `keep`, out of the cache. The lock is held. */
static void cut(struct kmem_cache *c, unsigned keep, struct list *gone)
{
	while (c->nempty > keep) {
		struct list *l = c->empty.prev;

		list_del(l);
		list_add(gone, l);
		c->nempty--;
		c->slabs--;
		c->shrunk++;
	}
}

static void free_slabs(struct kmem_cache *c, struct list *gone)
{
	list_for_each_safe (l, gone) {
		struct page *head = list_entry(l, struct page, link);

		for (unsigned i = 0; c->info && i < c->per_slab; i++)
			slab_debug_check(c, slab_object(c, head, i));
		for (unsigned i = 0; i < 1u << c->order; i++) {
			head[i].flags = 0;
			head[i].owner = 0;
		}
		page_free(head, c->order);
	}
}

void slab_put(struct kmem_cache *c, size_t n, void *const *obj,
	      uintptr_t caller)
{
	uint64_t irq = spin_lock_irqsave(&c->lock);
	enum mm_bug_kind kind;
	struct list gone;

	list_init(&gone);
	for (size_t i = 0; i < n; i++)
		if (!put_one(c, obj[i], &kind)) {
			spin_unlock(&c->lock);
			slab_bug(kind, c, obj[i], caller);
			spin_lock(&c->lock);
		}
	if (c->nempty > KEEP_EMPTY)
		cut(c, KEEP_EMPTY, &gone);
	spin_unlock_irqrestore(&c->lock, irq);
	free_slabs(c, &gone);
}

void slab_shrink(struct kmem_cache *c, unsigned keep)
{
	uint64_t irq = spin_lock_irqsave(&c->lock);
	struct list gone;

	list_init(&gone);
	cut(c, keep, &gone);
	spin_unlock_irqrestore(&c->lock, irq);
	free_slabs(c, &gone);
}

/* All objects of a new slab are free. */
static void fill(struct kmem_cache *c, struct page *head)
{
	uint32_t *map = map_of(c, head);

	head->refs = c->all_free;
	if (c->map_at)
		for (unsigned i = 0; i < c->per_slab; i += 32)
			map[i / 32] = c->per_slab - i >= 32
					      ? UINT32_MAX
					      : (1u << c->per_slab % 32) - 1;
	for (unsigned i = 0; c->ctor && i < c->per_slab; i++)
		c->ctor(slab_object(c, head, i));
	for (unsigned i = 0; c->info && i < c->per_slab; i++)
		slab_debug_init(c, slab_object(c, head, i));
}

bool slab_grow(struct kmem_cache *c, unsigned flags)
{
	struct page *head;
	uint64_t irq;

	flags &= ~(unsigned)(ALLOC_ZERO | ALLOC_DMA32);
	if (c->flags & SLAB_DMA32)
		flags |= ALLOC_DMA32;
	head = page_alloc(c->order, flags);
	if (!head)
		return false;
	/* They exist: a slab lies in one chunk of the page map. */
	for (unsigned i = 0; i < 1u << c->order; i++) {
		head[i].flags = PAGE_SLAB;
		head[i].owner = (uintptr_t)c;
	}
	fill(c, head);
	irq = spin_lock_irqsave(&c->lock);
	list_add(&c->empty, &head->link);
	c->nempty++;
	c->slabs++;
	c->grown++;
	spin_unlock_irqrestore(&c->lock, irq);
	return true;
}

static bool each_of(struct kmem_cache *c, struct list *list,
		    bool (*each)(void *ctx, struct kmem_cache *c, void *obj),
		    void *ctx)
{
	list_for_each (l, list) {
		struct page *head = list_entry(l, struct page, link);

		for (unsigned i = 0; i < c->per_slab; i++)
			if (!slab_is_free(c, head, i) &&
			    !each(ctx, c, slab_object(c, head, i)))
				return false;
	}
	return true;
}

bool slab_each_taken(struct kmem_cache *c,
		     bool (*each)(void *ctx, struct kmem_cache *c, void *obj),
		     void *ctx)
{
	return each_of(c, &c->partial, each, ctx) &&
	       each_of(c, &c->full, each, ctx);
}

static const char *check_slab(struct kmem_cache *c, struct page *head,
			      uint64_t *taken)
{
	uint32_t free = 0;

	for (unsigned i = 0; i < 1u << c->order; i++)
		if (head[i].flags != PAGE_SLAB || slab_owner(&head[i]) != c)
			return "I3: a frame of a slab does not say so";
	if (slab_head(c, head) != head || head->order != c->order)
		return "a slab is no block of its order";
	for (unsigned i = 0; i < c->per_slab; i++) {
		free += slab_is_free(c, head, i);
		if (c->info && !slab_debug_check(c, slab_object(c, head, i)))
			return "an object was overwritten";
	}
	if (c->map_at ? head->refs != (int32_t)free
		      : ((uint32_t)head->refs & ~(uint32_t)c->all_free) != 0)
		return "a slab's count of free objects is wrong";
	*taken += c->per_slab - free;
	return NULL;
}

static const char *check_list(struct kmem_cache *c, struct list *list,
			      uint64_t *slabs, uint64_t *taken)
{
	list_for_each (l, list) {
		struct page *head = list_entry(l, struct page, link);
		const char *err = check_slab(c, head, taken);

		if (err)
			return err;
		if (l->next->prev != l)
			return "a list of slabs is broken";
		if ((list == &c->full) != !head->refs ||
		    (list == &c->empty) != (head->refs == c->all_free))
			return "I1: a slab is on the wrong list";
		++*slabs;
	}
	return NULL;
}

const char *slab_pages_check(struct kmem_cache *c)
{
	uint64_t slabs = 0, taken = 0, others;
	const char *err = check_list(c, &c->partial, &slabs, &taken);

	if (!err)
		err = check_list(c, &c->full, &slabs, &taken);
	others = slabs;
	if (!err)
		err = check_list(c, &c->empty, &slabs, &taken);
	if (!err && (slabs != c->slabs || slabs - others != c->nempty))
		err = "the count of slabs is wrong";
	if (!err && taken != c->taken)
		err = "I2: the count of objects is wrong";
	return err;
}
