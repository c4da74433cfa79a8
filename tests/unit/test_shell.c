/* The shell: words and quotes, statuses, ^C, completion, numbers. */
#include <string.h>

#include <kernel/console_input.h>
#include <kernel/ktest.h>
#include <kernel/lineedit.h>
#include <kernel/shell.h>
#include <lib/range.h>
#include <lib/rng.h>

#define WORDS_31                                                             \
	"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 " \
	"26 27 28 29 30 31"

/* A console that plays `input` and keeps the first bytes of the output. */
struct fake {
	struct console_device device;
	struct console_input in;
	const struct console_device *before;
	const char *input;
	char output[4096];
	size_t used;
};

static struct fake *fake_of(const struct console_device *d)
{
	return container_of((struct console_device *)d, struct fake, device);
}

static void fake_write(const struct console_device *d, const char *s, size_t n)
{
	struct fake *f = fake_of(d);

	for (; n && f->used < sizeof(f->output) - 1; n--)
		f->output[f->used++] = *s++;
}

static int fake_getc(const struct console_device *d)
{
	struct fake *f = fake_of(d);

	return *f->input ? (unsigned char)*f->input++ : -1;
}

static struct fake *fake_begin(const char *input)
{
	struct fake *f = ktest_alloc(sizeof(*f));

	if (!f)
		return NULL;
	f->device = (struct console_device){.name = "fake",
					    .write = fake_write,
					    .getc = fake_getc,
					    .input = &f->in};
	f->before = console_current();
	f->input = input;
	console_set(&f->device);
	return f;
}

/* Back to the real console: to be called before any EXPECT. */
static void fake_end(struct fake *f)
{
	console_set(f->before);
}

/* --- commands under test; without a help text they stay out of sight --- */

static char seen[1024]; /* the words of the commands that ran, "a|b;c;" */
static size_t seen_used;

static int cmd_words(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		for (const char *p = argv[i]; *p || p == argv[i]; p++) {
			if (p == argv[i] && i > 1)
				seen[seen_used++] = '|';
			if (!*p)
				break;
			seen[seen_used++] = *p;
		}
	seen[seen_used++] = ';';
	seen[seen_used] = '\0';
	return argv[argc] ? 1 : 0;
}
COMMAND(_words, cmd_words, "[WORD...]", NULL);

static int cmd_status(int argc, char **argv)
{
	uint64_t n;

	return argc == 2 && shell_number(argv[1], &n) ? (int)n : SHELL_USAGE;
}
COMMAND(_status, cmd_status, "STATUS", NULL);

static int cmd_poll(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	for (unsigned i = 0; i < 4; i++)
		shell_interrupted();
	return shell_interrupted() ? 0 : 7;
}
COMMAND(_poll, cmd_poll, "", NULL);

static int cmd_nest(int argc, char **argv)
{
	return argc == 2 ? shell_execute(argv[1]) : SHELL_USAGE;
}
COMMAND(_nest, cmd_nest, "LINE", NULL);

/* As the command does that runs these tests: a ^C in there is not its own. */
static int cmd_contain(int argc, char **argv)
{
	cmd_nest(argc, argv);
	return 0;
}
COMMAND(_contain, cmd_contain, "LINE", NULL);

/* Run a line with `input` waiting; returns the console for its output. */
static struct fake *play(const char *line, const char *input, int *status)
{
	struct fake *f = fake_begin(input);

	seen_used = 0;
	seen[0] = '\0';
	if (f) {
		*status = shell_execute(line);
		fake_end(f);
	}
	return f;
}

static void expect_words(const char *line, const char *want)
{
	int status = 0;

	REQUIRE(play(line, "", &status));
	if (status || strcmp(seen, want))
		ktest_fail(__FILE__, __LINE__, "%s: status %d, saw %s", line,
			   status, seen);
}

