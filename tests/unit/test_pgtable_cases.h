/* What the named cases of the walker share: one bed at a time, and looks at it. */
#pragma once

#include "test_pgtable.h"

static struct bed bed;

/* The first address of the upper half. */
static inline vaddr_t upper(unsigned levels)
{
	return pgtable_upper_half(levels).start;
}

static inline bool set_up_in(unsigned levels, struct range bounds,
			     bool features)
{
	if (bed_make(&bed, levels, bounds, features, features))
		return true;
	ktest_skip("no memory");
	return false;
}

static inline bool set_up(unsigned levels)
{
	return set_up_in(levels, pgtable_upper_half(levels), false);
}

static inline bool set_up_groups(unsigned levels)
{
	return set_up_in(levels, pgtable_upper_half(levels), true);
}

static inline bool leads(vaddr_t va, paddr_t pa, unsigned level)
{
	return bed_leads(&bed, va, pa, level, pt_span(level), VM_READ);
}

/* An empty gather. */
static inline struct tlb_gather *fresh(void)
{
	tlb_flush(&bed.g);
	return &bed.g;
}

static inline bool gathered(vaddr_t start, uint64_t size, uint64_t step,
			    bool tables)
{
	return bed.g.va.start == start && range_size(bed.g.va) == size &&
	       (!size || bed.g.step == step) && bed.g.tables == tables;
}

static unsigned told;	 /* calls of tell() */
static uint64_t told_of; /* bytes */
static bool told_late;	 /* the leaf was gone, every time */

static inline void tell(struct tlb_gather *g, const struct mapping *m)
{
	(void)g;
	told++;
	told_of += range_size(m->va);
	told_late = told_late && !bed_maps(&bed, m->va.start);
}

static inline void listen(void)
{
	told = 0;
	told_of = 0;
	told_late = true;
	bed.g.unmapped = tell;
}

struct seen {
	unsigned n, stop_at;
	vaddr_t last;
	uint64_t bytes;
	bool ascending;
};

static inline int see(void *ctx, const struct mapping *m)
{
	struct seen *s = ctx;

	s->ascending = s->ascending && (!s->n || m->va.start > s->last);
	s->last = m->va.start;
	s->bytes += range_size(m->va);
	s->n++;
	return s->n == s->stop_at;
}

static inline struct seen walk(vaddr_t start, vaddr_t end, unsigned stop_at)
{
	struct seen s = {.ascending = true, .stop_at = stop_at};
	int ended = pgtable_walk(&bed.pt, range_make(start, end), see, &s);

	EXPECT_EQ(ended, stop_at && s.n == stop_at);
	EXPECT(s.ascending);
	return s;
}
