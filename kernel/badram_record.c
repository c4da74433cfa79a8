/*
 * The record of bad frames in RAM (badram_record.h).
 *
 * It is found again by its place and its magic number, and believed if its
 * checksum is right and it names the RAM of this machine, and its own place. It
 * could still be somebody's who wants harm, or of a version with a bug: so its
 * ranges must be whole frames of RAM, in order, and not too many.
 */
#include <string.h>

#include <lib/crc32.h>
#include <lib/errno.h>

#include "badram_record.h"

#define MAGIC	0x4d61526461426174u /* "taBadRaM", as it lies there */
#define VERSION 1

/* Of RAM may be bad, at most 1/4. */
#define MOST(total) ((total) / 4)

/* The frame with the byte of RAM that has so many below it. */
static paddr_t frame_of(const struct memblock *mb, uint64_t offset)
{
	paddr_t pa = 0;

	for (unsigned i = 0; i < mb->n; i++) {
		struct range r = mb->region[i].range;

		pa = align_down(r.start + offset, PAGE_SIZE);
		if (offset < range_size(r))
			break;
		offset -= range_size(r);
	}
	return pa;
}

void badram_places(struct badram_places *p, const struct memblock *mb)
{
	p->total = memblock_total(mb);
	p->span = memblock_span(mb);
	for (unsigned i = 0; i < BADRAM_COPIES; i++)
		p->at[i] = frame_of(mb, p->total / (2 * BADRAM_COPIES) *
						(2 * i + 1));
}

static uint32_t checksum(const struct badram_record *r)
{
	return crc32(0, &r->serial,
		     offsetof(struct badram_record, range[r->n]) -
			     offsetof(struct badram_record, serial));
}

/* The ranges with all gaps up to `gap` closed: into `out`, if there is one. Returns
 * how many. */
static uint64_t join(const struct range_set *s, uint64_t gap, struct range *out)
{
	struct range last = s->range[0];
	uint64_t n = 0;

	for (unsigned i = 1; i < s->n; i++) {
		if (s->range[i].start - last.end > gap) {
			if (out)
				out[n] = last;
			n++;
			last = s->range[i];
		}
		last.end = s->range[i].end;
	}
	if (out)
		out[n] = last;
	return n + 1;
}

/* The smallest gap that has to be closed for them to find room. */
static uint64_t gap_to_close(const struct range_set *s)
{
	uint64_t low = 0, high = s->range[s->n - 1].end;

	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (join(s, mid, NULL) <= BADRAM_RANGES)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* As a set; n is not too large. */
static struct range_set ranges(const struct badram_record *r)
{
	return (struct range_set){
		.range = (struct range *)(uintptr_t)r->range,
		.n = (unsigned)r->n,
		.room = BADRAM_RANGES,
	};
}

bool badram_record_fill(struct badram_record *r, const struct range_set *bad,
			const struct badram_places *p, paddr_t at,
			uint64_t serial)
{
	struct range_set s;

	if (!bad->n)
		return false;
	*r = (struct badram_record){
		.version = VERSION,
		.serial = serial,
		.total = p->total,
		.span = p->span,
		.place = at,
	};
	r->n = join(bad, gap_to_close(bad), r->range);
	s = ranges(r);
	if (range_set_sum(&s) > MOST(p->total))
		return false;
	r->crc = checksum(r);
	r->magic = MAGIC;
	return true;
}

static bool is_ram(const struct memblock *mb, struct range r)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < mb->n; i++)
		bytes += range_size(range_intersect(mb->region[i].range, r));
	return bytes == range_size(r);
}

bool badram_record_intact(const struct badram_record *r)
{
	return r->magic == MAGIC && r->version == VERSION && r->n &&
	       r->n <= BADRAM_RANGES && r->crc == checksum(r);
}

int badram_record_check(const struct badram_record *r,
			const struct badram_places *p,
			const struct memblock *mb, paddr_t at)
{
	struct range_set s;

	if (!badram_record_intact(r) || r->total != p->total ||
	    r->span.start != p->span.start || r->span.end != p->span.end ||
	    r->place != at)
		return -ENOENT;
	s = ranges(r);
	if (!range_set_check(&s) || range_set_sum(&s) > MOST(p->total))
		return -EINVAL;
	for (unsigned i = 0; i < s.n; i++)
		if (!is_aligned(s.range[i].start | s.range[i].end, PAGE_SIZE) ||
		    !is_ram(mb, s.range[i]))
			return -EINVAL;
	/* Nobody trusts bad RAM; the other copies say the same. */
	return range_set_part(&s, range_make(at, at + 1)) == RANGE_SET_NONE
		       ? 0
		       : -ENOENT;
}
