/*
 * A model of a virtio device behind registers in memory, written from the
 * specification ("Virtual I/O Device (VIRTIO) Version 1.2", 2.7, 4.2, 5.2, 5.4),
 * not from the drivers. It is a disk or gives random numbers, is of version 1 or 2,
 * and can misbehave in many ways. What the driver does wrong is a failure of the
 * test.
 *
 * It gets time when its registers are accessed: then it looks at its queue, works,
 * and interrupts the hart, if interrupts are on. A driver that waits looks at its
 * registers now and then.
 */
#pragma once

#include <asm/io.h>
#include <kernel/irq.h>
#include <lib/rng.h>

/* Ways to be wrong: from the start ... */
#define WRONG_MAGIC	 (1u << 0)
#define WRONG_VERSION	 (1u << 1)
#define WRONG_EMPTY	 (1u << 2) /* the slot is */
#define WRONG_KIND	 (1u << 3)
#define WRONG_FEATURES	 (1u << 4) /* FEATURES_OK does not stay */
#define WRONG_NOT_1	 (1u << 5) /* version 2 without VERSION_1 */
#define WRONG_NO_QUEUE	 (1u << 6)
#define WRONG_HUGE_QUEUE (1u << 7)
#define WRONG_IN_USE	 (1u << 8) /* the queue is, after the reset */
#define WRONG_CONFIG	 (1u << 9) /* it changes at each look */
#define WRONG_CAPACITY	 (1u << 10)
#define WRONG_BLOCK	 (1u << 11)
#define WRONG_SEGMENT	 (1u << 12)
/* ... and when it has completed `good` requests: */
#define WRONG_ID	  (1u << 13) /* completes a number that can't be */
#define WRONG_FREE_ID	  (1u << 14) /* one that it does not have */
#define WRONG_TWICE	  (1u << 15) /* one that it has completed */
#define WRONG_AHEAD	  (1u << 16) /* counts more than it has completed */
#define WRONG_LENGTH	  (1u << 17) /* wrote more than there is room for */
#define WRONG_NEEDS_RESET (1u << 18)
#define WRONG_OUTCOME	  (1u << 19) /* says that it failed */
#define WRONG_SILENT	  (1u << 20) /* completes, without an outcome */
#define WRONG_NO_ANSWER	  (1u << 21)
#define WRONG_NO_IRQ	  (1u << 22)
#define WRONG_STORM	  (1u << 23) /* interrupts without end */
#define WRONG_NO_RESET	  (1u << 24) /* can't be reset, from then on */
#define WRONG_NOTHING	  (1u << 25) /* gives random numbers: none */

#define VIRTIO_MODEL_QUEUE 256 /* the largest queue that it has */

struct virtio_model {
	/* Set before virtio_model_start(): */
	uint64_t pa;	  /* of the registers */
	unsigned version; /* 1 or 2 */
	uint32_t id;	  /* 2: a disk; 4: random numbers */
	uint32_t queue_most;
	uint64_t features; /* of its kind */
	struct irq_chip *chip;
	unsigned line; /* of the chip */
	uint8_t *disk;
	uint64_t sectors;
	uint32_t block, segment; /* bytes */
	unsigned wrong, good;
	unsigned delay;	   /* looks until a request is done, at most */
	bool out_of_order; /* requests are done in any */
	struct rng rng;
	/* What another hart does meanwhile: called now and then, as long as it is
	 * not NULL. */
	void (*elsewhere)(struct virtio_model *m);

	/* What was seen. */
	uint64_t completed, interrupts;

	/* private: */
	struct io_model io;
	uint32_t status, interrupt, features_sel, driver_sel, queue_sel;
	uint32_t page_size, align, num, ready, generation;
	uint64_t accepted, desc, avail, used;
	uint16_t seen, count; /* of the available ring; of the used ring */
	uint16_t flying[VIRTIO_MODEL_QUEUE];
	unsigned age[VIRTIO_MODEL_QUEUE];
	unsigned nflying;
	uint32_t last_id;
	bool busy; /* at work */
};

/* Be there, from now on, as if just switched on. */
void virtio_model_start(struct virtio_model *m);
void virtio_model_end(struct virtio_model *m);

/* Has it a queue, so that it may access memory? */
bool virtio_model_works(const struct virtio_model *m);

/* Complete something that it was never given. */
void virtio_model_makes_up(struct virtio_model *m);

/* Is its line raised? */
bool virtio_model_asks(const struct virtio_model *m);
