/*
 * Line editor: see <kernel/lineedit.h> for what it does.
 *
 * Keys only change `buf` and `cursor`; refresh() alone brings the terminal up
 * to date. It keeps a copy of what the terminal shows, works out what should
 * be there, and sends the difference:
 *
 *	prompt   screen[0 .. shown)
 *	strata> <mtest 64M; test all ech>
 *	         ^buf[view]        ^column: where the terminal's cursor is
 *
 *  I1  len < LINE_SIZE, cursor <= len, buf[len] is NUL, and buf[0 .. len) is
 *	printable ASCII: one byte is one cell.
 *  I2  After each call: screen holds buf from `view` on, cut at `width` cells,
 *	a mark in its first or last cell when the line goes on there; column is
 *	the cursor's cell, and no mark stands in it.
 *  I3  prompt + width = LINE_COLUMNS, so that the terminal's last column is
 *	never written and no terminal's idea of wrapping matters.
 *  I4  history[0 .. history_used) is whole strings, no two the same.
 *
 * Cost: a key at the end of the line sends one byte; a key in the middle sends
 * what is right of it. An Enter moves up to HISTORY_BYTES.
 *
 * Escape sequences (ECMA-48 5.4; SS3 as VT100 keypads send it) are turned into
 * the control byte of the same meaning. A control byte inside one ends it and
 * acts, so not even an endless sequence can lock up Enter or ^C.
 */
#include <string.h>

#include <kernel/lineedit.h>

#define CTRL(c)	   ((c)&0x1f)
#define KEY_ESCAPE 0x1b
#define KEY_DELETE 0x7f

enum { ESC_NONE, ESC_FIRST, ESC_SS3, ESC_PARAM, ESC_REST };

static void send(struct lineedit *e, const char *s, size_t n)
{
	if (n)
		e->out(e->ctx, s, n);
}

static void bell(struct lineedit *e)
{
	send(e, "\a", 1);
}

/* Move the terminal's cursor to a cell that is shown, or right behind. */
static void move(struct lineedit *e, size_t column)
{
	while (e->column > column) {
		send(e, "\b", 1);
		e->column--;
	}
	send(e, e->screen + e->column, column - e->column);
	e->column = (uint8_t)column;
}

/* Keep the cursor off the cells where a mark may be (I2). */
static void scroll(struct lineedit *e)
{
	unsigned half = e->width / 2u;

	if (e->cursor < e->view + (e->view ? 1u : 0u) ||
	    e->cursor > e->view + e->width - 2u)
		e->view = e->cursor > half ? (uint16_t)(e->cursor - half) : 0;
	if (e->len <= e->width - 2u)
		e->view = 0;
}

static void refresh(struct lineedit *e)
{
	char want[LINE_COLUMNS];
	size_t n, same = 0;

	scroll(e);
	n = e->len - (size_t)e->view;
	if (n > e->width)
		n = e->width;
	memcpy(want, e->buf + e->view, n);
	if (e->view)
		want[0] = '<';
	if (e->len > e->view + e->width)
		want[n - 1] = '>';
	while (same < n && same < e->shown && want[same] == e->screen[same])
		same++;
	if (same < n || same < e->shown) {
		size_t before = e->shown;

		move(e, same);
		memcpy(e->screen, want, n);
		e->shown = (uint8_t)n;
		move(e, n);
		for (; e->column < before; e->column++)
			send(e, " ", 1);
	}
	move(e, (size_t)(e->cursor - e->view));
}

void lineedit_redraw(struct lineedit *e)
{
	send(e, e->prompt, LINE_COLUMNS - (size_t)e->width);
	e->shown = 0;
	e->column = 0;
	refresh(e);
}

static void set_line(struct lineedit *e, const char *line)
{
	e->len = (uint16_t)strlen(line);
	memcpy(e->buf, line, e->len + 1u);
	e->cursor = e->len;
}

/* Returns false, and rings, when there is no room. */
static bool insert(struct lineedit *e, const char *s, size_t n)
{
	char *at = e->buf + e->cursor;

	if (e->len + n >= LINE_SIZE) {
		bell(e);
		return false;
	}
	memmove(at + n, at, (size_t)(e->len - e->cursor) + 1);
	memcpy(at, s, n);
	e->len = (uint16_t)(e->len + n);
	e->cursor = (uint16_t)(e->cursor + n);
	return true;
}

