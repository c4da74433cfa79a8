/*
 * A run of the memory tester: see <kernel/memtest_session.h>.
 *
 *	take the pool; say what there is to test
 *	for each pass: all tests over the pool, by all harts; then, block by block,
 *		over what the kernel lives in
 *	retire bad frames, give the others back; say what was found
 *
 * The engine gets one pass at a time, since a pass has these two parts; so the
 * number of the pass, which makes patterns differ, goes into the seed.
 *
 * What a run found stays until the next one begins, for `memtest last`: what it
 * takes is given back if there is nothing to tell but the outcome.
 */
#include <string.h>

#include <arch/cpu.h>
#include <kernel/memtest_log.h>
#include <kernel/memtest_session.h>
#include <kernel/printk.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>

#define LL(x) ((unsigned long long)(x))

#define STATUS_FAIL 1

static void spread(void *arg, void (*fn)(void *ctx, unsigned worker), void *ctx)
{
	struct memtest_session *s = arg;

	if (s->block.view)
		memtest_kernel_spread(s, fn, ctx);
	else
		memtest_harts_spread(&s->harts, fn, ctx);
}

static bool next(void *arg, unsigned share, struct memtest_cursor *c,
		 struct memtest_region *r)
{
	struct memtest_session *s = arg;
	struct range range;

	if (s->block.view)
		return memtest_kernel_next(s, share, c, r);
	if (!memtest_pool_next(&s->pool, &s->shares[share], c, &range))
		return false;
	*r = memtest_reach(s, range);
	return true;
}

/* On the hart that found it. */
static void log_error(const struct memtest_session *s,
		      const struct memtest_error *e)
{
	static const char *const kind[] = {"data", "address", "retention",
					   "transfer"};
	static const char *const class[] = {"stuck", "transient", "unstable"};
	uint64_t xor = e->expected ^ e->actual;
	unsigned bits = 0;
	struct memtest_line l;

	for (uint64_t left = xor; left; left &= left - 1)
		bits++;
	memtest_line_begin(&l, "error");
	memtest_line_put(&l, " pass=%llu test=%u name=%s type=%s hart=%llu",
			 LL(s->passes + 1),
			 (unsigned)(e->test - memtest_tests) + 1, e->test->name,
			 kind[e->test->kind], LL(memtest_hartid(arch_cpu())));
	memtest_line_put(&l,
			 " addr=0x%llx expect=0x%016llx actual=0x%016llx "
			 "xor=0x%016llx bits=%u bit=%u lanes=0x%02x",
			 LL(e->pa), LL(e->expected), LL(e->actual), LL(xor),
			 bits, xor? lowest_bit(xor) : 0, memtest_lanes(xor));
	/* The same again from a cache says nothing of memory. */
	memtest_line_put(
		&l, " class=%s again=0x%016llx,0x%016llx cache=%s",
		e->class == MEMTEST_STUCK && !e->fresh ? "unknown"
						       : class[e->class],
		LL(e->again[0]), LL(e->again[1]), cache_mode_name(s->o.cache));
	memtest_line_put(&l, " pattern=0x%016llx", LL(e->pattern));
	memtest_line_end(&l);
}

void memtest_on_error(void *arg, unsigned worker, const struct memtest_error *e)
{
	struct memtest_session *s = arg;
	uint64_t flags = spin_lock_irqsave(&s->lock);
	bool show = memtest_errors_add(&s->errors, e);

	(void)worker;
	spin_unlock_irqrestore(&s->lock, flags);
	if (show)
		log_error(s, e);
}

static const struct memtest_ops ops = {
	.spread = spread,
	.next = next,
	.test_start = memtest_on_test_start,
	.test_end = memtest_on_test_end,
	.progress = memtest_on_progress,
	.hold = memtest_on_hold,
	.error = memtest_on_error,
	.expel_all = memtest_on_expel_all,
	.expel = memtest_on_expel,
};

