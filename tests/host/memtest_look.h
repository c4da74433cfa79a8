/*
 * What tests of the `memtest` command do again and again: run a line on the bed, read
 * the log that it gave, and hold it against what must be so of any. After the
 * command's sources.
 */
#pragma once

#include "memtest_bed.h"

#define TOTAL (MIB(8) + KIB(128)) /* RAM of the bed */

/* ---- reading the log ---- */

static unsigned count(const char *what)
{
	unsigned n = 0;

	for (const char *p = user.log; (p = strstr(p, what)); p++)
		n++;
	return n;
}

static bool ends_with(const char *end)
{
	size_t n = strlen(end);

	return user.len >= n && strcmp(user.log + user.len - n, end) == 0;
}

/* The number behind ` key=` in the first line at or behind `p` that has `event`. */
static uint64_t value_from(const char *p, const char *event, const char *key)
{
	char what[40];

	p = p ? strstr(p, event) : NULL;
	snprintf(what, sizeof(what), " %s=", key);
	p = p ? strstr(p, what) : NULL;
	EXPECT(p);
	return p ? strtoull(p + strlen(what), NULL, 0) : 0;
}

static uint64_t value(const char *event, const char *key)
{
	return value_from(user.log, event, key);
}

/* Every line of the log is whole, in its place and not too long. */
static void check_lines(void)
{
	uint64_t seq = 0;

	for (const char *p = user.log; (p = strstr(p, "MTLOG ")); p++) {
		const char *end = strstr(p, "\r\n");
		const char *crc = end ? end - strlen(" crc=12345678") : p;

		REQUIRE(end && crc > p && strncmp(crc, " crc=", 5) == 0);
		EXPECT(p == user.log || p[-1] == '\n');
		EXPECT(end - p <= MEMTEST_LINE_MAX);
		EXPECT_EQ(value_from(p, "MTLOG", "seq"), seq);
		EXPECT_EQ(strtoul(crc + 5, NULL, 16),
			  crc32(0, p, (size_t)(crc - p)));
		for (const char *c = p; c < end; c++)
			EXPECT(*c >= ' ' && *c < 0x7f);
		seq++;
	}
}

static uint64_t sum_of(const char *event)
{
	uint64_t sum = 0;

	for (const char *p = user.log; (p = strstr(p, event)); p++)
		sum += value_from(p, event, "end") -
		       value_from(p, event, "start");
	return sum;
}

/* What a run that came to its end must look like, whatever it found. */
static void check_run(uint64_t all)
{
	check_lines();
	EXPECT_EQ(count("ev=start "), 1);
	EXPECT_EQ(count("ev=done "), 3);
	/* The next line's number is found. */
	EXPECT_EQ(value("ev=done", "lines") + 1, value("ev=done", "seq"));
	EXPECT_EQ(count("ev=test_start "), count("ev=test_end "));
	EXPECT_EQ(count("ev=hold "), count("ev=resume "));
	EXPECT_EQ(count("ev=displace "), count("ev=restored "));
	EXPECT_EQ(sum_of("ev=region ") + sum_of("ev=kernel ") +
			  sum_of("ev=untested "),
		  all);
	EXPECT_EQ(value("ev=done", "tested") + value("ev=done", "untested") +
			  value("ev=done", "skipped"),
		  all);
	EXPECT_EQ(bed_views, 0);
}

static int run(const char *line)
{
	const struct console_device *console = console_current();
	char text[512], *argv[32];
	int argc = 0, status;

	strcpy(text, line);
	for (char *p = strtok(text, " "); p; p = strtok(NULL, " "))
		argv[argc++] = p;
	user.len = 0;
	user.log[0] = '\0';
	user.polls = 0;
	user.flipped = false;
	bed.has_session = false;
	console_set(&bed_keeper);
	status = cmd_memtest(argc, argv);
	console_set(console);
	check_lines();
	return status;
}

/* A pattern in the frames that are somebody's, and whether it is there still. */
static void mark_used(void)
{
	for (uint64_t i = 0; i < bed_used * 512; i++)
		bed.memory[i] = i * 0x9e3779b97f4a7c15u;
}

static bool used_is_as_marked(void)
{
	for (uint64_t i = 0; i < bed_used * 512; i++)
		if (bed.memory[i] != i * 0x9e3779b97f4a7c15u)
			return false;
	return true;
}

#define USED 300 /* frames of the kernel */

/* A machine that has not tested yet. */
static void fresh(void)
{
	kept = NULL;
	last.status = NULL;
	bed_init(USED);
}
