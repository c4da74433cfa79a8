/*
 * Arithmetic on bits, powers of two and alignment, and the few macros that
 * every C kernel has. Pure; usable from any context.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The structure of type T that holds `p` as its member `m`. */
#define container_of(p, T, m) ((T *)((char *)(p)-offsetof(T, m)))

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline bool is_pow2(uint64_t x)
{
	return x && !(x & (x - 1));
}

/* Round x to a multiple of `align`, a power of two. align_up wraps to 0 when
 * there is no such multiple: callers that take outside input check for it. */
static inline uint64_t align_down(uint64_t x, uint64_t align)
{
	return x & ~(align - 1);
}

static inline uint64_t align_up(uint64_t x, uint64_t align)
{
	return (x + align - 1) & ~(align - 1);
}

static inline bool is_aligned(uint64_t x, uint64_t align)
{
	return !(x & (align - 1));
}

/* Index of the lowest and of the highest set bit; x must not be 0. */
static inline unsigned lowest_bit(uint64_t x)
{
	return (unsigned)__builtin_ctzll(x);
}

static inline unsigned highest_bit(uint64_t x)
{
	return 63u - (unsigned)__builtin_clzll(x);
}

/* A big-endian load from any alignment: the device tree's byte order. */
static inline uint32_t load_be32(const void *p)
{
	uint32_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}
