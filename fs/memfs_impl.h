/* What fs/memfs*.c share: filling a tree. */
#pragma once

#include <fs/memfs.h>

/* A name that is part of a path. */
struct memfs_name {
	const char *text;
	size_t length;
};

/* Take the first name off *path, and the '/' in front of it; none is left: its
 * length is 0. */
struct memfs_name memfs_first(const char **path);

/* The entry of that name in a directory; NULL: there is none. */
struct memfs_entry *memfs_find(const struct memfs_node *directory,
			       struct memfs_name name);

/* A node without a name. A directory is empty, the others get what they have
 * from the caller. NULL: no memory. */
struct memfs_node *memfs_new(struct memfs *fs, uint32_t mode);

/* Give `node` that name in a directory that does not have it. 0 or -ENOMEM. */
int memfs_link(struct memfs_node *directory, struct memfs_name name,
	       struct memfs_node *node);

/* The name means `node` from now on; what it meant, no directory, is without its
 * data when it has no other name. */
void memfs_relink(struct memfs_entry *e, struct memfs_node *node);

/* Free what a file or link has. */
void memfs_empty(struct memfs_node *n);
