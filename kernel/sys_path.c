/*
 * System calls that name files by paths. The tree is only read (<fs/memfs.h>):
 * what would change it is -EROFS. There is no /proc yet; one link in it is what
 * programs look for, the program itself.
 */
#include <string.h>

#include <fs/memfs.h>
#include <kernel/fdtable.h>
#include <kernel/process.h>
#include <kernel/uaccess.h>
#include <lib/bits.h>
#include <lib/errno.h>
#include <mm/kmalloc.h>

#include <kernel/syscall.h>

#define AT_FDCWD	    (-100)
#define AT_SYMLINK_NOFOLLOW 0x100u
#define AT_EACCESS	    0x200u
#define AT_NO_AUTOMOUNT	    0x800u
#define AT_EMPTY_PATH	    0x1000u
#define AT_SYNC		    0x6000u

#define EXE_LINK "/proc/self/exe"

/* What a path leads to. */
struct place {
	struct memfs_node *node; /* NULL: the console */
	bool exe;		 /* the link to the program, not followed */
};

/* --- finding --- */

static int place_of_fd(int fd, struct place *out)
{
	struct process *p = process_current();
	struct fd_slot *s;

	*out = (struct place){.node = p->cwd};
	if (fd == AT_FDCWD)
		return 0;
	s = fd_slot(p->files, (uint32_t)fd);
	if (!s)
		return -EBADF;
	out->node = s->file->node;
	return 0;
}

static int find_from(int fd, const char *path, unsigned flags,
		     struct place *out)
{
	int err = 0;

	if (!strcmp(path, EXE_LINK)) {
		out->node = process_current()->exe;
		out->exe = flags & AT_SYMLINK_NOFOLLOW;
		return 0;
	}
	if (!*path && (flags & AT_EMPTY_PATH))
		return place_of_fd(fd, out);
	if (*path != '/' && *path)
		err = place_of_fd(fd, out);
	else
		err = place_of_fd(AT_FDCWD, out);
	if (err)
		return err;
	if (!out->node || !memfs_is(out->node, MODE_DIR))
		return -ENOTDIR;
	return memfs_lookup(out->node, path,
			    flags & AT_SYMLINK_NOFOLLOW ? MEMFS_NOFOLLOW : 0,
			    &out->node);
}

/* A copy of the path at `from`, which is the caller's: 0 or an error. */
static int get_path(uaddr_t from, char **out)
{
	char *path = kmalloc(MEMFS_PATH_MAX, 0);
	int64_t n;

	if (!path)
		return -ENOMEM;
	n = strncpy_from_user(path, from, MEMFS_PATH_MAX);
	if (n < 0) {
		kfree(path);
		return (int)n;
	}
	*out = path;
	return 0;
}

/* What the path at `from` means, seen from the directory `fd`. */
static int find(uint64_t fd, uaddr_t from, unsigned flags, struct place *out)
{
	char *path;
	int err = get_path(from, &path);

	*out = (struct place){0};
	if (err)
		return err;
	err = find_from((int)fd, path, flags, out);
	kfree(path);
	return err;
}

/* --- open --- */

/* What counts of the flags; others are ignored. */
#define OPEN_FLAGS                                                            \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND |       \
	 O_NONBLOCK | O_DSYNC | O_ASYNC | O_DIRECT | O_LARGEFILE |            \
	 O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_SYNC | O_PATH | \
	 O_TMPFILE)
#define PATH_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
/* What an open file does not remember. */
#define ONCE (O_CLOEXEC | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC)

/* Do they go together? */
static int check_flags(uint32_t flags)
{
	bool write = (flags & O_ACCMODE) != O_RDONLY;

	if ((flags & O_CREAT) && (flags & O_DIRECTORY))
		return -EINVAL;
	if ((flags & O_TMPFILE) && (!(flags & O_DIRECTORY) || !write))
		return -EINVAL;
	return 0;
}

