/* The `memtest` command: its options. What it does: <kernel/memtest_session.h>. */
#include <stdio.h>
#include <string.h>

#include <kernel/memtest_session.h>
#include <kernel/printk.h>
#include <kernel/random.h>
#include <kernel/shell.h>

#define LL(x) ((unsigned long long)(x))

#define FADE_MS	    60000
#define TICK_MS	    10000
#define MAX_HOLD_MS 86400000 /* a day */

struct command_line {
	struct memtest_options o;
	bool has_profile, has_tests, has_passes, has_fade, has_kernel;
};

/* A profile is so many tests, endless or not. */
static const struct profile {
	const char *name;
	unsigned tests;
	uint64_t passes;
	bool kernel;
} profiles[] = {
	{"quick", MEMTEST_QUICK, 1, false},
	{"standard", MEMTEST_STANDARD, 1, true},
	{"soak", MEMTEST_SOAK, 0, true},
};

static int list_tests(void)
{
	kprintf("   %-10s %8s  %-14s %s\n", "test", "accesses", "profiles",
		"finds");
	for (unsigned i = 0; i < memtest_ntests; i++) {
		const struct memtest_test *t = &memtest_tests[i];

		kprintf("%2u %-10s %5u.%02u  %c %c %c          %s\n", i + 1,
			t->name, t->accesses / 64, t->accesses % 64 * 100 / 64,
			t->profiles & MEMTEST_QUICK ? 'q' : '-',
			t->profiles & MEMTEST_STANDARD ? 's' : '-',
			t->profiles & MEMTEST_SOAK ? 'k' : '-', t->finds);
	}
	kprintf("accesses: of each word, a pass; q: quick, s: standard, "
		"k: soak\n");
	return 0;
}

/* Say what is wrong with an option's value. */
static bool wrong(const char *option, const char *value, const char *why)
{
	kprintf("memtest: %s '%.40s': %s\n", option, value, why);
	return false;
}

static bool parse_profile(const char *name, struct command_line *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		const struct profile *p = &profiles[i];

		if (strcmp(p->name, name) != 0)
			continue;
		c->o.profile = p->name;
		if (!c->has_tests)
			c->o.tests = memtest_profile(p->tests);
		if (!c->has_passes)
			c->o.passes = p->passes;
		if (!c->has_kernel)
			c->o.kernel = p->kernel || c->o.has_range;
		return true;
	}
	return wrong("--profile", name, "not quick, standard or soak");
}

/* NAME,NAME,...; or `all`. */
static bool parse_tests(const char *s, struct command_line *c)
{
	const char *value = s;
	size_t len;

	c->has_tests = true;
	c->o.tests = ((uint64_t)2 << (memtest_ntests - 1)) - 1;
	if (strcmp(s, "all") == 0)
		return true;
	for (c->o.tests = 0;; s += len + 1) {
		int i = memtest_find(s, len = strcspn(s, ","));

		if (i < 0)
			return wrong("--test", value,
				     "not all tests (memtest --list)");
		c->o.tests |= (uint64_t)1 << i;
		if (!s[len])
			return true;
	}
}

static bool parse_range(const char *s, struct command_line *c)
{
	if (!shell_range(s, &c->o.range) || !is_aligned(c->o.range.start, 8) ||
	    !is_aligned(c->o.range.end, 8))
		return wrong("--range", s, "no range of whole 64-bit words");
	c->o.has_range = true;
	if (!c->has_kernel)
		c->o.kernel = true;
	return true;
}

static bool parse_number(const char *option, const char *s, uint64_t min,
			 uint64_t max, uint64_t *out)
{
	if (shell_number(s, out) && *out >= min && *out <= max)
		return true;
	kprintf("memtest: %s '%.40s': no number from %llu to %llu\n", option, s,
		LL(min), LL(max));
	return false;
}

static bool parse_kernel(const char *s, struct command_line *c)
{
	c->has_kernel = true;
	c->o.kernel = strcmp(s, "yes") == 0;
	return c->o.kernel || strcmp(s, "no") == 0 ||
	       wrong("--kernel", s, "neither yes nor no");
}

static bool parse_cache(const char *s, struct command_line *c)
{
	int mode = cache_mode_find(s);

	if (mode < 0)
		return wrong("--cache", s, "not wb, evict, flush or uncached");
	c->o.cache = (enum cache_mode)mode;
	return true;
}

