/*
 * Panic: everything that helps to find the cause, on the console, with no
 * reliance on what may be broken: no lock, no allocation, and each part is
 * printed before the next is tried, so that a fault in one loses only the rest.
 *
 * The first hart that panics stops the others and reports; one that panics while
 * it does so just stops.
 */
#include <stdarg.h>
#include <stdio.h>

#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/debug.h>
#include <arch/firmware.h>
#include <kernel/console.h>
#include <kernel/devtree.h>
#include <kernel/ksyms.h>
#include <kernel/machine.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/smp.h>
#include <kernel/smp_boot.h>
#include <mm/zone.h>

#define MAX_FRAMES 24

static void print_pc(vaddr_t pc)
{
	uint64_t offset;
	const char *name = ksym_find(pc, &offset);

	kprintf("  %016llx  %s", (unsigned long long)pc, name ? name : "?");
	if (name)
		kprintf("+%#llx", (unsigned long long)offset);
	kprintf("\n");
}

/* What became of a hart, as far as it ran this kernel. */
static const char *fate(uint64_t hartid)
{
	int cpu = smp_cpu_of(hartid);

	if (cpu < 0 || !(cpus_online() & cpu_bit((unsigned)cpu)))
		return "";
	if ((unsigned)cpu == arch_cpu())
		return ", here";
	return smp_stopped((unsigned)cpu) ? ", halted" : ", does not answer";
}

static void print_harts(void)
{
	for (unsigned i = 0; i < machine.ncpu; i++) {
		uint64_t id = machine.cpu[i].hartid;
		const char *state = arch_hart_state(id);

		kprintf("hart %llu: %s%s\n", (unsigned long long)id,
			state ? state : "unknown to firmware", fate(id));
	}
}

static void print_memory(void)
{
	for (unsigned z = 0; z < ZONES; z++) {
		const struct buddy *b = zone_buddy(z);

		if (b->total_frames)
			kprintf("memory: zone %s: %llu of %llu KiB free\n",
				zone_name(z),
				(unsigned long long)b->free_frames * 4,
				(unsigned long long)b->total_frames * 4);
	}
}

__attribute__((noreturn)) static void die(const struct trap_frame *frame,
					  const char *fmt, va_list ap)
{
	static unsigned reporter; /* its cpu + 1; 0: none (a) */
	static unsigned depth;
	unsigned me = arch_cpu() + 1, none = 0;
	char text[400];

	arch_irq_save();
	if (__atomic_compare_exchange_n(&reporter, &none, me, false,
					__ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		smp_stop_others();
		console_ignore_lock();
	} else if (none != me) {
		smp_stop_here();
	}

	/* Report once; if that itself faults, say so in one line; if even that
	 * does, end the machine without a word; then halt. */
	if (depth++ > 1) {
		if (depth == 3 && machine_unattended())
			machine_end_autorun(MACHINE_FAILED);
		arch_halt();
	}
	vsnprintf(text, sizeof(text), fmt, ap);
	kprintf("\npanic: %s\n", text);
	if (depth == 1) {
		if (frame)
			arch_print_frame(frame);
		kprintf("backtrace:\n");
		arch_backtrace(frame, MAX_FRAMES, print_pc);
		print_harts();
		print_memory();
	}
	machine_fail("panic: ");
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	die(NULL, fmt, ap);
}

void panic_trap(const struct trap_frame *frame, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	die(frame, fmt, ap);
}
