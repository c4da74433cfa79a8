/* cpio archives made by tests. */
#pragma once

#include <stdio.h>
#include <string.h>

#include <lib/bits.h>
#include <lib/cpio.h>

struct make_cpio {
	uint8_t *p; /* large enough */
	uint64_t size;
};

/* One entry; `number` and `names` as of a hard link. */
static inline void make_cpio_node(struct make_cpio *a, const char *name,
				  unsigned mode, const void *data, size_t size,
				  unsigned number, unsigned names)
{
	size_t n = strlen(name) + 1;

	sprintf((char *)a->p + a->size,
		"070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		number, mode, 0, 0, names, 0x12345678, (unsigned)size, 0, 0, 0,
		0, (unsigned)n, 0);
	a->size += CPIO_HEADER;
	memcpy(a->p + a->size, name, n);
	a->size = align_up(a->size + n, 4);
	if (size)
		memcpy(a->p + a->size, data, size);
	a->size = align_up(a->size + size, 4);
}

static inline void make_cpio(struct make_cpio *a, const char *name,
			     unsigned mode, const char *data)
{
	make_cpio_node(a, name, mode, data, strlen(data), 7, 1);
}

static inline void make_cpio_end(struct make_cpio *a)
{
	make_cpio(a, "TRAILER!!!", 0, "");
}
