/*
 * Cases of descriptors: what they are called, copied, asked and moved to.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include "probe.h"

/* Numbers with something above the 32 bits that count, too. */
static const unsigned long odd_numbers[] = {
	99, -1, 1024, 0x7fffffff, 0x80000000, 1ul << 32, (1ul << 32) + 99,
};

enum { ODD = sizeof(odd_numbers) / sizeof(*odd_numbers) };

PROBE(fd, odd_numbers)
{
	char c;

	for (int i = 0; i < ODD; i++) {
		unsigned long n = odd_numbers[i];

		answer("%s %s %s %s", res(call(SYS_dup, n) >= 0),
		       res(call(SYS_fcntl, n, F_GETFD)),
		       res(call(SYS_lseek, n, 0, SEEK_CUR)),
		       res(call(SYS_pread64, n, &c, 1, 0)));
		answer("%s;", res(call(SYS_dup3, n, 50, 0)));
	}
	for (int i = 0; i < ODD; i++)
		answer("%s", res(call(SYS_close, odd_numbers[i])));
}

PROBE(fd, dup_takes_the_lowest)
{
	int fd = data_file();

	answer("%s", res(call(SYS_dup, fd) - fd));
	answer("%s", res(call(SYS_dup, fd) - fd));
	call(SYS_close, fd + 1);
	answer("%s", res(call(SYS_dup, fd) - fd));
	answer("%s", res(call(SYS_fcntl, fd, F_DUPFD, 0) - fd));
	answer("%s", res(call(SYS_fcntl, fd, F_DUPFD, fd + 1) - fd));
	answer("%s", res(call(SYS_fcntl, fd, F_DUPFD, 100)));
	answer("%s", res(call(SYS_fcntl, fd, F_DUPFD, 100)));
}

PROBE(fd, dupfd_numbers)
{
	static const unsigned long from[] = {
		1023,
		1024,
		1025,
		0x7fffffff,
		0x80000000,
		-1,
		1ul << 32,
		(1ul << 32) + 200,
		0xffffffff00000000,
	};
	int fd = data_file();

	for (unsigned i = 0; i < sizeof(from) / sizeof(*from); i++) {
		long r = call(SYS_fcntl, fd, F_DUPFD, from[i]);

		answer("%s", res(r));
		answer("%s;",
		       res(call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, from[i])));
	}
}

PROBE(fd, dup3_errors)
{
	int fd = data_file();

	answer("same: %s", res(call(SYS_dup3, fd, fd, 0)));
	answer("same, none: %s", res(call(SYS_dup3, 99, 99, 0)));
	answer("flags: %s", res(call(SYS_dup3, fd, 50, 1)));
	answer("same and flags: %s", res(call(SYS_dup3, fd, fd, 1)));
	answer("none: %s", res(call(SYS_dup3, 99, 50, 0)));
	answer("none and flags: %s", res(call(SYS_dup3, 99, 50, 1)));
	answer("to 1023: %s", res(call(SYS_dup3, fd, 1023, O_CLOEXEC)));
	answer("to 1024: %s", res(call(SYS_dup3, fd, 1024, 0)));
	answer("none to 1024: %s", res(call(SYS_dup3, 99, 1024, 0)));
	answer("to -1: %s", res(call(SYS_dup3, fd, -1, 0)));
	answer("to 2^32 + 60: %s",
	       res(call(SYS_dup3, fd, (1ul << 32) + 60, 0)));
	answer("flags 2^32: %s", res(call(SYS_dup3, fd, 61, 1ul << 32)));
	answer("over itself: %s", res(call(SYS_dup3, fd, 60, O_CLOEXEC)));
	answer("%s", res(call(SYS_fcntl, 60, F_GETFD)));
	answer("%s", res(call(SYS_fcntl, 1023, F_GETFD)));
}

