/* See mmio_bed.h. */
#include <mm/reclaim.h>
#include <mm/vmalloc.h>
#include <mm/zone.h>

#include "mmio_bed.h"

struct mmio_before mmio_before;
static struct vmalloc_stats areas_before;

void mmio_begin(void)
{
	reclaim();
	mmio_stats(&mmio_before.claims);
	vmalloc_stats(&areas_before);
	mmio_before.frames = zone_used_frames();
}

void mmio_end(void)
{
	struct mmio_stats claims;
	struct vmalloc_stats areas;

	EXPECT(!mmio_check());
	mmio_stats(&claims);
	EXPECT_EQ(claims.claims, mmio_before.claims.claims);
	EXPECT_EQ(claims.windows, mmio_before.claims.windows);
	EXPECT_EQ(claims.bytes, mmio_before.claims.bytes);
	reclaim();
	vmalloc_stats(&areas);
	EXPECT_EQ(areas.areas, areas_before.areas);
	EXPECT_EQ(areas.bytes, areas_before.bytes);
	EXPECT_EQ(areas.largest_free, areas_before.largest_free);
	EXPECT_EQ(zone_used_frames(), mmio_before.frames);
	EXPECT(!vmalloc_check());
}

bool mmio_shows(const struct mmio *m, uint64_t offset, enum mem_attr attr)
{
	vaddr_t va = va_of(m) + offset;
	struct mapping at;

	return pgtable_query(&kernel_pgtable, va, &at) &&
	       at.pa + (va - at.va.start) == m->pa + offset &&
	       at.prot == (VM_READ | VM_WRITE) &&
	       at.attr == pte_attr(pte_leaf(0, VM_READ, attr));
}

bool mmio_mapped(vaddr_t va)
{
	struct mapping at;

	return pgtable_query(&kernel_pgtable, va, &at);
}
