/* Commands that show addresses: the map of RAM, the kernel's address space, page
 * tables. */
#include <string.h>

#include <arch/image.h>
#include <kernel/printk.h>
#include <kernel/ram.h>
#include <kernel/shell.h>
#include <lib/bits.h>
#include <mm/kmap.h>
#include <mm/layout.h>

#define LL(x) ((unsigned long long)(x))

static void print_size(uint64_t bytes)
{
	static const char unit[] = "KMGT";
	unsigned u = 0;

	/* In the largest unit that loses nothing. */
	if (bytes % 1024) {
		kprintf("%6llu   B", LL(bytes));
		return;
	}
	bytes >>= 10;
	while (u < 3 && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		u++;
	}
	kprintf("%6llu %ciB", LL(bytes), unit[u]);
}

static void print_range(struct range r, const char *what)
{
	kprintf("%016llx-%016llx ", LL(r.start), LL(r.end));
	print_size(range_size(r));
	kprintf("  %s\n", what);
}

static int cmd_regions(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	for (unsigned i = 0; i < ram.n; i++)
		print_range(ram.region[i].range,
			    region_type_name(ram.region[i].type));
	return 0;
}
COMMAND(regions, cmd_regions, "", "list all RAM and who holds it");

static int cmd_memmap(int argc, char **argv)
{
	static const struct {
		uint64_t start, end;
		const char *name;
	} area[] = {
		{PAGE_MAP_BASE, PAGE_MAP_END, "page map"},
		{ARENA_BASE, ARENA_END, "arena: stacks, vmalloc, windows"},
		{IMAGE_BASE, IMAGE_END, "image"},
		{FIXED_BASE, FIXED_END, "fixed windows"},
	};
	struct range span = memblock_span(&ram);

	(void)argc;
	(void)argv;
	kprintf("virtual (Sv%u, %llu KiB of tables)\n",
		12 + 9 * kernel_pgtable.levels,
		LL(pgtable_tables(&kernel_pgtable) * (PAGE_SIZE / 1024)));
	print_range(range_make(span.start + direct_map_offset,
			       span.end + direct_map_offset),
		    "direct map of RAM");
	for (size_t i = 0; i < ARRAY_SIZE(area); i++)
		print_range(range_make(area[i].start, area[i].end),
			    area[i].name);
	kprintf("image, at physical %#llx\n", LL(image_phys));
	for (const struct image_section *s = arch_image_sections; s->name;
	     s++) {
		struct mapping m;

		if (range_empty(s->va))
			continue;
		kprintf("%c%c%c %s", s->prot & VM_READ ? 'r' : '-',
			s->prot & VM_WRITE ? 'w' : '-',
			s->prot & VM_EXEC ? 'x' : '-',
			pgtable_query(&kernel_pgtable, s->va.start, &m)
				? "        "
				: "(freed) ");
		print_range(s->va, s->name);
	}
	return 0;
}
COMMAND(memmap, cmd_memmap, "", "show the kernel's address space");

static void print_prot(vm_prot_t prot)
{
	kprintf("%c%c%c%c", prot & VM_READ ? 'r' : '-',
		prot & VM_WRITE ? 'w' : '-', prot & VM_EXEC ? 'x' : '-',
		prot & VM_USER ? 'u' : '-');
}

static int walk(const char *arg)
{
	struct mapping m;
	uint64_t va;

	if (!shell_number(arg, &va)) {
		kprintf("pagetable: %s is no address\n", arg);
		return SHELL_USAGE;
	}
	if (!pgtable_query(&kernel_pgtable, va, &m)) {
		kprintf("%016llx is not mapped (entry at level %u)\n", LL(va),
			m.level);
		return 1;
	}
	kprintf("%016llx -> %llx ", LL(va), LL(m.pa + (va - m.va.start)));
	print_prot(m.prot);
	kprintf(", leaf at level %u: %016llx, ", m.level, LL(m.va.start));
	print_size(range_size(m.va));
	kprintf("\n");
	return 0;
}

/* Leaves that continue each other are shown as one line. */
struct dump {
	struct mapping run;
	uint64_t leaves;
	uint64_t size; /* of each */
};

static void print_run(const struct dump *d)
{
	if (!d->leaves)
		return;
	kprintf("%016llx-%016llx -> %10llx ", LL(d->run.va.start),
		LL(d->run.va.end), LL(d->run.pa));
	print_prot(d->run.prot);
	kprintf(" %llu x", LL(d->leaves));
	print_size(d->size);
	kprintf("\n");
}

static int dump_leaf(void *ctx, const struct mapping *m)
{
	struct dump *d = ctx;
	struct mapping *run = &d->run;

	if (d->leaves && run->va.end == m->va.start && run->prot == m->prot &&
	    d->size == range_size(m->va) &&
	    run->pa + range_size(run->va) == m->pa) {
		run->va.end = m->va.end;
		d->leaves++;
		return 0;
	}
	print_run(d);
	d->run = *m;
	d->leaves = 1;
	d->size = range_size(m->va);
	return shell_interrupted();
}

static int dump(struct range r)
{
	struct dump d = {.leaves = 0};
	int stopped = pgtable_walk(&kernel_pgtable, r, dump_leaf, &d);

	if (!stopped)
		print_run(&d);
	return stopped ? SHELL_INTERRUPTED : 0;
}

static void report(const char *what, const struct mapping *m)
{
	kprintf("%016llx-%016llx -> %llx: %s\n", LL(m->va.start), LL(m->va.end),
		LL(m->pa), what);
}

static int cmd_pagetable(int argc, char **argv)
{
	struct range all = {0, UINT64_MAX};
	unsigned faults;

	if (argc == 3 && !strcmp(argv[1], "walk"))
		return walk(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "check")) {
		faults = kmap_check(&ram, report);
		kprintf("pagetable: %u faults\n", faults);
		return faults != 0;
	}
	if (argc < 2 || argc > 3 || strcmp(argv[1], "dump"))
		return SHELL_USAGE;
	if (argc == 3 && !shell_range(argv[2], &all)) {
		kprintf("pagetable: %s is no range\n", argv[2]);
		return SHELL_USAGE;
	}
	return dump(all);
}
COMMAND(pagetable, cmd_pagetable,
	"walk ADDR | dump [START-END|START+SIZE] | check",
	"look into the kernel's page tables");
