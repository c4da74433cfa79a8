/*
 * The boot order. kernel_main() runs on the boot stack with the boot tables and
 * ends on a stack of its own, in the kernel's tables; boot_finish() goes on
 * there, gives back what only boot needed, and becomes the shell.
 */
#include <stdio.h>
#include <string.h>

#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/firmware.h>
#include <arch/image.h>
#include <arch/mmu.h>
#include <drivers/device.h>
#include <kernel/assert.h>
#include <kernel/badram.h>
#include <kernel/bench.h>
#include <kernel/boot_devices.h>
#include <kernel/console.h>
#include <kernel/devtree.h>
#include <kernel/init.h>
#include <kernel/ktest.h>
#include <kernel/load.h>
#include <kernel/machine.h>
#include <kernel/meminfo.h>
#include <kernel/memtest_cache.h>
#include <kernel/percpu.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/ram.h>
#include <kernel/random.h>
#include <kernel/shell.h>
#include <kernel/smp_boot.h>
#include <kernel/time.h>
#include <lib/cmdline.h>
#include <lib/errno.h>
#include <mm/aspace.h>
#include <mm/fault.h>
#include <mm/kmalloc.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/mmio.h>
#include <mm/page_debug.h>
#include <mm/tlb.h>
#include <mm/vmalloc.h>
#include <mm/zone.h>

#define STACK_SIZE     KIB(16)
#define EMERGENCY_SIZE KIB(8)
#define MAX_PARTS      8
#define FDT_HEADER     40 /* bytes */

#define GUARDED_OBJECTS 64

extern const struct command tests_commands[]; /* kernel.ld */

struct devtree machine;
struct memblock ram;

static struct bump bump;
static uint64_t boot_hart;
static uint64_t entry_instret;
static uint64_t boot_instructions;

uint64_t machine_boot_hart(void)
{
	return boot_hart;
}

uint64_t machine_boot_instructions(void)
{
	return boot_instructions;
}

/* The end of a boot that can't go on for reasons that are not ours. */
#define refuse(...)                                   \
	do {                                          \
		kprintf("strata: " __VA_ARGS__);      \
		machine_fail("strata: can't boot; "); \
	} while (0)

/* How much of the tree can be read; 0 when it lies where there is no memory.
 * Nothing behind its end is touched: who knows what is there. */
__init static size_t readable(const struct boot_info *boot)
{
	const uint8_t *p = boot->fdt_view;
	uint64_t size;

	if (boot->fdt_view_size < FDT_HEADER || !arch_can_read(p) ||
	    !arch_can_read(p + FDT_HEADER - 1))
		return 0;
	size = min_u64(load_be32(p + 4), boot->fdt_view_size);
	size = max_u64(size, FDT_HEADER);
	/* Memory ends at page boundaries. */
	for (uint64_t at = 0; at < size; at += PAGE_SIZE)
		if (!arch_can_read(p + at))
			return at;
	return arch_can_read(p + size - 1) ? size : size - 1;
}

/* It runs this kernel, whatever the tree says: what it lacks counts. */
__init static void believe_boot_hart(void)
{
	for (unsigned i = 0; i < machine.ncpu; i++)
		if (machine.cpu[i].hartid == boot_hart) {
			machine.cpu[i].unusable = NULL;
			return;
		}
}

/* Returns the bytes that the tree takes. */
__init static struct range open_tree(const struct boot_info *boot)
{
	size_t size = readable(boot);
	int err;

	if (!size)
		refuse("no device tree can be read at %#llx, where firmware "
		       "says that it is\n",
		       (unsigned long long)boot->fdt);
	err = devtree_init(&machine, boot->fdt_view, size);
	if (err)
		refuse("the device tree at %#llx is no good: %s\n",
		       (unsigned long long)boot->fdt, fdt_strerror(err));
	believe_boot_hart();
	return range_make(boot->fdt, boot->fdt + machine.fdt.size);
}

/* slab_debug=on|off: redzones, poison and more for all objects. */
__init static void read_slab_debug(void)
{
	char value[4];
	int err = cmdline_get(machine.bootargs, "slab_debug", value,
			      sizeof(value));

	if (!err && !strcmp(value, "on"))
		slab_debug = SLAB_DEBUG;
	else if (!err && !strcmp(value, "off"))
		slab_debug = 0;
	else if (err != -ENOENT)
		pr_warn("boot: slab_debug= takes on or off; ignored\n");
}

/* Is there a value of that key, of any size? */
static bool has_value(const char *key)
{
	char first;

	return cmdline_get(machine.bootargs, key, &first, sizeof(first)) !=
	       -ENOENT;
}

