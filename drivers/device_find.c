/*
 * Which devices there are: <drivers/device.h>. One array, in the order of the tree,
 * made once by one walk, which looks at each property once.
 */
#include <string.h>

#include <drivers/device.h>
#include <lib/errno.h>
#include <lib/fdt_reg.h>
#include <lib/printable.h>
#include <mm/kmalloc.h>

extern const struct driver __start_drivers[], __stop_drivers[];

static struct device *devices;
static unsigned ndevices, room;

/* To the node that was asked for last. */
static struct {
	fdt_node path[FDT_MAX_DEPTH + 1];
	int depth; /* < 0: to none */
} way = {.depth = -1};

/* What a node says of itself. */
struct facts {
	const char *compatible; /* a list; NULL: there is none */
	uint32_t size;		/* of that */
	uint32_t phandle;
	uint32_t irq_parent; /* of its own; 0: none */
	bool controller, disabled, dma;
};

/* What those below have from a node. */
struct heritage {
	uint32_t irq_parent;
	bool dma; /* a node on the way says how it reaches memory */
};

static uint32_t u32(const struct fdt_prop *p)
{
	uint64_t v = 0;

	if (p->size == 4)
		fdt_cells(p->data, 1, &v);
	return (uint32_t)v;
}

static struct facts read_facts(const struct fdt *t, fdt_node n)
{
	struct facts f = {0};
	struct fdt_prop p;

	for (bool ok = fdt_first_prop(t, n, &p); ok;
	     ok = fdt_next_prop(t, &p)) {
		/* Most properties begin with something else. */
		switch (*p.name) {
		case 'c':
			if (!f.compatible && !strcmp(p.name, "compatible")) {
				f.compatible = (const char *)p.data;
				f.size = p.size;
			}
			break;
		case 'p':
			if (!strcmp(p.name, "phandle"))
				f.phandle = u32(&p);
			break;
		case 'l':
			if (!f.phandle && !strcmp(p.name, "linux,phandle"))
				f.phandle = u32(&p);
			break;
		case 's':
			if (!strcmp(p.name, "status"))
				f.disabled = !fdt_enabled(t, n);
			break;
		case 'i':
			if (!strcmp(p.name, "interrupt-parent"))
				f.irq_parent = u32(&p);
			break;
		case 'd':
			f.dma |= !strncmp(p.name, "dma-", 4);
			break;
		case 'm':
			f.dma |= !strcmp(p.name, "memory-region");
			break;
		case '#':
			if (!strcmp(p.name, "#interrupt-cells"))
				f.controller = true;
			break;
		}
	}
	return f;
}

static bool drives(const struct driver *v, const char *name)
{
	for (const char *const *c = v->compatible; *c; c++)
		if (**c == *name && !strcmp(*c, name))
			return true;
	return false;
}

/* The driver for the first of the node's names that has one: they go from the most
 * special to the most general. */
static const struct driver *driver_for(const struct facts *f)
{
	const char *name;

	for (unsigned i = 0; (name = fdt_list_item(f->compatible, f->size, i));
	     i++)
		for (const struct driver *v = __start_drivers;
		     v < __stop_drivers; v++)
			if (drives(v, name))
				return v;
	return NULL;
}

/* Not devices, nor is what is below. */
static bool passed_over(const struct fdt *t, fdt_node n)
{
	static const char *const name[] = {"cpus", "memory", "chosen",
					   "reserved-memory", "aliases"};

	for (unsigned i = 0; i < ARRAY_SIZE(name); i++)
		if (fdt_name_is(t, n, name[i]))
			return true;
	return false;
}

/* Pointers to devices are good only when all are there. */
static int add(const struct fdt *t, fdt_node n, const struct facts *f)
{
	unsigned more = room ? 2 * room : 32;
	struct device *d;

	if (ndevices == room) {
		d = krealloc(devices, more * sizeof(*d), 0);
		if (!d)
			return -ENOMEM;
		devices = d;
		room = more;
	}
	d = &devices[ndevices++];
	*d = (struct device){.tree = t,
			     .node = n,
			     .phandle = f->phandle,
			     .irq_parent = f->irq_parent,
			     .reads_dma = f->dma,
			     .driver = driver_for(f)};
	copy_printable(d->name, sizeof(d->name), fdt_name(t, n));
	return 0;
}

/* above[depth]: what nodes at that depth have from those above. */
static int find(const struct fdt *t)
{
	struct heritage above[FDT_MAX_DEPTH + 2] = {0};
	int depth = 0, skip = FDT_MAX_DEPTH + 1, err = 0;

	for (fdt_node n = fdt_root(t); n != FDT_NONE && !err;
	     n = fdt_next(t, n, &depth)) {
		struct facts f;

		if (depth > skip)
			continue;
		f = read_facts(t, n);
		skip = f.disabled || (depth == 1 && passed_over(t, n))
			       ? depth
			       : FDT_MAX_DEPTH + 1;
		if (skip == depth)
			continue;
		if (!f.irq_parent)
			f.irq_parent = above[depth].irq_parent;
		f.dma |= above[depth].dma;
		above[depth + 1] = (struct heritage){
			f.controller ? f.phandle : f.irq_parent, f.dma};
		if (depth && f.compatible &&
		    fdt_list_find(f.compatible, f.size, "simple-bus") < 0)
			err = add(t, n, &f);
	}
	return err;
}

int devices_find(const struct fdt *t)
{
	int err = find(t);

	if (err) {
		devices_forget();
		return err;
	}
	for (unsigned i = 0; i < ndevices; i++) {
		list_init(&devices[i].resources);
		dma_device_init(&devices[i].dma, devices[i].name);
	}
	return 0;
}

void devices_forget(void)
{
	devices_unbind();
	kfree(devices);
	devices = NULL;
	ndevices = room = 0;
	way.depth = -1;
}

/* Devices are asked for as the tree has them: one walk over it, for all of them. */
int device_reg(const struct device *d, unsigned i, struct range *reg)
{
	way.depth = fdt_ancestors_from(d->tree, d->node, way.path, way.depth);
	return fdt_reg_phys_on(d->tree, way.path, way.depth, i, reg);
}

/* By halves: nodes grow. */
struct device *device_of(fdt_node node)
{
	unsigned low = 0, high = ndevices;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (devices[mid].node < node)
			low = mid + 1;
		else
			high = mid;
	}
	return low < ndevices && devices[low].node == node ? &devices[low]
							   : NULL;
}

struct device *device_of_phandle(uint32_t phandle)
{
	for (unsigned i = 0; phandle && i < ndevices; i++)
		if (devices[i].phandle == phandle)
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
