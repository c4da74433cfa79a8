/*
 * Debugging of page frames, off unless somebody wants it: who allocated and who
 * freed each block, and poison in free frames that tells of writes to them. It
 * costs 8 bytes a frame while on, and the harts' caches of frames are bypassed.
 * Switched by `pageowner` at the console and by page_debug= at boot.
 */
#pragma once

#include <mm/bug.h>
#include <mm/page.h>

enum {
	PAGE_DEBUG_OWNER = 1u << 0,
	PAGE_DEBUG_POISON = 1u << 1, /* implies owner */
};

/* Blocks that are handed out, or free, at this time have no record. Returns 0 or
 * -ENOMEM, with nothing changed. No spinlock held. */
int page_debug_set(unsigned flags);
unsigned page_debug(void);

/* What is known of the frame; false: nothing. Any number will do. */
bool page_debug_get(pfn_t pfn, struct alloc_track *allocated,
		    struct alloc_track *freed);

/* For page_alloc.c: a block was handed out or is freed, by `pc`. Called with
 * page debugging on, outside of locks that need an order. */
void page_debug_alloced(struct page *p, unsigned order, uintptr_t pc);
void page_debug_freed(struct page *p, unsigned order, uintptr_t pc);
