/* The map of RAM as the device tree and the boot situation have it. */
#include <kernel/printk.h>
#include <kernel/ram.h>
#include <lib/errno.h>
#include <mm/dma.h>

#define FIRMWARE_SIZE MIB(2)

/* Forget what is less than a frame at the ends of banks: a page table can't show
 * it. Two banks that share a frame keep it. */
static int drop_parts_of_frames(struct memblock *mb)
{
	for (unsigned i = 0; i < mb->n; i++) {
		struct range r = mb->region[i].range;
		struct range whole = range_align_in(r, PAGE_SIZE);

		if (whole.start == r.start && whole.end == r.end)
			continue;
		if (range_empty(whole))
			whole = range_make(r.end, r.end);
		if (memblock_remove(mb, range_make(r.start, whole.start)) ||
		    memblock_remove(mb, range_make(whole.end, r.end)))
			return -ENOSPC;
		i -= range_empty(whole);
	}
	return 0;
}

static int claim_firmware(struct memblock *mb, struct range image)
{
	const struct region *bank = memblock_at(mb, image.start);
	uint64_t start = bank->range.start;

	return memblock_claim(
		mb,
		range_make(start, min_u64(start + FIRMWARE_SIZE, image.start)),
		REGION_FIRMWARE);
}

static enum region_type type_of(const struct dt_reserved *r)
{
	return r->no_map ? REGION_NOMAP : REGION_RESERVED;
}

static bool left_free(const struct dt_reserved *r)
{
	return r->reusable && !r->no_map;
}

static int claim_static(struct memblock *mb, const struct devtree *dt)
{
	for (unsigned i = 0; i < dt->nreserved; i++) {
		const struct dt_reserved *r = &dt->reserved[i];

		if (range_empty(r->range) || left_free(r))
			continue;
		if (memblock_claim(mb, range_align_out(r->range, PAGE_SIZE),
				   type_of(r)))
			return -ENOSPC;
	}
	return 0;
}

/* Is any of it reserved? A part of the image that is must not be freed. */
static bool is_reserved(const struct devtree *dt, struct range frames)
{
	for (unsigned i = 0; i < dt->nreserved; i++)
		if (!left_free(&dt->reserved[i]) &&
		    range_overlaps(dt->reserved[i].range, frames))
			return true;
	return false;
}

/* Is each frame of the initrd of this type, or the tree's? Boot loaders need not
 * place them on frames: they may share one. */
static bool initrd_is(const struct memblock *mb, const struct devtree *dt,
		      enum region_type type)
{
	struct range frames = range_align_out(dt->initrd, PAGE_SIZE);
	const struct region *r;

	for (uint64_t at = frames.start; at < frames.end; at = r->range.end) {
		r = memblock_at(mb, at);
		if (!r || (r->type != type && r->type != REGION_FDT))
			return false;
	}
	return !range_empty(dt->initrd);
}

/* The initrd is believed if it lies in memory that nobody else has; what it is,
 * only a look at it can tell. */
static int claim_initrd(struct memblock *mb, struct devtree *dt,
			struct range fdt)
{
	if (range_overlaps(dt->initrd, fdt)) {
		pr_warn("ram: the initrd at %#llx lies over the device tree\n",
			(unsigned long long)dt->initrd.start);
		dt->initrd = range_make(0, 0);
	}
	if (!initrd_is(mb, dt, REGION_FREE))
		return 0;
	return memblock_claim(mb, range_align_out(dt->initrd, PAGE_SIZE),
			      REGION_INITRD);
}

bool ram_has_initrd(const struct memblock *mb, const struct devtree *dt)
{
	return initrd_is(mb, dt, REGION_INITRD);
}

/* Find room for a reservation that names none. Returns whether there is. */
static bool place(const struct memblock *mb, const struct dt_reserved *r,
		  uint64_t size, paddr_t *at)
{
	uint64_t align = max_u64(r->align, PAGE_SIZE);
	static const struct range anywhere = {0, UINT64_MAX};

	if (!r->nalloc)
		return memblock_find(mb, size, align, anywhere, true, at);
	for (unsigned i = 0; i < r->nalloc; i++)
		if (memblock_find(mb, size, align, r->alloc[i], true, at))
			return true;
	return false;
}

/* Those that stay free have their place, too, if they are for devices. */
static int claim_dynamic(struct memblock *mb, struct devtree *dt)
{
	for (unsigned i = 0; i < dt->nreserved; i++) {
		struct dt_reserved *r = &dt->reserved[i];
		uint64_t size = align_up(r->size, PAGE_SIZE);
		paddr_t at;

		if (!range_empty(r->range) || (left_free(r) && !r->pool))
			continue;
		if (size < r->size || !size || !place(mb, r, size, &at)) {
			pr_warn("ram: no room for reserved-memory %s, %llu "
				"bytes\n",
				r->name, (unsigned long long)r->size);
			continue;
		}
		r->range = range_make(at, at + size);
		if (!left_free(r) && memblock_claim(mb, r->range, type_of(r)))
			return -ENOSPC;
	}
	return 0;
}

