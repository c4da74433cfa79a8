/*
 * Devices, their drivers and what they hold: <drivers/device.h>.
 *
 * All devices are one array, in the order of the tree, made once. What a device
 * holds is a list of resources, each of which knows how to be given back; the
 * list is undone from its newest end.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <drivers/device.h>
#include <kernel/printk.h>
#include <lib/errno.h>
#include <mm/kmalloc.h>

/* Drivers that wait for one another, deeper than any machine has them: a tree
 * must not decide how much stack we use. */
#define DEPTH_MAX 8

extern const struct driver __start_drivers[], __stop_drivers[];

static struct device *devices;
static unsigned ndevices;

/* --- resources --- */

struct resource {
	struct list link;
	void (*release)(struct resource *r);
};

struct mmio_resource {
	struct resource r;
	struct mmio mmio;
};

struct irq_resource {
	struct resource r;
	struct irq irq;
};

struct memory_resource {
	struct resource r;
	_Alignas(16) uint8_t bytes[];
};

struct call_resource {
	struct resource r;
	void (*fn)(void *arg);
	void *arg;
};

static void release_mmio(struct resource *r)
{
	mmio_unmap(&container_of(r, struct mmio_resource, r)->mmio);
}

static void release_irq(struct resource *r)
{
	irq_free(&container_of(r, struct irq_resource, r)->irq);
}

static void release_memory(struct resource *r)
{
	(void)r; /* it goes with the resource */
}

static void release_call(struct resource *r)
{
	const struct call_resource *c =
		container_of(r, struct call_resource, r);

	c->fn(c->arg);
}

static void *new_resource(struct device *d, size_t size)
{
	void *r = kzalloc(size, 0);

	if (!r)
		device_fail(d, -ENOMEM, "no memory");
	return r;
}

static void hold(struct device *d, struct resource *r,
		 void (*release)(struct resource *r))
{
	r->release = release;
	list_add(&d->resources, &r->link);
}

static void release_all(struct device *d)
{
	while (!list_empty(&d->resources)) {
		struct resource *r =
			list_entry(d->resources.next, struct resource, link);

		list_del(&r->link);
		r->release(r);
		kfree(r);
	}
}

int device_fail(struct device *d, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(d->why, sizeof(d->why), fmt, args);
	va_end(args);
	d->error = err;
	return err;
}

/* What mmio_map and its kin said. */
static struct mmio *mapped(struct device *d, struct mmio_resource *r, int err,
			   const char *what)
{
	if (!err) {
		hold(d, &r->r, release_mmio);
		return &r->mmio;
	}
	if (err == -EBUSY)
		device_fail(d, err, "%s: %s has it", what, r->mmio.owner);
	else
		device_fail(d, err, "%s: error %d", what, -err);
	kfree(r);
	return NULL;
}

struct mmio *device_mmio(struct device *d, unsigned i, unsigned flags)
{
	struct mmio_resource *r = new_resource(d, sizeof(*r));
	char what[16];

	if (!r)
		return NULL;
	snprintf(what, sizeof(what), "reg %u", i);
	return mapped(
		d, r,
		mmio_map_node(&r->mmio, d->tree, d->node, i, flags, d->name),
		what);
}

struct mmio *device_mmio_named(struct device *d, const char *name,
			       unsigned flags)
{
	struct mmio_resource *r = new_resource(d, sizeof(*r));

	if (!r)
		return NULL;
	return mapped(d, r,
		      mmio_map_named(&r->mmio, d->tree, d->node, name, flags,
				     d->name),
		      name);
}

int device_irq(struct device *d, unsigned i, irq_handler handler, void *arg)
{
	struct irq_resource *r;
	struct device *parent;
	struct fdt_irq what;
	int err = fdt_irq(d->tree, d->node, i, &what);

	if (err)
		return device_fail(d, err, "interrupt %u: error %d", i, -err);
	parent = device_of(what.parent);
	if (parent && parent->state != DEVICE_BOUND)
		device_bind(parent);
	r = new_resource(d, sizeof(*r));
	if (!r)
		return d->error;
	err = irq_request(&r->irq, &what, handler, arg, d->name);
	if (!err) {
		hold(d, &r->r, release_irq);
		return 0;
	}
	if (err == -EBUSY)
		device_fail(d, err, "interrupt %u: %s has it", i, r->irq.owner);
	else if (err == -EAGAIN)
		device_fail(d, err, "interrupt %u: %s does not work", i,
			    fdt_name(d->tree, what.parent));
	else
		device_fail(d, err, "interrupt %u: error %d", i, -err);
	kfree(r);
	return err;
}

void *device_alloc(struct device *d, size_t size)
{
	struct memory_resource *r = NULL;
	size_t all;

	if (__builtin_add_overflow(sizeof(*r), size, &all)) {
		device_fail(d, -ENOMEM, "no memory");
		return NULL;
	}
	r = new_resource(d, all);
	if (!r)
		return NULL;
	hold(d, &r->r, release_memory);
	return r->bytes;
}

int device_release(struct device *d, void (*fn)(void *arg), void *arg)
{
	struct call_resource *r = new_resource(d, sizeof(*r));

	if (!r) {
		fn(arg);
		return d->error;
	}
	r->fn = fn;
	r->arg = arg;
	hold(d, &r->r, release_call);
	return 0;
}

void device_each(const struct device *d,
		 void (*mmio)(void *ctx, const struct mmio *m),
		 void (*irq)(void *ctx, const struct irq *i), void *ctx)
{
	list_for_each (l, &d->resources) {
		struct resource *r = list_entry(l, struct resource, link);

		if (r->release == release_mmio)
			mmio(ctx,
			     &container_of(r, struct mmio_resource, r)->mmio);
		else if (r->release == release_irq)
			irq(ctx, &container_of(r, struct irq_resource, r)->irq);
	}
}