KTEST(shell, words_and_quotes)
{
	expect_words("_words", ";");
	expect_words(" \t_words  a\tb ", "a|b;");
	expect_words("_words \"a  b\" c", "a  b|c;");
	expect_words("_words 'a ; b'", "a ; b;");
	expect_words("_words a\"b c\"'d e'f", "ab cd ef;");
	expect_words("_words \"\" '' x", "||x;");
	expect_words("_words \\ a\\;\\\"\\\\", " a;\"\\;");
	expect_words("_words \"a\\\"b\\\\c\\d\"", "a\"b\\c\\d;");
	expect_words("_words 'a\\'b", "a\\b;");
	expect_words("_words 'a\\\"b\\\\'", "a\\\"b\\\\;");
	expect_words("_words \"it's\" 'say \"x\"'", "it's|say \"x\";");
}

KTEST(shell, separators_and_comments)
{
	expect_words("", "");
	expect_words(" ; ;; \n", "");
	expect_words("_words a; _words b;", "a;b;");
	expect_words("_words a;_words b\n_words c", "a;b;c;");
	expect_words("_words a # b; _words c", "a;");
	expect_words("# x\n_words a#b '#c'", "a#b|#c;");
}

KTEST(shell, malformed_line_runs_nothing)
{
	static const char *const lines[] = {
		"_words a; _words \"b", "_words a; _words 'b",
		"_words a; _words b\\", "_words a; _words " WORDS_31 " 32"};

	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
		int status = 0;
		struct fake *f = play(lines[i], "", &status);

		REQUIRE(f);
		EXPECT_EQ(status, SHELL_USAGE);
		EXPECT_EQ(seen_used, 0);
		EXPECT(strncmp(f->output, "error: ", 7) == 0);
	}
	expect_words("_words " WORDS_31,
		     "1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|"
		     "20|21|22|23|24|25|26|27|28|29|30|31;");
}

