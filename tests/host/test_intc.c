/*
 * Drivers of interrupt controllers against models, on three harts that take turns:
 * devices raise their lines at random, harts that are interrupted serve, lines are
 * asked for and given back meanwhile, by any hart.
 *
 * What must hold: a handler runs on the hart that asked, for a line that has one,
 * and is told of each request; and when no hart is interrupted, no line that has
 * a handler asks. So a line that died, one that another hart has, and one that
 * was to be off are all seen.
 */
#include <string.h>

#include <arch/irq.h>
#include <drivers/device.h>
#include <kernel/ktest.h>
#include <lib/errno.h>
#include <lib/rng.h>
#include <mm/reclaim.h>

#include "host_bed.h"
#include "intc_model.h"

static struct intc *model;
static struct fdt tree;
static struct device *intc;
static struct rng rng;
static uint64_t left;
static bool taking;	 /* a hart asks for a line, or gives one back */
static unsigned serving; /* harts that are interrupted */
static unsigned working; /* harts that have steps to take */

struct line {
	struct irq irq;
	unsigned cpu;
	bool raised;	 /* the device asks */
	bool low;	 /* it does so by a low level */
	unsigned served; /* times */
};
static struct line lines[INTC_LINES];

static void set_input(unsigned line, bool raised)
{
	lines[line].raised = raised;
	model->input(line, raised != lines[line].low);
}

static bool serve(void *arg)
{
	struct line *l = arg;

	EXPECT(l->irq.chip && l->cpu == arch_cpu());
	EXPECT(l->raised);
	l->served++;
	set_input((unsigned)(l - lines), false);
	return true;
}

/* A hart is interrupted when it may be. */
static void take_interrupts(void)
{
	unsigned n = 0;

	serving++;
	while (model->wire(arch_cpu()) && ++n < 1000) {
		uint64_t flags = arch_irq_save();

		kernel_external();
		arch_irq_restore(flags);
	}
	EXPECT(n < 1000);
	serving--;
}

static struct fdt_irq described(unsigned line)
{
	struct fdt_irq what = {intc->node, model->cells, {line}};

	if (model->cells == 2)
		what.cell[1] = aplic_edge(line) ? 1 : lines[line].low ? 8 : 4;
	return what;
}

static void ask(unsigned line)
{
	struct line *l = &lines[line];
	struct fdt_irq what = described(line);
	int err;

	l->cpu = arch_cpu();
	l->low = model == &aplic_model && !aplic_edge(line) && line % 3 == 0;
	what = described(line);
	set_input(line, l->raised && !(model->cells == 2 && aplic_edge(line)));
	err = irq_request(&l->irq, &what, serve, l, "test");
	EXPECT_EQ(err, model->cells == 2 && aplic_kept(line) ? -EINVAL : 0);
}

static void step(void)
{
	unsigned line = 1 + (unsigned)rng_below(&rng, INTC_LINES - 1);
	struct line *l = &lines[line];

	switch (rng_below(&rng, 4)) {
	case 0:
		if (taking)
			break;
		taking = true;
		if (l->irq.chip)
			irq_free(&l->irq);
		else
			ask(line);
		taking = false;
		break;
	case 1:
		/* An edge that comes while its line is asked for may count
		 * or not. */
		if (!l->raised && !taking)
			set_input(line, true);
		break;
	default:
		take_interrupts();
	}
	harts_yield();
}

static void all_served(void)
{
	for (unsigned cpu = 0; cpu < INTC_HARTS; cpu++)
		if (model->wire(cpu))
			return;
	for (unsigned i = 1; i < INTC_LINES; i++)
		if (lines[i].irq.chip && lines[i].raised) {
			ktest_fail(__FILE__, __LINE__, "line %u is dead", i);
			left = 0;
			return;
		}
}

static void hart(void)
{
	while (left) {
		left--;
		step();
		/* They may have given way to others in the midst of it. */
		if (!taking && !serving)
			all_served();
	}
}

