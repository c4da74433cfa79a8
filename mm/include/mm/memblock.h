/*
 * The map of physical memory: which RAM there is and who holds it.
 *
 * A struct memblock is a partition: sorted, disjoint regions, neighbours of one
 * type merged, each byte of RAM in exactly one region with exactly one type. So
 * the account of memory adds up by construction. It is pure interval
 * arithmetic on numbers and touches no memory but its own.
 *
 * No locking: it is written during boot by one hart, and read afterwards.
 */
#pragma once

#include <kernel/types.h>
#include <lib/range.h>

/* Who holds a region. Where two claim the same byte, the higher value wins. */
enum region_type {
	REGION_FREE,	 /* usable RAM; after boot: the page allocator's */
	REGION_BAD,	 /* failed a test in an earlier run: nobody's */
	REGION_RESERVED, /* by the device tree, or less than a page */
	REGION_INITRD,
	REGION_FDT,
	REGION_NOMAP,	 /* reserved, and must not even be mapped */
	REGION_FIRMWARE, /* what M-mode lives in; not mapped */
	REGION_METADATA, /* the page map and the allocators' own data */
	REGION_TABLES,	 /* page tables */
	REGION_STACK,	 /* kernel stacks */
	REGION_INIT,	 /* boot-only part of the image */
	REGION_TESTS,	 /* tests, in the image */
	REGION_KERNEL,	 /* the image */
	REGION_TYPES,
};

#define MEMBLOCK_MAX 192

struct region {
	struct range range; /* bytes */
	enum region_type type;
};

struct memblock {
	unsigned n;
	struct region region[MEMBLOCK_MAX];
};

/* The name of a type, as it is printed. */
const char *region_type_name(enum region_type type);

/*
 * Add RAM. What is new becomes REGION_FREE, what is known stays as it is. Empty
 * ranges are fine. Returns 0, or -ENOSPC when there is no room for so many
 * regions: then nothing was changed.
 */
int memblock_add(struct memblock *mb, struct range range);

/* Forget RAM in `range`, whatever its type. As memblock_add otherwise. */
int memblock_remove(struct memblock *mb, struct range range);

/*
 * Give the RAM in `range` to `type`, except where a higher type holds it. What
 * is no RAM is passed over. As memblock_add otherwise.
 */
int memblock_claim(struct memblock *mb, struct range range,
		   enum region_type type);

/* Turn RAM of type `from` in `range` into type `to`, whatever their order. */
int memblock_retype(struct memblock *mb, struct range range,
		    enum region_type from, enum region_type to);

/*
 * Find `size` free bytes, aligned to `align` (a power of two), inside `bounds`:
 * the lowest such address, or the highest if `top_down`. Returns whether there
 * is one; `*at` is set only then. size > 0.
 */
bool memblock_find(const struct memblock *mb, uint64_t size, uint64_t align,
		   struct range bounds, bool top_down, paddr_t *at);

/* The region that holds `at`, or NULL when that is no RAM. */
const struct region *memblock_at(const struct memblock *mb, paddr_t at);

/* Bytes of one type, and of all RAM. */
uint64_t memblock_bytes(const struct memblock *mb, enum region_type type);
uint64_t memblock_total(const struct memblock *mb);

/* From the lowest byte of RAM to the end of the highest; empty without RAM. */
struct range memblock_span(const struct memblock *mb);

/* Reserve the parts of free regions that are no whole pages, so that every
 * free region is made of frames. As memblock_add otherwise. */
int memblock_trim(struct memblock *mb);

/* Is the partition sound: sorted, disjoint, no empty region, neighbours merged?
 * For tests and debug builds. */
bool memblock_check(const struct memblock *mb);
