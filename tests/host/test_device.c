/*
 * The driver model on trees made for it: what is a device, who waits for whom, what
 * a driver that fails leaves behind. Drivers of the tests' own: a controller, and a
 * device that takes one of each that can be had.
 */
#include <string.h>

#include <drivers/device.h>
#include <kernel/ktest.h>
#include <lib/errno.h>
#include <mm/fail.h>
#include <mm/reclaim.h>
#include <mm/zone.h>

#include "../unit/arch_bed.h"
#include "../unit/test_fdt_build.h"

#define AT 0x40000000u

static struct fb b;
static struct fdt tree;
static char order[64];	/* of what was given back */
static unsigned broken; /* times that a broken controller was probed */

/* --- a controller that takes any line --- */

#define LINES 8

struct controller {
	struct irq_chip chip;
	struct irq *line[LINES];
	unsigned on; /* lines, a bit each */
};

static int translate(struct irq_chip *c, const struct fdt_irq *what,
		     unsigned *line, enum irq_trigger *trigger)
{
	(void)trigger;
	*line = what->cell[0];
	return *line < c->lines ? 0 : -EINVAL;
}

static int enable(struct irq_chip *c, unsigned line, enum irq_trigger trigger,
		  unsigned cpu)
{
	struct controller *t = container_of(c, struct controller, chip);

	(void)trigger;
	(void)cpu;
	t->on |= 1u << line;
	return line == 7 ? -ENXIO : 0;
}

static void disable(struct irq_chip *c, unsigned line)
{
	container_of(c, struct controller, chip)->on &= ~(1u << line);
}

static bool handle(struct irq_chip *c)
{
	irq_raised(c, 1);
	return true;
}

static void remove_controller(void *arg)
{
	irq_chip_remove(arg);
}

static bool ignore(void *arg)
{
	(void)arg;
	return true;
}

static int probe_controller(struct device *d)
{
	static const struct irq_chip_ops ops = {translate, enable, disable,
						handle};
	struct controller *c = device_alloc(d, sizeof(*c));

	if (!c)
		return d->error;
	/* One that is interrupted by another. */
	if (fdt_get(d->tree, d->node, "interrupts", NULL) &&
	    device_irq(d, 0, ignore, NULL))
		return d->error;
	if (fdt_get(d->tree, d->node, "broken", NULL)) {
		broken++;
		return device_fail(d, -EIO, "it is broken");
	}
	c->chip = (struct irq_chip){.name = d->name,
				    .node = d->node,
				    .lines = LINES,
				    .ops = &ops,
				    .line = c->line};
	if (irq_chip_add(&c->chip, 0))
		return device_fail(d, -EBUSY, "a hart has another");
	return device_release(d, remove_controller, &c->chip);
}

static const char *const controllers[] = {"test,controller", NULL};
DRIVER(test_controller, controllers, probe_controller, NULL);

/* --- a device that has one of each --- */

static void note(void *arg)
{
	strcat(order, arg);
}

static int probe_all(struct device *d)
{
	static char a[] = "a", b_[] = "b", c[] = "c";

	if (device_release(d, note, a) || !device_mmio(d, 0, 0) ||
	    device_release(d, note, b_) || !device_alloc(d, 100) ||
	    device_irq(d, 0, ignore, d) || device_release(d, note, c))
		return d->error;
	return fdt_get(d->tree, d->node, "broken", NULL) ? -EIO : 0;
}

static void remove_all(struct device *d)
{
	(void)d;
	strcat(order, "r");
}

static const char *const ones[] = {"test,one-of-each", "test,other", NULL};
DRIVER(test_all, ones, probe_all, remove_all);

static int probe_needs(struct device *d)
{
	return device_needs(d, "other") ? 0 : d->error;
}

static const char *const needing[] = {"test,needs", NULL};
DRIVER(test_needs, needing, probe_needs, NULL);

static int probe_empty(struct device *d)
{
	return device_alloc(d, 10) ? -ENODEV : d->error;
}

static const char *const empties[] = {"test,empty", NULL};
DRIVER(test_empty, empties, probe_empty, NULL);

