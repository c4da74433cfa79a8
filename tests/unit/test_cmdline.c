/* Command line grammar: words, quotes, the greedy keys, what loaders break. */
#include <string.h>

#include <kernel/ktest.h>
#include <lib/cmdline.h>
#include <lib/errno.h>
#include <lib/rng.h>

/* Does `key` have the value `want` in `line`? NULL: it has none. */
static bool value_is(const char *line, const char *key, const char *want)
{
	char buf[128];
	int error = cmdline_get(line, key, buf, sizeof(buf));

	if (!want)
		return error == -ENOENT;
	if (error || strcmp(buf, want)) {
		ktest_fail(__FILE__, __LINE__, "%s in %s: %s", key, line,
			   error ? "absent" : buf);
		return false;
	}
	return true;
}

KTEST(cmdline, plain_words)
{
	const char *line = "  quiet mmu=sv39\tloglevel=3  last=x ";

	EXPECT(value_is(line, "mmu", "sv39"));
	EXPECT(value_is(line, "loglevel", "3"));
	EXPECT(value_is(line, "last", "x"));
	EXPECT(value_is(line, "quiet", NULL));
	EXPECT(value_is(line, "log", NULL));
	EXPECT(value_is(line, "loglevels", NULL));
	EXPECT(value_is(line, "level", NULL));
	EXPECT(value_is("", "mmu", NULL));
	EXPECT(value_is("   ", "mmu", NULL));
	EXPECT(value_is("mmu=", "mmu", ""));
	EXPECT(value_is("a=b=c", "a", "b=c"));
}

KTEST(cmdline, flags)
{
	const char *line = "quiet nosmp=1 debug \"odd\" quieter";

	EXPECT(cmdline_flag(line, "quiet"));
	EXPECT(cmdline_flag(line, "debug"));
	EXPECT(cmdline_flag(line, "odd"));
	EXPECT(cmdline_flag(line, "quieter"));
	EXPECT(!cmdline_flag(line, "nosmp"));
	EXPECT(!cmdline_flag(line, "quie"));
	EXPECT(!cmdline_flag("", "quiet"));
	EXPECT(!cmdline_flag("a=\"quiet\" b=\" quiet \"", "quiet"));
}

KTEST(cmdline, last_value_wins)
{
	EXPECT(value_is("mmu=sv39 quiet mmu=sv57", "mmu", "sv57"));
	EXPECT(value_is("mmu=sv39 mmu", "mmu", "sv39"));
	EXPECT(value_is("mmu=sv39 mmu=", "mmu", ""));
}

KTEST(cmdline, quotes_group_words)
{
	EXPECT(value_is("autorun=\"a; b\" quiet", "autorun", "a; b"));
	EXPECT(value_is("\"autorun=a; b\" quiet", "autorun", "a; b"));
	EXPECT(value_is("auto\"run=a; b\" quiet", "autorun", "a; b"));
	EXPECT(value_is("k=a\" b \"c d=1", "k", "a b c"));
	EXPECT(value_is("k=\"\" d=1", "k", ""));
	EXPECT(value_is("k=\"mmu=sv39 x\"", "mmu", NULL));
	EXPECT(cmdline_flag("autorun=\"a; b\" quiet", "quiet"));
	EXPECT(cmdline_flag("\"autorun=a; b\" quiet", "quiet"));
	EXPECT(value_is("k=\"never closed ", "k", "never closed "));
	EXPECT(value_is("k='a b'", "k", "'a"));
}

KTEST(cmdline, init_takes_the_rest)
{
	const char *line = "mmu=sv48 init=/bin/sh -c \"ls  -l\" mmu=x quiet ";

	EXPECT(value_is(line, "init", "/bin/sh -c \"ls  -l\" mmu=x quiet"));
	EXPECT(value_is(line, "mmu", "sv48"));
	EXPECT(!cmdline_flag(line, "quiet"));
	EXPECT(value_is("init=\"/bin/sh x\" quiet", "init", "/bin/sh x"));
	EXPECT(value_is("\"init=/bin/sh x\" quiet", "init", "/bin/sh x"));
	EXPECT(cmdline_flag("init=\"/bin/sh x\" quiet", "quiet"));
	EXPECT(value_is("init=", "init", ""));
	EXPECT(value_is("init=  /bin/sh", "init", "/bin/sh"));
	EXPECT(value_is("xinit=a b", "init", NULL));
	EXPECT(value_is("xinit=a b", "xinit", "a"));
}

KTEST(cmdline, autorun_whose_quotes_were_eaten)
{
	const char *line = "quiet autorun=memtest 1M; echo \"x y\" loud";

	EXPECT(value_is(line, "autorun", "memtest 1M; echo \"x y\" loud"));
	EXPECT(cmdline_flag(line, "quiet"));
	EXPECT(!cmdline_flag(line, "loud"));
	EXPECT(value_is("autorun=a;b", "autorun", "a;b"));
	EXPECT(value_is("autorun=a; b init=/x y;z", "autorun", "a; b"));
	EXPECT(value_is("autorun=a; b init=/x y;z", "init", "/x y;z"));
}

KTEST(cmdline, autorun_of_one_word)
{
	EXPECT(value_is("autorun=help quiet", "autorun", "help"));
	EXPECT(cmdline_flag("autorun=help quiet", "quiet"));
	EXPECT(value_is("autorun=help init=/x ;", "autorun", "help"));
	EXPECT(value_is("autorun=\"help\" x;y", "autorun", "help"));
	EXPECT(value_is("autorun=help k=\"a;b\"", "autorun", "help"));
}

KTEST(cmdline, too_long_is_told_and_writes_nothing)
{
	char buf[5] = "keep";

	EXPECT_EQ(cmdline_get("k=12345", "k", buf, sizeof(buf)), -ERANGE);
	EXPECT_EQ(strcmp(buf, "keep"), 0);
	EXPECT_EQ(cmdline_get("k=x", "k", buf, 0), -ERANGE);
	EXPECT_EQ(cmdline_get("k=\"12\"34", "k", buf, sizeof(buf)), 0);
	EXPECT_EQ(strcmp(buf, "1234"), 0);
	EXPECT_EQ(cmdline_get("none", "k", buf, sizeof(buf)), -ENOENT);
	EXPECT_EQ(strcmp(buf, "1234"), 0);
}

/* Any line: no read behind its end (ASan watches), no value longer than it. */
KTEST(cmdline, random_lines)
{
	static const char letters[] = "\"\"  ;=ait\tu";
	static const char words[][9] = {"init=", "autorun=", "\"", "k=", " k"};
	struct rng r = rng_seed(ktest_seed());
	char *line = ktest_alloc(64);
	char value[64];

	REQUIRE(line);
	for (uint64_t op = 0; op < ktest_ops() / 20; op++) {
		size_t n = 0, want = rng_below(&r, 64);

		while (n < want) {
			const char *w = words[rng_below(&r, 5)];
			size_t len = strlen(w);

			if (rng_below(&r, 4) || n + len > want)
				line[n++] = letters[rng_below(&r, 10)];
			else
				n += strlen(strcpy(line + n, w));
		}
		line[n] = '\0';
		memmove(line + 64 - (n + 1), line, n + 1);
		for (unsigned k = 0; k < 3; k++) {
			static const char keys[][8] = {"init", "autorun", "k"};
			const char *at = line + 64 - (n + 1);
			int error = cmdline_get(at, keys[k], value, n + 1);

			EXPECT(!error || error == -ENOENT);
			EXPECT(error || strlen(value) < n);
			cmdline_flag(at, keys[k]);
		}
	}
}
