/*
 * Reader of cpio archives in the "newc" format, which initial RAM disks have: a
 * header of 13 numbers in hexadecimal digits, a name, data; and so on, up to an
 * entry called "TRAILER!!!". The archive comes from outside: every number is
 * checked before it is used. Pure.
 *
 * Source: cpio(5); Linux, "initramfs buffer format".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPIO_HEADER   110u  /* bytes */
#define CPIO_NAME_MAX 4096u /* bytes with the NUL; more is refused */

/* What a header says; places are bytes from its beginning. */
struct cpio_header {
	uint32_t mode;	 /* as stat's */
	uint32_t number; /* entries with the same, and `device`, are one file */
	uint64_t device;
	uint32_t names;	    /* how many that file has */
	uint32_t mtime;	    /* seconds since 1970 */
	uint32_t size;	    /* of the data */
	uint32_t name_size; /* with the NUL */
	uint32_t sum;	    /* of the bytes of data, if `has_sum` */
	bool has_sum;
	uint64_t data, next; /* where they begin; `next` is a multiple of 4 */
};

/* `p` has CPIO_HEADER bytes. 0, or -EINVAL: it is no header. */
int cpio_header(const void *p, struct cpio_header *h);

/* An entry; it points into the archive. */
struct cpio_entry {
	const char *name; /* ends in NUL */
	const void *data;
	struct cpio_header header;
	uint32_t mode, size; /* the header's */
	bool damaged;	     /* the sum in its header is not that of its data */
};

/*
 * The entry at *at, 0 for the first one. Returns 1, and *at is behind it; 0: that
 * is the end, and *at is behind that; -EINVAL: there is no entry; -ERANGE: it goes
 * beyond `size`. Errors leave *at.
 */
int cpio_next(const void *archive, uint64_t size, uint64_t *at,
	      struct cpio_entry *e);

/* Is this the name that ends an archive? Of a longer one, 11 bytes are enough. */
bool cpio_is_end(const char *name, uint32_t name_size);
