/*
 * Power-off and restart by a bit in a register of some block of many
 * ("syscon-poweroff", "syscon-reboot"): `regmap` names the block's node, compatible
 * with "syscon", whose registers are 32 bits wide; `offset`, `value` and `mask` say
 * what to write where. Without a mask the whole register is written, and not read
 * before; a mask without a value is an old form: its value is the mask.
 *
 * The block may have a driver of its own, and several nodes like these: all claim
 * its registers to share them. Nobody else is in a hurry when a machine ends, so
 * reading and writing back takes no lock.
 *
 * Source: device tree bindings syscon-poweroff and syscon-reboot.
 */
#include <string.h>

#include <arch/cpu.h>
#include <arch/io.h>
#include <drivers/device.h>
#include <kernel/machine_exit.h>
#include <kernel/time.h>
#include <lib/errno.h>

#define PATIENCE_US 100000u /* until it is clear that nothing comes of it */

struct syscon {
	struct machine_exit exit;
	struct mmio regs;
	uint32_t offset, value, mask;
};

static void fire(const struct syscon *s)
{
	volatile uint8_t *p = s->regs.base + s->offset;
	uint32_t keep = ~s->mask ? mmio_read32(p) & ~s->mask : 0;
	uint64_t end = arch_time() + time_ticks(PATIENCE_US);

	mmio_write32(p, keep | (s->value & s->mask));
	while (arch_time() < end)
		arch_relax();
}

static void end(void *arg, unsigned status)
{
	(void)status;
	fire(arg);
}

static void restart(void *arg)
{
	fire(arg);
}

static void release(void *arg)
{
	mmio_unmap(arg);
}

static int map(struct device *d, struct syscon *s)
{
	const struct device *block =
		device_of_phandle(device_u32(d, "regmap", 0));
	struct range reg;
	int err;

	if (!block || !fdt_compatible(d->tree, block->node, "syscon"))
		return device_fail(d, -EINVAL, "regmap names no syscon");
	err = device_reg(block, 0, &reg);
	if (!err)
		err = mmio_map(&s->regs, reg.start, range_size(reg),
			       MMIO_SHARED, d->name);
	if (err == -EBUSY)
		return device_fail(d, err, "regmap: %s has it", s->regs.owner);
	if (err)
		return device_fail(d, err, "regmap: error %d", -err);
	return device_release(d, release, &s->regs);
}

static int probe(struct device *d)
{
	struct syscon *s = device_alloc(d, sizeof(*s));
	uint32_t missing = 0;
	int err = s ? map(d, s) : d->error;

	if (err)
		return err;
	s->offset = device_u32(d, "offset", UINT32_MAX);
	if (s->offset % 4 || s->regs.size < 4 || s->offset > s->regs.size - 4)
		return device_fail(d, -EINVAL, "offset is outside of %s",
				   "the registers of regmap");
	if (!mmio_answers(s->regs.base + s->offset, 32))
		return device_fail(d, -ENXIO, "nothing answers there");
	s->mask = device_u32(d, "mask", UINT32_MAX);
	s->value = device_u32(d, "value", s->mask);
	if (fdt_get_u32(d->tree, d->node, "value", &missing) &&
	    fdt_get_u32(d->tree, d->node, "mask", &missing))
		return device_fail(d, -EINVAL, "no value, no mask");
	s->exit = (struct machine_exit){.name = d->name, .arg = s};
	if (fdt_compatible(d->tree, d->node, "syscon-poweroff"))
		s->exit.end = end;
	else
		s->exit.restart = restart;
	d->data = s;
	machine_exit_add(&s->exit);
	return 0;
}

static void remove(struct device *d)
{
	struct syscon *s = d->data;

	machine_exit_remove(&s->exit);
}

static const char *const compatible[] = {"syscon-poweroff", "syscon-reboot",
					 NULL};
DRIVER(syscon, compatible, probe, remove);
