/*
 * Line editor for a serial terminal: fed one byte at a time, it answers what
 * to send back. It knows no console, so the host can test it.
 *
 *	^A Home    ^E End     ^B left   ^F right      cursor
 *	^H DEL     ^D Delete  ^W word   ^U ^K line    delete
 *	^P up      ^N down                            history
 *	^C give up ^L clear the screen  Tab complete  CR, LF or CRLF: done
 *
 * What it sends is printable text, \b, \a and \n (and, for ^L, one clear
 * sequence), so any terminal of 80 columns or more will do; a line that does
 * not fit scrolls sideways, with '<' or '>' where it goes on.
 *
 * One context at a time feeds an editor. No allocation. Any byte may come in.
 */
#pragma once

#include <kernel/types.h>

#define LINE_SIZE     256  /* longest line, with its NUL */
#define LINE_COLUMNS  79   /* the last column stays empty: nothing ever wraps */
#define HISTORY_BYTES 2048 /* of lines kept, each with its NUL */

enum line_event {
	LINE_MORE,  /* keep feeding */
	LINE_DONE,  /* Enter: `buf` holds the line, and so does the history */
	LINE_ABORT, /* ^C: the line was given up */
	LINE_COMPLETE, /* Tab: the owner may call lineedit_complete() */
};

struct lineedit {
	char buf[LINE_SIZE]; /* the line, always NUL-terminated */
	uint16_t len;
	uint16_t cursor;

	/* Lines of the history, oldest first, one behind the other. */
	char history[HISTORY_BYTES];
	uint16_t history_used;
	uint16_t at;	       /* offset of the line shown; history_used: new */
	char stash[LINE_SIZE]; /* the new line while history is shown */

	/* What the terminal shows behind the prompt. */
	char screen[LINE_COLUMNS];
	uint8_t shown;	/* cells of `screen` in use */
	uint8_t column; /* the terminal's cursor, as an index into `screen` */
	uint8_t width;	/* cells there are */
	uint16_t view;	/* index into `buf` of the first cell */

	uint8_t escape; /* state inside an escape sequence */
	uint8_t param;	/* its first number */
	bool after_cr;	/* an LF now belongs to the CR before it */
	uint8_t tabs;	/* 1: a Tab now lists what there is */

	/* Where the echo goes; '\n' stands for a new line's column 0. */
	void (*out)(void *ctx, const char *s, size_t n);
	void *ctx;
	const char *prompt;
};

/* An editor with an empty history. `prompt` is printable text that lives as
 * long as the editor; at most half of LINE_COLUMNS of it is shown. */
void lineedit_init(struct lineedit *e, const char *prompt,
		   void (*out)(void *ctx, const char *s, size_t n), void *ctx);

/* Begin an empty line and show the prompt: at first, and after LINE_DONE or
 * LINE_ABORT, which leave the terminal at the start of a new line. */
void lineedit_start(struct lineedit *e);

/* One byte of input. */
enum line_event lineedit_feed(struct lineedit *e, uint8_t byte);

/* Show prompt and line again, after others wrote to the terminal and left it
 * at the start of a line. */
void lineedit_redraw(struct lineedit *e);

/*
 * Complete the word that begins at buf[start] and ends at the cursor, from the
 * words that candidate(0), candidate(1)... give until NULL: printable text,
 * none twice. A single match goes in with a blank behind it, of several what
 * they have in common; a second Tab then lists them.
 */
void lineedit_complete(struct lineedit *e, size_t start,
		       const char *(*candidate)(unsigned i));

/* Make `line` the newest of the history, where it stands only once; the oldest
 * make room. Blank lines are not kept. For lines that were not typed. */
void lineedit_history_add(struct lineedit *e, const char *line);

/* The line of the history after `line`; the oldest for NULL. NULL at the end.*/
const char *lineedit_history_next(const struct lineedit *e, const char *line);
