/*
 * Line editor for a serial terminal: fed one byte at a time, it answers what
 * to send back. It knows no console, so the host can test it.
 */
#pragma once

#include <kernel/types.h>

#define LINE_SIZE    256 /* longest line, with its NUL */
#define HISTORY_SIZE 16

enum line_event {
	LINE_MORE,     /* keep feeding */
	LINE_DONE,     /* Enter: `buf` holds the line */
	LINE_ABORT,    /* ^C: the line was given up */
	LINE_COMPLETE, /* Tab: the owner may call lineedit_complete() */
};

struct lineedit {
	char buf[LINE_SIZE];
	uint16_t len;
	uint16_t cursor;
	char history[HISTORY_SIZE][LINE_SIZE];
	uint16_t nhistory;     /* lines ever added */
	uint16_t at;	       /* history line shown; nhistory = the new line */
	char stash[LINE_SIZE]; /* the new line while history is shown */
	uint8_t escape;	       /* state of an escape sequence */
	uint8_t param;
	bool overflow_bell;
	/* Where echo goes. */
	void (*out)(void *ctx, const char *s, size_t n);
	void *ctx;
	const char *prompt;
};
