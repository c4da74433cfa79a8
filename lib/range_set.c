/* See <lib/range_set.h>. A search is O(log n), a change O(n). */
#include <string.h>

#include <lib/errno.h>
#include <lib/range_set.h>

/* The first range that ends at `at` or behind it. */
static unsigned first_behind(const struct range_set *s, uint64_t at)
{
	unsigned low = 0, high = s->n;

	while (low < high) {
		unsigned mid = low + (high - low) / 2;

		if (s->range[mid].end < at)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Let ranges [first, end) become `n` others. */
static int replace(struct range_set *s, unsigned first, unsigned end,
		   const struct range *with, unsigned n)
{
	if (s->n - (end - first) + n > s->room)
		return -ENOSPC;
	memmove(s->range + first + n, s->range + end,
		(s->n - end) * sizeof(*s->range));
	memcpy(s->range + first, with, n * sizeof(*s->range));
	s->n = s->n - (end - first) + n;
	return 0;
}

int range_set_add(struct range_set *s, struct range r)
{
	unsigned first = first_behind(s, r.start), end = first;

	for (; end < s->n && s->range[end].start <= r.end; end++) {
		r.start = min_u64(r.start, s->range[end].start);
		r.end = max_u64(r.end, s->range[end].end);
	}
	return replace(s, first, end, &r, 1);
}

int range_set_remove(struct range_set *s, struct range r)
{
	unsigned first = first_behind(s, r.start + 1), end = first, n = 0;
	struct range rest[2];

	while (end < s->n && s->range[end].start < r.end)
		end++;
	if (first == end)
		return 0;
	rest[0] = range_make(s->range[first].start, r.start);
	n += !range_empty(rest[0]);
	rest[n] = range_make(r.end, s->range[end - 1].end);
	n += !range_empty(rest[n]);
	return replace(s, first, end, rest, n);
}

enum range_set_part range_set_part(const struct range_set *s, struct range r)
{
	unsigned i = first_behind(s, r.start + 1);

	if (i == s->n || !range_overlaps(s->range[i], r))
		return RANGE_SET_NONE;
	return range_within(r, s->range[i]) ? RANGE_SET_ALL : RANGE_SET_SOME;
}

struct range range_set_gap(const struct range_set *s)
{
	struct range best = {0, 0};

	for (unsigned i = 1; i < s->n; i++) {
		struct range gap = {s->range[i - 1].end, s->range[i].start};

		if (range_empty(best) || range_size(gap) < range_size(best))
			best = gap;
	}
	return best;
}

uint64_t range_set_sum(const struct range_set *s)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < s->n; i++)
		sum += range_size(s->range[i]);
	return sum;
}

bool range_set_check(const struct range_set *s)
{
	for (unsigned i = 0; i < s->n; i++)
		if (range_empty(s->range[i]) ||
		    (i && s->range[i].start <= s->range[i - 1].end))
			return false;
	return s->n <= s->room;
}
