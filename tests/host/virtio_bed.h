/* A native machine with a virtio disk, a source of random numbers and an
 * interrupt controller, as a device tree has them. */
#pragma once

#include <drivers/block.h>

#include "virtio_model.h"

#define BED_SECTORS 2048

struct virtio_bed {
	struct virtio_model disk, rng;
	uint64_t reg_size;   /* what the tree says of the disk's registers */
	uint32_t interrupt;  /* and of its interrupt; 0: none */
	bool silent_console; /* messages are expected */
	bool keeps;	     /* the disk keeps its memory, in the end */
	char messages[4096];
};

/* The bed, of which there is one, as tests begin with it: two good devices of that
 * version. To be changed before virtio_bed_run(). */
struct virtio_bed *virtio_bed(unsigned version);

/* Run the test with the devices found, not bound; time runs at `hz` ticks of a
 * nanosecond in a second: so a small hz makes time fly. Time is simulated: it goes on
 * when it is looked at. When it ends, all is
 * unbound, and memory, claims and lines must be as before. */
void virtio_bed_run(struct virtio_bed *b, uint64_t hz,
		    void (*body)(struct virtio_bed *b));

struct device *bed_disk(void);
struct device *bed_rng(void);
