/*
 * Caches and the memory tester: how far its accesses get to memory.
 *
 *	wb		as memory always is used: write back. What was stored leaves
 *			the caches when later accesses displace it
 *	evict		after each stage, memory larger than the caches is read
 *	flush		each access's line is flushed (Zicbom, or SiFive's cache
 *			controller): every access reaches memory
 *	uncached	through addresses that no cache keeps: the JH7110's alias of
 *			RAM, or Svpbmt; only where lines can be flushed, too
 *
 * What each costs, and what it is worth, is in docs/memtest-cache.md.
 */
#pragma once

#include <kernel/types.h>
#include <lib/range.h>

enum cache_mode {
	CACHE_WB,
	CACHE_EVICT,
	CACHE_FLUSH,
	CACHE_UNCACHED,
	CACHE_MODES
};

const char *cache_mode_name(enum cache_mode m);
int cache_mode_find(const char *name); /* -1 */

/* What is known of the machine's caches. */
struct cache_facts {
	uint64_t largest; /* bytes of the last level */
	uint64_t line;	  /* bytes; where levels differ, the shortest */
	bool guessed;	  /* not all of it is from the tree: at least 2 MiB */
	const char *flusher; /* "zicbom", "ccache", or NULL */
	/* "alias", "svpbmt", or NULL: what there could be; only
	 * cache_mode_begin() has a look whether it is one. */
	const char *uncached;
};
void cache_facts(struct cache_facts *f);

/*
 * Get ready for a mode. 0; or, and nothing is held, with a sentence (no full stop)
 * in *why:
 *	-EOPNOTSUPP	the machine has no means
 *	-EIO		it has, but they don't do what they should: an alias that
 *			is other memory, a flush that loses data
 *	-ENOMEM		no memory to read instead, or to try it on
 * After 0: cache_mode_end(). One at a time. Takes memory for `evict` (twice the
 * last level's size), so begin before taking all there is. No spinlock held.
 *
 * A load that no part of the machine ever answers stops it; no check can help
 * that. It can happen with `uncached` on a board that says that it has a JH7110,
 * but has another chip.
 */
int cache_mode_begin(enum cache_mode m, const char **why);
void cache_mode_end(void);

/* Write the line that p is in back, and forget it: its next load comes from memory.
 * `p` is an address that the caller can use, `pa` the same as a physical one. False,
 * nothing done: the machine has no means. Any hart, any mode, any context. */
bool cache_expel(volatile void *p, paddr_t pa);

/* At the end of a stage, by each hart that took part: with `evict`, what this hart
 * stored leaves the caches. Else nothing. */
void cache_settle(void);

/* Addresses that uncached views of so much RAM take, a view on 1 GiB those of two with
 * its guard page: what boot keeps for them. 0: nothing leads past the caches here. */
uint64_t cache_views_room(uint64_t ram_bytes);

/*
 * Addresses to reach the RAM [pa, pa + size) by, whole pages, in the mode that has
 * begun: the direct map's, or uncached ones. It is the caller's, at most 1 GiB; while
 * it has an uncached view, nobody stores to it otherwise. Its lines are flushed at
 * both ends, at which memory that is moved away (<kernel/displace.h>) is not where
 * the direct map says: don't. NULL: no memory or addresses for it. No spinlock held.
 */
volatile uint64_t *cache_view(paddr_t pa, uint64_t size);
void cache_unview(volatile uint64_t *view, paddr_t pa, uint64_t size);

/* Measure, on this hart, whether loads in each mode take as long as loads from memory;
 * print a table. 0, or 1 if a mode does not do what it should. */
int cache_verify(void);

enum cache_verdict { CACHE_UNKNOWN, CACHE_WORKS, CACHE_FAILS };

/* Of the last cache_verify() since boot. */
enum cache_verdict cache_verified(enum cache_mode m);

/* Errors that the cache itself counted (ECC; SiFive's controller), ever: corrected,
 * and not. 0 where none counts. */
void cache_ecc(uint64_t *corrected, uint64_t *lost);
