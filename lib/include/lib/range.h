/*
 * Half-open ranges [start, end) of addresses or frame numbers. A range with
 * start >= end is empty. Since the end is exclusive, the last byte of the
 * 64-bit space can't be in one, and no sum here can wrap.
 */
#pragma once

#include <lib/bits.h>

struct range {
	uint64_t start;
	uint64_t end;
};

static inline struct range range_make(uint64_t start, uint64_t end)
{
	return (struct range){start, end};
}

static inline bool range_empty(struct range r)
{
	return r.start >= r.end;
}

static inline uint64_t range_size(struct range r)
{
	return range_empty(r) ? 0 : r.end - r.start;
}

static inline bool range_has(struct range r, uint64_t x)
{
	return x >= r.start && x < r.end;
}

/* Does `outer` hold all of `inner`? An empty inner range lies in any. */
static inline bool range_within(struct range inner, struct range outer)
{
	return range_empty(inner) ||
	       (inner.start >= outer.start && inner.end <= outer.end);
}

static inline struct range range_intersect(struct range a, struct range b)
{
	return range_make(max_u64(a.start, b.start), min_u64(a.end, b.end));
}

static inline bool range_overlaps(struct range a, struct range b)
{
	return !range_empty(range_intersect(a, b));
}

/* The largest aligned range inside r; may be empty. */
static inline struct range range_align_in(struct range r, uint64_t align)
{
	uint64_t start = align_up(r.start, align);

	if (start < r.start)
		return range_make(0, 0);
	return range_make(start, align_down(r.end, align));
}

/* The smallest aligned range around r, cut at the last aligned address. */
static inline struct range range_align_out(struct range r, uint64_t align)
{
	uint64_t end = align_up(r.end, align);

	if (end < r.end)
		end = align_down(UINT64_MAX, align);
	return range_make(align_down(r.start, align), end);
}
