/*
 * The line editor against a terminal and against a plain model of the line:
 * after every byte, what the user sees must be what the buffer holds (I2), in
 * a terminal of 80 columns whose last column stays empty (I3).
 */
#include <string.h>

#include <kernel/ktest.h>
#include <kernel/lineedit.h>
#include <lib/rng.h>

#define PROMPT	 "strata> "
#define NPROMPT	 8
#define COLUMNS	 80
#define CTRL(c)	 ((c)&0x1f)
#define LEFT	 "\033[D"
#define UP	 "\033[A"
#define DOWN	 "\033[B"
#define LONG_80	 LONG_40 LONG_40
#define LONG_40	 "0123456789abcdefghijklmnopqrstuvwxyz.,-+"
#define NO_LINES ((unsigned)-1)

/* One row is enough: a new line gives a blank one. */
struct terminal {
	char row[COLUMNS + 1];
	char last_row[COLUMNS + 1]; /* the one before it */
	unsigned column;
	unsigned rows; /* new lines so far */
	unsigned bells;
	unsigned bytes; /* received in all */
	unsigned bad;	/* printed into the last column, or unknown bytes */
	unsigned escape;
};

struct bench {
	struct lineedit edit;
	struct terminal term;
};

static void clear_row(struct terminal *t)
{
	memset(t->row, ' ', COLUMNS);
	t->column = 0;
}

/* The only sequence that the editor sends, matched byte by byte. */
static void term_escape(struct terminal *t, char c)
{
	static const char clear[] = "\033[H\033[2J";

	if (c != clear[t->escape++])
		t->bad++;
	if (!clear[t->escape]) {
		t->escape = 0;
		clear_row(t);
	}
}

static void term_put(struct terminal *t, char c)
{
	t->bytes++;
	if (t->escape || c == '\033') {
		term_escape(t, c);
	} else if (c == '\n') {
		memcpy(t->last_row, t->row, COLUMNS);
		clear_row(t);
		t->rows++;
	} else if (c == '\a') {
		t->bells++;
	} else if (c == '\b') {
		if (t->column)
			t->column--;
		else
			t->bad++;
	} else if (c >= 0x20 && c < 0x7f && t->column < COLUMNS - 1) {
		t->row[t->column++] = c;
	} else {
		t->bad++;
	}
}

static void term_out(void *ctx, const char *s, size_t n)
{
	while (n--)
		term_put(ctx, *s++);
}

static struct bench *bench_new(void)
{
	struct bench *b = ktest_alloc(sizeof(*b));

	if (!b)
		return NULL;
	clear_row(&b->term);
	lineedit_init(&b->edit, PROMPT, term_out, &b->term);
	lineedit_start(&b->edit);
	return b;
}

/* I1 and I2: the terminal shows the prompt, then the part of the buffer that
 * the editor says, marked where it was cut, then nothing. */
static bool sees(const struct bench *b)
{
	const struct lineedit *e = &b->edit;
	const struct terminal *t = &b->term;
	const unsigned cells = COLUMNS - 1 - NPROMPT;

	if (t->bad || strlen(e->buf) != e->len || e->cursor > e->len)
		return false;
	if (memcmp(t->row, PROMPT, NPROMPT) || e->view > e->cursor ||
	    t->column != NPROMPT + (unsigned)(e->cursor - e->view))
		return false;
	for (unsigned i = 0; i <= cells; i++) {
		char want = ' ';

		if (i < cells && e->view + i < e->len)
			want = e->buf[e->view + i];
		if (i == 0 && e->view)
			want = '<';
		if (i == cells - 1 && e->view + cells < e->len)
			want = '>';
		if (want != t->row[NPROMPT + i])
			return false;
	}
	/* The character under the cursor is never behind a mark. */
	return e->cursor == e->len || t->row[t->column] == e->buf[e->cursor];
}

/* Feed all bytes; the terminal must be right after each. */
static enum line_event type(struct bench *b, const char *keys)
{
	enum line_event event = LINE_MORE;

