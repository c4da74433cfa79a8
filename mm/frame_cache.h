/* Private to mm/page_*.c: a hart's stacks of free blocks, see frame_cache.c. */
#pragma once

#include <kernel/cpu.h>
#include <lib/relaxed.h>
#include <mm/zone.h>

#define FRAME_ORDERS \
	11 /* that are cached: 0 to 10; larger ones have stacks too,
			 * that are never open */

/* All fields are the hart's, changed with interrupts off. */
struct frame_stack {
	struct page **top;   /* above the last block; NULL is below the first
			      * (a: others look how many there are) */
	struct page **limit; /* above the last slot that may be used */
	struct page **bottom;
	uint64_t head; /* of pages of blocks that are handed out */
};

extern PERCPU struct frame_stack frame_stack[MAX_ORDER + 1];

static inline struct frame_stack *frame_stack_of(unsigned order)
{
	return *this_cpu(frame_stack) + (int)order;
}

/* A block, handed out, if the stack has one. */
static inline struct page *frame_cache_pop(unsigned order)
{
	uint64_t irq = arch_irq_save();
	struct frame_stack *s = frame_stack_of(order);
	struct page **top = s->top;
	struct page *p = top[-1];

	if (p) {
		store_relaxed(&s->top, top - 1);
		store_relaxed(&p->head, s->head);
	}
	arch_irq_restore(irq);
	return p;
}

/* Take a block back, if it was handed out with this order, whatever that is, and
 * there is room. */
static inline bool frame_cache_push(struct page *p, unsigned order)
{
	struct frame_stack *s;
	struct page **top;
	uint64_t irq = arch_irq_save();
	bool room;

	/* With interrupts off: mm/buddy_retire.c. */
	if (p->kind != (int64_t)(int)order * 256 + PAGE_USED) {
		arch_irq_restore(irq);
		return false;
	}
	s = frame_stack_of(order);
	top = s->top;
	room = top != s->limit;
	if (room) {
		*top = p;
		store_relaxed(&s->top, top + 1);
		store_relaxed(&p->state, PAGE_CACHED);
	}
	arch_irq_restore(irq);
	return room;
}

/* Before any block is cached. Boot. */
void frame_cache_init(void);

/* A block for an empty stack, which is filled from zone `z` if it may be. */
struct page *frame_cache_refill(enum zone z, unsigned order, uint64_t keep);

/* Make room for a block that was handed out, and take it. Returns false when
 * the stack has no capacity, or the block has bad frames. */
bool frame_cache_make_room(struct page *p, unsigned order);

/* Give back all that this hart's stacks hold. Any context. */
void frame_cache_drain(void);

/* Frames in all harts' stacks. Exact while no other hart allocates. */
uint64_t frame_cache_count(void);

/* Call `each` for each block in the harts' stacks. Nobody else may use them. */
void frame_cache_each(void (*each)(void *ctx, struct page *p, unsigned order),
		      void *ctx);
