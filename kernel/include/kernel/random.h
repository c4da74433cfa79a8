/*
 * Random numbers. A key of 256 bits collects what sources give and makes a stream
 * of bytes; whoever does not know all that the sources gave can't predict it.
 *
 * What counts as seed: /chosen/rng-seed of the device tree, which the boot
 * loader puts there, and devices that make random numbers. The time at which
 * bytes are asked for goes in as well, so that no two boots are alike; but it can
 * be guessed, and counts for nothing.
 *
 * Any context.
 */
#pragma once

#include <kernel/types.h>
#include <lib/fdt.h>

/* Stir `n` bytes in, of a source of that name, which must last. What is not random
 * does no harm, but random_ready() believes it. */
void random_add(const char *source, const void *data, size_t n);

/* Boot: /chosen/rng-seed. The tree is mapped read-only, so the seed stays there,
 * and whoever can read the tree can read it. */
void random_add_tree(const struct fdt *t);

/* Fill `buf`. Bytes from before random_ready() can be guessed. */
void random_bytes(void *buf, size_t n);

/*
 * The same for who wants little at a time: some words are made at once, and wait, on
 * each hart. So they know nothing of sources that came since. Tasks only.
 */
uint64_t random_word(void);

/* Have sources given 256 bits? */
bool random_ready(void);

/* A device that gives more when it is asked. The driver's. */
struct random_source {
	const char *name;
	/* Calls random_add(); 0 or an error. As commands: it may wait. */
	int (*ask)(struct random_source *s);
	/* private: */
	struct random_source *next;
};

/* In one context: boot, then the shell's; as is random_ask(), which has all
 * sources give more: 0, the first error, or -ENODEV, for there are none. */
void random_source_add(struct random_source *s);
void random_source_remove(struct random_source *s);
int random_ask(void);

/* Calls `each` for every name of random_add(), with the bytes it gave. */
void random_each(void (*each)(void *ctx, const char *source, uint64_t bytes),
		 void *ctx);