	for (; *keys; keys++) {
		event = lineedit_feed(&b->edit, (uint8_t)*keys);
		if (event == LINE_DONE || event == LINE_ABORT)
			continue;
		if (!sees(b)) {
			ktest_fail(__FILE__, __LINE__,
				   "after %#x: line '%s', "
				   "terminal '%s'",
				   (unsigned)*keys & 0xff, b->edit.buf,
				   b->term.row);
			break;
		}
	}
	return event;
}

static enum line_event enter(struct bench *b, const char *keys)
{
	enum line_event event;

	type(b, keys);
	event = type(b, "\r");
	lineedit_start(&b->edit);
	return event;
}

static bool line_is(const struct bench *b, const char *want, unsigned cursor)
{
	if (!strcmp(b->edit.buf, want) && b->edit.cursor == cursor)
		return true;
	ktest_fail(__FILE__, __LINE__, "line '%s', cursor %u", b->edit.buf,
		   b->edit.cursor);
	return false;
}

KTEST(lineedit, typing_sends_one_byte_a_key)
{
	struct bench *b = bench_new();

	REQUIRE(b);
	type(b, "hello");
	EXPECT_EQ(b->term.bytes, NPROMPT + 5);
	EXPECT(line_is(b, "hello", 5));
	EXPECT_EQ(type(b, "\r"), LINE_DONE);
	EXPECT_EQ(memcmp(b->term.last_row, PROMPT "hello ", 14), 0);
	EXPECT_EQ(strcmp(b->edit.buf, "hello"), 0);
}

KTEST(lineedit, insert_and_delete_in_the_middle)
{
	struct bench *b = bench_new();

	REQUIRE(b);
	type(b, "ad" LEFT "bc");
	EXPECT(line_is(b, "abcd", 3));
	type(b, "\b");
	EXPECT(line_is(b, "abd", 2));
	type(b, "\x7f");
	EXPECT(line_is(b, "ad", 1));
	type(b, "\x04");
	EXPECT(line_is(b, "a", 1));
	EXPECT_EQ(b->term.bells, 0);
	type(b, "\x04\b\b");
	EXPECT_EQ(b->term.bells, 2);
	EXPECT(line_is(b, "", 0));
}

KTEST(lineedit, moves_and_kills)
{
	struct bench *b = bench_new();

	REQUIRE(b);
	type(b, "one two  three\x01");
	EXPECT(line_is(b, "one two  three", 0));
	type(b, "\x02\x06\x06");
	EXPECT(line_is(b, "one two  three", 2));
	type(b, "\x05\x06\x17");
	EXPECT(line_is(b, "one two  ", 9));
	type(b, "\x17");
	EXPECT(line_is(b, "one ", 4));
	type(b, "\x02\x02\x0b");
	EXPECT(line_is(b, "on", 2));
	type(b, "\x02\x15");
	EXPECT(line_is(b, "n", 0));
	type(b, "abc\x0c");
	EXPECT(line_is(b, "abcn", 3));
}

KTEST(lineedit, escape_sequences)
{
	static const char *const home[] = {"\033[H", "\033OH", "\033[1~",
					   "\033[7~"};
	static const char *const end[] = {"\033[F", "\033OF", "\033[4~",
					  "\033[8~"};
	struct bench *b = bench_new();

	REQUIRE(b);
	type(b, "abc");
	for (unsigned i = 0; i < ARRAY_SIZE(home); i++) {
		type(b, home[i]);
		EXPECT(line_is(b, "abc", 0));
		type(b, end[i]);
		EXPECT(line_is(b, "abc", 3));
	}
	type(b, "\033OD\033[1;5D");
	EXPECT(line_is(b, "abc", 1));
	type(b, "\033[3~");
	EXPECT(line_is(b, "ac", 1));
	type(b, "\033[C\033OCx");
	EXPECT(line_is(b, "acx", 3));
}

