/*
 * Objects that tell of misuse (the debug flags of <mm/slab.h>).
 *
 *	stride  | redzone | object         | redzone ... | struct slab_info |
 *		          ^ what the user has, and from the byte behind the size
 *			    that was asked for on, the redzone
 *
 * Caches with such flags use no magazines, so every operation comes by here: a
 * free object is filled with FREED and checked when it is used again, a live one
 * has its redzones checked when it is freed. A quarantine keeps what was freed
 * for some time, so that a late write still finds it free. All are checked by
 * slab_check(), those of a slab also when its frames go.
 *
 * Invariants:
 *  I1  the state of an object in its slab is FREE, of one that is handed out
 *      LIVE, of one in the quarantine QUARANTINED; any other: overwritten
 *
 * Locking: state, redzones and poison of an object change together, under the
 * cache's lock: so who looks at all objects under it finds them sound.
 */
#include <string.h>

#include "slab_impl.h"

enum { LEFT = 0xbb, RIGHT = 0xcc, FREED = 0x6b, FRESH = 0xa5 }; /* bytes */

enum { FREE = 0x46524545, LIVE = 0x4c495645, QUARANTINED = 0x51554152 };

#define QUARANTINE_OBJECTS 64
#define QUARANTINE_BYTES   KIB(64)

static struct slab_info *info_of(const struct kmem_cache *c, void *obj)
{
	return (struct slab_info *)(void *)((char *)obj + c->info);
}

static bool is_free(const struct kmem_cache *c, void *obj)
{
	uint32_t state = info_of(c, obj)->state;

	return state == FREE || state == QUARANTINED;
}

/* The first byte of [start, end) that is not `byte`, or NULL. */
static uint8_t *differs(void *start, void *end, uint8_t byte)
{
	for (uint8_t *p = start; p < (uint8_t *)end; p++)
		if (*p != byte)
			return p;
	return NULL;
}

struct fault {
	enum mm_bug_kind kind;
	void *at; /* NULL: none */
};

/* What was written around a live object. */
static struct fault check_live(const struct kmem_cache *c, void *obj)
{
	struct slab_info *info = info_of(c, obj);
	struct fault f = {BUG_OVERFLOW, NULL};

	if (info->state != LIVE || info->size > c->size)
		f.at = info;
	else if (c->flags & SLAB_REDZONE)
		f.at = differs((char *)obj + info->size, info, RIGHT);
	if (!f.at && c->left) {
		f.kind = BUG_UNDERFLOW;
		f.at = differs((char *)obj - c->left, obj, LEFT);
	}
	return f;
}

/* What was written to a free one. */
static struct fault check_free(const struct kmem_cache *c, void *obj)
{
	struct fault f = {BUG_USE_AFTER_FREE, NULL};

	if (c->flags & SLAB_POISON)
		f.at = differs(obj, (char *)obj + c->size, FREED);
	return f;
}

void slab_debug_init(const struct kmem_cache *c, void *obj)
{
	struct slab_info *info = info_of(c, obj);

	*info = (struct slab_info){.state = FREE};
	memset((char *)obj - c->left, LEFT, c->left);
	if (c->flags & SLAB_POISON)
		memset(obj, FREED, c->size);
}

static struct alloc_track track(const struct kmem_cache *c, uintptr_t caller)
{
	return c->flags & SLAB_TRACK ? alloc_track_now(caller)
				     : (struct alloc_track){.pc = 0};
}

/* The bytes behind the size are redzone. The lock is held. */
static void set_size(const struct kmem_cache *c, void *obj, size_t size)
{
	info_of(c, obj)->size = (uint32_t)size;
	if (c->flags & SLAB_REDZONE)
		memset((char *)obj + size, RIGHT, c->info - size);
}

void slab_debug_alloced(struct kmem_cache *c, void *obj, size_t size,
			uintptr_t caller)
{
	struct fault f = check_free(c, obj);
	uint64_t irq;

	if (f.at)
		slab_bug(f.kind, c, f.at, caller);
	irq = spin_lock_irqsave(&c->lock);
	info_of(c, obj)->state = LIVE;
	info_of(c, obj)->allocated = track(c, caller);
	set_size(c, obj, size);
	if (c->flags & SLAB_POISON)
		memset(obj, FRESH, size);
	spin_unlock_irqrestore(&c->lock, irq);
}

/* The object goes to the end of the queue; the first comes out if that is too
 * long. */
