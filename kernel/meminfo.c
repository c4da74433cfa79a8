/* See <kernel/meminfo.h>. */
#include <stdio.h>
#include <string.h>

#include <kernel/meminfo.h>
#include <kernel/ram.h>
#include <mm/zone.h>

bool meminfo_account(char *buf, size_t size)
{
	uint64_t total = memblock_total(&ram), sum = 0, given = 0, meta = 0;
	uint64_t free = page_free_count() << PAGE_SHIFT, part[REGION_TYPES];
	size_t n;

	for (unsigned z = 0; z < ZONES; z++) {
		given += zone_buddy(z)->total_frames << PAGE_SHIFT;
		meta += zone_buddy(z)->meta_frames << PAGE_SHIFT;
	}
	for (unsigned t = 0; t < REGION_TYPES; t++)
		part[t] = memblock_bytes(&ram, t);
	/* What the map calls free is the page allocator's. */
	bool agree = part[REGION_FREE] == given && given >= free + meta;

	part[REGION_METADATA] += meta;
	n = (size_t)snprintf(buf, size,
			     "memory: %llu =", (unsigned long long)total);
	for (unsigned t = REGION_TYPES - 1; t > REGION_FREE; t--) {
		sum += part[t];
		if (part[t] && n < size)
			n += (size_t)snprintf(buf + n, size - n, " %s %llu +",
					      region_type_name(t),
					      (unsigned long long)part[t]);
	}
	if (n < size)
		n += (size_t)snprintf(buf + n, size - n,
				      " used %llu + free %llu",
				      (unsigned long long)(given - free - meta),
				      (unsigned long long)free);
	sum += given - meta;
	return agree && n < size && sum == total;
}
