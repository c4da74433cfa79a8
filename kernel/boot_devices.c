/*
 * Console and test device from the device tree (<kernel/boot_devices.h>).
 *
 * The console is, one after the other: firmware's, if it has one, else the port of
 * /chosen/stdout-path through the boot tables; that port through a claim of its
 * registers, if firmware has none or console=uart; the same port with its driver
 * and interrupts, unless console=firmware. When the driver gives the port back, the
 * console is again what it was without. The claim made here is shared, so that the
 * driver can have its own before this one goes, and the other way round: there is
 * no moment without a console.
 */
#include <string.h>

#include <arch/firmware.h>
#include <arch/mmu.h>
#include <drivers/sifive_test.h>
#include <drivers/uart.h>
#include <kernel/boot_devices.h>
#include <kernel/console_input.h>
#include <kernel/devtree.h>
#include <kernel/printk.h>
#include <lib/cmdline.h>
#include <lib/errno.h>
#include <lib/fdt_reg.h>

static struct uart uart;
static struct mmio uart_regs; /* base NULL: it has none, or the driver has */
static __initdata bool early; /* they are reached through the boot tables */

/* The port's registers through the boot tables: no map of RAM yet. */
__init static bool map_early(fdt_node node)
{
	struct range reg;

	if (fdt_reg_phys(&machine.fdt, node, 0, &reg) || range_empty(reg))
		return false;
	for (unsigned i = 0; i < machine.nmemory; i++)
		if (range_overlaps(machine.memory[i], reg))
			return false;
	uart_regs = (struct mmio){.base = arch_mmu_early_device(reg),
				  .pa = reg.start,
				  .size = range_size(reg)};
	return uart_regs.base;
}

static bool map_claimed(fdt_node node)
{
	return !mmio_map_node(&uart_regs, &machine.fdt, node, 0, MMIO_SHARED,
			      "console");
}

/* With `must_work`, a port that takes no bytes won't do. */
static bool uart_console(bool (*map)(fdt_node node), bool must_work)
{
	fdt_node n = machine.stdout_node;

	if (n == FDT_NONE || !uart_supports(&machine.fdt, n) || !map(n))
		return false;
	if (!uart_setup_node(&uart, &machine.fdt, n, &uart_regs) ||
	    (must_work && !uart_works(&uart))) {
		mmio_unmap(&uart_regs);
		return false;
	}
	console_set(&uart.console);
	return true;
}

__init void boot_devices_early(void)
{
	if (!console_current())
		early = uart_console(map_early, false);
}

/* The driver has the console's port, or gives it back. */
static void port_changed(const struct console_device *port)
{
	const struct console_device *firmware = arch_firmware_console();

	if (!port) {
		if (firmware || !uart_console(map_claimed, false))
			console_set(firmware);
		return;
	}
	console_set(port);
	mmio_unmap(&uart_regs);
	pr_info("console: %s, %s\n", port->name,
		console_input_current()->irq ? "by interrupts" : "polled");
}

/* console=uart, or console=firmware: not even when there is a driver. Returns
 * whether the port is wanted from now on. */
__init static bool read_wish(void)
{
	char wish[16];
	int err = cmdline_get(machine.bootargs, "console", wish, sizeof(wish));
	bool firmware = !err && !strcmp(wish, "firmware");
	bool now = !err && !strcmp(wish, "uart");

	if (err != -ENOENT && !firmware && !now)
		pr_warn("console: console= takes uart or firmware\n");
	if (!firmware || !console_current())
		uart_console_node(machine.stdout_node, port_changed);
	return now;
}

__init void boot_devices(void)
{
	bool now;

	/* Its registers are elsewhere now. */
	if (early)
		console_set(NULL);
	now = read_wish();
	sifive_test_early(&machine.fdt);
	if (now || !console_current()) {
		bool other = console_current(), silent = !other && !early;

		if (!uart_console(map_claimed, other) && other)
			pr_warn("console: no serial port that can be used; "
				"staying with the firmware's\n");
		/* Nobody saw what was said up to here. */
		if (silent)
			printk_dump();
	}
	if (console_current())
		pr_info("console: %s\n", console_current()->name);
}