KTEST(lineedit, hostile_bytes)
{
	struct bench *b = bench_new();

	REQUIRE(b);
	type(b, "ab");
	for (unsigned c = 0x80; c <= 0xff; c++)
		lineedit_feed(&b->edit, (uint8_t)c);
	lineedit_feed(&b->edit, 0);
	EXPECT(sees(b));
	EXPECT(line_is(b, "ab", 2));
	/* Unknown, broken off, answered by terminals, and without an end. */
	type(b, "\033[24~\033[?1;2c\033x\033[200~\033\033[D\033[259~");
	EXPECT(line_is(b, "ab", 1));
	type(b, "\033[1\x05"
		"c");
	EXPECT(line_is(b, "abc", 3));
	type(b, "\033[");
	for (unsigned i = 0; i < 10000; i++)
		lineedit_feed(&b->edit, i % 3 ? '1' : ';');
	EXPECT_EQ(type(b, "\r"), LINE_DONE);
	EXPECT_EQ(strcmp(b->edit.buf, "abc"), 0);
}

KTEST(lineedit, line_ends)
{
	struct bench *b = bench_new();

	REQUIRE(b);
	EXPECT_EQ(enter(b, "a"), LINE_DONE); /* CR */
	EXPECT_EQ(type(b, "\n"), LINE_MORE); /* its LF */
	EXPECT_EQ(type(b, "\n"), LINE_DONE); /* one of its own */
	lineedit_start(&b->edit);
	EXPECT_EQ(type(b, "\n"), LINE_DONE);
	lineedit_start(&b->edit);
	EXPECT_EQ(enter(b, ""), LINE_DONE);
	EXPECT_EQ(type(b, "x\n"), LINE_DONE);
	lineedit_start(&b->edit);
	EXPECT_EQ(type(b, "abc\x03"), LINE_ABORT);
	EXPECT_EQ(memcmp(b->term.last_row, PROMPT "abc^C ", 14), 0);
	lineedit_start(&b->edit);
	EXPECT(line_is(b, "", 0));
}

KTEST(lineedit, long_line_scrolls_and_is_refused_at_the_end)
{
	struct bench *b = bench_new();

	REQUIRE(b);
	type(b, LONG_80 LONG_80 LONG_80);
	EXPECT_EQ(b->edit.len, 240);
	EXPECT(b->edit.view > 0);
	type(b, "\x01");
	EXPECT_EQ(b->edit.view, 0);
	EXPECT_EQ(b->term.row[COLUMNS - 2], '>');
	for (unsigned i = 0; i < 240; i++)
		type(b, "\x06");
	EXPECT_EQ(b->edit.cursor, 240);
	for (unsigned i = 0; i < 240; i++)
		type(b, "\x02");
	EXPECT_EQ(b->edit.cursor, 0);
	type(b, "0123456789ABCDE");
	EXPECT_EQ(b->edit.len, LINE_SIZE - 1);
	EXPECT_EQ(b->term.bells, 0);
	type(b, "x");
	EXPECT_EQ(b->edit.len, LINE_SIZE - 1);
	EXPECT_EQ(b->term.bells, 1);
	type(b, "\x15\x0b"
		"ok");
	EXPECT(line_is(b, "ok", 2));
}

KTEST(lineedit, history)
{
	struct bench *b = bench_new();

	REQUIRE(b);
	type(b, UP);
	EXPECT_EQ(b->term.bells, 1);
	enter(b, "one");
	enter(b, "two");
	enter(b, "  ");
	enter(b, "three");
	enter(b, "two");
	type(b, "new" UP);
	EXPECT(line_is(b, "two", 3));
	type(b, UP);
	EXPECT(line_is(b, "three", 5));
	type(b, "\x10");
	EXPECT(line_is(b, "one", 3));
	type(b, UP);
	EXPECT(line_is(b, "one", 3));
	EXPECT_EQ(b->term.bells, 2);
	type(b, "\x0e" DOWN "!");
	EXPECT(line_is(b, "two!", 4));
	type(b, DOWN);
	EXPECT(line_is(b, "new", 3));
	type(b, DOWN);
	EXPECT(line_is(b, "new", 3));
	EXPECT_EQ(b->term.bells, 3);
}

