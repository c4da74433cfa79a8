/* System calls of descriptors, and of what lies behind them as a device. */
#include <fs/memfs.h>
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
	uint32_t flags = (uint32_t)arg[2];

	if ((flags & ~O_CLOEXEC) || fd == to)
		return -EINVAL;
	if (to >= most_files() || !fd_slot(t, fd))
		return -EBADF;
	fd_close(t, to);
	return dup_from(fd, to, flags & O_CLOEXEC);
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

/* What may change while a file is open. */
#define SETTABLE (O_APPEND | O_NONBLOCK | O_NOATIME)

static int set_flags(struct file *f, uint32_t flags)
{
	/* There is no disk to come from without a copy. */
	if (flags & O_DIRECT)
		return -EINVAL;
	f->flags = (f->flags & ~SETTABLE) | (flags & SETTABLE);
	return 0;
}

/* What works on a file that was opened as a place only. */
static bool is_of_descriptors(int command)
{
	return (unsigned)command <= F_GETFL || command == F_DUPFD_CLOEXEC;
}

/* fcntl(fd, command, argument). */
int64_t sys_fcntl(const uint64_t arg[6])
{
	uint32_t fd = (uint32_t)arg[0], value = (uint32_t)arg[2];
	struct fd_slot *s = fd_slot(process_current()->files, fd);
	int command = (int)arg[1];

	if (!s || ((s->file->flags & O_PATH) && !is_of_descriptors(command)))
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
		return set_flags(s->file, value);
	}
	return -EINVAL;
}

/* --- ioctl --- */

#define TCGETS	   0x5401u
#define TIOCGPGRP  0x540fu
#define TIOCGWINSZ 0x5413u
#define FIONREAD   0x541bu
#define FIONBIO	   0x5421u
#define FIONCLEX   0x5450u
#define FIOCLEX	   0x5451u

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

static int put_int(uaddr_t to, int value)
{
	return copy_to_user(to, &value, sizeof(value));
}

static int64_t console_ioctl(unsigned request, uaddr_t to)
{
	static const uint16_t window[4] = {24, 80, 0, 0};

	switch (request) {
	case TCGETS:
		return get_settings(to);
	case TIOCGWINSZ:
		return copy_to_user(to, window, sizeof(window));
	case TIOCGPGRP:
		return put_int(to, tty_group());
	case FIONREAD:
		return put_int(to, tty_ready());
	}
	return -ENOTTY;
}

static int64_t node_ioctl(const struct file *f, unsigned request, uaddr_t to)
{
	if (request != FIONREAD || !memfs_is(f->node, MODE_REGULAR))
		return -ENOTTY;
	return put_int(to,
		       (int)(f->node->size -
			     __atomic_load_n(&f->offset, __ATOMIC_RELAXED)));
}

static int set_nonblock(struct file *f, uaddr_t from)
{
	int on;

	if (copy_from_user(&on, from, sizeof(on)))
		return -EFAULT;
	f->flags = (f->flags & ~O_NONBLOCK) | (on ? O_NONBLOCK : 0);
	return 0;
}

/* ioctl(fd, request, argument). */
int64_t sys_ioctl(const uint64_t arg[6])
{
	struct fd_slot *s = fd_slot(process_current()->files, (uint32_t)arg[0]);
	unsigned request = (unsigned)arg[1];

	if (!s || (s->file->flags & O_PATH))
		return -EBADF;
	switch (request) {
	case FIONBIO:
		return set_nonblock(s->file, arg[2]);
	case FIONCLEX:
	case FIOCLEX:
		s->cloexec = request == FIOCLEX;
		return 0;
	}
	return s->file->kind == FILE_CONSOLE
		       ? console_ioctl(request, arg[2])
		       : node_ioctl(s->file, request, arg[2]);
}
