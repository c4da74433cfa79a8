/* The one console. Output may come from any context; devices are pollable. */
#include <string.h>

#include <kernel/console.h>

static const struct console_device *current;

void console_set(const struct console_device *d)
{
	current = d;
}

const struct console_device *console_current(void)
{
	return current;
}

void console_write(const char *s, size_t n)
{
	const char *end = s + n;

	if (!current)
		return;
	if (current->adds_cr) {
		current->write(current, s, n);
		return;
	}
	while (s < end) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));
		const char *stop = nl ? nl : end;

		if (stop > s)
			current->write(current, s, (size_t)(stop - s));
		if (!nl)
			return;
		current->write(current, "\r\n", 2);
		s = nl + 1;
	}
}

void console_puts(const char *s)
{
	console_write(s, strlen(s));
}

int console_getc(void)
{
	return current ? current->getc(current) : -1;
}
