/*
 * A part of the kernel's addresses for guarded objects: its table is permanent
 * once it is there, so that its pages are mapped and unmapped without memory and
 * without the mapper's lock; the caller's covers them.
 */
#pragma once

#include <mm/kmap.h>
#include <mm/layout.h>

/* In Sv39 and others what one table of the last level maps. */
#define KMAP_PART_BASE (ARENA_BASE + MIB(512))
#define KMAP_PART_SIZE MIB(2)

/* Have the table. Returns 0 or -ENOMEM. No spinlock held. */
int kmap_part_init(void);

/* Map the page at `va`, readable and writable; unmap it, which all harts know
 * when this returns. */
int kmap_part_map(vaddr_t va, paddr_t pa);
void kmap_part_unmap(vaddr_t va);
