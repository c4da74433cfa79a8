/* fs/: trees from archives, paths in them. */
#include <stdio.h>
#include <string.h>

#include <fs/memfs.h>
#include <kernel/ktest.h>
#include <lib/errno.h>
#include <mm/fail.h>
#include <mm/kmalloc.h>
#include <mm/object.h>
#include <mm/reclaim.h>
#include <mm/zone.h>

#include "cpio_make.h"

#define SIZE  65536
#define DIR   0040755u
#define FILE_ 0100644u
#define LINK  0120777u

static struct memfs fs;
static struct memfs_report report;
static struct make_cpio a;

static bool begin(void)
{
	a = (struct make_cpio){.p = ktest_alloc(SIZE)};
	return a.p && !memfs_create(&fs);
}

static int unpack(void)
{
	return memfs_unpack(&fs, a.p, a.size, &report);
}

static int look(const char *path, struct memfs_node **n)
{
	return memfs_lookup(fs.root, path, 0, n);
}

/* Does the path lead to a file with just that in it? */
static bool holds(const char *path, const char *text)
{
	char buf[64] = "";
	struct memfs_node *n;

	return !look(path, &n) && memfs_is(n, MODE_REGULAR) &&
	       n->size == strlen(text) &&
	       memfs_read(n, 0, buf, sizeof(buf)) == n->size &&
	       !strcmp(buf, text);
}

static bool is_at(const char *path, const char *where)
{
	struct memfs_node *n;
	char buf[64];

	return !look(path, &n) &&
	       memfs_path(n, buf, sizeof(buf)) == (int)strlen(where) &&
	       !strcmp(buf, where);
}

KTEST(memfs, a_tree)
{
	struct memfs_node *n;
	char buf[4];

	REQUIRE(begin());
	make_cpio(&a, ".", 0040700, "");
	make_cpio(&a, "bin", DIR, "");
	make_cpio(&a, "bin/hello", 0100755, "hello");
	make_cpio(&a, "./etc/deep/er/file", FILE_, "text");
	make_cpio(&a, "/init", LINK, "bin/hello");
	make_cpio(&a, "empty", FILE_, "");
	make_cpio_end(&a);
	EXPECT_EQ(unpack(), 0);
	EXPECT_EQ(report.entries, 6);
	EXPECT_EQ(report.skipped, 0);
	EXPECT(!report.error);
	EXPECT_EQ(fs.root->mode, 0040700);
	EXPECT_EQ(fs.root->names, 4);
	EXPECT(holds("/bin/hello", "hello"));
	EXPECT(holds("bin//./hello", "hello"));
	EXPECT(holds("/etc/deep/er/file", "text"));
	EXPECT(holds("/etc/deep/../../bin/../../../init", "hello"));
	EXPECT(holds("empty", ""));
	EXPECT(is_at("/etc/deep/er/..", "/etc/deep"));
	EXPECT(is_at("/", "/"));
	EXPECT(is_at("..", "/"));
	EXPECT(is_at("init", "/bin/hello"));
	REQUIRE(!look("/bin/hello", &n));
	EXPECT_EQ(n->mode, 0100755);
	EXPECT_EQ(n->mtime, 0x12345678);
	EXPECT_EQ(n->names, 1);
	EXPECT_EQ(memfs_read(n, 3, buf, 4), 2);
	EXPECT_EQ(memfs_read(n, 5, buf, 4), 0);
	EXPECT_EQ(memfs_read(n, UINT64_MAX, buf, 4), 0);
	EXPECT_EQ(memfs_path(n, buf, sizeof(buf)), -ERANGE);
	REQUIRE(!memfs_lookup(fs.root, "init", MEMFS_NOFOLLOW, &n));
	EXPECT(memfs_is(n, MODE_LINK));
	EXPECT(!strcmp(n->target, "bin/hello"));
	EXPECT_EQ(n->size, 9);
	REQUIRE(!look("etc/deep", &n));
	EXPECT(memfs_parent(n)->mode == (MODE_DIR | 0755));
	EXPECT(!memfs_lookup(n, "er/file", 0, &n));
	memfs_destroy(&fs);
}