static unsigned history_lines(const struct bench *b, const char *newest)
{
	const char *line = NULL, *last = NULL;
	unsigned n = 0;

	while ((line = lineedit_history_next(&b->edit, line))) {
		last = line;
		n++;
	}
	return last && !strcmp(last, newest) ? n : NO_LINES;
}

KTEST(lineedit, history_is_bounded_and_keeps_the_newest)
{
	struct bench *b = bench_new();
	char line[LINE_SIZE];

	REQUIRE(b);
	memset(line, 'x', sizeof(line));
	line[LINE_SIZE - 1] = '\0';
	for (unsigned i = 0; i < 100; i++) {
		line[0] = (char)('0' + i / 10);
		line[1] = (char)('0' + i % 10);
		lineedit_history_add(&b->edit, line);
		EXPECT_EQ(history_lines(b, line),
			  i < HISTORY_BYTES / LINE_SIZE
				  ? i + 1
				  : HISTORY_BYTES / LINE_SIZE);
	}
	lineedit_history_add(&b->edit, line);
	EXPECT_EQ(history_lines(b, line), HISTORY_BYTES / LINE_SIZE);
	lineedit_history_add(&b->edit, "short");
	EXPECT_EQ(history_lines(b, "short"), HISTORY_BYTES / LINE_SIZE);
	EXPECT(b->edit.history_used <= HISTORY_BYTES);
}

static const char *candidate(unsigned i)
{
	static const char *const words[] = {"memmap", "help", "memtest",
					    "memory", "echo"};

	return i < ARRAY_SIZE(words) ? words[i] : NULL;
}

/* Tab on the word that begins at `start`. */
static void tab(struct bench *b, size_t start)
{
	EXPECT_EQ(lineedit_feed(&b->edit, '\t'), LINE_COMPLETE);
	lineedit_complete(&b->edit, start, candidate);
	EXPECT(sees(b));
}

KTEST(lineedit, completion)
{
	struct bench *b = bench_new();

	REQUIRE(b);
	type(b, "h");
	tab(b, 0);
	EXPECT(line_is(b, "help ", 5));
	type(b, "m");
	tab(b, 5);
	EXPECT(line_is(b, "help mem", 8));
	EXPECT_EQ(b->term.rows, 0);
	tab(b, 5);
	EXPECT_EQ(b->term.bells, 0);
	EXPECT_EQ(b->term.rows, 2);
	EXPECT_EQ(memcmp(b->term.last_row, "memmap  memtest  memory  ", 25), 0);
	EXPECT(line_is(b, "help mem", 8));
	type(b, "t");
	tab(b, 5);
	EXPECT(line_is(b, "help memtest ", 13));
	/* Nothing fits; in the middle of a line; two Tabs that are apart. */
	type(b, "zz");
	tab(b, 13);
	tab(b, 13);
	EXPECT_EQ(b->term.rows, 2);
	type(b, "\x15\x0b"
		"e x\x02\x02");
	tab(b, 0);
	EXPECT(line_is(b, "echo x", 4));
	type(b, "\x15mem");
	tab(b, 0);
	type(b, "\x02\x06");
	tab(b, 0);
	EXPECT_EQ(b->term.rows, 2);
}

KTEST(lineedit, completion_without_room)
{
	struct bench *b = bench_new();

	REQUIRE(b);
	for (unsigned i = 0; i < LINE_SIZE - 4; i++)
		type(b, " ");
	type(b, "he");
	tab(b, LINE_SIZE - 4);
	EXPECT_EQ(b->edit.len, LINE_SIZE - 2);
	EXPECT_EQ(b->term.bells, 1);
}

/* --- random keys against a model of the line alone --- */

struct model {
	char buf[LINE_SIZE];
	size_t len, cursor;
};

static void model_cut(struct model *m, size_t from, size_t to)
{
	for (size_t i = to; i <= m->len; i++)
		m->buf[from + i - to] = m->buf[i];
	m->len -= to - from;
	m->cursor = from;
}

static void model_insert(struct model *m, char c)
{
	if (m->len == LINE_SIZE - 1)
		return;
	for (size_t i = m->len + 1; i > m->cursor; i--)
		m->buf[i] = m->buf[i - 1];
	m->buf[m->cursor++] = c;
	m->len++;
}

