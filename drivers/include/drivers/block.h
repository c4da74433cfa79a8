/*
 * Disks: named devices that read and write sectors of 512 bytes.
 *
 *	struct block_device *b = block_get("vda");
 *
 *	err = block_read(b, 0, 8, buf);
 *	block_put(b);
 *
 * Calls wait until the device is done, and every wait has an end. No spinlock
 * held, not in an interrupt. Any number of harts at a time.
 *
 * A disk whose driver goes is gone from the list at once, and calls fail with
 * -ENODEV; the structure stays until the last block_put().
 */
#pragma once

#include <drivers/device.h>

#define SECTOR_SIZE 512u

struct block_device;

/* A driver's functions. Ranges are checked before. */
struct block_ops {
	/* `count` > 0 sectors from or to `buf`: 0 or an error. */
	int (*transfer)(struct block_device *b, uint64_t sector, uint64_t count,
			void *buf, bool write);
	int (*flush)(struct block_device *b);
};

struct block_device {
	char name[8];	       /* (c) */
	struct device *device; /* (c) */
	const struct block_ops *ops;
	void *driver;
	uint64_t sectors; /* (c) */
	unsigned block; /* bytes: what it reads and writes is whole ones (c) */
	bool read_only; /* (c) */
	bool has_interrupt; /* (c) */
	bool polling;	    /* it is asked, and does not tell; may be set (a) */
	uint64_t requests, errors, interrupts; /* ever (a) */
	/* private: */
	struct list link;
	unsigned refs, calls;
	bool gone;
};

/*
 * Read or write `count` sectors at `sector`; `buf` is memory of the direct map (from
 * page_alloc, kmalloc). 0, or
 *	-ERANGE	not all of it is on the disk
 *	-EINVAL	no sectors, no whole blocks, or other memory
 *	-EACCES	it is read-only
 *	-ENODEV	it is gone
 *	-EIO	the device says so, or is broken
 *	-ETIMEDOUT	no answer; the device is out of use from then on
 *	-ENOMEM	no bounce buffer
 * An error leaves some of `buf`, or of the disk, written.
 */
int block_read(struct block_device *b, uint64_t sector, uint64_t count,
	       void *buf);
int block_write(struct block_device *b, uint64_t sector, uint64_t count,
		const void *buf);

/* What was written is on the medium when this returns 0. */
int block_flush(struct block_device *b);

/* The disk of that name, held; NULL: there is none. */
struct block_device *block_get(const char *name);
void block_put(struct block_device *b);

/* The disk after `b`, NULL for the first one, held; `b` is put. NULL: that was the
 * last. */
struct block_device *block_next(struct block_device *b);

/* By a driver's probe(): a zeroed disk, held, to be filled in; NULL: no memory. It
 * is put when the device has given back all that it got later. */
struct block_device *block_create(struct device *d);

/* Name it (`prefix` and a letter) and list it. 0, or -ENOSPC. */
int block_add(struct block_device *b, const char *prefix);

/* By a driver's remove(): take it from the list, and wait for calls that are under
 * way: they end, as every wait of a driver does. */
void block_remove(struct block_device *b);