__init static void read_options(void)
{
	if (cmdline_flag(machine.bootargs, "quiet"))
		printk_set_console_level(LOG_WARN);
	read_slab_debug();
	/* From here on a panic ends the machine, too. */
	machine_set_unattended(has_value("autorun") || has_value("init"));
}

/* slab_guard=N: every N-th time that a hart's magazine is empty, an object gets
 * guard pages. */
static void start_guard(void)
{
	char value[12];
	uint64_t interval;
	int err = cmdline_get(machine.bootargs, "slab_guard", value,
			      sizeof(value));

	if (err == -ENOENT)
		return;
	if (err || !shell_number(value, &interval) || interval > UINT32_MAX)
		pr_warn("boot: slab_guard= takes a number; ignored\n");
	else if (slab_guard_start(GUARDED_OBJECTS, (unsigned)interval))
		pr_warn("boot: no memory for guarded objects\n");
}

__init static bool all_harts_have(const char *extension)
{
	return devtree_isa_has(&machine, extension);
}

__init static uint32_t all_harts_say(const char *property)
{
	return devtree_cpu_number(&machine, property);
}

__init static void map_ram(struct range fdt)
{
	struct region part[MAX_PARTS];
	struct ram_claims claims = {
		.image = image_range(),
		.part = part,
		.fdt = fdt,
	};
	int err;

	for (const struct image_section *s = arch_image_sections; s->name;
	     s++) {
		uint64_t start = image_phys + (s->va.start - IMAGE_BASE);

		if (s->part != IMAGE_KEPT && claims.nparts < MAX_PARTS)
			part[claims.nparts++] = (struct region){
				{start, start + range_size(s->va)},
				s->part == IMAGE_INIT ? REGION_INIT
						      : REGION_TESTS,
			};
	}
	err = ram_init(&ram, &machine, &claims);
	if (err)
		refuse("the device tree's memory is no good: %s\n",
		       range_empty(memblock_span(&ram)) ? "there is none"
		       : memblock_total(&ram) && !memblock_at(&ram, image_phys)
			       ? "the kernel does not lie in it"
			       : "it does not hold the kernel, or is in too "
				 "many pieces");
}

/* What mmu= asks for, in levels; 0: whatever fits. */
__init static unsigned wanted_levels(void)
{
	static const char *const name[] = {"sv39", "sv48", "sv57"};
	char value[8];
	int err = cmdline_get(machine.bootargs, "mmu", value, sizeof(value));

	if (err == -ENOENT || (!err && !strcmp(value, "auto")))
		return 0;
	for (unsigned i = 0; !err && i < ARRAY_SIZE(name); i++)
		if (!strcmp(value, name[i]))
			return i + MMU_MIN_LEVELS;
	pr_warn("boot: mmu= takes sv39, sv48, sv57 or auto; using auto\n");
	return 0;
}

/* tlbflush=full is for the field: does it help if nothing is fenced by range? */
__init static bool full_fences(void)
{
	char value[8];
	int err =
		cmdline_get(machine.bootargs, "tlbflush", value, sizeof(value));

	if (!err && !strcmp(value, "full"))
		return true;
	if (err != -ENOENT)
		pr_warn("boot: tlbflush= takes full; ignored\n");
	return arch_tlb_needs_full();
}

/* Ends of free memory are looked at before anything is taken from it: a tree may
 * name memory that is not there, or that firmware keeps to itself. */
__init static void check_ram(void)
{
	for (unsigned i = 0; i < ram.n; i++) {
		const struct region *r = &ram.region[i];
		struct range frames = range_align_in(r->range, PAGE_SIZE);

		if (r->type != REGION_FREE || range_empty(frames))
			continue;
		if (!arch_can_read(phys_to_virt(frames.start)) ||
		    !arch_can_read(phys_to_virt(frames.end - PAGE_SIZE)))
			refuse("the device tree's memory is no good: some of "
			       "%#llx to %#llx can't be read\n",
			       (unsigned long long)frames.start,
			       (unsigned long long)frames.end);
	}
}

