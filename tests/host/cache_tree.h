/* Device trees of machines with caches, for a test that has them in cached_machine. */
#pragma once

#include <host/ram.h>
#include <kernel/devtree.h>
#include <kernel/ktest.h>

#include "../unit/test_fdt_build.h"

extern struct devtree cached_machine;

#define CACHES 10

/* Caches 1 to CACHES - 1 are nodes, each with its number as its phandle; cache 0 is
 * the hart's own. */
struct level {
	uint32_t next;	      /* phandle; 0: none */
	uint32_t size, above; /* cells; 0: no property */
	uint32_t line;
	bool is64, there; /* of two cells; there is such a node */
};

struct caches {
	const char *compatible;
	struct level level[CACHES];
	struct range also; /* a device's registers; empty: there is none */
};

static struct fb blob;

static void put_level(struct fb *b, const struct level *l, bool own)
{
	const char *size = own ? "d-cache-size" : "cache-size";

	if (l->is64)
		FB_CELLS(b, size, l->above, l->size);
	else if (l->size)
		FB_CELLS(b, size, l->size);
	if (l->line)
		FB_CELLS(b, own ? "d-cache-block-size" : "cache-block-size",
			 l->line);
	if (l->next)
		FB_CELLS(b, "next-level-cache", l->next);
}

static void put_cpus(struct fb *b, const struct caches *t)
{
	fb_node(b, "cpus");
	FB_CELLS(b, "#address-cells", 1);
	FB_CELLS(b, "#size-cells", 0);
	FB_CELLS(b, "timebase-frequency", 4000000);
	fb_node(b, "cpu@1");
	fb_string(b, "device_type", "cpu");
	FB_CELLS(b, "reg", 1);
	fb_string(b, "mmu-type", "riscv,sv39");
	fb_string(b, "riscv,isa", "rv64gc");
	put_level(b, &t->level[0], true);
	fb_end(b);
	fb_end(b);
}

static void put_reg(struct fb *b, struct range r)
{
	uint64_t size = range_size(r);

	FB_CELLS(b, "reg", (uint32_t)(r.start >> 32), (uint32_t)r.start,
		 (uint32_t)(size >> 32), (uint32_t)size);
}

static void put_caches(struct fb *b, const struct caches *t)
{
	for (unsigned i = 1; i < CACHES; i++) {
		char name[] = "cache@0";

		if (!t->level[i].there)
			continue;
		name[6] = (char)('0' + i);
		fb_node(b, name);
		FB_CELLS(b, "phandle", i);
		put_level(b, &t->level[i], false);
		fb_end(b);
	}
}

static void make(const struct caches *t)
{
	struct fb *b = &blob;

	fb_restart(b);
	fb_node(b, "");
	FB_CELLS(b, "#address-cells", 2);
	FB_CELLS(b, "#size-cells", 2);
	if (t->compatible)
		fb_string(b, "compatible", t->compatible);
	put_cpus(b, t);
	fb_node(b, "memory@0");
	fb_string(b, "device_type", "memory");
	put_reg(b, range_make(HOST_RAM_START, HOST_RAM_END));
	fb_end(b);
	put_caches(b, t);
	if (!range_empty(t->also)) {
		fb_node(b, "device");
		put_reg(b, t->also);
		fb_end(b);
	}
	fb_end(b);
	fb_finish(b);
	EXPECT_EQ(devtree_init(&cached_machine, b->blob, b->size), 0);
}
