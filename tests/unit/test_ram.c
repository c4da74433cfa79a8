/*
 * From a device tree's word to the map of RAM: who gets what, byte by byte. The
 * trees are made by hand as struct devtree; reading real ones is tested with
 * kernel/devtree.c.
 */
#include <kernel/ktest.h>
#include <kernel/ram.h>
#include <lib/errno.h>
#include <lib/rng.h>
#include <mm/kmalloc.h>

#include "../../mm/dma_impl.h"

static struct memblock *mb;
static struct devtree *dt;
static struct ram_claims claims;

/* A bank from 0x8000_0000, the image 2 MiB above its start, a tree near the
 * end, like QEMU's virt machine. */
static bool set_up(uint64_t size)
{
	static const struct region part[] = {
		{{0x80240000, 0x80248000}, REGION_INIT},
		{{0x80278000, 0x80280000}, REGION_INIT},
		{{0x80260000, 0x80264000}, REGION_TESTS},
	};

	mb = ktest_alloc(sizeof(*mb));
	dt = ktest_alloc(sizeof(*dt));
	if (!mb || !dt)
		return false;
	dt->memory[dt->nmemory++] = range_make(0x80000000, 0x80000000 + size);
	claims = (struct ram_claims){
		.image = {0x80200000, 0x80280000},
		.part = part,
		.nparts = ARRAY_SIZE(part),
		.fdt = {0x80000000 + size - 0x10000 + 8,
			0x80000000 + size - 0x10000 + 0x1234},
	};
	return true;
}

static void reserve(struct range r, bool no_map, bool reusable)
{
	dt->reserved[dt->nreserved++] = (struct dt_reserved){
		.name = "test",
		.range = r,
		.no_map = no_map,
		.reusable = reusable,
	};
}

static enum region_type at(paddr_t pa)
{
	const struct region *r = memblock_at(mb, pa);

	return r ? r->type : REGION_TYPES;
}

KTEST(ram, a_plain_machine)
{
	if (!set_up(MIB(16)))
		return ktest_skip("no memory");
	EXPECT_EQ(ram_init(mb, dt, &claims), 0);
	EXPECT_EQ(memblock_total(mb), MIB(16));
	EXPECT_EQ(memblock_bytes(mb, REGION_FIRMWARE), MIB(2));
	EXPECT_EQ(memblock_bytes(mb, REGION_KERNEL), 0x6c000);
	EXPECT_EQ(memblock_bytes(mb, REGION_INIT), 0x10000);
	EXPECT_EQ(memblock_bytes(mb, REGION_TESTS), 0x4000);
	EXPECT_EQ(memblock_bytes(mb, REGION_FDT), 0x2000);
	EXPECT_EQ(at(0x80280000), REGION_FREE);
	EXPECT_EQ(at(0x80ff1fff), REGION_FDT);
	EXPECT_EQ(at(0x80ff2000), REGION_FREE);
	EXPECT_EQ(at(0x81000000), REGION_TYPES);
}

KTEST(ram, firmware_is_two_mib_at_the_start_of_the_images_bank)
{
	if (!set_up(GIB(1)))
		return ktest_skip("no memory");
	/* A lower bank, which is not firmware's, and an image far up. */
	dt->memory[dt->nmemory++] = range_make(0x40000000, 0x50000000);
	claims.image = range_make(0x90000000, 0x90080000);
	claims.nparts = 0;
	EXPECT_EQ(ram_init(mb, dt, &claims), 0);
	EXPECT_EQ(at(0x40000000), REGION_FREE);
	EXPECT_EQ(at(0x80000000), REGION_FIRMWARE);
	EXPECT_EQ(at(0x801fffff), REGION_FIRMWARE);
	EXPECT_EQ(at(0x80200000), REGION_FREE);
	EXPECT_EQ(at(0x90000000), REGION_KERNEL);

	/* Nothing below the image: no firmware. */
	claims.image = range_make(0x80000000, 0x80080000);
	EXPECT_EQ(ram_init(mb, dt, &claims), 0);
	EXPECT_EQ(memblock_bytes(mb, REGION_FIRMWARE), 0);
}

