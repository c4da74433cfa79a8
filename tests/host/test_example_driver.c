/* The worked example of docs/devices.md, behind a PLIC, and without one. */
#include <string.h>

#include <arch/irq.h>
#include <drivers/device.h>
#include <kernel/ktest.h>
#include <lib/errno.h>
#include <mm/reclaim.h>

#include "../unit/arch_bed.h"
#include "example_driver.h"
#include "intc_model.h"

#define PA   0x20000000u
#define LINE 42

static struct fb b;
static struct fdt tree;
static uint32_t status, result;
static bool dead;

static uint64_t read(void *ctx, size_t offset, unsigned bits)
{
	(void)ctx;
	EXPECT_EQ(bits, 32);
	return offset == 4 ? status : offset == 8 ? result : 0;
}

static void write(void *ctx, size_t offset, unsigned bits, uint64_t v)
{
	uint64_t flags;

	(void)ctx;
	EXPECT_EQ(bits, 32);
	if (offset == 4)
		status &= ~(uint32_t)v;
	if (offset == 0 && v && !dead)
		status = 1;
	plic_model.input(LINE, status);
	if (!plic_model.wire(0))
		return;
	flags = arch_irq_save();
	kernel_external();
	arch_irq_restore(flags);
}

static void throw(bool by_interrupt)
{
	struct device *d;
	unsigned eyes = 0;

	EXPECT_EQ(devices_find(&tree), 0);
	devices_probe();
	d = device_named("dice");
	REQUIRE(d);
	EXPECT_EQ(d->state, DEVICE_BOUND);
	EXPECT_EQ(!d->why[0], by_interrupt);
	for (result = 0; result < 8; result++) {
		int err = dice_throw(&eyes);

		EXPECT_EQ(err, result >= 1 && result <= 6 ? 0 : -EIO);
		EXPECT(err || eyes == result);
	}
	EXPECT_EQ(plic_model.faults, 0);
	dead = true;
	EXPECT_EQ(dice_throw(&eyes), -ETIMEDOUT);
	dead = false;
	devices_forget();
	EXPECT_EQ(dice_throw(&eyes), -ENODEV);
}

static void interrupted(void)
{
	throw(true);
}

static void polled(void)
{
	throw(false);
}

/* The harts are those of the native machine: 7 is the one that runs the test. */
static void run(bool with_plic)
{
	static const struct io_model die = {read, write, NULL};
	static const uint32_t phandle[] = {17, 11, 19, 10};

	if (!fb_start(&b)) {
		ktest_skip("no memory");
		return;
	}
	fb_node(&b, "");
	FB_CELLS(&b, "#address-cells", 1);
	FB_CELLS(&b, "#size-cells", 1);
	fb_node(&b, "cpus");
	FB_CELLS(&b, "#address-cells", 1);
	FB_CELLS(&b, "#size-cells", 0);
	fb_node(&b, "cpu@7");
	FB_CELLS(&b, "reg", 7);
	fb_node(&b, "interrupt-controller");
	fb_flag(&b, "interrupt-controller");
	FB_CELLS(&b, "phandle", phandle[0]);
	fb_end(&b);
	fb_end(&b);
	fb_end(&b);
	fb_node(&b, "plic");
	fb_string(&b, "compatible", plic_model.compatible);
	FB_CELLS(&b, "reg", INTC_PA, plic_model.size);
	FB_CELLS(&b, "#interrupt-cells", 1);
	FB_CELLS(&b, "phandle", 1);
	if (!with_plic)
		fb_string(&b, "status", "disabled");
	plic_model.describe(&b, phandle);
	fb_end(&b);
	fb_node(&b, "dice");
	fb_string(&b, "compatible", "acme,dice");
	FB_CELLS(&b, "reg", PA, 0x100);
	FB_CELLS(&b, "interrupt-parent", 1);
	FB_CELLS(&b, "interrupts", LINE);
	fb_end(&b);
	fb_end(&b);
	REQUIRE(!fb_open(&b, &tree));
	plic_model.reset(ktest_seed());
	io_model_add(INTC_PA, plic_model.size, &plic_model.io);
	io_model_add(PA, 0x1000, &die);
	arch_bed_run(with_plic ? interrupted : polled);
	reclaim();
	io_model_remove(PA);
	io_model_remove(INTC_PA);
}

KTEST(example_driver, by_interrupts)
{
	run(true);
}

KTEST(example_driver, polled)
{
	run(false);
}