int ram_init(struct memblock *mb, struct devtree *dt,
	     const struct ram_claims *claims)
{
	const struct region *bank;
	int err = 0;

	mb->n = 0;
	for (unsigned i = 0; i < dt->nmemory && !err; i++)
		err = memblock_add(mb, dt->memory[i]);
	if (!err)
		err = drop_parts_of_frames(mb);
	if (err)
		return err;
	bank = memblock_at(mb, claims->image.start);
	if (!bank || !range_within(claims->image, bank->range))
		return -ENXIO;
	err = claim_firmware(mb, claims->image);
	if (!err)
		err = memblock_claim(mb, claims->image, REGION_KERNEL);
	for (unsigned i = 0; i < claims->nparts && !err; i++) {
		const struct region *part = &claims->part[i];

		if (!is_reserved(dt, part->range))
			err = memblock_retype(mb, part->range, REGION_KERNEL,
					      part->type);
	}
	if (!err)
		err = memblock_claim(mb,
				     range_align_out(claims->fdt, PAGE_SIZE),
				     REGION_FDT);
	if (!err)
		err = claim_initrd(mb, dt, claims->fdt);
	if (!err)
		err = claim_static(mb, dt);
	if (!err)
		err = claim_dynamic(mb, dt);
	return err;
}

int ram_drop_initrd(struct memblock *mb, const struct devtree *dt)
{
	int err = memblock_retype(mb, range_make(0, UINT64_MAX), REGION_INITRD,
				  REGION_FREE);

	return err ? err : claim_static(mb, dt);
}

void ram_free_initrd(struct memblock *mb, struct devtree *dt,
		     void (*give)(struct range frames))
{
	unsigned i = 0;

	while (i < mb->n) {
		struct range r = mb->region[i].range;

		if (mb->region[i].type != REGION_INITRD ||
		    memblock_retype(mb, r, REGION_INITRD, REGION_FREE)) {
			i++;
			continue;
		}
		give(r);
		i = 0; /* it may be one with its neighbours now */
	}
	dt->initrd = range_make(0, 0);
}

/* The first region that ends behind `at`, or NULL. */
static const struct region *region_behind(const struct memblock *mb, paddr_t at)
{
	for (unsigned i = 0; i < mb->n; i++)
		if (mb->region[i].range.end > at)
			return &mb->region[i];
	return NULL;
}

/* The parts of r that the map does not have; found afresh after each, since
 * `each` may allocate. */
static void each_gap(const struct memblock *mb, struct range r,
		     const char *what,
		     void (*each)(struct range pages, const char *what))
{
	for (r = range_align_out(r, PAGE_SIZE); !range_empty(r);) {
		const struct region *next = region_behind(mb, r.start);
		uint64_t end = next ? min_u64(next->range.start, r.end) : r.end;
		uint64_t behind = next ? next->range.end : r.end;

		if (end > r.start)
			each(range_make(r.start, end), what);
		r.start = behind;
	}
}

void ram_each_missing(const struct memblock *mb, const struct devtree *dt,
		      void (*each)(struct range pages, const char *what))
{
	for (unsigned i = 0; i < dt->nmemory; i++)
		each_gap(mb, dt->memory[i], "unused RAM", each);
	for (unsigned i = 0; i < dt->nreserved; i++)
		each_gap(mb, dt->reserved[i].range, dt->reserved[i].name, each);
}

/* Is all of it memory of its own, or, where it stays free, memory at all? */
static bool is_own(const struct memblock *mb, const struct dt_reserved *r)
{
	const struct region *region;

	for (uint64_t at = r->range.start; at < r->range.end;
	     at = region->range.end) {
		region = memblock_at(mb, at);
		if (!region || (!left_free(r) && region->type != type_of(r)))
			return false;
	}
	return true;
}

/* Another reservation that has some of its frames; NULL: none. Those that stay
 * free may share theirs. */
static const struct dt_reserved *sharer(const struct devtree *dt,
					const struct dt_reserved *r)
{
	struct range frames = range_align_out(r->range, PAGE_SIZE);

	for (unsigned i = 0; i < dt->nreserved && !left_free(r); i++) {
		const struct dt_reserved *o = &dt->reserved[i];

		if (o != r && !range_empty(o->range) && !left_free(o) &&
		    range_overlaps(range_align_out(o->range, PAGE_SIZE),
				   frames))
			return o;
	}
	return NULL;
}

void ram_give_to_devices(const struct memblock *mb, const struct devtree *dt)
{
	for (unsigned i = 0; i < dt->nreserved; i++) {
		const struct dt_reserved *r = &dt->reserved[i], *other;
		struct range pa = range_align_in(r->range, PAGE_SIZE);

		if (!r->pool || range_empty(r->range))
			continue;
		other = sharer(dt, r);
		if (range_empty(pa))
			pr_warn("dma: %s has not a page; not used\n", r->name);
		else if (other)
			pr_warn("dma: %s is partly %s; not used\n", r->name,
				other->name);
		else if (!is_own(mb, r))
			pr_warn("dma: %s is not all memory of its own; not "
				"used\n",
				r->name);
		else if (dma_area_add(r->node, r->name, pa, !r->no_map,
				      left_free(r)))
			pr_err("dma: no memory for %s\n", r->name);
	}
}
