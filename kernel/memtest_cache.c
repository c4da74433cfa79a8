/*
 * The cache modes of the memory tester (<kernel/memtest_cache.h>).
 *
 * Displacing. `evict` reads memory that is not under test, twice as large as the last
 * level, four times over. Caches that throw out what was used least recently have
 * forgotten all else after the first time. Those that choose a way at random (SiFive's
 * do) keep one line in eight then, and after four times one in 1500 (simulated, 16
 * ways). A hart's own caches are displaced by the hart itself, so all have to do it.
 *
 * That is good enough to see to it that nearly all of what was stored gets to memory,
 * but not to have no dirty line at all of some memory: one that is written back late
 * would look like a fault. So an uncached view needs a means to flush lines.
 *
 *  I1  while memory has an uncached view, no cache has a dirty line of it: lines are
 *      flushed before, and nobody stores to it by the direct map
 *  I2  what harts fetch by speculation meanwhile is thrown away before the view's
 *      owner uses the direct map again
 *
 * Locking: none. A mode begins and ends while nobody tests; what harts read in
 * between is constant.
 */
#include <string.h>

#include <arch/cache.h>
#include <arch/cpu.h>
#include <drivers/sifive_ccache.h>
#include <lib/errno.h>
#include <mm/dma.h>
#include <mm/page_alloc.h>
#include <mm/vmalloc.h>

#include "memtest_cache_impl.h"

#define TIMES	  4 /* that the area is read */
#define MIN_ORDER 6 /* of its blocks: 256 KiB, more than a way of a cache */

static const char *const names[CACHE_MODES] = {"wb", "evict", "flush",
					       "uncached"};

static struct {
	enum cache_mode mode;
	struct list blocks; /* to displace with; struct page by `link` */
	uint64_t line;
	paddr_t offset; /* of the uncached view */
} now = {.blocks = LIST_INIT(now.blocks)};

const char *cache_mode_name(enum cache_mode m)
{
	return names[m];
}

