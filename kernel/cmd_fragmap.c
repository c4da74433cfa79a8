/*
 * A picture of RAM in text: one character for each of at most CELLS equal parts.
 *
 * Parts are as large as it takes, a power of two of frames; each bank of RAM
 * begins on a line of its own. What a part holds is added up from the map of RAM
 * (what is the allocators' at all), from the untouched ranges of the zones, and
 * from the blocks that there are; so the cost is that of these, whatever the
 * size of RAM.
 */
#include <string.h>

#include <kernel/meminfo.h>
#include <kernel/printk.h>
#include <kernel/ram.h>
#include <kernel/shell.h>
#include <mm/zone.h>

#define LL(x) ((unsigned long long)(x))

#define WIDTH 64
#define CELLS 1024
#define BANKS 64

/* Of all RAM that there can be, a cell has less than 2^32 frames. */
struct cell {
	uint32_t ram, ours; /* frames: in all, the allocators' */
	uint32_t free, cached;
};

struct bank {
	struct range frames;
	unsigned first; /* cell */
};

static struct cell cell[CELLS];
static struct bank bank[BANKS];
static unsigned nbanks, ncells;
static unsigned shift; /* a cell is 2^shift frames */

static struct range frames_of(struct range bytes)
{
	return range_make(bytes.start >> PAGE_SHIFT, bytes.end >> PAGE_SHIFT);
}

/* Regions of RAM that touch are one bank; those that find no room are not
 * shown. */
static void find_banks(void)
{
	nbanks = 0;
	for (unsigned i = 0; i < ram.n; i++) {
		struct range r = frames_of(ram.region[i].range);

		if (nbanks && bank[nbanks - 1].frames.end == r.start)
			bank[nbanks - 1].frames.end = r.end;
		else if (nbanks < BANKS)
			bank[nbanks++].frames = r;
	}
}

/* The number of cells, each bank's first. Banks begin with a cell that is
 * aligned, so that lines have round addresses. */
static unsigned divide(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < nbanks; i++) {
		struct range r = bank[i].frames;

		bank[i].first = n;
		n += (unsigned)min_u64(((r.end - 1) >> shift) -
					       (r.start >> shift) + 1,
				       CELLS + 1);
	}
	return n;
}

enum part { RAM, OURS, FREE, CACHED };

static void add(struct cell *c, enum part part, uint32_t n)
{
	c->ram += part == RAM ? n : 0;
	c->ours += part == OURS ? n : 0;
	c->free += part == FREE ? n : 0;
	c->cached += part == CACHED ? n : 0;
}

static void count(struct range frames, enum part part)
{
	for (unsigned i = 0; i < nbanks; i++) {
		struct range r = range_intersect(frames, bank[i].frames);
		pfn_t base = bank[i].frames.start >> shift;

		while (!range_empty(r)) {
			pfn_t end = min_u64(((r.start >> shift) + 1) << shift,
					    r.end);
			uint64_t at = bank[i].first + (r.start >> shift) - base;

			add(&cell[at], part, (uint32_t)(end - r.start));
			r.start = end;
		}
	}
}

static bool count_block(void *ctx, const struct page *p, uint64_t frames)
{
	pfn_t pfn = page_to_pfn(p);

	(void)ctx;
	if (p->state == PAGE_FREE)
		count(range_make(pfn, pfn + frames), FREE);
	if (p->state == PAGE_CACHED)
		count(range_make(pfn, pfn + frames), CACHED);
	return !shell_interrupted();
}

static void count_all(void)
{
	for (unsigned i = 0; i < ram.n; i++) {
		struct range r = frames_of(ram.region[i].range);

		count(r, RAM);
		if (ram.region[i].type == REGION_FREE)
			count(r, OURS);
	}
	for (unsigned z = 0; z < ZONES; z++) {
		const struct buddy *b = zone_buddy(z);

		for (unsigned i = 0; i < b->nseeds; i++)
			count(b->seed[i], FREE);
	}
	meminfo_each_block(count_block, NULL);
}

static char draw(const struct cell *c)
{
	uint64_t free = min_u64((uint64_t)c->free + c->cached, c->ours);

	if (!c->ram)
		return ' ';
	if (c->ours < c->ram - c->ours)
		return 'R';
	if (c->cached > c->ours - min_u64(c->cached, c->ours))
		return 'c';
	if (!free)
		return '#';
	if (free == c->ours)
		return '.';
	/* Tenths in use; the ends are for all and nothing. */
	return (char)('0' + (c->ours - free) * 8 / c->ours + 1);
}

static void draw_bank(const struct bank *b)
{
	unsigned n = (unsigned)(((b->frames.end - 1) >> shift) -
				(b->frames.start >> shift) + 1);
	uint64_t start = b->frames.start >> shift << shift << PAGE_SHIFT;
	char line[WIDTH + 1];

	for (unsigned i = 0; i < n; i += WIDTH) {
		unsigned k = 0;

		for (; k < WIDTH && i + k < n; k++)
			line[k] = draw(&cell[b->first + i + k]);
		line[k] = '\0';
		kprintf("%14llx %s\n",
			LL(start + ((uint64_t)i << shift << PAGE_SHIFT)), line);
	}
}

static int cmd_fragmap(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	find_banks();
	for (shift = 0; (ncells = divide()) > CELLS; shift++)
		;
	memset(cell, 0, sizeof(cell));
	count_all();
	if (shell_interrupted())
		return SHELL_INTERRUPTED;
	kprintf("RAM, %llu KiB each: '.' free, 1-9 in use in part, "
		"'#' all in use,\n"
		"'c' in harts' caches, 'R' reserved\n",
		LL((uint64_t)4 << shift));
	for (unsigned i = 0; i < nbanks; i++)
		draw_bank(&bank[i]);
	return 0;
}
COMMAND(fragmap, cmd_fragmap, "", "a picture of what is free");