KTEST(memfs, paths_that_lead_nowhere)
{
	static const struct {
		const char *path;
		int err;
	} c[] = {
		{"", -ENOENT},
		{"/none", -ENOENT},
		{"none/x", -ENOENT},
		{"/file/x", -ENOTDIR},
		{"file/", -ENOTDIR},
		{"file/.", -ENOTDIR},
		{"file/..", -ENOTDIR},
		{"loop", -ELOOP},
		{"loop/x", -ELOOP},
		{"self/x", -ELOOP},
		{"dangling", -ENOENT},
		{"to-file/", -ENOTDIR},
		{"fil", -ENOENT},
		{"file2", -ENOENT},
		{"to-dir/none", -ENOENT},
	};
	struct memfs_node *n = NULL;
	char *path;

	REQUIRE(begin());
	make_cpio(&a, "file", FILE_, "x");
	make_cpio(&a, "dir/in", FILE_, "y");
	make_cpio(&a, "self", LINK, "self");
	make_cpio(&a, "loop", LINK, "pool");
	make_cpio(&a, "pool", LINK, "/loop");
	make_cpio(&a, "dangling", LINK, "dir/none");
	make_cpio(&a, "to-file", LINK, "file");
	make_cpio(&a, "to-dir", LINK, "dir/");
	EXPECT_EQ(unpack(), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(c); i++)
		if (look(c[i].path, &n) != c[i].err || n)
			ktest_fail(__FILE__, __LINE__, "%s", c[i].path);
	EXPECT(holds("to-dir/in", "y"));
	/* With a '/' behind it, a link is what it leads to. */
	EXPECT_EQ(memfs_lookup(fs.root, "to-dir/", MEMFS_NOFOLLOW, &n), 0);
	EXPECT(memfs_is(n, MODE_DIR));
	EXPECT_EQ(memfs_lookup(fs.root, "self", MEMFS_NOFOLLOW, &n), 0);
	path = ktest_alloc(MEMFS_PATH_MAX + 1);
	REQUIRE(path);
	memset(path, 'x', MEMFS_NAME_MAX + 1);
	EXPECT_EQ(look(path, &n), -ENAMETOOLONG);
	path[MEMFS_NAME_MAX] = '\0';
	EXPECT_EQ(look(path, &n), -ENOENT);
	memset(path, '/', MEMFS_PATH_MAX);
	EXPECT_EQ(look(path, &n), -ENAMETOOLONG);
	path[MEMFS_PATH_MAX - 1] = '\0';
	EXPECT_EQ(look(path, &n), 0);
	memfs_destroy(&fs);
}

/* As many links as may be followed, and one more: a chain, and one in the middle
 * of each other's path. */
KTEST(memfs, chains_of_links)
{
	struct memfs_node *n;
	char name[16], target[32];

	REQUIRE(begin());
	make_cpio(&a, "l0", FILE_, "end");
	make_cpio(&a, "d0/f", FILE_, "end");
	for (unsigned i = 1; i <= MEMFS_LINK_MAX + 1; i++) {
		snprintf(name, sizeof(name), "l%u", i);
		snprintf(target, sizeof(target), "l%u", i - 1);
		make_cpio(&a, name, LINK, target);
		snprintf(name, sizeof(name), "d%u", i);
		snprintf(target, sizeof(target), "d%u/.", i - 1);
		make_cpio(&a, name, LINK, target);
	}
	EXPECT_EQ(unpack(), 0);
	EXPECT(holds("l40", "end"));
	EXPECT(holds("d40/f", "end"));
	EXPECT_EQ(look("l41", &n), -ELOOP);
	EXPECT_EQ(look("d41/f", &n), -ELOOP);
	memfs_destroy(&fs);
}

