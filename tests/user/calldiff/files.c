/*
 * calldiff's steps with descriptors.
 */
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "calldiff.h"

long some_fd(void)
{
	static const long odd[] = {
		-1,	    99,	     AT_FDCWD, 1l << 32, (1l << 32) + 4,
		0x7fffffff, 1l << 31};

	return below(16) ? (long)below(20) : SOME(odd);
}

int is_console(long fd)
{
	struct stat st;

	return !call(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH) &&
	       S_ISCHR(st.st_mode);
}

/* One that may go. */
static long some_other(void)
{
	long fd;

	do
		fd = some_fd();
	while ((int)fd == 1);
	return fd;
}

void step_close(void)
{
	long fd = some_other();

	tell("close %ld", fd);
	note(call(SYS_close, fd));
}

void step_dup(void)
{
	static const unsigned long flags[] = {0, 0,    O_CLOEXEC,
					      1, -1ul, 1ul << 32};
	long fd = some_fd(), to = some_other();
	unsigned long how = SOME(flags);

	if (below(2)) {
		tell("dup %ld", fd);
		note(call(SYS_dup, fd));
		return;
	}
	tell("dup3 %ld %ld %#lx", fd, to, how);
	note(call(SYS_dup3, fd, to, how));
}

void step_fcntl(void)
{
	static const int commands[] = {
		F_DUPFD,	 F_GETFD, F_GETFD, F_SETFD, F_GETFL,
		F_GETFL,	 F_SETFL, F_SETFL, -1,	    12,
		F_DUPFD_CLOEXEC, 999,	  17};
	long fd = some_fd();
	int command = SOME(commands);
	unsigned long arg = below(3) ? below(24) : some_number();

	/* Whom a console tells of input is another matter. */
	if (command == F_SETFL)
		arg = next_random(&rng) & ~(unsigned long)O_ASYNC;
	if (command == F_SETFL && below(2))
		arg &= ~(unsigned long)O_DIRECT;
	tell("fcntl %ld %d %#lx", fd, command, arg);
	note(call(SYS_fcntl, fd, command, arg));
}

void step_lseek(void)
{
	long fd = some_fd(), whence = below(8) ? below(5) : some_number();
	unsigned long to = below(3) ? below(16000) : some_number();

	tell("lseek %ld %#lx %ld", fd, to, whence);
	note(call(SYS_lseek, fd, to, whence));
}

void step_read(void)
{
	unsigned long n = some_size(), p = some_place(n);
	unsigned long at = below(3) ? below(15000) : some_number();
	long fd = some_fd(), r;

	if (is_console(fd))
		return;
	if (below(2)) {
		tell("read %ld %#lx %#lx", fd, p, n);
		r = note(call(SYS_read, fd, p, n));
	} else {
		tell("pread %ld %#lx %#lx %#lx", fd, p, n, at);
		r = note(call(SYS_pread64, fd, p, n, at));
	}
	if (r > 0)
		sum_bytes(p, (unsigned long)r);
}

void step_readv(void)
{
	struct iovec v[4];
	unsigned long n = below(6) ? below(5) : some_number();
	unsigned long list = below(16) ? (unsigned long)v : some_place(64);
	long fd = some_fd(), r;

	if (is_console(fd))
		return;
	/* More would be read from whatever is on this stack. */
	if ((uint32_t)n > 4 && (uint32_t)n <= 1024)
		n = 1025;
	tell("readv %ld", fd);
	for (int i = 0; i < 4; i++) {
		v[i].iov_len = some_size();
		v[i].iov_base = (void *)some_place(v[i].iov_len);
		tell(" %p+%#lx", v[i].iov_base, v[i].iov_len);
	}
	if (list >= P(0) && list < P(4))
		list = 8;
	tell(" at %s, %#lx", list == (unsigned long)v ? "v" : "nowhere", n);
	r = note(call(below(4) ? SYS_readv : SYS_writev, fd, list, n));
	for (int i = 0; i < 4 && r > 0; i++) {
		unsigned long got = v[i].iov_len < (unsigned long)r
					    ? v[i].iov_len
					    : (unsigned long)r;

		sum_bytes((unsigned long)v[i].iov_base, got);
		r -= (long)got;
	}
}

/* No file is open for that. */
void step_write(void)
{
	unsigned long n = some_size(), p = some_place(n);
	long fd = some_fd();

	if (is_console(fd))
		return;
	tell("write %ld %#lx %#lx", fd, p, n);
	note(call(SYS_write, fd, p, n));
}

void step_ioctl(void)
{
	static const unsigned long requests[] = {FIONREAD,
						 FIOCLEX,
						 FIONCLEX,
						 FIONBIO,
						 TCGETS,
						 0,
						 0x5600,
						 1ul << 32,
						 -1ul,
						 0x12345678,
						 FIONREAD | 1ul << 40};
	unsigned long request = SOME(requests), p = some_place(64);
	long fd = some_fd(), r;

	if ((uint32_t)request == FIONREAD && is_console(fd))
		return;
	/* Not whatever was there. */
	if (p >= P(0) && p < P(4))
		*(int *)p = (int)below(2);
	tell("ioctl %ld %#lx %#lx", fd, request, p);
	r = note(call(SYS_ioctl, fd, request, p));
	if (!r && (uint32_t)request == FIONREAD)
		sum_bytes(p, 4);
}

void step_map(void)
{
	static const int prots[] = {1, 1, 3, 5, 0, 2};
	unsigned long offset = below(3) ? PAGE * below(5) : some_number();
	int flags = (int)below(4), prot = SOME(prots);
	long fd = some_fd(), r;

	tell("mmap %ld %d %d %#lx", fd, prot, flags, offset);
	r = call(SYS_mmap, 0, PAGE, prot, flags, fd, offset);
	note(is_error(r) ? r : 0);
	if (is_error(r))
		return;
	/* The page may be behind the file's end. */
	if ((prot & 3) && offset < 3 * PAGE) {
		struct stat st;

		call(SYS_fstat, fd, &st);
		if ((unsigned long)st.st_size > offset)
			sum_bytes((unsigned long)r, PAGE);
	}
	call(SYS_munmap, r, PAGE);
}