/* --- trees --- */

static void node(const char *name, const char *compatible)
{
	fb_node(&b, name);
	if (compatible)
		fb_string(&b, "compatible", compatible);
}

static void controller(const char *name, uint32_t phandle)
{
	node(name, "test,controller");
	FB_CELLS(&b, "#interrupt-cells", 1);
	FB_CELLS(&b, "phandle", phandle);
}

static void one_of_each(const char *name, uint32_t parent, uint32_t line)
{
	node(name, "test,one-of-each");
	FB_CELLS(&b, "reg", AT, 16);
	FB_CELLS(&b, "interrupt-parent", parent);
	FB_CELLS(&b, "interrupts", line);
}

static bool begin(void)
{
	if (!fb_start(&b)) {
		ktest_skip("no memory");
		return false;
	}
	node("", "test,machine");
	FB_CELLS(&b, "#address-cells", 1);
	FB_CELLS(&b, "#size-cells", 1);
	order[0] = '\0';
	return true;
}

static bool find(void)
{
	fb_end(&b);
	return !fb_open(&b, &tree) && !devices_find(&tree);
}

/* --- tests --- */

KTEST(device, what_is_one)
{
	static const char *const expected[] = {"plain",	    "bus-child",
					       "nested",    "deep",
					       "me?mory??", "with-cpus"};
	unsigned i = 0;

	if (!begin())
		return;
	for (const char *const *s =
		     (const char *const[]){"cpus", "memory@0", "chosen",
					   "aliases", "reserved-memory", NULL};
	     *s; s++) {
		node(*s, "test,x");
		node("below", "test,x");
		fb_end(&b);
		fb_end(&b);
	}
	node("plain", "test,x");
	fb_end(&b);
	node("nothing", NULL);
	fb_end(&b);
	node("bus", "simple-bus");
	node("bus-child", "test,x");
	node("nested", "test,x");
	fb_end(&b);
	fb_end(&b);
	node("off", "test,x");
	fb_string(&b, "status", "disabled");
	fb_end(&b);
	fb_end(&b);
	node("bus-off", "simple-bus");
	fb_string(&b, "status", "disabled");
	node("unseen", "test,x");
	fb_end(&b);
	fb_end(&b);
	for (unsigned n = 0; n < FDT_MAX_DEPTH - 1; n++)
		node("level", NULL);
	node("deep", "test,x");
	for (unsigned n = 0; n < FDT_MAX_DEPTH; n++)
		fb_end(&b);
	node("me\033mory\n\377", "test,x");
	fb_end(&b);
	node("bus", NULL);
	node("with-cpus", "test,x");
	node("cpus", NULL);
	fb_end(&b);
	fb_end(&b);
	fb_end(&b);
	REQUIRE(find());
	for (; device_at(i); i++) {
		REQUIRE(i < ARRAY_SIZE(expected));
		EXPECT(!strcmp(device_at(i)->name, expected[i]));
		EXPECT(device_of(device_at(i)->node) == device_at(i));
		EXPECT(device_named(expected[i]) == device_at(i));
	}
	EXPECT_EQ(i, ARRAY_SIZE(expected));
	EXPECT(!device_of(fdt_root(&tree)));
	devices_forget();
	EXPECT(!device_at(0));
}

static void probe_in_order(void)
{
	struct device *d, *c;

	REQUIRE(find());
	d = device_named("user");
	c = device_named("irqs");
	EXPECT_EQ(devices_probe(), 2);
	EXPECT(d->state == DEVICE_BOUND && c->state == DEVICE_BOUND);
	EXPECT_EQ(device_named("empty")->state, DEVICE_IDLE);
	EXPECT_EQ(device_bind(device_named("empty")), -ENODEV);
	EXPECT_EQ(device_bind(d), 0);
	EXPECT_EQ(device_unbind(c), -EBUSY);
	EXPECT(!order[0]);
	for (unsigned i = 0; i < 1000; i++) {
		order[0] = '\0';
		EXPECT_EQ(device_unbind(d), 0);
		EXPECT(!strcmp(order, "rcba"));
		EXPECT(list_empty(&d->resources));
		EXPECT_EQ(device_unbind(d), -ENODEV);
		if (i % 2)
			EXPECT_EQ(device_unbind(c), 0);
		EXPECT_EQ(device_bind(d), 0);
		EXPECT_EQ(c->state, DEVICE_BOUND);
	}
	devices_forget();
}