KTEST(ram, reservations_are_widened_to_frames)
{
	if (!set_up(MIB(16)))
		return ktest_skip("no memory");
	reserve(range_make(0x80500001, 0x80500002), false, false);
	reserve(range_make(0x80600fff, 0x80601001), true, false);
	EXPECT_EQ(ram_init(mb, dt, &claims), 0);
	EXPECT_EQ(memblock_bytes(mb, REGION_RESERVED), 0x1000);
	EXPECT_EQ(at(0x80500fff), REGION_RESERVED);
	EXPECT_EQ(memblock_bytes(mb, REGION_NOMAP), 0x2000);
	EXPECT_EQ(at(0x80601fff), REGION_NOMAP);
}

KTEST(ram, a_reservation_outside_ram_or_over_the_kernel_does_no_harm)
{
	if (!set_up(MIB(16)))
		return ktest_skip("no memory");
	reserve(range_make(0xf0000000, 0xf1ffffff), false, false);
	reserve(range_make(0, UINT64_MAX), true, false);
	EXPECT_EQ(ram_init(mb, dt, &claims), 0);
	EXPECT_EQ(at(0x80200000), REGION_KERNEL);
	EXPECT_EQ(at(0x80240000), REGION_KERNEL);
	EXPECT_EQ(memblock_bytes(mb, REGION_FREE), 0);
	EXPECT_EQ(memblock_total(mb), MIB(16));
}

KTEST(ram, what_the_tree_reserves_of_the_image_is_never_freed)
{
	if (!set_up(MIB(16)))
		return ktest_skip("no memory");
	reserve(range_make(0x80247fff, 0x80248000), false, false);
	EXPECT_EQ(ram_init(mb, dt, &claims), 0);
	EXPECT_EQ(at(0x80240000), REGION_KERNEL);
	EXPECT_EQ(at(0x80278000), REGION_INIT);
}

KTEST(ram, reusable_memory_stays_free_unless_it_must_not_be_mapped)
{
	if (!set_up(MIB(16)))
		return ktest_skip("no memory");
	reserve(range_make(0x80500000, 0x80600000), false, true);
	reserve(range_make(0x80700000, 0x80800000), true, true);
	EXPECT_EQ(ram_init(mb, dt, &claims), 0);
	EXPECT_EQ(at(0x80500000), REGION_FREE);
	EXPECT_EQ(at(0x80700000), REGION_NOMAP);
}

static struct dt_reserved *dynamic(uint64_t size, uint64_t align)
{
	struct dt_reserved *r = &dt->reserved[dt->nreserved++];

	*r = (struct dt_reserved){.name = "pool", .size = size, .align = align};
	return r;
}

KTEST(ram, dynamic_reservations_find_a_place_after_static_ones)
{
	struct dt_reserved *r;

	if (!set_up(MIB(16)))
		return ktest_skip("no memory");
	r = dynamic(MIB(1), MIB(1));
	r->alloc[r->nalloc++] = range_make(0x10000000, 0x20000000);
	r->alloc[r->nalloc++] = range_make(0x80400000, 0x80800000);
	/* Comes later in the tree, but is where it is. */
	reserve(range_make(0x80780000, 0x80790000), false, false);
	dynamic(0x1801, 0);
	EXPECT_EQ(ram_init(mb, dt, &claims), 0);
	EXPECT_EQ(at(0x80600000), REGION_RESERVED);
	EXPECT_EQ(at(0x806fffff), REGION_RESERVED);
	EXPECT_EQ(at(0x80700000), REGION_FREE);
	EXPECT_EQ(memblock_bytes(mb, REGION_RESERVED),
		  MIB(1) + 0x10000 + 0x2000);
}

KTEST(ram, dynamic_reservations_that_cannot_be_are_passed_over)
{
	if (!set_up(MIB(16)))
		return ktest_skip("no memory");
	dynamic(GIB(4), 0);
	dynamic(UINT64_MAX, 0);
	dynamic(PAGE_SIZE, (uint64_t)1 << 63);
	EXPECT_EQ(ram_init(mb, dt, &claims), 0);
	EXPECT_EQ(memblock_bytes(mb, REGION_RESERVED), 0);
}