PROBE(fd, limit)
{
	int fd = data_file();

	answer("%s", res(call(SYS_fcntl, fd, F_DUPFD, 40)));
	answer("%s", res(limit_(RLIMIT_NOFILE, 10)));
	for (int i = 0; i < 10; i++)
		answer("%s", res(call(SYS_dup, fd)));
	answer("old one: %s", res(call(SYS_fcntl, 40, F_GETFD)));
	answer("onto it: %s", res(call(SYS_dup3, fd, 40, 0)));
	answer("F_DUPFD 9: %s", res(call(SYS_fcntl, fd, F_DUPFD, 9)));
	answer("F_DUPFD 10: %s", res(call(SYS_fcntl, fd, F_DUPFD, 10)));
	answer("open: %s", res(call(SYS_openat, AT_FDCWD, "/data/pages", 0)));
	answer("open nothing: %s", res(call(SYS_openat, AT_FDCWD, "/no", 0)));
	answer("0: %s", res(limit_(RLIMIT_NOFILE, 0)));
	answer("read: %s", res(call(SYS_lseek, fd, 0, SEEK_CUR)));
	call(SYS_close, 9);
	answer("dup: %s", res(call(SYS_dup, fd)));
}

PROBE(fd, flags_of_descriptors)
{
	long fd = call(SYS_openat, AT_FDCWD, "/data/pages", O_CLOEXEC), two;

	answer("%s", res(call(SYS_fcntl, fd, F_GETFD)));
	two = call(SYS_dup, fd);
	answer("%s", res(call(SYS_fcntl, two, F_GETFD)));
	answer("%s", res(call(SYS_fcntl, two, F_SETFD, -1)));
	answer("%s", res(call(SYS_fcntl, two, F_GETFD)));
	answer("%s", res(call(SYS_fcntl, two, F_SETFD, 2)));
	answer("%s", res(call(SYS_fcntl, two, F_GETFD)));
	answer("%s", res(call(SYS_fcntl, two, F_SETFD, (1ul << 32) + 1)));
	answer("%s", res(call(SYS_fcntl, two, F_GETFD)));
	answer("%s", res(call(SYS_ioctl, fd, FIONCLEX)));
	answer("%s", res(call(SYS_fcntl, fd, F_GETFD)));
	answer("%s", res(call(SYS_ioctl, fd, FIOCLEX)));
	answer("%s", res(call(SYS_fcntl, fd, F_GETFD)));
}

static void flags_after(long fd, unsigned long set)
{
	long r = call(SYS_fcntl, fd, F_SETFL, set);

	if (r)
		answer("%s", res(r));
	else
		answer("%lo", call(SYS_fcntl, fd, F_GETFL));
}

PROBE(fd, flags_of_files)
{
	long fd = call(SYS_openat, AT_FDCWD, "/data/pages", O_CLOEXEC), two;

	answer("%lo", call(SYS_fcntl, fd, F_GETFL));
	flags_after(fd, O_NONBLOCK);
	flags_after(fd, O_APPEND);
	flags_after(fd, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC);
	flags_after(fd, O_NOATIME);
	flags_after(fd, 0);
	flags_after(fd, O_SYNC);
	flags_after(fd, -1);
	two = call(SYS_dup, fd);
	flags_after(two, O_NONBLOCK);
	answer("%lo", call(SYS_fcntl, fd, F_GETFL));
}

PROBE(fd, flags_of_open)
{
	static const int flags[] = {
		O_RDONLY,
		O_NONBLOCK,
		O_APPEND,
		O_NOCTTY,
		O_NOFOLLOW,
		O_NOATIME,
		O_SYNC,
		O_DSYNC,
		O_PATH,
		O_PATH | O_CLOEXEC | O_NONBLOCK,
		O_PATH | O_RDWR | O_NOFOLLOW,
		O_LARGEFILE,
		O_CREAT,
		0x40000000,
		O_DIRECTORY,
		O_DIRECTORY | O_PATH,
		O_ASYNC,
		O_CREAT | O_EXCL,
		O_CREAT | O_DIRECTORY,
		020000000,
		020200000,
		020200002,
	};

	for (unsigned i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		long fd = call(SYS_openat, AT_FDCWD, "/data/pages", flags[i]);

		if (fd < 0)
			answer("%s", res(fd));
		else
			answer("%lo", call(SYS_fcntl, fd, F_GETFL));
		call(SYS_close, fd);
	}
}

/* Locks, whom signals go to, leases: from 5 on, and from 1024. */
static int for_owners(int command)
{
	return (command >= F_GETLK && command <= F_GETSIG) ||
	       command == F_SETOWN_EX || command == F_GETOWN_EX;
}

