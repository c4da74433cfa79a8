/*
 * A user address space's page tables: the lower half is its own, the upper half
 * is the kernel's, by the same entries in the root. VMAs come on top of it.
 */
#pragma once

#include <kernel/spinlock.h>
#include <mm/pgtable.h>
#include <mm/tlb.h>

struct umap {
	struct spinlock lock;
	struct pgtable pt; /* (l) */
	struct tlb_space tlb;
};

/* An empty one. Returns 0 or -ENOMEM. After kmap_init. */
int umap_init(struct umap *u);

/* Free all tables. No hart is in it, nor will be; memory that was mapped is the
 * caller's. */
void umap_destroy(struct umap *u);

/* The same where nothing is mapped: what there is may be kept for the next. */
void umap_keep(struct umap *u);

/*
 * As pgtable_map, _unmap, _protect on the user's half, with their results:
 * addresses of the kernel's half are -EINVAL. VM_USER is added. A map without any
 * other right is -EINVAL too; a protect hides. When they return, no hart uses an
 * earlier mapping or right. Any context. `unmapped`: see struct tlb_gather; may
 * be NULL; the lock is held.
 */
int umap_map(struct umap *u, struct range va, paddr_t pa, vm_prot_t prot,
	     enum mem_attr attr);
int umap_unmap(struct umap *u, struct range va,
	       void (*unmapped)(struct tlb_gather *g, const struct mapping *m));
int umap_protect(struct umap *u, struct range va, vm_prot_t prot);

bool umap_query(struct umap *u, vaddr_t va, struct mapping *m);

/* This hart goes on in this space, or in the kernel's alone (NULL). */
void umap_activate(struct umap *u);
