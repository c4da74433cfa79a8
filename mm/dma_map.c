/*
 * Memory that is lent to devices (<mm/dma.h>).
 *
 * At each time a map is the CPU's or the device's. What has to be done when it
 * changes hands, for a device that does not see caches:
 *
 *			to the device		to the CPU
 *			(map, sync_for_device)	(unmap, sync_for_cpu)
 *	TO_DEVICE	clean			nothing
 *	FROM_DEVICE	clean			invalidate
 *	BOTH		clean			invalidate
 *
 * Clean, so that the device reads what was stored; and, when it is to write, so
 * that no line of the buffer is dirty, for a dirty one may be written back at any
 * time, over what the device stored. (To invalidate would do for that, but then
 * the bytes that the device does not write are no longer what they were.)
 * Invalidate afterwards, since a hart may have fetched a line by speculation
 * while the device had not yet written it.
 *
 * A bounce buffer is a copy that the device has instead:
 *
 *  - when it can't reach all of the memory;
 *  - when it does not see caches, is to write, and a line of the buffer has bytes
 *    of others at either end: whoever stores to these makes the line dirty again;
 *  - when it is a sampled object (slab_guard.c), whose page the direct map shows
 *    elsewhere.
 *
 * All of it is copied to the bounce buffer whatever the direction, and back if the
 * device may have written: so what it does not write stays what it was, and no
 * old memory of others is shown.
 *
 * Debug builds know whose a map is; and of memory that the device only reads, a
 * checksum, to tell who stores to it meanwhile.
 *
 * Cost: of a coherent device that reaches the memory, a few comparisons, and one
 * atomic addition: how many maps a device has must be right when it goes.
 */
#include <string.h>

#include <lib/errno.h>
#include <mm/bug.h>
#include <mm/layout.h>
#include <mm/zone.h>

#include "dma_impl.h"
#include "kmap_part.h"

#define CALLER ((uintptr_t)__builtin_return_address(0))

/* What the device has. */
static struct range lent(const struct dma_map *m)
{
	paddr_t pa =
		range_empty(m->bounce) ? virt_to_phys(m->cpu) : m->bounce.start;

	return range_make(pa, pa + m->size);
}

/* FNV-1a, by words. */
static uint32_t checksum(const struct dma_map *m)
{
	const uint8_t *p = m->cpu;
	uint64_t sum = 0xcbf29ce484222325u;

	for (size_t i = 0; i < m->size; i++)
		sum = (sum ^ p[i]) * 0x100000001b3u;
	return (uint32_t)(sum ^ sum >> 32);
}

static void report(const struct dma_map *m, enum mm_bug_kind kind,
		   uintptr_t caller)
{
	mm_bug(&(struct mm_bug){
		.kind = kind,
		.cache = m->device ? m->device->name : "dma_unmap",
		.object = (uintptr_t)m->cpu,
		.size = m->size,
		.at = (uintptr_t)m->cpu,
		.caller = caller,
	});
}

static void note_checksum(struct dma_map *m)
{
	if (DEBUG_CHECKS && m->dir == DMA_TO_DEVICE)
		m->checksum = checksum(m);
}

static void check_checksum(const struct dma_map *m, uintptr_t caller)
{
	if (DEBUG_CHECKS && m->dir == DMA_TO_DEVICE &&
	    m->checksum != checksum(m))
		report(m, BUG_DMA_CHANGED, caller);
}

/* Is it lent, and may it change hands? */
static bool is_turn(const struct dma_map *m, bool to_device, uintptr_t caller)
{
	if (m->device && m->devices != to_device)
		return true;
	if (DEBUG_CHECKS)
		report(m, BUG_DMA_TURN, caller);
	return false;
}

static void to_device(const struct dma_map *m)
{
	if (!range_empty(m->bounce))
		memcpy(phys_to_virt(m->bounce.start), m->cpu, m->size);
	if (!m->device->coherent)
		dma_clean(lent(m));
}

static inline void to_cpu(const struct dma_map *m, uintptr_t caller)
{
	check_checksum(m, caller);
	if (!(m->dir & DMA_FROM_DEVICE))
		return;
	if (!m->device->coherent)
		dma_invalidate(lent(m));
	if (!range_empty(m->bounce))
		memcpy(m->cpu, phys_to_virt(m->bounce.start), m->size);
}

/* The range of page_alloc()'s memory that was asked for last: the frames end << 32 |
 * start. One word, so that each hart sees it whole. */
static uint64_t hot_memory; /* (a) */

static inline bool is_hot(paddr_t pa, paddr_t end)
{
	uint64_t hot = __atomic_load_n(&hot_memory, __ATOMIC_RELAXED);

	return pa >= (hot & UINT32_MAX) << PAGE_SHIFT && pa < end &&
	       end <= hot >> 32 << PAGE_SHIFT;
}