/* Delete [from, to) and leave the cursor there. */
static void erase(struct lineedit *e, size_t from, size_t to)
{
	if (from >= to) {
		bell(e);
		return;
	}
	memmove(e->buf + from, e->buf + to, e->len - to + 1);
	e->len = (uint16_t)(e->len - (to - from));
	e->cursor = (uint16_t)from;
}

static size_t word_start(const struct lineedit *e)
{
	size_t at = e->cursor;

	while (at && e->buf[at - 1] == ' ')
		at--;
	while (at && e->buf[at - 1] != ' ')
		at--;
	return at;
}

/* Take the line at offset `at` out of the history. */
static void history_drop(struct lineedit *e, size_t at)
{
	size_t n = strlen(e->history + at) + 1;

	memmove(e->history + at, e->history + at + n, e->history_used - at - n);
	e->history_used = (uint16_t)(e->history_used - n);
}

void lineedit_history_add(struct lineedit *e, const char *line)
{
	size_t n = strlen(line) + 1;

	if (!line[strspn(line, " ")] || n > LINE_SIZE)
		return;
	for (size_t at = 0; at < e->history_used;) {
		if (strcmp(e->history + at, line))
			at += strlen(e->history + at) + 1;
		else
			history_drop(e, at);
	}
	while (e->history_used + n > HISTORY_BYTES)
		history_drop(e, 0);
	memcpy(e->history + e->history_used, line, n);
	e->history_used = (uint16_t)(e->history_used + n);
	e->at = e->history_used;
}

const char *lineedit_history_next(const struct lineedit *e, const char *line)
{
	line = line ? line + strlen(line) + 1 : e->history;
	return line < e->history + e->history_used ? line : NULL;
}

static void history_up(struct lineedit *e)
{
	if (!e->at) {
		bell(e);
		return;
	}
	if (e->at == e->history_used)
		memcpy(e->stash, e->buf, e->len + 1u);
	do
		e->at--;
	while (e->at && e->history[e->at - 1]);
	set_line(e, e->history + e->at);
}

static void history_down(struct lineedit *e)
{
	if (e->at == e->history_used) {
		bell(e);
		return;
	}
	e->at = (uint16_t)(e->at + strlen(e->history + e->at) + 1);
	set_line(e, e->at == e->history_used ? e->stash : e->history + e->at);
}

/* The control byte for the final byte of a cursor key; 0: none we know. */
static uint8_t cursor_key(uint8_t final)
{
	switch (final) {
	case 'A':
		return CTRL('P');
	case 'B':
		return CTRL('N');
	case 'C':
		return CTRL('F');
	case 'D':
		return CTRL('B');
	case 'H':
		return CTRL('A');
	case 'F':
		return CTRL('E');
	}
	return 0;
}

/* The same for CSI number ~. */
static uint8_t editing_key(unsigned number)
{
	switch (number) {
	case 1:
	case 7:
		return CTRL('A');
	case 4:
	case 8:
		return CTRL('E');
	case 3:
		return CTRL('D');
	}
	return 0;
}

/* A byte inside an escape sequence. Returns the key to act on, 0 for none. */
static uint8_t escape_feed(struct lineedit *e, uint8_t byte)
{
	uint8_t state = e->escape;

	e->escape = ESC_NONE;
	if (byte < 0x20 || byte >= 0x7f)
		return byte;
	switch (state) {
	case ESC_FIRST:
		e->param = 0;
		if (byte == '[')
			e->escape = ESC_PARAM;
		else if (byte == 'O')
			e->escape = ESC_SS3;
		return 0;
	case ESC_SS3:
		return cursor_key(byte);
	}
	if (byte >= 0x40)
		return byte == '~' ? editing_key(e->param) : cursor_key(byte);
	e->escape = ESC_REST;
	if (state == ESC_PARAM && byte >= '0' && byte <= '9') {
		e->escape = ESC_PARAM;
		e->param = e->param > 9 ? 255
					: (uint8_t)(e->param * 10 + byte - '0');
	}
	return 0;
}

static enum line_event finish(struct lineedit *e, enum line_event event)
{
	if (event == LINE_ABORT)
		send(e, "^C", 2);
	else
		lineedit_history_add(e, e->buf);
	send(e, "\n", 1);
	return event;
}

