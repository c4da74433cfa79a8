/*
 * Where everything lies in the kernel's half of the address space.
 *
 * The top 256 GiB are the kernel half of Sv39, and part of it in Sv48 and Sv57
 * too, so one map serves all three; only the direct map moves down to where
 * the larger modes have more room.
 *
 *	Sv39			size	what
 *	ffffffc000000000	128 GiB	direct map of RAM (Sv48: from
 *					ffff800000000000; Sv57: ff00000000000000)
 *	ffffffe000000000	 64 GiB	page_map: struct page of frame 0, 1, ...
 *	fffffff000000000	 62 GiB	arena: the boot hart's stacks; up to 1 GiB,
 *					whoever maps where it wants (tests);
 *					vmalloc, windows, stacks
 *	ffffffff80000000	  1 GiB	the kernel image
 *	ffffffffc0000000	  1 GiB	fixed windows: device tree, early devices
 *	fffffffffffff000	  4 KiB	never mapped, so that no range's end wraps
 *
 * Physical address p of RAM is at p + direct_map_offset.
 */
#pragma once

#include <kernel/types.h>
#include <lib/bits.h>

#define DIRECT_MAP_SV39 0xffffffc000000000u
#define DIRECT_MAP_SV48 0xffff800000000000u
#define DIRECT_MAP_SV57 0xff00000000000000u
#define DIRECT_MAP_END	0xffffffe000000000u /* Sv39; others: .c000000000 */
#define PAGE_MAP_BASE	0xffffffe000000000u
#define PAGE_MAP_END	0xfffffff000000000u
#define ARENA_BASE	0xfffffff000000000u
#define ARENA_END	0xffffffff80000000u
#define VMALLOC_BASE	0xfffffff040000000u /* what is below: see above */
#define IMAGE_BASE	0xffffffff80000000u /* where kernel.ld links it */
#define IMAGE_END	0xffffffffc0000000u
#define FIXED_BASE	0xffffffffc0000000u
#define FIXED_END	0xfffffffffffff000u

/* Set once, before the first use of phys_to_virt. */
extern uint64_t direct_map_offset;

/* The direct map's address of a frame of RAM. Not for device registers, not for
 * the image, not for no-map memory: none of these are in the direct map. */
static inline void *phys_to_virt(paddr_t p)
{
	return (void *)(uintptr_t)(p + direct_map_offset);
}

/* The inverse: only for pointers that came from phys_to_virt. */
static inline paddr_t virt_to_phys(const void *v)
{
	return (paddr_t)(uintptr_t)v - direct_map_offset;
}
