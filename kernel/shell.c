/*
 * The shell: lines into words, words to commands. See <kernel/shell.h>.
 *
 * A line is parsed twice, command by command: once to see that it makes sense
 * from end to end, then to run it. So nothing has to hold a whole parsed line,
 * and no part of a malformed one is run.
 *
 * Stack: a command runs on top of one struct words, some 800 bytes.
 */
#include <string.h>

#include <kernel/assert.h>
#include <kernel/console.h>
#include <kernel/lineedit.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <kernel/task.h>
#include <lib/range.h>

#define PROMPT "strata> "

extern const struct command __start_commands[], __stop_commands[];
static const struct command *stop_commands = __stop_commands;

struct words {
	int argc;
	char *argv[SHELL_ARGS + 1];
	size_t used; /* bytes of `text` */
	char text[SHELL_COMMAND_SIZE];
};

static struct lineedit editor;
static bool interrupted; /* the current command saw a ^C */

/* --- parsing --- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool ends_command(char c)
{
	return c == '\0' || c == ';' || c == '\n';
}

/* Append the word at *line to `w` and go past it. Returns NULL, or what is
 * wrong with it. */
static const char *parse_word(const char **line, struct words *w)
{
	const char *p = *line;
	char quote = '\0';

	for (; *p; p++) {
		char c = *p;

		if (quote ? c == quote : c == '"' || c == '\'') {
			quote = quote ? '\0' : c;
			continue;
		}
		if (!quote && (is_blank(c) || ends_command(c)))
			break;
		if (c == '\\' && quote != '\'' &&
		    (!quote || p[1] == '"' || p[1] == '\\'))
			c = *++p;
		if (!c)
			return "nothing behind the last \\";
		if (w->used == SHELL_COMMAND_SIZE)
			return "command too long";
		w->text[w->used++] = c;
	}
	if (quote)
		return "quote not closed";
	if (w->used == SHELL_COMMAND_SIZE)
		return "command too long";
	w->text[w->used++] = '\0';
	*line = p;
	return NULL;
}

/* Split off the first command of *line, maybe one of no words, and go past it.
 * Returns NULL, or what is wrong with it. */
static const char *parse_command(const char **line, struct words *w)
{
	const char *p = *line, *error;

	w->argc = 0;
	w->used = 0;
	for (;;) {
		while (is_blank(*p))
			p++;
		if (*p == '#')
			p += strcspn(p, "\n");
		if (ends_command(*p))
			break;
		if (w->argc == SHELL_ARGS)
			return "too many words";
		w->argv[w->argc++] = w->text + w->used;
		error = parse_word(&p, w);
		if (error)
			return error;
	}
	w->argv[w->argc] = NULL;
	*line = *p ? p + 1 : p;
	return NULL;
}

/* --- commands --- */

void shell_drop(const struct command *from)
{
	stop_commands = from;
}

