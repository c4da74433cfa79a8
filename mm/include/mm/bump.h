/*
 * The first allocator: takes memory out of the map of RAM and never gives it
 * back. It lives until the page allocator takes over what it left.
 */
#pragma once

#include <mm/memblock.h>

struct bump {
	struct memblock *mb;
	struct range bounds; /* allocate only inside */
	bool top_down;	     /* highest address first */
	bool retired;
};

#define BUMP_NONE UINT64_MAX /* no address: bump_alloc failed */

/* Allocate from `mb`, anywhere, lowest address first; change the fields for
 * other wishes. */
void bump_init(struct bump *b, struct memblock *mb);

/*
 * `size` bytes (> 0), aligned to `align` (a power of two), accounted to `type`.
 * The contents are undefined. Returns the address, or BUMP_NONE when there is
 * no such room (or no room in the map for one more region); then nothing was
 * changed. Must not be called once retired.
 */
paddr_t bump_alloc(struct bump *b, uint64_t size, uint64_t align,
		   enum region_type type);

/*
 * End of allocation. Calls `give` with each free range, lowest first: whole
 * frames, and all of them. What is less than a frame becomes reserved. Returns
 * 0, or -ENOSPC (as memblock_trim).
 */
int bump_retire(struct bump *b, void (*give)(void *ctx, struct range free),
		void *ctx);
