/* System calls of descriptors, and of the console as a device. */
#include <kernel/fdtable.h>
#include <kernel/process.h>
#include <kernel/tty.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>

#include <kernel/syscall.h>

static uint64_t most_files(void)
{
	return process_current()->limit[RLIMIT_NOFILE].cur;
}

int64_t sys_close(const uint64_t arg[6])
{
	return fd_close(process_current()->files, (uint32_t)arg[0]);
}

/* The lowest number from `from` on is the same file. */
static int64_t dup_from(uint64_t fd, uint64_t from, bool cloexec)
{
	struct fd_table *t = process_current()->files;
	struct file *f = fd_get(t, fd);
	int64_t result;

	if (!f)
		return -EBADF;
	result = fd_open(t, f, cloexec, from, most_files());
	if (result < 0)
		file_put(f);
	return result;
}

int64_t sys_dup(const uint64_t arg[6])
{
	return dup_from((uint32_t)arg[0], 0, false);
}

/* dup3(fd, to, flags). */
int64_t sys_dup3(const uint64_t arg[6])
{
	struct fd_table *t = process_current()->files;
	uint32_t fd = (uint32_t)arg[0], to = (uint32_t)arg[1];
	int64_t result;

	if ((arg[2] & ~(uint64_t)O_CLOEXEC) || fd == to)
		return -EINVAL;
	if (to >= most_files() || !fd_slot(t, fd))
		return -EBADF;
	fd_close(t, to);
	result = dup_from(fd, to, arg[2] & O_CLOEXEC);
	return result;
}

enum {
	F_DUPFD,
	F_GETFD,
	F_SETFD,
	F_GETFL,
	F_SETFL,
	F_DUPFD_CLOEXEC = 1030,
};

#define FD_CLOEXEC 1u

/* fcntl(fd, command, argument). */
int64_t sys_fcntl(const uint64_t arg[6])
{
	uint64_t fd = (uint32_t)arg[0], value = arg[2];
	struct fd_slot *s = fd_slot(process_current()->files, fd);
	int command = (int)arg[1];

	if (!s)
		return -EBADF;
	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if (value >= most_files())
			return -EINVAL;
		return dup_from(fd, value, command == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return s->cloexec ? FD_CLOEXEC : 0;
	case F_SETFD:
		s->cloexec = value & FD_CLOEXEC;
		return 0;
	case F_GETFL:
		return s->file->flags;
	case F_SETFL:
		s->file->flags = (s->file->flags & ~(O_APPEND | O_NONBLOCK)) |
				 ((uint32_t)value & (O_APPEND | O_NONBLOCK));
		return 0;
	}
	return -EINVAL;
}

/* --- the console --- */

#define TCGETS	   0x5401u
#define TIOCGPGRP  0x540fu
#define TIOCGWINSZ 0x5413u

/* struct termios as the kernel has it: what kernel/tty.c does, in its terms. */
struct termios_abi {
	uint32_t input, output, control, local;
	uint8_t line, special[19];
};

static int64_t get_settings(uaddr_t to)
{
	static const struct termios_abi t = {
		.input = 0x100,	  /* ICRNL */
		.output = 5,	  /* OPOST, ONLCR */
		.control = 0xcbd, /* B38400, CS8, CREAD, HUPCL, CLOCAL */
		.local = 0x8a3b,  /* ISIG, ICANON, ECHO and what belongs to
				     it, IEXTEN */
		/* ^C ^\ DEL ^U ^D, a byte is enough to read */
		.special = {3, 0x1c, 0x7f, 0x15, 4, 0, 1},
	};

	return copy_to_user(to, &t, sizeof(t));
}

static int64_t console_ioctl(unsigned request, uaddr_t to)
{
	static const uint16_t window[4] = {24, 80, 0, 0};
	int group;

	switch (request) {
	case TCGETS:
		return get_settings(to);
	case TIOCGWINSZ:
		return copy_to_user(to, window, sizeof(window));
	case TIOCGPGRP:
		group = tty_group();
		return copy_to_user(to, &group, sizeof(group));
	}
	return -ENOTTY;
}

/* ioctl(fd, request, argument). */
int64_t sys_ioctl(const uint64_t arg[6])
{
	struct fd_slot *s = fd_slot(process_current()->files, (uint32_t)arg[0]);

	if (!s || (s->file->flags & O_PATH))
		return -EBADF;
	return s->file->kind == FILE_CONSOLE
		       ? console_ioctl((unsigned)arg[1], arg[2])
		       : -ENOTTY;
}
