/*
 * Virtio drivers where things happen at an unlucky moment: while another call is
 * under way, or none is. "Another hart" is what the model's `elsewhere` does in
 * between.
 */
#include <string.h>

#include <arch/cpu.h>
#include <arch/irq.h>
#include <kernel/ktest.h>
#include <kernel/random.h>
#include <lib/errno.h>
#include <mm/kmalloc.h>

#include "virtio_bed.h"

#define REAL 1000000000u /* Hz: time as it is */
#define FAST 20000000u	 /* ten seconds take 0.2 s */

#define EACH_VERSION(v) for (unsigned v = 1; v <= 2; v++)

static struct block_device *disk;
static uint8_t *other_buf;
static unsigned others; /* calls of the other hart */

static void setup(struct virtio_bed *b, uint8_t **buf)
{
	others = 0;
	*buf = kmalloc(SECTOR_SIZE, 0);
	other_buf = kmalloc(SECTOR_SIZE, 0);
	REQUIRE(*buf && other_buf);
	EXPECT_EQ(device_bind(bed_disk()), 0);
	disk = block_get("vda");
	REQUIRE(disk);
	(void)b;
}

static void done(uint8_t *buf)
{
	block_put(disk);
	kfree(other_buf);
	kfree(buf);
}

/* --- interrupts --- */

/* One that is raised, but not by the disk, is denied, and so turned off. */
static void anothers(struct virtio_bed *b)
{
	uint64_t flags;
	uint8_t *buf;

	setup(b, &buf);
	flags = arch_irq_save();
	for (unsigned i = 0; i < 1000; i++)
		irq_raised(b->disk.chip, b->disk.line);
	arch_irq_restore(flags);
	EXPECT_EQ(disk->interrupts, 0);
	EXPECT(strstr(b->messages, "raised for nothing; turned off"));
	/* It does without. */
	EXPECT_EQ(block_read(disk, 0, 1, buf), 0);
	EXPECT(disk->polling);
	done(buf);
}

KTEST(virtio, interrupts_of_another_are_denied)
{
	EACH_VERSION(v)
	{
		struct virtio_bed *b = virtio_bed(v);

		b->silent_console = true;
		b->disk.delay = 5;
		virtio_bed_run(b, FAST, anothers);
	}
}

/* A call with interrupts off, which asks the device, while another one sleeps. */
static void ask_in_between(struct virtio_model *m)
{
	uint64_t flags = arch_irq_save();

	m->elsewhere = NULL;
	others++;
	EXPECT_EQ(block_read(disk, 1, 1, other_buf), 0);
	m->age[0] = 10;
	arch_irq_restore(flags);
}

static void two_calls(struct virtio_bed *b)
{
	uint8_t *buf;

	setup(b, &buf);
	for (unsigned i = 0; i < 10; i++) {
		b->disk.elsewhere = ask_in_between;
		EXPECT_EQ(block_read(disk, 0, 1, buf), 0);
	}
	EXPECT(others > 5); /* the disk may be quicker */
	EXPECT(!disk->polling);
	done(buf);
}

KTEST(virtio, a_call_that_asks_leaves_interrupts_on)
{
	EACH_VERSION(v)
	{
		struct virtio_bed *b = virtio_bed(v);

		b->disk.delay = 50;
		b->disk.out_of_order = true;
		virtio_bed_run(b, FAST, two_calls);
	}
}

/* The mode changes while a call is under way: what is done at that moment, without
 * an interrupt, is looked for. */
static void change_mode(struct virtio_model *m)
{
	(void)m;
	disk->polling = ++others < 3;
}

static void modes(struct virtio_bed *b)
{
	uint8_t *buf;

	setup(b, &buf);
	for (unsigned i = 0; i < 50; i++) {
		others = 0;
		disk->polling = true;
		b->disk.elsewhere = change_mode;
		EXPECT_EQ(block_read(disk, i, 1, buf), 0);
		b->disk.elsewhere = NULL;
	}
	EXPECT_EQ(disk->errors, 0);
	EXPECT(disk->interrupts);
	done(buf);
}

