/* Commands that show the allocators, from RAM as a whole to object caches. */
#include <string.h>

#include <kernel/ksyms.h>
#include <kernel/meminfo.h>
#include <kernel/printk.h>
#include <kernel/ram.h>
#include <kernel/shell.h>
#include <lib/bits.h>
#include <mm/kmap.h>
#include <mm/reclaim.h>
#include <mm/slab.h>
#include <mm/vmalloc.h>
#include <mm/zone.h>

#define LL(x)	((unsigned long long)(x))
#define KIBS(x) LL((x) * (PAGE_SIZE / 1024)) /* of frames */

/* The figures of a zone take much of the stack: not inlined. */
__attribute__((noinline)) static void sum_up_zone(enum zone z)
{
	struct zone_stats s;

	zone_stats(z, &s);
	if (!s.total)
		return;
	kprintf("zone %-6s  %llu KiB, free %llu KiB, cached %llu KiB, page map "
		"%llu KiB\n",
		zone_name(z), KIBS(s.total), KIBS(s.free), KIBS(s.cached),
		KIBS(s.meta));
	kprintf("             watermarks: min %llu KiB, low %llu KiB, high "
		"%llu KiB\n",
		KIBS(s.min), KIBS(s.low), KIBS(s.high));
}

static int cmd_meminfo(int argc, char **argv)
{
	char line[MEMINFO_LINE];
	bool right = meminfo_account(line, sizeof(line));

	(void)argc;
	(void)argv;
	kprintf("%s\n", line);
	for (unsigned z = 0; z < ZONES; z++)
		sum_up_zone(z);
	if (!right)
		kprintf("meminfo: the account does not add up\n");
	return !right;
}
COMMAND(meminfo, cmd_meminfo, "", "account for every byte of RAM");

static void print_order(const struct zone_stats *s, unsigned k)
{
	const struct buddy_counts *n = &s->order[k].counts;

	kprintf("%5u %9llu %7llu %9llu %9llu %8llu %8llu %7llu %4u.%u%%\n", k,
		LL(s->order[k].blocks), LL(s->order[k].cached), LL(n->allocs),
		LL(n->frees), LL(n->splits), LL(n->merges), LL(n->failures),
		s->order[k].unusable / 10, s->order[k].unusable % 10);
}

static bool print_zone(enum zone z)
{
	struct zone_stats s;

	zone_stats(z, &s);
	if (!s.total)
		return true;
	kprintf("zone %s: %llu KiB free, of which %llu KiB in %u ranges never "
		"touched\n",
		zone_name(z), KIBS(s.free), KIBS(s.untouched), s.seeds);
	kprintf("order      free  cached    allocs     frees   splits   merges "
		"failed unusable\n");
	for (unsigned k = 0; k <= MAX_ORDER; k++)
		print_order(&s, k);
	return buddy_check(zone_buddy(z));
}

static int cmd_buddyinfo(int argc, char **argv)
{
	bool right = true;

	(void)argc;
	(void)argv;
	for (unsigned z = 0; z < ZONES; z++)
		right = print_zone(z) && right;
	kprintf("unusable: how much of what is free lies in blocks too small "
		"for the order\n");
	if (!right)
		kprintf("buddyinfo: the free lists are damaged\n");
	return !right;
}
COMMAND(buddyinfo, cmd_buddyinfo, "", "show and check the free lists");

/* One letter for each debug flag. */
static const char *flag_letters(unsigned flags)
{
	static const char letter[] = "RPTQS";
	static char text[sizeof(letter)];

	for (unsigned i = 0; i < sizeof(letter) - 1; i++)
		text[i] = flags >> i & 1 ? letter[i] : '-';
	return text;
}

/* In 1/1000: what of the slabs' bytes no object can ever use. */
static unsigned waste(const struct slab_stats *s)
{
	uint64_t slab = PAGE_SIZE << s->order;

	return (unsigned)((slab - s->size * s->per_slab) * 1000 / slab);
}

static void print_cache(const struct slab_stats *s)
{
	kprintf("%-16.16s %5zu %6zu %2u %4u %6llu %8llu %6llu %5llu %2u.%u%% "
		"%s\n",
		s->name, s->size, s->stride, s->order, s->per_slab,
		LL(s->slabs), LL(s->objects), LL(s->cached), LL(s->empty),
		waste(s) / 10, waste(s) % 10, flag_letters(s->flags));
}

static int cmd_slabinfo(int argc, char **argv)
{
	bool all = argc == 2 && !strcmp(argv[1], "all");
	uint64_t bytes = 0, used = 0;
	struct slab_guard_stats g;
	const char *wrong;
	struct slab_stats s;

	if (argc != 1 && !all)
		return SHELL_USAGE;
	kprintf("%-16s %5s %6s %2s %4s %6s %8s %6s %5s %5s %s\n", "cache",
		"size", "stride", "or", "/slb", "slabs", "objects", "cached",
		"empty", "waste", "debug");
	for (unsigned i = 0; slab_stats(i, &s) && !shell_interrupted(); i++) {
		bytes += s.slabs * (PAGE_SIZE << s.order);
		used += s.objects * s.size;
		if (all || s.slabs)
			print_cache(&s);
	}
	kprintf("in all: %llu KiB in slabs, %llu KiB in objects\n",
		LL(bytes >> 10), LL(used >> 10));
	slab_guard_stats(&g);
	if (g.objects)
		kprintf("guard pages: %u of %u in use, every %u refills (0: "
			"off), %llu so far, %llu reports\n",
			g.live, g.objects, g.interval, LL(g.sampled),
			LL(g.reports));
	wrong = slab_check();
	if (wrong)
		kprintf("slabinfo: %s\n", wrong);
	return wrong != NULL;
}
COMMAND(slabinfo, cmd_slabinfo, "[all]", "show and check the object caches");

