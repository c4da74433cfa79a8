/* The clock of QEMU's virt machine: nanoseconds since 1970 in two registers. */
#include <arch/io.h>
#include <drivers/device.h>

static int probe(struct device *d)
{
	return device_mmio(d, 0, 0) ? 0 : d->error;
}

static const char *const compatible[] = {"google,goldfish-rtc", NULL};
DRIVER(goldfish_rtc, compatible, probe, NULL);
