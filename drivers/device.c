/*
 * Devices, their drivers and what they hold: <drivers/device.h>. What a device
 * holds is a list of resources, each of which knows how to be given back; the list
 * is undone from its newest end.
 *
 *	IDLE --bind--> PROBING --> BOUND --unbind--> IDLE
 *	  ^		  |
 *	  +---- -ENODEV --+------> FAILED --bind--> PROBING
 *
 * A device that needs another binds that first, unless it has failed already: one
 * broken controller is told of once, not by each of its devices.
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
	if (!dma_device_idle(&d->dma))
		pr_err("%s: the device may still write to memory that it was "
		       "lent; that is lost\n",
		       d->name);
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
	else if (err == -ENOMEM)
		device_fail(d, err, "%s: no memory for it", what);
	else
		device_fail(d, err, "%s: %s", what, fdt_strerror(err));
	kfree(r);
	return NULL;
}

struct mmio *device_mmio(struct device *d, unsigned i, unsigned flags)
{
	struct mmio_resource *r = new_resource(d, sizeof(*r));
	struct range reg;
	char what[16];
	int err;

	if (!r)
		return NULL;
	snprintf(what, sizeof(what), "reg %u", i);
	err = device_reg(d, i, &reg);
	if (!err)
		err = mmio_map(&r->mmio, reg.start, range_size(reg), flags,
			       d->name);
	return mapped(d, r, err, what);
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

/* Make it work, if nobody has tried so far. */
static bool works(struct device *d)
{
	if (d->state == DEVICE_IDLE)
		device_bind(d);
	return d->state == DEVICE_BOUND;
}

/* What fdt_irq() and irq_request() said. */
static int irq_failed(struct device *d, unsigned i, int err,
		      const struct device *parent, const char *owner)
{
	switch (err) {
	case -ENOENT:
		return device_fail(d, err, "interrupt %u: there is none", i);
	case -EAGAIN:
		return device_fail(d, err, "interrupt %u: %s does not work", i,
				   parent ? parent->name : "its controller");
	case -EBUSY:
		return device_fail(d, err, "interrupt %u: %s has it", i, owner);
	case -ENXIO:
		return device_fail(d, err, "interrupt %u: it can't come here",
				   i);
	}
	return device_fail(d, err, "interrupt %u: it makes no sense", i);
}

int device_irq(struct device *d, unsigned i, irq_handler handler, void *arg)
{
	struct device *parent = device_of_phandle(d->irq_parent);
	struct irq_resource *r;
	struct fdt_irq what;
	int err = fdt_irq(d->tree, d->node, parent ? parent->node : FDT_NONE, i,
			  &what);

	if (err)
		return irq_failed(d, i, err, NULL, NULL);
	parent = device_of(what.parent);
	if (!parent || !works(parent))
		return irq_failed(d, i, -EAGAIN, parent, NULL);
	r = new_resource(d, sizeof(*r));
	if (!r)
		return d->error;
	err = irq_request(&r->irq, &what, handler, arg, d->name);
	if (!err) {
		hold(d, &r->r, release_irq);
		return 0;
	}
	irq_failed(d, i, err, parent, r->irq.owner);
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

uint32_t device_u32(const struct device *d, const char *name, uint32_t other)
{
	uint32_t value;

	return fdt_get_u32(d->tree, d->node, name, &value) ? other : value;
}

struct device *device_needs(struct device *d, const char *property)
{
	struct device *other = device_of_phandle(device_u32(d, property, 0));

	if (other && works(other))
		return other;
	if (other)
		device_fail(d, -ENXIO, "%s: %s does not work", property,
			    other->name);
	else
		device_fail(d, -ENOENT, "%s: names no device", property);
	return NULL;
}

/* --- drivers --- */

static int probe(struct device *d)
{
	int err = 0;

	/* Masks of the one before are gone. */
	d->dma.reach = (struct range){0, UINT64_MAX};
	if (d->reads_dma)
		err = dma_device_read(&d->dma, d->tree, d->node);
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
		pr_err("%s: %s: does not work: %s (error %d)\n", d->name,
		       d->driver->name, *d->why ? d->why : "its driver failed",
		       -err);
	return err;
}

/* Is it the cache that makes others see memory which they have just now? */
static bool is_cache_in_use(const struct device *d)
{
	const struct dma_cache *c = dma_cache();
	const struct device *o;

	if (!c || c->name != d->name)
		return false;
	for (unsigned i = 0; (o = device_at(i)); i++)
		if (!o->dma.coherent && !dma_device_idle(&o->dma))
			return true;
	return false;
}

int device_unbind(struct device *d)
{
	struct irq_chip *chip = irq_chip_find(d->node);

	if (d->state != DEVICE_BOUND)
		return -ENODEV;
	if ((chip && irq_chip_in_use(chip)) || is_cache_in_use(d))
		return -EBUSY;
	if (d->driver->remove)
		d->driver->remove(d);
	release_all(d);
	d->state = DEVICE_IDLE;
	d->data = NULL;
	return 0;
}

static void probe_new(struct device *d)
{
	if (d->driver && d->state == DEVICE_IDLE)
		device_bind(d);
}

unsigned devices_probe(void)
{
	unsigned bound = 0;
	struct device *d;

	/* Caches first: without, devices that don't see them can do nothing. */
	for (unsigned i = 0; (d = device_at(i)); i++)
		if (fdt_get(d->tree, d->node, "cache-level", NULL))
			probe_new(d);
	for (unsigned i = 0; (d = device_at(i)); i++) {
		probe_new(d);
		bound += d->state == DEVICE_BOUND;
	}
	return bound;
}

void devices_unbind(void)
{
	unsigned left, before = UINT32_MAX, n = 0;

	while (device_at(n))
		n++;
	/* Controllers go after what they serve: as often as it takes. */
	for (left = n; left && left < before;) {
		before = left;
		left = 0;
		for (unsigned i = n; i--;)
			left += device_unbind(device_at(i)) == -EBUSY;
	}
}
