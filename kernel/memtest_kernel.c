/*
 * Testing what the kernel lives in: block by block (2 MiB), the kernel moves out
 * (<kernel/displace.h>), all tests run over what the pool did not have of the
 * block, the kernel moves back.
 *
 * The place to move to meanwhile is 2 MiB of the pool, or of what is free beside
 * it. It was tested with all the rest, but perhaps only by a part of the tests, or
 * it was not in the range: so it is tested once more, by the quick ones. The
 * kernel is to survive in it.
 *
 * A block's frames are shared by number: each hart has the same number of them.
 */
#include <arch/cpu.h>
#include <kernel/displace.h>
#include <kernel/memtest_log.h>
#include <kernel/memtest_map.h>
#include <kernel/memtest_session.h>
#include <lib/errno.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>

#define LL(x) ((unsigned long long)(x))

#define BLOCK_FRAMES (DISPLACE_BLOCK >> PAGE_SHIFT)
#define BLOCK_ORDER  9

_Static_assert(BLOCK_FRAMES == 1 << BLOCK_ORDER, "the order of a block");
_Static_assert(BLOCK_FRAMES / 64 ==
		       ARRAY_SIZE(((struct memtest_block *)0)->frames),
	       "a bit for each frame");

/* ---- where to go ---- */

static bool spare_next(void *arg, unsigned share, struct memtest_cursor *c,
		       struct memtest_region *r)
{
	const struct memtest_session *s = arg;

	(void)share;
	*r = s->spare;
	return !c->offset++;
}

static void on_this_hart(void *arg, void (*fn)(void *ctx, unsigned worker),
			 void *ctx)
{
	(void)arg;
	fn(ctx, 0);
}

static void spare_test_start(void *arg, const struct memtest_progress *p)
{
	struct memtest_session *s = arg;

	(void)p;
	memtest_errors_test(&s->errors);
}

static const struct memtest_ops spare_ops = {
	.spread = on_this_hart,
	.next = spare_next,
	.test_start = spare_test_start,
	.test_end = memtest_ignore_test,
	.progress = memtest_go_on,
	.hold = memtest_ignore_hold,
	.error = memtest_on_error,
	.expel_all = memtest_on_expel_all,
	.expel = memtest_on_expel,
};

/* An error that is seen here is one of the run. */
static bool is_good(struct memtest_session *s, paddr_t spare)
{
	struct memtest_config c = {
		.ops = &spare_ops,
		.arg = s,
		.workers = 1,
		.tests = memtest_profile(MEMTEST_QUICK),
		.passes = 1,
		.seed = spare,
	};
	struct memtest_result result;

	s->spare = (struct memtest_region){phys_to_virt(spare),
					   DISPLACE_BLOCK / 8, spare};
	memtest_run(&c, &result);
	return !result.errors;
}

/* 2 MiB to live in: of the pool or, *page, of what is free. 0: there are none. */
static paddr_t find_spare(struct memtest_session *s, struct page **page)
{
	paddr_t at = 0;

	*page = NULL;
	while (memtest_pool_find(&s->pool, DISPLACE_BLOCK, &at)) {
		struct range r = range_make(at, at + DISPLACE_BLOCK);

		if (!memtest_errors_bad(&s->errors, r) && is_good(s, at))
			return at;
		at = r.end;
	}
	*page = page_alloc(BLOCK_ORDER, ALLOC_RESERVE);
	if (*page && is_good(s, page_to_phys(*page)))
		return page_to_phys(*page);
	return 0;
}

/* ---- a block ---- */

static bool has(const struct memtest_block *b, uint64_t frame)
{
	return b->frames[frame / 64] >> frame % 64 & 1;
}

/* The cursor counts frames. */
bool memtest_kernel_next(const struct memtest_session *s, unsigned share,
			 struct memtest_cursor *c, struct memtest_region *r)
{
	const struct memtest_block *b = &s->block;
	uint64_t first = b->nframes * (uint64_t)share / s->harts.n;
	uint64_t end = b->nframes * (uint64_t)(share + 1) / s->harts.n;
	uint64_t at = 0, n = 0, from;
	struct range bytes;