static void describe_hart(struct fb *b, const char *name, uint32_t hartid,
			  uint32_t phandle)
{
	fb_node(b, name);
	FB_CELLS(b, "reg", hartid);
	fb_node(b, "interrupt-controller");
	fb_flag(b, "interrupt-controller");
	FB_CELLS(b, "#interrupt-cells", 1);
	FB_CELLS(b, "phandle", phandle);
	fb_end(b);
	fb_end(b);
}

static struct fb builder;

/* What was unmapped is really gone, for the next machine's tables. */
static void run_harts(void (*const harts[])(void))
{
	host_bed_run(INTC_HARTS, 0, ktest_seed(), harts);
	reclaim();
}

/* Memory for trees: once in a test. */
static bool have_room(void)
{
	if (fb_start(&builder))
		return true;
	ktest_skip("no memory");
	return false;
}

/* Hart ids as the native machine has them (arch_bed.c), and one more. */
static bool make_tree(const char *wrong, uint32_t value)
{
	static const uint32_t phandle[] = {17, 11, 19, 10};
	struct fb b = builder;

	fb_restart(&b);
	fb_node(&b, "");
	FB_CELLS(&b, "#address-cells", 1);
	FB_CELLS(&b, "#size-cells", 1);
	fb_node(&b, "cpus");
	FB_CELLS(&b, "#address-cells", 1);
	FB_CELLS(&b, "#size-cells", 0);
	describe_hart(&b, "cpu@0", 0, phandle[3]);
	describe_hart(&b, "cpu@1", 1, phandle[1]);
	describe_hart(&b, "cpu@7", 7, phandle[0]);
	describe_hart(&b, "cpu@5a", 90, phandle[2]);
	fb_end(&b);
	fb_node(&b, "intc@c000000");
	fb_string(&b, "compatible", model->compatible);
	if (wrong)
		FB_CELLS(&b, wrong, value);
	FB_CELLS(&b, "reg", INTC_PA, model->size);
	model->describe(&b, phandle);
	fb_end(&b);
	fb_end(&b);
	return !fb_open(&b, &tree);
}

static void first(void)
{
	host_bed_enter();
	EXPECT_EQ(devices_find(&tree), 0);
	EXPECT_EQ(devices_probe(), 1);
	intc = device_at(0);
	if (intc->state != DEVICE_BOUND)
		left = 0;
	hart();
	while (working)
		arch_relax();
	for (unsigned i = 1; i < INTC_LINES; i++)
		irq_free(&lines[i].irq);
	for (unsigned cpu = 0; cpu < INTC_HARTS; cpu++)
		EXPECT(!model->wire(cpu));
	devices_forget();
}

static void wait_and_run(void)
{
	host_bed_enter();
	while (left && !(intc && intc->state == DEVICE_BOUND))
		arch_relax();
	hart();
	working--;
}

static void random_steps(struct intc *m)
{
	static void (*const harts[INTC_HARTS])(void) = {first, wait_and_run,
							wait_and_run};
	uint64_t served = 0;

	model = m;
	if (!have_room())
		return;
	REQUIRE(make_tree(NULL, 0));
	rng = rng_seed(ktest_seed());
	left = ktest_ops() / 10;
	intc = NULL;
	working = INTC_HARTS - 1;
	memset(lines, 0, sizeof(lines));
	m->reset(rng_next(&rng));
	io_model_add(INTC_PA, m->size, &m->io);
	run_harts(harts);
	io_model_remove(INTC_PA);
	EXPECT_EQ(m->faults, 0);
	for (unsigned i = 1; i < INTC_LINES; i++)
		served += lines[i].served;
	EXPECT(served > ktest_ops() / 2000);
}

KTEST(plic, what_devices_ask_for_is_served_on_three_harts)
{
	random_steps(&plic_model);
}

KTEST(aplic, what_devices_ask_for_is_served_on_three_harts)
{
	random_steps(&aplic_model);
}

/* --- trees and controllers that make no sense --- */

