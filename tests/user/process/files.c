/* Open files, and paths to them. */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "process.h"

void files(void)
{
	char buf[64];
	struct iovec many[12], v[3] = {{"# ", 2}, {"", 0}, {"in pieces\n", 10}};
	struct stat st;
	long fd = call(SYS_openat, AT_FDCWD, self, O_RDONLY), fd2;

	check(fd >= 0, "open", "%ld", fd);
	IS(call(SYS_read, fd, buf, 4), 4);
	check(!memcmp(buf, "\177ELF", 4), "contents", "others");
	IS(call(SYS_lseek, fd, 1, SEEK_SET), 1);
	IS(call(SYS_read, fd, buf, 3), 3);
	check(!memcmp(buf, "ELF", 3), "contents after lseek", "others");
	IS(call(SYS_pread64, fd, buf, 3, 1), 3);
	IS(call(SYS_lseek, fd, 0, SEEK_CUR), 4);
	IS(call(SYS_lseek, fd, -5, SEEK_CUR), -EINVAL);
	IS(call(SYS_lseek, fd, 0, 9), -EINVAL);
	fd2 = call(SYS_dup, fd);
	check(fd2 > fd, "dup", "%ld", fd2);
	IS(call(SYS_read, fd2, buf, 4), 4);
	IS(call(SYS_lseek, fd, 0, SEEK_CUR), 8);
	IS(call(SYS_read, fd, buf, 0), 0);
	IS(call(SYS_read, fd, 8, 10), -EFAULT);
	IS(call(SYS_read, fd, -4096ul, 10), -EFAULT);
	IS(call(SYS_read, fd, buf, -1), -EFAULT);
	IS(call(SYS_write, fd, buf, 1), -EBADF);
	IS(call(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH), 0);
	check(S_ISREG(st.st_mode) && st.st_size > 1000, "stat", "%o",
	      st.st_mode);
	IS(call(SYS_lseek, fd, 0, SEEK_END), st.st_size);
	IS(call(SYS_read, fd, buf, 4), 0);
	IS(call(SYS_pread64, fd, buf, 64, st.st_size - 5), 5);
	IS(call(SYS_pread64, fd, buf, 4, -1), -EINVAL);
	IS(call(SYS_fcntl, fd, F_GETFD), 0);
	IS(call(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC), 0);
	IS(call(SYS_fcntl, fd, F_GETFD), FD_CLOEXEC);
	IS(call(SYS_fcntl, fd2, F_GETFD), 0);
	IS(call(SYS_fcntl, fd, F_DUPFD, 20), 20);
	IS(call(SYS_fcntl, fd, 999), -EINVAL);
	IS(call(SYS_dup3, fd, 30, O_CLOEXEC), 30);
	IS(call(SYS_dup3, fd, fd, 0), -EINVAL);
	IS(call(SYS_dup3, 99, 31, 0), -EBADF);
	IS(call(SYS_close, 20), 0);
	IS(call(SYS_close, 20), -EBADF);
	IS(call(SYS_close, 30), 0);
	IS(call(SYS_close, fd), 0);
	IS(call(SYS_close, fd2), 0);
	IS(call(SYS_close, -1), -EBADF);
	IS(call(SYS_read, 77, buf, 1), -EBADF);
	IS(call(SYS_writev, 1, v, 3), 12);
	IS(call(SYS_writev, 1, v, 1025), -EINVAL);
	for (int i = 0; i < 12; i++)
		many[i] = (struct iovec){(char *)&"# by letter\n"[i], 1};
	IS(call(SYS_writev, 1, many, 12), 12);
	IS(call(SYS_writev, 1, 8, 1), -EFAULT);
	IS(call(SYS_writev, 1, 0, 0), 0);
	v[0].iov_len = ~0ul;
	IS(call(SYS_writev, 1, v, 3), -EINVAL);
	IS(call(SYS_write, 1, 8, 5), -EFAULT);
	IS(call(SYS_ioctl, 99, TIOCGWINSZ, buf), -EBADF);
}

void paths(void)
{
	char buf[128];
	struct stat st;
	long fd, n;

	IS(call(SYS_openat, AT_FDCWD, "/none/such", O_RDONLY), -ENOENT);
	IS(call(SYS_openat, AT_FDCWD, "", O_RDONLY), -ENOENT);
	IS(call(SYS_openat, AT_FDCWD, 8, O_RDONLY), -EFAULT);
	IS(call(SYS_openat, AT_FDCWD, "/", O_RDWR), -EISDIR);
	IS(call(SYS_openat, 99, "x", O_RDONLY), -EBADF);
	IS(call(SYS_openat, AT_FDCWD, self, O_RDONLY | O_DIRECTORY), -ENOTDIR);
	fd = call(SYS_openat, AT_FDCWD, "/", O_RDONLY);
	IS(call(SYS_read, fd, buf, 1), -EISDIR);
	n = call(SYS_openat, fd, self + 1, O_RDONLY);
	check(n > fd, "openat a directory", "%ld", n);
	IS(call(SYS_openat, n, "x", O_RDONLY), -ENOTDIR);
	IS(call(SYS_close, n), 0);
	IS(call(SYS_close, fd), 0);
	IS(call(SYS_newfstatat, AT_FDCWD, "/", &st, 0), 0);
	check(S_ISDIR(st.st_mode), "stat of /", "%o", st.st_mode);
	IS(call(SYS_newfstatat, AT_FDCWD, "/none", &st, 0), -ENOENT);
	IS(call(SYS_newfstatat, AT_FDCWD, "/", &st, 0x10), -EINVAL);
	IS(call(SYS_newfstatat, AT_FDCWD, "/", 8, 0), -EFAULT);
	IS(call(SYS_faccessat, AT_FDCWD, self, R_OK | X_OK), 0);
	IS(call(SYS_faccessat, AT_FDCWD, "/none", F_OK), -ENOENT);
	IS(call(SYS_faccessat, AT_FDCWD, self, 8), -EINVAL);
	IS(call(SYS_getcwd, buf, sizeof(buf)), 2);
	check(!strcmp(buf, "/"), "getcwd", "%s", buf);
	IS(call(SYS_getcwd, buf, 1), -ERANGE);
	IS(call(SYS_getcwd, 8, 100), -EFAULT);
	n = call(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", buf, sizeof(buf));
	check(n == (long)strlen(self) && !memcmp(buf, self, (size_t)n),
	      "/proc/self/exe", "%ld", n);
	IS(call(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", buf, 2), 2);
	IS(call(SYS_readlinkat, AT_FDCWD, "/", buf, 10), -EINVAL);
	IS(call(SYS_readlinkat, AT_FDCWD, "/", buf, 0), -EINVAL);
}
