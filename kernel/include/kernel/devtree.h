/*
 * The machine as its device tree describes it: one pass over the tree fills a
 * struct devtree, which the rest of the boot works from. Nothing here trusts
 * the tree: whatever is missing, odd or absurd is skipped, counted and said,
 * or refused with a message; no input reaches an assert.
 *
 * Source: Devicetree Specification 0.4, chapters 2 to 5; the bindings
 * reserved-memory, chosen, riscv/cpus.
 */
#pragma once

#include <kernel/types.h>
#include <lib/fdt.h>
#include <lib/range.h>

#define DT_MAX_MEMORY	64
#define DT_MAX_RESERVED 64
#define DT_MAX_ALLOC	4
#define DT_MAX_CPUS	64

/* A reservation: from /memreserve/ or a child of /reserved-memory. */
struct dt_reserved {
	const char *name; /* node name, or "memreserve" */
	fdt_node node;	  /* FDT_NONE: memreserve */
	/* Bytes, as given; of a dynamic one, empty until ram_init() has found a
	 * place for it. */
	struct range range;
	/* A dynamic one (no reg): so many bytes, so aligned, inside one of the
	 * ranges (anywhere when there is none). Else size is 0. */
	uint64_t size;
	uint64_t align;
	struct range alloc[DT_MAX_ALLOC];
	uint8_t nalloc;
	bool no_map;   /* must not even be mapped */
	bool reusable; /* the kernel may use it while its owner does not */
	/* For devices (shared-dma-pool): only the first range of its reg. */
	bool pool;
};

struct dt_cpu {
	uint64_t hartid;
	fdt_node node;
	/* NULL when the hart can run this kernel, else why not: "disabled", "no
	 * mmu-type", "no F and D" ... */
	const char *unusable;
};

struct devtree {
	struct fdt fdt;
	struct range memory[DT_MAX_MEMORY]; /* bytes, in tree order */
	unsigned nmemory;
	struct dt_reserved reserved[DT_MAX_RESERVED];
	unsigned nreserved;
	struct dt_cpu cpu[DT_MAX_CPUS];
	unsigned ncpu;
	struct range initrd;  /* as /chosen says; not checked; empty if none */
	const char *bootargs; /* "" when there are none */
	fdt_node stdout_node; /* FDT_NONE when there is none */
	const char *stdout_options; /* what follows ':' in stdout-path, or "" */
	uint32_t timebase;	    /* Hz; 0 when the tree does not say */
	const char *model;	    /* "" when there is none */
	/* What did not fit or made no sense, a sentence each; the first few. */
	const char *warning[8];
	unsigned nwarnings;
};

/* The machine that we run on. Constant once boot has filled it. */
extern struct devtree machine;

/*
 * Check the blob and fill `dt`. `capacity` is the number of bytes that may be
 * read at `blob`. Returns 0, or a negative FDT_ERR_* (fdt_strerror tells) when
 * the blob is no valid tree; -ENOMEM when it has more reservations than
 * DT_MAX_RESERVED, since running without one of them would corrupt memory.
 * Strings and nodes in `dt` point into the blob. After an error, `dt` holds
 * nothing of use. Time is linear in the blob's size.
 *
 * On success: memory ranges are not empty and don't wrap, but may overlap and
 * need not be aligned; static reservations are not empty (a range that would
 * wrap ends at the last address), those with an empty range are dynamic and
 * have size > 0 and align 0 or a power of two; hart ids of usable harts are
 * distinct. A hart without F and D counts as unusable only when others have
 * them: the boot hart is one of those that can run the kernel, and all that
 * run it must be alike.
 */
int devtree_init(struct devtree *dt, const void *blob, size_t capacity);

/* Do all harts that can run the kernel have this extension, by its name in the
 * bindings, of several letters ("svinval")? False when there is no hart. */
bool devtree_isa_has(const struct devtree *dt, const char *extension);

/* A property of one cell that the nodes of all such harts have, with one value; 0:
 * it is not so. */
uint32_t devtree_cpu_number(const struct devtree *dt, const char *property);