static void *quarantine(struct kmem_cache *c, void *obj)
{
	info_of(c, obj)->state = QUARANTINED;
	info_of(c, obj)->next = NULL;
	if (c->newest)
		info_of(c, c->newest)->next = obj;
	else
		c->oldest = obj;
	c->newest = obj;
	c->quarantined++;
	if (c->quarantined <= QUARANTINE_OBJECTS &&
	    (uint64_t)c->quarantined * c->stride <= QUARANTINE_BYTES)
		return NULL;
	return slab_debug_release(c);
}

void *slab_debug_release(struct kmem_cache *c)
{
	void *obj = c->oldest;

	if (!obj)
		return NULL;
	c->oldest = info_of(c, obj)->next;
	if (!c->oldest)
		c->newest = NULL;
	c->quarantined--;
	info_of(c, obj)->state = FREE;
	return obj;
}

/* Does an object of the cache start there? If not, it has been reported. */
static bool is_object(struct kmem_cache *c, void *obj, uintptr_t caller)
{
	struct kmem_cache *owner = slab_cache_of(obj);
	unsigned index;
	void *start;

	if (owner == c && slab_find(c, obj, &index, &start) && start == obj)
		return true;
	slab_bug(owner && owner != c ? BUG_WRONG_CACHE : BUG_INVALID_FREE, c,
		 obj, caller);
	return false;
}

/* What is wrong with an object that somebody gives back. The lock is held, or
 * two could free it at once. */
static struct fault check_given(const struct kmem_cache *c, void *obj)
{
	return is_free(c, obj) ? (struct fault){BUG_DOUBLE_FREE, obj}
			       : check_live(c, obj);
}

/* Mark it free; returns what goes to its slab now, or NULL. The lock is held. */
static void *set_free(struct kmem_cache *c, void *obj, uintptr_t caller)
{
	if (c->flags & SLAB_POISON)
		memset(obj, FREED, c->size);
	info_of(c, obj)->freed = track(c, caller);
	info_of(c, obj)->state = FREE;
	return c->flags & SLAB_QUARANTINE ? quarantine(c, obj) : obj;
}

void slab_debug_free(struct kmem_cache *c, void *obj, uintptr_t caller)
{
	struct fault f;
	uint64_t irq;

	if (!is_object(c, obj, caller))
		return;
	irq = spin_lock_irqsave(&c->lock);
	f = check_given(c, obj);
	if (!f.at)
		obj = set_free(c, obj, caller);
	spin_unlock_irqrestore(&c->lock, irq);
	if (f.at)
		slab_bug(f.kind, c, f.at, caller);
	else if (obj)
		slab_put(c, 1, &obj, caller);
}

void slab_debug_drain(struct kmem_cache *c)
{
	void *obj;

	do {
		uint64_t irq = spin_lock_irqsave(&c->lock);

		obj = slab_debug_release(c);
		spin_unlock_irqrestore(&c->lock, irq);
		if (obj)
			slab_put(c, 1, &obj, 0);
	} while (obj);
}

void slab_debug_resize(struct kmem_cache *c, void *obj, size_t size,
		       uintptr_t caller)
{
	struct fault f;
	uint64_t irq;

	if (!c->info || !is_object(c, obj, caller))
		return;
	irq = spin_lock_irqsave(&c->lock);
	f = check_given(c, obj);
	if (!f.at)
		set_size(c, obj, size);
	spin_unlock_irqrestore(&c->lock, irq);
	if (f.at)
		slab_bug(f.kind, c, f.at, caller);
}

size_t slab_debug_size(const struct kmem_cache *c, const void *obj)
{
	return c->info ? info_of(c, (void *)(uintptr_t)obj)->size : c->size;
}

bool slab_debug_live(const struct kmem_cache *c, void *obj)
{
	return info_of(c, obj)->state == LIVE;
}

void slab_debug_explain(const struct kmem_cache *c, void *obj, struct mm_bug *b)
{
	const struct slab_info *info = info_of(c, obj);

	b->allocated = info->allocated;
	b->freed = info->freed;
	if (info->state == LIVE && info->size <= c->size)
		b->size = info->size;
}

bool slab_debug_check(struct kmem_cache *c, void *obj)
{
	struct fault f =
		is_free(c, obj) ? check_free(c, obj) : check_live(c, obj);

	if (f.at)
		slab_bug(f.kind, c, f.at, 0);
	return !f.at;
}
