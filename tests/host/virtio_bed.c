/* See virtio_bed.h. */
#include <string.h>

#include <drivers/device.h>
#include <host/clock.h>
#include <kernel/console.h>
#include <kernel/ktest.h>
#include <kernel/time.h>
#include <mm/reclaim.h>
#include <mm/zone.h>

#include "../unit/test_fdt_build.h"
#include "host_bed.h"
#include "virtio_bed.h"

#define CLOCK_STEP 1000 /* ticks from one look at the time to the next */
#define DISK_AT	   0x10001000u
#define RNG_AT	   0x10002000u
#define LINES	   4

static struct virtio_bed *bed;
static void (*test)(struct virtio_bed *b);
static struct fdt tree;
static struct irq *lines[LINES];
static const struct console_device *console_before;

/* --- an interrupt controller --- */

static bool enabled[LINES];

static int translate(struct irq_chip *c, const struct fdt_irq *irq,
		     unsigned *line, enum irq_trigger *trigger)
{
	(void)c;
	(void)trigger;
	*line = irq->cell[0];
	return *line && *line < LINES ? 0 : -22;
}

static int enable(struct irq_chip *c, unsigned line, enum irq_trigger trigger,
		  unsigned cpu)
{
	(void)c;
	(void)trigger;
	(void)cpu;
	enabled[line] = true;
	return 0;
}

static void disable(struct irq_chip *c, unsigned line)
{
	(void)c;
	enabled[line] = false;
}

static bool handle(struct irq_chip *c)
{
	const struct virtio_model *m[] = {&bed->disk, &bed->rng};
	bool any = false;

	for (unsigned i = 0; i < ARRAY_SIZE(m); i++)
		if (enabled[m[i]->line] && virtio_model_asks(m[i])) {
			irq_raised(c, m[i]->line);
			any = true;
		}
	return any;
}

static const struct irq_chip_ops chip_ops = {translate, enable, disable,
					     handle};
static struct irq_chip chip = {
	.name = "chip", .lines = LINES, .ops = &chip_ops, .line = lines};

static void remove_chip(void *arg)
{
	irq_chip_remove(arg);
}

static int probe_chip(struct device *d)
{
	int err;

	chip.node = d->node;
	err = irq_chip_add(&chip, 1);
	return err ? err : device_release(d, remove_chip, &chip);
}

static const char *const compatible[] = {"test,chip", NULL};
DRIVER(test_chip, compatible, probe_chip, NULL);

/* --- a console that keeps messages --- */

static void keep(const struct console_device *d, const char *s, size_t n)
{
	size_t used = strlen(bed->messages);

	(void)d;
	n = min_u64(n, sizeof(bed->messages) - 1 - used);
	memcpy(bed->messages + used, s, n);
	bed->messages[used + n] = '\0';
}

static int no_input(const struct console_device *d)
{
	(void)d;
	return -1;
}

static const struct console_device keeper = {
	.name = "keeper", .write = keep, .getc = no_input};

/* --- the bed --- */

struct device *bed_disk(void)
{
	return device_named("disk@10001000");
}

struct device *bed_rng(void)
{
	return device_named("rng@10002000");
}

static bool build_tree(const struct virtio_bed *b)
{
	static uint8_t blob[FB_SIZE] __attribute__((aligned(8)));
	static char names[FB_STRINGS];
	struct fb fb = {.blob = blob, .names = names};

	fb_restart(&fb);
	fb_node(&fb, "");
	FB_CELLS(&fb, "#address-cells", 1);
	FB_CELLS(&fb, "#size-cells", 1);
	FB_CELLS(&fb, "interrupt-parent", 1);
	fb_node(&fb, "chip");
	fb_string(&fb, "compatible", "test,chip");
	fb_flag(&fb, "interrupt-controller");
	FB_CELLS(&fb, "#interrupt-cells", 1);
	FB_CELLS(&fb, "phandle", 1);
	fb_end(&fb);
	fb_node(&fb, "disk@10001000");
	fb_string(&fb, "compatible", "virtio,mmio");
	FB_CELLS(&fb, "reg", DISK_AT, (uint32_t)b->reg_size);
	if (b->interrupt)
		FB_CELLS(&fb, "interrupts", b->interrupt);
	fb_end(&fb);
	fb_node(&fb, "rng@10002000");
	fb_string(&fb, "compatible", "virtio,mmio");
	FB_CELLS(&fb, "reg", RNG_AT, 0x200);
	FB_CELLS(&fb, "interrupts", 2);
	fb_end(&fb);
	fb_end(&fb);
	fb_finish(&fb);
	return !fdt_open(&tree, fb.blob, fb.size);
}

struct virtio_bed *virtio_bed(unsigned version)
{
	static struct virtio_bed the_bed;
	static uint8_t sectors[BED_SECTORS * SECTOR_SIZE];
	struct virtio_bed *b = &the_bed;
	struct virtio_model good = {
		.pa = DISK_AT,
		.version = version,
		.id = 2,
		.queue_most = 128,
		.features = 1u << 9,
		.chip = &chip,
		.line = 1,
		.sectors = BED_SECTORS,
		.block = 512,
		.rng = rng_seed(ktest_seed()),
	};

	*b = (struct virtio_bed){.reg_size = 0x200, .interrupt = 1};
	memset(sectors, 0x11, sizeof(sectors));
	b->disk = b->rng = good;
	b->rng.pa = RNG_AT;
	b->rng.id = 4;
	b->rng.line = 2;
	b->rng.features = 0;
	b->disk.disk = sectors;
	return b;
}

static void body(void)
{
	struct mmio_stats claims, after;
	uint64_t frames;

	host_bed_enter();
	if (bed->silent_console)
		console_set(&keeper);
	/* What stays for good is there before we count. */
	EXPECT_EQ(devices_find(&tree), 0);
	devices_probe();
	devices_forget();
	reclaim();
	mmio_stats(&claims);
	frames = zone_used_frames();

	virtio_model_end(&bed->disk);
	virtio_model_end(&bed->rng);
	bed->disk.completed = bed->rng.completed = 0;
	virtio_model_start(&bed->disk);
	virtio_model_start(&bed->rng);
	bed->messages[0] = '\0';
	EXPECT_EQ(devices_find(&tree), 0);
	test(bed);
	EXPECT_EQ(bed_disk()->dma.maps != 0, bed->keeps);
	EXPECT_EQ(bed_rng()->dma.maps, 0);
	devices_forget();
	mmio_stats(&after);
	reclaim();
	console_set(console_before);
	EXPECT_EQ(after.claims, claims.claims);
	EXPECT_EQ(zone_used_frames() != frames, bed->keeps);
	EXPECT_EQ(virtio_model_works(&bed->disk), bed->keeps);
	EXPECT(!virtio_model_works(&bed->rng));
	for (unsigned i = 0; i < LINES; i++)
		EXPECT(!lines[i] && !enabled[i]);
}

void virtio_bed_run(struct virtio_bed *b, uint64_t hz,
		    void (*fn)(struct virtio_bed *b))
{
	static void (*const harts[])(void) = {body};

	bed = b;
	test = fn;
	REQUIRE(build_tree(b));
	console_before = console_current();
	virtio_model_start(&b->disk);
	virtio_model_start(&b->rng);
	host_clock_step(CLOCK_STEP);
	time_init(hz);
	host_bed_run(1, 8, ktest_seed(), harts);
	time_init(0);
	host_clock_step(0);
	virtio_model_end(&b->disk);
	virtio_model_end(&b->rng);
}
