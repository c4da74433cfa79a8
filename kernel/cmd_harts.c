/* harts: what there is, what firmware says of it, what runs. */
#include <string.h>

#include <arch/cpu.h>
#include <arch/debug.h>
#include <kernel/devtree.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <kernel/smp.h>
#include <kernel/smp_boot.h>
#include <mm/kmap.h>

#define LL(x) ((unsigned long long)(x))

static void print_isa(const struct dt_cpu *c)
{
	uint32_t size;
	const char *s = fdt_get_str(&machine.fdt, c->node, "riscv,isa");
	const void *list;

	if (s) {
		kprintf(", %s", s);
		return;
	}
	list = fdt_get(&machine.fdt, c->node, "riscv,isa-extensions", &size);
	for (unsigned i = 0; list && (s = fdt_list_item(list, size, i)); i++)
		kprintf("%s%s", i ? "_" : ", ", s);
}

static void print_run(int cpu)
{
	if (cpu < 0)
		kprintf(", not started");
	else if (!(cpus_online() & cpu_bit((unsigned)cpu)))
		kprintf(", cpu %d, did not come up", cpu);
	else
		kprintf(", cpu %d, Sv%u", cpu, 12 + 9 * kernel_pgtable.levels);
}

static void print_counters(unsigned cpu)
{
	const struct smp_counters *n = smp_counters(cpu);

	kprintf("    from harts %llu, from timer %llu, from devices %llu, "
		"calls %llu, work %llu, sleeps %llu\n",
		LL(n->ipis), LL(n->timers), LL(n->devices), LL(n->calls),
		LL(n->work), LL(n->sleeps));
}

static int cmd_harts(int argc, char **argv)
{
	bool counters = argc == 2 && !strcmp(argv[1], "-v");

	if (argc > 1 && !counters)
		return SHELL_USAGE;
	for (unsigned i = 0; i < machine.ncpu; i++) {
		const struct dt_cpu *c = &machine.cpu[i];
		const char *state = arch_hart_state(c->hartid);
		int cpu = smp_cpu_of(c->hartid);

		kprintf("hart %llu: %s%s", LL(c->hartid),
			state ? state : "unknown to firmware",
			cpu == (int)arch_cpu() ? ", here" : "");
		if (c->unusable)
			kprintf(", can't run this kernel: %s", c->unusable);
		else
			print_run(cpu);
		print_isa(c);
		kprintf("\n");
		if (counters && cpu >= 0)
			print_counters((unsigned)cpu);
	}
	return 0;
}
COMMAND(harts, cmd_harts, "[-v]", "list the harts; -v: what they did");