PROBE(fd, fcntl_of_owners)
{
	int fd = data_file();

	for (int command = 0; command < 20; command++)
		if (for_owners(command))
			answer("%d: %s", command,
			       res(call(SYS_fcntl, fd, command, 0)));
	for (int command = 1024; command < 1045; command++)
		if (command != F_DUPFD_CLOEXEC)
			answer("%d: %s", command,
			       res(call(SYS_fcntl, fd, command, 0)));
}

PROBE(fd, fcntl_commands)
{
	int fd = data_file();

	for (int command = -2; command < 20; command++)
		if (command < 0 || (command > F_SETFL && !for_owners(command)))
			answer("%d: %s", command,
			       res(call(SYS_fcntl, fd, command, 0)));
	answer("none: %s %s", res(call(SYS_fcntl, 99, F_DUPFD, -1)),
	       res(call(SYS_fcntl, 99, 999)));
}

/* A descriptor that only names its file. */
PROBE(fd, path_only)
{
	long fd = call(SYS_openat, AT_FDCWD, "/data/pages", O_PATH), two;
	struct iovec v = {(void *)P(0), 1};
	char c;

	answer("read: %s", res(call(SYS_read, fd, &c, 1)));
	answer("read 0: %s", res(call(SYS_read, fd, &c, 0)));
	answer("pread: %s", res(call(SYS_pread64, fd, &c, 1, 0)));
	answer("readv: %s", res(call(SYS_readv, fd, &v, 1)));
	answer("write: %s", res(call(SYS_write, fd, &c, 1)));
	answer("lseek: %s", res(call(SYS_lseek, fd, 0, 0)));
	answer("ioctl: %s", res(call(SYS_ioctl, fd, FIOCLEX)));
	answer("mmap: %s",
	       res(mmap_(P(0), PAGE, RO, MAP_PRIVATE | MAP_FIXED, (int)fd, 0)));
	two = call(SYS_dup, fd);
	answer("dup: %s", res(two));
	answer("%s", res(call(SYS_fcntl, fd, F_GETFD)));
	answer("%s", res(call(SYS_fcntl, fd, F_SETFD, 1)));
	answer("%lo", call(SYS_fcntl, fd, F_GETFL));
	answer("F_SETFL: %s", res(call(SYS_fcntl, fd, F_SETFL, O_NONBLOCK)));
	answer("F_DUPFD: %s", res(call(SYS_fcntl, fd, F_DUPFD, 70)));
	answer("other: %s", res(call(SYS_fcntl, fd, 999, 0)));
	answer("close: %s", res(call(SYS_close, fd)));
}

/* --- places --- */

PROBE(lseek, places)
{
	static const long to[] = {0,	    1,	      -1,	  13 * 1024,
				  1l << 40, 1l << 62, LAST_PLACE, FIRST_PLACE};
	int fd = data_file();

	for (int whence = -1; whence < 6; whence++) {
		answer("%d:", whence);
		for (unsigned i = 0; i < sizeof(to) / sizeof(*to); i++) {
			long r;

			call(SYS_lseek, fd, 10, SEEK_SET);
			r = call(SYS_lseek, fd, to[i], whence);
			answer(is_error(r) ? "%s" : "%s=%lx", res(r), r);
		}
	}
	answer("whence 2^32: %s", res(call(SYS_lseek, fd, 5, 1ul << 32)));
	answer("stays: %s", res(call(SYS_lseek, fd, 0, SEEK_CUR)));
}

PROBE(lseek, others)
{
	long dir = call(SYS_openat, AT_FDCWD, "/data", O_RDONLY);

	answer("console: %s", res(call(SYS_lseek, 1, 0, SEEK_CUR)));
	answer("console, whence 9: %s", res(call(SYS_lseek, 1, 0, 9)));
	answer("directory: %s", res(call(SYS_lseek, dir, 0, SEEK_CUR)));
	answer("directory, -1: %s", res(call(SYS_lseek, dir, -1, SEEK_SET)));
}