	for (;
	     at < BLOCK_FRAMES && (n < first || at < c->offset || !has(b, at));
	     at++)
		n += has(b, at);
	from = at;
	for (; at < BLOCK_FRAMES && n < end && has(b, at); at++)
		n++;
	c->offset = at;
	bytes = range_make(b->bytes.start + from * PAGE_SIZE,
			   b->bytes.start + at * PAGE_SIZE);
	bytes = range_intersect(bytes, s->o.range);
	*r = (struct memtest_region){b->view +
					     (bytes.start - b->bytes.start) / 8,
				     range_size(bytes) / 8, bytes.start};
	return !range_empty(bytes);
}

struct visit {
	struct memtest_session *s;
	paddr_t spare;
	uint64_t tested;
};

static void run_tests(void *arg, volatile uint64_t *view)
{
	struct visit *v = arg;

	memtest_log("displace start=0x%llx end=0x%llx spare=0x%llx",
		    LL(v->s->block.bytes.start), LL(v->s->block.bytes.end),
		    LL(v->spare));
	v->s->block.view = view;
	memtest_tests_once(v->s, &v->tested);
	v->s->block.view = NULL;
}

static void work_on_block(void *arg, unsigned i)
{
	const struct memtest_session *s = arg;
	unsigned worker = memtest_harts_self(&s->harts);

	(void)i;
	if (worker < s->harts.n)
		s->harts.fn(s->harts.ctx, worker);
}

/* The harts are inside displace(). */
void memtest_kernel_spread(struct memtest_session *s,
			   void (*fn)(void *ctx, unsigned worker), void *ctx)
{
	s->harts.fn = fn;
	s->harts.ctx = ctx;
	displace_spread(work_on_block, s);
	memtest_attend(s);
}

static const char *why_not(int err)
{
	switch (err) {
	case -EBUSY:
		return "busy";
	case -ENOSPC:
		return "no-spare";
	case -EIO:
		return "no-copy";
	default:
		return "no-memory";
	}
}

static uint64_t test_block(struct memtest_session *s, paddr_t spare)
{
	struct visit v = {.s = s, .spare = spare};
	struct displace d = {
		.block = s->block.bytes,
		.spare = spare,
		.harts = s->o.harts | cpu_bit(arch_cpu()),
		.run = run_tests,
		.arg = &v,
	};
	int err = spare ? displace(&d) : -ENOSPC;

	if (err)
		memtest_log("stays start=0x%llx end=0x%llx why=%s",
			    LL(d.block.start), LL(d.block.end), why_not(err));
	else
		memtest_log("restored start=0x%llx end=0x%llx",
			    LL(d.block.start), LL(d.block.end));
	return v.tested;
}

/* ---- all of them ---- */

static void add_frames(struct memtest_block *b, struct range bytes)
{
	uint64_t at = align_down(bytes.start, PAGE_SIZE);

	for (; at < bytes.end; at += PAGE_SIZE) {
		uint64_t frame = (at - b->bytes.start) >> PAGE_SHIFT;

		b->nframes += !has(b, frame);
		b->frames[frame / 64] |= (uint64_t)1 << frame % 64;
	}
}

/* Test the block that was put together, if there is one; begin that at `at`. */
static uint64_t next_block(struct memtest_session *s, paddr_t spare, paddr_t at)
{
	uint64_t tested = 0;

	if (s->block.nframes && !memtest_stopped(s))
		tested = test_block(s, spare);
	s->block = (struct memtest_block){
		.bytes = range_make(at, at + DISPLACE_BLOCK)};
	return tested;
}

uint64_t memtest_kernel(struct memtest_session *s)
{
	struct page *page;
	paddr_t spare = find_spare(s, &page);
	struct memtest_span span;
	struct memtest_map m;
	uint64_t tested = next_block(s, spare, 0);

	memtest_map_begin(&m, &s->pool, false);
	while (memtest_map_next(&m, &span)) {
		uint64_t at = align_down(span.bytes.start, DISPLACE_BLOCK);

		if (span.place != MEMTEST_KERNEL)
			continue;
		for (; at < span.bytes.end; at += DISPLACE_BLOCK) {
			if (at != s->block.bytes.start)
				tested += next_block(s, spare, at);
			add_frames(&s->block,
				   range_intersect(span.bytes, s->block.bytes));
		}
	}
	tested += next_block(s, spare, 0);
	if (page)
		page_free(page, BLOCK_ORDER);
	return tested;
}
