/*
 * The `memtest` command: tests RAM through the engine in memtest/, and tells
 * what happens in a log for programs, one event a line, and a verdict for
 * people. The log's format is in docs/memtest.md.
 */
#include <string.h>

#include <arch/cpu.h>
#include <kernel/devtree.h>
#include <kernel/memtest_pool.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <memtest/memtest.h>
#include <mm/layout.h>

#define MAX_SHOWN	 64 /* errors of a test that are shown, a pass */
#define ASSUMED_TIMEBASE 10000000u
#define STATUS_FAIL	 1

#define ull(x) ((unsigned long long)(x))

struct options {
	bool list;
	bool has_range;
	struct range range; /* bytes */
	uint64_t tests;	    /* as in struct memtest_config */
	uint64_t passes;
	uint64_t hold_ms;
	uint64_t seed;
};

struct session {
	struct options o;
	struct memtest_pool pool;
	uint64_t hz;			  /* of arch_time() */
	uint64_t test_start;		  /* arch_time() */
	uint64_t last_tick;		  /* arch_time() */
	struct memtest_progress progress; /* of the current test */
	uint64_t done;			  /* accesses of it */
	uint64_t errors;		  /* of it */
	uint64_t shown;			  /* errors of it */
	uint64_t skipped; /* bytes of the range that could not be had */
	bool interrupted;
};

static bool interrupted(struct session *s)
{
	if (!s->interrupted)
		s->interrupted = shell_interrupted();
	return s->interrupted;
}

/* ---- the engine's callbacks ---- */

static void spread(void *arg, void (*fn)(void *ctx, unsigned worker), void *ctx)
{
	(void)arg;
	fn(ctx, 0);
}

static bool next_region(void *arg, unsigned share, struct memtest_cursor *c,
			struct memtest_region *r)
{
	struct session *s = arg;
	struct range range;

	(void)share;
	memtest_pool_rewind(&s->pool);
	if (c->at) {
		s->pool.block = c->at;
		s->pool.offset = c->offset;
	}
	if (!memtest_pool_next(&s->pool, &range))
		return false;
	c->at = s->pool.block;
	c->offset = s->pool.offset;
	*r = (struct memtest_region){phys_to_virt(range.start),
				     range_size(range) / 8, range.start};
	return true;
}

static void log_tick(struct session *s)
{
	const struct memtest_progress *p = &s->progress;
	uint64_t percent = p->total ? s->done * 100 / p->total : 100;

	kprintf("MTLOG ev=tick pass=%llu test=%s pct=%llu errors=%llu\n",
		ull(p->pass), p->test->name, ull(percent), ull(s->errors));
	s->last_tick = arch_time();
}

static void test_start(void *arg, const struct memtest_progress *p)
{
	struct session *s = arg;

	kprintf("MTLOG ev=test_start pass=%llu test=%s\n", ull(p->pass),
		p->test->name);
	s->progress = *p;
	s->done = s->errors = s->shown = 0;
	s->test_start = s->last_tick = arch_time();
}

static void test_end(void *arg, const struct memtest_progress *p)
{
	struct session *s = arg;
	uint64_t ms = (arch_time() - s->test_start) / (s->hz / 1000);

	log_tick(s);
	kprintf("MTLOG ev=test_end pass=%llu test=%s errors=%llu shown=%llu "
		"ms=%llu\n",
		ull(p->pass), p->test->name, ull(p->errors), ull(s->shown),
		ull(ms));
}

static bool progress(void *arg, unsigned worker, uint64_t done)
{
	struct session *s = arg;

	(void)worker;
	s->done = done;
	if (arch_time() - s->last_tick >= s->hz)
		log_tick(s);
	return interrupted(s);
}

static void hold(void *arg, const struct memtest_hold *h)
{
	struct session *s = arg;
	uint64_t ticks = s->o.hold_ms * (s->hz / 1000);
	struct range r, all = range_make(UINT64_MAX, 0);
	uint64_t start;

	if (!s->o.hold_ms || s->interrupted)
		return;
	memtest_pool_rewind(&s->pool);
	while (memtest_pool_next(&s->pool, &r))
		all = range_make(min_u64(all.start, r.start), r.end);
	kprintf("MTLOG ev=hold start=%#llx end=%#llx pattern=0x%016llx "
		"ms=%llu\n",
		ull(all.start), ull(all.end), ull(h->pattern),
		ull(s->o.hold_ms));
	start = arch_time();
	while (arch_time() - start < ticks && !interrupted(s))
		arch_relax();
	kprintf("MTLOG ev=resume\n");
}