__init static void map_kernel(struct range fdt, const void *fdt_view)
{
	unsigned modes = arch_mmu_modes(), wanted = wanted_levels();
	struct kmap_plan plan;
	struct range early;
	uint64_t total;
	int err;

	if (wanted && !(modes >> wanted & 1)) {
		pr_warn("boot: this hart has no such paging mode as mmu= asks "
			"for; using auto\n");
		wanted = 0;
	}
	plan = kmap_plan(memblock_span(&ram), modes, wanted);
	total = memblock_total(&ram);
	memblock_remove(&ram, range_make(plan.reach.end, UINT64_MAX));
	total -= memblock_total(&ram);
	if (total)
		pr_warn("boot: %llu MiB of RAM are out of reach in Sv%u\n",
			(unsigned long long)(total >> 20),
			12 + 9 * plan.levels);
	early = kmap_early_frames(&ram, image_range().end);
	if (range_empty(early))
		refuse("no RAM is left for page tables\n");
	arch_mmu_early_window(plan.levels, early.start + plan.offset, early);

	pr_info("mmu: Sv%u (this hart has%s%s%s)\n", 12 + 9 * plan.levels,
		modes & 1u << 3 ? " Sv39" : "", modes & 1u << 4 ? " Sv48" : "",
		modes & 1u << 5 ? " Sv57" : "");

	cpus_possible = smp_most();
	tlb_init(cpus_possible, full_fences());
	direct_map_offset = plan.offset;
	bump_init(&bump, &ram);
	bump.bounds = early;
	err = kmap_init(&bump, &plan, fdt, (vaddr_t)(uintptr_t)fdt_view);
	if (err == -ENOMEM)
		refuse("no RAM is left for page tables\n");
	if (err)
		refuse("the kernel's address space can't be built: error %d\n",
		       -err);
	check_ram();
	bump.bounds = range_make(0, UINT64_MAX);
	if (kmap_reserve(&ram, cache_views_room(memblock_total(&ram))))
		refuse("no RAM is left for page tables\n");
}

/* It is no device either. */
__init static void claim_missing(struct range pages, const char *what)
{
	paddr_t at = bump_alloc(&bump, sizeof(struct mmio),
				_Alignof(struct mmio), REGION_METADATA);

	if (at == BUMP_NONE ||
	    mmio_map(phys_to_virt(at), pages.start, range_size(pages),
		     MMIO_CLAIM_ONLY | MMIO_SHARED, what))
		pr_warn("boot: %s at %#llx can't be claimed\n", what,
			(unsigned long long)pages.start);
}

/* Some boot loaders name an initrd where there is none: look. */
__init static void check_initrd(void)
{
	static const uint8_t cpio[] = {'0', '7', '0', '7', '0'};
	static const uint8_t gzip[] = {0x1f, 0x8b};
	const void *p;

	if (range_empty(machine.initrd))
		return;
	if (ram_has_initrd(&ram, &machine) &&
	    range_size(machine.initrd) > sizeof(cpio)) {
		p = phys_to_virt(machine.initrd.start);
		if (!memcmp(p, cpio, sizeof(cpio)) ||
		    !memcmp(p, gzip, sizeof(gzip))) {
			load_have_initrd(machine.initrd);
			return;
		}
	}
	pr_warn("boot: no initrd at %#llx, though the device tree says so\n",
		(unsigned long long)machine.initrd.start);
	if (ram_drop_initrd(&ram, &machine))
		refuse("the device tree's memory is in too many pieces\n");
}

__init static void give_to_pages(void *ctx, struct range free)
{
	(void)ctx;
	page_alloc_give(free);
}

static void report_mapping(const char *what, const struct mapping *m)
{
	pr_err("boot: %#llx is mapped to %#llx: %s\n",
	       (unsigned long long)m->va.start, (unsigned long long)m->pa,
	       what);
}

/* What a debug build proves at each boot. */
static void check_memory(void)
{
	if (kmap_check(&ram, report_mapping))
		panic("the kernel's page tables are wrong");
	for (unsigned z = 0; z < ZONES; z++)
		if (!buddy_check(zone_buddy(z)))
			panic("the free lists are damaged");
}

/* page_debug=owner, poison or both. */
static void start_page_debug(void)
{
	unsigned flags = 0;
	char value[16];
	int err = cmdline_get(machine.bootargs, "page_debug", value,
			      sizeof(value));

	if (err == -ENOENT)
		return;
	if (!err && strstr(value, "owner"))
		flags |= PAGE_DEBUG_OWNER;
	if (!err && strstr(value, "poison"))
		flags |= PAGE_DEBUG_POISON;
	if (!flags)
		pr_warn("boot: page_debug= takes owner, poison; ignored\n");
	else if (page_debug_set(flags))
		pr_warn("boot: no memory for page_debug=\n");
}

static void start_devices(void)
{
	ram_give_to_devices(&ram, &machine);
	random_add_tree(&machine.fdt);
	if (devices_find(&machine.fdt))
		pr_err("boot: no memory for devices\n");
	pr_info("devices: %u work\n", devices_probe());
}

/* init=: a program in place of the shell. */
__attribute__((noinline)) static void start_init(void)
{
	char line[INIT_LINE];
	int err = cmdline_get(machine.bootargs, "init", line, sizeof(line));

	if (!err)
		init_run(line);
	if (err == -ERANGE) {
		pr_err("boot: init= is over %d bytes\n", INIT_LINE - 1);
		machine_fail("boot: ");
	}
}

