/*
 * The `load` command: a cpio archive from a disk into memory, or the one that the
 * boot loader has left there.
 *
 * A disk has no files that tell how long they are: so the headers are read first,
 * one after the other, which tells where the archive ends; then all of it is read
 * at once, and checked again, since it may have changed in between.
 */
#include <string.h>

#include <drivers/block.h>
#include <kernel/load.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <lib/cpio.h>
#include <lib/crc32.h>
#include <lib/errno.h>
#include <mm/kmalloc.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/page_map.h>

#define LL(x) ((unsigned long long)(x))

#define CHUNK MIB(1) /* read at once, so that ^C is seen */

/* Enough of an entry to know the one that ends an archive. */
#define LOOK (CPIO_HEADER + 16)

static struct {
	void *data;
	uint64_t size;
	uint64_t frames; /* of ours; the initrd is not */
} kept;

static struct range initrd; /* physical */

void load_have_initrd(struct range r)
{
	initrd = r;
}

const void *load_initrd_archive(uint64_t *size)
{
	*size = range_size(initrd);
	return *size ? phys_to_virt(initrd.start) : NULL;
}

const void *load_archive(uint64_t *size)
{
	*size = kept.size;
	return kept.data;
}

static void drop(void)
{
	if (kept.frames)
		page_free_exact(
			pfn_to_page(virt_to_phys(kept.data) >> PAGE_SHIFT),
			kept.frames);
	memset(&kept, 0, sizeof(kept));
}

/* An archive on a disk. */
struct source {
	struct block_device *b;
	uint64_t start;	 /* bytes */
	uint64_t limit;	 /* bytes from there to the disk's end */
	uint8_t *blocks; /* two of them */
};

static int no_archive(const char *from, const char *why, uint64_t at)
{
	kprintf("load: %s: %s at byte %llu of the archive\n", from, why,
		LL(at));
	return -EINVAL;
}

static int read_failed(const struct source *s, uint64_t at, int err)
{
	if (err == -EINTR)
		return err;
	kprintf("load: %s: error %d at sector %llu\n", s->b->name, -err,
		LL((s->start + at) / SECTOR_SIZE));
	return err;
}

/* Up to LOOK bytes at `at` of the archive; *n: how many there are. */
static const uint8_t *look_at(struct source *s, uint64_t at, uint64_t *n,
			      int *err)
{
	uint64_t from = s->start + at;
	uint64_t first = align_down(from, s->b->block);
	uint64_t end = s->start + s->limit;
	uint64_t size = min_u64(2 * s->b->block, end - first);

	*err = block_read(s->b, first / SECTOR_SIZE, size / SECTOR_SIZE,
			  s->blocks);
	*n = min_u64(first + size - from, LOOK);
	return s->blocks + (from - first);
}

/* Walk the headers: *size becomes the archive's. */
static int measure(struct source *s, uint64_t *size)
{
	const char *name = s->b->name;
	struct cpio_header h;
	const uint8_t *p;
	uint64_t n;
	int err;

	for (uint64_t at = 0;; at += h.next) {
		if (shell_interrupted())
			return -EINTR;
		if (at >= s->limit)
			return no_archive(name, "the disk ends", s->limit);
		p = look_at(s, at, &n, &err);
		if (err)
			return read_failed(s, at, err);
		if (n < CPIO_HEADER)
			return no_archive(name, "the disk ends", s->limit);
		if (cpio_header(p, &h))
			return no_archive(
				name, at ? "no entry" : "no cpio archive", at);
		if (h.data + h.size > s->limit - at)
			return no_archive(name, "the disk ends", s->limit);
		*size = at + h.data + h.size;
		n = min_u64(h.name_size, n - CPIO_HEADER);
		if (cpio_is_end((const char *)p + CPIO_HEADER, (uint32_t)n))
			return 0;
	}
}

/* All of it, in whole blocks, to `to`. */
static int read_all(struct source *s, uint8_t *to, uint64_t size)
{
	uint64_t n;
	int err;

	for (uint64_t at = 0; at < size; at += n) {
		if (shell_interrupted())
			return -EINTR;
		n = min_u64(size - at, CHUNK);
		err = block_read(s->b, (s->start + at) / SECTOR_SIZE,
				 n / SECTOR_SIZE, to + at);
		if (err)
			return read_failed(s, at, err);
	}
	return 0;
}

