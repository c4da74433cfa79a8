#include "ccode.h"

#include <stdio.h>

#include <mm/reclaim.h>
#include <mm/slab.h>
#include <mm/vmalloc.h>
#include <mm/zone.h>

/* Objects, areas, and frames of whatever use. What is only cached goes first. */
uint64_t ccode_held(void)
{
	struct vmalloc_stats v;
	struct slab_stats s;
	uint64_t bytes = 0;

	reclaim();
	for (unsigned i = 0; slab_stats(i, &s); i++)
		bytes += s.objects * s.stride;
	vmalloc_stats(&v);
	return bytes + v.bytes + zone_used_frames() * PAGE_SIZE;
}

void digest(const char *what, const void *p, size_t n)
{
	const uint8_t *byte = p;
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ byte[i]) * 0x100000001b3u;
	printf("digest %s %016llx of %zu\n", what, (unsigned long long)hash, n);
	fflush(stdout);
}

/* Marsaglia, Xorshift RNGs (2003). */
uint32_t next(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}
