/*
 * Virtio drivers and the block layer against a model of the devices
 * (virtio_model.h): what works, and what happens with each kind of bad device.
 */
#include <string.h>

#include <kernel/console.h>
#include <kernel/ktest.h>
#include <kernel/random.h>
#include <lib/errno.h>
#include <mm/fail.h>
#include <mm/kmalloc.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/page_map.h>
#include <mm/reclaim.h>
#include <mm/zone.h>

#include "virtio_bed.h"

#define REAL 1000000000u /* Hz: time as it is */
#define FAST 20000000u	 /* ten seconds take 0.2 s */

#define BUF_ORDER 6
#define BUF	  ((size_t)PAGE_SIZE << BUF_ORDER)

#define EACH_VERSION(v) for (unsigned v = 1; v <= 2; v++)

static uint8_t *buffer(void)
{
	struct page *p = page_alloc(BUF_ORDER, 0);

	return p ? phys_to_virt(page_to_phys(p)) : NULL;
}

static void free_buffer(uint8_t *p)
{
	page_free(pfn_to_page(virt_to_phys(p) >> PAGE_SHIFT), BUF_ORDER);
}

/* --- what works --- */

static uint64_t steps;

static void one_step(struct virtio_bed *b, struct block_device *d, uint8_t *buf,
		     uint8_t *shadow, struct rng *rng)
{
	unsigned unit = d->block / SECTOR_SIZE;
	uint64_t most = BUF / SECTOR_SIZE / unit;
	uint64_t count = (1 + rng_below(rng, most)) * unit;
	uint64_t sector =
		rng_below(rng, (d->sectors - count) / unit + 1) * unit;
	uint8_t *at = shadow + sector * SECTOR_SIZE;

	d->polling = !rng_below(rng, 4);
	if (rng_below(rng, 2)) {
		for (uint64_t i = 0; i < count * SECTOR_SIZE; i += 64)
			buf[i] = (uint8_t)rng_next(rng);
		EXPECT_EQ(block_write(d, sector, count, buf), 0);
		memcpy(at, buf, count * SECTOR_SIZE);
	} else {
		memset(buf, 0xa5, count * SECTOR_SIZE);
		EXPECT_EQ(block_read(d, sector, count, buf), 0);
		EXPECT(!memcmp(buf, at, count * SECTOR_SIZE));
	}
	if (!rng_below(rng, 16))
		EXPECT_EQ(block_flush(d), 0);
	(void)b;
}

static void random_steps(struct virtio_bed *b)
{
	struct rng rng = rng_seed(ktest_seed());
	static uint8_t shadow[BED_SECTORS * SECTOR_SIZE];
	struct block_device *d;
	uint8_t *buf = buffer();

	REQUIRE(buf);
	EXPECT_EQ(device_bind(bed_disk()), 0);
	d = block_get("vda");
	REQUIRE(d);
	EXPECT(d->has_interrupt && !d->polling);
	memcpy(shadow, b->disk.disk, BED_SECTORS * SECTOR_SIZE);
	/* Every second device can't reach the buffer. */
	if (b->disk.out_of_order)
		EXPECT_EQ(dma_set_mask(&bed_disk()->dma, UINT32_MAX), 0);
	for (uint64_t i = 0; i < steps; i++)
		one_step(b, d, buf, shadow, &rng);
	EXPECT(!memcmp(shadow, b->disk.disk, BED_SECTORS * SECTOR_SIZE));
	EXPECT_EQ(d->errors, 0);
	EXPECT(d->interrupts);
	EXPECT_EQ(bed_disk()->dma.bounced > 0, b->disk.out_of_order);
	block_put(d);
	free_buffer(buf);
}

/* Reads and writes against an array: slow and fast devices, small and large
 * queues, blocks, segments, any order. */