int memtest_tests_once(struct memtest_session *s, uint64_t *tested)
{
	struct memtest_config c = {
		.ops = &ops,
		.arg = s,
		.workers = s->harts.n,
		.tests = s->o.tests,
		.passes = 1,
		/* Far from what the engine adds to it: passes, addresses. */
		.seed = s->o.seed + (s->passes << 56) + s->passes,
		.each = s->o.cache == CACHE_FLUSH,
	};
	struct memtest_result result;
	int err = memtest_run(&c, &result);

	*tested += result.tested;
	return err;
}

/* Returns whether it was a whole one, of something. */
static bool run_pass(struct memtest_session *s)
{
	uint64_t before = s->errors.count, pool = 0, kernel;

	memtest_log("pass_start pass=%llu", LL(s->passes + 1));
	memtest_progress_pass(s);
	memtest_tests_once(s, &pool);
	kernel = s->kernel_bytes && !memtest_stopped(s) ? memtest_kernel(s) : 0;
	s->pool_tested = max_u64(s->pool_tested, pool);
	/* What could not be had at the start may be had now. */
	kernel = min_u64(kernel, s->kernel_bytes);
	s->kernel_tested = max_u64(s->kernel_tested, kernel);
	if (memtest_stopped(s) || pool + kernel == 0)
		return false;
	s->passes++;
	memtest_log("pass_end pass=%llu errors=%llu status=%s", LL(s->passes),
		    LL(s->errors.count - before),
		    s->errors.count == before ? "pass" : "fail");
	return true;
}

static void idle(void *arg)
{
	memtest_attend(arg);
}

static void begin(struct memtest_session *s, const struct memtest_options *o)
{
	memset(s, 0, sizeof(*s));
	s->o = *o;
	s->start = arch_time();
	s->harts.idle = idle;
	s->harts.arg = s;
	memtest_harts_init(&s->harts, o->harts);
	s->self = memtest_harts_self(&s->harts);
	memtest_errors_init(&s->errors);
	list_init(&s->pool.blocks);
	cache_ecc(&s->ecc_corrected, &s->ecc_lost);
}

/* The mode has begun. */
static int run_all(struct memtest_session *s)
{
	const char *why;

	memtest_pool_take(&s->pool, s->o.range);
	memtest_pool_share(&s->pool, s->harts.n, s->shares);
	if (memtest_reach_begin(s, &why)) {
		memtest_pool_release(&s->pool);
		return memtest_report_refusal(s, why);
	}
	memtest_report_memory(s);
	while ((!s->o.passes || s->passes < s->o.passes) && run_pass(s))
		;
	memtest_reach_end(s);
	return memtest_report_end(s);
}

/* ---- what is left of a session ---- */

static struct memtest_outcome last;
static struct memtest_session *kept; /* NULL: it found no errors, or is none */

static unsigned session_order(void)
{
	unsigned order = 0;

	while (PAGE_SIZE << order < sizeof(struct memtest_session))
		order++;
	return order;
}

static void forget(void)
{
	if (kept)
		page_free(pfn_to_page(virt_to_phys(kept) >> PAGE_SHIFT),
			  session_order());
	kept = NULL;
}

int memtest_session(const struct memtest_options *o)
{
	const char *why = NULL;
	struct page *p;
	int status;

	forget();
	p = page_alloc(session_order(), ALLOC_RESERVE);
	if (!p) {
		kprintf("memtest: FAIL, no memory to work with\n");
		return STATUS_FAIL;
	}
	kept = phys_to_virt(page_to_phys(p));
	memtest_log_begin();
	begin(kept, o);
	memtest_report_start(kept);
	if (cache_mode_begin(o->cache, &why)) {
		status = memtest_report_refusal(kept, why);
	} else {
		status = run_all(kept);
		cache_mode_end();
	}
	last = kept->outcome;
	if (!kept->errors.count)
		forget();
	return status;
}

int memtest_last(void)
{
	if (!last.status) {
		kprintf("memtest: there was no run since boot\n");
		return STATUS_FAIL;
	}
	memtest_log_begin();
	memtest_report_again(&last);
	if (kept)
		memtest_report_errors(&kept->errors);
	memtest_report_outcome(&last);
	return 0;
}
