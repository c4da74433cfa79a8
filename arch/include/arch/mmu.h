/*
 * The effects of virtual memory on the hart: which tables it walks, and what it
 * remembers of them. Only numbers go in; the tables are built by mm/.
 */
#pragma once

#include <asm/fence.h>
#include <kernel/cpu.h>
#include <lib/range.h>

/* Smallest and largest number of levels that there can be. */
#define MMU_MIN_LEVELS 3
#define MMU_MAX_LEVELS 5

/*
 * The numbers of levels that this hart can walk, found by trying: bit n for n
 * levels. Only while the boot tables are in use.
 */
unsigned arch_mmu_modes(void);

/*
 * Make the page frames `frames` (bytes, inside one aligned 2 MiB block) readable
 * and writable at `va` and up, in the boot tables, and go on with `levels` of
 * them. Once, and only while they are in use.
 */
void arch_mmu_early_window(unsigned levels, vaddr_t va, struct range frames);

/* Make a page frame readable in the boot tables, in place of the one of the last
 * call, until others are activated. NULL if no entry can hold its address. */
const void *arch_mmu_early_look(paddr_t frame);

/*
 * Make device registers readable and writable in the boot tables, until others
 * are activated. Once. NULL if they span two aligned 2 MiB blocks, or no
 * entry can hold their address.
 */
volatile void *arch_mmu_early_device(struct range registers);

/* From now on this hart walks the tables at `root`, as address space 0. They
 * must map the image and the stack in use where they are now. Nothing of the
 * earlier tables is remembered. */
void arch_mmu_activate(paddr_t root, unsigned levels);

/*
 * The same for address space `asid`, below 2^arch_asid_bits(), but nothing is
 * fenced: what the hart remembers of that space, and of the space before if
 * both have one number, it goes on using. Only mm/tlb.c calls it.
 */
void arch_mmu_switch(paddr_t root, unsigned levels, unsigned asid);

/* Bits of an address space number that this hart keeps: 0 (all spaces are one
 * to it) to 16. Found by trying, once, by the boot hart. */
unsigned arch_asid_bits(void);

#define ASID_ANY UINT32_MAX

/*
 * What to forget. A hart may remember entries of any level, those that map
 * nothing too, and an earlier content of an entry until it is told to forget.
 *
 * With a range: only leaves in it, one every `step` bytes (the smallest leaf
 * that is or was there); what points to tables stays remembered. With an empty
 * range: everything. Of one address space: all but its global entries. Of
 * ASID_ANY: of all spaces, and global entries.
 */
struct tlb_fence {
	struct range va; /* whole pages */
	uint64_t step;
	unsigned asid;
};

/* This hart forgets; and its later walks see all stores before this call. */
void arch_tlb_fence(const struct tlb_fence *f);

/* The same for the leaf of one page of an address space, and for all of a space
 * (<asm/fence.h>). */
static inline void arch_tlb_fence_page(vaddr_t va, unsigned asid);
static inline void arch_tlb_fence_space(unsigned asid);

/*
 * These harts, all online and not this one, forget, and have when this returns;
 * their later walks see what this hart stored before. Takes no lock and needs
 * none of them to have interrupts on. More may be forgotten than was asked for.
 * Returns 0, or -EIO when firmware refused, in whole or in part.
 */
int arch_tlb_fence_remote(const struct tlb_fence *f, cpumask_t cpus);

/* Everything, on this hart. */
static inline void arch_tlb_fence_all(void)
{
	arch_tlb_fence(&(struct tlb_fence){.asid = ASID_ANY});
}

/* Does this machine's hardware ignore fences with a range (errata)? */
bool arch_tlb_needs_full(void);

/* Instructions that this hart, or those harts, fetch from now on are those that
 * were stored before. Returns as arch_tlb_fence_remote(). */
void arch_icache_fence(void);
int arch_icache_fence_remote(cpumask_t cpus);