KTEST(virtio, disk_is_an_array)
{
	static const struct {
		unsigned queue, delay;
		bool out_of_order;
		uint32_t block, segment;
	} c[] = {
		{128, 0, false, 512, 0},   {64, 5, true, 512, 0},
		{4, 3, true, 512, 0},	   {5, 0, false, 512, 4096},
		{1024, 20, true, 4096, 0}, {8, 2, false, 1024, 3000},
	};

	steps = min_u64(ktest_ops() / 10000, 200) + 5;
	EACH_VERSION(v)
	for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
		struct virtio_bed *b = virtio_bed(v);

		b->disk.queue_most = c[i].queue < VIRTIO_MODEL_QUEUE
					     ? c[i].queue
					     : VIRTIO_MODEL_QUEUE;
		b->disk.delay = c[i].delay;
		b->disk.out_of_order = c[i].out_of_order;
		b->disk.block = c[i].block;
		b->disk.segment = c[i].segment;
		b->disk.features |= (c[i].segment ? 1u << 1 : 0) |
				    (c[i].block != 512 ? 1u << 6 : 0);
		virtio_bed_run(b, REAL, random_steps);
	}
}

static void bounds(struct virtio_bed *b)
{
	struct block_device *d;
	uint8_t *buf = buffer();

	EXPECT_EQ(device_bind(bed_disk()), 0);
	EXPECT(!block_get("vdb"));
	d = block_get("vda");
	REQUIRE(d && buf);
	EXPECT_EQ(d->sectors, BED_SECTORS);
	EXPECT_EQ(block_read(d, BED_SECTORS - 1, 1, buf), 0);
	EXPECT_EQ(block_read(d, BED_SECTORS, 1, buf), -ERANGE);
	EXPECT_EQ(block_read(d, BED_SECTORS - 1, 2, buf), -ERANGE);
	EXPECT_EQ(block_read(d, UINT64_MAX, 2, buf), -ERANGE);
	EXPECT_EQ(block_read(d, 1, UINT64_MAX, buf), -ERANGE);
	EXPECT_EQ(block_read(d, 0, 0, buf), -EINVAL);
	EXPECT_EQ(block_write(d, 0, 1, buf), -EACCES);
	EXPECT_EQ(block_flush(d), 0); /* it has no such request */
	EXPECT_EQ(device_unbind(bed_disk()), 0);
	EXPECT(!block_get("vda"));
	EXPECT_EQ(block_read(d, 0, 1, buf), -ENODEV);
	EXPECT_EQ(block_flush(d), -ENODEV);
	block_put(d);
	free_buffer(buf);
	(void)b;
}

KTEST(virtio, ranges_read_only_and_gone)
{
	EACH_VERSION(v)
	{
		struct virtio_bed *b = virtio_bed(v);

		b->disk.features = 1u << 5;
		virtio_bed_run(b, REAL, bounds);
	}
}

static void note(void *ctx, const char *source, uint64_t bytes)
{
	if (!strcmp(source, "virtio-rng"))
		*(uint64_t *)ctx = bytes;
}

static void random_numbers(struct virtio_bed *b)
{
	uint64_t before = 0, after = 0;

	random_each(note, &before);
	EXPECT_EQ(device_bind(bed_rng()), 0);
	EXPECT_EQ(random_ask(), 0);
	random_each(note, &after);
	EXPECT_EQ(after - before, 128);
	EXPECT_EQ(b->rng.completed, 2);
	EXPECT_EQ(device_unbind(bed_rng()), 0);
	EXPECT_EQ(random_ask(), -ENODEV);
	EXPECT_EQ(b->rng.completed, 2);
}

KTEST(virtio, random_numbers_when_asked)
{
	EACH_VERSION(v)
	{
		struct virtio_bed *b = virtio_bed(v);

		b->rng.delay = v;
		virtio_bed_run(b, REAL, random_numbers);
	}
}