KTEST(virtio, modes_change_during_calls)
{
	EACH_VERSION(v)
	{
		struct virtio_bed *b = virtio_bed(v);

		b->disk.delay = 6;
		b->silent_console = true;
		virtio_bed_run(b, REAL, modes);
		EXPECT(!strstr(b->messages, "does not come"));
	}
}

/* --- patience --- */

static uint64_t until; /* ours is kept waiting */

/* Others' requests are done, ours is not. */
static void overtake(struct virtio_model *m)
{
	uint64_t flags;

	if (!m->nflying)
		return;
	m->elsewhere = NULL;
	m->age[0] = 1000;
	flags = arch_irq_save();
	EXPECT_EQ(block_read(disk, 1, 1, other_buf), 0);
	arch_irq_restore(flags);
	others++;
	if (arch_time() < until)
		m->elsewhere = overtake;
	else
		m->age[0] = 0;
}

static uint64_t seconds;

static void kept_waiting(struct virtio_bed *b)
{
	bool for_ever = b->silent_console;
	uint8_t *buf;

	setup(b, &buf);
	until = arch_time() + seconds * FAST;
	b->disk.elsewhere = overtake;
	EXPECT_EQ(block_read(disk, 0, 1, buf), for_ever ? -ETIMEDOUT : 0);
	b->disk.elsewhere = NULL;
	EXPECT(others > 10);
	EXPECT_EQ(!!strstr(b->messages, "does not answer"), for_ever);
	done(buf);
}

KTEST(virtio, a_slow_disk_is_not_a_dead_one)
{
	EACH_VERSION(v)
	{
		struct virtio_bed *b = virtio_bed(v);

		seconds = 25;
		b->disk.delay = 100;
		b->disk.out_of_order = true;
		virtio_bed_run(b, FAST, kept_waiting);
	}
}

KTEST(virtio, a_disk_that_forgets_one_request_is_a_dead_one)
{
	struct virtio_bed *b = virtio_bed(2);

	seconds = 1000;
	b->disk.delay = 100;
	b->silent_console = true;
	b->disk.out_of_order = true;
	virtio_bed_run(b, FAST, kept_waiting);
}

/* --- bad devices, while nobody waits --- */

static void makes_up(struct virtio_bed *b)
{
	uint64_t flags;
	uint8_t *buf;

	setup(b, &buf);
	EXPECT_EQ(block_read(disk, 0, 1, buf), 0);
	virtio_model_makes_up(&b->disk);
	flags = arch_irq_save();
	kernel_external();
	arch_irq_restore(flags);
	EXPECT_EQ(block_read(disk, 0, 1, buf), -EIO);
	EXPECT(strstr(b->messages, "more than it was given; it is reset"));
	EXPECT(!virtio_model_works(&b->disk));
	done(buf);
}

KTEST(virtio, an_answer_without_a_request)
{
	EACH_VERSION(v)
	{
		struct virtio_bed *b = virtio_bed(v);

		b->silent_console = true;
		virtio_bed_run(b, REAL, makes_up);
	}
}

static void needs_reset(struct virtio_bed *b)
{
	EXPECT_EQ(device_bind(bed_rng()), 0);
	b->rng.wrong = WRONG_NEEDS_RESET;
	EXPECT_EQ(random_ask(), 0); /* what it gave is good */
	for (unsigned i = 0; i < 3; i++)
		EXPECT_EQ(random_ask(), -EIO);
	EXPECT_EQ(bed_rng()->dma.maps, 0);
}

KTEST(virtio, a_source_that_needs_a_reset)
{
	EACH_VERSION(v)
	virtio_bed_run(virtio_bed(v), REAL, needs_reset);
}

static void no_bytes(struct virtio_bed *b)
{
	EXPECT_EQ(device_bind(bed_rng()), 0);
	b->rng.wrong = WRONG_NOTHING;
	EXPECT_EQ(random_ask(), -EIO);
	EXPECT(strstr(bed_rng()->why, "no bytes"));
	b->rng.wrong = 0;
	EXPECT_EQ(random_ask(), 0);
}

KTEST(virtio, a_source_without_bytes)
{
	virtio_bed_run(virtio_bed(1), REAL, no_bytes);
}
