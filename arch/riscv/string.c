/*
 * memset, memcpy and memmove by words. The C library's go by bytes, to be
 * small; clearing a page that way costs 12,000 instructions, here it is 580.
 * Misaligned accesses trap on some harts; so where the sides are not aligned alike,
 * a copy upwards reads whole words and shifts them together. The build keeps the
 * compiler from turning these loops into calls of themselves (cmake/kernel.cmake).
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WORD sizeof(uint64_t)

void *memset(void *to, int c, size_t n)
{
	uint64_t v = (uint8_t)c * 0x0101010101010101u;
	uint8_t *p = to, *end = p + n;

	while (p < end && (uintptr_t)p % WORD)
		*p++ = (uint8_t)c;
	for (; (size_t)(end - p) >= 16 * WORD; p += 16 * WORD) {
		uint64_t *w = (uint64_t *)(void *)p;

		w[0] = v;
		w[1] = v;
		w[2] = v;
		w[3] = v;
		w[4] = v;
		w[5] = v;
		w[6] = v;
		w[7] = v;
		w[8] = v;
		w[9] = v;
		w[10] = v;
		w[11] = v;
		w[12] = v;
		w[13] = v;
		w[14] = v;
		w[15] = v;
	}
	for (; (size_t)(end - p) >= WORD; p += WORD)
		*(uint64_t *)(void *)p = v;
	while (p < end)
		*p++ = (uint8_t)c;
	return to;
}

/*
 * The same for `from` that is not aligned, `to` is. A word is read that has at least
 * one of the bytes; what is stored lies below all bytes that are still to be read.
 * Returns the bytes that it has copied.
 */
static size_t copy_shifted(uint8_t *to, const uint8_t *from, size_t n)
{
	unsigned shift = (unsigned)((uintptr_t)from % WORD) * 8;
	const uint64_t *s =
		(const uint64_t *)((uintptr_t)from & ~(uintptr_t)(WORD - 1));
	uint64_t *d = (uint64_t *)(void *)to, *end = d + n / WORD;
	uint64_t low = *s++ >> shift, high;

	while (d < end) {
		high = *s++;
		*d++ = low | high << (64 - shift);
		low = high >> shift;
	}
	return n / WORD * WORD;
}

/* Upwards; right for overlapping regions when `to` is below `from`. */
static void copy_up(uint8_t *to, const uint8_t *from, size_t n)
{
	const uint8_t *end = from + n;

	if (((uintptr_t)to ^ (uintptr_t)from) % WORD == 0) {
		while (from < end && (uintptr_t)from % WORD)
			*to++ = *from++;
		for (; (size_t)(end - from) >= 4 * WORD;
		     from += 4 * WORD, to += 4 * WORD) {
			const uint64_t *s =
				(const uint64_t *)(const void *)from;
			uint64_t *d = (uint64_t *)(void *)to;
			uint64_t a = s[0], b = s[1], c = s[2], e = s[3];

			d[0] = a;
			d[1] = b;
			d[2] = c;
			d[3] = e;
		}
		for (; (size_t)(end - from) >= WORD; from += WORD, to += WORD)
			*(uint64_t *)(void *)to =
				*(const uint64_t *)(const void *)from;
	} else if (n >= 4 * WORD) {
		while ((uintptr_t)to % WORD)
			*to++ = *from++;
		n = copy_shifted(to, from, (size_t)(end - from));
		to += n;
		from += n;
	}
	while (from < end)
		*to++ = *from++;
}

/* Downwards, from the ends; right when `to` is above `from`. */
static void copy_down(uint8_t *to, const uint8_t *from, size_t n)
{
	const uint8_t *start = from;

	from += n;
	to += n;
	if (((uintptr_t)to ^ (uintptr_t)from) % WORD == 0) {
		while (from > start && (uintptr_t)from % WORD)
			*--to = *--from;
		while ((size_t)(from - start) >= WORD) {
			from -= WORD;
			to -= WORD;
			*(uint64_t *)(void *)to =
				*(const uint64_t *)(const void *)from;
		}
	}
	while (from > start)
		*--to = *--from;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	copy_up(to, from, n);
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	if ((uintptr_t)to - (uintptr_t)from >= n)
		copy_up(to, from, n);
	else
		copy_down(to, from, n);
	return to;
}
