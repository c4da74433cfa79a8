/*
 * Addresses that no call can use, given to every call that wants one: a program
 * may pass what it likes.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>

#include "probe.h"

/* NULL, not mapped, no rights, read-only, across the end of what is mapped, where
 * no address is, the kernel's, and the last bytes that there are. `size` is what
 * the call will access. */
enum { BAD = 8, UNSET = -99999 };

static unsigned long bad(int which, unsigned long size)
{
	map(0, 1, RW);
	map(2, 1, NONE);
	map(4, 1, RO);
	switch (which) {
	case 0:
		return 0;
	case 1:
		return P(9);
	case 2:
		return P(2);
	case 3:
		return P(4);
	case 4:
		return P(1) - size / 2;
	case 5:
		return 1ul << 62;
	case 6:
		return KERNEL_ADDRESS;
	default:
		return -8ul;
	}
}

#define EACH(size, expression)                         \
	for (int which_ = 0; which_ < BAD; which_++) { \
		unsigned long a = bad(which_, size);   \
                                                       \
		answer("%s", res(expression));         \
	}

PROBE(efault, uname)
{
	EACH(sizeof(struct utsname), call(SYS_uname, a));
}

PROBE(efault, clock_gettime)
{
	EACH(16, call(SYS_clock_gettime, CLOCK_MONOTONIC, a));
}

PROBE(efault, getrandom)
{
	EACH(16, call(SYS_getrandom, a, 16, 0));
}

PROBE(efault, getrusage)
{
	EACH(sizeof(struct rusage), call(SYS_getrusage, RUSAGE_SELF, a));
}

PROBE(efault, sysinfo)
{
	EACH(112, call(SYS_sysinfo, a));
}

PROBE(efault, prlimit_old)
{
	EACH(16, call(SYS_prlimit64, 0, RLIMIT_AS, 0, a));
}

/* What can be read there is no limit but 0. */
PROBE(efault, prlimit_new)
{
	EACH(16, call(SYS_prlimit64, 0, RLIMIT_CORE, a, 0));
}

PROBE(efault, fstat)
{
	EACH(sizeof(struct stat), call(SYS_fstat, 1, a));
}

PROBE(efault, newfstatat_buffer)
{
	EACH(sizeof(struct stat),
	     call(SYS_newfstatat, AT_FDCWD, "/data/pages", a, 0));
}

PROBE(efault, newfstatat_path)
{
	static struct stat s;

	EACH(2, call(SYS_newfstatat, AT_FDCWD, a, &s, 0));
}

PROBE(efault, openat)
{
	EACH(2, call(SYS_openat, AT_FDCWD, a, O_RDONLY));
}

PROBE(efault, readlinkat_path)
{
	static char buffer[16];

	EACH(2, call(SYS_readlinkat, AT_FDCWD, a, buffer, 16));
}

PROBE(efault, execve_path)
{
	EACH(2, call(SYS_execve, a, NULL, NULL));
}

PROBE(efault, execve_arguments)
{
	EACH(16, call(SYS_execve, "/data/pages", a, NULL));
}

PROBE(efault, wait4_status)
{
	for (int which = 0; which < BAD; which++) {
		int pid = fork_raw();
		long r;

		if (pid == 0)
			exit_raw(1);
		r = call(SYS_wait4, pid, bad(which, 4), 0, 0);
		answer("%s", r == pid ? "pid" : res(r));
		/* Gone, whatever the answer was? */
		answer("%s", res(call(SYS_wait4, pid, 0, 0, 0)));
	}
}

PROBE(efault, write)
{
	EACH(2, call(SYS_write, 1, a, 0));
	for (int which = 0; which < BAD; which++)
		if (which != 3 && which != 4)
			answer("%s", res(call(SYS_write, 1, bad(which, 2), 2)));
}

PROBE(efault, read)
{
	int fd = data_file();

	EACH(64, call(SYS_read, fd, a, 64));
	answer("%ld", call(SYS_lseek, fd, 0, 1));
}

PROBE(efault, pread)
{
	int fd = data_file();

	EACH(64, call(SYS_pread64, fd, a, 64, 0));
	EACH(64, call(SYS_pread64, fd, a, 64, 1ul << 40));
	answer("negative: %s", res(call(SYS_pread64, fd, P(0), 64, -1)));
	answer("huge: %s", res(call(SYS_pread64, fd, P(0), -1ul, 0)));
}

PROBE(efault, readv)
{
	int fd = data_file();
	struct {
		unsigned long base, len;
	} iov[2] = {{P(0), 32}, {P(9), 32}};

	EACH(16, call(SYS_readv, fd, a, 1));
	answer("second bad: %s", res(call(SYS_readv, fd, iov, 2)));
	iov[1].len = -1ul;
	answer("negative length: %s", res(call(SYS_readv, fd, iov, 2)));
	answer("count -1: %s", res(call(SYS_readv, fd, iov, -1)));
	answer("count 1025: %s", res(call(SYS_readv, fd, iov, 1025)));
	answer("count 0: %s", res(call(SYS_readv, fd, iov, 0)));
}

PROBE(efault, writev)
{
	EACH(16, call(SYS_writev, 1, a, 1));
}

PROBE(efault, set_robust_list)
{
	answer("%s", res(call(SYS_set_robust_list, KERNEL_ADDRESS, 24)));
	answer("%s", res(call(SYS_set_robust_list, 0, 23)));
}

static void clear_tid_there(unsigned long addr)
{
	call(SYS_set_tid_address, addr);
}

/* The kernel clears the word when the thread ends, if it can. */
PROBE(efault, set_tid_address)
{
	for (int which = 0; which < BAD; which++)
		answer("%s", child(clear_tid_there, bad(which, 4)));
}

PROBE(efault, path_too_long)
{
	map(8, 3, RW);
	memset((void *)P(8), 'a', 3 * PAGE);
	answer("%s", res(call(SYS_openat, AT_FDCWD, P(8), O_RDONLY)));
	*(AT(8) + 4095) = 0;
	answer("%s", res(call(SYS_openat, AT_FDCWD, P(8), O_RDONLY)));
	*(AT(8) + 255) = 0;
	answer("%s", res(call(SYS_openat, AT_FDCWD, P(8), O_RDONLY)));
}