/* May it be opened so? */
static int check_open(const struct memfs_node *n, uint32_t flags)
{
	bool write = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
	bool directory = memfs_is(n, MODE_DIR);

	if ((flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	if ((flags & O_DIRECTORY) && !directory)
		return -ENOTDIR;
	if (memfs_is(n, MODE_LINK) && !(flags & O_PATH))
		return -ELOOP;
	if (flags & O_TMPFILE)
		return -EROFS;
	if (directory && (write || (flags & O_CREAT)))
		return -EISDIR;
	if (write)
		return -EROFS;
	return flags & O_DIRECT ? -EINVAL : 0;
}

static int64_t open_place(const struct place *at, uint32_t flags)
{
	struct process *p = process_current();
	struct file *f;
	int64_t fd = check_open(at->node, flags);

	if (fd)
		return fd;
	f = file_create(FILE_NODE,
			(flags & ~ONCE) | (flags & O_PATH ? 0 : O_LARGEFILE),
			at->node);
	if (!f)
		return -ENOMEM;
	fd = fd_open(p->files, f, flags & O_CLOEXEC, 0,
		     p->limit[RLIMIT_NOFILE].cur);
	if (fd < 0)
		file_put(f);
	return fd;
}

/* Where the last name of a path begins, whatever slashes are behind it. */
static char *last_name(char *path)
{
	char *at = path + strlen(path);

	while (at > path && at[-1] == '/')
		at--;
	while (at > path && at[-1] != '/')
		at--;
	return at;
}

/* Would it be a directory, if it was made? */
static bool means_directory(char *path)
{
	const char *last = last_name(path);
	size_t n = strcspn(last, "/");

	return n && last[n] && strncmp(last, "./", 2) &&
	       strncmp(last, "../", 3);
}

/* Nothing can be made there: because of its path, which is cut, or else of `why`. */
static int cant_create(int fd, char *path, int why)
{
	struct place at = {0};
	int err;

	*last_name(path) = '\0';
	err = find_from(fd, *path ? path : ".", 0, &at);
	return err ? err : why;
}

static int64_t open_path(int fd, char *path, uint32_t flags)
{
	bool create = flags & O_CREAT;
	bool nofollow = (flags & O_NOFOLLOW) || (create && (flags & O_EXCL));
	struct place at = {0};
	int err;

	if (create && means_directory(path))
		return cant_create(fd, path, -EISDIR);
	err = find_from(fd, path, nofollow ? AT_SYMLINK_NOFOLLOW : 0, &at);
	if (err == -ENOENT && create)
		return cant_create(fd, path, -EROFS);
	return err ? err : open_place(&at, flags);
}

/* openat(directory, path, flags, mode). */
int64_t sys_openat(const uint64_t arg[6])
{
	uint32_t flags = (uint32_t)arg[2] & OPEN_FLAGS;
	struct process *p = process_current();
	int64_t result;
	char *path;

	if (flags & O_PATH)
		flags &= PATH_FLAGS;
	result = check_flags(flags);
	if (!result)
		result = get_path(arg[1], &path);
	if (result)
		return result;
	if (!*path)
		result = -ENOENT;
	else if (!fd_is_left(p->files, p->limit[RLIMIT_NOFILE].cur))
		result = -EMFILE;
	else
		result = open_path((int)arg[0], path, flags);
	kfree(path);
	return result;
}

/* --- stat --- */

/* struct stat. */
struct stat_abi {
	uint64_t device, inode;
	uint32_t mode, links, user, group;
	uint64_t rdev, unused1;
	int64_t size;
	int32_t block_size, unused2;
	int64_t blocks;
	struct {
		int64_t seconds;
		uint64_t ns;
	} accessed, modified, changed;
	uint32_t unused3[2];
};

_Static_assert(sizeof(struct stat_abi) == 128, "struct stat");

#define FILES_DEVICE   1
#define CONSOLE_DEVICE 0x501u	/* character device 5, 1 */
#define CONSOLE_MODE   0020600u /* a character device, for its owner */

static struct stat_abi stat_of(const struct memfs_node *n)
{
	struct stat_abi s = {
		.device = FILES_DEVICE,
		.mode = CONSOLE_MODE,
		.links = 1,
		.rdev = CONSOLE_DEVICE,
		.block_size = 4096,
	};

	if (!n)
		return s;
	s.rdev = 0;
	s.inode = n->number;
	s.mode = n->mode;
	s.links = n->names;
	s.size = (int64_t)n->size;
	if (memfs_is(n, MODE_REGULAR))
		s.blocks = (int64_t)(align_up(n->size, PAGE_SIZE) / 512);
	s.modified.seconds = n->mtime;
	s.accessed = s.changed = s.modified;
	return s;
}

static int64_t put_stat(uaddr_t to, const struct memfs_node *n)
{
	struct stat_abi s = stat_of(n);

	return copy_to_user(to, &s, sizeof(s));
}

/* newfstatat(directory, path, stat, flags). */
int64_t sys_newfstatat(const uint64_t arg[6])
{
	unsigned flags = (unsigned)arg[3];
	struct place at;
	int err;

	if (flags &
	    ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_SYNC))
		return -EINVAL;
	err = find(arg[0], arg[1], flags, &at);
	return err ? err : put_stat(arg[2], at.node);
}

/* fstat(fd, stat). */
int64_t sys_fstat(const uint64_t arg[6])
{
	struct fd_slot *s = fd_slot(process_current()->files, (uint32_t)arg[0]);

	return s ? put_stat(arg[1], s->file->node) : -EBADF;
}

/* --- links, access, where --- */

static int64_t put_path(const struct memfs_node *n, uaddr_t to, uint64_t size,
			bool cut)
{
	char *path = kmalloc(MEMFS_PATH_MAX, 0);
	int64_t len;

	if (!path)
		return -ENOMEM;
	len = memfs_path(n, path, MEMFS_PATH_MAX);
	if (len >= 0 && !cut)
		len = (uint64_t)++len > size ? -ERANGE : len;
	if (len >= 0 && cut)
		len = (int64_t)min_u64((uint64_t)len, size);
	if (len > 0 && copy_to_user(to, path, (size_t)len))
		len = -EFAULT;
	kfree(path);
	return len;
}

/* readlinkat(directory, path, buf, size). */
int64_t sys_readlinkat(const uint64_t arg[6])
{
	int size = (int)arg[3];
	struct place at = {0};
	char *path;
	size_t n;
	int err;

	if (size <= 0)
		return -EINVAL;
	err = get_path(arg[1], &path);
	if (err)
		return err;
	err = find_from((int)arg[0], path, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH,
			&at);
	if (!err && !at.exe && (!at.node || !memfs_is(at.node, MODE_LINK)))
		err = *path ? -EINVAL : -ENOENT;
	kfree(path);
	if (err)
		return err;
	if (at.exe)
		return put_path(at.node, arg[2], (uint64_t)size, true);
	n = (size_t)min_u64(at.node->size, (uint64_t)size);
	return copy_to_user(arg[2], at.node->target, n) ? -EFAULT : (int64_t)n;
}

#define R_OK 4u
#define W_OK 2u
#define X_OK 1u

/* Root may read all, execute what somebody may, and write nothing here. */
static int64_t access_at(const uint64_t arg[6], unsigned flags)
{
	unsigned mode = (unsigned)arg[2];
	struct place at;
	int err;

	if (mode & ~(R_OK | W_OK | X_OK))
		return -EINVAL;
	err = find(arg[0], arg[1], flags, &at);
	if (err || !at.node)
		return err;
	if ((mode & X_OK) && memfs_is(at.node, MODE_REGULAR) &&
	    !(at.node->mode & MODE_EXEC))
		return -EACCES;
	return mode & W_OK ? -EROFS : 0;
}

/* faccessat(directory, path, mode). */
int64_t sys_faccessat(const uint64_t arg[6])
{
	return access_at(arg, 0);
}

/* faccessat2(directory, path, mode, flags). */
int64_t sys_faccessat2(const uint64_t arg[6])
{
	unsigned flags = (unsigned)arg[3];

	if (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return access_at(arg, flags);
}

/* getcwd(buf, size): the length with the NUL. */
int64_t sys_getcwd(const uint64_t arg[6])
{
	return put_path(process_current()->cwd, arg[0], arg[1], false);
}