PROBE(lseek, beyond_the_end)
{
	int fd = data_file();
	char c = 'x';

	answer("%s", res(call(SYS_lseek, fd, 1 << 20, SEEK_SET)));
	answer("%s", res(call(SYS_read, fd, &c, 1)));
	answer("%s", res(call(SYS_read, fd, 8, 1)));
	answer("%s", res(call(SYS_read, fd, 8, 0)));
	answer("%s", res(call(SYS_lseek, fd, LAST_PLACE, SEEK_SET) > 0));
	answer("%s", res(call(SYS_read, fd, &c, 1)));
	answer("%s", res(call(SYS_pread64, fd, &c, 1, LAST_PLACE)));
	answer("%s", res(call(SYS_pread64, fd, &c, 100, LAST_PLACE - 10)));
	answer("%s", res(call(SYS_lseek, fd, 0, SEEK_CUR) > 0));
}

static void read_two(unsigned long fd)
{
	char c[2];

	exit_raw(call(SYS_read, fd, c, 2) == 2 ? 3 : 4);
}

PROBE(lseek, is_shared_with_children)
{
	int fd = data_file();
	char c;

	call(SYS_lseek, fd, 100, SEEK_SET);
	answer("%s", child(read_two, (unsigned long)fd));
	answer("%s", res(call(SYS_lseek, fd, 0, SEEK_CUR)));
	call(SYS_pread64, fd, &c, 1, 5000);
	answer("%s", res(call(SYS_lseek, fd, 0, SEEK_CUR)));
}

/* Four processes read a file of 14336 bytes through one descriptor: each byte is
 * somebody's, and nobody else's. */
PROBE(lseek, one_place_for_several)
{
	volatile long *sum = (volatile long *)P(0);
	int fd = data_file(), pid[4];

	map_as(0, 1, RW, SHANON);
	for (int i = 0; i < 4; i++) {
		pid[i] = fork_raw();
		if (pid[i])
			continue;
		for (long n; (n = call(SYS_read, fd, &sum[10 + i], 7)) > 0;)
			sum[i] += n;
		exit_raw(0);
	}
	for (int i = 0; i < 4; i++)
		wait_for(pid[i]);
	answer("%ld", sum[0] + sum[1] + sum[2] + sum[3]);
}

/* --- pieces --- */

PROBE(pieces, lengths)
{
	static const unsigned long lengths[] = {
		0, 5, 0x7fffffff, 0x80000000, LAST_PLACE, FIRST_PLACE};
	int fd = data_file();

	map(0, 4, RW);
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		struct iovec v[2] = {{(void *)P(0), 3},
				     {(void *)P(1), lengths[i]}};

		call(SYS_lseek, fd, 0, SEEK_SET);
		answer("%s", res(call(SYS_readv, fd, v, 2)));
		call(SYS_lseek, fd, 0, SEEK_SET);
		answer("%s;", res(call(SYS_readv, fd, v + 1, 1)));
	}
}

PROBE(pieces, bad_ones)
{
	int fd = data_file();
	struct iovec v[3] = {
		{(void *)P(0), 4}, {(void *)8, 4}, {(void *)P(0), 4}};

	map(0, 2, RW);
	answer("%s", res(call(SYS_readv, fd, v, 3)));
	answer("at %s", res(call(SYS_lseek, fd, 0, SEEK_CUR)));
	answer("%s", res(call(SYS_readv, fd, v + 1, 2)));
	v[1].iov_base = (void *)(1ul << 62);
	answer("%s", res(call(SYS_readv, fd, v, 3)));
	v[1].iov_len = 0;
	answer("%s", res(call(SYS_readv, fd, v, 3)));
	v[1] = (struct iovec){(void *)P(1), -1ul};
	v[0].iov_base = (void *)(1ul << 62);
	answer("%s", res(call(SYS_readv, fd, v, 2)));
	answer("at %s", res(call(SYS_lseek, fd, 0, SEEK_CUR)));
}