KTEST(ram, dynamic_reservations_know_their_place)
{
	struct dt_reserved *r;

	if (!set_up(MIB(16)))
		return ktest_skip("no memory");
	r = dynamic(MIB(1), MIB(1));
	r[0].no_map = true;
	dynamic(0x1801, 0)->reusable = true;
	dynamic(GIB(1), 0);
	dynamic(MIB(1), 0);
	r[3].reusable = r[3].pool = true;
	EXPECT_EQ(ram_init(mb, dt, &claims), 0);
	EXPECT_EQ(r[0].range.start, 0x80e00000);
	EXPECT_EQ(r[0].range.end, 0x80f00000);
	EXPECT_EQ(at(r[0].range.start), REGION_NOMAP);
	/* Nobody's, too large, for devices. */
	EXPECT(range_empty(r[1].range) && range_empty(r[2].range));
	EXPECT_EQ(range_size(r[3].range), MIB(1));
	EXPECT_EQ(at(r[3].range.start), REGION_FREE);
	/* And again, the places being known. */
	EXPECT_EQ(ram_drop_initrd(mb, dt), 0);
	EXPECT_EQ(memblock_bytes(mb, REGION_NOMAP), MIB(1));
	EXPECT_EQ(memblock_bytes(mb, REGION_RESERVED), 0);
}

static struct {
	unsigned n;
	struct range pa;
	bool free;
} seen;

static void see(void *ctx, const char *name, struct range pa, uint64_t used,
		bool mapped, bool free)
{
	(void)mapped;
	(void)ctx;
	(void)name;
	EXPECT_EQ(used, 0);
	seen.n++;
	seen.pa = pa;
	seen.free = free;
}

static void expect_area(struct range pa, bool free)
{
	EXPECT_EQ(seen.n, 1);
	EXPECT_EQ(seen.pa.start, pa.start);
	EXPECT_EQ(seen.pa.end, pa.end);
	EXPECT_EQ(seen.free, free);
}

/* What these reservations give devices. */
static void give(void)
{
	struct dma_area *before = dma_areas, *next;

	EXPECT_EQ(ram_init(mb, dt, &claims), 0);
	dma_areas = NULL;
	ram_give_to_devices(mb, dt);
	seen.n = 0;
	dma_area_each(see, NULL);
	for (; dma_areas; dma_areas = next) {
		next = dma_areas->next;
		kfree(dma_areas);
	}
	dma_areas = before;
	dt->nreserved = 0;
}

static void pool(struct range r, bool no_map, bool reusable)
{
	reserve(r, no_map, reusable);
	dt->reserved[dt->nreserved - 1].pool = true;
}

KTEST(ram, reservations_for_devices_are_given)
{
	static const struct range r = {0x80400000, 0x80480000};

	if (!set_up(MIB(16)))
		return ktest_skip("no memory");
	reserve(r, false, false);
	give();
	EXPECT_EQ(seen.n, 0);
	for (unsigned kind = 0; kind < 3; kind++) {
		pool(r, kind == 1, kind == 2);
		give();
		expect_area(r, kind == 2);
	}
	/* Its own frames; and others may be neighbours. */
	pool(range_make(0x80400800, 0x80402800), false, false);
	reserve(range_make(0x80403000, 0x80404000), true, false);
	give();
	expect_area(range_make(0x80401000, 0x80402000), false);
	dynamic(MIB(1), 0)->pool = true;
	give();
	EXPECT_EQ(seen.n, 1);
	EXPECT_EQ(range_size(seen.pa), MIB(1));
	EXPECT_EQ(at(seen.pa.start), REGION_RESERVED);
}

KTEST(ram, reservations_of_others_too_are_not_given)
{
	static const struct range bad[] = {
		{0x80800000, 0x90000000}, /* not all of it is RAM */
		{0x70000000, 0x70001000}, /* nothing is */
		{0x80278000, 0x80300000}, /* the image */
		{0x80000000, 0x80001000}, /* firmware */
		{0x80ff0000, 0x81000000}, /* the tree */
		{0x80400800, 0x80400fff}, /* not a page */
		{0x80401000, UINT64_MAX},
	};

	if (!set_up(MIB(16)))
		return ktest_skip("no memory");
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		pool(bad[i], false, false);
		give();
		EXPECT_EQ(seen.n, 0);
	}
	for (unsigned kind = 0; kind < 2; kind++) {
		pool(range_make(0x80400000, 0x80401800), kind, false);
		reserve(range_make(0x80401c00, 0x80402000), kind, false);
		give();
		EXPECT_EQ(seen.n, 0);
	}
	/* Such as stay free: only that it is RAM counts. */
	pool(range_make(0x80400000, 0x80401800), false, true);
	reserve(range_make(0x80401000, 0x80402000), false, false);
	give();
	EXPECT_EQ(seen.n, 1);
}

