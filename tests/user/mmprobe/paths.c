/*
 * Cases of paths: what is found by them, opened, and told of it. The files in /data
 * are those of tests/linux/guest.py.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "probe.h"

#define HERE AT_FDCWD

static const char *const paths[] = {
	"/data/pages",
	"/data/pages/",
	"/data/pages/.",
	"/data/pages/..",
	"/data/pages/x",
	"/data/link",
	"/data/link/",
	"/data/loop",
	"/data/loop/x",
	"/data/dangling",
	"/data/dangling/",
	"/data/up",
	"/data/up/",
	"/data/up/data/pages",
	"/data/far",
	"/data/to_folder/inner",
	"/data/to_folder/../pages",
	"/data/long",
	"//data///pages",
	"/../../data/./pages",
	"/",
	"",
	"data/pages",
	"./data",
	"../data",
	"nothing",
	"/data/folder/inner/../../pages",
};

enum { PATHS = sizeof(paths) / sizeof(*paths) };

PROBE(path, lookups)
{
	for (int i = 0; i < PATHS; i++) {
		struct stat st = {.st_mode = 0};
		long r = call(SYS_newfstatat, HERE, paths[i], &st, 0);

		answer("%s/%o", res(r), st.st_mode & S_IFMT);
	}
}

PROBE(path, lookups_of_links)
{
	for (int i = 0; i < PATHS; i++) {
		struct stat st = {.st_mode = 0};
		long r = call(SYS_newfstatat, HERE, paths[i], &st,
			      AT_SYMLINK_NOFOLLOW);

		answer("%s/%o", res(r), st.st_mode & S_IFMT);
	}
}

static void open_all(int flags)
{
	for (int i = 0; i < PATHS; i++) {
		long fd = call(SYS_openat, HERE, paths[i], flags, 0644);

		answer("%s", fd >= 0 ? "+" : res(fd));
		call(SYS_close, fd);
	}
}

PROBE(path, open)
{
	open_all(O_RDONLY);
}

PROBE(path, open_nofollow)
{
	open_all(O_RDONLY | O_NOFOLLOW);
}

PROBE(path, open_path)
{
	open_all(O_PATH | O_NOFOLLOW);
}

PROBE(path, open_directory)
{
	open_all(O_RDONLY | O_DIRECTORY);
}

PROBE(path, open_directory_nofollow)
{
	open_all(O_DIRECTORY | O_NOFOLLOW);
}

PROBE(path, open_exclusively)
{
	for (int i = 0; i < PATHS; i++)
		if (!strstr(paths[i], "nothing") &&
		    !strstr(paths[i], "dangling"))
			answer("%s", res(call(SYS_openat, HERE, paths[i],
					      O_CREAT | O_EXCL, 0644)));
}

/* What a directory can't be opened for. */
PROBE(path, open_directory_to_write)
{
	static const int flags[] = {O_WRONLY, O_RDWR, O_TRUNC,
				    O_CREAT,  3,      O_RDWR | O_DIRECTORY,
				    O_APPEND};

	for (int i = 0; i < 7; i++) {
		long fd = call(SYS_openat, HERE, "/data", flags[i], 0644);

		answer("%s", fd >= 0 ? "+" : res(fd));
	}
}

PROBE(path, rights)
{
	static const char *const files[] = {
		"/data/pages", "/data/garbage", "/data/only_for_others",
		"/data",       "/data/link",	"/data/dangling"};
	static const int modes[] = {0, 1, 4, 5};

	for (int i = 0; i < 6; i++)
		for (int j = 0; j < 4; j++)
			answer("%s", res(call(SYS_faccessat, HERE, files[i],
					      modes[j])));
}

