/* The `dma` command: devices that access memory, and memory kept for them. */
#include <drivers/device.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <mm/dma.h>

typedef unsigned long long ull;

/* Does it have memory, or is it special? Most devices don't access any. */
static bool of_interest(const struct dma_device *m)
{
	return m->buffers || m->maps || m->bounced || !m->coherent || m->area ||
	       m->offset || m->reach.start || m->reach.end != UINT64_MAX;
}

static void print_device(const struct device *d)
{
	const struct dma_device *m = &d->dma;

	kprintf("%-28s %-12s %7llu buffers %5llu maps %6llu bounced\n", d->name,
		m->coherent ? "coherent" : "not coherent", (ull)m->buffers,
		(ull)m->maps, (ull)m->bounced);
	if (m->reach.start || m->reach.end != UINT64_MAX)
		kprintf("  reaches %#llx-%#llx\n", (ull)m->reach.start,
			(ull)m->reach.end - 1);
	if (m->offset)
		kprintf("  its %#llx is physical %#llx\n",
			(ull)(m->reach.start - m->offset), (ull)m->reach.start);
	if (m->area)
		kprintf("  has memory of its own: %s\n",
			dma_area_name(m->area));
}

static void print_area(void *ctx, const char *name, struct range pa,
		       uint64_t used, bool mapped, bool free)
{
	(void)ctx;
	kprintf("%-28s %#llx-%#llx, %llu of %llu KiB in use%s%s\n", name,
		(ull)pa.start, (ull)pa.end - 1, (ull)used >> 10,
		(ull)range_size(pa) >> 10, mapped ? "" : ", no-map",
		free ? ", reusable" : "");
}

static int cmd_dma(int argc, char **argv)
{
	const struct dma_cache *c = dma_cache();
	const struct device *d;

	(void)argc;
	(void)argv;
	if (c)
		kprintf("caches: by %s, %llu bytes at a time\n", c->name,
			(ull)c->line);
	else
		kprintf("caches: no means to clean or flush them\n");
	for (unsigned i = 0; (d = device_at(i)); i++)
		if (d->state == DEVICE_BOUND && of_interest(&d->dma))
			print_device(d);
	dma_area_each(print_area, NULL);
	return 0;
}
COMMAND(dma, cmd_dma, "", "devices' ways to memory, and memory kept for them");
