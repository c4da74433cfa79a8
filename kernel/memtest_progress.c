/*
 * How far the memory tester is: lines about tests, ticks, and the time that is left.
 *
 * The time is what is left of each test's accesses, by the rate that this test had
 * so far in the run, or all tests had if it had none; and its long holds. Short holds
 * (--hold) count as slow accesses.
 *
 * Harts only store how far they are. Whatever is logged here is logged by the
 * console's hart, after a MiB of its own or while it waits for the others.
 */
#include <arch/cpu.h>
#include <kernel/memtest_log.h>
#include <kernel/memtest_session.h>
#include <kernel/shell.h>
#include <kernel/task.h>
#include <lib/relaxed.h>

#define LL(x) ((unsigned long long)(x))

#define POLL_MS	 100
#define STALL_MS 30000

/* A rate is ticks per access, in units of 2^-RATE. */
#define RATE 20

static unsigned number_of(const struct memtest_test *t)
{
	return (unsigned)(t - memtest_tests);
}

static uint64_t percent(uint64_t part, uint64_t whole)
{
	return whole ? min_u64(part, whole) * 100 / whole : 100;
}

static uint64_t done_by(const struct memtest_session *s, unsigned worker)
{
	return __atomic_load_n(&s->harts.hart[worker].done, __ATOMIC_RELAXED);
}

static uint64_t done_by_all(const struct memtest_session *s)
{
	uint64_t done = 0;

	for (unsigned i = 0; i < s->harts.n; i++)
		done += done_by(s, i);
	return done;
}

/* Accesses of a test in a pass: the pool, and all of the kernel's memory. */
static uint64_t cost(const struct memtest_session *s, unsigned test)
{
	return memtest_cost(&memtest_tests[test],
			    (s->pool_bytes + s->kernel_bytes) / 8);
}

static bool selected(const struct memtest_session *s, unsigned test)
{
	return s->o.tests >> test & 1;
}

static uint64_t rate(uint64_t ticks, uint64_t accesses)
{
	/* Runs last for weeks. */
	for (; ticks >> (64 - RATE); ticks /= 2)
		accesses /= 2;
	return accesses ? (ticks << RATE) / accesses : 0;
}

static uint64_t rate_of_all(const struct memtest_session *s)
{
	uint64_t ticks = 0, accesses = 0;

	for (unsigned i = 0; i < memtest_ntests; i++) {
		ticks += s->progress.of[i].ticks;
		accesses += s->progress.of[i].accesses;
	}
	return rate(ticks, accesses);
}

/* Ticks that `accesses` and `fades` of a test will take. */
static uint64_t time_of(const struct memtest_session *s, unsigned test,
			uint64_t accesses, uint64_t fades, uint64_t other_rate)
{
	uint64_t r =
		rate(s->progress.of[test].ticks, s->progress.of[test].accesses);

	return (uint64_t)((unsigned __int128)accesses * (r ? r : other_rate) >>
			  RATE) +
	       fades * memtest_ticks(s->o.fade_ms);
}

/* Seconds; 0: who knows. */
static uint64_t time_left(const struct memtest_session *s, uint64_t now_done)
{
	const struct memtest_progressing *p = &s->progress;
	uint64_t more = s->o.passes - min_u64(s->o.passes, s->passes + 1);
	uint64_t ticks = 0, whole = 0, all = rate_of_all(s);

	if (!s->o.passes || !all)
		return 0;
	for (unsigned i = 0; i < memtest_ntests; i++) {
		uint64_t accesses = cost(s, i), done = p->of[i].done;
		uint64_t fades =
			memtest_tests[i].waits * (1 + s->kernel_blocks);

		if (!selected(s, i))
			continue;
		if (p->test == &memtest_tests[i])
			done += now_done;
		whole += time_of(s, i, accesses, fades, all);
		ticks += time_of(s, i, accesses - min_u64(accesses, done),
				 fades - min_u64(fades, p->of[i].fades), all);
	}
	if (more > (UINT64_MAX - ticks) / max_u64(whole, 1))
		return 0;
	return memtest_ms(ticks + more * whole) / 1000 + 1;
}

