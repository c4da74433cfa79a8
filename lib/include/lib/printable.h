/* Text from outside, on its way to a console. */
#pragma once

#include <stddef.h>

/* The first size - 1 characters of `from`, ended; each that is not printable ASCII,
 * and each blank, becomes '?'. size > 0. */
static inline void copy_printable(char *to, size_t size, const char *from)
{
	size_t i = 0;

	for (; i < size - 1 && from[i]; i++)
		to[i] = (char)(from[i] > ' ' && from[i] <= '~' ? from[i] : '?');
	to[i] = '\0';
}
