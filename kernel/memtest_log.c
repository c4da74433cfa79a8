/*
 * Lines of the memory tester's log, see <kernel/memtest_log.h>.
 *
 * The number, the time and the checksum are put on a line while the console's lock is
 * held, and all of it is written in one piece: so the numbers rise on the wire, too,
 * whoever logs. What was put together before that is the caller's own.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <arch/cpu.h>
#include <kernel/console.h>
#include <kernel/devtree.h>
#include <kernel/memtest_log.h>
#include <lib/crc32.h>

#define ASSUMED_TIMEBASE 10000000u
#define CUT		 " cut=yes"
#define LL(x)		 ((unsigned long long)(x))

/* "MTLOG seq= ts= " with the largest numbers, and " crc=". */
_Static_assert(MEMTEST_BODY_MAX + 15 + 20 + 20 + 13 <= MEMTEST_LINE_MAX,
	       "a body leaves room for the rest");

static uint64_t log_start; /* arch_time() */
static uint64_t log_lines; /* under the console's lock */

static uint64_t hz(void)
{
	return machine.timebase >= 1000 ? machine.timebase : ASSUMED_TIMEBASE;
}

uint64_t memtest_ms(uint64_t ticks)
{
	return ticks / hz() * 1000 + ticks % hz() * 1000 / hz();
}

uint64_t memtest_ticks(uint64_t ms)
{
	return ms / 1000 * hz() + ms % 1000 * hz() / 1000;
}

void memtest_log_begin(void)
{
	log_start = arch_time();
	log_lines = 0;
}

uint64_t memtest_log_lines(void)
{
	return log_lines;
}

void memtest_line_end(const struct memtest_line *l)
{
	char line[MEMTEST_LINE_MAX + 2];
	uint64_t flags = console_lock();
	uint64_t ms = memtest_ms(arch_time() - log_start);
	int n = snprintf(line, sizeof(line), "MTLOG seq=%llu ts=%llu.%llu %s%s",
			 LL(log_lines++), LL(ms / 1000), LL(ms / 100 % 10),
			 l->text, l->full ? CUT : "");

	n += snprintf(line + n, sizeof(line) - (size_t)n, " crc=%08x\n",
		      crc32(0, line, (size_t)n));
	console_write_locked(line, (size_t)n);
	console_unlock(flags);
}

void memtest_line_begin(struct memtest_line *l, const char *event)
{
	l->len = 0;
	l->full = false;
	memtest_line_put(l, "ev=%s", event);
}

static void put(struct memtest_line *l, const char *fmt, va_list ap)
{
	size_t room = MEMTEST_BODY_MAX + 1 - strlen(CUT) - l->len;
	int n = vsnprintf(l->text + l->len, room, fmt, ap);

	if (l->full || n < 0 || (size_t)n >= room) {
		l->full = true;
		l->text[l->len] = '\0';
		return;
	}
	l->len += (unsigned)n;
}

void memtest_line_put(struct memtest_line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(l, fmt, ap);
	va_end(ap);
}

/* What can stand in a value without quotes. */
static bool is_plain(const char *s)
{
	const char *p = s;

	while (*p > ' ' && *p < 0x7f && *p != '"' && *p != '\\')
		p++;
	return *s && !*p;
}

void memtest_line_text(struct memtest_line *l, const char *key,
		       const char *text)
{
	char quoted[MEMTEST_BODY_MAX];
	size_t n = 0;

	if (is_plain(text)) {
		memtest_line_put(l, " %s=%s", key, text);
		return;
	}
	/* Device trees may have anything in a string: this is ASCII. */
	for (; *text && n < sizeof(quoted) - 2; text++) {
		if (*text == '"' || *text == '\\')
			quoted[n++] = '\\';
		quoted[n++] = *text == '\t'		     ? ' '
			      : *text >= ' ' && *text < 0x7f ? *text
							     : '?';
	}
	quoted[n] = '\0';
	memtest_line_put(l, " %s=\"%s\"", key, quoted);
}

void memtest_log(const char *fmt, ...)
{
	struct memtest_line l = {.len = 0};
	va_list ap;

	memtest_line_put(&l, "ev=");
	va_start(ap, fmt);
	put(&l, fmt, ap);
	va_end(ap);
	memtest_line_end(&l);
}
