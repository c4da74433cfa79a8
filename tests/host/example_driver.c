/*
 * acme,dice: throws a die when it is told to, and interrupts when that has come to
 * rest. Without interrupts it is asked again and again.
 */
#include <arch/io.h>
#include <drivers/device.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <lib/errno.h>

#include "example_driver.h"

enum { CONTROL = 0x00, STATUS = 0x04, RESULT = 0x08, REGISTERS = 0x0c };

#define THROW 1u
#define DONE  1u /* in STATUS; writing it there takes the interrupt back */

#define PATIENCE_US 100000

static struct dice {
	struct mmio *regs;
	bool polled;
	uint32_t result;
	bool done; /* (a) */
} * dice;

static bool look(void *arg)
{
	struct dice *d = arg;

	if (!(mmio_read32(d->regs->base + STATUS) & DONE))
		return false;
	mmio_write32(d->regs->base + STATUS, DONE);
	d->result = mmio_read32(d->regs->base + RESULT);
	/* Release: pairs with the acquire in dice_throw(). */
	__atomic_store_n(&d->done, true, __ATOMIC_RELEASE);
	return true;
}

int dice_throw(unsigned *eyes)
{
	uint64_t end = arch_time() + time_ticks(PATIENCE_US);

	if (!dice)
		return -ENODEV;
	dice->done = false;
	mmio_write32(dice->regs->base + CONTROL, THROW);
	while (!__atomic_load_n(&dice->done, __ATOMIC_ACQUIRE)) {
		if (arch_time() > end)
			return -ETIMEDOUT;
		if (dice->polled)
			look(dice);
		else
			smp_idle(end);
	}
	if (dice->result < 1 || dice->result > 6)
		return -EIO;
	*eyes = dice->result;
	return 0;
}

static int probe(struct device *d)
{
	struct dice *new = device_alloc(d, sizeof(*new));

	if (!new)
		return d->error;
	new->regs = device_mmio(d, 0, 0);
	if (!new->regs)
		return d->error;
	if (new->regs->size < REGISTERS)
		return device_fail(d, -EINVAL, "reg 0 is too small");
	mmio_write32(new->regs->base + STATUS, DONE);
	new->polled = device_irq(d, 0, look, new) != 0;
	dice = new;
	return 0;
}

static void remove(struct device *d)
{
	(void)d;
	mmio_write32(dice->regs->base + CONTROL, 0);
	dice = NULL;
}

static const char *const compatible[] = {"acme,dice", NULL};
DRIVER(dice, compatible, probe, remove);
