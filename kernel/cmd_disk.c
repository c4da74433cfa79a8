/*
 * The `disk` command: disks, and what is on them.
 *
 * `disk test` is the proof that memory gets to a device and back: it writes a
 * pattern from memory of one kind (below 4 GiB, above, wherever), reads it back,
 * and compares checksums of what was given and what came; with fewer address bits,
 * so that bounce buffers are used; with interrupts, or without.
 */
#include <string.h>

#include <drivers/block.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <lib/crc32.h>
#include <lib/errno.h>
#include <lib/rng.h>
#include <mm/kmalloc.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/page_map.h>

#define LL(x) ((unsigned long long)(x))

#define ORDER 8 /* of the buffer: 1 MiB */
#define CHUNK (PAGE_SIZE << ORDER)
#define LINE  16

static int no_disk(const char *name)
{
	kprintf("disk: there is no disk '%s'\n", name);
	return 1;
}

static int list_disks(void)
{
	struct block_device *b = NULL;
	unsigned n = 0;

	while ((b = block_next(b))) {
		kprintf("%s: %s, %llu sectors (%llu MiB) in blocks of %u, %s, "
			"%s; %llu requests, %llu errors, %llu interrupts, "
			"%llu bounced\n",
			b->name, b->device->name, LL(b->sectors),
			LL(b->sectors >> 11), b->block,
			b->read_only ? "read-only" : "writable",
			b->polling ? "polling" : "by interrupt",
			LL(b->requests), LL(b->errors), LL(b->interrupts),
			LL(b->device->dma.bounced));
		n++;
	}
	if (!n)
		kprintf("disk: there are no disks\n");
	return 0;
}

/* Says what went wrong, as a status. */
static int told(const struct block_device *b, const char *what, int err)
{
	if (err && err != -EINTR)
		kprintf("disk: %s: %s: %s (error %d)\n", b->name, what,
			err == -ERANGE	    ? "not on the disk"
			: err == -EINVAL    ? "no whole blocks"
			: err == -EACCES    ? "it is read-only"
			: err == -ENODEV    ? "it is gone"
			: err == -ENOMEM    ? "no memory that it can reach"
			: err == -ETIMEDOUT ? "no answer"
					    : "it failed",
			-err);
	return err != 0;
}

/* Read [sector, sector + count) in pieces of a buffer and hand each to `use`. */
static int read_sectors(struct block_device *b, uint64_t sector, uint64_t count,
			void (*use)(void *ctx, const uint8_t *p, uint64_t size),
			void *ctx)
{
	uint64_t step = max_u64(b->block, PAGE_SIZE) / SECTOR_SIZE, n;
	uint8_t *buf = kmalloc((size_t)step * SECTOR_SIZE, 0);
	int err = buf ? 0 : -ENOMEM;

	for (; !err && count; sector += n, count -= n) {
		n = min_u64(count, step);
		err = shell_interrupted() ? -EINTR
					  : block_read(b, sector, n, buf);
		if (!err)
			use(ctx, buf, n * SECTOR_SIZE);
	}
	kfree(buf);
	return err;
}

static void dump(void *ctx, const uint8_t *p, uint64_t size)
{
	uint64_t *at = ctx;

	for (uint64_t i = 0; i < size; i += LINE, *at += LINE) {
		kprintf("%010llx ", LL(*at));
		for (unsigned k = 0; k < LINE; k++)
			kprintf(" %02x", p[i + k]);
		kprintf("  ");
		for (unsigned k = 0; k < LINE; k++)
			kprintf("%c", p[i + k] >= ' ' && p[i + k] <= '~'
					      ? p[i + k]
					      : '.');
		kprintf("\n");
	}
}

static void add_crc(void *ctx, const uint8_t *p, uint64_t size)
{
	uint32_t *crc = ctx;

	*crc = crc32(*crc, p, size);
}

static int disk_read(struct block_device *b, uint64_t sector, uint64_t count)
{
	uint64_t at = sector * SECTOR_SIZE;

	return told(b, "read", read_sectors(b, sector, count, dump, &at));
}

static int disk_crc(struct block_device *b, uint64_t sector, uint64_t count)
{
	uint32_t crc = 0;
	int err = read_sectors(b, sector, count, add_crc, &crc);

	if (!err)
		kprintf("disk: %s: crc32 %08x of %llu sectors\n", b->name, crc,
			LL(count));
	return told(b, "read", err);
}

/* --- disk test --- */

struct test {
	struct block_device *b;
	uint64_t size; /* bytes */
	uint64_t seed;
	uint64_t bits; /* of addresses; 64: as many as it has */
	bool low, high, poll, irq, sure;
	uint8_t *buf; /* CHUNK bytes */
	uint32_t written, read;
};

static struct page *buffer_of(const struct test *t)
{
	struct range high = {GIB(4) >> PAGE_SHIFT, UINT64_MAX >> PAGE_SHIFT};

	return t->high ? page_alloc_within(ORDER, high, 0)
		       : page_alloc(ORDER, t->low ? ALLOC_DMA32 : 0);
}

static void fill(uint8_t *p, uint64_t size, struct rng *rng)
{
	for (uint64_t i = 0; i < size; i += sizeof(uint64_t)) {
		uint64_t v = rng_next(rng);

		memcpy(p + i, &v, sizeof(v));
	}
}

