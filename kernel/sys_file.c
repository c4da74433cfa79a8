/*
 * System calls of open files. There are two kinds: the console, and what lies
 * in the tree of files, which is only read (<fs/memfs.h>). Data goes through a
 * piece of the kernel's stack, so a bad pointer stops a call exactly where it
 * becomes bad.
 */
#include <fs/memfs.h>
#include <kernel/console.h>
#include <kernel/fdtable.h>
#include <kernel/process.h>
#include <kernel/task.h>
#include <kernel/tty.h>
#include <kernel/uaccess.h>
#include <lib/bits.h>
#include <lib/errno.h>
#include <mm/kmalloc.h>

#include <kernel/syscall.h>

#define CHUNK	   512u
#define MOST_BYTES 0x7ffff000u /* in one call */
#define IOV_MAX	   1024u
#define AT_OFFSET  UINT64_MAX

struct iovec_abi {
	uaddr_t base;
	uint64_t len;
};

/* What an argument names, with a reference; NULL: nothing. */
static struct file *file_of(uint64_t fd)
{
	return fd_get(process_current()->files, (uint32_t)fd);
}

/* --- data --- */

/* Linux's first look at a place for data: an empty one must be the program's,
 * too. */
static bool may_be_there(uaddr_t p, uint64_t n)
{
	return n <= user_limit() && p <= user_limit() - n;
}

/* All that moves data: `at` is the place in the file, where it has places. */
typedef int64_t (*io_fn)(struct file *f, uaddr_t p, uint64_t n, uint64_t at);

static int64_t read_console(struct file *f, uaddr_t p, uint64_t n)
{
	char line[CHUNK];
	int64_t got = tty_read(line, min_u64(n, sizeof(line)),
			       !(f->flags & O_NONBLOCK));

	if (got > 0 && copy_to_user(p, line, (size_t)got))
		return -EFAULT;
	return got;
}

static int64_t read_node(struct file *f, uaddr_t p, uint64_t n, uint64_t at)
{
	char chunk[CHUNK];
	uint64_t done = 0;
	size_t copied;

	while (done < n && !process_dying()) {
		size_t got = memfs_read(f->node, at + done, chunk,
					min_u64(n - done, sizeof(chunk)));

		if (!got)
			break;
		copied = copy_some_to_user(p + done, chunk, got);
		done += copied;
		if (copied < got)
			return done ? (int64_t)done : -EFAULT;
		task_resched();
	}
	return (int64_t)done;
}

