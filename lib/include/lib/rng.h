/*
 * A small deterministic generator for tests and memory patterns: the same seed
 * gives the same sequence everywhere. Not for secrets.
 *
 * SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number
 * generators", OOPSLA 2014.
 */
#pragma once

#include <lib/bits.h>

struct rng {
	uint64_t state;
};

static inline struct rng rng_seed(uint64_t seed)
{
	return (struct rng){seed};
}

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = (r->state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* A number in [0, n), n > 0. The bias for small n is of no matter here. */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
	return rng_next(r) % n;
}
