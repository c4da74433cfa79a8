/*
 * A device that is no good, for a program that writes one: preloaded, takes the
 * place of pwrite().
 *
 *	BAD_AT=offset	writes that reach this byte, and all behind it, go wrong
 *	BAD_HOW=lose	they are said to have succeeded
 *	BAD_HOW=unplug	there is no such device any more
 *	BAD_HOW=stop	they succeed, and the user types ^C
 *	BAD_HOW=end	they succeed, and the computer is to end
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef ssize_t pwrite_fn(int fd, const void *data, size_t n, off64_t at);

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at)
{
	pwrite_fn *real = (pwrite_fn *)dlsym(RTLD_NEXT, "pwrite64");
	const char *how = getenv("BAD_HOW");

	if (at + (off64_t)n <= atoll(getenv("BAD_AT")))
		return real(fd, data, n, at);
	if (!strcmp(how, "lose"))
		return (ssize_t)n;
	if (!strcmp(how, "unplug")) {
		errno = ENODEV;
		return -1;
	}
	raise(strcmp(how, "end") ? SIGINT : SIGTERM);
	return real(fd, data, n, at);
}