static bool parse_harts(const char *s, struct command_line *c)
{
	const char *why = memtest_harts_parse(s, &c->o.harts);

	return !why || wrong("--harts", s, why);
}

static bool parse_run_id(const char *s, struct command_line *c)
{
	static const char fine[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t n = strlen(s);

	if (!n || n > MEMTEST_RUN_ID || strspn(s, fine) != n)
		return wrong("--run-id", s,
			     "not 1 to 32 letters, digits, '.', '_', '-'");
	strcpy(c->o.run_id, s);
	return true;
}

static bool parse_option(const char *option, const char *s,
			 struct command_line *c)
{
	struct memtest_options *o = &c->o;

	if (strcmp(option, "--profile") == 0) {
		c->has_profile = true;
		return parse_profile(s, c);
	}
	if (strcmp(option, "--range") == 0)
		return parse_range(s, c);
	if (strcmp(option, "--test") == 0)
		return parse_tests(s, c);
	if (strcmp(option, "--passes") == 0) {
		c->has_passes = true;
		return parse_number(option, s, 0, UINT64_MAX, &o->passes);
	}
	if (strcmp(option, "--seed") == 0)
		return parse_number(option, s, 0, UINT64_MAX, &o->seed);
	if (strcmp(option, "--hold") == 0) {
		if (!parse_number(option, s, 0, MAX_HOLD_MS, &o->hold_ms))
			return false;
		if (!c->has_fade)
			o->fade_ms = o->hold_ms;
		return true;
	}
	if (strcmp(option, "--fade") == 0) {
		c->has_fade = true;
		return parse_number(option, s, 0, MAX_HOLD_MS, &o->fade_ms);
	}
	if (strcmp(option, "--tick") == 0) {
		if (!parse_number(option, s, 1, 86400, &o->tick_ms))
			return false;
		o->tick_ms *= 1000;
		return true;
	}
	if (strcmp(option, "--harts") == 0)
		return parse_harts(s, c);
	if (strcmp(option, "--cache") == 0)
		return parse_cache(s, c);
	if (strcmp(option, "--kernel") == 0)
		return parse_kernel(s, c);
	if (strcmp(option, "--run-id") == 0)
		return parse_run_id(s, c);
	kprintf("memtest: no option '%.40s'\n", option);
	return false;
}

static bool parse(int argc, char **argv, struct command_line *c)
{
	*c = (struct command_line){
		.o = {.range = range_make(0, UINT64_MAX),
		      .seed = 1,
		      .fade_ms = FADE_MS,
		      .tick_ms = TICK_MS,
		      .harts = cpus_online()},
	};
	parse_profile("quick", c);
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc) {
			kprintf("memtest: '%.40s' is no option with a value\n",
				argv[i]);
			return false;
		}
		if (!parse_option(argv[i], argv[i + 1], c))
			return false;
	}
	if (c->has_tests && !c->has_profile)
		c->o.profile = "none";
	return true;
}

/* So that no two runs have the same one. */
static void make_run_id(char id[MEMTEST_RUN_ID + 1])
{
	uint32_t random;

	random_bytes(&random, sizeof(random));
	snprintf(id, MEMTEST_RUN_ID + 1, "%08x", random);
}

static int cmd_memtest(int argc, char **argv)
{
	struct command_line c;

	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return list_tests();
	if (argc == 2 && strcmp(argv[1], "last") == 0)
		return memtest_last();
	if (argc == 2 && strcmp(argv[1], "verify-cache") == 0)
		return cache_verify();
	if (!parse(argc, argv, &c))
		return SHELL_USAGE;
	if (!c.o.run_id[0])
		make_run_id(c.o.run_id);
	return memtest_session(&c.o);
}
COMMAND(memtest, cmd_memtest,
	"[--profile quick|standard|soak] [--test NAME,...|all] "
	"[--range START-END|START+SIZE] [--passes N] [--seed N] [--hold MS] "
	"[--fade MS] [--harts LIST] [--cache wb|evict|flush|uncached] "
	"[--kernel yes|no] [--tick S] [--run-id ID] "
	"| --list | last | verify-cache",
	"test memory: all that is free, or a range; what the kernel lives in, too");