/* Write all, or read all; checksums on the way. */
static int pass(struct test *t, bool write)
{
	struct rng rng = rng_seed(t->seed);
	uint64_t n;
	int err;

	for (uint64_t at = 0; at < t->size; at += n) {
		n = min_u64(t->size - at, CHUNK);
		if (shell_interrupted())
			return -EINTR;
		if (write) {
			fill(t->buf, n, &rng);
			t->written = crc32(t->written, t->buf, n);
			err = block_write(t->b, at / SECTOR_SIZE,
					  n / SECTOR_SIZE, t->buf);
		} else {
			memset(t->buf, 0, n);
			err = block_read(t->b, at / SECTOR_SIZE,
					 n / SECTOR_SIZE, t->buf);
			t->read = crc32(t->read, t->buf, n);
		}
		if (err)
			return err;
	}
	return write ? block_flush(t->b) : 0;
}

/* With the mode and the mask that are wanted, and then as before. */
static int run_passes(struct test *t)
{
	struct dma_device *dma = &t->b->device->dma;
	struct range reach = dma->reach;
	bool polling = t->b->polling;
	int err = 0;

	if (t->bits < 64)
		err = dma_set_mask(dma, ((uint64_t)1 << t->bits) - 1);
	if (t->poll || t->irq)
		t->b->polling = t->poll;
	if (err)
		kprintf("disk: %s reaches no memory with %llu bits\n",
			t->b->name, LL(t->bits));
	if (!err)
		err = told(t->b, "write", pass(t, true));
	if (!err)
		err = told(t->b, "read", pass(t, false));
	dma->reach = reach;
	if (t->poll || t->irq)
		t->b->polling = polling;
	return err;
}

static int disk_test(struct test *t)
{
	struct block_device *b = t->b;
	uint64_t bounced = b->device->dma.bounced, irqs = b->interrupts;
	struct page *pages;
	int status;

	if (t->size / SECTOR_SIZE > b->sectors) {
		kprintf("disk: %s has %llu sectors, which are less than %llu "
			"bytes: say --size\n",
			b->name, LL(b->sectors), LL(t->size));
		return 1;
	}
	if (t->irq && !b->has_interrupt) {
		kprintf("disk: %s has no interrupt\n", b->name);
		return 1;
	}
	pages = buffer_of(t);
	if (!pages) {
		kprintf("disk: no memory %s for a buffer of %llu KiB\n",
			t->high	 ? "above 4 GiB"
			: t->low ? "below 4 GiB"
				 : "free",
			LL(CHUNK >> 10));
		return 1;
	}
	t->buf = phys_to_virt(page_to_phys(pages));
	status = run_passes(t);
	if (!status) {
		kprintf("disk: %s: %llu MiB, buffer at %#llx, crc32 %08x "
			"written, %08x read; %llu bounced, %llu interrupts\n",
			b->name, LL(t->size >> 20), LL(page_to_phys(pages)),
			t->written, t->read,
			LL(b->device->dma.bounced - bounced),
			LL(b->interrupts - irqs));
		status = t->written != t->read;
		kprintf("disk: test %s\n", status ? "FAILED" : "passed");
	}
	page_free(pages, ORDER);
	return status;
}

/* --- words --- */

static bool one_of(const char *value, const char *a, bool *is_a, const char *b,
		   bool *is_b)
{
	*is_a = !strcmp(value, a);
	*is_b = !strcmp(value, b);
	return *is_a || *is_b;
}

static bool option(struct test *t, const char *name, const char *value)
{
	if (!strcmp(name, "--size"))
		return shell_number(value, &t->size) && t->size &&
		       t->size % t->b->block == 0;
	if (!strcmp(name, "--buffers"))
		return one_of(value, "low", &t->low, "high", &t->high) ||
		       !strcmp(value, "any");
	if (!strcmp(name, "--mask"))
		return shell_number(value, &t->bits) && t->bits > PAGE_SHIFT &&
		       t->bits <= 64;
	if (!strcmp(name, "--mode"))
		return one_of(value, "irq", &t->irq, "poll", &t->poll);
	if (!strcmp(name, "--seed"))
		return shell_number(value, &t->seed);
	return false;
}

static int test_words(struct block_device *b, int argc, char **argv)
{
	struct test t = {.b = b, .size = MIB(64), .seed = 1, .bits = 64};

	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--yes"))
			t.sure = true;
		else if (i + 1 == argc || !option(&t, argv[i], argv[i + 1]))
			return SHELL_USAGE;
		else
			i++;
	}
	if (!t.sure) {
		kprintf("disk: the test destroys what is on %s: say --yes\n",
			b->name);
		return 1;
	}
	return disk_test(&t);
}

/* `what` and the words behind the disk's name. */
static int on_disk(struct block_device *b, const char *what, int argc,
		   char **argv)
{
	uint64_t unit = b->block / SECTOR_SIZE;
	uint64_t sector = 0, count = b->sectors / unit * unit;

	if (!strcmp(what, "test"))
		return test_words(b, argc, argv);
	if (argc > 2 || (argc > 0 && !shell_number(argv[0], &sector)) ||
	    (argc > 1 && !shell_number(argv[1], &count)))
		return SHELL_USAGE;
	if (!strcmp(what, "crc") && argc != 1)
		return disk_crc(b, sector, count);
	if (!strcmp(what, "read") && argc)
		return disk_read(b, sector, argc > 1 ? count : unit);
	return SHELL_USAGE;
}

static int cmd_disk(int argc, char **argv)
{
	struct block_device *b;
	int status;

	if (argc == 1)
		return list_disks();
	if (argc == 2)
		return SHELL_USAGE;
	b = block_get(argv[2]);
	if (!b)
		return no_disk(argv[2]);
	status = on_disk(b, argv[1], argc - 3, argv + 3);
	block_put(b);
	return status;
}
COMMAND(disk, cmd_disk,
	"[read DISK SECTOR [COUNT] | crc DISK [START COUNT] | test DISK --yes "
	"[--size N] [--buffers low|high|any] [--mask BITS] [--mode irq|poll] "
	"[--seed N]]",
	"list disks; show sectors, their checksum; write and read back");