int cache_mode_find(const char *name)
{
	for (int i = 0; i < CACHE_MODES; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -1;
}

void cache_facts(struct cache_facts *f)
{
	paddr_t offset;

	cache_tree(&machine, f);
	f->flusher = arch_cache_block() ? "zicbom"
		     : dma_cache()	? "ccache"
					: NULL;
	f->uncached = cache_bypass(&machine, &offset);
}

void cache_ecc(uint64_t *corrected, uint64_t *lost)
{
	sifive_ccache_errors(corrected, lost);
}

/* --- displacing --- */

static void free_blocks(void)
{
	list_for_each_safe (e, &now.blocks) {
		struct page *p = list_entry(e, struct page, link);

		list_del(e);
		page_free(p, p->order);
	}
}

/* In as few blocks as there are. */
static bool take_blocks(uint64_t bytes)
{
	unsigned order = MAX_ORDER + 1;
	struct page *p;

	while (bytes && order-- > MIN_ORDER)
		while (bytes >= PAGE_SIZE << order ||
		       (bytes && order == MIN_ORDER)) {
			p = page_alloc(order, 0);
			if (!p)
				break;
			list_add_tail(&now.blocks, &p->link);
			bytes -= min_u64(bytes, PAGE_SIZE << order);
		}
	if (bytes)
		free_blocks();
	return !bytes;
}

static void read_block(const struct page *p)
{
	const volatile uint8_t *at = phys_to_virt(page_to_phys(p));
	const volatile uint8_t *end = at + (PAGE_SIZE << p->order);

	for (; at < end; at += now.line)
		cache_peek((const volatile uint64_t *)at);
}

void cache_settle(void)
{
	if (now.mode != CACHE_EVICT)
		return;
	arch_mb();
	for (unsigned i = 0; i < TIMES; i++)
		list_for_each (e, &now.blocks)
			read_block(list_entry(e, struct page, link));
	arch_mb();
}

static int begin_evict(const char **why)
{
	struct cache_facts f;

	cache_facts(&f);
	now.line = f.line;
	if (take_blocks(2 * f.largest))
		return 0;
	*why = "no free memory of twice the size of the last cache, to be "
	       "read instead";
	return -ENOMEM;
}

/* --- flushing --- */

bool cache_expel(volatile void *p, paddr_t pa)
{
	const struct dma_cache *c = dma_cache();

	if (!c)
		return false;
	arch_mb();
	/* By the address that the caller uses: memory may have been moved to where
	 * the direct map does not show it. */
	if (arch_cache_block())
		arch_cache_flush((void *)p, 1);
	else
		c->flush(range_align_out(range_make(pa, pa + 1), c->line));
	arch_mb();
	return true;
}

static void flush(struct range pa)
{
	const struct dma_cache *c = dma_cache();

	arch_mb();
	c->flush(range_align_out(pa, c->line));
	arch_mb();
}

/* Each word of a page is one of a line of some size. Is what was stored there after a
 * flush? */
static bool keeps_data(struct page *p)
{
	volatile uint64_t *word = phys_to_virt(page_to_phys(p));
	const unsigned n = PAGE_SIZE / sizeof(*word);
	bool kept = true;

	for (unsigned i = 0; i < n; i++)
		cache_poke(&word[i], ~(uint64_t)i);
	for (unsigned i = 0; i < n; i += 2)
		cache_expel(&word[i], page_to_phys(p) + i * sizeof(*word));
	for (unsigned i = 0; i < n; i++)
		kept &= cache_peek(&word[i]) == ~(uint64_t)i;
	return kept;
}

static int begin_flush(const char **why)
{
	struct page *p;
	bool kept;

	if (!dma_cache()) {
		*why = "nothing here flushes lines: the harts have no Zicbom, "
		       "and there is no cache controller with a driver";
		return -EOPNOTSUPP;
	}
	p = page_alloc(0, 0);
	if (!p) {
		*why = "no memory to try it on";
		return -ENOMEM;
	}
	kept = keeps_data(p);
	page_free(p, 0);
	*why = kept ? "what is flushed is loaded as fast as from a cache"
		    : "what is flushed is lost";
	return kept && cache_try_flush() != CACHE_FAILS ? 0 : -EIO;
}

/* --- uncached --- */

static int begin_uncached(const char **why)
{
	if (!cache_bypass(&machine, &now.offset)) {
		*why = "RAM can't be reached uncached here: this is no JH7110, "
		       "and the harts have no Svpbmt";
		return -EOPNOTSUPP;
	}
	if (!dma_cache()) {
		*why = "nothing here flushes lines, and those that caches have "
		       "would later overwrite what is stored uncached";
		return -EOPNOTSUPP;
	}
	return cache_check_bypass(&machine, now.offset, why);
}

volatile uint64_t *cache_view(paddr_t pa, uint64_t size)
{
	if (now.mode != CACHE_UNCACHED)
		return phys_to_virt(pa);
	flush(range_make(pa, pa + size));
	return (volatile uint64_t *)(uintptr_t)vmap(
		pa + now.offset, size, VM_READ | VM_WRITE, ATTR_NC);
}

void cache_unview(volatile uint64_t *view, paddr_t pa, uint64_t size)
{
	if (now.mode != CACHE_UNCACHED)
		return;
	arch_mb();
	vunmap((vaddr_t)(uintptr_t)view);
	flush(range_make(pa, pa + size));
}

/* --- all --- */

int cache_mode_begin(enum cache_mode m, const char **why)
{
	static int (*const begin[CACHE_MODES])(const char **why) = {
		[CACHE_EVICT] = begin_evict,
		[CACHE_FLUSH] = begin_flush,
		[CACHE_UNCACHED] = begin_uncached,
	};
	int err = begin[m] ? begin[m](why) : 0;

	if (!err)
		now.mode = m;
	return err;
}

void cache_mode_end(void)
{
	now.mode = CACHE_WB;
	free_blocks();
}
