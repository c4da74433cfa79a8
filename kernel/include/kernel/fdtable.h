/*
 * Open files, and a process's table of them.
 *
 * A struct file is what open() made: descriptors that dup() or fork() made of
 * it share it, with its position. Tables belong to one task at a time.
 */
#pragma once

#include <kernel/types.h>

struct memfs_node;

enum file_kind { FILE_CONSOLE, FILE_NODE };

/* struct file.flags: how it was opened, in Linux's bits for riscv. */
#define O_ACCMODE   3u
#define O_RDONLY    0u
#define O_WRONLY    1u
#define O_RDWR	    2u
#define O_CREAT	    0100u
#define O_EXCL	    0200u
#define O_NOCTTY    0400u
#define O_TRUNC	    01000u
#define O_APPEND    02000u
#define O_NONBLOCK  04000u
#define O_DSYNC	    010000u
#define O_ASYNC	    020000u
#define O_DIRECT    040000u
#define O_LARGEFILE 0100000u
#define O_DIRECTORY 0200000u
#define O_NOFOLLOW  0400000u
#define O_NOATIME   01000000u
#define O_CLOEXEC   02000000u
#define O_SYNC	    04000000u /* with O_DSYNC */
#define O_PATH	    010000000u
#define O_TMPFILE   020000000u /* with O_DIRECTORY */

struct file {
	uint32_t refs; /* (a) */
	enum file_kind kind;
	uint32_t flags;
	struct memfs_node *node; /* FILE_NODE */
	uint64_t offset;	 /* (a) */
};

/* A new one, with one reference; NULL: no memory. */
struct file *file_create(enum file_kind kind, uint32_t flags,
			 struct memfs_node *node);
struct file *file_get(struct file *f);
void file_put(struct file *f);

struct fd_slot {
	struct file *file; /* NULL: free */
	bool cloexec;
};

struct fd_table {
	unsigned size; /* slots that there are */
	struct fd_slot *slot;
};

/* An empty one; a copy that shares the files. NULL: no memory. */
struct fd_table *fd_table_create(void);
struct fd_table *fd_table_copy(const struct fd_table *t);

/* Close all and free it; NULL: nothing. */
void fd_table_destroy(struct fd_table *t);

/* Close those that a new program does not get. */
void fd_table_exec(struct fd_table *t);

/* The open file, with a reference; NULL: not open. Any number will do. */
struct file *fd_get(const struct fd_table *t, uint64_t fd);

/* The same, but NULL too for one that was opened as a place only (O_PATH). */
struct file *fd_get_data(const struct fd_table *t, uint64_t fd);

/* The lowest free number from `from` on and below `limit` becomes f's, whose
 * reference the table takes. The number, or -EMFILE or -ENOMEM: f is still the
 * caller's. */
int fd_open(struct fd_table *t, struct file *f, bool cloexec, uint64_t from,
	    uint64_t limit);

/* Is there a number below `limit` that is free? */
bool fd_is_left(const struct fd_table *t, uint64_t limit);

/* 0 or -EBADF. */
int fd_close(struct fd_table *t, uint64_t fd);

/* The slot of an open file; NULL: not open. */
struct fd_slot *fd_slot(struct fd_table *t, uint64_t fd);