static void error(void *arg, unsigned worker, const struct memtest_error *e)
{
	struct session *s = arg;

	(void)worker;
	s->errors++;
	if (s->shown == MAX_SHOWN)
		return;
	s->shown++;
	kprintf("MTLOG ev=error pass=%llu test=%s addr=%#llx "
		"expect=0x%016llx actual=0x%016llx xor=0x%016llx "
		"reread=0x%016llx pattern=0x%016llx\n",
		ull(e->pass), e->test->name, ull(e->pa), ull(e->expected),
		ull(e->actual), ull(e->expected ^ e->actual), ull(e->again[0]),
		ull(e->pattern));
}

static void expel_all(void *arg, unsigned worker)
{
	(void)arg, (void)worker;
}

static bool expel(void *arg, volatile uint64_t *p)
{
	(void)arg, (void)p;
	return false;
}

static const struct memtest_ops ops = {
	.spread = spread,
	.next = next_region,
	.test_start = test_start,
	.test_end = test_end,
	.progress = progress,
	.hold = hold,
	.error = error,
	.expel_all = expel_all,
	.expel = expel,
};

/* ---- the command line ---- */

static int list_tests(void)
{
	kprintf("%-8s %8s  %s\n", "test", "accesses", "finds");
	for (unsigned i = 0; i < memtest_ntests; i++) {
		const struct memtest_test *t = &memtest_tests[i];

		kprintf("%-8s %8u  %s%s\n", t->name, t->accesses / 64, t->finds,
			t->profiles & MEMTEST_STANDARD ? ""
						       : " (only when named)");
	}
	return 0;
}

/* NAME,NAME,...; or `all`. */
static bool parse_tests(const char *s, uint64_t *tests)
{
	*tests = 0;
	if (strcmp(s, "all") == 0) {
		*tests = ((uint64_t)1 << memtest_ntests) - 1;
		return true;
	}
	for (;;) {
		size_t len = strcspn(s, ",");
		int i = memtest_find(s, len);

		if (i < 0) {
			kprintf("memtest: no test '%.*s'; memtest --list\n",
				(int)min_u64(len, 32), s);
			return false;
		}
		*tests |= (uint64_t)1 << i;
		if (!s[len])
			return true;
		s += len + 1;
	}
}

static bool parse_range(const char *s, struct options *o)
{
	if (!shell_range(s, &o->range) || !is_aligned(o->range.start, 8) ||
	    !is_aligned(o->range.end, 8)) {
		kprintf("memtest: '%s' is no range of whole 64-bit words\n", s);
		return false;
	}
	o->has_range = true;
	return true;
}

static bool parse_number(const char *option, const char *s, uint64_t max,
			 uint64_t *out)
{
	if (shell_number(s, out) && *out <= max)
		return true;
	kprintf("memtest: %s '%s' is no number up to %llu\n", option, s,
		ull(max));
	return false;
}

static bool parse_option(const char *option, const char *value,
			 struct options *o)
{
	if (strcmp(option, "--range") == 0)
		return parse_range(value, o);
	if (strcmp(option, "--test") == 0)
		return parse_tests(value, &o->tests);
	if (strcmp(option, "--passes") == 0)
		return parse_number(option, value, UINT64_MAX, &o->passes);
	if (strcmp(option, "--hold") == 0)
		return parse_number(option, value, 86400000, &o->hold_ms);
	if (strcmp(option, "--seed") == 0)
		return parse_number(option, value, UINT64_MAX, &o->seed);
	kprintf("memtest: no option '%s'\n", option);
	return false;
}

static bool parse(int argc, char **argv, struct options *o)
{
	*o = (struct options){
		.range = range_make(0, UINT64_MAX),
		.tests = memtest_profile(MEMTEST_STANDARD),
		.passes = 1,
		.seed = 1,
	};
	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		o->list = true;
		return true;
	}
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc) {
			kprintf("memtest: '%s' is no option with a value\n",
				argv[i]);
			return false;
		}
		if (!parse_option(argv[i], argv[i + 1], o))
			return false;
	}
	return true;
}

