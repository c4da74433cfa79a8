/* Registers of devices (<mm/mmio.h>). First version: windows, no claims. */
#include <lib/errno.h>
#include <lib/fdt_reg.h>
#include <mm/kmap.h>
#include <mm/mmio.h>
#include <mm/vmalloc.h>

static const struct memblock *ram;
static bool late;

void mmio_init(const struct memblock *mb)
{
	ram = mb;
}

void mmio_take_over(void)
{
	late = true;
}

int mmio_map(struct mmio *m, paddr_t pa, uint64_t size, unsigned flags,
	     const char *owner)
{
	enum mem_attr attr = flags & MMIO_WC ? ATTR_NC : ATTR_IO;

	*m = (struct mmio){
		.pa = pa, .size = size, .owner = owner, .flags = flags};
	if (!size || pa % 4)
		return -EINVAL;
	m->base = late ? (volatile uint8_t *)(uintptr_t)vmap(
				 pa, size, VM_READ | VM_WRITE, attr)
		       : kmap_device(ram, pa, size);
	return m->base ? 0 : -ENOMEM;
}

int mmio_map_node(struct mmio *m, const struct fdt *t, fdt_node n, unsigned i,
		  unsigned flags, const char *owner)
{
	struct range r;
	int err = fdt_reg_phys(t, n, i, &r);

	*m = (struct mmio){.owner = owner};
	return err ? err : mmio_map(m, r.start, range_size(r), flags, owner);
}

int mmio_map_named(struct mmio *m, const struct fdt *t, fdt_node n,
		   const char *name, unsigned flags, const char *owner)
{
	struct range r;
	int err = fdt_reg_phys_named(t, n, name, &r);

	*m = (struct mmio){.owner = owner};
	return err ? err : mmio_map(m, r.start, range_size(r), flags, owner);
}

void mmio_unmap(struct mmio *m)
{
	if (m->base)
		vunmap((uintptr_t)m->base);
	m->base = NULL;
}
