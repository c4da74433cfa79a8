/*
 * The runner of <kernel/ktest.h>: finds the tests in their linker section,
 * runs them one by one and prints TAP (testanything.org, version 13).
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <kernel/ktest.h>
#include <kernel/printk.h>

#define DEFAULT_SEED 0x5eed2026u
#define DEFAULT_OPS  1000000u
#define MAX_REPORTS  8	/* failures that are told in full, a test */
#define MAX_SCRATCH  16 /* live ktest_alloc blocks, a test */

extern const struct ktest __start_ktests[], __stop_ktests[];

static struct {
	uint64_t seed;
	uint64_t ops;
	unsigned failures;
	const char *skip;
	unsigned nscratch;
	struct {
		void *p;
		size_t size;
	} scratch[MAX_SCRATCH];
} run;

void ktest_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	if (run.failures++ >= MAX_REPORTS)
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

uint64_t ktest_seed(void)
{
	return run.seed;
}

uint64_t ktest_ops(void)
{
	return run.ops;
}

static bool matches(const struct ktest *t, const char *name)
{
	char full[128];

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

		while (t < __stop_ktests && !matches(t, o->names[i]))
			t++;
		if (t == __stop_ktests)
			return o->names[i];
	}
	return NULL;
}

/* Returns whether the test passed. */
static bool run_one(const struct ktest *t, unsigned number)
{
	run.failures = 0;
	run.skip = NULL;
	run.nscratch = 0;
	t->fn();
	while (run.nscratch) {
		run.nscratch--;
		ktest_os_release(run.scratch[run.nscratch].p,
				 run.scratch[run.nscratch].size);
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
	run.seed = o->seed ? o->seed : DEFAULT_SEED;
	run.ops = o->ops ? o->ops : DEFAULT_OPS;
	for (const struct ktest *t = __start_ktests; t < __stop_ktests; t++)
		total += wanted(t, o);
	kprintf("TAP version 13\n1..%u\n# seed=%#llx ops=%llu\n", total,
		(unsigned long long)run.seed, (unsigned long long)run.ops);
	for (const struct ktest *t = __start_ktests; t < __stop_ktests; t++) {
		if (!wanted(t, o))
			continue;
		if (o->stop && o->stop())
			break;
		if (!run_one(t, ++number))
			failed++;
	}
	kprintf("%u passed, %u failed\n", number - failed, failed);
	return (int)failed;
}

void ktest_list(void)
{
	for (const struct ktest *t = __start_ktests; t < __stop_ktests; t++)
		kprintf("%s.%s\n", t->suite, t->name);
}
