/*
 * Private to lib/fdt*.c: tokens, and loads of big-endian words. The blob and
 * its blocks are multiples of 4, so a word is one load.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <lib/fdt.h>
#include <lib/range.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "tokens are compared without swapping their bytes");

/* The tokens as words of this machine. */
#define FDT_TOKEN_BEGIN	   0x01000000u
#define FDT_TOKEN_END_NODE 0x02000000u
#define FDT_TOKEN_PROP	   0x03000000u
#define FDT_TOKEN_NOP	   0x04000000u
#define FDT_TOKEN_END	   0x09000000u

static inline uint32_t fdt_word(const uint8_t *p)
{
	uint32_t w;

	__builtin_memcpy(&w, __builtin_assume_aligned(p, 4), sizeof(w));
	return w;
}

/* By bytes: without Zbb, the compiler's byte swap is a call. */
static inline uint32_t fdt_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t fdt_be64(const uint8_t *p)
{
	return (uint64_t)fdt_be32(p) << 32 | fdt_be32(p + 4);
}

static inline uint32_t fdt_pad(uint32_t size)
{
	return (size + 3) & ~3u;
}

/* Is one of the four bytes 0? Subtracting 1 from each borrows into the top bit
 * of a byte that was 0 (or whose top bit was set, which ~w takes out). A
 * borrow out of a 0 byte may mark the byte above too: the answer stays true. */
static inline bool fdt_has_nul(uint32_t w)
{
	return ((w - 0x01010101u) & ~w & 0x80808080u) != 0;
}

/* What is left of a bus's `ranges`, or of another property of that form. */
struct fdt_ranges {
	const uint8_t *at;
	uint32_t left;		  /* bytes */
	unsigned na, nparent, ns; /* cells of an entry's parts */
};

/* That property of `bus`: 0, maybe with nothing in it; -ENOENT without it;
 * -EINVAL when it is malformed. */
int fdt_ranges(const struct fdt *t, fdt_node parent, fdt_node bus,
	       const char *name, struct fdt_ranges *r);

/* The next entry, on the bus and above. Those that wrap, or do not fit in 64 bits,
 * are passed over. */
bool fdt_ranges_next(struct fdt_ranges *r, struct range *child,
		     struct range *parent);