/* ---- a run ---- */

static void log_skipped(struct session *s, uint64_t start, uint64_t end)
{
	if (!s->o.has_range || start >= end)
		return;
	kprintf("MTLOG ev=skipped start=%#llx end=%#llx why=not-free\n",
		ull(start), ull(end));
	s->skipped += end - start;
}

static void log_regions(struct session *s)
{
	uint64_t at = s->o.range.start;
	struct range r;

	memtest_pool_rewind(&s->pool);
	while (memtest_pool_next(&s->pool, &r)) {
		log_skipped(s, at, r.start);
		kprintf("MTLOG ev=region start=%#llx end=%#llx\n", ull(r.start),
			ull(r.end));
		at = r.end;
	}
	log_skipped(s, at, s->o.range.end);
}

/* "12.3 MiB", or KiB when it is less than one MiB, or bytes. */
static void print_size(uint64_t bytes)
{
	unsigned shift = bytes < MIB(1) ? 10 : 20;
	uint64_t tenths = (bytes & (((uint64_t)1 << shift) - 1)) * 10 >> shift;

	if (bytes < KIB(1))
		kprintf("%llu B", ull(bytes));
	else
		kprintf("%llu.%llu %s", ull(bytes >> shift), ull(tenths),
			shift == 10 ? "KiB" : "MiB");
}

/* In the log, an error outweighs an interruption: a program that reads only the
 * last event must not miss it. Nothing tested is no pass. */
static int verdict(const struct session *s, const struct memtest_result *r)
{
	int status = 0;

	if (r->errors || (!s->interrupted && !r->tested))
		status = STATUS_FAIL;
	else if (s->interrupted)
		status = SHELL_INTERRUPTED;
	kprintf("MTLOG ev=done status=%s passes=%llu errors=%llu tested=%llu "
		"skipped=%llu\n",
		status == 0		? "pass"
		: status == STATUS_FAIL ? "fail"
					: "interrupted",
		ull(r->passes), ull(r->errors), ull(r->tested),
		ull(s->skipped));
	kprintf("memtest: %s, ", status == 0		 ? "PASS"
				 : status == STATUS_FAIL ? "FAIL"
							 : "INTERRUPTED");
	if (r->tested || s->interrupted)
		print_size(r->tested);
	else
		kprintf("nothing");
	kprintf(" tested, ");
	if (s->skipped) {
		print_size(s->skipped);
		kprintf(" skipped, ");
	}
	kprintf("%llu errors%s\n", ull(r->errors),
		r->errors && s->interrupted ? ", interrupted" : "");
	return status;
}

static void log_start(const struct session *s)
{
	kprintf("MTLOG ev=start format=1 passes=%llu hold_ms=%llu seed=%llu "
		"cache=wb tests=",
		ull(s->o.passes), ull(s->o.hold_ms), ull(s->o.seed));
	for (unsigned i = 0, n = 0; i < memtest_ntests; i++)
		if (s->o.tests >> i & 1)
			kprintf("%s%s", n++ ? "," : "", memtest_tests[i].name);
	kprintf("\n");
}

static int cmd_memtest(int argc, char **argv)
{
	struct session s = {.hz = machine.timebase};
	struct memtest_config c = {.ops = &ops, .arg = &s, .workers = 1};
	struct memtest_result result;
	int status;

	if (!parse(argc, argv, &s.o))
		return SHELL_USAGE;
	if (s.o.list)
		return list_tests();
	if (s.hz < 1000)
		s.hz = ASSUMED_TIMEBASE;
	c.tests = s.o.tests;
	c.passes = s.o.passes;
	c.seed = s.o.seed;
	memtest_pool_take(&s.pool, s.o.range);
	log_start(&s);
	log_regions(&s);
	memtest_run(&c, &result);
	status = verdict(&s, &result);
	memtest_pool_release(&s.pool);
	return status;
}
COMMAND(memtest, cmd_memtest,
	"[--list] [--range START-END|START+SIZE] [--test NAME,...] [--passes N] "
	"[--hold MS] [--seed N]",
	"test free memory, or what of a range is free");