/* What only the console can ask for is memory like any where there is none. */
static void drop_tests(void)
{
	ktest_drop();
	bench_drop();
	shell_drop(tests_commands);
	kmap_free_sections(&ram, REGION_TESTS, page_alloc_give);
}

static bool tests_are_off(void)
{
	char value[4];

	return has_value("init") ||
	       (!cmdline_get(machine.bootargs, "tests", value, sizeof(value)) &&
		!strcmp(value, "off"));
}

/* With fewer not even a program with a loader begins. */
#define FEW_MAPS 16

static void limit_maps(void)
{
	char text[16];
	uint64_t n;
	int err = cmdline_get(machine.bootargs, "maxmaps", text, sizeof(text));

	if (err == -ENOENT)
		return;
	if (!err && shell_number(text, &n) && n >= FEW_MAPS && n <= UINT32_MAX)
		aspace_max_vmas = n;
	else
		pr_warn("boot: maxmaps= takes a number from %d on\n", FEW_MAPS);
}

/* transparent_hugepage=. The words are Linux's. */
static void choose_huge(void)
{
	static const char *const name[] = {[HUGE_NEVER] = "never",
					   [HUGE_MADVISE] = "madvise",
					   [HUGE_ALWAYS] = "always"};
	char text[16];
	int err = cmdline_get(machine.bootargs, "transparent_hugepage", text,
			      sizeof(text));

	if (err == -ENOENT)
		return;
	for (unsigned i = 0; !err && i < ARRAY_SIZE(name); i++)
		if (!strcmp(text, name[i])) {
			fault_huge = i;
			return;
		}
	pr_warn("boot: transparent_hugepage= takes always, madvise or never\n");
}

__attribute__((noreturn)) static void boot_finish(void)
{
	char autorun[512], account[MEMINFO_LINE];
	int err;

	kmap_free_sections(&ram, REGION_INIT, page_alloc_give);
	if (tests_are_off())
		drop_tests();
	badram_start();
	start_page_debug();
	if (DEBUG_CHECKS)
		check_memory();
	if (!meminfo_account(account, sizeof(account)))
		pr_err("boot: the account of memory does not add up\n");
	pr_info("%s\n", account);
	smp_boot();
	start_devices();
	start_guard();
	if (!cmdline_flag(machine.bootargs, "norandmaps"))
		aspace_random_source = random_word;
	aspace_killed = process_dying;
	limit_maps();
	choose_huge();
	boot_instructions = entry_instret ? arch_instret() - entry_instret : 0;

	err = cmdline_get(machine.bootargs, "autorun", autorun,
			  sizeof(autorun));
	if (!err)
		machine_end_autorun((unsigned)shell_autorun(autorun));
	if (err == -ERANGE) {
		pr_err("boot: autorun= is over %zu bytes\n",
		       sizeof(autorun) - 1);
		machine_fail("boot: ");
	}
	start_init();
	shell_run();
}

__init void kernel_main(const struct boot_info *boot)
{
	struct range fdt, stack, emergency;

	percpu_init();
	boot_hart = boot->hartid;
	entry_instret = boot->instret;
	console_set(arch_firmware_console());
	fdt = open_tree(boot);
	read_options();
	arch_features_init(all_harts_have, all_harts_say);
	boot_devices_early();
	time_init(machine.timebase);
	pr_info("Strata, %s, boot hart %llu of %u, image at %#llx, device tree "
		"at %#llx\n",
		machine.model[0] ? machine.model : "unnamed machine",
		(unsigned long long)boot_hart, machine.ncpu,
		(unsigned long long)image_phys, (unsigned long long)boot->fdt);
	for (unsigned i = 0; i < machine.nwarnings; i++)
		pr_warn("device tree: %s\n", machine.warning[i]);

	map_ram(fdt);
	badram_recall(&ram);
	map_kernel(fdt, boot->fdt_view);
	mmio_init(&ram);
	ram_each_missing(&ram, &machine, claim_missing);
	boot_devices();
	check_initrd();
	stack = kmap_stack(STACK_SIZE);
	emergency = kmap_stack(EMERGENCY_SIZE);
	if (range_empty(stack) || range_empty(emergency) ||
	    !page_alloc_init(&bump))
		refuse("no RAM is left for stacks and the page map\n");
	if (bump_retire(&bump, give_to_pages, NULL))
		refuse("the device tree's memory is in too many pieces\n");
	kmap_bump_retired();
	slab_init();
	kmalloc_init();
	vmalloc_init();
	mmio_take_over();
	arch_switch_stack(stack, emergency, boot_finish);
}