PROBE(path, access_flags)
{
	static const int flags[] = {0,
				    AT_EACCESS,
				    AT_SYMLINK_NOFOLLOW,
				    AT_EMPTY_PATH,
				    AT_NO_AUTOMOUNT,
				    1,
				    -1};

	for (int i = 0; i < 7; i++)
		answer("%s %s", res(call(439, HERE, "/data/link", 4, flags[i])),
		       res(call(439, HERE, "", 4, flags[i])));
	answer("mode first: %s %s", res(call(439, HERE, 8, 8, 1)),
	       res(call(439, 99, "x", 0, 0)));
}

PROBE(path, directories_to_start_from)
{
	long dir = call(SYS_openat, HERE, "/data", O_RDONLY);
	long only = call(SYS_openat, HERE, "/data", O_PATH);
	const long from[] = {HERE, dir, only, data_file(), 1, 99, -1};
	static const char *const names[] = {"pages", "/data/pages", "", "."};
	struct stat st;

	for (int i = 0; i < 7; i++) {
		answer("%d:", i);
		for (int j = 0; j < 4; j++)
			answer("%s", res(call(SYS_newfstatat, from[i], names[j],
					      &st, 0)));
		answer("%s", res(call(SYS_newfstatat, from[i], "", &st,
				      AT_EMPTY_PATH)));
		answer("%s", res(call(SYS_newfstatat, from[i], NULL, &st,
				      AT_EMPTY_PATH)));
		answer("%s", res(call(SYS_faccessat, from[i], "", 4)));
		answer("%s",
		       res(call(SYS_openat, from[i], "pages", O_PATH) > 0));
		answer("%s", res(call(SYS_openat, from[i], "", 0)));
	}
	answer("2^32: %s",
	       res(call(SYS_newfstatat, dir + (1l << 32), "pages", &st, 0)));
}

PROBE(path, stat_flags)
{
	struct stat st;
	int good = 0;

	for (int bit = 0; bit < 32; bit++)
		if (!call(SYS_newfstatat, HERE, "/data/link", &st, 1u << bit))
			answer("%x", 1u << bit);
		else
			good++;
	answer("refused: %d", good);
	answer("%s", res(call(SYS_newfstatat, HERE, 8, 8, 1)));
	answer("%s", res(call(SYS_newfstatat, HERE, "/nothing", 8, 0)));
	answer("%s", res(call(SYS_newfstatat, HERE, "/data", 8, 0)));
	answer("%s", res(call(SYS_fstat, 99, 8)));
}

/* What does not depend on where a file system lies. */
static void tell_stat(const char *path)
{
	struct stat st;

	memset(&st, 0x55, sizeof(st));
	if (call(SYS_newfstatat, HERE, path, &st, AT_SYMLINK_NOFOLLOW))
		return;
	answer("%s: %o, %u names, %u/%u, rdev %lx, %ld bytes, %ld blocks of "
	       "%d, %x %x",
	       path, st.st_mode, st.st_nlink, st.st_uid, st.st_gid, st.st_rdev,
	       S_ISDIR(st.st_mode) ? 0 : (long)st.st_size,
	       S_ISREG(st.st_mode) ? (long)st.st_blocks : 0, st.st_blksize,
	       st.__glibc_reserved[0], st.__glibc_reserved[1]);
}

PROBE(path, stat_fields)
{
	tell_stat("/data/pages");
	tell_stat("/data/empty");
	tell_stat("/data/garbage");
	tell_stat("/data/link");
	tell_stat("/data/folder");
	tell_stat("/data/only_for_others");
}

PROBE(path, one_file_of_two_names)
{
	struct stat a, b, c;

	call(SYS_newfstatat, HERE, "/data/empty", &a, 0);
	call(SYS_newfstatat, HERE, "/data/folder/other_name", &b, 0);
	call(SYS_newfstatat, HERE, "/data/pages", &c, 0);
	answer("%d %d %d %d", a.st_dev == b.st_dev, a.st_ino == b.st_ino,
	       a.st_ino == c.st_ino, a.st_ino != 0);
}