/* Runs body on live tables; all memory is back afterwards. */
static void run(void (*body)(void))
{
	uint64_t before;

	reclaim();
	before = zone_used_frames();
	arch_bed_run(body);
	reclaim();
	EXPECT_EQ(zone_used_frames(), before);
}

KTEST(device, controllers_come_first_and_go_last)
{
	if (!begin())
		return;
	one_of_each("user", 1, 3);
	fb_end(&b);
	node("empty", "test,empty");
	fb_end(&b);
	controller("irqs", 1);
	fb_end(&b);
	run(probe_in_order);
}

static void fail_everywhere(void)
{
	struct device *d;
	uint64_t n = 0;
	int err;

	REQUIRE(find());
	d = device_named("user");
	do {
		fail_arm(++n, false);
		err = device_bind(d);
		fail_arm(0, false);
		EXPECT(!err || err == -ENOMEM || err == -EAGAIN);
		EXPECT_EQ(d->state, err ? DEVICE_FAILED : DEVICE_BOUND);
		EXPECT(list_empty(&d->resources) == !!err);
		if (!err)
			break;
		/* The controller may have failed in its place. */
		devices_unbind();
		REQUIRE(n < 100);
		device_named("irqs")->state = DEVICE_IDLE;
	} while (true);
	EXPECT(n > 6);
	devices_forget();
	for (n = 1; n < 100; n++) {
		fail_arm(n, false);
		err = devices_find(&tree);
		fail_arm(0, false);
		if (!err)
			break;
		EXPECT_EQ(err, -ENOMEM);
		EXPECT(!device_at(0));
	}
	devices_forget();
}

KTEST(device, each_allocation_may_fail)
{
	if (!begin())
		return;
	controller("irqs", 1);
	fb_end(&b);
	one_of_each("user", 1, 3);
	fb_end(&b);
	run(fail_everywhere);
}

static void none_works(void)
{
	static const struct {
		const char *name;
		int error;
		const char *why;
	} expected[] = {
		{"itself", -EAGAIN, "does not work"},
		{"egg", -EAGAIN, "does not work"},
		{"hen", -EAGAIN, "does not work"},
		{"broken", -EIO, "it is broken"},
		{"of-broken", -EAGAIN, "broken does not work"},
		{"of-nobody", -ENXIO, "can't come"},
		{"of-off", -ENXIO, "can't come"},
		{"wrong-line", -EINVAL, "makes no sense"},
		{"wrong-hart", -ENXIO, "can't come"},
		{"second", -EBUSY, "first has it"},
		{"fails", -EIO, ""},
		{"no-irq", -ENOENT, "there is none"},
		{"no-reg", -ENOENT, "reg 0"},
		{"needs-nobody", -ENOENT, "names no device"},
		{"needs-broken", -ENXIO, "broken does not work"},
		{"needs-itself", -ENXIO, "does not work"},
	};

	REQUIRE(find());
	broken = 0;
	EXPECT_EQ(devices_probe(), 2);
	EXPECT_EQ(broken, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(expected); i++) {
		const struct device *d = device_named(expected[i].name);

		REQUIRE(d);
		if (d->state != DEVICE_FAILED ||
		    d->error != expected[i].error ||
		    !strstr(d->why, expected[i].why) ||
		    !list_empty(&d->resources))
			ktest_fail(__FILE__, __LINE__, "%s: error %d, %s",
				   d->name, d->error, d->why);
	}
	devices_forget();
}

static void with_parent(const char *name, uint32_t parent, uint32_t line)
{
	one_of_each(name, parent, line);
	fb_end(&b);
}

static void needs(const char *name, uint32_t phandle, uint32_t other)
{
	node(name, "test,needs");
	FB_CELLS(&b, "phandle", phandle);
	FB_CELLS(&b, "other", other);
	fb_end(&b);
}

