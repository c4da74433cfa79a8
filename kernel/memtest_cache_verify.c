/*
 * `memtest verify-cache`: what loads cost in each cache mode, and what that says.
 *
 * A chain of lines goes through memory four times as large as the last level: in each
 * line is the place of the next, so no load begins before the one before it is over.
 * Pages come in order, their lines in none, so that no prefetcher can guess ahead and
 * the TLB counts for little. All that is timed are laps over the same first few lines
 *
 *	hit	again and again: they are in the first level
 *	memory	as parts of the whole chain: all else was in the caches since
 *	mode	loaded twice, then displaced or flushed; or by the uncached view
 *
 * so a mode that works costs what memory costs. Where these two do not differ by
 * a factor of two, nothing is said; nor of an emulator: what shows there is the
 * caches of the machine below it, which has other sizes and other work.
 *
 * The clock may tick once in a microsecond: a hit is measured over many laps, and of
 * a mode's laps, each hundreds of loads long, the median counts. While it runs it has up
 * to eight times the last level's size of memory.
 */
#include <arch/cpu.h>
#include <arch/firmware.h>
#include <kernel/printk.h>
#include <lib/errno.h>
#include <mm/page_alloc.h>

#include "memtest_cache_impl.h"

#define LAP	 256 /* loads; 16 KiB of lines: they fit into any first level */
#define HIT_LAPS 64
#define ROUNDS	 9
#define PS	 1000000000000u /* in a second */

#define ull(x) ((unsigned long long)(x))

struct chain {
	struct page *frames;
	unsigned order;
	volatile uint64_t *at; /* by the direct map */
	uint64_t nwords;       /* a power of two */
	unsigned line, page;   /* words in them */
	uint64_t hz;
	bool broken; /* it did not lead where it should: data are wrong */
};

static enum cache_verdict verdicts[CACHE_MODES];

enum cache_verdict cache_verified(enum cache_mode m)
{
	return verdicts[m];
}

enum cache_verdict cache_judge(const struct cache_figures *f, uint64_t mode)
{
	if (f->emulated || !f->hit || f->memory / 2 < f->hit || !mode)
		return CACHE_UNKNOWN;
	return mode >= f->hit + (f->memory - f->hit) / 2 ? CACHE_WORKS
							 : CACHE_FAILS;
}

/* --- the chain --- */

/* Lines of a page in the order of x = 5 x + 3, which comes to all of them, as
 * their number is a power of two; then the next page, and at last the first. */
static uint64_t successor(const struct chain *c, uint64_t word)
{
	unsigned lines = c->page / c->line;
	uint64_t page = align_down(word, c->page);
	uint64_t i = (5 * ((word - page) / c->line) + 3) % lines;

	if (!i)
		page = (page + c->page) & (c->nwords - 1);
	return page + i * c->line;
}

static bool make_chain(struct chain *c, const struct cache_facts *f)
{
	while (c->order < MAX_ORDER && PAGE_SIZE << c->order < 4 * f->largest)
		c->order++;
	c->frames = page_alloc(c->order, 0);
	if (!c->frames)
		return false;
	c->at = phys_to_virt(page_to_phys(c->frames));
	c->nwords = (PAGE_SIZE << c->order) / 8;
	c->line = (unsigned)f->line / 8;
	c->page = PAGE_SIZE / 8;
	for (uint64_t i = 0; i < c->nwords; i += c->line)
		cache_poke(&c->at[i], successor(c, i));
	arch_mb();
	return true;
}

/* Ticks that n loads take, from `start` on. No data lead out of the memory. */
static uint64_t walk(struct chain *c, const volatile uint64_t *view,
		     uint64_t start, uint64_t n, uint64_t *end)
{
	uint64_t mask = c->nwords - 1, at = start, before;

	arch_mb();
	before = arch_time();
	while (n--)
		at = cache_peek(&view[at]) & mask;
	arch_mb();
	*end = at;
	return arch_time() - before;
}

/* One lap, from the first line on, which must end where it should. */
static uint64_t lap(struct chain *c, const volatile uint64_t *view)
{
	uint64_t end, ticks = walk(c, view, 0, LAP, &end);
	uint64_t pages = LAP * c->line / c->page;

	c->broken |= end != (pages * c->page & (c->nwords - 1));
	return ticks;
}

static uint64_t picoseconds(const struct chain *c, uint64_t ticks, uint64_t n)
{
	return ticks * (PS / c->hz) / n;
}

/* --- the figures --- */

static uint64_t measure_hit(struct chain *c)
{
	uint64_t ticks = 0;

	lap(c, c->at);
	lap(c, c->at);
	for (unsigned i = 0; i < HIT_LAPS; i++)
		ticks += lap(c, c->at);
	return picoseconds(c, ticks, HIT_LAPS * LAP);
}

static uint64_t measure_memory(struct chain *c)
{
	uint64_t n = c->nwords / c->line, end, ticks;

	walk(c, c->at, 0, n, &end);
	ticks = walk(c, c->at, end, n, &end);
	c->broken |= end;
	return picoseconds(c, ticks, n);
}

/* What the mode does to the lap's lines. */
static void leave(const struct chain *c, enum cache_mode m)
{
	uint64_t at = 0;

	if (m == CACHE_EVICT)
		cache_settle();
	for (unsigned i = 0; m == CACHE_FLUSH && i < LAP; i++) {
		cache_expel(&c->at[at], page_to_phys(c->frames) + at * 8);
		at = successor(c, at);
	}
}

