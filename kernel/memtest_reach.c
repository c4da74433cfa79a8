/*
 * How the memory tester's accesses get at memory: by the direct map, by views that no
 * cache keeps, or by the window on memory that the kernel has left
 * (<kernel/memtest_cache.h>, <kernel/displace.h>).
 *
 * Views are made once for a run, one for each range of the pool: to make one costs a
 * flush of all of it. The pool's ranges end at multiples of 1 GiB, whoever walks
 * over them; so what a share has lies in one view.
 */
#include <kernel/memtest_session.h>
#include <lib/errno.h>
#include <mm/layout.h>

/* The pages that have some of these bytes: one more than their size tells, where they
 * begin late in a page. */
static struct range pages_of(struct range bytes)
{
	return range_align_out(bytes, PAGE_SIZE);
}

static int make_views(struct memtest_session *s, const char **why)
{
	struct memtest_cursor c = {0};
	struct memtest_share all;
	struct range r;

	memtest_pool_share(&s->pool, 1, &all);
	while (memtest_pool_next(&s->pool, &all, &c, &r)) {
		struct memtest_view *v = &s->view[s->nviews];
		struct range pages = pages_of(r);

		*why = "free memory is in too many pieces; a --range helps";
		if (s->nviews == MEMTEST_VIEWS)
			return -ENOSPC;
		*why = "no memory to map it with";
		v->bytes = r;
		v->words = cache_view(pages.start, range_size(pages));
		if (!v->words)
			return -ENOMEM;
		v->words += (r.start - pages.start) / 8;
		s->nviews++;
	}
	return 0;
}

/* The mode has begun, and the pool is taken. After an error nothing is left. */
int memtest_reach_begin(struct memtest_session *s, const char **why)
{
	int err = s->o.cache == CACHE_UNCACHED ? make_views(s, why) : 0;

	if (err)
		memtest_reach_end(s);
	return err;
}

void memtest_reach_end(struct memtest_session *s)
{
	while (s->nviews) {
		const struct memtest_view *v = &s->view[--s->nviews];
		struct range pages = pages_of(v->bytes);

		cache_unview(v->words - (v->bytes.start - pages.start) / 8,
			     pages.start, range_size(pages));
	}
}

struct memtest_region memtest_reach(const struct memtest_session *s,
				    struct range bytes)
{
	struct memtest_region r = {phys_to_virt(bytes.start),
				   range_size(bytes) / 8, bytes.start};

	for (unsigned i = 0; i < s->nviews; i++) {
		const struct memtest_view *v = &s->view[i];

		if (range_has(v->bytes, bytes.start))
			r.words = v->words + (bytes.start - v->bytes.start) / 8;
	}
	return r;
}

void memtest_on_expel_all(void *arg, unsigned worker)
{
	(void)arg;
	(void)worker;
	cache_settle();
}

bool memtest_on_expel(void *arg, volatile uint64_t *p)
{
	const struct memtest_session *s = arg;
	const struct memtest_block *b = &s->block;
	paddr_t pa;

	if (s->o.cache == CACHE_UNCACHED)
		return true;
	if (b->view)
		pa = b->bytes.start + 8 * (uint64_t)(p - b->view);
	else
		pa = virt_to_phys((const void *)(uintptr_t)p);
	return cache_expel(p, pa);
}
