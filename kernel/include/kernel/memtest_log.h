/*
 * The memory tester's log, for programs: docs/memtest-log.md. One event a line:
 *
 *	MTLOG seq=7 ts=12.3 ev=hold start=0x80200000 ... crc=1a2b3c4d
 *
 * Any context, any hart: lines come out whole, in the order of their numbers.
 */
#pragma once

#include <kernel/types.h>

/* The longest line, without its end; and what an event may take of it. */
#define MEMTEST_LINE_MAX 512
#define MEMTEST_BODY_MAX 440

/* A line that is being put together. One that gets too long loses its last keys
 * and says so: cut=yes. */
struct memtest_line {
	unsigned len;
	bool full;
	char text[MEMTEST_BODY_MAX + 1];
};

/* A run begins: lines are numbered from 0, time counts from now. Not while
 * another hart logs. */
void memtest_log_begin(void);

/* Lines since then. */
uint64_t memtest_log_lines(void);

/* An event whose keys are all simple: memtest_log("hold ms=%u", ms). */
void memtest_log(const char *fmt, ...) __printf(1, 2);

/* The same, piece by piece: begin, put any number of times, end. */
void memtest_line_begin(struct memtest_line *l, const char *event);
/* Append text: " key=value", or more of the last value. All of it or nothing. */
void memtest_line_put(struct memtest_line *l, const char *fmt, ...)
	__printf(2, 3);
/* Append " key=text", in quotes if need be. */
void memtest_line_text(struct memtest_line *l, const char *key,
		       const char *text);
void memtest_line_end(const struct memtest_line *l);

/* Milliseconds and ticks of arch_time(). Where the machine doesn't tell the rate,
 * 10 MHz are taken for it. */
uint64_t memtest_ms(uint64_t ticks);
uint64_t memtest_ticks(uint64_t ms);
