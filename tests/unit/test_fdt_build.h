/*
 * Builds device tree blobs for tests, in scratch memory: begin, reservations,
 * then nodes and properties in order, end. The pieces are public, so that a
 * test can also build what is wrong.
 */
#pragma once

#include <string.h>

#include <kernel/ktest.h>
#include <lib/fdt.h>

#define FB_TREE	   192u /* where the structure block begins */
#define FB_SIZE	   16384u
#define FB_STRINGS 4096u

struct fb {
	uint8_t *blob;
	char *names;
	uint32_t reserve, tree, nnames; /* bytes used */
	uint32_t size;			/* of the whole blob, after fb_finish */
};

static inline void fb_put32(uint8_t *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, 4);
}

/* Returns whether there was memory. */
static inline bool fb_start(struct fb *b)
{
	*b = (struct fb){.reserve = 40, .tree = FB_TREE};
	b->blob = ktest_alloc(FB_SIZE);
	b->names = ktest_alloc(FB_STRINGS);
	return b->blob && b->names;
}

/* Begin again, in the same memory. */
static inline void fb_restart(struct fb *b)
{
	memset(b->blob, 0, FB_SIZE);
	memset(b->names, 0, FB_STRINGS);
	*b = (struct fb){b->blob, b->names, .reserve = 40, .tree = FB_TREE};
}

static inline void fb_reserve(struct fb *b, uint64_t base, uint64_t size)
{
	fb_put32(b->blob + b->reserve, (uint32_t)(base >> 32));
	fb_put32(b->blob + b->reserve + 4, (uint32_t)base);
	fb_put32(b->blob + b->reserve + 8, (uint32_t)(size >> 32));
	fb_put32(b->blob + b->reserve + 12, (uint32_t)size);
	b->reserve += 16;
}

static inline void fb_word(struct fb *b, uint32_t v)
{
	fb_put32(b->blob + b->tree, v);
	b->tree += 4;
}

static inline void fb_bytes(struct fb *b, const void *p, uint32_t n)
{
	memcpy(b->blob + b->tree, p, n);
	b->tree += (n + 3) & ~3u;
}

static inline void fb_node(struct fb *b, const char *name)
{
	fb_word(b, 1);
	fb_bytes(b, name, (uint32_t)strlen(name) + 1);
}

static inline void fb_end(struct fb *b)
{
	fb_word(b, 2);
}

static inline void fb_prop(struct fb *b, const char *name, const void *data,
			   uint32_t n)
{
	uint32_t len = (uint32_t)strlen(name) + 1, at = 0;

	while (at < b->nnames && strcmp(b->names + at, name) != 0)
		at += (uint32_t)strlen(b->names + at) + 1;
	if (at == b->nnames) {
		memcpy(b->names + at, name, len);
		b->nnames += len;
	}
	fb_word(b, 3);
	fb_word(b, n);
	fb_word(b, at);
	fb_bytes(b, data, n);
}

static inline void fb_flag(struct fb *b, const char *name)
{
	fb_prop(b, name, "", 0);
}

static inline void fb_string(struct fb *b, const char *name, const char *s)
{
	fb_prop(b, name, s, (uint32_t)strlen(s) + 1);
}

static inline void fb_cells_(struct fb *b, const char *name,
			     const uint32_t *cell, uint32_t n)
{
	fb_prop(b, name, "", 0);
	fb_put32(b->blob + b->tree - 8, 4 * n);
	for (uint32_t i = 0; i < n; i++)
		fb_word(b, cell[i]);
}

#define FB_CELLS(b, name, ...)                              \
	fb_cells_(b, name, (const uint32_t[]){__VA_ARGS__}, \
		  (uint32_t)(sizeof((uint32_t[]){__VA_ARGS__}) / 4))

/* A literal with NULs inside: the last, implied one counts too. */
#define FB_LIST(b, name, list) fb_prop(b, name, list, sizeof(list))

/* Header and strings, around whatever is in the structure block. */
static inline void fb_finish_raw(struct fb *b)
{
	uint8_t *h = b->blob;

	memcpy(h + b->tree, b->names, b->nnames);
	b->size = b->tree + b->nnames;
	fb_put32(h, 0xd00dfeed);
	fb_put32(h + 4, b->size);
	fb_put32(h + 8, FB_TREE);
	fb_put32(h + 12, b->tree);
	fb_put32(h + 16, 40);
	fb_put32(h + 20, 17);
	fb_put32(h + 24, 16);
	fb_put32(h + 32, b->nnames);
	fb_put32(h + 36, b->tree - FB_TREE);
}

static inline void fb_finish(struct fb *b)
{
	fb_word(b, 9);
	fb_finish_raw(b);
}

static inline int fb_open(struct fb *b, struct fdt *t)
{
	fb_finish(b);
	return fdt_open(t, b->blob, b->size);
}
