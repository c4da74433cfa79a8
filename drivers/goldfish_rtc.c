/*
 * The clock of QEMU's virt machine: nanoseconds since 1970 in two registers.
 * Reading the lower half keeps the upper one that goes with it. It could also
 * interrupt at a time; nobody wants that yet.
 *
 * Source: QEMU's hw/rtc/goldfish_rtc.c.
 */
#include <arch/io.h>
#include <drivers/device.h>
#include <kernel/date.h>
#include <lib/errno.h>

enum { TIME_LOW = 0x00, TIME_HIGH = 0x04 };

static uint64_t read(void *arg)
{
	const struct mmio *regs = arg;
	uint32_t low = mmio_read32(regs->base + TIME_LOW);

	return (uint64_t)mmio_read32(regs->base + TIME_HIGH) << 32 | low;
}

static int probe(struct device *d)
{
	struct date_clock *c = device_alloc(d, sizeof(*c));
	struct mmio *regs = c ? device_mmio(d, 0, 0) : NULL;

	if (!regs)
		return d->error;
	if (regs->size < TIME_HIGH + 4)
		return device_fail(d, -EINVAL, "reg 0 is too small");
	if (!mmio_answers(regs->base + TIME_LOW, 32) ||
	    !mmio_answers(regs->base + TIME_HIGH, 32))
		return device_fail(d, -ENXIO, "nothing answers there");
	*c = (struct date_clock){.name = d->name, .read = read, .arg = regs};
	d->data = c;
	date_clock_set(c);
	return 0;
}

static void remove(struct device *d)
{
	(void)d;
	date_clock_set(NULL);
}

static const char *const compatible[] = {"google,goldfish-rtc", NULL};
DRIVER(goldfish_rtc, compatible, probe, remove);
