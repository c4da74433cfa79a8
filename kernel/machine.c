/* Ending and restarting the machine. */
#include <arch/firmware.h>
#include <kernel/console.h>
#include <kernel/machine.h>
#include <kernel/machine_exit.h>
#include <kernel/printk.h>

static bool unattended;

void machine_set_unattended(bool yes)
{
	unattended = yes;
}

bool machine_unattended(void)
{
	return unattended;
}

void machine_end_autorun(unsigned status)
{
	machine_try_end(status);
	arch_halt();
}

void machine_end(unsigned status)
{
	machine_try_end(status);
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
	machine_try_restart();
	console_puts("machine: no way to reboot; halted\n");
	arch_halt();
}