KTEST(ram, refuses_memory_without_the_kernel_in_it)
{
	if (!set_up(MIB(16)))
		return ktest_skip("no memory");
	claims.image = range_make(0x70000000, 0x70080000);
	EXPECT_EQ(ram_init(mb, dt, &claims), -ENXIO);
	claims.image = range_make(0x80f80000, 0x81080000);
	EXPECT_EQ(ram_init(mb, dt, &claims), -ENXIO);
	dt->nmemory = 0;
	EXPECT_EQ(ram_init(mb, dt, &claims), -ENXIO);
}

KTEST(ram, overlapping_banks_count_once)
{
	if (!set_up(MIB(16)))
		return ktest_skip("no memory");
	dt->memory[dt->nmemory++] = range_make(0x80000000, 0x80800000);
	dt->memory[dt->nmemory++] = range_make(0x80800000, 0x82000000);
	EXPECT_EQ(ram_init(mb, dt, &claims), 0);
	EXPECT_EQ(memblock_total(mb), MIB(32));
}

/* The last part of a frame can't be mapped, so nobody may have it. */
KTEST(ram, parts_of_frames_at_the_ends_of_banks_are_left_out)
{
	if (!set_up(MIB(16)))
		return ktest_skip("no memory");
	/* Ragged at both ends; in one frame; two that make a frame. */
	dt->memory[dt->nmemory++] = range_make(0x40000401, 0x40003800);
	dt->memory[dt->nmemory++] = range_make(0x50000400, 0x50000800);
	dt->memory[dt->nmemory++] = range_make(0x60000000, 0x60000800);
	dt->memory[dt->nmemory++] = range_make(0x60000800, 0x60001000);
	dt->initrd = range_make(0x40000401, 0x40003800);
	EXPECT_EQ(ram_init(mb, dt, &claims), 0);
	EXPECT_EQ(memblock_total(mb), MIB(16) + 0x3000);
	EXPECT_EQ(at(0x40000fff), REGION_TYPES);
	EXPECT_EQ(at(0x40001000), REGION_FREE);
	EXPECT_EQ(at(0x40002fff), REGION_FREE);
	EXPECT_EQ(at(0x40003000), REGION_TYPES);
	EXPECT_EQ(at(0x50000400), REGION_TYPES);
	EXPECT_EQ(at(0x60000fff), REGION_FREE);
	EXPECT(memblock_check(mb));
}

KTEST(ram, an_initrd_must_lie_in_memory_that_nobody_else_has)
{
	static const struct range absurd[] = {
		{0, UINT64_MAX},	  /* everything */
		{0x80100000, 0x80600000}, /* over firmware and the kernel */
		{0x80270000, 0x80300000}, /* over the kernel's end */
		{0x80ff0008, 0x80ff0009}, /* a byte of the device tree */
		{0x80ffff00, 0x81000100}, /* beyond the end of RAM */
		{0x90000000, 0x90100000}, /* no RAM at all */
	};

	for (size_t i = 0; i < ARRAY_SIZE(absurd); i++) {
		if (!set_up(MIB(16)))
			return ktest_skip("no memory");
		dt->initrd = absurd[i];
		EXPECT_EQ(ram_init(mb, dt, &claims), 0);
		EXPECT_EQ(memblock_bytes(mb, REGION_INITRD), 0);
		EXPECT(!ram_has_initrd(mb, dt));
	}
	dt->initrd = range_make(0x80300001, 0x80300002);
	EXPECT_EQ(ram_init(mb, dt, &claims), 0);
	EXPECT_EQ(memblock_bytes(mb, REGION_INITRD), PAGE_SIZE);
	EXPECT(ram_has_initrd(mb, dt));
	/* Some of it must not even be mapped. */
	dt->initrd = range_make(0x80300000, 0x80302000);
	reserve(range_make(0x80301000, 0x80302000), true, false);
	EXPECT_EQ(ram_init(mb, dt, &claims), 0);
	EXPECT(!ram_has_initrd(mb, dt));
}

