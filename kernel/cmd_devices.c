/* devices, interrupts: what there is, who drives it, what it holds. */
#include <string.h>

#include <drivers/device.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <lib/errno.h>
#include <lib/printable.h>

#define LL(x) ((unsigned long long)(x))

/* The name by which its driver knows it; without a driver, the first. */
static void print_compatible(const struct device *d)
{
	uint32_t size;
	const void *list = fdt_get(d->tree, d->node, "compatible", &size);
	const char *s = list ? fdt_list_item(list, size, 0) : NULL;
	char text[64];

	for (const char *const *c = d->driver ? d->driver->compatible : NULL;
	     c && *c; c++)
		if (fdt_compatible(d->tree, d->node, *c)) {
			s = *c;
			break;
		}
	copy_printable(text, sizeof(text), s ? s : "?");
	kprintf("  %s", text);
}

static void print_state(const struct device *d)
{
	if (!d->driver)
		kprintf(": no driver");
	else if (d->state == DEVICE_FAILED)
		kprintf(": %s: failed, error %d: %s", d->driver->name,
			-d->error, d->why);
	else
		kprintf(": %s%s%s%s", d->driver->name,
			d->state == DEVICE_BOUND ? "" : ", not bound",
			*d->why ? "; " : "", d->why);
}

static void mmio_in_line(void *ctx, const struct mmio *m)
{
	(void)ctx;
	kprintf(", %#llx+%#llx", LL(m->pa), LL(m->size));
}

static void print_count(const struct irq *i)
{
	kprintf(", %llu times%s",
		LL(__atomic_load_n(&i->count, __ATOMIC_RELAXED)),
		i->stuck ? ", turned off: it did not end" : "");
}

static void print_irq(const struct irq *i)
{
	kprintf("%s line %u", i->chip->name, i->line);
	print_count(i);
}

static void irq_in_line(void *ctx, const struct irq *i)
{
	(void)ctx;
	kprintf(", ");
	print_irq(i);
}

static int list(void)
{
	const struct device *d;

	for (unsigned i = 0; (d = device_at(i)); i++) {
		kprintf("%s", d->name);
		print_compatible(d);
		print_state(d);
		device_each(d, mmio_in_line, irq_in_line, NULL);
		kprintf("\n");
		if (shell_interrupted())
			return 1;
	}
	return 0;
}

static void mmio_of_its_own(void *ctx, const struct mmio *m)
{
	(void)ctx;
	kprintf("    registers %#llx+%#llx at %p\n", LL(m->pa), LL(m->size),
		(const void *)(uintptr_t)m->base);
}

static void irq_of_its_own(void *ctx, const struct irq *i)
{
	(void)ctx;
	kprintf("    interrupt ");
	print_irq(i);
	kprintf("\n");
}

static void print_path(const struct device *d)
{
	fdt_node path[FDT_MAX_DEPTH + 1];
	int depth = fdt_ancestors(d->tree, d->node, path);
	char name[DEVICE_NAME];

	for (int i = 1; i <= depth; i++) {
		copy_printable(name, sizeof(name), fdt_name(d->tree, path[i]));
		kprintf("/%s", name);
	}
}

static int show(const struct device *d)
{
	const struct dma_device *dma = &d->dma;

	print_path(d);
	print_compatible(d);
	print_state(d);
	kprintf("\n");
	device_each(d, mmio_of_its_own, irq_of_its_own, NULL);
	kprintf("    DMA: %s, physical %#llx to %#llx, offset %#llx; "
		"%llu buffers, %llu maps, %llu bounced\n",
		dma->coherent ? "coherent" : "not coherent",
		LL(dma->reach.start), LL(dma->reach.end), LL(dma->offset),
		LL(__atomic_load_n(&dma->buffers, __ATOMIC_RELAXED)),
		LL(__atomic_load_n(&dma->maps, __ATOMIC_RELAXED)),
		LL(__atomic_load_n(&dma->bounced, __ATOMIC_RELAXED)));
	return 0;
}

/* Its name, or, where several are called so, its path, or an alias. */
static struct device *find(const char *name)
{
	const struct device *first = device_at(0);
	struct device *d = device_named(name);
	fdt_node n;

	if (d || !first)
		return d;
	n = fdt_resolve(first->tree, name, NULL);
	return n == FDT_NONE ? NULL : device_of(n);
}

static int bind(struct device *d)
{
	int err = device_bind(d);

	if (err && !d->driver)
		kprintf("%s: there is no driver for it\n", d->name);
	else if (err)
		kprintf("%s: not bound: %s (error %d)\n", d->name,
			*d->why ? d->why : "its driver does not want it", -err);
	return err != 0;
}

static int unbind(struct device *d)
{
	int err = device_unbind(d);

	if (err)
		kprintf("%s: %s\n", d->name,
			err == -EBUSY
				? "its lines are in use (interrupts tells by "
				  "whom)"
				: "it is not bound");
	return err != 0;
}

static int cmd_devices(int argc, char **argv)
{
	bool binding = argc == 3 && !strcmp(argv[1], "bind");
	bool unbinding = argc == 3 && !strcmp(argv[1], "unbind");
	struct device *d;

	if (argc == 1)
		return list();
	if (argc != 2 && !binding && !unbinding)
		return SHELL_USAGE;
	d = find(argv[argc - 1]);
	if (!d) {
		kprintf("%s: no such device\n", argv[argc - 1]);
		return 1;
	}
	return binding ? bind(d) : unbinding ? unbind(d) : show(d);
}
COMMAND(devices, cmd_devices, "[[bind | unbind] NAME]",
	"list devices and drivers, show one, take or give it");

static void print_line(void *ctx, const struct irq *i)
{
	(void)ctx;
	kprintf("    line %u: %s", i->line, i->owner);
	print_count(i);
	kprintf("\n");
}

static void print_chip(void *ctx, const struct irq_chip *c)
{
	(void)ctx;
	kprintf("%s: lines up to %u\n", c->name, c->lines - 1);
	irq_each(c, print_line, NULL);
}

static int cmd_interrupts(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	irq_each_chip(print_chip, NULL);
	kprintf("for nothing: %llu\n", LL(irq_spurious()));
	return 0;
}
COMMAND(interrupts, cmd_interrupts, "", "list interrupts of devices");
