/* Memory for devices (<mm/dma.h>). First version: coherent devices that reach
 * everything. */
#include <string.h>

#include <lib/errno.h>
#include <mm/dma.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/page_map.h>

void dma_device_init(struct dma_device *d, const char *name)
{
	*d = (struct dma_device){
		.name = name, .reach = {0, UINT64_MAX}, .coherent = true};
}

int dma_device_read(struct dma_device *d, const struct fdt *t, fdt_node n)
{
	(void)d;
	(void)t;
	(void)n;
	return 0;
}

int dma_set_mask(struct dma_device *d, uint64_t mask)
{
	d->reach.end = mask;
	return 0;
}

int dma_alloc(struct dma_device *d, struct dma_buffer *b, size_t size,
	      size_t align, unsigned flags)
{
	struct page *p = page_alloc_exact((size + PAGE_SIZE - 1) >> PAGE_SHIFT,
					  flags | ALLOC_ZERO);

	(void)align;
	*b = (struct dma_buffer){.size = size};
	if (!p)
		return -ENOMEM;
	b->pa = page_to_phys(p);
	b->bus = b->pa - d->offset;
	b->cpu = phys_to_virt(b->pa);
	b->device = d;
	return 0;
}

void dma_free(struct dma_buffer *b)
{
	if (b->device)
		page_free_exact(pfn_to_page(b->pa >> PAGE_SHIFT),
				(b->size + PAGE_SIZE - 1) >> PAGE_SHIFT);
	b->device = NULL;
}

int dma_map(struct dma_device *d, struct dma_map *m, void *p, size_t size,
	    enum dma_dir dir, unsigned flags)
{
	(void)flags;
	*m = (struct dma_map){.device = d, .cpu = p, .size = size, .dir = dir};
	m->bus = virt_to_phys(p) - d->offset;
	return 0;
}

void dma_unmap(struct dma_map *m)
{
	m->device = NULL;
}

void dma_sync_for_cpu(struct dma_map *m)
{
	(void)m;
}

void dma_sync_for_device(struct dma_map *m)
{
	(void)m;
}