PROBE(pieces, counts)
{
	static const unsigned long counts[] = {0,	  1,	     1024, 1025,
					       1ul << 31, 1ul << 32, -1};
	static struct iovec v[1025];
	int fd = data_file();

	map(0, 1, RW);
	for (int i = 0; i < 1025; i++)
		v[i] = (struct iovec){(void *)P(0), 2};
	for (unsigned i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		answer("%s %s %s", res(call(SYS_readv, fd, v, counts[i])),
		       res(call(SYS_readv, fd, 8, counts[i])),
		       res(call(SYS_readv, 99, 8, counts[i])));
	answer("writes: %s %s %s", res(call(SYS_writev, fd, v, 1)),
	       res(call(SYS_writev, fd, v, -1)),
	       res(call(SYS_writev, fd, 8, 1)));
	answer("%s", res(call(SYS_writev, 1, NULL, 0)));
}

PROBE(pieces, directory)
{
	long dir = call(SYS_openat, AT_FDCWD, "/data", O_RDONLY);
	char c;
	struct iovec v = {&c, 1};

	answer("%s", res(call(SYS_read, dir, &c, 1)));
	answer("%s", res(call(SYS_read, dir, &c, 0)));
	answer("%s", res(call(SYS_read, dir, 1ul << 62, 1)));
	answer("%s", res(call(SYS_readv, dir, &v, 1)));
	answer("%s", res(call(SYS_readv, dir, &v, 0)));
	answer("%s", res(call(SYS_pread64, dir, &c, 1, 0)));
	answer("%s", res(call(SYS_write, dir, &c, 1)));
}

PROBE(pieces, sizes)
{
	static const unsigned long sizes[] = {0x7fffffff, 0x80000000,
					      LAST_PLACE, FIRST_PLACE, -1};
	int fd = data_file();

	map(0, 4, RW);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		answer("%s %s %s %s",
		       res(call(SYS_pread64, fd, P(0), sizes[i], 14000)),
		       res(call(SYS_write, fd, P(0), sizes[i])),
		       res(call(SYS_write, 1, P(9), sizes[i])),
		       res(call(SYS_pread64, 99, P(0), sizes[i], -1)));
	answer("console: %s %s", res(call(SYS_pread64, 0, P(0), 1, 0)),
	       res(call(SYS_pread64, 0, P(0), 1, -1)));
}

/* --- the console --- */

PROBE(console, ioctl)
{
	static const unsigned long known[] = {TCGETS, TIOCGWINSZ, FIONREAD};
	static const unsigned long unknown[] = {0,	    0x5601, 0x5600,
						0x12345678, -1,	    0x1260};
	char p[64];
	int fd = data_file(), one = 1, zero = 0;

	for (int i = 0; i < 3; i++)
		answer("%s %s %s", res(call(SYS_ioctl, 1, known[i], p)),
		       res(call(SYS_ioctl, 1, known[i], 8)),
		       res(call(SYS_ioctl, 1, known[i] + (1ul << 32), p)));
	for (int i = 0; i < 5; i++)
		answer("%s", res(call(SYS_ioctl, 1, unknown[i], 8)));
	answer("file:");
	for (int i = 0; i < 3; i++)
		answer("%s", res(call(SYS_ioctl, fd, known[i], p)));
	for (int i = 0; i < 5; i++)
		answer("%s", res(call(SYS_ioctl, fd, unknown[i], 8)));
	answer("%s", res(call(SYS_ioctl, 99, TCGETS, 8)));
	answer("FIONBIO: %s", res(call(SYS_ioctl, fd, FIONBIO, &one)));
	answer("%lo", call(SYS_fcntl, fd, F_GETFL));
	answer("%s", res(call(SYS_ioctl, fd, FIONBIO, &zero)));
	answer("%lo", call(SYS_fcntl, fd, F_GETFL));
	answer("%s", res(call(SYS_ioctl, fd, FIONBIO, 8)));
}

PROBE(console, opens_as)
{
	answer("%lo", call(SYS_fcntl, 0, F_GETFL));
	answer("%lo", call(SYS_fcntl, 1, F_GETFL));
	answer("%lo", call(SYS_fcntl, 2, F_GETFL));
	answer("%s", res(call(SYS_fcntl, 1, F_GETFD)));
	answer("%s", res(call(SYS_read, 0, P(0), 0)));
	answer("%s", res(call(SYS_write, 1, 1ul << 62, 0)));
	answer("%s", res(call(SYS_write, 1, P(0), 0)));
}