/* Boot loaders place the tree at a multiple of 8, wherever that is. */
KTEST(ram, tree_and_initrd_share_a_frame)
{
	struct ram_claims c;
	struct range fdt;

	if (!set_up(MIB(16)))
		return ktest_skip("no memory");
	c = claims;
	fdt = c.fdt = range_make(0x80800808, 0x80802010);
	/* Behind it, before it, both with a frame in common. */
	dt->initrd = range_make(fdt.end, 0x80805001);
	EXPECT_EQ(ram_init(mb, dt, &c), 0);
	EXPECT(ram_has_initrd(mb, dt));
	EXPECT_EQ(memblock_bytes(mb, REGION_INITRD), 3 * PAGE_SIZE);
	EXPECT_EQ(at(0x80802fff), REGION_FDT);
	dt->initrd = range_make(0x807ff001, fdt.start);
	EXPECT_EQ(ram_init(mb, dt, &c), 0);
	EXPECT(ram_has_initrd(mb, dt));
	EXPECT_EQ(memblock_bytes(mb, REGION_INITRD), PAGE_SIZE);
	EXPECT_EQ(at(0x80800000), REGION_FDT);
	/* But no byte. */
	dt->initrd = range_make(fdt.end - 1, 0x80805001);
	EXPECT_EQ(ram_init(mb, dt, &c), 0);
	EXPECT(!ram_has_initrd(mb, dt));
	EXPECT_EQ(memblock_bytes(mb, REGION_INITRD), 0);
}

/* Whatever lies where: an initrd is one if it shares no byte with the tree, and
 * each of its frames is RAM of its own or the tree's, and is mapped. Frame by
 * frame, against what has been said of each. */
#define FRAMES	 64
#define BASE	 0x80000000u
#define IMAGE_AT 20 /* frames behind BASE; two of them; firmware is before it */

static enum region_type model[FRAMES];

static struct range some(struct rng *rng, uint64_t most)
{
	uint64_t at = BASE + rng_below(rng, FRAMES * PAGE_SIZE);

	if (!rng_below(rng, 4))
		at = align_down(at, PAGE_SIZE);
	return range_make(at, at + 1 + rng_below(rng, most));
}

static void model_claim(struct range r, enum region_type type)
{
	for (unsigned i = 0; i < FRAMES; i++) {
		uint64_t at = BASE + i * PAGE_SIZE;

		if (model[i] != REGION_TYPES && model[i] < type &&
		    range_overlaps(r, range_make(at, at + PAGE_SIZE)))
			model[i] = type;
	}
}

/* Is each frame of the initrd of this type or the tree's? */
static bool model_has(enum region_type type)
{
	for (uint64_t at = align_down(dt->initrd.start, PAGE_SIZE);
	     at < dt->initrd.end; at += PAGE_SIZE) {
		uint64_t i = (at - BASE) / PAGE_SIZE;

		if (at < BASE || i >= FRAMES ||
		    (model[i] != type && model[i] != REGION_FDT))
			return false;
	}
	return !range_empty(dt->initrd);
}

static void random_layout(struct rng *rng)
{
	dt->nmemory = 2;
	dt->nreserved = 0;
	/* With a hole, touching, or one over the other. */
	dt->memory[0] =
		range_make(BASE, BASE + (24 + rng_below(rng, 20)) * PAGE_SIZE);
	dt->memory[1] = range_make(BASE + (36 + rng_below(rng, 20)) * PAGE_SIZE,
				   BASE + (57 + rng_below(rng, 8)) * PAGE_SIZE);
	claims = (struct ram_claims){
		.image = {BASE + IMAGE_AT * PAGE_SIZE,
			  BASE + (IMAGE_AT + 2) * PAGE_SIZE},
		.fdt = some(rng, 3 * PAGE_SIZE),
	};
	dt->initrd = some(rng, 1u << rng_below(rng, 17));
	dt->initrd.end -= rng_below(rng, 2);
	/* Right before or behind the tree, as boot loaders do it. */
	if (rng_below(rng, 4) == 0)
		dt->initrd =
			range_make(claims.fdt.end,
				   claims.fdt.end + range_size(dt->initrd));
	else if (rng_below(rng, 4) == 0)
		dt->initrd =
			range_make(claims.fdt.start - range_size(dt->initrd),
				   claims.fdt.start);
	for (uint64_t n = rng_below(rng, 3); n; n--)
		reserve(some(rng, 2 * PAGE_SIZE), rng_below(rng, 2),
			rng_below(rng, 3) == 0);
}