static void edit(struct lineedit *e, uint8_t byte)
{
	char c = (char)byte;

	switch (byte) {
	case CTRL('A'):
		e->cursor = 0;
		break;
	case CTRL('E'):
		e->cursor = e->len;
		break;
	case CTRL('B'):
		if (e->cursor)
			e->cursor--;
		break;
	case CTRL('F'):
		if (e->cursor < e->len)
			e->cursor++;
		break;
	case CTRL('H'):
	case KEY_DELETE:
		erase(e, e->cursor - (e->cursor ? 1u : 0u), e->cursor);
		break;
	case CTRL('D'):
		erase(e, e->cursor, e->cursor + (e->cursor < e->len ? 1u : 0u));
		break;
	case CTRL('K'):
		erase(e, e->cursor, e->len);
		break;
	case CTRL('U'):
		erase(e, 0, e->cursor);
		break;
	case CTRL('W'):
		erase(e, word_start(e), e->cursor);
		break;
	case CTRL('P'):
		history_up(e);
		break;
	case CTRL('N'):
		history_down(e);
		break;
	case CTRL('L'):
		send(e, "\033[H\033[2J", 7);
		lineedit_redraw(e);
		break;
	default:
		if (byte >= 0x20 && byte < KEY_DELETE)
			insert(e, &c, 1);
	}
	refresh(e);
}

enum line_event lineedit_feed(struct lineedit *e, uint8_t byte)
{
	bool after_cr = e->after_cr;

	e->after_cr = byte == '\r';
	if (e->escape != ESC_NONE)
		byte = escape_feed(e, byte);
	if (byte == '\t')
		return LINE_COMPLETE;
	e->tabs = 0;
	switch (byte) {
	case KEY_ESCAPE:
		e->escape = ESC_FIRST;
		return LINE_MORE;
	case '\n':
		if (after_cr)
			return LINE_MORE;
		return finish(e, LINE_DONE);
	case '\r':
		return finish(e, LINE_DONE);
	case CTRL('C'):
		return finish(e, LINE_ABORT);
	}
	edit(e, byte);
	return LINE_MORE;
}

/* Show all candidates that begin with the n bytes at `prefix`. */
static void list(struct lineedit *e, const char *prefix, size_t n,
		 const char *(*candidate)(unsigned i))
{
	const char *word;
	size_t column = 0;

	send(e, "\n", 1);
	for (unsigned i = 0; (word = candidate(i)); i++) {
		size_t len = strlen(word);

		if (strncmp(word, prefix, n))
			continue;
		if (column && column + 2 + len > LINE_COLUMNS) {
			send(e, "\n", 1);
			column = 0;
		}
		send(e, "  ", column ? 2 : 0);
		send(e, word, len);
		column += len + (column ? 2 : 0);
	}
	send(e, "\n", 1);
	lineedit_redraw(e);
}

void lineedit_complete(struct lineedit *e, size_t start,
		       const char *(*candidate)(unsigned i))
{
	const char *prefix = e->buf + start, *first = NULL, *word;
	size_t n = e->cursor - start, common = 0;
	unsigned matches = 0;

	for (unsigned i = 0; (word = candidate(i)); i++) {
		if (strncmp(word, prefix, n))
			continue;
		if (!matches++) {
			first = word;
			common = strlen(word);
		}
		while (strncmp(first, word, common))
			common--;
	}
	if (matches == 1 || common > n) {
		e->tabs = matches > 1;
		if (insert(e, first + n, common - n) && matches == 1 &&
		    e->buf[e->cursor] != ' ')
			insert(e, " ", 1);
		refresh(e);
	} else if (matches && e->tabs) {
		list(e, prefix, n, candidate);
	} else {
		e->tabs = 1;
		bell(e);
	}
}

void lineedit_start(struct lineedit *e)
{
	set_line(e, "");
	e->at = e->history_used;
	e->view = 0;
	e->tabs = 0;
	lineedit_redraw(e);
}

void lineedit_init(struct lineedit *e, const char *prompt,
		   void (*out)(void *ctx, const char *s, size_t n), void *ctx)
{
	size_t n = strlen(prompt);

	memset(e, 0, sizeof(*e));
	e->prompt = prompt;
	e->width = (uint8_t)(LINE_COLUMNS -
			     (n < LINE_COLUMNS / 2 ? n : LINE_COLUMNS / 2));
	e->out = out;
	e->ctx = ctx;
}