static int64_t read_file(struct file *f, uaddr_t p, uint64_t n, uint64_t at)
{
	if ((f->flags & O_PATH) || (f->flags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	if (!may_be_there(p, n))
		return -EFAULT;
	n = min_u64(n, MOST_BYTES);
	if (f->kind == FILE_CONSOLE)
		return n ? read_console(f, p, n) : 0;
	return memfs_is(f->node, MODE_DIR) ? -EISDIR : read_node(f, p, n, at);
}

static int64_t write_file(struct file *f, uaddr_t p, uint64_t n, uint64_t at)
{
	char chunk[CHUNK];
	uint64_t done = 0;

	(void)at;
	if ((f->flags & O_PATH) || (f->flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	if (!may_be_there(p, n))
		return -EFAULT;
	n = min_u64(n, MOST_BYTES);
	while (done < n && !process_dying()) {
		size_t size = (size_t)min_u64(n - done, sizeof(chunk));

		if (copy_from_user(chunk, p + done, size))
			return done ? (int64_t)done : -EFAULT;
		console_write(chunk, size);
		done += size;
		task_resched();
	}
	return (int64_t)done;
}

/* At `at`, or where the file is, which then goes on. */
static int64_t transfer(struct file *f, io_fn io, uaddr_t p, uint64_t n,
			uint64_t at)
{
	bool from_now = at == AT_OFFSET;
	int64_t done;

	if (from_now)
		at = __atomic_load_n(&f->offset, __ATOMIC_RELAXED);
	done = io(f, p, n, at);
	if (from_now && done > 0)
		__atomic_fetch_add(&f->offset, (uint64_t)done,
				   __ATOMIC_RELAXED);
	return done;
}

static int64_t simple(const uint64_t arg[6], io_fn io)
{
	struct file *f = file_of(arg[0]);
	int64_t done;

	if (!f)
		return -EBADF;
	done = transfer(f, io, arg[1], arg[2], AT_OFFSET);
	file_put(f);
	return done;
}

int64_t sys_read(const uint64_t arg[6])
{
	return simple(arg, read_file);
}

int64_t sys_write(const uint64_t arg[6])
{
	return simple(arg, write_file);
}

/* pread64(fd, buf, n, offset). */
int64_t sys_pread64(const uint64_t arg[6])
{
	struct file *f;
	int64_t done;

	if ((int64_t)arg[3] < 0)
		return -EINVAL;
	f = file_of(arg[0]);
	if (!f)
		return -EBADF;
	done = f->kind == FILE_CONSOLE
		       ? -ESPIPE
		       : transfer(f, read_file, arg[1], arg[2], arg[3]);
	file_put(f);
	return done;
}

/* --- several pieces --- */

/* Each length is one that a call may have; so is their sum, cut. */
static int check_pieces(struct iovec_abi *v, unsigned n)
{
	uint64_t left = MOST_BYTES;

	for (unsigned i = 0; i < n; i++)
		if ((int64_t)v[i].len < 0)
			return -EINVAL;
	for (unsigned i = 0; i < n; i++) {
		if (!may_be_there(v[i].base, v[i].len))
			return -EFAULT;
		v[i].len = min_u64(v[i].len, left);
		left -= v[i].len;
	}
	return 0;
}

static int64_t transfer_pieces(struct file *f, io_fn io,
			       const struct iovec_abi *v, unsigned n)
{
	int64_t sum = 0, done;

	for (unsigned i = 0; i < n; i++) {
		if (!v[i].len)
			continue;
		done = transfer(f, io, v[i].base, v[i].len, AT_OFFSET);
		if (done < 0)
			return sum ? sum : done;
		sum += done;
		if ((uint64_t)done < v[i].len)
			break;
	}
	/* With no piece, errors of the file are still told. */
	return sum ? sum : transfer(f, io, 0, 0, AT_OFFSET);
}

static int64_t vector(const uint64_t arg[6], io_fn io)
{
	struct file *f = file_of(arg[0]);
	struct iovec_abi few[8], *v = few;
	int64_t done = 0;
	unsigned n = (unsigned)min_u64(arg[2], IOV_MAX + 1);

	if (!f)
		return -EBADF;
	if (n > IOV_MAX)
		done = -EINVAL;
	else if (n > ARRAY_SIZE(few) && !(v = kmalloc_array(n, sizeof(*v), 0)))
		done = -ENOMEM;
	if (!done)
		done = copy_from_user(v, arg[1], n * sizeof(*v));
	if (!done)
		done = check_pieces(v, n);
	if (!done)
		done = transfer_pieces(f, io, v, n);
	if (v != few)
		kfree(v);
	file_put(f);
	return done;
}

int64_t sys_readv(const uint64_t arg[6])
{
	return vector(arg, read_file);
}

int64_t sys_writev(const uint64_t arg[6])
{
	return vector(arg, write_file);
}

/* --- places --- */

/* whence: SEEK_SET and so on. */
enum { TO_START, TO_OFFSET, TO_END, TO_DATA, TO_HOLE };

/* Where `whence` and `offset` lead to, or an error. */
static int64_t seek_to(const struct file *f, int64_t offset, unsigned whence)
{
	int64_t now = (int64_t)__atomic_load_n(&f->offset, __ATOMIC_RELAXED);
	int64_t size = (int64_t)f->node->size;

	switch (whence) {
	case TO_START:
		return offset;
	case TO_OFFSET:
		return __builtin_add_overflow(now, offset, &offset) ? -EOVERFLOW
								    : offset;
	case TO_END:
		return __builtin_add_overflow(size, offset, &offset)
			       ? -EOVERFLOW
			       : offset;
	case TO_DATA:
	case TO_HOLE: /* one piece of data, then a hole for ever */
		if (offset < 0 || offset >= size)
			return -ENXIO;
		return whence == TO_DATA ? offset : size;
	}
	return -EINVAL;
}

static int64_t seek(struct file *f, int64_t offset, unsigned whence)
{
	int64_t to;

	if (f->flags & O_PATH)
		return -EBADF;
	if (f->kind == FILE_CONSOLE)
		return -ESPIPE;
	to = seek_to(f, offset, whence);
	if (to >= 0)
		__atomic_store_n(&f->offset, (uint64_t)to, __ATOMIC_RELAXED);
	else if (to != -ENXIO && to != -EOVERFLOW)
		to = -EINVAL;
	return to;
}

/* lseek(fd, offset, whence). */
int64_t sys_lseek(const uint64_t arg[6])
{
	struct file *f = file_of(arg[0]);
	int64_t to;

	if (!f)
		return -EBADF;
	to = seek(f, (int64_t)arg[1], (unsigned)arg[2]);
	file_put(f);
	return to;
}
