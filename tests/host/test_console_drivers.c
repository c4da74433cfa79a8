/*
 * The console's port, ways to end the machine and the clock, as devices of a tree,
 * with models at their addresses.
 */
#include <string.h>

#include <drivers/device.h>
#include <drivers/sifive_test.h>
#include <kernel/console_input.h>
#include <kernel/date.h>
#include <kernel/ktest.h>
#include <kernel/machine_exit.h>
#include <lib/errno.h>
#include <mm/reclaim.h>

#include "../unit/arch_bed.h"
#include "../unit/test_fdt_build.h"
#include "uart_model.h"

#define PORT  0x10000000u
#define BLOCK 0x100000u
#define LINES 8
#define LINE  5

static struct fb blob;
static struct fdt tree;

static void begin_tree(void)
{
	fb_restart(&blob);
	fb_node(&blob, "");
	FB_CELLS(&blob, "#address-cells", 1);
	FB_CELLS(&blob, "#size-cells", 1);
	FB_CELLS(&blob, "interrupt-parent", 1);
}

/* Open it and probe all; returns how many work. */
static unsigned probe_tree(void)
{
	fb_end(&blob);
	EXPECT_EQ(fb_open(&blob, &tree), 0);
	EXPECT_EQ(devices_find(&tree), 0);
	return devices_probe();
}

static void run(void (*body)(void))
{
	REQUIRE(fb_start(&blob));
	arch_bed_run(body);
}

/* Windows that are spare would outlive these tables. */
static void end_tree(void)
{
	devices_forget();
	reclaim();
}

/* --- a port --- */

static const struct console_device *port;
static unsigned changes;

static void changed(const struct console_device *d)
{
	port = d;
	changes++;
}

static int translate(struct irq_chip *c, const struct fdt_irq *irq,
		     unsigned *line, enum irq_trigger *trigger)
{
	(void)c;
	(void)trigger;
	*line = irq->cell[0];
	return *line < LINES ? 0 : -EINVAL;
}

static int enable(struct irq_chip *c, unsigned line, enum irq_trigger trigger,
		  unsigned cpu)
{
	(void)c;
	(void)line;
	(void)trigger;
	(void)cpu;
	return 0;
}

static void disable(struct irq_chip *c, unsigned line)
{
	(void)c;
	(void)line;
}

static const struct irq_chip_ops chip_ops = {translate, enable, disable, NULL};
static struct irq *lines[LINES];
static struct irq_chip chip = {
	.name = "chip", .lines = LINES, .ops = &chip_ops, .line = lines};

static int probe_chip(struct device *d)
{
	chip.node = d->node;
	return irq_chip_add(&chip, 0); /* it is the test that calls */
}

static void remove_chip(struct device *d)
{
	(void)d;
	irq_chip_remove(&chip);
}

static const char *const chip_compatible[] = {"test,console-chip", NULL};
DRIVER(test_console_chip, chip_compatible, probe_chip, remove_chip);

static void add_port(const char *name, uint32_t at, uint32_t line)
{
	fb_node(&blob, name);
	FB_LIST(&blob, "compatible", "acme,uart\0snps,dw-apb-uart\0ns16550a");
	FB_CELLS(&blob, "reg", at, UART_WINDOW);
	FB_CELLS(&blob, "reg-shift", 2);
	FB_CELLS(&blob, "reg-io-width", 4);
	FB_CELLS(&blob, "interrupts", line);
	fb_end(&blob);
}

static void read_port(struct ns *n)
{
	static struct console_input in;
	const struct console_device *before = console_current();
	int c[2];

	in = (struct console_input){0};
	/* Away from where the bytes of the real console go. */
	container_of((struct console_device *)port, struct uart, console)
		->console.input = &in;
	console_input_interrupts(port, true);
	console_set(port);
	ns_arrive(n, 'x');
	if (ns_raised(n))
		irq_raised(&chip, LINE);
	c[0] = console_getc();
	c[1] = console_getc();
	console_set(before);
	EXPECT_EQ(c[0], 'x');
	EXPECT_EQ(c[1], -1);
	EXPECT_EQ(in.interrupts, 1);
}

