/* Console and test device from the device tree (<kernel/boot_devices.h>). */
#include <stdio.h>
#include <string.h>

#include <arch/mmu.h>
#include <drivers/sifive_test.h>
#include <drivers/uart.h>
#include <kernel/boot_devices.h>
#include <kernel/devtree.h>
#include <kernel/printk.h>
#include <kernel/ram.h>
#include <lib/cmdline.h>
#include <lib/errno.h>
#include <lib/fdt_reg.h>
#include <mm/mmio.h>

/* The first string of the node's "compatible" that `supports` takes. */
static const char *supported(fdt_node node,
			     bool (*supports)(const char *compatible))
{
	const char *name;
	uint32_t size;
	const void *list = fdt_get(&machine.fdt, node, "compatible", &size);

	for (unsigned i = 0; list && (name = fdt_list_item(list, size, i)); i++)
		if (supports(name))
			return name;
	return NULL;
}

static struct mmio port;
static struct uart uart;

static volatile void *map_registers(struct mmio *m, fdt_node node)
{
	mmio_map_node(m, &machine.fdt, node, 0, MMIO_SHARED,
		      fdt_name(&machine.fdt, node));
	return m->base;
}

static volatile void *map_port(fdt_node node, struct range *reg)
{
	volatile void *base = map_registers(&port, node);

	*reg = range_make(port.pa, port.pa + port.size);
	return base;
}

static __initdata bool early; /* the console goes through the boot tables */

/* A cell of the node, 0 if it has none. */
static uint32_t cell(fdt_node n, const char *name)
{
	uint32_t value;

	return fdt_get_u32(&machine.fdt, n, name, &value) ? 0 : value;
}

/* The node's registers through the boot tables: no map of RAM yet. */
static volatile void *map_early(fdt_node node, struct range *reg)
{
	if (fdt_reg_phys(&machine.fdt, node, 0, reg) || range_empty(*reg))
		return NULL;
	for (unsigned i = 0; i < machine.nmemory; i++)
		if (range_overlaps(machine.memory[i], *reg))
			return NULL;
	return arch_mmu_early_device(*reg);
}

static bool uart_console(volatile void *(*map)(fdt_node, struct range *))
{
	static char name[48];
	fdt_node n = machine.stdout_node;
	const char *driver;
	struct uart_layout layout;
	volatile void *base;
	struct range reg;

	if (n == FDT_NONE || !(driver = supported(n, uart_supports)))
		return false;
	base = map(n, &reg);
	if (!base)
		return false;
	layout = (struct uart_layout){
		.shift = cell(n, "reg-shift"),
		.width = cell(n, "reg-io-width"),
		.offset = cell(n, "reg-offset"),
	};
	if (!uart_setup(&uart, driver, base, (size_t)range_size(reg), &layout))
		return false;
	snprintf(name, sizeof(name), "%s at %#llx", driver,
		 (unsigned long long)reg.start);
	uart.console.name = name;
	console_set(&uart.console);
	return true;
}

void boot_devices_early(void)
{
	if (!console_current())
		early = uart_console(map_early);
}

/* console=uart, or console=firmware: what is the case without it. */
static bool uart_wanted(void)
{
	char wish[16];
	int err = cmdline_get(machine.bootargs, "console", wish, sizeof(wish));

	if (!err && !strcmp(wish, "uart"))
		return true;
	if (err != -ENOENT && (err || strcmp(wish, "firmware")))
		pr_warn("console: console= takes uart or firmware\n");
	return false;
}

void boot_devices(void)
{
	bool wanted = uart_wanted();

	/* Its registers are elsewhere now. */
	if (early)
		console_set(NULL);
	sifive_test_early(&machine.fdt);
	if (wanted || !console_current()) {
		bool silent = !console_current() && !early;

		if (!uart_console(map_port) && console_current())
			pr_warn("console: no serial port that can be used; "
				"staying with the firmware's\n");
		/* Nobody saw what was said up to here. */
		if (silent)
			printk_dump();
	}
	if (console_current())
		pr_info("console: %s\n", console_current()->name);
}

void boot_devices_moved(void)
{
	uart.registers = port.base;
}
