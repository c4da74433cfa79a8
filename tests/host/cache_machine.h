/*
 * A machine whose memory is behind a cache, on the native one: what loads cost, and
 * when what is stored gets to memory. For code that looks at memory by the accesses of
 * <arch/io.h> alone; what others have in RAM is not touched, as the model's RAM is
 * another one.
 *
 * The cache is one level: write back, sets of `ways` lines, of which a random one, or
 * the one used least recently, makes room.
 */
#pragma once

#include <kernel/types.h>

/* What is at the physical addresses where RAM is seen uncached. */
enum cache_alias {
	ALIAS_NOTHING, /* accesses fault */
	ALIAS_RAM,     /* what it should be */
	ALIAS_OTHER,   /* other RAM */
	ALIAS_WRAPS,   /* the first half of RAM, twice */
	ALIAS_SHIFTED, /* by a page */
	ALIAS_CACHED, /* RAM, but what was read once stays in a cache of its own */
	ALIAS_COHERENT, /* RAM, as the cache has it */
	ALIAS_READ_ONLY,
};

enum cache_flushing {
	FLUSHES,
	FLUSHES_NOTHING,
	FLUSHES_AND_LOSES, /* what was stored */
};

struct cache_machine {
	uint64_t size;
	unsigned line, ways;
	bool lru;
	uint64_t hit, memory; /* picoseconds of an access */
	uint64_t hz;	      /* of the clock */
	paddr_t offset;	      /* of the alias; 0: RAM's own addresses */
	enum cache_alias alias;
	enum cache_flushing flushing;
};

void cache_machine_begin(const struct cache_machine *m, uint64_t seed);
void cache_machine_end(void);

/* Its arch_time(). */
uint64_t cache_machine_time(void);

/* What flushes its lines, as dma_set_cache() takes it; lines flushed ever. */
extern const struct dma_cache cache_machine_ops;
uint64_t cache_machine_flushes(void);

/* Dirty lines in [pa, pa + size). */
unsigned cache_machine_dirty(paddr_t pa, uint64_t size);