static size_t model_word(const struct model *m)
{
	size_t at = m->cursor;

	for (; at && m->buf[at - 1] == ' '; at--)
		;
	for (; at && m->buf[at - 1] != ' '; at--)
		;
	return at;
}

static void model_key(struct model *m, uint8_t key)
{
	switch (key) {
	case CTRL('A'):
		m->cursor = 0;
		return;
	case CTRL('E'):
		m->cursor = m->len;
		return;
	case CTRL('B'):
		m->cursor -= m->cursor > 0;
		return;
	case CTRL('F'):
		m->cursor += m->cursor < m->len;
		return;
	case CTRL('H'):
		model_cut(m, m->cursor - (m->cursor > 0), m->cursor);
		return;
	case CTRL('D'):
		if (m->cursor < m->len)
			model_cut(m, m->cursor, m->cursor + 1);
		return;
	case CTRL('K'):
		model_cut(m, m->cursor, m->len);
		return;
	case CTRL('U'):
		model_cut(m, 0, m->cursor);
		return;
	case CTRL('W'):
		model_cut(m, model_word(m), m->cursor);
		return;
	}
	if (key >= 0x20 && key < 0x7f)
		model_insert(m, (char)key);
}

/* A key; mostly text, so that lines get long, seldom one that kills. */
static uint8_t random_key(struct rng *r)
{
	static const char moves[] = "\x01\x05\x02\x02\x02\x06\x06\x06\x0c";
	static const char cuts[] = "\x08\x08\x08\x08\x04\x04\x17";
	uint64_t kind = rng_below(r, 1000);

	if (kind < 2)
		return kind ? CTRL('K') : CTRL('U');
	if (kind < 300)
		return (uint8_t)moves[rng_below(r, sizeof(moves) - 1)];
	if (kind < 400)
		return (uint8_t)cuts[rng_below(r, sizeof(cuts) - 1)];
	if (kind < 420)
		return (uint8_t)(0x80 + rng_below(r, 0x80));
	return (uint8_t)(0x20 + rng_below(r, 0x5f));
}

KTEST(lineedit, random_keys_match_the_model)
{
	struct rng r = rng_seed(ktest_seed());
	struct bench *b = bench_new();
	struct model *m = ktest_alloc(sizeof(*m));

	REQUIRE(b && m);
	KTEST_STEPS (op, ktest_ops() / 4) {
		uint8_t key = random_key(&r);

		lineedit_feed(&b->edit, key);
		model_key(m, key);
		if (!sees(b) || strcmp(m->buf, b->edit.buf) ||
		    m->cursor != b->edit.cursor) {
			ktest_fail(__FILE__, __LINE__,
				   "op %llu, key %#x: line '%s', model '%s', "
				   "terminal '%s'",
				   (unsigned long long)op, key, b->edit.buf,
				   m->buf, b->term.row);
			return;
		}
	}
}

/* Any byte at all, with history and completion: the terminal stays right. */
KTEST(lineedit, random_bytes)
{
	struct rng r = rng_seed(ktest_seed() + 1);
	struct bench *b = bench_new();

	REQUIRE(b);
	KTEST_STEPS (op, ktest_ops() / 4) {
		static const char often[] = "\033[[[AB\t\t\x10\x0e\r\nhmet~3";
		uint8_t byte = (uint8_t)rng_next(&r);
		enum line_event event;

		if (rng_below(&r, 2))
			byte = (uint8_t)often[rng_below(&r, sizeof(often) - 1)];
		event = lineedit_feed(&b->edit, byte);
		if (event == LINE_DONE || event == LINE_ABORT)
			lineedit_start(&b->edit);
		if (event == LINE_COMPLETE)
			lineedit_complete(&b->edit, b->edit.cursor / 2,
					  candidate);
		if (!sees(b) || b->edit.history_used > HISTORY_BYTES) {
			ktest_fail(__FILE__, __LINE__, "op %llu, byte %#x",
				   (unsigned long long)op, byte);
			return;
		}
	}
}
