/*
 * Panic: everything that helps to find the cause, on the console, with no
 * reliance on what may be broken: no lock, no allocation, and each part is
 * printed before the next is tried, so that a fault in one loses only the rest.
 */
#include <stdarg.h>
#include <stdio.h>

#include <arch/boot.h>
#include <arch/debug.h>
#include <arch/firmware.h>
#include <kernel/devtree.h>
#include <kernel/ksyms.h>
#include <kernel/machine.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
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

static void print_harts(void)
{
	for (unsigned i = 0; i < machine.ncpu; i++) {
		uint64_t id = machine.cpu[i].hartid;
		const char *state = arch_hart_state(id);

		kprintf("hart %llu: %s%s\n", (unsigned long long)id,
			state ? state : "unknown to firmware",
			id == machine_boot_hart() ? ", here" : "");
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
	static unsigned depth;
	char text[256];

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
