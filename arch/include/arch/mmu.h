/*
 * The effects of virtual memory on the hart: which tables it walks, and what it
 * remembers of them. Only numbers go in; the tables are built by mm/.
 */
#pragma once

#include <kernel/types.h>
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

/*
 * Make device registers readable and writable in the boot tables, until others
 * are activated. Once. NULL if they span two aligned 2 MiB blocks, or no
 * entry can hold their address.
 */
volatile void *arch_mmu_early_device(struct range registers);

/* From now on this hart walks the tables at `root`. They must map the image and
 * the stack in use where they are now. Nothing of the earlier tables is
 * remembered. */
void arch_mmu_activate(paddr_t root, unsigned levels);

/*
 * Forget what this hart remembers of one page, or of everything. Needed after
 * every change of an entry that maps or mapped something, and, since entries
 * that map nothing may be remembered too, after new ones. For the page: only
 * of its leaf; a change of an entry that points or pointed to a table needs
 * arch_tlb_flush_all.
 */
void arch_tlb_flush_page(vaddr_t va);
void arch_tlb_flush_all(void);