/* The sum of a file may take a while. Stops short at ^C. */
static uint32_t sum_of(const uint8_t *p, uint64_t size)
{
	uint32_t crc = 0;
	uint64_t n;

	for (uint64_t at = 0; at < size && !shell_interrupted(); at += n) {
		n = min_u64(size - at, CHUNK);
		crc = crc32(crc, p + at, n);
	}
	return crc;
}

/* Whoever packed the archive does not get at the terminal. */
static void print_name(const char *name)
{
	for (; *name; name++)
		kprintf("%c", *name >= ' ' && *name <= '~' ? *name : '?');
	kprintf("\n");
}

static int list(const char *from, const void *data, uint64_t size)
{
	struct cpio_entry e;
	unsigned entries = 0;
	uint64_t at = 0;
	uint32_t crc;
	int more;

	while ((more = cpio_next(data, size, &at, &e)) > 0) {
		if (e.damaged)
			return no_archive(from, "the sum is wrong for the data",
					  at);
		crc = sum_of(e.data, e.size);
		if (shell_interrupted())
			return -EINTR;
		kprintf("%06o %10u %08x ", e.mode, e.size, crc);
		print_name(e.name);
		entries++;
	}
	if (more < 0)
		return no_archive(from, at ? "no entry" : "no cpio archive",
				  at);
	crc = sum_of(data, size);
	if (shell_interrupted())
		return -EINTR;
	kprintf("load: %u entries, %llu bytes, crc32 %08x\n", entries, LL(size),
		crc);
	return 0;
}

static int fetch(struct source *s)
{
	uint64_t size, whole, frames;
	struct page *pages;
	uint8_t *to;
	int err = measure(s, &size);

	if (err)
		return err;
	whole = align_up(size, s->b->block);
	frames = align_up(whole, PAGE_SIZE) >> PAGE_SHIFT;
	pages = page_alloc_exact(frames, 0);
	if (!pages) {
		kprintf("load: no memory for %llu bytes in one piece\n",
			LL(size));
		return -ENOMEM;
	}
	to = phys_to_virt(page_to_phys(pages));
	err = read_all(s, to, whole);
	if (!err)
		err = list(s->b->name, to, size);
	if (err) {
		page_free_exact(pages, frames);
		return err;
	}
	drop();
	kept.data = to;
	kept.size = size;
	kept.frames = frames;
	return 0;
}

static int load(struct block_device *b, uint64_t sector)
{
	struct source s = {.b = b, .start = sector * SECTOR_SIZE};
	int err = -EINVAL;

	if (sector >= b->sectors) {
		kprintf("load: %s has %llu sectors\n", b->name, LL(b->sectors));
		return err;
	}
	if (s.start % b->block) {
		kprintf("load: %s has blocks of %u bytes\n", b->name, b->block);
		return err;
	}
	s.limit = align_down(b->sectors * SECTOR_SIZE, b->block) - s.start;
	s.blocks = kmalloc(2 * (size_t)b->block, 0);
	if (!s.blocks) {
		kprintf("load: no memory\n");
		return -ENOMEM;
	}
	err = fetch(&s);
	kfree(s.blocks);
	return err;
}

static int load_initrd(void)
{
	void *data = phys_to_virt(initrd.start);
	uint64_t size = range_size(initrd);
	int err;

	if (!size) {
		kprintf("load: there is no initrd\n");
		return -ENOENT;
	}
	err = list("initrd", data, size);
	if (err)
		return err;
	drop();
	kept.data = data;
	kept.size = size;
	return 0;
}

static int cmd_load(int argc, char **argv)
{
	struct block_device *b;
	uint64_t sector = 0;
	int err;

	if (argc == 2 && !strcmp(argv[1], "--drop")) {
		drop();
		return 0;
	}
	if (argc < 2 || argc > 3 ||
	    (argc == 3 && !shell_number(argv[2], &sector)))
		return SHELL_USAGE;
	if (argc == 2 && !strcmp(argv[1], "initrd"))
		return load_initrd() != 0;
	b = block_get(argv[1]);
	if (!b) {
		kprintf("load: there is no disk '%s'\n", argv[1]);
		return 1;
	}
	err = load(b, sector);
	block_put(b);
	return err != 0;
}
COMMAND(load, cmd_load, "DISK [SECTOR]|initrd|--drop",
	"read a cpio archive from a disk, list it and keep it; forget it");