static const struct {
	struct intc *model;
	const char *property;
	uint32_t value;
	int error;
	const char *why; /* part of it */
} refusals[] = {
	{&plic_model, "riscv,ndev", 0, -EINVAL, "riscv,ndev"},
	{&plic_model, "riscv,ndev", 1024, -EINVAL, "riscv,ndev"},
	{&plic_model, "riscv,ndev", UINT32_MAX, -EINVAL, "riscv,ndev"},
	{&plic_model, "interrupts-extended", 11, -EINVAL, "malformed"},
	{&plic_model, "reg", 0, -EINVAL, "malformed"},
	{&aplic_model, "riscv,num-sources", 0, -EINVAL, "num-sources"},
	{&aplic_model, "riscv,num-sources", 1024, -EINVAL, "num-sources"},
	{&aplic_model, "interrupts-extended", 11, -EINVAL, "malformed"},
	{&aplic_model, "msi-parent", 1, -EOPNOTSUPP, "messages"},
};

static void refused(unsigned i)
{
	const struct device *d;

	model = refusals[i].model;
	REQUIRE(make_tree(refusals[i].property, refusals[i].value));
	EXPECT_EQ(devices_find(&tree), 0);
	d = device_at(0);
	EXPECT_EQ(device_bind(device_at(0)), refusals[i].error);
	EXPECT_EQ(d->state, DEVICE_FAILED);
	EXPECT_EQ(d->error, refusals[i].error);
	if (!strstr(d->why, refusals[i].why))
		ktest_fail(__FILE__, __LINE__, "case %u: %s", i, d->why);
	EXPECT(list_empty(&d->resources));
	EXPECT(!irq_chip_find(d->node));
	devices_forget();
}

/* Registers that end before those of our contexts do. */
static void too_small(struct intc *m)
{
	uint32_t size = m->size;

	model = m;
	m->size = m == &plic_model ? 0x207000 : 0x4060;
	REQUIRE(make_tree(NULL, 0));
	EXPECT_EQ(devices_find(&tree), 0);
	EXPECT_EQ(device_bind(device_at(0)), -EINVAL);
	EXPECT(strstr(device_at(0)->why, "too small"));
	devices_forget();
	m->size = size;
}

static void all_refusals(void)
{
	host_bed_enter();
	for (unsigned i = 0; i < ARRAY_SIZE(refusals); i++)
		refused(i);
	too_small(&plic_model);
	too_small(&aplic_model);
}

KTEST(plic, trees_that_make_no_sense_are_refused)
{
	static void (*const harts[INTC_HARTS])(void) = {
		all_refusals, host_bed_enter, host_bed_enter};

	if (have_room())
		run_harts(harts);
}

/* A controller that names lines it does not have, for ever. */
static uint64_t all_ones(void *ctx, size_t offset, unsigned bits)
{
	(void)ctx;
	(void)offset;
	return bits == 32 ? UINT32_MAX : 0;
}

static void ignore(void *ctx, size_t offset, unsigned bits, uint64_t v)
{
	(void)ctx;
	(void)offset;
	(void)bits;
	(void)v;
}

static void broken(struct intc *m)
{
	struct io_model io = {all_ones, ignore, NULL};
	struct fdt_irq what;
	uint64_t flags, before = irq_spurious();
	struct irq i;
	int err;

	model = m;
	memset(lines, 0, sizeof(lines));
	REQUIRE(make_tree(NULL, 0));
	io_model_add(INTC_PA, m->size, &io);
	EXPECT_EQ(devices_find(&tree), 0);
	intc = device_at(0);
	EXPECT_EQ(device_bind(intc), 0);
	what = described(2);
	err = irq_request(&i, &what, serve, &lines[2], "test");
	EXPECT_EQ(err, m == &plic_model ? 0 : -EINVAL);
	flags = arch_irq_save();
	kernel_external();
	arch_irq_restore(flags);
	EXPECT(irq_spurious() > before);
	EXPECT_EQ(device_unbind(intc), m == &plic_model ? -EBUSY : 0);
	irq_free(&i);
	devices_forget();
	io_model_remove(INTC_PA);
}

static void all_broken(void)
{
	host_bed_enter();
	broken(&plic_model);
	broken(&aplic_model);
}

KTEST(plic, a_controller_that_lies_does_no_harm)
{
	static void (*const harts[INTC_HARTS])(void) = {
		all_broken, host_bed_enter, host_bed_enter};

	if (have_room())
		run_harts(harts);
}
