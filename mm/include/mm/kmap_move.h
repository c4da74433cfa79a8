/*
 * Moving frames under the kernel's feet: what lies in 2 MiB of RAM is copied
 * elsewhere, and all entries of the kernel's tables name the copy. Addresses stay.
 */
#pragma once

#include <mm/pgtable.h>

#define KMAP_MOVE_SIZE	 MIB(2)
#define KMAP_MOVE_FRAMES (KMAP_MOVE_SIZE / PAGE_SIZE)

/* Here the frames can be seen where they are, whatever has moved: the first byte of
 * so many addresses that nobody else uses. */
#define KMAP_MOVE_WINDOW (ARENA_BASE + MIB(768))

struct kmap_move {
	paddr_t from, to; /* multiples of 2 MiB */
	/* What is at `from`, and what is at `to`, by addresses in `keep`. */
	uint8_t *seen, *copy;
	/* Virtual: leaves here stay as they are. The direct map of the one that is
	 * free, and the window on the other. */
	struct range keep[2];
	const uint64_t
		*pinned; /* bit n: frame n stays, and leaves that name it */
};

/*
 * Split leaves, so that none has frames that move and others. 0; -ENOMEM; -EINVAL:
 * leaves outside of `keep` name what is at `to`. No other hart changes the tables
 * from here on until all is over.
 */
int kmap_move_prepare(const struct kmap_move *m);

/*
 * Copy, and compare: where in `to` RAM does not hold what was stored, or
 * KMAP_MOVE_GOOD. From the first byte that is copied until no hart walks old entries,
 * nobody may store to `from`; nothing is stored by this and the next but to `to`,
 * and to entries in other frames.
 */
paddr_t kmap_move_copy(const struct kmap_move *m);
#define KMAP_MOVE_GOOD UINT64_MAX

/*
 * Then change the entries in whatever lies below `root`. Returns the root that names
 * the copy, which is `root` if that did not lie in `from`. At any time, in any mix
 * of old entries and new ones, all addresses show the same. Nothing is fenced.
 */
paddr_t kmap_move_entries(const struct kmap_move *m, paddr_t root,
			  unsigned levels);

/* Words of `from` that somebody stored to since the copy: there must be none. */
uint64_t kmap_move_strays(const struct kmap_move *m);

/* The inverse of a move. */
struct kmap_move kmap_move_back(const struct kmap_move *m);

/* From now on that is where things are; NULL: all are at home. */
void kmap_moved(const struct kmap_move *m);

/* Where is now what belongs at `pa`? For physical addresses that leave the kernel. */
paddr_t kmap_now(paddr_t pa);

/* Is anything away? */
bool kmap_is_moved(void);

/* Leaves of the direct map around `pa` as large as they were. */
void kmap_move_rejoin(paddr_t pa);
