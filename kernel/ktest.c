/*
 * The runner of <kernel/ktest.h>: finds the tests in their linker section,
 * runs them one by one and prints TAP (testanything.org, version 13).
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <arch/cpu.h>
#include <kernel/ksyms.h>
#include <kernel/ktest.h>
#include <kernel/printk.h>
#include <kernel/time.h>
#include <lib/bits.h>

#define DEFAULT_SEED 0x5eed2026u
#define DEFAULT_OPS  1000000u
#define MAX_REPORTS  8	/* failures that are told in full, a test */
#define MAX_SCRATCH  16 /* live ktest_alloc blocks, a test */
#define LIST_WIDTH   78 /* columns */

extern const struct ktest __start_ktests[], __stop_ktests[];
static const struct ktest *stop_ktests = __stop_ktests;

static const char *const kinds[] = {"unit", "stress", "litmus", "silicon"};

static struct {
	const struct ktest_options *o;
	const struct ktest *test;
	uint64_t seed;
	uint64_t ops;
	uint64_t told; /* arch_time() of the last report */
	bool stopped;
	unsigned failures;
	const char *skip;
	unsigned nscratch;
	struct {
		void *p;
		size_t size;
	} scratch[MAX_SCRATCH];
} run;

/* Is this failure to be told in full? */
static bool count_failure(void)
{
	return !run.stopped && run.failures++ < MAX_REPORTS;
}

/* Which check in which function it was that failed. */
static bool count_check(int line, const void *pc)
{
	uint64_t offset;
	const char *name = ksym_find((vaddr_t)(uintptr_t)pc, &offset);

	if (!count_failure())
		return false;
	kprintf("# %s%sline %d: ", name ? name : "", name ? ", " : "", line);
	return true;
}

void ktest_expected_(int line, const char *what)
{
	if (count_check(line, __builtin_return_address(0)))
		kprintf("expected: %s\n", what);
}

void ktest_differ_(int line, uint64_t a, uint64_t b, const char *names)
{
	if (count_check(line, __builtin_return_address(0)))
		kprintf("%s is %#llx, %s is %#llx\n", names,
			(unsigned long long)a, names + strlen(names) + 1,
			(unsigned long long)b);
}

void ktest_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	if (!count_failure())
		return;
	kprintf("# %s:%d: ", file, line);
	va_start(ap, fmt);
	kvprintf(fmt, ap);
	va_end(ap);
	kprintf("\n");
}

void ktest_skip(const char *why)
{
	run.skip = why;
}

void *ktest_alloc(size_t size)
{
	void *p;

	if (run.nscratch == MAX_SCRATCH)
		return NULL;
	p = ktest_os_alloc(size);
	if (!p)
		return NULL;
	memset(p, 0, size);
	run.scratch[run.nscratch].p = p;
	run.scratch[run.nscratch++].size = size;
	return p;
}

bool ktest_goes_on_(uint64_t done, uint64_t n)
{
	const struct ktest_options *o = run.o;

	if (!run.stopped && o->stop)
		run.stopped = o->stop();
	if (o->tell_us && arch_time() - run.told >= time_ticks(o->tell_us)) {
		kprintf("# %s.%s: %llu %%\n", run.test->suite, run.test->name,
			(unsigned long long)(done * 100 / n));
		run.told = arch_time();
	}
	return !run.stopped;
}

void ktest_drop(void)
{
	stop_ktests = __start_ktests;
}

bool ktest_dropped(void)
{
	return stop_ktests == __start_ktests;
}

void ktest_stop(void)
{
	run.stopped = true;
}

bool ktest_stopped(void)
{
	return run.stopped;
}

uint64_t ktest_seed(void)
{
	return run.seed;
}

uint64_t ktest_ops(void)
{
	return run.ops;
}

static const char *kind_of(const struct ktest *t)
{
	for (unsigned i = 1; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(t->suite, kinds[i]))
			return kinds[i];
	return kinds[0];
}

static bool is_kind(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(name, kinds[i]))
			return true;
	return false;
}

static bool matches(const struct ktest *t, const char *name)
{
	char full[128];

	if (is_kind(name))
		return !strcmp(kind_of(t), name);
	snprintf(full, sizeof(full), "%s.%s", t->suite, t->name);
	return strstr(full, name) != NULL;
}

