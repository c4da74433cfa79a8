/*
 * Debugging of page frames (<mm/page_debug.h>).
 *
 * Each frame has a record of 8 bytes: who allocated, and who freed, the block that
 * it is in, as distances from a function here; and whether it is poisoned. A
 * range of frames that the zones were given has an array of them.
 *
 * I1  The record of a frame belongs to whoever has the frame. It is written with
 *     interrupts off, so no hart is at it when all have been called: then the
 *     arrays may go.
 * I2  POISONED tells that the frame was filled when it was last freed: then all of
 *     it is POISON until it is handed out, or somebody has written to it.
 *
 * Frames that were free before have no poison, those handed out no owner.
 */
#include <kernel/smp.h>
#include <lib/errno.h>
#include <mm/layout.h>
#include <mm/page_debug.h>
#include <mm/reclaim.h>
#include <mm/zone.h>

#include "zone_internal.h"

#define POISON	 0x6b6b6b6b6b6b6b6bull
#define POISONED 1u
#define MARK_MAX 127u

/* From bit 8 on (pc - BASE) / 2, with its sign, 0: not known; the mark, or
 * MARK_MAX for all later ones; in `freed`, bit 0: POISONED. */
struct record {
	uint32_t allocated, freed;
};

#define BASE ((uintptr_t)page_debug_set)

static unsigned active; /* (a) */
static unsigned nranges;
static struct range range[ZONE_GIVEN];
static struct record *records[ZONE_GIVEN];

unsigned page_debug(void)
{
	return __atomic_load_n(&active, __ATOMIC_RELAXED);
}

static uint64_t array_frames(struct range r)
{
	return (range_size(r) * sizeof(struct record) + PAGE_SIZE - 1) >>
	       PAGE_SHIFT;
}

static void free_arrays(void)
{
	while (nranges) {
		paddr_t pa = virt_to_phys(records[--nranges]);

		page_free_exact(pfn_to_page(pa >> PAGE_SHIFT),
				array_frames(range[nranges]));
	}
}

static bool alloc_arrays(void)
{
	const struct range *given;
	unsigned n = zone_given(&given);

	for (unsigned i = 0; i < n; i++) {
		struct page *p =
			page_alloc_exact(array_frames(given[i]), ALLOC_ZERO);

		if (!p) {
			free_arrays();
			return false;
		}
		range[nranges] = given[i];
		records[nranges++] = phys_to_virt(page_to_phys(p));
	}
	return true;
}

static void nothing(void *arg)
{
	(void)arg;
}

int page_debug_set(unsigned flags)
{
	unsigned was = page_debug();

	if (flags & PAGE_DEBUG_POISON)
		flags |= PAGE_DEBUG_OWNER;
	if (flags && !was && !alloc_arrays())
		return -ENOMEM;
	if (flags && !was)
		reclaim_bypass(true);
	/* Release: who sees it sees the arrays. */
	__atomic_store_n(&active, flags, __ATOMIC_RELEASE);
	if (was && !flags) {
		smp_call(cpus_online(), nothing, NULL);
		reclaim_bypass(false);
		free_arrays();
	}
	return 0;
}

static struct record *record_of(pfn_t pfn)
{
	for (unsigned i = 0; i < nranges; i++)
		if (range_has(range[i], pfn))
			return &records[i][pfn - range[i].start];
	return NULL;
}

static uint32_t pack(uintptr_t pc)
{
	intptr_t d = (intptr_t)(pc - BASE) / 2;
	uint32_t mark = __atomic_load_n(&alloc_mark, __ATOMIC_RELAXED);

	if (d >= 1 << 23 || d < -(1 << 23))
		d = 0;
	return (uint32_t)d << 8 | (mark < MARK_MAX ? mark : MARK_MAX) << 1;
}

static struct alloc_track unpack(uint32_t word)
{
	intptr_t d = (int32_t)word >> 8;

	return (struct alloc_track){
		.pc = d ? BASE + (uintptr_t)(d * 2) : 0,
		.mark = word >> 1 & MARK_MAX,
	};
}

bool page_debug_get(pfn_t pfn, struct alloc_track *allocated,
		    struct alloc_track *freed)
{
	uint64_t irq = arch_irq_save();
	struct record *r = page_debug() ? record_of(pfn) : NULL;

	if (r) {
		*allocated = unpack(r->allocated);
		*freed = unpack(r->freed);
	}
	arch_irq_restore(irq);
	return r && (allocated->pc || freed->pc);
}

static uint64_t *words(const struct page *p)
{
	return phys_to_virt(page_to_phys(p));
}

/* Where the poison of a frame is damaged, or NULL. */
static uint8_t *damage(const struct page *p)
{
	uint64_t *w = words(p), *end = w + PAGE_SIZE / sizeof(*w);
	uint8_t *b;

	while (w < end && *w == POISON)
		w++;
	b = (uint8_t *)w;
	while (w < end && *b == (uint8_t)POISON)
		b++;
	return w < end ? b : NULL;
}

static void check_poison(const struct page *p, const struct record *r,
			 uintptr_t pc)
{
	const uint8_t *at = damage(p);
	struct mm_bug bug = {
		.kind = BUG_USE_AFTER_FREE,
		.cache = "frames",
		.object = (uintptr_t)words(p),
		.size = PAGE_SIZE,
		.at = (uintptr_t)at,
		.caller = pc,
		.allocated = unpack(r->allocated),
		.freed = unpack(r->freed),
	};

	if (at)
		mm_bug(&bug);
}

static void frame_alloced(const struct page *p, uintptr_t pc)
{
	uint64_t irq = arch_irq_save();
	struct record *r = page_debug() ? record_of(page_to_pfn(p)) : NULL;

	if (r) {
		if (r->freed & POISONED)
			check_poison(p, r, pc);
		r->allocated = pack(pc);
	}
	arch_irq_restore(irq);
}

static void frame_freed(const struct page *p, uintptr_t pc)
{
	uint64_t irq = arch_irq_save();
	struct record *r = page_debug() ? record_of(page_to_pfn(p)) : NULL;

	if (r) {
		r->freed = pack(pc);
		if (page_debug() & PAGE_DEBUG_POISON) {
			r->freed |= POISONED;
			for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
				words(p)[i] = POISON;
		}
	}
	arch_irq_restore(irq);
}

void page_debug_alloced(struct page *p, unsigned order, uintptr_t pc)
{
	for (struct page *end = p + ((size_t)1 << order); p < end; p++)
		frame_alloced(p, pc);
}

void page_debug_freed(struct page *p, unsigned order, uintptr_t pc)
{
	for (struct page *end = p + ((size_t)1 << order); p < end; p++)
		frame_freed(p, pc);
}
