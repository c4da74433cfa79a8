/* The flat model of what is mapped (machine_model.h). */
#include <string.h>

#include <host/ram.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>

#include "machine_model.h"

#define FIRST (HOST_RAM_START >> PAGE_SHIFT)

struct model model;

/* The block that a frame belongs to: its first frame. How many pages of it are
 * mapped is in that one's page->owner. */
static pfn_t head[HOST_RAM_SIZE >> PAGE_SHIFT];

/* Where slots are: across a border of large leaves, of larger ones, a piece for
 * large leaves, the end of the half. */
struct window {
	unsigned first, n;
	vaddr_t va;
};

static struct window user_windows[] = {
	{0, 32, MIB(64) - 16 * PAGE_SIZE},
	{32, 32, GIB(3) - 16 * PAGE_SIZE},
	{64, 1024, GIB(8)},
	{1088, 32, 0}, /* model_reset() */
};

static struct window kernel_windows[] = {
	{0, 64, ARENA_BASE + GIB(1) - 32 * PAGE_SIZE},
	{64, 1024, ARENA_BASE + MIB(64)},
};

void model_reset(unsigned levels)
{
	memset(model.space, 0, sizeof(model.space));
	user_windows[3].va = pgtable_lower_half(levels).end - 32 * PAGE_SIZE;
}

static struct run run_in(struct space *s, const struct window *w,
			 unsigned first, unsigned n)
{
	vaddr_t va = w->va + first * PAGE_SIZE;

	return (struct run){s, &s->slot[w->first + first], n,
			    range_make(va, va + n * PAGE_SIZE)};
}

struct run model_draw_run(struct space *s)
{
	static const unsigned sizes[] = {1, 1, 1, 2, 3, 8, 16, 16, 32, 512};
	const struct window *w;
	unsigned n = sizes[pick(ARRAY_SIZE(sizes))], first;

	w = is_kernel(s) ? &kernel_windows[pick(ARRAY_SIZE(kernel_windows))]
			 : &user_windows[pick(ARRAY_SIZE(user_windows))];
	n = n > w->n ? w->n : n;
	first = (unsigned)pick(w->n - n + 1);
	/* Mostly such that large leaves and groups fit. */
	if (n >= 16 && pick(4))
		first = first / n * n;
	return run_in(s, w, first, n);
}

void model_begin(struct run r, struct state next)
{
	for (unsigned i = 0; i < r.n; i++) {
		struct slot *s = &r.slot[i];

		s->next = next;
		s->changing = true;
		s->version++;
		if (next.pa)
			next.pa += PAGE_SIZE;
	}
}

void model_end(struct run r, bool done)
{
	for (unsigned i = 0; i < r.n; i++) {
		struct slot *s = &r.slot[i];

		if (done)
			s->now = s->next;
		s->changing = false;
		s->version++;
	}
}

struct page *model_take_frames(unsigned n)
{
	unsigned order = n > 1 ? highest_bit(n - 1) + 1 : 0;
	struct page *p = page_alloc(order, 0);

	for (unsigned i = 0; p && i < n; i++) {
		head[page_to_pfn(p) + i - FIRST] = page_to_pfn(p);
		*(uint64_t *)phys_to_virt(page_to_phys(p + i)) =
			rng_next(&model.rng);
	}
	if (p)
		p->owner = n;
	return p;
}

struct page *model_drop(paddr_t pa, uint64_t n)
{
	pfn_t pfn = pa >> PAGE_SHIFT;
	struct page *p = pfn_to_page(head[pfn - FIRST]);

	p->owner -= n;
	return p->owner ? NULL : p;
}

void model_free_frames(struct space *s)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		struct state was = s->slot[i].now;
		struct page *p = was.prot ? model_drop(was.pa, 1) : NULL;

		s->slot[i].now = (struct state){0, 0};
		if (p)
			page_free(p, p->order);
	}
}
