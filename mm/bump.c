/*
 * Bump allocator: the lowest (or highest) free address that fits, claimed in
 * the map of RAM at once. Neighbouring allocations of one type melt into one
 * region there, so in effect a pointer moves through the first free region.
 */
#include <kernel/assert.h>
#include <mm/bump.h>

void bump_init(struct bump *b, struct memblock *mb)
{
	*b = (struct bump){
		.mb = mb,
		.bounds = {0, UINT64_MAX},
	};
}

paddr_t bump_alloc(struct bump *b, uint64_t size, uint64_t align,
		   enum region_type type)
{
	paddr_t at;

	assert(!b->retired && size && is_pow2(align));
	if (!memblock_find(b->mb, size, align, b->bounds, b->top_down, &at) ||
	    memblock_claim(b->mb, range_make(at, at + size), type))
		return BUMP_NONE;
	return at;
}

int bump_retire(struct bump *b, void (*give)(void *ctx, struct range free),
		void *ctx)
{
	int err = memblock_trim(b->mb);

	if (err)
		return err;
	b->retired = true;
	for (unsigned i = 0; i < b->mb->n; i++)
		if (b->mb->region[i].type == REGION_FREE)
			give(ctx, b->mb->region[i].range);
	return 0;
}