const struct command *shell_find(const char *name)
{
	for (const struct command *c = __start_commands; c < stop_commands; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

const struct command *shell_next(const char *name)
{
	const struct command *next = NULL;

	for (const struct command *c = __start_commands; c < stop_commands; c++)
		if (c->help && strcmp(c->name, name) > 0 &&
		    (!next || strcmp(c->name, next->name) < 0))
			next = c;
	return next;
}

static int run(struct words *w)
{
	const struct command *c = shell_find(w->argv[0]);
	bool outer = interrupted;
	int status;

	if (!c) {
		kprintf("%s: no such command; try help\n", w->argv[0]);
		return SHELL_NOT_FOUND;
	}
	interrupted = false;
	status = !*c->args && w->argc > 1 ? SHELL_USAGE
					  : c->run(w->argc, w->argv);
	assert(status >= 0 && status <= 255);
	if (interrupted) {
		kprintf("%s: interrupted\n", c->name);
		status = SHELL_INTERRUPTED;
	} else if (status == SHELL_USAGE) {
		kprintf("usage: %s%s%s\n", c->name, *c->args ? " " : "",
			c->args);
	}
	interrupted = outer;
	return status;
}

int shell_execute(const char *line)
{
	struct words w;
	int status = 0;

	for (const char *p = line; *p;) {
		const char *error = parse_command(&p, &w);

		if (error) {
			kprintf("error: %s\n", error);
			return SHELL_USAGE;
		}
	}
	while (*line && status != SHELL_INTERRUPTED) {
		int result = 0;

		parse_command(&line, &w);
		if (w.argc)
			result = run(&w);
		if (result)
			status = result;
	}
	return status;
}

int shell_autorun(const char *commands)
{
	int status = shell_execute(commands);

	kprintf("autorun: status %d\n", status);
	return status;
}

bool shell_interrupted(void)
{
	/* Long commands ask often. */
	task_resched();
	interrupted = interrupted || console_interrupted();
	return interrupted;
}

/* --- the interactive shell --- */

static void out(void *ctx, const char *s, size_t n)
{
	(void)ctx;
	console_write(s, n);
}

static const char *candidate(unsigned i)
{
	const struct command *c = shell_next("");

	while (c && i--)
		c = shell_next(c->name);
	return c ? c->name : NULL;
}

/* The word at the cursor, when it is the name of a command or stands behind
 * help. Quotes do not matter here: at worst there is nothing to complete. */
static void complete(struct lineedit *e)
{
	size_t start = e->cursor, first;

	while (start && e->buf[start - 1] != ' ' && e->buf[start - 1] != ';')
		start--;
	first = start;
	while (first && e->buf[first - 1] != ';')
		first--;
	first += strspn(e->buf + first, " ");
	if (first >= start || !strncmp(e->buf + first, "help ", 5))
		lineedit_complete(e, start, candidate);
}

void shell_start(struct lineedit *e)
{
	lineedit_init(e, PROMPT, out, NULL);
	lineedit_start(e);
}

void shell_feed(struct lineedit *e, uint8_t byte)
{
	switch (lineedit_feed(e, byte)) {
	case LINE_MORE:
		break;
	case LINE_COMPLETE:
		complete(e);
		break;
	case LINE_DONE:
		shell_execute(e->buf);
		lineedit_start(e);
		break;
	case LINE_ABORT:
		lineedit_start(e);
		break;
	}
}

struct lineedit *shell_editor(void)
{
	return &editor;
}

/* --- arguments --- */

static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

/* The power of two that a suffix stands for; 0: it is none. */
static unsigned suffix(char c)
{
	switch (c) {
	case 'K':
	case 'k':
		return 10;
	case 'M':
	case 'm':
		return 20;
	case 'G':
	case 'g':
		return 30;
	case 'T':
	case 't':
		return 40;
	}
	return 0;
}

/* Read a number at *s and go past it. */
static bool parse_number(const char **s, uint64_t *out_value)
{
	const char *p = *s;
	bool hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
	unsigned base = hex ? 16 : 10, shift;
	uint64_t value = 0;

	p += hex ? 2 : 0;
	if (digit(*p) >= base)
		return false;
	for (; digit(*p) < base; p++)
		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, digit(*p), &value))
			return false;
	shift = suffix(*p);
	if (value << shift >> shift != value)
		return false;
	*out_value = value << shift;
	*s = shift ? p + 1 : p;
	return true;
}

bool shell_number(const char *s, uint64_t *out_value)
{
	uint64_t value;

	if (!parse_number(&s, &value) || *s)
		return false;
	*out_value = value;
	return true;
}

bool shell_range(const char *s, struct range *out_range)
{
	struct range r;
	char separator;

	if (!parse_number(&s, &r.start))
		return false;
	separator = *s;
	if (separator != '-' && separator != '+')
		return false;
	s++;
	if (!parse_number(&s, &r.end) || *s)
		return false;
	if (separator == '+')
		r.end += r.start;
	if (range_empty(r)) /* also when the sum wrapped */
		return false;
	*out_range = r;
	return true;
}
