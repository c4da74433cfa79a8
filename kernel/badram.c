/* Bad RAM (<kernel/badram.h>): what is bad, and how others are told. */
#include <stdio.h>
#include <string.h>

#include <kernel/badram.h>
#include <kernel/devtree.h>
#include <kernel/printk.h>
#include <kernel/ram.h>
#include <lib/fdt_reg.h>
#include <mm/retire.h>
#include <mm/zone.h>

#include "badram_record.h"

#define LL(x) ((unsigned long long)(x))

static struct range frame(pfn_t pfn)
{
	return range_make(pfn << PAGE_SHIFT, (pfn + 1) << PAGE_SHIFT);
}

bool badram_is_ram(struct range r)
{
	const struct region *region;

	for (uint64_t at = r.start; at < r.end; at = region->range.end) {
		region = memblock_at(&ram, at);
		if (!region || region->type == REGION_FIRMWARE ||
		    region->type == REGION_NOMAP)
			return false;
	}
	/* In whole frames, one may have wrapped. */
	return !range_empty(r);
}

/* Is it all out of reach: since the start, or retired? */
enum badram_state badram_state(struct range r)
{
	for (paddr_t pa = r.start; pa < r.end; pa += PAGE_SIZE) {
		const struct region *region = memblock_at(&ram, pa);

		if (region && region->type != REGION_BAD &&
		    !page_is_bad(pa >> PAGE_SHIFT))
			return BADRAM_IN_USE;
	}
	return BADRAM_RETIRED;
}

enum badram_state badram_add(struct range r)
{
	if (range_set_part(page_bad(), r) != RANGE_SET_ALL) {
		page_retire(r);
		badram_save();
	}
	return badram_state(r);
}

unsigned badram_ranges(const struct range **ranges)
{
	*ranges = page_bad()->range;
	return page_bad()->n;
}

bool badram_has(pfn_t pfn)
{
	return range_set_part(page_bad(), frame(pfn)) == RANGE_SET_ALL;
}

bool badram_forget(struct range r)
{
	bool done = page_unretire(r);

	if (done)
		badram_save();
	return done;
}

/* Text for others, a line at a time. */
struct out {
	void (*line)(void *ctx, const char *text);
	void *ctx;
	int address_cells, size_cells;
};

static __printf(2, 3) void put(const struct out *o, const char *fmt, ...)
{
	char text[128];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	o->line(o->ctx, text);
}

/* A number in so many cells, with a blank before each. */
static void cells(char *text, size_t size, uint64_t number, int n)
{
	size_t at = 0;

	for (*text = '\0'; n-- > 0 && at < size;)
		at += (size_t)snprintf(text + at, size - at, " 0x%x",
				       n > 1 ? 0
					     : (unsigned)(number >> 32 * n));
}

/* "0x0 0x80400000 0x0 0x1000" */
static const char *reg(const struct out *o, struct range r)
{
	static char text[96];
	size_t n;

	cells(text, sizeof(text), r.start, o->address_cells);
	n = strlen(text);
	cells(text + n, sizeof(text) - n, range_size(r), o->size_cells);
	return text + 1;
}

static void put_dts(const struct out *o)
{
	const struct range_set *bad = page_bad();

	put(o, "/ {");
	put(o, "\treserved-memory {");
	put(o, "\t\t#address-cells = <%d>;", o->address_cells);
	put(o, "\t\t#size-cells = <%d>;", o->size_cells);
	put(o, "\t\tranges;");
	for (unsigned i = 0; i < bad->n; i++) {
		put(o, "\t\tbad-ram@%llx {", LL(bad->range[i].start));
		put(o, "\t\t\treg = <%s>;", reg(o, bad->range[i]));
		put(o, "\t\t\tno-map;");
		put(o, "\t\t};");
	}
	put(o, "\t};");
	put(o, "};");
}

static void put_memmap(const struct out *o)
{
	const struct range_set *bad = page_bad();

	for (unsigned i = 0; i < bad->n; i++)
		put(o, "memmap=%#llx$%#llx", LL(range_size(bad->range[i])),
		    LL(bad->range[i].start));
}

static void put_uboot(const struct out *o)
{
	const char *node = "/reserved-memory";
	const struct range_set *bad = page_bad();

	put(o, "fdt resize %u", 512 + 160 * bad->n);
	put(o, "fdt mknode / reserved-memory");
	put(o, "fdt set %s '#address-cells' <%d>", node, o->address_cells);
	put(o, "fdt set %s '#size-cells' <%d>", node, o->size_cells);
	put(o, "fdt set %s ranges", node);
	for (unsigned i = 0; i < bad->n; i++) {
		uint64_t at = bad->range[i].start;

		put(o, "fdt mknode %s bad-ram@%llx", node, LL(at));
		put(o, "fdt set %s/bad-ram@%llx reg <%s>", node, LL(at),
		    reg(o, bad->range[i]));
		put(o, "fdt set %s/bad-ram@%llx no-map", node, LL(at));
	}
}

/* Children of /reserved-memory must count as it does; it must count as the root. */
static int width(int (*of)(const struct fdt *t, fdt_node n))
{
	fdt_node n = fdt_find(&machine.fdt, "/reserved-memory");
	int cells =
		of(&machine.fdt, n == FDT_NONE ? fdt_root(&machine.fdt) : n);

	return cells > 0 ? cells : 2;
}

void badram_each_line(enum badram_format f,
		      void (*line)(void *ctx, const char *text), void *ctx)
{
	static void (*const how[])(const struct out *o) = {
		[BADRAM_DTS] = put_dts,
		[BADRAM_MEMMAP] = put_memmap,
		[BADRAM_UBOOT] = put_uboot,
	};
	struct out o = {line, ctx, width(fdt_address_width),
			width(fdt_size_width)};

	if (page_bad()->n)
		how[f](&o);
}

static void print(void *ctx, const char *text)
{
	(void)ctx;
	kprintf("%s\n", text);
}

void badram_print(enum badram_format f)
{
	badram_each_line(f, print, NULL);
}
