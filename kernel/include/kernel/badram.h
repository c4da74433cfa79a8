/*
 * Bad RAM: frames that failed a test. They are retired: the page allocator does
 * not have them any more. The list survives a restart of the machine where memory
 * does (it is kept in RAM itself), and can be told to other systems.
 *
 * Context: as page_alloc() without ALLOC_ATOMIC; what changes the list, one hart at
 * a time.
 */
#pragma once

#include <kernel/types.h>
#include <lib/range.h>

enum badram_state {
	BADRAM_RETIRED, /* taken out of the allocator, for ever */
	BADRAM_IN_USE,	/* the kernel lives in it: retired when it becomes free,
			 * and at the next start */
};

/* Is it all RAM that a kernel can have: not firmware's, not kept from being mapped? An
 * empty range is not. */
bool badram_is_ram(struct range r);

/* These frames of RAM (bytes, whole frames, not empty) are bad. The state is that of
 * the worst. What is known already changes nothing. */
enum badram_state badram_add(struct range r);

/* All that is known: ranges of frames (as bytes), rising, none touching. Returns
 * how many; *ranges is constant until the next call that changes the list. */
unsigned badram_ranges(const struct range **ranges);
bool badram_has(pfn_t pfn);

/* Is all of it retired? What is not will be when it is freed. */
enum badram_state badram_state(struct range r);

/* These frames are good after all: those that were retired since the start are
 * free again, others are at the next one. False: there was no memory to split a
 * range, which stays. */
bool badram_forget(struct range r);

/* What other systems want: a reserved-memory node (ready for a device tree's
 * source), Linux' memmap=, U-Boot commands that add the node. */
enum badram_format { BADRAM_DTS, BADRAM_MEMMAP, BADRAM_UBOOT };
void badram_print(enum badram_format f);

/* The same, line by line, without newlines. */
void badram_each_line(enum badram_format f,
		      void (*line)(void *ctx, const char *text), void *ctx);

/*
 * Boot. What the last run left in RAM, unless badram=off says not to look:
 * badram_recall() marks the frames as REGION_BAD in the map of RAM, before anything
 * is taken from it, with the boot tables in use. badram_start() makes the list,
 * once there is kmalloc(), and adds what badram=START+SIZE,... says.
 */
struct memblock;
void badram_recall(struct memblock *mb);
void badram_start(void);
