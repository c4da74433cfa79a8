/* See <lib/cpio.h>. */
#include <string.h>

#include <lib/bits.h>
#include <lib/cpio.h>
#include <lib/errno.h>

#define MAGIC  6u /* digits: 070701, or 070702 with sums */
#define DIGITS 8u /* of each number */

/* Numbers of the header that we use, by place. */
enum {
	NUMBER = 0,
	MODE = 1,
	NAMES = 4,
	MTIME = 5,
	SIZE = 6,
	MAJOR = 7,
	MINOR = 8,
	NAME_SIZE = 11,
	SUM = 12,
	NUMBERS = 13
};

_Static_assert(MAGIC + NUMBERS * DIGITS == CPIO_HEADER, "header");

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool number(const uint8_t *p, uint32_t *out)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < DIGITS; i++) {
		int d = digit(p[i]);

		if (d < 0)
			return false;
		n = n << 4 | (uint32_t)d;
	}
	*out = n;
	return true;
}

int cpio_header(const void *p, struct cpio_header *h)
{
	const uint8_t *byte = p;
	uint32_t n[NUMBERS];

	if (memcmp(byte, "07070", MAGIC - 1) != 0 ||
	    (byte[MAGIC - 1] != '1' && byte[MAGIC - 1] != '2'))
		return -EINVAL;
	for (unsigned i = 0; i < NUMBERS; i++)
		if (!number(byte + MAGIC + i * DIGITS, &n[i]))
			return -EINVAL;
	if (!n[NAME_SIZE] || n[NAME_SIZE] > CPIO_NAME_MAX)
		return -EINVAL;
	*h = (struct cpio_header){
		.mode = n[MODE],
		.number = n[NUMBER],
		.device = (uint64_t)n[MAJOR] << 32 | n[MINOR],
		.names = n[NAMES],
		.mtime = n[MTIME],
		.size = n[SIZE],
		.name_size = n[NAME_SIZE],
		.sum = n[SUM],
		.has_sum = byte[MAGIC - 1] == '2',
	};
	h->data = align_up(CPIO_HEADER + (uint64_t)h->name_size, 4);
	h->next = align_up(h->data + h->size, 4);
	return 0;
}

bool cpio_is_end(const char *name, uint32_t name_size)
{
	static const char end[] = "TRAILER!!!";

	/* There may be more NULs: some pad names. */
	return name_size >= sizeof(end) && !memcmp(name, end, sizeof(end));
}

static uint32_t sum(const uint8_t *p, uint32_t n)
{
	uint32_t total = 0;

	while (n--)
		total += *p++;
	return total;
}

int cpio_next(const void *archive, uint64_t size, uint64_t *at,
	      struct cpio_entry *e)
{
	const uint8_t *p = (const uint8_t *)archive + *at;
	struct cpio_header h;
	const char *name;

	if (*at > size || size - *at < CPIO_HEADER)
		return -ERANGE;
	if (cpio_header(p, &h))
		return -EINVAL;
	/* Padding behind the last entry may be missing. */
	if (size - *at < h.data + h.size)
		return -ERANGE;
	name = (const char *)p + CPIO_HEADER;
	if (name[h.name_size - 1])
		return -EINVAL;
	*at = min_u64(*at + h.next, size);
	if (cpio_is_end(name, h.name_size))
		return 0;
	*e = (struct cpio_entry){
		.name = name,
		.data = p + h.data,
		.header = h,
		.mode = h.mode,
		.size = h.size,
		.damaged = h.has_sum && sum(p + h.data, h.size) != h.sum,
	};
	return 1;
}