/* The tree with two ports, the first the console's, on that line. */
static void port_by(uint32_t line, bool interrupts)
{
	struct ns n = {.bits = 32, .shift = 2, .dw = true, .depth = 16};

	begin_tree();
	fb_node(&blob, "chip");
	fb_string(&blob, "compatible", "test,console-chip");
	FB_CELLS(&blob, "phandle", 1);
	FB_CELLS(&blob, "#interrupt-cells", 1);
	fb_end(&blob);
	add_port("serial@10000000", PORT, line);
	add_port("serial@20000000", 0x20000000, 6); /* no model: not touched */
	fb_end(&blob);
	EXPECT_EQ(fb_open(&blob, &tree), 0);
	io_model_add(PORT, UART_WINDOW, ns_begin(&n));
	changes = 0;
	uart_console_node(fdt_find(&tree, "/serial@10000000"), changed);
	EXPECT_EQ(devices_find(&tree), 0);
	EXPECT_EQ(devices_probe(), 2);
	EXPECT_EQ(changes, 1);
	EXPECT_EQ(n.ier, interrupts);
	EXPECT(!lines[LINE] == !interrupts);
	if (port && interrupts)
		read_port(&n);
	end_tree();
	EXPECT_EQ(changes, 2);
	EXPECT(!port);
	EXPECT_EQ(n.ier, 0);
	EXPECT(!lines[LINE]);
	EXPECT_EQ(n.faults, 0);
	uart_console_node(FDT_NONE, NULL);
	uart_model_end();
	io_model_remove(PORT);
}

static void ports(void)
{
	port_by(LINE, true);
	port_by(LINES, false); /* the controller has no such line: polled */
}

KTEST(console_drivers, port)
{
	run(ports);
}

/* --- registers that remember --- */

static struct {
	uint32_t reg[4];
	uint32_t written[8];
	unsigned n, reads;
} block;

static uint64_t block_read(void *ctx, size_t offset, unsigned bits)
{
	(void)ctx;
	block.reads++;
	return bits == 32 && offset < sizeof(block.reg) ? block.reg[offset / 4]
							: UINT64_MAX;
}

static void block_write(void *ctx, size_t offset, unsigned bits, uint64_t v)
{
	(void)ctx;
	(void)offset;
	if (block.n < ARRAY_SIZE(block.written))
		block.written[block.n++] =
			bits == 32 ? (uint32_t)v : UINT32_MAX;
}

static const struct io_model block_model = {block_read, block_write, NULL};

static void begin_block(void)
{
	memset(&block, 0, sizeof(block));
	io_model_add(BLOCK, sizeof(block.reg), &block_model);
}

static void add_block(const char *compatible, uint32_t size)
{
	fb_node(&blob, "block@100000");
	fb_prop(&blob, "compatible", compatible, size);
	FB_CELLS(&blob, "reg", BLOCK, sizeof(block.reg));
	FB_CELLS(&blob, "phandle", 7);
	fb_end(&blob);
}

#define ADD_BLOCK(list) add_block(list, sizeof(list))

/* By a syscon's register: NONE means no such property. */
#define NONE UINT32_MAX

static void add_syscon(const char *what, uint32_t regmap, uint32_t offset,
		       uint32_t value, uint32_t mask)
{
	static const char *const name[] = {"regmap", "offset", "value", "mask"};
	const uint32_t cell[] = {regmap, offset, value, mask};

	fb_node(&blob, what);
	fb_string(&blob, "compatible", what);
	for (unsigned i = 0; i < ARRAY_SIZE(name); i++)
		if (cell[i] != NONE)
			FB_CELLS(&blob, name[i], cell[i]);
	fb_end(&blob);
}

/* All that is written to end and to restart, in order. */
static void expect_written(const uint32_t *want, unsigned n)
{
	block.n = 0;
	machine_try_end(3);
	machine_try_restart();
	EXPECT_EQ(block.n, n);
	for (unsigned i = 0; i < n && i < block.n; i++)
		EXPECT_EQ(block.written[i], want[i]);
}

