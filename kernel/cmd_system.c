/* Commands about the machine: harts, time, boot, and its end. */
#include <string.h>

#include <arch/cpu.h>
#include <arch/debug.h>
#include <kernel/console.h>
#include <kernel/devtree.h>
#include <kernel/machine.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <kernel/smp.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <mm/page_alloc.h>
#include <mm/vmalloc.h>

#define LL(x) ((unsigned long long)(x))

static int cmd_uptime(int argc, char **argv)
{
	uint64_t us = time_us();

	(void)argc;
	(void)argv;
	if (!time_known()) {
		kprintf("uptime: the device tree gives no "
			"timebase-frequency\n");
		return 1;
	}
	kprintf("%llu.%06llu s\n", LL(us / 1000000), LL(us % 1000000));
	return 0;
}
COMMAND(uptime, cmd_uptime, "", "time since boot");

static int cmd_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	kprintf("Strata on %s\n",
		machine.model[0] ? machine.model : "an unnamed machine");
	arch_print_firmware();
	return 0;
}
COMMAND(version, cmd_version, "", "kernel, machine and firmware");

static int cmd_cmdline(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	/* May be longer than what kprintf prints. */
	console_puts(machine.bootargs);
	console_puts("\n");
	return 0;
}
COMMAND(cmdline, cmd_cmdline, "", "show the kernel command line");

static int cmd_bootstat(int argc, char **argv)
{
	uint64_t n = machine_boot_instructions();

	(void)argc;
	(void)argv;
	if (!n) {
		kprintf("bootstat: instret can't be read here\n");
		return 1;
	}
	kprintf("boot: %llu instructions from entry to prompt\n", LL(n));
	return 0;
}
COMMAND(bootstat, cmd_bootstat, "", "instructions that booting took");

static int cmd_poweroff(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	machine_end(0);
}
COMMAND(poweroff, cmd_poweroff, "", "end the machine");

static int cmd_reboot(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	machine_reboot();
}
COMMAND(reboot, cmd_reboot, "", "restart the machine");

/* Deliberate faults, to see how they are reported. Deeper than any stack. */
__attribute__((noinline)) static uint64_t overflow_stack(uint64_t depth)
{
	volatile uint64_t room[64];

	room[depth % 64] = depth;
	if (depth == 1000000)
		return 0;
	return overflow_stack(depth + 1) + room[depth % 64];
}

static int free_twice(void)
{
	struct page *p = page_alloc(0, 0);

	if (!p)
		return 1;
	page_free(p, 0);
	page_free(p, 0);
	return 0;
}

/* The byte behind the end; or one of memory that is freed and unmapped. */
static int misuse_vmalloc(bool freed)
{
	volatile char *p = vmalloc(3 * PAGE_SIZE, 0);

	if (!p)
		return 1;
	if (freed) {
		vfree((void *)(uintptr_t)p);
		vmalloc_purge();
	}
	p[freed ? 5 : 3 * PAGE_SIZE] = 1;
	return 0;
}

static int vfree_twice(void)
{
	void *p = vmalloc(PAGE_SIZE, 0);

	vfree(p);
	vfree(p);
	return 0;
}

/* Locks out of order: debug builds notice. */
static int lock_wrongly(void)
{
	static struct spinlock inner = SPINLOCK_INIT(LOCK_TEST);
	static struct spinlock outer = SPINLOCK_INIT(LOCK_ZONE);

	spin_lock(&inner);
	spin_lock(&outer);
	spin_unlock(&outer);
	spin_unlock(&inner);
	return 0;
}

static unsigned idle; /* harts that are not deaf yet (a) */

static void all_deaf(void)
{
	while (__atomic_load_n(&idle, __ATOMIC_ACQUIRE))
		arch_relax();
}

/* Deaf for ever; or, a while after all are, for a fault. */
static void be_deaf(void *address)
{
	uint64_t end;

	arch_irq_save();
	__atomic_fetch_sub(&idle, 1, __ATOMIC_RELEASE);
	all_deaf();
	end = arch_time() + time_ticks(20000);
	while (!address || arch_time() < end)
		arch_relax();
	*(volatile char *)address;
}

/* It calls nobody, and has a frame: backtraces must see through that, too. */
static void load(void *address)
{
	for (volatile int i = 0; !i; i++)
		*(volatile char *)address;
}

/* On the other harts, or on the first of them only. */
static int elsewhere(void (*fn)(void *), void *arg, bool all)
{
	static struct smp_work work[MAX_CPUS];
	cpumask_t others = cpus_online() & ~cpu_bit(arch_cpu()), harts;

	harts = all ? others : others & -others;
	idle = (unsigned)__builtin_popcountll(harts);
	for_each_cpu (cpu, harts) {
		work[cpu] = (struct smp_work){.fn = fn, .arg = arg};
		smp_run((unsigned)cpu, &work[cpu]);
	}
	while (harts && !all)
		smp_idle(UINT64_MAX);
	all_deaf();
	panic("asked for at the console");
}

static void overflow_there(void *arg)
{
	(void)arg;
	overflow_stack(0);
}

static int cmd_panic(int argc, char **argv)
{
	uint64_t address;

	if (argc == 1)
		panic("asked for at the console");
	if (argc == 2 && !strcmp(argv[1], "stack"))
		return (int)overflow_stack(0);
	if (argc == 2 && !strcmp(argv[1], "free"))
		return free_twice();
	if (argc == 2 && !strcmp(argv[1], "overrun"))
		return misuse_vmalloc(false);
	if (argc == 2 && !strcmp(argv[1], "vfreed"))
		return misuse_vmalloc(true);
	if (argc == 2 && !strcmp(argv[1], "vfree"))
		return vfree_twice();
	if (argc == 2 && !strcmp(argv[1], "otherstack"))
		return elsewhere(overflow_there, NULL, false);
	if (argc == 2 && !strcmp(argv[1], "rank"))
		return lock_wrongly();
	if (argc == 2 && !strcmp(argv[1], "other"))
		return elsewhere(load, (void *)16, false);
	if (argc == 2 && !strcmp(argv[1], "all"))
		return elsewhere(be_deaf, (void *)16, true);
	if (argc == 2 && !strcmp(argv[1], "deaf"))
		return elsewhere(be_deaf, NULL, true);
	if (argc == 3 && !strcmp(argv[1], "load") &&
	    shell_number(argv[2], &address))
		return *(volatile char *)(uintptr_t)address & 0;
	if (argc == 3 && !strcmp(argv[1], "store") &&
	    shell_number(argv[2], &address))
		*(volatile char *)(uintptr_t)address = 0;
	else if (argc == 3 && !strcmp(argv[1], "jump") &&
		 shell_number(argv[2], &address))
		((void (*)(void))(uintptr_t)address)();
	else
		return SHELL_USAGE;
	return 0;
}
COMMAND(panic, cmd_panic,
	"[stack | otherstack | free | overrun | vfreed | vfree | rank | other | all | deaf | load ADDR | store ADDR | jump ADDR]",
	"stop with a report, by choice or by a fault");
