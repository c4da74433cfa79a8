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

/* What an argument names, with a reference; NULL: nothing with data. */
static struct file *file_of(uint64_t fd)
{
	return fd_get_data(process_current()->files, (uint32_t)fd);
}

/* --- data --- */

/* All that moves data: `at` is the place in the file; where it has none, how much
 * the call has moved before. What is wrong with a call is told in this order: the
 * file's mode, p, the place. */
typedef int64_t (*io_fn)(struct file *f, uaddr_t p, uint64_t n, uint64_t at);

/* It is about one line, which may end with a piece. */
static int64_t read_console(struct file *f, uaddr_t p, uint64_t n, uint64_t at)
{
	char line[CHUNK];
	int64_t got;

	if (at && !tty_ready())
		return 0;
	got = tty_read(line, min_u64(n, sizeof(line)),
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
	if (f->kind == FILE_CONSOLE)
		return n ? read_console(f, p, n, at) : 0;
	return memfs_is(f->node, MODE_DIR) ? -EISDIR : read_node(f, p, n, at);
}

static int64_t write_file(struct file *f, uaddr_t p, uint64_t n, uint64_t at)
{
	char chunk[CHUNK];
	uint64_t done = 0;

	(void)f;
	(void)at;
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

static bool may(const struct file *f, io_fn io)
{
	uint32_t mode = f->flags & O_ACCMODE;

	return mode == O_RDWR ||
	       mode == (io == read_file ? O_RDONLY : O_WRONLY);
}

static int64_t transfer(struct file *f, io_fn io, const struct iovec_abi *v,
			unsigned n, uint64_t at)
{
	int64_t sum = 0, done;

	for (unsigned i = 0; i < n; i++) {
		if (!v[i].len && n > 1)
			continue;
		done = io(f, v[i].base, v[i].len, at + (uint64_t)sum);
		if (done < 0)
			return sum ? sum : done;
		sum += done;
		if ((uint64_t)done < v[i].len)
			break;
	}
	return sum;
}

/*
 * The next bytes of a file, `n` at most, become the caller's: whoever shares it gets
 * those behind them. Where they begin, and in *n how many they are; or -EINVAL.
 */
static int64_t claim(struct file *f, uint64_t *n)
{
	uint64_t at = __atomic_load_n(&f->offset, __ATOMIC_RELAXED), part;

	do {
		if (at + *n > INT64_MAX)
			return -EINVAL;
		part = at < f->node->size ? min_u64(*n, f->node->size - at) : 0;
	} while (!__atomic_compare_exchange_n(&f->offset, &at, at + part, true,
					      __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	*n = part;
	return (int64_t)at;
}

/* The same, from where the file is, which then goes on: by what was done, if the
 * rest is still where it was left. */
static int64_t transfer_on(struct file *f, io_fn io, const struct iovec_abi *v,
			   unsigned n, uint64_t total)
{
	uint64_t end;
	int64_t at, done;

	if (f->kind == FILE_CONSOLE)
		return transfer(f, io, v, n, 0);
	at = claim(f, &total);
	if (at < 0)
		return at;
	end = (uint64_t)at + total;
	done = transfer(f, io, v, n, (uint64_t)at);
	if (done < (int64_t)total)
		__atomic_compare_exchange_n(
			&f->offset, &end,
			(uint64_t)(at + (done > 0 ? done : 0)), false,
			__ATOMIC_RELAXED, __ATOMIC_RELAXED);
	return done;
}

/* One piece, at `at` or where the file is. */
static int64_t move(struct file *f, const uint64_t arg[6], io_fn io,
		    uint64_t at)
{
	struct iovec_abi v = {arg[1], arg[2]};

	if (!may(f, io))
		return -EBADF;
	if (!user_could_have(v.base, v.len))
		return -EFAULT;
	v.len = min_u64(v.len, MOST_BYTES);
	if (at == AT_OFFSET)
		return transfer_on(f, io, &v, 1, v.len);
	return at + v.len > INT64_MAX ? -EINVAL : transfer(f, io, &v, 1, at);
}

static int64_t simple(const uint64_t arg[6], io_fn io)
{
	struct file *f = file_of(arg[0]);
	int64_t done;

	if (!f)
		return -EBADF;
	done = move(f, arg, io, AT_OFFSET);
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
	done = f->kind == FILE_CONSOLE ? -ESPIPE
				       : move(f, arg, read_file, arg[3]);
	file_put(f);
	return done;
}

/* --- several pieces --- */

/* Each length is one that a call may have; so is their sum, cut. The sum, or an
 * error. */
static int64_t check_pieces(struct iovec_abi *v, unsigned n)
{
	uint64_t left = MOST_BYTES;

	for (unsigned i = 0; i < n; i++)
		if ((int64_t)v[i].len < 0)
			return -EINVAL;
	for (unsigned i = 0; i < n; i++) {
		if (!user_could_have(v[i].base, v[i].len))
			return -EFAULT;
		v[i].len = min_u64(v[i].len, left);
		left -= v[i].len;
	}
	return (int64_t)(MOST_BYTES - left);
}

static int64_t move_pieces(struct file *f, io_fn io, struct iovec_abi *v,
			   uaddr_t from, unsigned n)
{
	int64_t total = copy_from_user(v, from, n * sizeof(*v));

	if (!total)
		total = check_pieces(v, n);
	if (total >= 0 && !may(f, io))
		return -EBADF;
	return total > 0 ? transfer_on(f, io, v, n, (uint64_t)total) : total;
}

static int64_t vector(const uint64_t arg[6], io_fn io)
{
	struct file *f = file_of(arg[0]);
	struct iovec_abi few[8], *v = few;
	unsigned n = (unsigned)arg[2];
	int64_t done = -EINVAL;

	if (!f)
		return -EBADF;
	if (n > ARRAY_SIZE(few) && n <= IOV_MAX)
		v = kmalloc_array(n, sizeof(*v), 0);
	if (n <= IOV_MAX)
		done = v ? move_pieces(f, io, v, arg[1], n) : -ENOMEM;
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
static int64_t seek_to(const struct file *f, uint64_t offset, unsigned whence)
{
	uint64_t size = f->node->size;

	if (whence == TO_OFFSET)
		offset += __atomic_load_n(&f->offset, __ATOMIC_RELAXED);
	else if (whence == TO_END)
		offset += size;
	else if (whence != TO_START && offset >= size)
		return -ENXIO;
	/* One piece of data, then a hole for ever. */
	if (whence == TO_HOLE)
		offset = size;
	return (int64_t)offset < 0 ? -EINVAL : (int64_t)offset;
}

static int64_t seek(struct file *f, uint64_t offset, unsigned whence)
{
	int64_t to;

	if (whence > TO_HOLE)
		return -EINVAL;
	if (f->kind == FILE_CONSOLE)
		return -ESPIPE;
	/* How long a directory is, nobody tells. */
	if (memfs_is(f->node, MODE_DIR) && whence > TO_OFFSET)
		return -EINVAL;
	to = seek_to(f, offset, whence);
	if (to >= 0)
		__atomic_store_n(&f->offset, (uint64_t)to, __ATOMIC_RELAXED);
	return to;
}

/* lseek(fd, offset, whence). */
int64_t sys_lseek(const uint64_t arg[6])
{
	struct file *f = file_of(arg[0]);
	int64_t to;

	if (!f)
		return -EBADF;
	to = seek(f, arg[1], (unsigned)arg[2]);
	file_put(f);
	return to;
}
