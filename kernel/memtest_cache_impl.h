/* Private to kernel/memtest_cache*.c. */
#pragma once

#include <arch/io.h>
#include <kernel/devtree.h>
#include <kernel/memtest_cache.h>
#include <mm/layout.h>

/* Each level's size and line as the tree has them: f->largest, line, guessed. */
void cache_tree(const struct devtree *dt, struct cache_facts *f);

/* How RAM could be reached uncached: NULL, or the name of the means and what to add
 * to a physical address. */
const char *cache_bypass(const struct devtree *dt, paddr_t *offset);

/* Does it lead to RAM, past the caches? 0; else as cache_mode_begin(). On frames of
 * its own, all over RAM. Lines can be flushed. */
int cache_check_bypass(const struct devtree *dt, paddr_t offset,
		       const char **why);

/* What loads cost, in picoseconds. */
struct cache_figures {
	uint64_t hit;	 /* from the first level */
	uint64_t memory; /* of a set much larger than the last */
	bool emulated;	 /* what caches there are, are not the harts' */
};

/* Do loads that cost so much come from memory? */
enum cache_verdict cache_judge(const struct cache_figures *f, uint64_t mode);

/* What cache_verify() prints. */
struct cache_report {
	struct cache_facts facts;
	struct cache_figures figures;
	struct {
		int err; /* of cache_mode_begin(); else */
		const char *why;
		uint64_t ps; /* 0: not measured */
		enum cache_verdict verdict;
	} mode[CACHE_MODES];
	bool broken; /* loads gave wrong data */
};

/* Measure. NULL, or why that can't be done. */
const char *cache_measure(struct cache_report *r);

/* Is a flushed line loaded as from memory? Unknown also for want of memory to try. */
enum cache_verdict cache_try_flush(void);

/* Single accesses, in order with arch_mb() alone. What nobody answers is all ones
 * (<arch/io.h>). Natively they are a model's. */
static inline uint64_t cache_peek(const volatile uint64_t *p)
{
	return mmio_read64_relaxed(p);
}

static inline void cache_poke(volatile uint64_t *p, uint64_t v)
{
	mmio_write64_relaxed((void *)p, v);
}
