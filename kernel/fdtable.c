/*
 * Open files and tables of them (<kernel/fdtable.h>). A table is an array that
 * doubles; most programs never have more than the first few.
 */
#include <string.h>

#include <kernel/fdtable.h>
#include <lib/bits.h>
#include <lib/errno.h>
#include <mm/kmalloc.h>

#define FIRST_SIZE 8u

struct file *file_create(enum file_kind kind, uint32_t flags,
			 struct memfs_node *node)
{
	struct file *f = kmalloc(sizeof(*f), 0);

	if (f)
		*f = (struct file){
			.refs = 1, .kind = kind, .flags = flags, .node = node};
	return f;
}

struct file *file_get(struct file *f)
{
	__atomic_fetch_add(&f->refs, 1, __ATOMIC_RELAXED);
	return f;
}

void file_put(struct file *f)
{
	/* What others did with it is over before it is freed. */
	if (__atomic_fetch_sub(&f->refs, 1, __ATOMIC_ACQ_REL) == 1)
		kfree(f);
}

static struct fd_table *create(unsigned size)
{
	struct fd_table *t = kmalloc(sizeof(*t), 0);
	struct fd_slot *slot = kcalloc(size, sizeof(*slot), 0);

	if (!t || !slot) {
		kfree(t);
		kfree(slot);
		return NULL;
	}
	*t = (struct fd_table){.size = size, .slot = slot};
	return t;
}

struct fd_table *fd_table_create(void)
{
	return create(FIRST_SIZE);
}

struct fd_table *fd_table_copy(const struct fd_table *t)
{
	struct fd_table *copy = create(t->size);

	for (unsigned i = 0; copy && i < t->size; i++) {
		copy->slot[i] = t->slot[i];
		if (t->slot[i].file)
			file_get(t->slot[i].file);
	}
	return copy;
}

static void close_slots(struct fd_table *t, bool all)
{
	for (unsigned i = 0; i < t->size; i++)
		if (t->slot[i].file && (all || t->slot[i].cloexec))
			fd_close(t, i);
}

void fd_table_destroy(struct fd_table *t)
{
	if (!t)
		return;
	close_slots(t, true);
	kfree(t->slot);
	kfree(t);
}

void fd_table_exec(struct fd_table *t)
{
	close_slots(t, false);
}

struct fd_slot *fd_slot(struct fd_table *t, uint64_t fd)
{
	return fd < t->size && t->slot[fd].file ? &t->slot[fd] : NULL;
}

struct file *fd_get(const struct fd_table *t, uint64_t fd)
{
	return fd < t->size && t->slot[fd].file ? file_get(t->slot[fd].file)
						: NULL;
}

struct file *fd_get_data(const struct fd_table *t, uint64_t fd)
{
	struct file *f = fd < t->size ? t->slot[fd].file : NULL;

	return f && !(f->flags & O_PATH) ? file_get(f) : NULL;
}

/* Make slot `fd` exist. */
static bool grow(struct fd_table *t, uint64_t fd)
{
	unsigned size = t->size;
	struct fd_slot *slot;

	while (size <= fd)
		size *= 2;
	if (size == t->size)
		return true;
	slot = krealloc(t->slot, size * sizeof(*slot), 0);
	if (!slot)
		return false;
	memset(slot + t->size, 0, (size - t->size) * sizeof(*slot));
	t->slot = slot;
	t->size = size;
	return true;
}

static uint64_t first_free(const struct fd_table *t, uint64_t fd)
{
	while (fd < t->size && t->slot[fd].file)
		fd++;
	return fd;
}

bool fd_is_left(const struct fd_table *t, uint64_t limit)
{
	return first_free(t, 0) < limit;
}

int fd_open(struct fd_table *t, struct file *f, bool cloexec, uint64_t from,
	    uint64_t limit)
{
	uint64_t fd = first_free(t, from);

	if (fd >= min_u64(limit, INT32_MAX))
		return -EMFILE;
	if (!grow(t, fd))
		return -ENOMEM;
	t->slot[fd] = (struct fd_slot){f, cloexec};
	return (int)fd;
}

int fd_close(struct fd_table *t, uint64_t fd)
{
	struct fd_slot *s = fd_slot(t, fd);
	struct file *f;

	if (!s)
		return -EBADF;
	f = s->file;
	*s = (struct fd_slot){NULL, false};
	file_put(f);
	return 0;
}
