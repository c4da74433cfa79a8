/*
 * Files in memory: one tree of directories, regular files and symbolic links. It
 * is filled from cpio archives and, from then on, read: so looking needs no lock.
 *
 *	directory	entries: names, each of a node
 *	regular file	a memory object, which holds its data; mapping the file maps
 *			the object's pages, so all who do share them
 *	symbolic link	the path that stands in its place
 *
 * A node with several names (hard links) is one file. Nodes last as long as their
 * tree. Whoever fills a tree, or destroys it, is alone with it. Calls may allocate:
 * no spinlock held.
 */
#pragma once

#include <kernel/types.h>
#include <lib/list.h>
#include <lib/tree.h>

#define MEMFS_NAME_MAX 255  /* bytes of a name, without a NUL */
#define MEMFS_PATH_MAX 4096 /* of a path, with its NUL */
#define MEMFS_LINK_MAX 40   /* links that one lookup follows */

/* struct memfs_node.mode: type and permissions, in Linux's bits. */
#define MODE_TYPE    0170000u
#define MODE_DIR     0040000u
#define MODE_REGULAR 0100000u
#define MODE_LINK    0120000u
#define MODE_EXEC    0000111u /* may be executed by somebody */

struct vm_object;

struct memfs {
	struct memfs_node *root;
	struct list nodes; /* all, for the end */
	uint64_t count;	   /* of them */
	uint64_t bytes;	   /* of their data */
};

/* What lasts as long as the tree is constant once it is filled. */
struct memfs_node {
	struct memfs *fs;
	uint64_t number; /* 1: the root */
	uint32_t mode;
	uint32_t
		names; /* entries that lead here; of a directory as stat tells */
	uint32_t mtime;		   /* seconds since 1970 */
	uint64_t size;		   /* bytes of data, or of the link */
	struct memfs_entry *entry; /* one of its names; NULL: the root */
	union {
		struct tree entries; /* directory: struct memfs_entry.order */
		struct vm_object *object; /* regular */
		char *target;		  /* link */
	};
	struct list link; /* in memfs.nodes */
};

/* A name in a directory. */
struct memfs_entry {
	struct tree_node order; /* by name */
	struct memfs_node *directory, *node;
	char name[];
};

/* A tree with an empty root directory. 0 or -ENOMEM. */
int memfs_create(struct memfs *fs);

/* Free all of it; objects that are mapped last as long as they are. */
void memfs_destroy(struct memfs *fs);

/* What memfs_unpack() met; where an error is told, `at` is the place in the
 * archive, and `name` the entry's, cut and printable ("": none). */
struct memfs_report {
	uint64_t entries; /* that were made or replaced */
	uint64_t
		skipped; /* of other kinds, or out of the tree, or in the way */
	uint64_t at;
	char name[64];
	const char *error; /* NULL: all could be read */
};

/*
 * Add what is in `archive`: any number of cpio archives, with NULs in between and
 * behind them. Directories that are missing are made. A file replaces one of the
 * same name. At the first place that can't be read it ends, and what was read
 * stays. 0; -EINVAL: see the report; -ENOMEM.
 */
int memfs_unpack(struct memfs *fs, const void *archive, uint64_t size,
		 struct memfs_report *report);

enum { MEMFS_NOFOLLOW = 1u << 0 }; /* a link at the end is what is meant */

/*
 * The node of a path, from `base` on if it does not begin with '/'. 0, -ENOENT
 * (also for ""), -ENOTDIR, -ELOOP, -ENAMETOOLONG; *out is written on success only.
 */
int memfs_lookup(struct memfs_node *base, const char *path, unsigned flags,
		 struct memfs_node **out);

/* Its path from the root. The length without the NUL, -ERANGE, or -ENOENT: it has
 * lost that name. */
int memfs_path(const struct memfs_node *n, char *buf, size_t size);

/* The directory that it is in; that of the root is the root. */
struct memfs_node *memfs_parent(const struct memfs_node *n);

/* Of a regular file: as many bytes as there are, up to `n`. */
size_t memfs_read(const struct memfs_node *n, uint64_t offset, void *p,
		  size_t size);

static inline bool memfs_is(const struct memfs_node *n, uint32_t type)
{
	return (n->mode & MODE_TYPE) == type;
}