/* The rate of the test that runs, as far as it is known. */
static void learn(struct memtest_session *s, uint64_t *accesses,
		  uint64_t *ticks)
{
	struct memtest_progressing *p = &s->progress;
	unsigned i = number_of(p->test);
	uint64_t took = arch_time() - p->start;

	*accesses = p->of[i].accesses;
	*ticks = p->of[i].ticks;
	p->of[i].accesses += done_by_all(s);
	p->of[i].ticks += took - min_u64(took, p->faded);
}

static void log_tick(struct memtest_session *s)
{
	struct memtest_progressing *p = &s->progress;
	unsigned test = number_of(p->test);
	uint64_t now = done_by_all(s), done = now, all = 0;
	uint64_t accesses, ticks;
	struct memtest_line l;

	for (unsigned i = 0; i < memtest_ntests; i++)
		if (selected(s, i)) {
			done += p->of[i].done;
			all += cost(s, i);
		}
	memtest_line_begin(&l, "tick");
	memtest_line_put(&l,
			 " pass=%llu pass_pct=%llu test=%u name=%s "
			 "test_pct=%llu errors=%llu harts=",
			 LL(s->passes + 1), LL(percent(done, all)), test + 1,
			 p->test->name, LL(percent(now, p->accesses)),
			 LL(s->errors.count));
	for (unsigned i = 0; i < s->harts.n; i++)
		memtest_line_put(
			&l, "%s%llu", i ? "," : "",
			LL(percent(done_by(s, i), s->harts.hart[i].share)));
	learn(s, &accesses, &ticks);
	memtest_line_put(&l, " eta_s=%llu", LL(time_left(s, now)));
	p->of[test].accesses = accesses;
	p->of[test].ticks = ticks;
	memtest_line_end(&l);
	p->last_tick = arch_time();
}

/* Harts that work, and have not told of any progress for long. */
static void log_stalls(struct memtest_session *s)
{
	uint64_t now = arch_time();

	for (unsigned i = 0; i < s->harts.n; i++) {
		struct memtest_hart *h = &s->harts.hart[i];
		uint64_t done = done_by(s, i);

		if (!__atomic_load_n(&h->working, __ATOMIC_RELAXED) ||
		    done != h->seen || !h->since) {
			h->seen = done;
			h->since = now;
		} else if (now - h->since >= memtest_ticks(STALL_MS)) {
			memtest_log("stall hart=%llu since=%llu", LL(h->hartid),
				    LL(memtest_ms(h->since - s->start) / 1000));
		}
	}
}

void memtest_attend(struct memtest_session *s)
{
	struct memtest_progressing *p = &s->progress;

	if (!memtest_stopped(s) && shell_interrupted())
		store_relaxed(&s->harts.stop, true);
	if (p->test &&
	    arch_time() - p->last_tick >= memtest_ticks(s->o.tick_ms)) {
		log_tick(s);
		log_stalls(s);
	}
}

bool memtest_on_progress(void *arg, unsigned worker, uint64_t done)
{
	struct memtest_session *s = arg;

	store_relaxed(&s->harts.hart[worker].done, done);
	task_resched();
	if (worker == s->self)
		memtest_attend(s);
	return memtest_stopped(s);
}

void memtest_progress_pass(struct memtest_session *s)
{
	for (unsigned i = 0; i < memtest_ntests; i++)
		s->progress.of[i].done = s->progress.of[i].fades = 0;
}

/* Words of a share. */
static uint64_t words_of(const struct memtest_session *s, unsigned share)
{
	struct memtest_cursor c = {0};
	struct memtest_region r;
	uint64_t words = 0;

	if (!s->block.view)
		return s->shares[share].bytes / 8;
	while (memtest_kernel_next(s, share, &c, &r))
		words += r.nwords;
	return words;
}