PROBE(path, readlink)
{
	static const char *const names[] = {
		"/data/link", "/data/far",     "/data/link/",
		"/data/loop", "/data/pages",   "/data/up",
		"/data",      "/nothing",      "/data/up/data/dangling",
		"",	      "/proc/self/exe"};
	char to[PAGE];

	for (int i = 0; i < 11; i++) {
		long n = call(SYS_readlinkat, HERE, names[i], to, PAGE);

		answer("%s", res(n));
		if (n > 0)
			answer("%.*s", (int)n, to);
	}
}

PROBE(path, readlink_sizes)
{
	static const unsigned long sizes[] = {
		0, 1, 5, 6, -1, 1ul << 31, 1ul << 32, (1ul << 32) + 2};
	char to[64];

	for (int i = 0; i < 8; i++)
		answer("%s %s %s",
		       res(call(SYS_readlinkat, HERE, "/data/link", to,
				sizes[i])),
		       res(call(SYS_readlinkat, HERE, "/nothing", to,
				sizes[i])),
		       res(call(SYS_readlinkat, HERE, "/data/link", 8,
				sizes[i])));
	answer("nothing to a bad one: %s",
	       res(call(SYS_readlinkat, HERE, "/data/pages", 8, 10)));
}

PROBE(path, readlink_of_descriptors)
{
	long link = call(SYS_openat, HERE, "/data/link", O_PATH | O_NOFOLLOW);
	char to[64];
	struct stat st;

	answer("%s", res(call(SYS_readlinkat, link, "", to, 64)));
	answer("%s", res(call(SYS_readlinkat, data_file(), "", to, 64)));
	answer("%s", res(call(SYS_readlinkat, HERE, "", to, 64)));
	answer("%s", res(call(SYS_readlinkat, 99, "", to, 64)));
	answer("%s", res(call(SYS_readlinkat, 1, "", to, 64)));
	answer("%s", res(call(SYS_readlinkat, 1, "x", to, 64)));
	answer("%s", res(call(SYS_fstat, link, &st)));
	answer("%o", st.st_mode);
}

PROBE(path, getcwd)
{
	static const unsigned long sizes[] = {0, 1, 2, 4096, 1ul << 32, -1};
	char to[PAGE];

	for (int i = 0; i < 6; i++)
		answer("%s %s", res(call(SYS_getcwd, to, sizes[i])),
		       res(call(SYS_getcwd, 8, sizes[i])));
}

static char *repeat(char *to, const char *text, int n)
{
	*to = '\0';
	for (int i = 0; i < n; i++)
		strcpy(to + strlen(to), text);
	return to;
}

PROBE(path, lengths)
{
	static char to[3 * PAGE];
	struct stat st;

	answer("%s",
	       res(call(SYS_newfstatat, HERE, repeat(to, "/", 4095), &st, 0)));
	answer("%s",
	       res(call(SYS_newfstatat, HERE, repeat(to, "/", 4096), &st, 0)));
	answer("%s",
	       res(call(SYS_newfstatat, HERE, repeat(to, "x", 255), &st, 0)));
	answer("%s",
	       res(call(SYS_newfstatat, HERE, repeat(to, "x", 256), &st, 0)));
	answer("%s",
	       res(call(SYS_newfstatat, HERE, repeat(to, "./", 2047), &st, 0)));
	repeat(to, "/nothing", 2);
	repeat(to + strlen(to), "x", 300);
	answer("%s", res(call(SYS_newfstatat, HERE, to, &st, 0)));
	/* 41 links on the way. */
	repeat(to, "/data/up", 40);
	answer("%s", res(call(SYS_newfstatat, HERE, to, &st, 0)));
	repeat(to, "/data/up", 41);
	answer("%s", res(call(SYS_newfstatat, HERE, to, &st, 0)));
}

PROBE(path, what_runs)
{
	static char *const none[] = {NULL};

	answer("%s", res(call(SYS_execve, "/data", none, none)));
	for (int i = 0; i < PATHS; i++)
		answer("%s", res(call(SYS_execve, paths[i], none, none)));
}