KTEST(memfs, hard_links)
{
	struct memfs_node *n[3];

	REQUIRE(begin());
	/* GNU cpio: the last one has the data; and others: the first. */
	make_cpio_node(&a, "one", FILE_, "", 0, 5, 3);
	make_cpio_node(&a, "two", FILE_, "", 0, 5, 3);
	make_cpio_node(&a, "dir/three", FILE_, "shared", 6, 5, 3);
	make_cpio_node(&a, "x", FILE_, "first", 5, 6, 2);
	make_cpio_node(&a, "y", FILE_, "", 0, 6, 2);
	make_cpio_end(&a);
	/* Numbers of the next archive are its own. */
	make_cpio_node(&a, "other", FILE_, "", 0, 5, 2);
	make_cpio_end(&a);
	EXPECT_EQ(unpack(), 0);
	REQUIRE(!look("one", &n[0]) && !look("two", &n[1]) &&
		!look("dir/three", &n[2]));
	EXPECT(n[0] == n[1] && n[1] == n[2]);
	EXPECT_EQ(n[0]->names, 3);
	EXPECT(holds("two", "shared"));
	EXPECT(is_at("dir/three", "/one"));
	EXPECT(holds("y", "first"));
	EXPECT(holds("other", ""));
	memfs_destroy(&fs);
}

KTEST(memfs, later_entries_win)
{
	struct memfs_node *n;

	REQUIRE(begin());
	make_cpio(&a, "file", FILE_, "old");
	make_cpio(&a, "dir", DIR, "");
	make_cpio_node(&a, "h1", FILE_, "kept", 4, 9, 2);
	make_cpio_node(&a, "h2", FILE_, "", 0, 9, 2);
	make_cpio_end(&a);
	a.size = align_up(a.size, 512); /* NULs */
	make_cpio(&a, "file", 0100755, "new");
	make_cpio(&a, "dir", 0040500, "");
	make_cpio(&a, "h1", FILE_, "mine");
	make_cpio(&a, "dir", FILE_, "in the way");
	make_cpio(&a, "file", DIR, "");
	make_cpio(&a, "file/below", FILE_, "in the way");
	make_cpio_end(&a);
	EXPECT_EQ(unpack(), 0);
	EXPECT_EQ(report.skipped, 3);
	EXPECT(holds("file", "new"));
	EXPECT(holds("h1", "mine"));
	EXPECT(holds("h2", "kept"));
	REQUIRE(!look("dir", &n));
	EXPECT_EQ(n->mode, 0040500);
	/* It has lost the name that it was known by. */
	REQUIRE(!look("h2", &n));
	EXPECT_EQ(n->names, 1);
	EXPECT_EQ(memfs_path(n, (char[8]){0}, 8), -ENOENT);
	EXPECT_EQ(fs.bytes, 11);
	memfs_destroy(&fs);
}

KTEST(memfs, entries_that_are_left_out)
{
	struct memfs_node *n;
	char *name;

	REQUIRE(begin());
	name = ktest_alloc(MEMFS_NAME_MAX + 16);
	REQUIRE(name);
	make_cpio(&a, "dev/console", 0020600, "");
	make_cpio(&a, "pipe", 0010600, "");
	make_cpio(&a, "../up", FILE_, "x");
	make_cpio(&a, "a/../b", FILE_, "x");
	make_cpio(&a, ".", FILE_, "x");
	make_cpio(&a, "nowhere", LINK, "");
	make_cpio_node(&a, "nul", LINK, "a\0b", 3, 1, 1);
	memset(name, 'n', MEMFS_NAME_MAX + 1);
	make_cpio(&a, name, FILE_, "x");
	strcat(name, "/x");
	make_cpio(&a, name, FILE_, "x");
	make_cpio(&a, "dangling", LINK, "none");
	make_cpio(&a, "dangling/x", FILE_, "x");
	make_cpio(&a, "..x/...", FILE_, "fine");
	EXPECT_EQ(unpack(), 0);
	EXPECT_EQ(report.skipped, 10);
	EXPECT_EQ(report.entries, 2);
	EXPECT_EQ(look("up", &n), -ENOENT);
	EXPECT(holds("..x/...", "fine"));
	memfs_destroy(&fs);
}

/* A parent may be a link; where it leads is where things go. */
KTEST(memfs, parents_are_followed)
{
	REQUIRE(begin());
	make_cpio(&a, "usr/lib", DIR, "");
	make_cpio(&a, "lib", LINK, "usr/lib");
	make_cpio(&a, "lib/sub/x", FILE_, "x");
	EXPECT_EQ(unpack(), 0);
	EXPECT(is_at("lib/sub/x", "/usr/lib/sub/x"));
	memfs_destroy(&fs);
}

