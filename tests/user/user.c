/*
 * Errors, lines and children, for all programs of tests/user: see user.h.
 */
#include "user.h"

static const char *const names[] = {
	[EPERM] = "EPERM",     [ENOENT] = "ENOENT",
	[ESRCH] = "ESRCH",     [EINTR] = "EINTR",
	[EIO] = "EIO",	       [ENOEXEC] = "ENOEXEC",
	[EBADF] = "EBADF",     [ECHILD] = "ECHILD",
	[EAGAIN] = "EAGAIN",   [ENOMEM] = "ENOMEM",
	[EACCES] = "EACCES",   [EFAULT] = "EFAULT",
	[EBUSY] = "EBUSY",     [EEXIST] = "EEXIST",
	[ENODEV] = "ENODEV",   [ENOTDIR] = "ENOTDIR",
	[EISDIR] = "EISDIR",   [EINVAL] = "EINVAL",
	[ENOTTY] = "ENOTTY",   [EFBIG] = "EFBIG",
	[ENOSPC] = "ENOSPC",   [ESPIPE] = "ESPIPE",
	[EROFS] = "EROFS",     [ERANGE] = "ERANGE",
	[ENOSYS] = "ENOSYS",   [EOVERFLOW] = "EOVERFLOW",
	[ELOOP] = "ELOOP",     [EOPNOTSUPP] = "EOPNOTSUPP",
	[ETXTBSY] = "ETXTBSY", [ENAMETOOLONG] = "ENAMETOOLONG",
	[ENODATA] = "ENODATA", [E2BIG] = "E2BIG",
	[ENOTBLK] = "ENOTBLK",
};

const char *error_name(long error)
{
	static char text[32];

	if (error > 0 && error < (long)(sizeof(names) / sizeof(*names)) &&
	    names[error])
		return names[error];
	snprintf(text, sizeof(text), "error %ld", error);
	return text;
}

const char *signal_name(int signal)
{
	static char text[32];

	switch (signal) {
	case SIGSEGV:
		return "SIGSEGV";
	case SIGBUS:
		return "SIGBUS";
	case SIGILL:
		return "SIGILL";
	case SIGKILL:
		return "SIGKILL";
	}
	snprintf(text, sizeof(text), "signal %d", signal);
	return text;
}

static void say_all(const char *text, size_t n)
{
	while (n) {
		long done = call(SYS_write, 1, text, n);

		if (done <= 0)
			return;
		text += done;
		n -= (size_t)done;
	}
}

static void say_list(const char *prefix, const char *format, va_list args)
{
	char text[1024];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s", prefix);
	int more = vsnprintf(text + n, sizeof(text) - n, format, args);

	if (more > 0)
		n += (size_t)more;
	say_all(text, n < sizeof(text) ? n : sizeof(text) - 1);
}

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_list("", format, args);
	va_end(args);
}

static unsigned number, failed;

void check(int good, const char *name, const char *format, ...)
{
	char prefix[128];
	va_list args;

	snprintf(prefix, sizeof(prefix), "%sok %u %s", good ? "" : "not ",
		 ++number, name);
	failed += !good;
	if (good) {
		say("%s\n", prefix);
		return;
	}
	strcat(prefix, ": ");
	va_start(args, format);
	say_list(prefix, format, args);
	va_end(args);
	say("\n");
}

int checks_done(void)
{
	say("1..%u\n# %u failed\n", number, failed);
	return failed ? 1 : 0;
}

int fork_raw(void)
{
	return (int)call(SYS_clone, SIGCHLD);
}

int wait_for(int pid)
{
	int status = 0;
	long got;

	do
		got = call(SYS_wait4, pid, &status, 0, 0);
	while (got == -EINTR);
	if (got != pid)
		return 256;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

void exit_raw(int status)
{
	for (;;)
		call(SYS_exit_group, status);
}

unsigned weigh(const struct step *steps, unsigned n)
{
	unsigned sum = 0;

	while (n)
		sum += steps[--n].weight;
	return sum;
}

void take_step(const struct step *steps, unsigned r)
{
	for (; r >= steps->weight; steps++)
		r -= steps->weight;
	steps->fn();
}