static void bind_and_unbind(struct virtio_bed *b)
{
	uint64_t frames = 0;

	for (unsigned i = 0; i < 1000; i++) {
		if (device_bind(bed_disk()) || device_bind(bed_rng())) {
			ktest_fail(__FILE__, __LINE__, "round %u", i);
			break;
		}
		EXPECT_EQ(device_unbind(bed_disk()), 0);
		EXPECT_EQ(device_unbind(bed_rng()), 0);
		if (i == 10) {
			reclaim();
			frames = zone_used_frames();
		}
	}
	reclaim();
	EXPECT_EQ(zone_used_frames(), frames);
	(void)b;
}

KTEST(virtio, bound_and_unbound_a_thousand_times)
{
	EACH_VERSION(v)
	{
		struct virtio_bed *b = virtio_bed(v);

		virtio_bed_run(b, REAL, bind_and_unbind);
	}
}

/* The n-th allocation fails, for each n: in probe(), and in a transfer. */
static void each_allocation_fails(struct virtio_bed *b)
{
	struct device *device[] = {bed_disk(), bed_rng()};
	struct block_device *d;
	uint8_t *buf = buffer();

	REQUIRE(buf);
	for (unsigned k = 0; k < ARRAY_SIZE(device); k++)
		for (unsigned n = 1; n < 500; n++) {
			int err;

			fail_arm(n, false);
			err = device_bind(device[k]);
			fail_arm(0, false);
			if (err)
				EXPECT_EQ(err, -ENOMEM);
			if (!err && n > 3)
				break;
			device_unbind(device[k]);
			EXPECT(n < 499);
		}
	d = block_get("vda");
	REQUIRE(d);
	for (unsigned n = 1; n < 50; n++) {
		int err;

		fail_arm(n, false);
		err = block_write(d, 0, BUF / SECTOR_SIZE, buf);
		fail_arm(0, false);
		EXPECT(!err || err == -ENOMEM);
	}
	EXPECT_EQ(block_write(d, 0, BUF / SECTOR_SIZE, buf), 0);
	block_put(d);
	free_buffer(buf);
	(void)b;
}

KTEST(virtio, out_of_memory_anywhere)
{
	EACH_VERSION(v)
	{
		struct virtio_bed *b = virtio_bed(v);

		b->silent_console = true;
		virtio_bed_run(b, REAL, each_allocation_fails);
	}
}

/* --- bad devices --- */

struct bad {
	const char *what;
	unsigned wrong;
	int err; /* of binding, or of the transfer; 0: it works all the same */
	const char *says;
	unsigned version; /* 0: both */
};

static const struct bad *bad;

static void refused(struct virtio_bed *b)
{
	int err = device_bind(bed_disk());

	if (err != bad->err || !strstr(bed_disk()->why, bad->says))
		ktest_fail(__FILE__, __LINE__, "%s: %d, %s", bad->what, err,
			   bed_disk()->why);
	EXPECT(!block_get("vda"));
	(void)b;
}

static void for_each_bad(const struct bad *table, unsigned n, uint64_t hz,
			 unsigned good, void (*body)(struct virtio_bed *b))
{
	for (bad = table; bad < table + n; bad++)
		EACH_VERSION(v)
		{
			struct virtio_bed *b = virtio_bed(v);

			if (bad->version && bad->version != v)
				continue;
			b->silent_console = true;
			b->disk.wrong = bad->wrong;
			b->disk.good = good;
			b->disk.features |= 1u << 1 | 1u << 6;
			b->disk.segment = 65536;
			virtio_bed_run(b, hz, body);
		}
}