static void test_device(void)
{
	static const uint32_t early[] = {0x33333, 0x7777};
	static const uint32_t all[] = {0x33333, 0x5555, 0x1111, 0x7777};

	begin_tree();
	begin_block();
	ADD_BLOCK("sifive,test1\0sifive,test0\0syscon");
	add_syscon("syscon-poweroff", 7, 0, 0x5555, NONE);
	add_syscon("syscon-reboot", 7, 0, 0x1111, NONE);
	fb_end(&blob);
	EXPECT_EQ(fb_open(&blob, &tree), 0);
	sifive_test_early(&tree);
	expect_written(early, 2);
	EXPECT_EQ(devices_find(&tree), 0);
	EXPECT_EQ(devices_probe(), 3);
	block.reads = 0;
	/* Each once, the early one is gone. */
	expect_written(all, 4);
	EXPECT_EQ(block.reads, 0);
	block.n = 0;
	machine_try_end(0);
	EXPECT_EQ(block.written[0], 0x5555);
	end_tree();
	expect_written(NULL, 0);
	io_model_remove(BLOCK);
}

KTEST(console_drivers, test_device_and_syscon_share)
{
	run(test_device);
}

static void masks(void)
{
	static const uint32_t want[] = {0xaa55 ^ 0xb800, 0x40};

	begin_tree();
	begin_block();
	block.reg[2] = 0xaa55;
	ADD_BLOCK("syscon");
	add_syscon("syscon-poweroff", 7, 8, 0x1234, 0xff00);
	/* The old form: a mask, and all of the register is written. */
	add_syscon("syscon-reboot", 7, 4, NONE, 0x40);
	EXPECT_EQ(probe_tree(), 2);
	expect_written(want, 2);
	end_tree();
	io_model_remove(BLOCK);
}

KTEST(console_drivers, syscon_masks)
{
	run(masks);
}

static void refused(void)
{
	static const uint32_t bad[][4] = {
		{NONE, 0, 1, NONE}, {0, 0, 1, NONE},	 {8, 0, 1, NONE},
		{7, NONE, 1, NONE}, {7, 16, 1, NONE},	 {7, 13, 1, NONE},
		{7, 2, 1, NONE},    {7, 1u << 31, 1, 1}, {7, 0, NONE, NONE},
		{9, 0, 1, NONE},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		begin_tree();
		begin_block();
		ADD_BLOCK("acme,x\0syscon");
		fb_node(&blob, "other"); /* no syscon */
		fb_string(&blob, "compatible", "acme,other");
		FB_CELLS(&blob, "phandle", 9);
		FB_CELLS(&blob, "reg", 0x200000, 16);
		fb_end(&blob);
		add_syscon("syscon-poweroff", bad[i][0], bad[i][1], bad[i][2],
			   bad[i][3]);
		if (probe_tree())
			ktest_fail(__FILE__, __LINE__, "case %u", i);
		EXPECT(device_named("syscon-poweroff")->why[0] != '\0');
		expect_written(NULL, 0);
		end_tree();
		io_model_remove(BLOCK);
	}
}

KTEST(console_drivers, senseless_syscons_are_refused)
{
	run(refused);
}

/* --- the clock --- */

static uint64_t ticking, latched;

static uint64_t rtc_read(void *ctx, size_t offset, unsigned bits)
{
	(void)ctx;
	ticking += 7; /* it goes on between two reads */
	if (bits != 32 || offset > 4)
		return UINT64_MAX;
	if (offset)
		return latched >> 32;
	latched = ticking;
	return (uint32_t)latched;
}

static void clock(void)
{
	static const struct io_model model = {rtc_read, NULL, NULL};
	uint64_t ns = 0;

	EXPECT(!date_now(&ns));
	begin_tree();
	fb_node(&blob, "rtc@100000");
	fb_string(&blob, "compatible", "google,goldfish-rtc");
	FB_CELLS(&blob, "reg", BLOCK, 0x20);
	fb_end(&blob);
	/* Not before something answers. */
	EXPECT_EQ(probe_tree(), 0);
	EXPECT(!date_now(&ns));
	io_model_add(BLOCK, 0x20, &model);
	EXPECT_EQ(device_bind(device_at(0)), 0);
	/* The lower half is about to run over. */
	ticking = 0x12345677fffffff0u + 0x80000000u;
	EXPECT(date_now(&ns));
	EXPECT_EQ(ns, 0x12345677fffffff0u + 0x80000000u + 7);
	ticking = 0x12345677fffffffau;
	EXPECT(date_now(&ns));
	EXPECT_EQ(ns, 0x1234567800000001u);
	end_tree();
	EXPECT(!date_now(&ns));
	io_model_remove(BLOCK);
}

KTEST(console_drivers, clock_halves_belong_together)
{
	run(clock);
}
