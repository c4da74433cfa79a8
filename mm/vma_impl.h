/* Inside the VMA map: what vma.c and vma_change.c share. */
#pragma once

#include <mm/vma.h>

/* v has other addresses, its offset follows; no gap is touched. */
void vma_set_range(struct vma *v, struct range va);

/* `gone` leaves the map, and its neighbour, which it touches, has its addresses. */
void vma_absorb(struct vma_map *m, struct vma *keep, struct vma *gone);
