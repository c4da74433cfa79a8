/*
 * Getting out of the way: RAM that the kernel lives in (image, stacks, page tables,
 * objects, the device tree: whatever there is in it) is copied elsewhere, all
 * page tables say so, and the RAM itself is nobody's for a while. Then back.
 *
 * A block is 2 MiB, aligned. Addresses of the kernel do not change: what was seen at
 * virtual address v is at v all the time, its frames are other ones. Numbers of frames
 * (page_to_phys, virt_to_phys, struct page) go on naming where things belong, so
 * nothing may be allocated or freed meanwhile, and no device may know the frames.
 *
 *	spare	a free block of page_alloc(9), tested before: where it all goes
 *	window	addresses through which the block can be reached meanwhile
 *
 * All other harts wait inside, with interrupts off; they can be given work.
 */
#pragma once

#include <kernel/cpu.h>
#include <lib/range.h>
#include <mm/kmap_move.h>

#define DISPLACE_BLOCK KMAP_MOVE_SIZE

/* Why RAM can't be displaced: a word for logs ("firmware", "no-map", "reserved",
 * "dma", "bad", "late-hart", ...), or NULL if it can. `block` may have parts of
 * several kinds: then *part is the first run of bytes from block.start on for which
 * the answer holds. */
const char *displace_refuses(struct range block, struct range *part);

struct displace {
	struct range block; /* 2 MiB of physical addresses, aligned */
	paddr_t spare;	    /* the block to live in meanwhile */
	cpumask_t harts;    /* those that displace_spread() calls; the caller's
			     * among them */
	/* Called on the calling hart, interrupts on, while the block is free for
	 * tests; `view` is its first byte. */
	void (*run)(void *arg, volatile uint64_t *view);
	void *arg;
};

/*
 * Do it: copy, switch, run, copy back, switch back. Parts of the block that are
 * no RAM of the kernel's (displace_refuses) stay, and `view` does not show
 * them. Returns 0, or without any effect -EBUSY (a device has memory lent), -EINVAL, -ENOMEM, -EIO (the copy is
 * never what was copied: one of the two is bad). No spinlock held; interrupts on.
 */
int displace(const struct displace *d);

/*
 * In run(), on all harts: nothing is allocated or freed, mapped or unmapped, lent to a
 * device; no smp_call(). No address but the view's leads to the block, so no cache
 * gets lines of it but by the view.
 */

/* Inside run(): call fn(ctx, i) on each of d->harts, i from 0 up (0 is the calling
 * hart), at the same time; return when all have. */
void displace_spread(void (*fn)(void *ctx, unsigned i), void *ctx);

/* Is a block displaced right now? For assertions. */
bool displaced(void);

/* Times that blocks were displaced, ever. */
uint64_t displace_count(void);
