/*
 * Who holds memory: `pageowner' for frames, `leaks' for all that is allocated
 * since a mark, by the line of code that asked for it.
 */
#include <string.h>

#include <kernel/alloc_sites.h>
#include <kernel/ksyms.h>
#include <kernel/meminfo.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <mm/page_debug.h>
#include <mm/slab.h>
#include <mm/vmalloc.h>

#define LL(x) ((unsigned long long)(x))

/* What to list: allocations from this mark on. */
struct since {
	uint32_t mark;
	bool frames_of_slabs;
};

static void add(const struct since *s, const char *kind, uint64_t bytes,
		const struct alloc_track *t)
{
	if (t->pc && t->mark >= s->mark)
		alloc_sites_add(kind, t->pc, bytes);
}

static void add_object(void *ctx, const char *cache, uintptr_t obj, size_t size,
		       const struct alloc_track *t)
{
	(void)cache;
	(void)obj;
	add(ctx, "slab", size, t);
}

static void add_area(void *ctx, struct range va, const char *what,
		     const struct alloc_track *t)
{
	(void)what;
	add(ctx, "vmalloc", range_size(va), t);
}

static bool add_block(void *ctx, const struct page *p, uint64_t frames)
{
	const struct since *s = ctx;
	struct alloc_track allocated, freed;

	if (page_is_used(p) &&
	    (s->frames_of_slabs || !(p->flags & PAGE_SLAB)) &&
	    page_debug_get(page_to_pfn(p), &allocated, &freed))
		add(s, "frames", frames << PAGE_SHIFT, &allocated);
	return !shell_interrupted();
}

static void print_site(const char *what, const struct alloc_track *t)
{
	uint64_t offset;
	const char *name = t->pc ? ksym_find(t->pc - 1, &offset) : NULL;

	if (name)
		kprintf("  %s by %s+%#llx, cpu %u, mark %u\n", what, name,
			LL(offset), t->cpu, t->mark);
	else
		kprintf("  %s by %s\n", what, t->pc ? "?" : "nobody known");
}

static int show_frame(uint64_t pfn)
{
	struct alloc_track allocated, freed;

	if (!page_debug_get(pfn, &allocated, &freed)) {
		kprintf("pageowner: nothing is known of frame %#llx\n",
			LL(pfn));
		return 1;
	}
	kprintf("frame %#llx, at %#llx\n", LL(pfn), LL(pfn) << PAGE_SHIFT);
	print_site("allocated", &allocated);
	print_site("freed", &freed);
	return 0;
}

static int switch_to(unsigned flags)
{
	int err = page_debug_set(flags);

	if (err)
		kprintf("pageowner: no memory for the records\n");
	return err != 0;
}

static int list_frames(void)
{
	struct since all = {.frames_of_slabs = true};

	if (!(page_debug() & PAGE_DEBUG_OWNER)) {
		kprintf("pageowner: it is off\n");
		return 1;
	}
	alloc_sites_clear();
	meminfo_each_block(add_block, &all);
	alloc_sites_print();
	return 0;
}

static int cmd_pageowner(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";
	uint64_t pfn;

	if (argc == 1) {
		unsigned on = page_debug();

		kprintf("pageowner: %s\n", on & PAGE_DEBUG_POISON  ? "poison"
					   : on & PAGE_DEBUG_OWNER ? "on"
								   : "off");
		return 0;
	}
	if (!strcmp(what, "on"))
		return switch_to(PAGE_DEBUG_OWNER);
	if (!strcmp(what, "poison"))
		return switch_to(PAGE_DEBUG_OWNER | PAGE_DEBUG_POISON);
	if (!strcmp(what, "off"))
		return switch_to(0);
	if (!strcmp(what, "list"))
		return list_frames();
	if (argc == 2 && shell_number(what, &pfn))
		return show_frame(pfn);
	return SHELL_USAGE;
}
COMMAND(pageowner, cmd_pageowner, "[on | poison | off | list | PFN]",
	"who allocated and who freed page frames");

static int cmd_leaks(int argc, char **argv)
{
	struct since s = {.mark = alloc_mark};
	uint64_t count;

	if (argc == 2 && !strcmp(argv[1], "mark")) {
		s.mark = __atomic_add_fetch(&alloc_mark, 1, __ATOMIC_RELAXED);
		kprintf("leaks: mark %u\n", s.mark);
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "all"))
		s.mark = 0;
	else if (argc != 1)
		return SHELL_USAGE;
	alloc_sites_clear();
	slab_each_live(add_object, &s);
	vmalloc_each(add_area, &s);
	if (page_debug() & PAGE_DEBUG_OWNER)
		meminfo_each_block(add_block, &s);
	count = alloc_sites_print();
	kprintf("leaks: %llu allocations since %s%u; frames are %s\n",
		LL(count), s.mark ? "mark " : "boot, mark ", s.mark,
		page_debug() & PAGE_DEBUG_OWNER ? "among them"
						: "left out, pageowner is off");
	return 0;
}
COMMAND(leaks, cmd_leaks, "[mark | all]",
	"allocations since the mark, by who made them");
