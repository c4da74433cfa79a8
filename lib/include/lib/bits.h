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

/*
 * Index of the only bit that is set. The processor has no instruction for it (it
 * is not in RV64GC) and the compiler's function takes 45. Multiplied by a power
 * of two, a de Bruijn sequence is shifted, and its upper six bits are different
 * for each shift (Leiserson, Prokop, Randall: Using de Bruijn Sequences to Index
 * a 1 in a Computer Word, 1998).
 */
static inline unsigned only_bit(uint64_t x)
{
	static const uint8_t index[64] = {
		0,  1,	48, 2,	57, 49, 28, 3,	61, 58, 50, 42, 38, 29, 17, 4,
		62, 55, 59, 36, 53, 51, 43, 22, 45, 39, 33, 30, 24, 18, 12, 5,
		63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21, 44, 32, 23, 11,
		46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19, 9,	13, 8,	7,  6,
	};

	return index[x * 0x03f79d71b4cb0a89u >> 58];
}

/* Index of the lowest and of the highest set bit; x must not be 0. */
static inline unsigned lowest_bit(uint64_t x)
{
	return __builtin_constant_p(x) ? (unsigned)__builtin_ctzll(x)
				       : only_bit(x & -x);
}

static inline unsigned highest_bit(uint64_t x)
{
	if (__builtin_constant_p(x))
		return 63u - (unsigned)__builtin_clzll(x);
	for (unsigned n = 1; n < 64; n *= 2)
		x |= x >> n;
	return only_bit(x ^ x >> 1);
}

/* A big-endian load from any alignment: the device tree's byte order. */
static inline uint32_t load_be32(const void *p)
{
	uint32_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}