static void model_layout(void)
{
	for (unsigned i = 0; i < FRAMES; i++) {
		uint64_t at = BASE + i * PAGE_SIZE;

		model[i] = range_has(dt->memory[0], at) ||
					   range_has(dt->memory[1], at)
				   ? REGION_FREE
				   : REGION_TYPES;
	}
	model_claim(range_make(BASE, claims.image.start), REGION_FIRMWARE);
	model_claim(claims.image, REGION_KERNEL);
	model_claim(claims.fdt, REGION_FDT);
	if (range_overlaps(dt->initrd, claims.fdt))
		dt->initrd = range_make(0, 0);
	if (model_has(REGION_FREE))
		model_claim(dt->initrd, REGION_INITRD);
	for (unsigned i = 0; i < dt->nreserved; i++) {
		const struct dt_reserved *r = &dt->reserved[i];

		if (r->no_map || !r->reusable)
			model_claim(r->range,
				    r->no_map ? REGION_NOMAP : REGION_RESERVED);
	}
}

KTEST(ram, property_every_frame_is_what_was_said_of_it)
{
	struct rng rng = rng_seed(ktest_seed() + 2);

	if (!set_up(MIB(16)))
		return ktest_skip("no memory");
	for (uint64_t round = 0; round < ktest_ops() / 50; round++) {
		random_layout(&rng);
		model_layout();
		REQUIRE(ram_init(mb, dt, &claims) == 0);
		REQUIRE(memblock_check(mb));
		for (unsigned i = 0; i < FRAMES; i++)
			REQUIRE(at(BASE + i * PAGE_SIZE) == model[i]);
		REQUIRE(ram_has_initrd(mb, dt) == model_has(REGION_INITRD));
	}
}

/* A boot loader may reserve the initrd that it loaded; a tree may name an
 * initrd where there is none. */
KTEST(ram, what_was_no_initrd_stays_reserved_where_it_is)
{
	if (!set_up(MIB(16)))
		return ktest_skip("no memory");
	dt->initrd = range_make(0x80400000, 0x80800000);
	reserve(range_make(0x80600000, 0x80900000), false, false);
	reserve(range_make(0x80500000, 0x80501000), false, true);
	EXPECT_EQ(ram_init(mb, dt, &claims), 0);
	EXPECT_EQ(at(0x807fffff), REGION_INITRD);
	EXPECT_EQ(at(0x80800000), REGION_RESERVED);
	EXPECT_EQ(ram_drop_initrd(mb, dt), 0);
	EXPECT_EQ(memblock_bytes(mb, REGION_INITRD), 0);
	EXPECT_EQ(at(0x805fffff), REGION_FREE);
	EXPECT_EQ(at(0x80600000), REGION_RESERVED);
	EXPECT_EQ(at(0x808fffff), REGION_RESERVED);
	EXPECT_EQ(memblock_bytes(mb, REGION_RESERVED), MIB(3));
}

static struct range missing[4];
static unsigned nmissing;

static void note(struct range pages, const char *what)
{
	EXPECT(what);
	if (nmissing < ARRAY_SIZE(missing))
		missing[nmissing] = pages;
	nmissing++;
}

/* None of it is in the map, and it is no device either. */
KTEST(ram, what_the_map_does_not_have_is_found)
{
	if (!set_up(MIB(16)))
		return ktest_skip("no memory");
	dt->memory[dt->nmemory++] = range_make(0x90000100, 0x90002100);
	reserve(range_make(0x80fff000, 0x81001004), true, false);
	reserve(range_make(0x70000000, 0x70001000), false, true);
	EXPECT_EQ(ram_init(mb, dt, &claims), 0);
	nmissing = 0;
	ram_each_missing(mb, dt, note);
	/* Before and behind the whole frame of the second bank, then the
	 * reservations. */
	EXPECT_EQ(nmissing, 4);
	EXPECT_EQ(missing[0].start, 0x90000000);
	EXPECT_EQ(missing[0].end, 0x90001000);
	EXPECT_EQ(missing[1].start, 0x90002000);
	EXPECT_EQ(missing[1].end, 0x90003000);
	EXPECT_EQ(missing[2].start, 0x81000000);
	EXPECT_EQ(missing[2].end, 0x81002000);
	EXPECT_EQ(missing[3].start, 0x70000000);
	/* Out of the direct map's reach. */
	EXPECT_EQ(memblock_remove(mb, range_make(0x80800000, UINT64_MAX)), 0);
	nmissing = 0;
	ram_each_missing(mb, dt, note);
	EXPECT_EQ(nmissing, 4);
	EXPECT_EQ(missing[0].start, 0x80800000);
	EXPECT_EQ(missing[0].end, 0x81000000);
	EXPECT_EQ(missing[1].end, 0x90003000);
}
