/*
 * Interval arithmetic on the map of RAM (<mm/memblock.h>).
 *
 * Every change has one shape: cut the regions at both ends of the range, so
 * that each region lies wholly inside or outside of it; treat those inside;
 * melt equal neighbours. A cut adds at most one region each, which is checked
 * before anything is touched.
 *
 * Invariants, for all i:
 *  I1  region[i] is not empty
 *  I2  region[i].end <= region[i + 1].start
 *  I3  if they touch, their types differ
 *
 * Cost: O(n) an operation, n being some dozens.
 */
#include <string.h>

#include <kernel/types.h>
#include <lib/errno.h>
#include <mm/memblock.h>

const char *region_type_name(enum region_type type)
{
	static const char *const name[REGION_TYPES] = {
		[REGION_FREE] = "free",		[REGION_BAD] = "bad",
		[REGION_RESERVED] = "reserved", [REGION_INITRD] = "initrd",
		[REGION_FDT] = "fdt",		[REGION_NOMAP] = "no-map",
		[REGION_FIRMWARE] = "firmware", [REGION_METADATA] = "metadata",
		[REGION_TABLES] = "tables",	[REGION_STACK] = "stack",
		[REGION_INIT] = "init",		[REGION_TESTS] = "tests",
		[REGION_KERNEL] = "kernel",
	};

	return name[type];
}

static void insert(struct memblock *mb, unsigned i, struct region r)
{
	memmove(&mb->region[i + 1], &mb->region[i],
		(mb->n - i) * sizeof(mb->region[0]));
	mb->region[i] = r;
	mb->n++;
}

/* Index of the first region that ends behind `at`. */
static unsigned first_behind(const struct memblock *mb, uint64_t at)
{
	unsigned i = 0;

	while (i < mb->n && mb->region[i].range.end <= at)
		i++;
	return i;
}

/* Make `at` a border, if it lies inside a region. Returns the index of the
 * first region that starts at or behind it. */
static unsigned cut(struct memblock *mb, uint64_t at)
{
	unsigned i = first_behind(mb, at);
	struct region upper;

	if (i == mb->n || mb->region[i].range.start >= at)
		return i;
	upper = mb->region[i];
	upper.range.start = at;
	mb->region[i].range.end = at;
	insert(mb, i + 1, upper);
	return i + 1;
}

/*
 * Restore I1 and I3 after a change of the regions [first, end): drop empty ones,
 * melt equal neighbours, those at the borders included.
 */
static void melt(struct memblock *mb, unsigned first, unsigned end)
{
	unsigned out = first ? first - 1 : 0, i = out;

	if (end < mb->n)
		end++;
	for (; i < end; i++) {
		struct region *r = &mb->region[i];
		struct region *last = out ? &mb->region[out - 1] : NULL;

		if (range_empty(r->range))
			continue;
		if (last && last->type == r->type &&
		    last->range.end == r->range.start)
			last->range.end = r->range.end;
		else if (out++ != i)
			mb->region[out - 1] = *r;
	}
	if (out == end)
		return;
	memmove(&mb->region[out], &mb->region[end],
		(mb->n - end) * sizeof(mb->region[0]));
	mb->n -= end - out;
}

int memblock_add(struct memblock *mb, struct range range)
{
	unsigned first = first_behind(mb, range.start), gaps = 0;
	uint64_t at = range.start;

	/* Count the gaps that are to be filled, then fill them. */
	for (unsigned i = first; at < range.end; i++) {
		uint64_t stop =
			i < mb->n ? mb->region[i].range.start : range.end;

		gaps += at < min_u64(stop, range.end);
		at = i < mb->n ? mb->region[i].range.end : range.end;
	}
	if (mb->n + gaps > MEMBLOCK_MAX)
		return -ENOSPC;

	at = range.start;
	for (unsigned i = first; at < range.end; i++) {
		uint64_t stop =
			i < mb->n ? mb->region[i].range.start : range.end;
		struct region gap = {
			.range = {at, min_u64(stop, range.end)},
			.type = REGION_FREE,
		};

		if (!range_empty(gap.range))
			insert(mb, i++, gap);
		at = i < mb->n ? mb->region[i].range.end : range.end;
	}
	melt(mb, 0, mb->n);
	return 0;
}

