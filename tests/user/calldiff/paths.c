/*
 * calldiff's steps with paths: the files are those of tests/linux/guest.py.
 */
#include <sys/stat.h>

#include "calldiff.h"

enum { HERE = AT_FDCWD };

const char *some_path(void)
{
	static const char *const names[] = {"pages",
					    "empty",
					    "garbage",
					    "link",
					    "loop",
					    "dangling",
					    "up",
					    "far",
					    "to_folder",
					    "folder",
					    "long",
					    "folder/inner",
					    "nothing",
					    "nothing/x",
					    "pages/x",
					    "folder/other_name",
					    "to_folder/inner",
					    "up/data/pages",
					    "loop/x",
					    "folder/../link",
					    "script",
					    "only_for_others",
					    ".",
					    "..",
					    "",
					    "./",
					    "folder/inner/../../pages",
					    "up/up/data/far"};
	static const char *const before[] = {"/data/", "/data/",    "/data/",
					     "",       "/",	    "//data//",
					     "data/",  "../data/./"};
	static const char *const after[] = {"", "",  "",   "",
					    "", "/", "/.", "/.."};
	static char path[256];

	snprintf(path, sizeof(path), "%s%s%s", SOME(before), SOME(names),
		 SOME(after));
	return path;
}

static long some_directory(void)
{
	return below(3) ? HERE : some_fd();
}

/* The path, or something that is none. */
static unsigned long where(const char *path)
{
	unsigned long bad;

	if (below(24))
		return (unsigned long)path;
	/* Strings that nobody knows are in good places. */
	do
		bad = some_place(8);
	while (bad >= P(0) && bad < P(6));
	tell(" (bad)");
	return bad;
}

static int exists(long directory, const char *path)
{
	struct stat st;

	return !call(SYS_newfstatat, directory, path, &st, 0);
}

void step_open(void)
{
	static const int kinds[] = {0,		 0,
				    0,		 0,
				    O_DIRECTORY, O_NOFOLLOW,
				    O_PATH,	 O_CLOEXEC,
				    O_NONBLOCK,	 O_APPEND,
				    O_NOATIME,	 O_SYNC,
				    O_DSYNC,	 O_EXCL,
				    O_NOCTTY,	 O_LARGEFILE,
				    O_DIRECT,	 0x40000000,
				    O_TMPFILE,	 020000000,
				    O_CREAT,	 O_CREAT | O_EXCL};
	const char *path = some_path();
	long directory = some_directory();
	int flags = SOME(kinds) | SOME(kinds);

	/* Nothing new. */
	if ((flags & O_CREAT) && !exists(directory, path))
		flags &= ~O_CREAT;
	tell("openat %ld '%s' %#o", directory, path, flags);
	note(call(SYS_openat, directory, where(path), flags, below(0777)));
}

void step_stat(void)
{
	static const unsigned long kinds[] = {0,
					      0,
					      0,
					      AT_SYMLINK_NOFOLLOW,
					      AT_EMPTY_PATH,
					      0x800,
					      0x2000,
					      0x4000,
					      1,
					      0x200,
					      1ul << 32};
	const char *path = some_path();
	unsigned long flags = SOME(kinds) | SOME(kinds), p = some_place(128);
	const struct stat *st = (const struct stat *)p;
	long directory = some_directory(), r;

	if (below(4) == 0) {
		tell("fstat %ld %#lx", directory, p);
		r = note(call(SYS_fstat, directory, p));
	} else {
		tell("fstatat %ld '%s' %#lx %#lx", directory, path, p, flags);
		r = note(
			call(SYS_newfstatat, directory, where(path), p, flags));
	}
	if (r)
		return;
	sum(st->st_mode & S_IFMT);
	if (S_ISREG(st->st_mode) || S_ISLNK(st->st_mode)) {
		sum(st->st_mode);
		sum((uint64_t)st->st_size);
		sum(st->st_nlink);
	}
	if (S_ISREG(st->st_mode))
		sum((uint64_t)st->st_blocks);
}

void step_access(void)
{
	static const unsigned long kinds[] = {
		0, 0, AT_SYMLINK_NOFOLLOW, AT_EACCESS, AT_EMPTY_PATH, 1, 0x800};
	const char *path = some_path();
	/* Who may write is another matter. */
	unsigned long mode = below(8) ? below(8) & 5 : 8;
	unsigned long flags = SOME(kinds) | SOME(kinds);
	long directory = some_directory();

	tell("access %ld '%s' %ld %#lx", directory, path, mode, flags);
	note(call(below(2) ? SYS_faccessat : 439, directory, where(path), mode,
		  flags));
}

void step_readlink(void)
{
	const char *path = some_path();
	unsigned long n = below(3) ? below(100) : some_size();
	unsigned long p = some_place(n);
	long directory = some_directory(), r;

	if (below(8) == 0) {
		tell("getcwd %#lx %#lx", p, n);
		note(call(SYS_getcwd, p, n));
		return;
	}
	tell("readlink %ld '%s' %#lx %#lx", directory, path, p, n);
	r = note(call(SYS_readlinkat, directory, where(path), p, n));
	if (r > 0)
		sum_bytes(p, (unsigned long)r);
}

/* What can't run. */
void step_exec(void)
{
	static char *const none[] = {NULL};
	const char *path = some_path();

	if (strstr(path, "script"))
		return;
	tell("execve '%s'", path);
	note(call(SYS_execve, where(path), below(4) ? none : NULL,
		  below(4) ? none : NULL));
}