KTEST(virtio, devices_that_are_refused)
{
	static const struct bad table[] = {
		{"magic", WRONG_MAGIC, -EIO, "magic", 0},
		{"version", WRONG_VERSION, -EIO, "version 3", 0},
		{"an empty slot", WRONG_EMPTY, -ENODEV, "empty", 0},
		{"another kind", WRONG_KIND, -ENODEV, "kind 55", 0},
		{"features", WRONG_FEATURES, -EIO, "refuses", 2},
		{"2 without VERSION_1", WRONG_NOT_1, -EIO, "VERSION_1", 2},
		{"no queue", WRONG_NO_QUEUE, -EIO, "0 entries", 0},
		{"a huge queue", WRONG_HUGE_QUEUE, -EIO, "2147483648", 0},
		{"a queue in use", WRONG_IN_USE, -EIO, "in use", 0},
		{"configuration", WRONG_CONFIG, -EIO, "changes", 0},
		{"capacity", WRONG_CAPACITY, -EIO, "sectors", 0},
		{"blocks of 513", WRONG_BLOCK, -EIO, "blocks of 513", 0},
		{"segments of 511", WRONG_SEGMENT, -EIO, "511 in a", 0},
	};

	for_each_bad(table, ARRAY_SIZE(table), REAL, 0, refused);
}

/* Two transfers: the device goes wrong in the first or in the second. */
static void fails(struct virtio_bed *b)
{
	struct block_device *d;
	uint8_t *buf = buffer();
	int err = 0, more;

	REQUIRE(buf);
	EXPECT_EQ(device_bind(bed_disk()), 0);
	d = block_get("vda");
	REQUIRE(d);
	for (unsigned i = 0; i < 8 && !err; i++)
		err = block_read(d, 0, BUF / SECTOR_SIZE, buf);
	more = block_read(d, 0, 1, buf);
	if (err != bad->err || (bad->says && !strstr(b->messages, bad->says)))
		ktest_fail(__FILE__, __LINE__, "%s: %d, then %d: %s", bad->what,
			   err, more, b->messages);
	/* Out of use, or as good as it was. */
	EXPECT_EQ(more, bad->says && err ? -EIO : err);
	block_put(d);
	free_buffer(buf);
}

static const struct bad bad_answers[] = {
	{"a number that can't be", WRONG_ID, -EIO, "does not have", 0},
	{"a number that is free", WRONG_FREE_ID, -EIO, "does not have", 0},
	{"a request twice", WRONG_TWICE, -EIO, "it completes", 0},
	{"more than it has", WRONG_AHEAD, -EIO, "more than it was given", 0},
	{"too much written", WRONG_LENGTH, -EIO, "room for", 0},
	{"needs a reset", WRONG_NEEDS_RESET, -EIO, "needs a reset", 0},
	{"says that it failed", WRONG_OUTCOME, -EIO, NULL, 0},
	{"no outcome", WRONG_SILENT, -EIO, NULL, 0},
};

KTEST(virtio, answers_that_make_no_sense)
{
	for (unsigned good = 0; good < 20; good += 7)
		for_each_bad(bad_answers, ARRAY_SIZE(bad_answers), REAL, good,
			     fails);
}

KTEST(virtio, no_answer_is_an_error)
{
	static const struct bad table[] = {
		{"no answer", WRONG_NO_ANSWER, -ETIMEDOUT, "not answer", 0},
	};

	for (unsigned good = 0; good < 20; good += 7)
		for_each_bad(table, ARRAY_SIZE(table), FAST, good, fails);
	/* Nobody knows how fast time goes. */
	for_each_bad(table, ARRAY_SIZE(table), 0, 1, fails);
}

/* Works, with what `says`. */
static void works(struct virtio_bed *b)
{
	struct block_device *d;
	uint8_t *buf = buffer();

	REQUIRE(buf);
	EXPECT_EQ(device_bind(bed_disk()), 0);
	d = block_get("vda");
	REQUIRE(d);
	for (unsigned i = 0; i < 8; i++)
		EXPECT_EQ(block_read(d, 0, BUF / SECTOR_SIZE, buf), 0);
	EXPECT_EQ(buf[0], 0x11);
	if (!strstr(b->messages, bad->says))
		ktest_fail(__FILE__, __LINE__, "%s: %s", bad->what,
			   b->messages);
	block_put(d);
	free_buffer(buf);
}