/* Is it page_alloc()'s memory? That is in the direct map, and what else is may be
 * a program's text. */
static bool is_memory(paddr_t pa, paddr_t end)
{
	const struct range *r;

	for (unsigned n = zone_given(&r); n; n--, r++) {
		if (pa < r->start << PAGE_SHIFT || end > r->end << PAGE_SHIFT)
			continue;
		if (r->end <= UINT32_MAX)
			__atomic_store_n(&hot_memory, r->end << 32 | r->start,
					 __ATOMIC_RELAXED);
		return pa < end;
	}
	return false;
}

/* Must not the device have the memory itself? Only of those that see no caches, and
 * write, a line that has bytes of others counts. */
static bool needs_bounce(const struct dma_map *m, struct range r)
{
	const struct dma_device *d = m->device;

	if (!range_within(r, d->reach))
		return true;
	return !d->coherent && m->dir & DMA_FROM_DEVICE &&
	       !is_aligned(r.start | r.end, dma_cache()->line);
}

/* Is it (part of) an object on a guarded page? */
static bool is_guarded(const struct dma_map *m)
{
	uintptr_t at = (uintptr_t)m->cpu;

	return at - KMAP_PART_BASE < KMAP_PART_SIZE && m->size &&
	       m->size <= PAGE_SIZE - at % PAGE_SIZE;
}

static int lend(struct dma_map *m, struct range r, unsigned flags)
{
	struct dma_device *d = m->device;
	bool guarded = is_guarded(m);

	if (m->dir - 1u >= DMA_BOTH || !(guarded || is_memory(r.start, r.end)))
		return -EINVAL;
	if (!d->coherent && !dma_cache())
		return -EOPNOTSUPP;
	if (guarded || needs_bounce(m, r)) {
		m->bounce = dma_frames(d->reach, m->size, PAGE_SIZE,
				       flags & ~(unsigned)ALLOC_ZERO);
		if (range_empty(m->bounce))
			return -ENOMEM;
		m->bus = m->bounce.start - d->offset;
		__atomic_fetch_add(&d->bounced, 1, __ATOMIC_RELAXED);
	}
	note_checksum(m);
	to_device(m);
	return 0;
}

static inline void count(struct dma_device *d, uint64_t by)
{
	__atomic_fetch_add(&d->maps, by, __ATOMIC_RELAXED);
}

static __attribute__((noinline)) int map_slowly(struct dma_map *m,
						unsigned flags)
{
	paddr_t pa = virt_to_phys(m->cpu);
	int err = lend(m, range_make(pa, pa + m->size), flags);

	if (err) {
		m->device = NULL;
		m->cpu = NULL;
		return err;
	}
	count(m->device, 1);
	return 0;
}

int dma_map(struct dma_device *d, struct dma_map *m, void *p, size_t size,
	    enum dma_dir dir, unsigned flags)
{
	paddr_t pa = virt_to_phys(p), end = pa + size;

	m->bus = pa - d->offset;
	m->size = size;
	m->device = d;
	m->cpu = p;
	m->bounce.end = 0;
	m->dir = dir;
	m->devices = true;
	if (DEBUG_CHECKS || !d->coherent || pa < d->reach.start ||
	    end > d->reach.end || dir - 1u >= DMA_BOTH || !is_hot(pa, end))
		return map_slowly(m, flags);
	count(d, 1);
	return 0;
}

static __attribute__((noinline)) void unmap_slowly(struct dma_map *m,
						   uintptr_t caller)
{
	struct dma_device *d = m->device;

	if (!d) {
		if (DEBUG_CHECKS && m->cpu)
			report(m, BUG_DOUBLE_FREE, caller);
		return;
	}
	if (m->devices)
		to_cpu(m, caller);
	if (!range_empty(m->bounce))
		dma_frames_free(m->bounce);
	m->device = NULL;
	count(d, -(uint64_t)1);
}

void dma_unmap(struct dma_map *m)
{
	struct dma_device *d = m->device;

	if (DEBUG_CHECKS || !d || !d->coherent || m->bounce.end) {
		unmap_slowly(m, CALLER);
		return;
	}
	m->device = NULL;
	count(d, -(uint64_t)1);
}

void dma_sync_for_cpu(struct dma_map *m)
{
	if (!is_turn(m, false, CALLER))
		return;
	to_cpu(m, CALLER);
	m->devices = false;
}

void dma_sync_for_device(struct dma_map *m)
{
	if (!is_turn(m, true, CALLER))
		return;
	note_checksum(m);
	to_device(m);
	m->devices = true;
}
