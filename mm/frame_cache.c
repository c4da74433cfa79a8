/*
 * A hart's own frames, in front of the zones.
 *
 *	stack	NULL | a | b | c |   |   |
 *	             bottom      top     limit
 *
 * For each small order a hart has a stack of free blocks. Only the hart touches
 * it, with interrupts off: so page_alloc() and page_free() that find a block or
 * room need no lock and no atomic instruction. When there is none they come
 * here: half of the stack's capacity comes from the zones at once, or all that it
 * holds goes back, but for blocks whose neighbours are about to follow.
 *
 * Zones are not kept apart: a stack has whatever blocks were freed, and is filled
 * from the zone that page_alloc() tries first. Requests for low memory pass the
 * stacks by; there are few of them.
 *
 * I1  A block in a stack is free, of the stack's order, and its page says so:
 *     PAGE_CACHED. No other block does, but on its way in or out.
 * I2  Below the bottom is NULL: an empty stack gives no block away.
 * I3  limit - bottom is 0, or the order's share; 0 while caches are bypassed.
 *     Then the stack is empty and full, and nothing happens on hot paths.
 * I4  Stacks of all harts together hold at most 1/128 of the frames, each order.
 *
 * Capacity: 128 blocks >> order, but two at least, and not more than I4 allows.
 * So with 8 MiB and four harts each has four frames, two pairs and one block of
 * four; with 1 GiB, one hart can keep two blocks of 2 MiB and one of 4 MiB. A
 * stack opens when its hart first comes here.
 *
 * Cost, of n blocks moved: one lock, and O(n) steps of a few instructions each,
 * and of the buddy O(n / 64), as neighbours come and go together.
 */
#include <string.h>

#include <mm/layout.h>
#include <mm/reclaim.h>
#include <mm/zone.h>

#include "frame_cache.h"
#include "zone_internal.h"

#define MOST	   128u /* blocks of order 0 */
#define LEAST	   2u
#define SHARE	   128 /* one of so many frames, each order */
#define MOST_OF(k) (MOST >> (k) > LEAST ? MOST >> (k) : LEAST)

/* Slots of all stacks, and a NULL below each. */
#define SLOTS (2 * MOST + (FRAME_ORDERS - 6) * LEAST + FRAME_ORDERS)

static struct page *nothing[2];

/* Stacks that no hart has opened. */
#define CLOSED                                           \
	{                                                \
		&nothing[1], &nothing[1], &nothing[1], 0 \
	}
#define FIVE_CLOSED CLOSED, CLOSED, CLOSED, CLOSED, CLOSED

PERCPU struct frame_stack frame_stack[MAX_ORDER + 1] = {
	FIVE_CLOSED, FIVE_CLOSED, FIVE_CLOSED, CLOSED, CLOSED, CLOSED, CLOSED};

_Static_assert(MAX_ORDER + 1 == 19, "each order has a stack");

static PERCPU struct page *slots[SLOTS];

static cpumask_t harts; /* that ever opened their stacks (a) */

static unsigned most_of(unsigned order)
{
	return MOST_OF(order);
}

static uint64_t capacity(unsigned order)
{
	uint64_t share = zone_total_frames() / SHARE / cpus_possible;

	return min_u64(most_of(order), share >> order);
}

static void set_top(struct frame_stack *s, struct page **top)
{
	store_relaxed(&s->top, top);
}

/* Give all of this hart's stacks their places. Interrupts are off. */
static void place(void)
{
	struct page **at = *this_cpu(slots);
	struct frame_stack *s = *this_cpu(frame_stack);

	for (unsigned k = 0; k < FRAME_ORDERS; k++, s++) {
		s->bottom = s->limit = at + 1;
		set_top(s, s->bottom);
		s->head = page_head(PAGE_USED, k);
		at += 1 + most_of(k);
	}
	/* Release: who sees the hart sees where its stacks are. */
	__atomic_fetch_or(&harts, cpu_bit(arch_cpu()), __ATOMIC_RELEASE);
}

/* This hart's stack of the order, open if it may be. Interrupts are off. */
static struct frame_stack *open_stack(unsigned order)
{
	struct frame_stack *s = frame_stack_of(order);

	if (s->limit != s->bottom || reclaim_bypassed())
		return s;
	if (s->bottom == &nothing[1])
		place();
	s->limit = s->bottom + capacity(order);
	return s;
}

