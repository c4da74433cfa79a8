/*
 * Devices of the device tree and their drivers.
 *
 * A driver is a table: names that a node may be compatible with, and a function
 * that makes a node of that kind work:
 *
 *	static int probe(struct device *d)
 *	{
 *		struct mmio *regs = device_mmio(d, 0, 0);
 *
 *		if (!regs)
 *			return d->error;
 *		...
 *		return 0;
 *	}
 *	static const char *const compatible[] = {"acme,widget", NULL};
 *	DRIVER(widget, compatible, probe, NULL);
 *
 * What probe() got by the device_* functions here belongs to the device and goes
 * with it, in reverse order: when probe() fails, or when the device is unbound.
 * So a driver has no paths for cleaning up.
 *
 * Order: devices_probe() goes through the nodes as the tree has them; a controller
 * that a device needs is probed before, at the moment when it is asked for
 * (device_irq, device_needs). That something is missing is an error for the driver
 * to judge: a console works without interrupts.
 *
 * All of this runs in one context: boot, then the shell. Handlers are called by
 * interrupts as <kernel/irq.h> says.
 */
#pragma once

#include <kernel/irq.h>
#include <lib/list.h>
#include <mm/dma.h>
#include <mm/mmio.h>

struct device;

struct driver {
	const char *name;
	const char *const *compatible; /* the last one is NULL */
	/*
	 * Make it work. 0, or a negative error, with the reason in d->why if
	 * device_fail() was called. -ENODEV: this node is not one of its after
	 * all (an empty slot, say): no error, the device stays idle.
	 */
	int (*probe)(struct device *d);
	/* Make it stop: no interrupts, no DMA from here on. NULL: nothing to do.
	 * Only after probe() had succeeded. */
	void (*remove)(struct device *d);
};

#define DRIVER(name_, compatible_, probe_, remove_)                       \
	static const struct driver driver_##name_                         \
		__attribute__((used, section("drivers"), aligned(8))) = { \
			#name_, compatible_, probe_, remove_}

enum device_state {
	DEVICE_IDLE,	/* there is no driver for it, or it is not probed yet */
	DEVICE_PROBING, /* its driver looks at it */
	DEVICE_BOUND,	/* it works */
	DEVICE_FAILED,	/* `error` and `why` */
};

#define DEVICE_NAME 48

struct device {
	const struct fdt *tree;
	fdt_node node;
	/* The node's: the first characters, a '?' for each that a console had
	 * better not print. */
	char name[DEVICE_NAME];
	const struct driver *driver; /* that takes it; NULL: there is none */
	enum device_state state;
	int error;    /* why it does not work, or the last call's */
	char why[80]; /* a sentence about it, "" if there is none; of a device
			 that works: what it has to do without */
	void *data;   /* the driver's */
	struct dma_device dma;
	/* private: */
	uint32_t phandle;      /* 0: none */
	uint32_t irq_parent;   /* as the tree has it, from the node upward */
	bool reads_dma;	       /* the tree tells how it reaches memory */
	struct list resources; /* newest first */
};

/*
 * Find all devices: enabled nodes with a `compatible`, on enabled buses, outside
 * /cpus and the like. Once, after kmalloc_init(). `t` must last. Returns 0 or
 * -ENOMEM.
 */
int devices_find(const struct fdt *t);

/* Probe all that were not probed yet. Returns how many devices work. */
unsigned devices_probe(void);

/* Unbind all, what others need last. */
void devices_unbind(void);

/* Forget all devices: unbinds them, the last one first. For tests; no lines are in
 * use but by devices. */
void devices_forget(void);

/* One of them: probe it if it has a driver. 0 if it is bound now (also if it was
 * before), -ENODEV without a driver, -ELOOP if it is being probed, else what its
 * driver said. */
int device_bind(struct device *d);

/* Stop it and give back all it has. 0; -ENODEV if it is not bound. What others
 * have from it (lines of an interrupt controller; of a cache, memory that is lent
 * to devices which don't see it) must be given back before: -EBUSY. */
int device_unbind(struct device *d);

/* The device of that node, by phandle, by number, by name: the first one that is
 * called so; NULL: there is none. */
struct device *device_of(fdt_node node);
struct device *device_of_phandle(uint32_t phandle);
struct device *device_at(unsigned i);
struct device *device_named(const char *name);

/* For probe(): note why it fails; returns err. */
int device_fail(struct device *d, int err, const char *fmt, ...) __printf(3, 4);

/*
 * For probe(). NULL, or a negative error, is told by d->error and d->why.
 *
 * device_mmio: claim and map entry i of `reg` (flags: <mm/mmio.h>), or the one
 * that `reg-names` calls so.
 * device_irq: have handler(arg) called for interrupt i; the controller is
 * probed, if need be. From here on it may be called: the device is ready.
 * device_alloc: `size` zeroed bytes.
 * device_release: call fn(arg) when the device goes. 0 or -ENOMEM: then fn(arg)
 * was called at once.
 */
struct mmio *device_mmio(struct device *d, unsigned i, unsigned flags);
struct mmio *device_mmio_named(struct device *d, const char *name,
			       unsigned flags);
int device_irq(struct device *d, unsigned i, irq_handler handler, void *arg);
void *device_alloc(struct device *d, size_t size);
int device_release(struct device *d, void (*fn)(void *arg), void *arg);

/* Entry i of `reg` as <lib/fdt_reg.h>'s fdt_reg_phys() has it, with less search. */
int device_reg(const struct device *d, unsigned i, struct range *reg);

/* What the device has, for reports: each is called with what the functions above
 * gave. */
void device_each(const struct device *d,
		 void (*mmio)(void *ctx, const struct mmio *m),
		 void (*irq)(void *ctx, const struct irq *i), void *ctx);

/* A property of one cell, or `other` if the node has none such. */
uint32_t device_u32(const struct device *d, const char *name, uint32_t other);

/* The device that the property, a phandle, names; probed if need be. NULL: there
 * is none, or it does not work, and d->error and d->why tell. */
struct device *device_needs(struct device *d, const char *property);