static uint64_t median(uint64_t *v)
{
	for (unsigned i = 1; i < ROUNDS; i++)
		for (unsigned j = i; j && v[j] < v[j - 1]; j--) {
			uint64_t t = v[j];

			v[j] = v[j - 1];
			v[j - 1] = t;
		}
	return v[ROUNDS / 2];
}

/* In the mode that has begun; 0: no room for a view. */
static uint64_t measure_mode(struct chain *c, enum cache_mode m)
{
	paddr_t pa = page_to_phys(c->frames);
	volatile uint64_t *view = cache_view(pa, c->nwords * 8);
	uint64_t ticks[ROUNDS];

	if (!view)
		return 0;
	for (unsigned i = 0; i < ROUNDS; i++) {
		lap(c, view);
		lap(c, view);
		leave(c, m);
		ticks[i] = lap(c, view);
	}
	cache_unview(view, pa, c->nwords * 8);
	return picoseconds(c, median(ticks), LAP);
}

static void try_mode(struct chain *c, struct cache_report *r, enum cache_mode m)
{
	int err = cache_mode_begin(m, &r->mode[m].why);

	r->mode[m].err = err;
	r->mode[m].verdict = err == -EIO ? CACHE_FAILS : CACHE_UNKNOWN;
	if (err)
		return;
	/* With wb nothing is done to lines but to use others: what that is worth,
	 * `memory` says. */
	r->mode[m].ps = m == CACHE_WB ? r->figures.memory : measure_mode(c, m);
	cache_mode_end();
	r->mode[m].verdict = cache_judge(&r->figures, r->mode[m].ps);
}

static struct cache_figures measure_figures(struct chain *c)
{
	return (struct cache_figures){
		.hit = measure_hit(c),
		.memory = measure_memory(c),
		.emulated = !arch_vendor(),
	};
}

static void measure_all(struct chain *c, struct cache_report *r)
{
	r->figures = measure_figures(c);
	for (unsigned m = 0; m < CACHE_MODES; m++) {
		try_mode(c, r, (enum cache_mode)m);
		verdicts[m] = r->mode[m].verdict;
	}
	r->broken = c->broken;
}

const char *cache_measure(struct cache_report *r)
{
	struct chain c = {.hz = machine.timebase};

	*r = (struct cache_report){0};
	cache_facts(&r->facts);
	if (!c.hz)
		return "the device tree does not tell the clock's rate";
	if (!make_chain(&c, &r->facts))
		return "no free memory of four times the last cache";
	measure_all(&c, r);
	page_free(c.frames, c.order);
	return NULL;
}

enum cache_verdict cache_try_flush(void)
{
	struct chain c = {.hz = machine.timebase};
	struct cache_figures f;
	enum cache_verdict v;
	struct cache_facts facts;

	cache_facts(&facts);
	/* An emulator would be judged by nothing. */
	if (!arch_vendor() || !c.hz || !make_chain(&c, &facts))
		return CACHE_UNKNOWN;
	f = measure_figures(&c);
	v = cache_judge(&f, measure_mode(&c, CACHE_FLUSH));
	page_free(c.frames, c.order);
	return v;
}

/* --- the table --- */

static void print_row(const char *what, uint64_t ps, const char *said)
{
	kprintf("%-9s %6llu.%llu  %s\n", what, ull(ps / 1000),
		ull(ps / 100 % 10), said);
}

static void print_mode(const struct cache_report *r, enum cache_mode m)
{
	static const char *const said[] = {
		[CACHE_UNKNOWN] = "unknown",
		[CACHE_WORKS] = "works: as long as from memory",
		[CACHE_FAILS] = "FAILS: comes from a cache",
	};
	int err = r->mode[m].err;

	if (err)
		kprintf("%-9s        -  %s%s\n", cache_mode_name(m),
			err == -EIO ? "FAILS: " : "not here: ", r->mode[m].why);
	else
		print_row(cache_mode_name(m), r->mode[m].ps,
			  said[r->mode[m].verdict]);
}

static void print(const struct cache_report *r)
{
	kprintf("the last cache: %llu KiB, lines of %llu bytes (%s)\n"
		"lines are flushed by: %s\n"
		"ns per load, each of which waits for the one before:\n",
		ull(r->facts.largest >> 10), ull(r->facts.line),
		r->facts.guessed ? "a guess" : "device tree",
		r->facts.flusher ? r->facts.flusher : "nothing");
	print_row("(cache)", r->figures.hit, "16 KiB, again and again");
	print_row("(memory)", r->figures.memory, "four times the last cache");
	for (unsigned m = 0; m < CACHE_MODES; m++)
		print_mode(r, (enum cache_mode)m);
	if (r->figures.emulated)
		kprintf("harts without a maker are an emulator's: what is "
			"above is its host's caches\n");
	if (r->broken)
		kprintf("verify-cache: loads gave WRONG DATA: test this "
			"memory first\n");
}

int cache_verify(void)
{
	struct cache_report r;
	const char *why = cache_measure(&r);
	bool fails = why || r.broken;

	if (why)
		kprintf("verify-cache: %s\n", why);
	else
		print(&r);
	for (unsigned m = 0; m < CACHE_MODES; m++)
		fails |= r.mode[m].verdict == CACHE_FAILS;
	return fails;
}
