/*
 * Virtio devices, and what their drivers have in common: the registers by which
 * a device is set up (drivers/virtio_mmio.c) and the queues by which it gets its
 * work (drivers/virtqueue.c).
 *
 * Nothing that a device says is believed before it is checked, registers and
 * rings alike. One that says what can't be is broken: virtio_break() notes why,
 * from then on its queues take and give nothing, and whoever waits for it calls
 * virtio_stop().
 *
 * Source: Virtual I/O Device (VIRTIO) Version 1.2, OASIS; "the specification" in
 * the files.
 */
#pragma once

#include <drivers/device.h>
#include <kernel/spinlock.h>

/* Feature bits of all devices; low ones are of each kind of device. */
#define VIRTIO_F_VERSION_1	 ((uint64_t)1 << 32)
#define VIRTIO_F_ACCESS_PLATFORM ((uint64_t)1 << 33)

/* Why it interrupted: virtio_interrupt(). */
#define VIRTIO_INT_QUEUE  1u
#define VIRTIO_INT_CONFIG 2u

struct virtio {
	struct device *device;
	struct mmio *regs;
	unsigned version;   /* 1: "legacy" */
	uint32_t id;	    /* what it is */
	uint64_t features;  /* that both sides have */
	const char *broken; /* what it did wrong; NULL: nothing so far (a) */
	bool stopped;	    /* it was reset: memory is ours again */
	void *driver;	    /* of the device's own driver */
};

/* A driver for one kind of virtio device. */
struct virtio_driver {
	uint32_t id;
	int (*probe)(struct virtio *v); /* as struct driver's */
	void (*remove)(struct virtio *v);
};

extern const struct virtio_driver virtio_blk, virtio_rng;

/* Steps of probe(), in this order: features; queues; then it may work. 0, or an
 * error that is noted by device_fail(). */
int virtio_negotiate(struct virtio *v, uint64_t wanted);
void virtio_ready(struct virtio *v);

/* `n` words of the device's own configuration from byte `at` on, a multiple of 4,
 * all from one moment. 0, or an error that is noted. */
int virtio_config(struct virtio *v, unsigned at, uint32_t *words, unsigned n);

/* By its interrupt handler: why, taken back; 0: it was not this device. */
uint32_t virtio_interrupt(struct virtio *v);

/* The first thing that it did wrong; a sentence. Any context. */
void virtio_break(struct virtio *v, const char *why);
const char *virtio_broken(struct virtio *v); /* NULL: it works; looks, too */

/* Reset it, once. v->stopped then tells whether it let itself be reset; if not,
 * it may still write to memory that it was given. Any context. */
void virtio_stop(struct virtio *v);

/* Coherent memory that is given back after the device is stopped, and stays for
 * ever where that failed. NULL, noted: none. */
void *virtio_memory(struct virtio *v, size_t size, dma_addr_t *bus);

/* Note why dma_alloc() or dma_map() failed; returns err. */
int virtio_no_memory(struct virtio *v, int err);

/* --- queues --- */

#define VIRTQ_MAX 64 /* descriptors of a queue, at most */

struct virtq_rings;

/*
 * The lock is the driver's, too: the functions below want it held, interrupts off, if
 * they do not say something else. What is here is not in reach of the device (l).
 */
struct virtqueue {
	struct virtio *device;	   /* (c) */
	struct spinlock lock;	   /* LOCK_DEVICE */
	unsigned index, size;	   /* (c) */
	struct virtq_rings *rings; /* (c) */
	bool quiet;		   /* virtq_quiet() (a) */
	unsigned nfree;		   /* descriptors */
	unsigned busy;		   /* chains that the device has */
	uint16_t first;		   /* free one, if there is one */
	uint16_t published, seen;  /* counts of chains; wrap */
	struct {
		uint16_t next; /* in the chain, or of those that are free */
		uint16_t
			length; /* of the chain that begins here; 0: none does */
		uint32_t room;	/* bytes that the device may write in it */
		void *token;
	} chain[VIRTQ_MAX];
};

/* Set queue number `index` up, with at least `least` descriptors. 0, or an error
 * that is noted. */
int virtq_init(struct virtqueue *q, struct virtio *v, unsigned index,
	       unsigned least);

struct virtq_piece {
	dma_addr_t bus;
	uint32_t size;
	bool device_writes; /* such pieces come last */
};

/* Give the device a chain of n > 0 pieces. 0; -EAGAIN: no room now;
 * -EIO: it is broken. `token` is not NULL. */
int virtq_add(struct virtqueue *q, const struct virtq_piece *piece, unsigned n,
	      void *token);

/* Tell the device that there are new chains. Without the lock: it may take long. */
void virtq_notify(struct virtqueue *q);

/* The token of a chain that the device is done with, and the bytes that it says
 * it wrote; NULL: there is none now. */
void *virtq_get(struct virtqueue *q, uint32_t *written);

/* Is there something to get? */
bool virtq_pending(const struct virtqueue *q);

/* Ask the device not to interrupt for this queue; it may do so nevertheless. Not
 * quiet any more, it interrupts for what comes from now on: look for what came
 * before. */
void virtq_quiet(struct virtqueue *q, bool quiet);

/* --- waiting --- */

/* A wait that has an end, with a clock or without. */
struct virtio_wait {
	uint64_t start, ticks;
	uint64_t turns; /* how often to ask, if time may stand still */
};

struct virtio_wait virtio_wait_for(uint64_t us);
bool virtio_wait_over(struct virtio_wait *w);

/* One turn: sleep for `us`, or until an interrupt comes; if that can't be, a
 * moment. No spinlock held. */
void virtio_wait_turn(uint64_t us);