KTEST(virtio, interrupts_that_do_not_come_or_do_not_end)
{
	static const struct bad table[] = {
		{"no interrupt", WRONG_NO_IRQ, 0, "polling from now on", 0},
		{"interrupts all the time", WRONG_STORM, 0, "", 0},
	};

	for_each_bad(table, ARRAY_SIZE(table), REAL / 10, 5, works);
}

static void polls(struct virtio_bed *b)
{
	struct block_device *d;

	works(b);
	d = block_get("vda");
	REQUIRE(d);
	EXPECT(d->polling && !d->has_interrupt);
	EXPECT_EQ(d->interrupts, 0);
	block_put(d);
}

KTEST(virtio, a_disk_without_interrupt_is_polled)
{
	static const struct bad none = {.what = "no interrupt in the tree",
					.says = "polling"};

	bad = &none;
	for (uint32_t line = 0; line < 12; line += 11)
		EACH_VERSION(v)
		{
			struct virtio_bed *b = virtio_bed(v);

			b->silent_console = true;
			b->interrupt = line;
			virtio_bed_run(b, REAL, polls);
		}
}

KTEST(virtio, registers_that_are_too_small)
{
	static const struct bad table[] = {
		{"no registers to speak of", 0, -EINVAL, "0x100 bytes", 0},
		{"no configuration", 0, -EINVAL, "0x108 bytes", 0},
	};

	for (bad = table; bad < table + ARRAY_SIZE(table); bad++)
		EACH_VERSION(v)
		{
			struct virtio_bed *b = virtio_bed(v);

			b->silent_console = true;
			b->reg_size = bad == table ? 0x70 : 0x100;
			virtio_bed_run(b, REAL, refused);
		}
}

static void nowhere(struct virtio_bed *b)
{
	virtio_model_end(&b->disk);
	refused(b);
	virtio_model_start(&b->disk);
}

KTEST(virtio, registers_where_nothing_is)
{
	static const struct bad nothing = {"nothing", 0, -ENXIO,
					   "nothing answers", 0};
	struct virtio_bed *b = virtio_bed(1);

	bad = &nothing;
	b->silent_console = true;
	virtio_bed_run(b, REAL, nowhere);
}

static void rng_fails(struct virtio_bed *b)
{
	int err = device_bind(bed_rng());

	if (err != bad->err || !strstr(bed_rng()->why, bad->says))
		ktest_fail(__FILE__, __LINE__, "%s: %d, %s", bad->what, err,
			   bed_rng()->why);
	EXPECT_EQ(random_ask(), -ENODEV);
	(void)b;
}

KTEST(virtio, bad_sources_of_random_numbers)
{
	static const struct bad table[] = {
		{"no answer", WRONG_NO_ANSWER, -ETIMEDOUT, "not answer", 0},
		{"too much", WRONG_LENGTH, -EIO, "room for", 0},
		{"no queue", WRONG_NO_QUEUE, -EIO, "0 entries", 0},
		{"no bytes", WRONG_NOTHING, -EIO, "no bytes", 0},
	};

	for (bad = table; bad < table + ARRAY_SIZE(table); bad++)
		EACH_VERSION(v)
		{
			struct virtio_bed *b = virtio_bed(v);

			b->silent_console = true;
			b->rng.wrong = bad->wrong;
			virtio_bed_run(b, FAST, rng_fails);
		}
}

/* What it was given, it keeps: nothing else may be written there later. */
KTEST(virtio, a_disk_that_can_not_be_stopped_keeps_its_memory)
{
	static const struct bad stuck = {"stuck", 0, -ETIMEDOUT,
					 "it can't be reset", 0};

	bad = &stuck;
	EACH_VERSION(v)
	{
		struct virtio_bed *b = virtio_bed(v);

		b->silent_console = true;
		b->disk.wrong = WRONG_NO_ANSWER | WRONG_NO_RESET;
		b->disk.good = 3;
		b->keeps = true;
		virtio_bed_run(b, FAST, fails);
	}
}
