/* All that the allocators have handed out, for tests that compare before and after.
 * Nobody else allocates meanwhile. */
#pragma once

#include <mm/reclaim.h>
#include <mm/slab.h>
#include <mm/vmalloc.h>
#include <mm/zone.h>

struct totals {
	uint64_t frames, objects, areas, bytes;
};

static inline struct totals totals_now(void)
{
	struct totals t = {0};
	struct slab_stats c;
	struct vmalloc_stats v;

	reclaim();
	t.frames = zone_used_frames();
	for (unsigned i = 0; slab_stats(i, &c); i++)
		t.objects += c.objects;
	vmalloc_stats(&v);
	t.areas = v.areas;
	t.bytes = v.bytes;
	return t;
}