static void looping(const char *name, uint32_t phandle, uint32_t parent)
{
	controller(name, phandle);
	FB_CELLS(&b, "interrupt-parent", parent);
	FB_CELLS(&b, "interrupts", 1);
	fb_end(&b);
}

KTEST(device, what_can_not_work_says_why)
{
	if (!begin())
		return;
	controller("irqs", 1);
	fb_end(&b);
	looping("itself", 2, 2);
	looping("egg", 3, 4);
	looping("hen", 4, 3);
	controller("broken", 5);
	fb_flag(&b, "broken");
	fb_end(&b);
	controller("off", 6);
	fb_string(&b, "status", "disabled");
	fb_end(&b);
	with_parent("of-broken", 5, 1);
	with_parent("of-nobody", 99, 1);
	with_parent("of-off", 6, 1);
	with_parent("wrong-line", 1, LINES);
	with_parent("wrong-hart", 1, 7);
	/* It has its registers, so that the other is refused only its line. */
	node("first", "test,one-of-each");
	FB_CELLS(&b, "reg", AT + 0x1000, 16);
	FB_CELLS(&b, "interrupt-parent", 1);
	FB_CELLS(&b, "interrupts", 2);
	fb_end(&b);
	with_parent("second", 1, 2);
	one_of_each("fails", 1, 3);
	fb_flag(&b, "broken");
	fb_end(&b);
	node("no-irq", "test,one-of-each");
	FB_CELLS(&b, "reg", AT, 16);
	fb_end(&b);
	node("no-reg", "test,one-of-each");
	fb_end(&b);
	needs("needs-nobody", 20, 98);
	needs("needs-broken", 21, 5);
	needs("needs-itself", 22, 22);
	run(none_works);
}

/* A chain of controllers longer than the stack shall bear. */
static void chain_ends(void)
{
	REQUIRE(find());
	devices_probe();
	EXPECT_EQ(device_at(0)->state, DEVICE_FAILED);
	devices_forget();
}

KTEST(device, a_long_chain_is_refused)
{
	char name[] = "c00";

	if (!begin())
		return;
	for (uint32_t i = 1; i < 40; i++) {
		name[1] = (char)('0' + i / 10);
		name[2] = (char)('0' + i % 10);
		looping(name, i, i + 1);
	}
	controller("last", 40);
	fb_end(&b);
	run(chain_ends);
}

/* They are found on the way through the tree, and must be those that a search from
 * the device finds. */
KTEST(device, interrupt_parents_are_those_of_the_tree)
{
	if (!begin())
		return;
	FB_CELLS(&b, "interrupt-parent", 1);
	controller("irqs", 1);
	node("of-irqs", "test,x");
	fb_end(&b);
	fb_end(&b);
	controller("gpio", 2);
	node("of-gpio", "test,x");
	node("too", "test,x");
	fb_end(&b);
	fb_end(&b);
	node("of-irqs-again", "test,x");
	FB_CELLS(&b, "interrupt-parent", 1);
	node("as-above", "test,x");
	fb_end(&b);
	fb_end(&b);
	fb_end(&b);
	node("bus", "simple-bus");
	FB_CELLS(&b, "interrupt-parent", 2);
	node("of-bus", "test,x");
	fb_end(&b);
	fb_end(&b);
	node("of-root", "test,x");
	fb_end(&b);
	REQUIRE(find());
	EXPECT_EQ(device_named("of-gpio")->irq_parent, 2);
	EXPECT_EQ(device_named("too")->irq_parent, 2);
	EXPECT_EQ(device_named("as-above")->irq_parent, 1);
	EXPECT_EQ(device_named("of-bus")->irq_parent, 2);
	EXPECT_EQ(device_named("of-root")->irq_parent, 1);
	for (unsigned i = 0; device_at(i); i++) {
		const struct device *d = device_at(i);

		EXPECT_EQ(device_of_phandle(d->irq_parent)->node,
			  fdt_irq_parent(&tree, d->node));
	}
	devices_forget();
}
