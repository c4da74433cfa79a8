/* Inside the VMA map: what vma.c and vma_change.c share. */
#pragma once

#include <mm/vma.h>

/* v has other addresses, its offset follows; no gap is touched. */
void vma_set_range(struct vma *v, struct range va);

/* v leaves the tree; no gap is touched, but the sums above it are true. */
void vma_take_out(struct vma_map *m, struct vma *v);
