/* See <kernel/memtest_map.h>. */
#include <string.h>

#include <kernel/badram.h>
#include <kernel/displace.h>
#include <kernel/memtest_map.h>
#include <kernel/ram.h>

void memtest_map_begin(struct memtest_map *m, struct memtest_pool *pool,
		       bool gaps)
{
	*m = (struct memtest_map){
		.pool = pool,
		.gaps = gaps,
		.at = pool->wanted.start,
	};
	memtest_pool_share(pool, 1, &m->all);
}

/* The region of RAM at `at`, or the first behind it. */
static const struct region *region_from(uint64_t at)
{
	for (unsigned i = 0; i < ram.n; i++)
		if (ram.region[i].range.end > at)
			return &ram.region[i];
	return NULL;
}

/* What of the pool is at m->at or behind it; empty if nothing. */
static void look_at_pool(struct memtest_map *m)
{
	while (m->taken.end <= m->at &&
	       memtest_pool_next(m->pool, &m->all, &m->cursor, &m->taken))
		;
	if (m->taken.end <= m->at)
		m->taken = range_make(UINT64_MAX, UINT64_MAX);
}

/* The known bad RAM at `at`, or the first behind it. */
static struct range bad_from(uint64_t at)
{
	const struct range *bad;
	unsigned n = badram_ranges(&bad);

	for (unsigned i = 0; i < n; i++)
		if (bad[i].end > at)
			return bad[i];
	return range_make(UINT64_MAX, UINT64_MAX);
}

/* Of what the pool has not: how it can be had. */
static void look_at_rest(uint64_t at, uint64_t end, struct memtest_span *s)
{
	struct range part, rest, bad = bad_from(at);

	s->bytes = range_make(at, min_u64(end, bad.end));
	s->place = MEMTEST_NOT;
	s->why = "bad";
	if (bad.start <= at)
		return;
	rest = range_make(at, min_u64(end, bad.start));
	rest.end = min_u64(rest.end,
			   align_down(at, DISPLACE_BLOCK) + DISPLACE_BLOCK);
	s->why = displace_refuses(rest, &part);
	s->place = s->why ? MEMTEST_NOT : MEMTEST_KERNEL;
	s->bytes = range_intersect(part, rest);
	/* It is told in frames; the range may begin inside one. */
	if (s->bytes.start != at || range_empty(s->bytes))
		s->bytes = rest;
}

/* The piece at m->at, that is in a region of RAM. */
static void look_at_ram(struct memtest_map *m, struct range region,
			struct memtest_span *s)
{
	look_at_pool(m);
	if (m->taken.start <= m->at) {
		s->place = MEMTEST_POOL;
		s->bytes = range_make(m->at, m->taken.end);
		return;
	}
	look_at_rest(m->at, min_u64(region.end, m->taken.start), s);
}

static bool next_piece(struct memtest_map *m, struct memtest_span *s)
{
	const struct region *region = region_from(m->at);
	uint64_t start = region ? region->range.start : UINT64_MAX;

	if (start > m->at && !m->gaps)
		m->at = start;
	if (m->at >= m->pool->wanted.end)
		return false;
	*s = (struct memtest_span){.why = NULL};
	if (start > m->at) {
		s->place = MEMTEST_NOT;
		s->why = "not-ram";
		s->bytes = range_make(m->at, start);
	} else {
		look_at_ram(m, region->range, s);
	}
	s->bytes.end = min_u64(s->bytes.end, m->pool->wanted.end);
	m->at = s->bytes.end;
	return true;
}

static bool continues(const struct memtest_span *a,
		      const struct memtest_span *b)
{
	return a->bytes.end == b->bytes.start && a->place == b->place &&
	       (!a->why || strcmp(a->why, b->why) == 0);
}

bool memtest_map_next(struct memtest_map *m, struct memtest_span *s)
{
	if (range_empty(m->ahead.bytes) && !next_piece(m, &m->ahead))
		return false;
	*s = m->ahead;
	m->ahead.bytes = range_make(0, 0);
	while (next_piece(m, &m->ahead) && continues(s, &m->ahead)) {
		s->bytes.end = m->ahead.bytes.end;
		m->ahead.bytes = range_make(0, 0);
	}
	return true;
}
