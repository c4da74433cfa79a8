/*
 * A line that is typed at a terminal for a program to read ("canonical mode"):
 * it can be corrected until it ends, and is shown as it grows. No locking.
 */
#pragma once

#include <kernel/types.h>

#define TTYLINE 512 /* bytes, with the newline; more are refused */

struct ttyline {
	uint32_t length;
	uint32_t taken; /* of a line that has ended */
	bool ended;	/* by a newline, or by ^D */
	char text[TTYLINE];
};

/*
 * A byte that was typed, while the line has not ended. What the terminal is to
 * show for it goes to `echo`. DEL and ^H take back a byte, ^W a word, ^U all;
 * return and newline end the line, ^D ends it without a newline: after nothing,
 * that is the end of the file.
 */
void ttyline_put(struct ttyline *l, uint8_t byte,
		 void (*echo)(const char *s, size_t n));

/* Take up to `n` bytes of a line that has ended; once all are taken, a new one
 * begins. 0: the end of the file. */
size_t ttyline_take(struct ttyline *l, void *p, size_t n);