enum change { CLAIM, RETYPE, REMOVE };

static int change(struct memblock *mb, struct range range, enum change how,
		  enum region_type from, enum region_type to)
{
	unsigned first, end;

	if (range_empty(range))
		return 0;
	if (mb->n + 2 > MEMBLOCK_MAX)
		return -ENOSPC;
	first = cut(mb, range.start);
	end = cut(mb, range.end);
	for (unsigned i = first; i < end; i++) {
		struct region *r = &mb->region[i];

		if (how == REMOVE)
			r->range.end = r->range.start;
		else if (how == CLAIM ? r->type < to : r->type == from)
			r->type = to;
	}
	melt(mb, first, end);
	return 0;
}

int memblock_remove(struct memblock *mb, struct range range)
{
	return change(mb, range, REMOVE, REGION_FREE, REGION_FREE);
}

int memblock_claim(struct memblock *mb, struct range range,
		   enum region_type type)
{
	return change(mb, range, CLAIM, REGION_FREE, type);
}

int memblock_retype(struct memblock *mb, struct range range,
		    enum region_type from, enum region_type to)
{
	return change(mb, range, RETYPE, from, to);
}

bool memblock_find(const struct memblock *mb, uint64_t size, uint64_t align,
		   struct range bounds, bool top_down, paddr_t *at)
{
	for (unsigned k = 0; k < mb->n; k++) {
		const struct region *r =
			&mb->region[top_down ? mb->n - 1 - k : k];
		struct range free = range_intersect(r->range, bounds);
		uint64_t start;

		if (r->type != REGION_FREE || range_size(free) < size)
			continue;
		start = top_down ? align_down(free.end - size, align)
				 : align_up(free.start, align);
		/* Rounding may leave the region on either side, or wrap. */
		if (start < free.start || start > free.end - size)
			continue;
		*at = start;
		return true;
	}
	return false;
}

const struct region *memblock_at(const struct memblock *mb, paddr_t at)
{
	unsigned i = first_behind(mb, at);

	if (i == mb->n || at < mb->region[i].range.start)
		return NULL;
	return &mb->region[i];
}

uint64_t memblock_bytes(const struct memblock *mb, enum region_type type)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < mb->n; i++)
		if (mb->region[i].type == type)
			sum += range_size(mb->region[i].range);
	return sum;
}

uint64_t memblock_total(const struct memblock *mb)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < mb->n; i++)
		sum += range_size(mb->region[i].range);
	return sum;
}

struct range memblock_span(const struct memblock *mb)
{
	if (!mb->n)
		return range_make(0, 0);
	return range_make(mb->region[0].range.start,
			  mb->region[mb->n - 1].range.end);
}

int memblock_trim(struct memblock *mb)
{
	for (unsigned i = 0; i < mb->n; i++) {
		struct range r = mb->region[i].range;
		struct range whole = range_align_in(r, PAGE_SIZE);

		if (mb->region[i].type != REGION_FREE ||
		    (whole.start == r.start && whole.end == r.end))
			continue;
		if (range_empty(whole))
			whole = range_make(r.end, r.end);
		if (memblock_claim(mb, range_make(r.start, whole.start),
				   REGION_RESERVED) ||
		    memblock_claim(mb, range_make(whole.end, r.end),
				   REGION_RESERVED))
			return -ENOSPC;
		/* The map changed below us: look at it afresh. */
		i = (unsigned)-1;
	}
	return 0;
}

bool memblock_check(const struct memblock *mb)
{
	for (unsigned i = 0; i < mb->n; i++) {
		const struct region *r = &mb->region[i], *next = r + 1;

		if (range_empty(r->range) || r->type >= REGION_TYPES)
			return false;
		if (i + 1 == mb->n)
			break;
		if (r->range.end > next->range.start ||
		    (r->range.end == next->range.start &&
		     r->type == next->type))
			return false;
	}
	return mb->n <= MEMBLOCK_MAX;
}
