/* Ending and restarting the machine. */
#include <arch/firmware.h>
#include <drivers/sifive_test.h>
#include <kernel/console.h>
#include <kernel/machine.h>
#include <kernel/printk.h>

static volatile void *test_device;
static bool unattended;

void machine_set_test_device(volatile void *base)
{
	test_device = base;
}

void machine_set_unattended(bool yes)
{
	unattended = yes;
}

bool machine_unattended(void)
{
	return unattended;
}

/* Returns when there is no way. */
static void try_end(unsigned status)
{
	if (test_device)
		sifive_test_finish(test_device, status);
	arch_firmware_reset(ARCH_SHUTDOWN);
}

void machine_end_autorun(unsigned status)
{
	try_end(status);
	arch_halt();
}

void machine_end(unsigned status)
{
	try_end(status);
	console_puts("machine: no way to power off; halted\n");
	arch_halt();
}

void machine_fail(const char *why)
{
	kprintf("%s%s\n", why, unattended ? "ending the machine" : "halted");
	if (!unattended)
		arch_halt();
	kprintf("autorun: status %d\n", MACHINE_FAILED);
	machine_end_autorun(MACHINE_FAILED);
}

void machine_reboot(void)
{
	arch_firmware_reset(ARCH_REBOOT);
	if (test_device)
		sifive_test_reboot(test_device);
	console_puts("machine: no way to reboot; halted\n");
	arch_halt();
}