static bool wanted(const struct ktest *t, const struct ktest_options *o)
{
	for (unsigned i = 0; i < o->nnames; i++)
		if (matches(t, o->names[i]))
			return true;
	return !o->nnames;
}

/* A name that means no test, or NULL. */
static const char *bad_name(const struct ktest_options *o)
{
	for (unsigned i = 0; i < o->nnames; i++) {
		const struct ktest *t = __start_ktests;

		while (t < stop_ktests && !matches(t, o->names[i]))
			t++;
		if (t == stop_ktests)
			return o->names[i];
	}
	return NULL;
}

/* Returns whether the test passed. */
static bool run_one(const struct ktest *t, unsigned number)
{
	run.test = t;
	run.told = arch_time();
	run.failures = 0;
	run.skip = NULL;
	run.nscratch = 0;
	t->fn();
	while (run.nscratch) {
		run.nscratch--;
		ktest_os_release(run.scratch[run.nscratch].p,
				 run.scratch[run.nscratch].size);
	}
	if (run.stopped) {
		kprintf("# %s.%s: stopped\n", t->suite, t->name);
		return true;
	}
	if (run.failures > MAX_REPORTS)
		kprintf("# and %u more failures\n", run.failures - MAX_REPORTS);
	kprintf("%s %u - %s.%s%s%s\n", run.failures ? "not ok" : "ok", number,
		t->suite, t->name, run.skip ? " # SKIP " : "",
		run.skip ? run.skip : "");
	return !run.failures;
}

int ktest_run(const struct ktest_options *o, const char **bad)
{
	unsigned total = 0, number = 0, failed = 0;
	const char *name = bad_name(o);

	if (name) {
		if (bad)
			*bad = name;
		return -1;
	}
	run.o = o;
	run.stopped = false;
	run.seed = o->seed ? o->seed : DEFAULT_SEED;
	run.ops = o->ops ? o->ops : DEFAULT_OPS;
	for (const struct ktest *t = __start_ktests; t < stop_ktests; t++)
		total += wanted(t, o);
	kprintf("TAP version 13\n1..%u\n# seed=%#llx ops=%llu\n", total,
		(unsigned long long)run.seed, (unsigned long long)run.ops);
	for (const struct ktest *t = __start_ktests; t < stop_ktests; t++) {
		if (!wanted(t, o))
			continue;
		run.stopped = o->stop && o->stop();
		if (run.stopped)
			break;
		if (!run_one(t, number + 1))
			failed++;
		if (run.stopped)
			break;
		number++;
	}
	kprintf("%u passed, %u failed\n", number - failed, failed);
	return (int)failed;
}

/* Tests of the same suite, from `t` on; 0 when others of it come before. */
static unsigned suite_size(const struct ktest *t)
{
	unsigned n = 0;

	for (const struct ktest *o = __start_ktests; o < stop_ktests; o++)
		if (!strcmp(o->suite, t->suite)) {
			if (o < t)
				return 0;
			n++;
		}
	return n;
}

static void list_kind(const char *kind)
{
	int column = LIST_WIDTH;

	kprintf("%s:", kind);
	for (const struct ktest *t = __start_ktests; t < stop_ktests; t++) {
		unsigned n = kind_of(t) == kind ? suite_size(t) : 0;
		char text[64];
		int length;

		if (!n)
			continue;
		length = snprintf(text, sizeof(text), " %s (%u)", t->suite, n);
		if (column + length > LIST_WIDTH) {
			kprintf("\n   ");
			column = 3;
		}
		kprintf("%s", text);
		column += length;
	}
	kprintf("\n");
}

int ktest_list(const struct ktest_options *o, const char **bad)
{
	*bad = bad_name(o);
	if (*bad)
		return -1;
	for (unsigned i = 0; !o->nnames && i < ARRAY_SIZE(kinds); i++)
		list_kind(kinds[i]);
	for (const struct ktest *t = __start_ktests; t < stop_ktests; t++)
		if (o->nnames && wanted(t, o))
			kprintf("%s.%s\n", t->suite, t->name);
	return 0;
}
