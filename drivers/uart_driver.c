/*
 * Serial ports as devices: the console's node gets a driver, and interrupts.
 *
 * Until then boot may have used the same port, or does the firmware. Both are
 * done with a byte when their write returns, and setting the port up again
 * touches neither FIFO nor format: so nothing is lost, nor comes twice, when one
 * takes over from the other.
 */
#include <drivers/device.h>
#include <drivers/uart.h>
#include <kernel/console_input.h>
#include <lib/errno.h>

static struct {
	fdt_node node;
	void (*changed)(const struct console_device *port);
} console = {.node = FDT_NONE};

void uart_console_node(fdt_node n,
		       void (*changed)(const struct console_device *port))
{
	console.node = n;
	console.changed = changed;
}

static bool raised(void *arg)
{
	struct uart *u = arg;

	return console_input_raised(&u->console);
}

static int probe(struct device *d)
{
	struct uart *u;
	struct mmio *regs;

	if (d->node != console.node)
		return device_fail(d, -ENODEV, "it is not the console's");
	u = device_alloc(d, sizeof(*u));
	/* Boot may have it until the end of changed(). */
	regs = u ? device_mmio(d, 0, MMIO_SHARED) : NULL;
	if (!regs)
		return d->error;
	if (!uart_setup_node(u, d->tree, d->node, regs))
		return device_fail(d, -ENXIO,
				   "no port answers there, or not like that");
	/* Firmware's console, if there is one, is better than a port that is
	 * none, or not what the tree says. */
	if (!uart_works(u))
		return device_fail(d, -ENXIO, "it takes no bytes");
	d->data = u;
	if (!device_irq(d, 0, raised, u))
		console_input_interrupts(&u->console, true);
	console.changed(&u->console);
	return 0;
}

static void remove(struct device *d)
{
	struct uart *u = d->data;

	console_input_interrupts(&u->console, false);
	console.changed(NULL);
}

DRIVER(uart, uart_compatible, probe, remove);
