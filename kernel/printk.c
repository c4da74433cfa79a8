/*
 * Kernel messages: format once, keep in a ring, pass on to the console.
 *
 * The ring holds the newest RING_SIZE bytes of text; when it is full the
 * oldest bytes make room, a whole line at a time.
 *
 * Locking: the console's lock is the ring's, too. A panic may interrupt a printk
 * and print: then the ring's newest line may be garbled, no more.
 */
#include <stdio.h>
#include <string.h>

#include <kernel/console.h>
#include <kernel/printk.h>

#define RING_SIZE  16384u /* a power of two: positions are taken modulo */
#define LINE_MAX   512u
#define DUMP_PIECE 128u

static struct {
	char text[RING_SIZE];
	uint32_t head; /* bytes ever written */
	uint32_t tail; /* the oldest byte that is kept, at a line's start */
} ring;

static enum log_level console_level = LOG_INFO;

void printk_set_console_level(enum log_level level)
{
	console_level = level;
}

static void ring_put(char c)
{
	if (ring.head - ring.tail == RING_SIZE) {
		while (ring.text[ring.tail++ % RING_SIZE] != '\n' &&
		       ring.tail != ring.head)
			;
	}
	ring.text[ring.head++ % RING_SIZE] = c;
}

/* Format into `line`; returns the number of bytes there are to print. What is
 * cut still ends its line: scripts look for text at the start of the next. */
static size_t format(char line[LINE_MAX], const char *fmt, va_list ap)
{
	static const char cut[] = "...\n";
	int n = vsnprintf(line, LINE_MAX, fmt, ap);

	if (n < 0)
		return 0;
	if ((size_t)n < LINE_MAX)
		return (size_t)n;
	memcpy(line + LINE_MAX - sizeof(cut), cut, sizeof(cut));
	return LINE_MAX - (fmt[strlen(fmt) - 1] == '\n' ? 1 : 2);
}

void printk(enum log_level level, const char *fmt, ...)
{
	char line[LINE_MAX];
	uint64_t flags;
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = format(line, fmt, ap);
	va_end(ap);
	flags = console_lock();
	for (size_t i = 0; i < n; i++)
		ring_put(line[i]);
	if (level <= console_level)
		console_write_locked(line, n);
	console_unlock(flags);
}

void printk_dump(void)
{
	uint32_t at = ring.tail;
	bool more = true;

	/* The lock is not held for all of it: the ring may turn meanwhile. */
	while (more) {
		uint64_t flags = console_lock();

		if (ring.head - at > ring.head - ring.tail)
			at = ring.tail;
		for (unsigned n = 0; n < DUMP_PIECE && at != ring.head; n++)
			console_write_locked(&ring.text[at++ % RING_SIZE], 1);
		more = at != ring.head;
		console_unlock(flags);
	}
}

void kvprintf(const char *fmt, va_list ap)
{
	char line[LINE_MAX];

	console_write(line, format(line, fmt, ap));
}

void kprintf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	kvprintf(fmt, ap);
	va_end(ap);
}
