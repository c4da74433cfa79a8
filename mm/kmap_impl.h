/* What the files of the kernel mapper share. */
#pragma once

#include <kernel/cpu.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/tlb.h>

#define KMAP_STACKS (2 * MAX_CPUS)

/* Stacks lie at the start of the arena. */
#define STACKS_END (ARENA_BASE + MIB(16))

/* In front of VMALLOC_BASE others map at addresses of their choice. Behind it are
 * first the small windows, whose tables are complete and permanent. */
#define WINDOWS_END (VMALLOC_BASE + MIB(4))

/* Fixed windows: first the device tree's, then device registers. */
#define FDT_WINDOW_SIZE MIB(4)
#define DEVICES_BASE	(FIXED_BASE + FDT_WINDOW_SIZE)

/* Map and unmap anything in the kernel's half, and flush: pgtable_map and
 * pgtable_unmap with their results. */
int kmap_add(struct range va, paddr_t pa, vm_prot_t prot, enum mem_attr attr);
int kmap_remove(struct range va);

/* pgtable_split and pgtable_join, and flush. */
int kmap_split(struct range va);
int kmap_join(struct range va);

/* Map blocks of page_alloc(), chained by page->link, one behind the other from
 * `va` on, readable and writable. All of them, or none and -ENOMEM. */
int kmap_add_blocks(vaddr_t va, const struct list *blocks);

/* Unmap what was mapped in one piece. The caller flushes. */
void kmap_unhook(struct range va, struct tlb_gather *g);

/* A window on these pages among the fixed ones, until there is an arena: its
 * address, or 0 when there is no room or no memory. Boot only; addresses are
 * used again once all windows are gone. */
vaddr_t kmap_fixed_map(struct range pages, enum mem_attr attr);
void kmap_fixed_unmap(struct range va);

/* Rights that a mapping of the kernel's may have: some, none of users, W^X. */
static inline bool kmap_allows(vm_prot_t prot)
{
	/* They are 1, 2, 4, 8: from W and X up, all have both or VM_USER. */
	return prot && prot < (VM_WRITE | VM_EXEC);
}

/* Have all tables that these addresses need, for ever. Returns 0, -ENOMEM, or
 * -EEXIST when something is mapped in the way. */
int kmap_reserve_tables(struct range va);

/* Is RAM of this kind in the direct map? */
bool kmap_shows(enum region_type type);

/* All stacks that kmap_stack() gave, for the audit. */
extern struct range kmap_stacks[KMAP_STACKS];
extern unsigned kmap_nstacks;
