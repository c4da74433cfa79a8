/*
 * Harts that allocate and free at the same time, and hand blocks to each other:
 * for simulated harts and real ones. A block has its address in its first and its
 * last word, from when it was allocated until it is freed.
 */
#pragma once

#include <kernel/ktest.h>
#include <lib/rng.h>
#include <mm/layout.h>
#include <mm/reclaim.h>
#include <mm/zone.h>

#define STRESS_OWN  24
#define STRESS_MAIL 16

static struct page *stress_mail[STRESS_MAIL]; /* from hart to hart (a) */

struct stress_hart {
	struct rng rng;
	struct page *own[STRESS_OWN];
	uint64_t steps, foreign; /* blocks that were not as they should be */
};

static inline uint64_t *stress_word(const struct page *p, bool last)
{
	uint64_t *w = phys_to_virt(page_to_phys(p));

	return last ? w + (PAGE_SIZE << p->order) / sizeof(*w) - 1 : w;
}

static inline void stress_free(struct stress_hart *h, struct page *p)
{
	struct page *bulk[1] = {p};

	if (!p)
		return;
	h->foreign += *stress_word(p, false) != page_to_phys(p) ||
		      *stress_word(p, true) != page_to_phys(p);
	*stress_word(p, false) = *stress_word(p, true) = 0;
	if (p->order || rng_below(&h->rng, 8))
		page_free(p, p->order);
	else
		page_free_bulk(1, bulk);
}

static inline struct page *stress_alloc(struct stress_hart *h)
{
	unsigned order =
		(unsigned)rng_below(&h->rng, 1 + rng_below(&h->rng, 6));
	struct page *p =
		page_alloc(order, rng_below(&h->rng, 4) ? 0 : ALLOC_DMA32);

	if (p)
		*stress_word(p, false) = *stress_word(p, true) =
			page_to_phys(p);
	return p;
}

static inline void stress_run(struct stress_hart *h)
{
	for (uint64_t i = 0; i < h->steps; i++) {
		struct page **own = &h->own[rng_below(&h->rng, STRESS_OWN)];
		struct page **mail =
			&stress_mail[rng_below(&h->rng, STRESS_MAIL)];

		if (*own)
			stress_free(h, *own);
		*own = stress_alloc(h);
		if (rng_below(&h->rng, 4) == 0)
			*own = __atomic_exchange_n(mail, *own,
						   __ATOMIC_ACQ_REL);
		if (rng_below(&h->rng, 1024) == 0)
			reclaim();
	}
	for (unsigned i = 0; i < STRESS_OWN; i++) {
		stress_free(h, h->own[i]);
		h->own[i] = NULL;
	}
}

/* On one hart, once all are done. */
static inline void stress_end(struct stress_hart *h)
{
	for (unsigned i = 0; i < STRESS_MAIL; i++) {
		stress_free(h, stress_mail[i]);
		stress_mail[i] = NULL;
	}
}