KTEST(shell, longest_command)
{
	/* "_words", NUL, the word, NUL */
	size_t fits = SHELL_COMMAND_SIZE - 8;
	char line[SHELL_COMMAND_SIZE + 64] = "_words ";
	int status = 0;

	memset(line + 7, 'x', fits);
	line[7 + fits] = '\0';
	REQUIRE(play(line, "", &status));
	EXPECT_EQ(status, 0);
	EXPECT_EQ(seen_used, fits + 1);
	strcpy(line + 7 + fits, "x");
	REQUIRE(play(line, "", &status));
	EXPECT_EQ(status, SHELL_USAGE);
	strcpy(line + 7 + fits, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	REQUIRE(play(line, "", &status));
	EXPECT_EQ(status, SHELL_USAGE);
	/* The word fits, its NUL does not. */
	strcpy(line + 7 + fits - 2, " y");
	REQUIRE(play(line, "", &status));
	EXPECT_EQ(status, 0);
	strcpy(line + 7 + fits - 2, "x y");
	REQUIRE(play(line, "", &status));
	EXPECT_EQ(status, SHELL_USAGE);
}

KTEST(shell, status_of_the_last_failure)
{
	int status = 0;
	struct fake *f;

	play("_status 3; _status 255; _status 0", "", &status);
	EXPECT_EQ(status, 255);
	f = play("nosuch x; _words ran", "", &status);
	REQUIRE(f);
	EXPECT_EQ(status, SHELL_NOT_FOUND);
	EXPECT_EQ(strcmp(seen, "ran;"), 0);
	EXPECT_EQ(strcmp(f->output, "nosuch: no such command; try help\r\n"),
		  0);
	f = play("_status", "", &status);
	REQUIRE(f);
	EXPECT_EQ(status, SHELL_USAGE);
	EXPECT_EQ(strcmp(f->output, "usage: _status STATUS\r\n"), 0);
}

KTEST(shell, output_that_is_cut_ends_its_line)
{
	char line[SHELL_COMMAND_SIZE];
	int status = 0;
	struct fake *f;

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	f = play(line, "", &status);
	REQUIRE(f);
	EXPECT_EQ(status, SHELL_NOT_FOUND);
	EXPECT_EQ(f->used, 512); /* 511 and a CR */
	EXPECT_EQ(strcmp(f->output + f->used - 6, "x...\r\n"), 0);
}

KTEST(shell, refuses_arguments_where_there_are_none)
{
	int status = 0;
	struct fake *f = play("_poll more", "", &status);

	REQUIRE(f);
	EXPECT_EQ(status, SHELL_USAGE);
	EXPECT_EQ(strcmp(f->output, "usage: _poll\r\n"), 0);
	REQUIRE(play("_poll", "", &status));
	EXPECT_EQ(status, 7);
}

/* What the shell would read next. */
static void expect_left(struct fake *f, const char *want)
{
	char left[32] = "";

	f->before = console_current();
	console_set(&f->device);
	for (size_t i = 0; i < sizeof(left) - 1; i++) {
		int c = console_getc();

		left[i] = (char)(c < 0 ? 0 : c);
	}
	fake_end(f);
	EXPECT_EQ(strcmp(left, want), 0);
}

KTEST(shell, interrupt_stops_the_line)
{
	int status = 0;
	struct fake *f;

	f = play("_poll; _words ran", "typed ahead", &status);
	REQUIRE(f);
	EXPECT_EQ(status, 7);
	EXPECT_EQ(strcmp(seen, "ran;"), 0);
	expect_left(f, "typed ahead");
	f = play("_poll; _words ran", "ab\x03_words", &status);
	REQUIRE(f);
	EXPECT_EQ(status, SHELL_INTERRUPTED);
	EXPECT_EQ(seen_used, 0);
	EXPECT_EQ(strcmp(f->output, "_poll: interrupted\r\n"), 0);
	expect_left(f, "_words");
	/* It is over with the line, and one in a nested line ends both. */
	play("_poll; _words ran", "", &status);
	EXPECT_EQ(status, 7);
	play("_nest '_poll; _words in'; _words out", "\x03", &status);
	EXPECT_EQ(status, SHELL_INTERRUPTED);
	EXPECT_EQ(seen_used, 0);
	play("_contain '_poll'; _words out", "\x03", &status);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(strcmp(seen, "out;"), 0);
}

static int getc_forever(const struct console_device *d)
{
	(void)d;
	return 'x';
}

KTEST(shell, endless_input_does_not_hang_a_command)
{
	struct fake *f = fake_begin("");
	int status;

	REQUIRE(f);
	f->device.getc = getc_forever;
	status = shell_execute("_poll");
	fake_end(f);
	EXPECT_EQ(status, 7);
}

KTEST(shell, autorun_tells_the_status_last)
{
	struct fake *f = fake_begin("");
	int bad, good;

	REQUIRE(f);
	bad = shell_autorun("_status 9; true");
	good = shell_autorun("true");
	fake_end(f);
	EXPECT_EQ(bad, 9);
	EXPECT_EQ(good, 0);
	EXPECT_EQ(
		strcmp(f->output, "autorun: status 9\r\nautorun: status 0\r\n"),
		0);
}

KTEST(shell, commands_are_in_order_and_help_tells_them)
{
	const struct command *c = NULL, *next;
	int status = 0;
	struct fake *f = play("help; help echo; help _words", "", &status);

	REQUIRE(f);
	EXPECT_EQ(status, 1);
	EXPECT(!strstr(f->output, "_status"));
	while ((next = shell_next(c ? c->name : ""))) {
		EXPECT(!c || strcmp(c->name, next->name) < 0);
		EXPECT(shell_find(next->name) == next);
		c = next;
	}
	REQUIRE(c);
	EXPECT(strstr(f->output, "echo [WORD...]"));
	EXPECT(!shell_find(""));
	EXPECT(!shell_find("ech"));
}

/* Type at a shell of its own; what was typed is not a line yet. */
static void expect_completed(const char *typed, const char *want)
{
	struct lineedit *e = ktest_alloc(sizeof(*e));
	struct fake *f = fake_begin("");

	REQUIRE(e && f);
	shell_start(e);
	for (; *typed; typed++)
		shell_feed(e, (uint8_t)*typed);
	fake_end(f);
	if (strcmp(e->buf, want))
		ktest_fail(__FILE__, __LINE__, "completed to '%s'", e->buf);
}

KTEST(shell, tab_completes_commands)
{
	expect_completed("ech\t", "echo ");
	expect_completed("  ech\t", "  echo ");
	expect_completed("true;ech\t", "true;echo ");
	expect_completed("true; help ech\t", "true; help echo ");
	expect_completed("echo ech\t", "echo ech");
	expect_completed("_wor\t", "_wor");
}

KTEST(shell, typed_line_runs)
{
	struct lineedit *e = ktest_alloc(sizeof(*e));
	struct fake *f = fake_begin("");

	REQUIRE(e && f);
	shell_start(e);
	for (const char *p = "zzz\x03"
			     "echo a b\r\necho c\n";
	     *p; p++)
		shell_feed(e, (uint8_t)*p);
	fake_end(f);
	EXPECT_EQ(strcmp(f->output, "strata> zzz^C\r\n"
				    "strata> echo a b\r\na b\r\n"
				    "strata> echo c\r\nc\r\nstrata> "),
		  0);
}

/* Any line: refused or run, never out of bounds. */
KTEST(shell, random_lines)
{
	static const char letters[] = "_words \"'\\;#\n ab";
	struct rng r = rng_seed(ktest_seed());
	struct fake *f = fake_begin("");
	unsigned bad = 0;

	REQUIRE(f);
	for (uint64_t op = 0; op < ktest_ops() / 50; op++) {
		char line[80] = "_words ";
		size_t n = 7 + rng_below(&r, sizeof(line) - 8);
		int status;

		for (size_t i = 7; i < n; i++)
			line[i] = letters[rng_below(&r, sizeof(letters) - 1)];
		line[n] = '\0';
		seen_used = 0;
		f->used = 0;
		status = shell_execute(line);
		bad += status && status != SHELL_USAGE &&
		       status != SHELL_NOT_FOUND;
		bad += status == SHELL_USAGE && seen_used;
		bad += status == 0 && !seen_used;
	}
	fake_end(f);
	EXPECT_EQ(bad, 0);
}

KTEST(shell, numbers)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {
		{"0", 0},
		{"42", 42},
		{"010", 10},
		{"0x1f", 31},
		{"0XaB", 0xab},
		{"4K", 4096},
		{"1m", 1 << 20},
		{"0x10G", 16ull << 30},
		{"3T", 3ull << 40},
		{"18446744073709551615", UINT64_MAX},
		{"0xffffffffffffffff", UINT64_MAX},
		{"16777215T", 16777215ull << 40},
		{"0T", 0},
	};
	static const char *const bad[] = {"",
					  "x",
					  "0x",
					  "0xg",
					  "-1",
					  "+1",
					  " 1",
					  "1 ",
					  "1KK",
					  "K",
					  "1X",
					  "18446744073709551616",
					  "0x10000000000000000",
					  "16777216T",
					  "1-2",
					  "12a"};
	uint64_t value = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT(shell_number(good[i].text, &value));
		EXPECT_EQ(value, good[i].value);
	}
	value = 77;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		if (shell_number(bad[i], &value) || value != 77)
			ktest_fail(__FILE__, __LINE__, "'%s'", bad[i]);
}

KTEST(shell, ranges)
{
	static const char *const bad[] = {"",
					  "4K",
					  "4K-",
					  "-4K",
					  "4K-4K",
					  "8K-4K",
					  "4K+0",
					  "1+2+3",
					  "0xffffffffffffffff+1",
					  "2G+0xffffffffffffffff",
					  "4K:8K",
					  "4K -8K"};
	struct range r = {7, 8};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		if (shell_range(bad[i], &r) || r.start != 7 || r.end != 8)
			ktest_fail(__FILE__, __LINE__, "'%s'", bad[i]);
	EXPECT(shell_range("0x80000000-2G1", &r) == false);
	EXPECT(shell_range("2G-0x90000000", &r));
	EXPECT_EQ(r.start, GIB(2));
	EXPECT_EQ(r.end, 0x90000000);
	EXPECT(shell_range("2G+1M", &r));
	EXPECT_EQ(r.end, GIB(2) + MIB(1));
	EXPECT(shell_range("0-0xffffffffffffffff", &r));
	EXPECT_EQ(r.end, UINT64_MAX);
}