KTEST(memfs, broken_archives_keep_what_was_read)
{
	static const uint8_t gzip[] = {0x1f, 0x8b, 8, 0};
	uint64_t whole;

	REQUIRE(begin());
	make_cpio(&a, "first", FILE_, "1");
	make_cpio(&a, "se\ncond", FILE_, "22");
	whole = a.size;
	a.size -= 3; /* a byte and the padding */
	EXPECT_EQ(unpack(), -EINVAL);
	EXPECT(strstr(report.error, "ends within"));
	EXPECT_EQ(report.entries, 1);
	EXPECT_EQ(report.at, 120);
	EXPECT(holds("first", "1"));
	a.size = whole;
	memcpy(a.p + a.size, "junk", 4);
	a.size += 4;
	memset(a.p + a.size, 'x', 200);
	a.size += 200;
	EXPECT_EQ(unpack(), -EINVAL);
	EXPECT(!strcmp(report.error, "no entry"));
	EXPECT_EQ(report.at, whole);
	EXPECT_EQ(report.entries, 2);
	EXPECT(holds("se\ncond", "22"));
	memcpy(a.p, gzip, sizeof(gzip));
	EXPECT_EQ(unpack(), -EINVAL);
	EXPECT(!strcmp(report.error, "no cpio archive"));
	EXPECT_EQ(report.entries, 0);
	/* Nothing but NULs is nothing. */
	memset(a.p, 0, a.size);
	EXPECT_EQ(unpack(), 0);
	memfs_destroy(&fs);
}

KTEST(memfs, sums)
{
	REQUIRE(begin());
	make_cpio(&a, "sum", FILE_, "\x01\x02");
	memcpy(a.p, "070702", 6);
	memcpy(a.p + 102, "00000004", 8);
	EXPECT_EQ(unpack(), -EINVAL);
	EXPECT(strstr(report.error, "sum is wrong"));
	EXPECT(!strcmp(report.name, "sum"));
	memcpy(a.p + 102, "00000003", 8);
	EXPECT_EQ(unpack(), 0);
	memfs_destroy(&fs);
}

/* Every allocation fails once; all is given back each time. */
KTEST(memfs, out_of_memory_anywhere)
{
	uint64_t before;
	unsigned n = 0;
	int err = -ENOMEM;

	REQUIRE(begin());
	make_cpio(&a, "a/b/c", FILE_, "text");
	make_cpio(&a, "link", LINK, "a/b");
	make_cpio_node(&a, "h1", FILE_, "", 0, 9, 2);
	make_cpio_node(&a, "h2", FILE_, "both", 4, 9, 2);
	make_cpio(&a, "h1", FILE_, "new");
	EXPECT_EQ(unpack(), 0);
	memfs_destroy(&fs);
	reclaim();
	before = zone_used_frames();
	while (err && ++n < 100) {
		fail_arm(n, false);
		err = memfs_create(&fs);
		if (!err)
			err = unpack();
		fail_arm(0, false);
		EXPECT(!err || err == -ENOMEM);
		if (fs.root)
			memfs_destroy(&fs);
	}
	EXPECT(n > 20 && n < 100);
	reclaim();
	EXPECT_EQ(zone_used_frames(), before);
}

/* A directory of many names finds each, and no other. */
KTEST(memfs, many_names)
{
	struct memfs_node *n, *last = NULL;
	char name[16];

	REQUIRE(begin());
	for (unsigned i = 0; i < 400; i++) {
		snprintf(name, sizeof(name), "d/%u", i * 7919 % 400);
		make_cpio(&a, name, FILE_, "");
	}
	EXPECT_EQ(unpack(), 0);
	EXPECT_EQ(fs.count, 402);
	for (unsigned i = 0; i < 400; i++) {
		snprintf(name, sizeof(name), "d/%u", i);
		REQUIRE(!look(name, &n) && n != last);
		last = n;
	}
	EXPECT_EQ(look("d/400", &n), -ENOENT);
	EXPECT_EQ(look("d/", &n), 0);
	memfs_destroy(&fs);
}
