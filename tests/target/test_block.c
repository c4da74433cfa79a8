/* Disks used by all harts at once; for machines that have one. Reads only. */
#include <drivers/block.h>
#include <kernel/ktest.h>
#include <kernel/smp.h>
#include <lib/crc32.h>
#include <mm/kmalloc.h>

#define BYTES  KIB(256)
#define ROUNDS 8
#define TIMES  50

static struct block_device *disk;
static uint32_t expected;
static unsigned wrong; /* (a) */

static uint32_t read_and_sum(void)
{
	uint8_t *buf = kmalloc(BYTES, 0);
	uint32_t crc = 0;

	if (buf && !block_read(disk, 0, BYTES / SECTOR_SIZE, buf))
		crc = crc32(0, buf, BYTES);
	kfree(buf);
	return crc;
}

static void reader(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++)
		if (read_and_sum() != expected)
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
}

KTEST(block, harts_share_a_disk)
{
	static struct smp_work work[MAX_CPUS];
	cpumask_t others = cpus_online() & ~cpu_bit(arch_cpu());

	disk = block_get("vda");
	if (!disk || disk->sectors < BYTES / SECTOR_SIZE) {
		ktest_skip("no disk");
		if (disk)
			block_put(disk);
		return;
	}
	wrong = 0;
	expected = read_and_sum();
	EXPECT(expected);
	for_each_cpu (cpu, others) {
		work[cpu] = (struct smp_work){.fn = reader};
		smp_run((unsigned)cpu, &work[cpu]);
	}
	reader(NULL);
	for_each_cpu (cpu, others)
		smp_wait(&work[cpu]);
	EXPECT_EQ(wrong, 0);
	EXPECT_EQ(disk->errors, 0);
	block_put(disk);
}

static void read_often(void *arg)
{
	uint8_t *buf = kmalloc(disk->block, 0);

	for (unsigned i = 0; i < TIMES; i++)
		if (!buf || block_read(disk, 0, disk->block / SECTOR_SIZE, buf))
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
	kfree(buf);
	(void)arg;
}

/* Who waits on a hart that the interrupt does not come to, is woken, and does not
 * sleep until its timer ends that. */
KTEST(block, answers_wake_other_harts)
{
	cpumask_t others = cpus_online() & ~cpu_bit(arch_cpu());
	struct smp_work work = {.fn = read_often};
	unsigned cpu;
	uint64_t ipis;

	disk = others ? block_get("vda") : NULL;
	if (!disk) {
		ktest_skip("no disk, or no other hart");
		return;
	}
	cpu = (unsigned)__builtin_ctzll(others);
	wrong = 0;
	ipis = smp_counters(cpu)->ipis;
	smp_run(cpu, &work);
	smp_wait(&work);
	EXPECT_EQ(wrong, 0);
	EXPECT(disk->polling || smp_counters(cpu)->ipis - ipis > TIMES / 2);
	block_put(disk);
}

/* Gone and back, while others have it by name. */
KTEST(block, unbound_and_bound_again)
{
	struct device *d;
	uint32_t before;

	disk = block_get("vda");
	if (!disk || disk->sectors < BYTES / SECTOR_SIZE) {
		ktest_skip("no disk");
		if (disk)
			block_put(disk);
		return;
	}
	before = read_and_sum();
	d = disk->device;
	for (unsigned i = 0; i < 20; i++) {
		EXPECT_EQ(device_unbind(d), 0);
		EXPECT_EQ(read_and_sum(), 0);
		EXPECT_EQ(device_bind(d), 0);
		block_put(disk);
		disk = block_get("vda");
		REQUIRE(disk);
		EXPECT_EQ(read_and_sum(), before);
	}
	EXPECT(disk->interrupts);
	block_put(disk);
}