/* Give the lowest n blocks of a stack back to the zones. */
static void give_back(struct frame_stack *s, unsigned order, size_t n)
{
	size_t left = (size_t)(s->top - s->bottom) - n;

	zone_free_bulk(order, n, s->bottom);
	memmove(s->bottom, s->bottom + n, left * sizeof(*s->bottom));
	set_top(s, s->bottom + left);
}

struct page *frame_cache_refill(enum zone z, unsigned order, uint64_t keep)
{
	uint64_t irq = arch_irq_save();
	struct frame_stack *s = open_stack(order);
	size_t n = (size_t)(s->limit - s->bottom) / 2;
	struct page *p = NULL;

	/* An interrupt may have filled it. */
	if (s->top == s->bottom && n > 1 && !zone_low())
		set_top(s, s->bottom + buddy_alloc_bulk(zone_buddy(z), order,
							n / 2 + 1, n, s->bottom,
							PAGE_CACHED, keep));
	if (s->top != s->bottom) {
		set_top(s, s->top - 1);
		p = *s->top;
		store_relaxed(&p->head, s->head);
	}
	arch_irq_restore(irq);
	return p ? p : buddy_alloc(zone_buddy(z), order, keep);
}

/*
 * How many to give back of a full stack, before `next` is put on it: all; but if
 * that is the neighbour of the last one, up or down, then what lies on this side
 * of a border between larger blocks stays, for the rest seems to come.
 */
static size_t portion(const struct frame_stack *s, unsigned order,
		      const struct page *next)
{
	size_t n = (size_t)(s->top - s->bottom), stay = 0;
	const struct page *last = s->top[-1];
	pfn_t whole = (pfn_t)(n / 2) << order;
	pfn_t behind = page_to_pfn(last) & (whole - 1);

	if (next - last == (ptrdiff_t)1 << order)
		stay = (behind >> order) + 1;
	else if (last - next == (ptrdiff_t)1 << order)
		stay = (whole - behind) >> order;
	return stay < n ? n - stay : n;
}

bool frame_cache_make_room(struct page *p, unsigned order)
{
	uint64_t irq = arch_irq_save();
	struct frame_stack *s = open_stack(order);
	bool room =
		s->limit != s->bottom && p->kind == page_kind(PAGE_USED, order);

	if (room) {
		if (s->top == s->limit)
			give_back(s, order,
				  zone_low() ? (size_t)(s->top - s->bottom)
					     : portion(s, order, p));
		*s->top = p;
		set_top(s, s->top + 1);
		store_relaxed(&p->state, PAGE_CACHED);
	}
	arch_irq_restore(irq);
	return room;
}

void frame_cache_drain(void)
{
	uint64_t irq = arch_irq_save();

	for (unsigned k = 0; k < FRAME_ORDERS; k++) {
		struct frame_stack *s = frame_stack_of(k);

		if (s->top != s->bottom)
			give_back(s, k, (size_t)(s->top - s->bottom));
		s->limit = s->bottom;
	}
	arch_irq_restore(irq);
}

void frame_cache_each(void (*each)(void *ctx, struct page *p, unsigned order),
		      void *ctx)
{
	for_each_cpu (cpu, __atomic_load_n(&harts, __ATOMIC_ACQUIRE)) {
		struct frame_stack *s = *cpu_var(frame_stack, cpu);

		for (unsigned k = 0; k < FRAME_ORDERS; k++, s++) {
			struct page **top =
				__atomic_load_n(&s->top, __ATOMIC_RELAXED);

			for (struct page **at = s->bottom; at < top; at++)
				each(ctx, *at, k);
		}
	}
}

uint64_t frame_cache_count(void)
{
	uint64_t n = 0;

	for_each_cpu (cpu, __atomic_load_n(&harts, __ATOMIC_ACQUIRE)) {
		struct frame_stack *s = *cpu_var(frame_stack, cpu);

		for (unsigned k = 0; k < FRAME_ORDERS; k++, s++)
			n += (uint64_t)(__atomic_load_n(&s->top,
							__ATOMIC_RELAXED) -
					s->bottom)
			     << k;
	}
	return n;
}

static struct shrinker shrinker = {
	.name = "frames",
	.drain_hart = frame_cache_drain,
};

void frame_cache_init(void)
{
	reclaim_register(&shrinker);
}
