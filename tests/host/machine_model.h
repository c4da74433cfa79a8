/*
 * What each page of each address space of the native machine must do
 * (test_machine.c): a flat array, and the frames behind it. A page that is being
 * changed has two states. No locking: one thread, which does not yield in here.
 */
#pragma once

#include <kernel/ktest.h>
#include <lib/rng.h>
#include <mm/umap.h>

#define SPACES 10
#define KERNEL SPACES /* the index of the kernel's */
#define SLOTS  1120

/* What a page does: nothing if prot is 0. */
struct state {
	paddr_t pa;
	vm_prot_t prot;
};

struct slot {
	struct state now, next; /* next: while it is changed */
	bool changing, patching;
	unsigned version;
};

struct space {
	struct umap umap;
	bool locked;	/* by a hart that changes it */
	bool renewing;	/* and it can't be entered */
	unsigned users; /* harts that are in it, or on the way */
	struct slot slot[SLOTS];
};

struct model {
	struct rng rng;
	struct space space[SPACES + 1];
	unsigned spaces; /* in use: few, to meet; many, to use up ASIDs */
	unsigned failures;
};

extern struct model model;

static inline uint64_t pick(uint64_t n)
{
	return rng_below(&model.rng, n);
}

static inline bool is_kernel(const struct space *s)
{
	return s == &model.space[KERNEL];
}

/* Nothing is mapped, and tables will have so many levels. */
void model_reset(unsigned levels);

/* A run of slots, of one or more pages, which are at `va`. */
struct run {
	struct space *s;
	struct slot *slot;
	unsigned n;
	struct range va;
};

struct run model_draw_run(struct space *s);

/* A change of all slots begins: to `next`, from page to page the frame after
 * that; it is over, and was `done` or came to nothing. */
void model_begin(struct run r, struct state next);
void model_end(struct run r, bool done);

/* A block with frames for `n` pages, something in each; NULL: no memory. */
struct page *model_take_frames(unsigned n);

/* So many pages from pa on are no longer mapped: the block, if they were the last
 * of its. */
struct page *model_drop(paddr_t pa, uint64_t n);

/* All frames of a space go; nothing maps them any more. */
void model_free_frames(struct space *s);