void memtest_on_test_start(void *arg, const struct memtest_progress *p)
{
	static const char *const kind[] = {"data", "address", "retention",
					   "transfer"};
	struct memtest_session *s = arg;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < s->harts.n; i++) {
		uint64_t words = words_of(s, i);

		bytes += 8 * words;
		s->harts.hart[i].done = 0;
		s->harts.hart[i].share = memtest_cost(p->test, words);
	}
	memtest_errors_test(&s->errors);
	s->progress.test = p->test;
	s->progress.accesses = p->total;
	s->progress.faded = 0;
	s->progress.start = s->progress.last_tick = arch_time();
	memtest_log("test_start pass=%llu test=%u name=%s kind=%s bytes=%llu",
		    LL(s->passes + 1), number_of(p->test) + 1, p->test->name,
		    kind[p->test->kind], LL(bytes));
}

static void log_ranges(const struct memtest_session *s)
{
	for (unsigned i = 0; i < s->errors.test.n; i++) {
		const struct memtest_range *r = &s->errors.test.range[i];

		memtest_log("errors pass=%llu test=%u name=%s start=0x%llx "
			    "end=0x%llx count=%llu xor_or=0x%016llx",
			    LL(s->passes + 1), number_of(s->progress.test) + 1,
			    s->progress.test->name, LL(r->bytes.start),
			    LL(r->bytes.end), LL(r->count), LL(r->bits));
	}
}

void memtest_on_test_end(void *arg, const struct memtest_progress *p)
{
	struct memtest_session *s = arg;
	struct memtest_progressing *now = &s->progress;
	uint64_t ticks = arch_time() - now->start, bytes = 0, ms, busy;
	uint64_t done = done_by_all(s), accesses, before;
	unsigned test = number_of(p->test);

	for (unsigned i = 0; i < s->harts.n; i++)
		bytes += 8 * words_of(s, i);
	log_tick(s);
	learn(s, &accesses, &before);
	now->of[test].done += done;
	log_ranges(s);
	ms = memtest_ms(ticks);
	busy = memtest_ms(ticks - min_u64(ticks, now->faded));
	memtest_log("test_end pass=%llu test=%u name=%s errors=%llu "
		    "shown=%llu ms=%llu bytes=%llu accesses=%llu mb_s=%llu",
		    LL(s->passes + 1), test + 1, p->test->name,
		    LL(s->errors.in_test), LL(s->errors.shown), LL(ms),
		    LL(bytes), LL(done), LL(busy ? done * 8 / busy / 1000 : 0));
	now->test = NULL;
}

/* Until it is over or the user has enough. */
static void wait(struct memtest_session *s, uint64_t ticks)
{
	uint64_t start = arch_time(), now = start;

	while (now - start < ticks && !memtest_stopped(s)) {
		smp_idle(now + min_u64(ticks - (now - start),
				       memtest_ticks(POLL_MS)));
		memtest_attend(s);
		now = arch_time();
	}
}

void memtest_on_hold(void *arg, const struct memtest_hold *h)
{
	struct memtest_session *s = arg;
	uint64_t ms = h->fade ? s->o.fade_ms : s->o.hold_ms;
	struct range span = s->block.view ? s->block.bytes : s->span;
	uint64_t start = arch_time();

	if (h->fade)
		s->progress.of[number_of(h->test)].fades++;
	if (!ms || memtest_stopped(s))
		return;
	memtest_log("hold start=0x%llx end=0x%llx pattern=0x%016llx ms=%llu "
		    "test=%u name=%s why=%s",
		    LL(span.start), LL(span.end), LL(h->pattern), LL(ms),
		    number_of(h->test) + 1, h->test->name,
		    h->fade ? "fade" : "hold");
	wait(s, memtest_ticks(ms));
	memtest_log("resume");
	if (h->fade)
		s->progress.faded += arch_time() - start;
}