/* Areas are copied out under the lock and printed without it. */
struct areas {
	vaddr_t from;
	unsigned n;
	struct {
		struct range va;
		const char *what;
		uintptr_t pc;
	} area[24];
};

static void copy_area(void *ctx, struct range va, const char *what,
		      const struct alloc_track *t)
{
	struct areas *a = ctx;

	if (va.start < a->from || a->n == ARRAY_SIZE(a->area))
		return;
	a->area[a->n].va = va;
	a->area[a->n].what = what;
	a->area[a->n++].pc = t->pc;
}

static void print_areas(const struct areas *a)
{
	for (unsigned i = 0; i < a->n; i++) {
		uint64_t offset;
		uintptr_t pc = a->area[i].pc;
		const char *name = pc ? ksym_find(pc - 1, &offset) : NULL;

		kprintf("%016llx %11llu KiB  %-7s %s\n",
			LL(a->area[i].va.start),
			LL(range_size(a->area[i].va) >> 10), a->area[i].what,
			name ? name : "?");
	}
}

static int cmd_vmallocinfo(int argc, char **argv)
{
	struct areas a = {.from = 0};
	struct vmalloc_stats s;
	const char *wrong;

	(void)argc;
	(void)argv;
	do {
		a.n = 0;
		vmalloc_each(copy_area, &a);
		print_areas(&a);
		if (a.n)
			a.from = a.area[a.n - 1].va.end;
	} while (a.n == ARRAY_SIZE(a.area) && !shell_interrupted());
	vmalloc_stats(&s);
	kprintf("%llu areas, %llu KiB; freed and still mapped %llu, %llu "
		"KiB\n",
		LL(s.areas), LL(s.bytes >> 10), LL(s.lazy),
		LL(s.lazy_bytes >> 10));
	kprintf("%llu purges of %llu areas in all; largest free range %llu "
		"MiB of %llu MiB\n",
		LL(s.purges), LL(s.flushed), LL(s.largest_free >> 20),
		LL(range_size(s.arena) >> 20));
	wrong = vmalloc_check();
	if (wrong)
		kprintf("vmallocinfo: %s\n", wrong);
	return wrong != NULL;
}
COMMAND(vmallocinfo, cmd_vmallocinfo, "",
	"show and check the kernel's dynamic addresses");

static int cmd_shrink(int argc, char **argv)
{
	uint64_t before = page_free_count(), after;

	(void)argc;
	(void)argv;
	reclaim();
	after = page_free_count();
	kprintf("shrink: %lld KiB came back, %llu KiB are free\n",
		(long long)KIBS(after) - (long long)KIBS(before), KIBS(after));
	return 0;
}
COMMAND(shrink, cmd_shrink, "", "give back all memory held without need");

static void report_mapping(const char *what, const struct mapping *m)
{
	kprintf("audit: %016llx is mapped to %llx: %s\n", LL(m->va.start),
		LL(m->pa), what);
}

static unsigned finding(const char *who, const char *wrong)
{
	if (wrong)
		kprintf("audit: %s: %s\n", who, wrong);
	return wrong != NULL;
}

static int cmd_audit(int argc, char **argv)
{
	char line[MEMINFO_LINE];
	unsigned findings = 0;
	const char *wrong;
	pfn_t at = 0;

	(void)argc;
	(void)argv;
	wrong = page_audit(&at);
	if (wrong)
		kprintf("audit: frame %#llx: %s\n", LL(at), wrong);
	findings += wrong != NULL;
	findings += finding("object caches", slab_check());
	findings += finding("dynamic addresses", vmalloc_check());
	findings += kmap_check(&ram, report_mapping);
	findings += finding("account", meminfo_account(line, sizeof(line))
					       ? NULL
					       : "it does not add up");
	kprintf("audit: %u findings\n", findings);
	return findings != 0;
}
COMMAND(audit, cmd_audit, "",
	"prove that every frame, object and mapping is in order");

static int cmd_slabguard(int argc, char **argv)
{
	uint64_t objects = 0, interval = 0;
	struct slab_guard_stats g;
	int err = 0;

	if (argc == 2 && !strcmp(argv[1], "off"))
		err = slab_guard_start(0, 0);
	else if (argc == 3 && shell_number(argv[1], &objects) &&
		 shell_number(argv[2], &interval) && objects && interval &&
		 objects <= UINT32_MAX && interval <= UINT32_MAX)
		err = slab_guard_start((unsigned)objects, (unsigned)interval);
	else if (argc != 1)
		return SHELL_USAGE;
	if (err)
		kprintf("slabguard: no memory, or it runs already\n");
	slab_guard_stats(&g);
	kprintf("slabguard: one object in %u refills, %u at a time; %u live, "
		"%llu so far,\n%llu reported\n",
		g.interval, g.objects, g.live, LL(g.sampled), LL(g.reports));
	return err != 0;
}
COMMAND(slabguard, cmd_slabguard, "[OBJECTS INTERVAL | off]",
	"put one object in INTERVAL refills between unmapped pages");

static int cmd_slabdebug(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "on"))
		slab_debug = SLAB_DEBUG;
	else if (argc == 2 && !strcmp(argv[1], "off"))
		slab_debug = 0;
	else if (argc != 1)
		return SHELL_USAGE;
	kprintf("slabdebug: %s, for caches made from now on (R redzones, P "
		"poison,\nT who did it, Q quarantine, S shuffled); those of "
		"boot: slab_debug=\n",
		flag_letters(slab_debug));
	return 0;
}
COMMAND(slabdebug, cmd_slabdebug, "[on | off]", "debugging of object caches");
