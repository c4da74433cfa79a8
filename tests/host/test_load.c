/* `load` and `disk` over the model of a disk: what QEMU can't make fail. */
#include <stdio.h>
#include <string.h>

#include <kernel/ktest.h>
#include <kernel/load.h>
#include <kernel/shell.h>
#include <lib/bits.h>
#include <mm/fail.h>
#include <mm/kmalloc.h>
#include <mm/layout.h>
#include <mm/reclaim.h>
#include <mm/zone.h>

#include "virtio_bed.h"

#define AT 3 /* sector */

static uint8_t *add(uint8_t *p, const char *name, const char *data)
{
	unsigned size = (unsigned)strlen(data);
	unsigned name_size = (unsigned)strlen(name) + 1;

	sprintf((char *)p,
		"070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1,
		0100644, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0);
	memcpy(p + 110, name, name_size);
	p += align_up(110 + name_size, 4);
	memcpy(p, data, size);
	return p + align_up(size, 4);
}

static void put_archive(struct virtio_bed *b)
{
	uint8_t *p = b->disk.disk + AT * SECTOR_SIZE;

	p = add(p, "greeting", "hello");
	add(p, "TRAILER!!!", "");
}

static void each_allocation_fails(struct virtio_bed *b)
{
	uint64_t size, before;
	unsigned n = 0;
	int status = 1;

	put_archive(b);
	EXPECT_EQ(device_bind(bed_disk()), 0);
	EXPECT_EQ(shell_execute("load vda 3"), 0);
	EXPECT_EQ(shell_execute("load --drop"), 0);
	reclaim();
	before = zone_used_frames();
	while (status && ++n < 100) {
		fail_arm(n, true);
		status = shell_execute("load vda 3");
		fail_arm(0, false);
		EXPECT(!!load_archive(&size) == !status);
	}
	EXPECT(n > 2 && n < 100);
	EXPECT(size > 110 && size < 1024);
	/* An archive stays if the next one can't be had. */
	EXPECT_EQ(shell_execute("load vda"), 1);
	EXPECT(load_archive(&size));
	EXPECT_EQ(shell_execute("load --drop"), 0);
	EXPECT(!load_archive(&size));
	reclaim();
	EXPECT_EQ(zone_used_frames(), before);
	EXPECT(strstr(b->messages, "no memory"));
	EXPECT(strstr(b->messages, " 5 3610a686 greeting"));
}

KTEST(load, out_of_memory_anywhere)
{
	struct virtio_bed *b = virtio_bed(2);

	b->silent_console = true;
	virtio_bed_run(b, 1000000000, each_allocation_fails);
}

/* Without a disk: what the boot loader left. */
static void initrd(struct virtio_bed *b)
{
	uint8_t *p = kmalloc(SECTOR_SIZE, 0);
	paddr_t at = virt_to_phys(p);
	uint64_t size;

	EXPECT_EQ(shell_execute("load initrd"), 1);
	EXPECT(strstr(b->messages, "there is no initrd"));
	memset(p, 0, SECTOR_SIZE);
	add(add(p, "greeting", "hello"), "TRAILER!!!", "");
	load_have_initrd(range_make(at, at + SECTOR_SIZE));
	EXPECT_EQ(shell_execute("load initrd"), 0);
	EXPECT(strstr(b->messages, " 5 3610a686 greeting"));
	EXPECT(load_archive(&size) == p);
	EXPECT_EQ(size, SECTOR_SIZE);
	/* It stays where it is. */
	EXPECT_EQ(shell_execute("load --drop"), 0);
	EXPECT(!load_archive(&size));
	EXPECT_EQ(shell_execute("load initrd"), 0);
	EXPECT_EQ(shell_execute("load --drop"), 0);
	memset(p, 0x1f, SECTOR_SIZE);
	EXPECT_EQ(shell_execute("load initrd"), 1);
	EXPECT(strstr(b->messages, "initrd: no cpio archive at byte 0"));
	EXPECT(!load_archive(&size));
	load_have_initrd(range_make(0, 0));
	kfree(p);
}

KTEST(load, initrd)
{
	struct virtio_bed *b = virtio_bed(2);

	b->silent_console = true;
	virtio_bed_run(b, 1000000000, initrd);
}

static void odd_names(struct virtio_bed *b)
{
	uint8_t *p = b->disk.disk;

	p = add(p, "red\033[31m\nload: fine\177\303\244", "x");
	p = add(p, "two\nlines", "");
	add(p, "TRAILER!!!", "");
	EXPECT_EQ(device_bind(bed_disk()), 0);
	EXPECT_EQ(shell_execute("load vda"), 0);
	EXPECT(strstr(b->messages, " red?[31m?load: fine???"));
	EXPECT(strstr(b->messages, " two?lines"));
	EXPECT_EQ(shell_execute("load --drop"), 0);
}

KTEST(load, names_do_not_reach_the_terminal)
{
	struct virtio_bed *b = virtio_bed(2);

	b->silent_console = true;
	virtio_bed_run(b, 1000000000, odd_names);
}

static void too_large(struct virtio_bed *b)
{
	EXPECT_EQ(device_bind(bed_disk()), 0);
	EXPECT_EQ(shell_execute("disk test vda --yes --size 1048577"),
		  SHELL_USAGE);
	EXPECT_EQ(shell_execute("disk test vda --yes"), 1);
	EXPECT(strstr(b->messages, "2048 sectors"));
	EXPECT_EQ(b->disk.completed, 0);
	EXPECT_EQ(shell_execute("disk test vda --yes --size 1M"), 0);
	EXPECT_EQ(shell_execute("disk test vda --yes --size 1M --mask 13"), 1);
	EXPECT(strstr(b->messages, "no memory that it can reach"));
	/* The last sector is no whole block: all others are. */
	EXPECT_EQ(device_unbind(bed_disk()), 0);
	b->disk.features |= 1u << 6;
	b->disk.block = 1024;
	b->disk.sectors = 2047;
	EXPECT_EQ(device_bind(bed_disk()), 0);
	EXPECT_EQ(shell_execute("disk crc vda"), 0);
	EXPECT(strstr(b->messages, "of 2046 sectors"));
}

KTEST(load, disks_of_any_size)
{
	struct virtio_bed *b = virtio_bed(2);

	b->silent_console = true;
	virtio_bed_run(b, 1000000000, too_large);
}

static void device_dies(struct virtio_bed *b)
{
	uint64_t size;

	put_archive(b);
	EXPECT_EQ(device_bind(bed_disk()), 0);
	EXPECT_EQ(shell_execute("load vda 3"), 1);
	EXPECT(!load_archive(&size));
	EXPECT_EQ(shell_execute("disk test vda --yes --size 1M"), 1);
	EXPECT_EQ(shell_execute("disk crc vda"), 1);
	EXPECT_EQ(shell_execute("disk read vda 0"), 1);
	EXPECT_EQ(shell_execute("disk read vda"), SHELL_USAGE);
	EXPECT_EQ(shell_execute("disk test vda --mask 1"), SHELL_USAGE);
	EXPECT_EQ(shell_execute("disk test vda --size 513"), SHELL_USAGE);
	EXPECT_EQ(shell_execute("disk"), 0);
	EXPECT(strstr(b->messages, "it failed"));
}

KTEST(load, from_a_disk_that_breaks)
{
	struct virtio_bed *b = virtio_bed(1);

	b->silent_console = true;
	b->disk.wrong = WRONG_ID;
	b->disk.good = 1;
	virtio_bed_run(b, 1000000000, device_dies);
}