/* --- finding --- */

uint32_t device_u32(const struct device *d, const char *name, uint32_t other)
{
	uint32_t value;

	return fdt_get_u32(d->tree, d->node, name, &value) ? other : value;
}

struct device *device_of(fdt_node node)
{
	for (unsigned i = 0; i < ndevices; i++)
		if (devices[i].node == node)
			return &devices[i];
	return NULL;
}

struct device *device_at(unsigned i)
{
	return i < ndevices ? &devices[i] : NULL;
}

struct device *device_named(const char *name)
{
	for (unsigned i = 0; i < ndevices; i++)
		if (!strcmp(devices[i].name, name))
			return &devices[i];
	return NULL;
}

struct device *device_needs(struct device *d, const char *property)
{
	struct device *other = device_of(
		fdt_find_phandle(d->tree, device_u32(d, property, 0)));

	if (!other)
		device_fail(d, -ENOENT, "%s: names no device", property);
	else if (device_bind(other))
		device_fail(d, -ENXIO, "%s: %s does not work", property,
			    other->name);
	else
		return other;
	return NULL;
}

/* The driver for the first of the node's names that has one: they go from the most
 * special to the most general. */
static const struct driver *driver_for(const struct fdt *t, fdt_node n)
{
	uint32_t size;
	const void *list = fdt_get(t, n, "compatible", &size);
	const char *name;

	for (unsigned i = 0; list && (name = fdt_list_item(list, size, i)); i++)
		for (const struct driver *v = __start_drivers;
		     v < __stop_drivers; v++)
			for (const char *const *c = v->compatible; *c; c++)
				if (!strcmp(*c, name))
					return v;
	return NULL;
}

/* Not devices, nor is what is below. */
static bool passed_over(const struct fdt *t, fdt_node n, int depth)
{
	static const char *const name[] = {"cpus", "memory", "chosen",
					   "reserved-memory", "aliases"};

	if (!fdt_enabled(t, n))
		return true;
	for (unsigned i = 0; depth == 1 && i < ARRAY_SIZE(name); i++)
		if (fdt_name_is(t, n, name[i]))
			return true;
	return false;
}

/* Calls `each` for all nodes that are devices. */
static unsigned find(const struct fdt *t,
		     void (*each)(const struct fdt *t, fdt_node n, unsigned i))
{
	int depth = 0, skip = FDT_MAX_DEPTH + 1;
	unsigned count = 0;

	for (fdt_node n = fdt_next(t, fdt_root(t), &depth); n != FDT_NONE;
	     n = fdt_next(t, n, &depth)) {
		if (depth > skip)
			continue;
		skip = passed_over(t, n, depth) ? depth : FDT_MAX_DEPTH + 1;
		if (depth == skip || !fdt_get(t, n, "compatible", NULL) ||
		    fdt_compatible(t, n, "simple-bus"))
			continue;
		if (each)
			each(t, n, count);
		count++;
	}
	return count;
}

static void add(const struct fdt *t, fdt_node n, unsigned i)
{
	struct device *d = &devices[i];

	d->tree = t;
	d->node = n;
	d->name = fdt_name(t, n);
	d->driver = driver_for(t, n);
	list_init(&d->resources);
	dma_device_init(&d->dma, d->name);
}

int devices_find(const struct fdt *t)
{
	unsigned count = find(t, NULL);

	devices = kcalloc(count, sizeof(*devices), 0);
	if (!devices && count)
		return -ENOMEM;
	ndevices = count;
	find(t, add);
	return 0;
}

/* --- drivers --- */

static int probe(struct device *d)
{
	int err = dma_device_read(&d->dma, d->tree, d->node);

	d->error = 0;
	d->why[0] = '\0';
	d->data = NULL;
	if (err)
		return device_fail(d, err, "properties for DMA: error %d",
				   -err);
	return d->driver->probe(d);
}

int device_bind(struct device *d)
{
	static unsigned depth;
	int err;

	if (d->state == DEVICE_BOUND)
		return 0;
	if (!d->driver)
		return -ENODEV;
	if (d->state == DEVICE_PROBING || depth == DEPTH_MAX)
		return -ELOOP;
	d->state = DEVICE_PROBING;
	depth++;
	err = probe(d);
	depth--;
	d->error = err;
	if (err)
		release_all(d);
	d->state = !err		    ? DEVICE_BOUND
		   : err == -ENODEV ? DEVICE_IDLE
				    : DEVICE_FAILED;
	if (d->state == DEVICE_FAILED)
		pr_err("%s: %s: %s%s%s (error %d)\n", d->name, d->driver->name,
		       "does not work", *d->why ? ": " : "", d->why, -err);
	return err;
}

int device_unbind(struct device *d)
{
	struct irq_chip *chip = irq_chip_find(d->node);

	if (d->state != DEVICE_BOUND)
		return -ENODEV;
	if (chip && irq_chip_in_use(chip))
		return -EBUSY;
	if (d->driver->remove)
		d->driver->remove(d);
	release_all(d);
	d->state = DEVICE_IDLE;
	d->data = NULL;
	return 0;
}

unsigned devices_probe(void)
{
	unsigned bound = 0;

	for (unsigned i = 0; i < ndevices; i++)
		bound += devices[i].driver && !device_bind(&devices[i]);
	return bound;
}

void devices_forget(void)
{
	/* Controllers after what they serve: as often as it takes. */
	for (unsigned round = 0; round <= DEPTH_MAX; round++)
		for (unsigned i = ndevices; i--;)
			device_unbind(&devices[i]);
	kfree(devices);
	devices = NULL;
	ndevices = 0;
}
