/*
 * A cpio archive becomes part of a tree (memfs_unpack).
 *
 * Names come from outside. They are taken from the root on, with or without a '/' in
 * front; parents are looked up as a program would, links followed, and made where
 * there are none. A name that has ".." in it is left out: nobody packs such names in
 * good faith.
 *
 * Hard links are entries with one number and device; only one of them, GNU cpio's is
 * the last, has the data. So numbers that can come again are kept in a tree until
 * the archive ends; the next one has numbers of its own.
 */
#include <string.h>

#include <lib/cpio.h>
#include <lib/errno.h>
#include <lib/printable.h>
#include <mm/kmalloc.h>
#include <mm/object.h>

#include "memfs_impl.h"

#define MODE_BITS 0177777u
#define MADE_MODE (MODE_DIR | 0755) /* directories that nobody packed */

/* A file that may get more names. */
struct shared {
	struct tree_node order;
	uint64_t device;
	uint32_t number;
	struct memfs_node *node;
};

struct unpack {
	struct memfs *fs;
	struct tree shared;
	struct memfs_report *report;
};

static struct shared *shared_of(struct tree_node *n)
{
	return container_of(n, struct shared, order);
}

/* The file with the entry's number; else *parent and *link are its place. */
static struct shared *find_shared(struct unpack *u, const struct cpio_header *h,
				  struct tree_node **parent,
				  struct tree_node ***link)
{
	*parent = NULL;
	*link = &u->shared.root;
	while (**link) {
		struct shared *s = shared_of(**link);

		if (s->device == h->device && s->number == h->number)
			return s;
		*parent = **link;
		*link = &(*parent)->child[s->device < h->device ||
					  (s->device == h->device &&
					   s->number < h->number)];
	}
	return NULL;
}

static void forget_shared(struct unpack *u)
{
	struct tree_node *at;

	while ((at = u->shared.root)) {
		tree_erase(&u->shared, at);
		kfree(shared_of(at));
	}
}

/* The node that the entry is a name of: one that came before, or a new one. */
static int node_of(struct unpack *u, const struct cpio_header *h,
		   struct memfs_node **out)
{
	struct tree_node *parent, **link;
	struct shared *s = NULL;
	bool alone = h->names < 2 || (h->mode & MODE_TYPE) != MODE_REGULAR;

	if (!alone)
		s = find_shared(u, h, &parent, &link);
	if (s) {
		*out = s->node;
		return 0;
	}
	*out = memfs_new(u->fs, h->mode & MODE_BITS);
	if (!*out || alone)
		return *out ? 0 : -ENOMEM;
	s = kmalloc(sizeof(*s), 0);
	if (!s)
		return -ENOMEM;
	s->device = h->device;
	s->number = h->number;
	s->node = *out;
	tree_insert(&u->shared, &s->order, parent, link);
	return 0;
}

/* The directory that is to have the last name of *path, which is left there;
 * -ENOTDIR, -ELOOP...: there can't be one. */
static int parent_of(struct memfs *fs, const char **path,
		     struct memfs_node **out)
{
	struct memfs_node *at = fs->root, *next;
	char text[MEMFS_NAME_MAX + 1];
	struct memfs_name name;
	const char *rest = *path;
	int err;

	for (name = memfs_first(&rest); rest[strspn(rest, "/")];
	     name = memfs_first(&rest)) {
		if (name.length > MEMFS_NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(text, name.text, name.length);
		text[name.length] = '\0';
		err = memfs_lookup(at, text, 0, &next);
		if (err == -ENOENT && !memfs_find(at, name)) {
			next = memfs_new(fs, MADE_MODE);
			err = next ? memfs_link(at, name, next) : -ENOMEM;
		}
		if (!err && !memfs_is(next, MODE_DIR))
			err = -ENOTDIR;
		if (err)
			return err;
		at = next;
		*path = rest;
	}
	*out = at;
	return 0;
}

/* A file's data. It keeps what it has if there is no memory for it. */
static int fill_file(struct memfs_node *n, const struct cpio_entry *e)
{
	struct vm_object *o = object_create(e->size);

	if (!o)
		return -ENOMEM;
	if (object_write(o, 0, e->data, e->size)) {
		object_put(o);
		return -ENOMEM;
	}
	memfs_empty(n);
	n->object = o;
	return 0;
}

static int fill(struct memfs_node *n, const struct cpio_entry *e)
{
	int err = 0;

	n->mtime = e->header.mtime;
	if (memfs_is(n, MODE_DIR) || (!e->size && n->size))
		return 0;
	if (memfs_is(n, MODE_REGULAR)) {
		err = fill_file(n, e);
	} else {
		n->target = kzalloc((size_t)e->size + 1, 0);
		if (!n->target)
			return -ENOMEM;
		memcpy(n->target, e->data, e->size);
	}
	if (err)
		return err;
	n->size = e->size;
	n->fs->bytes += n->size;
	return 0;
}

/* The entry's last name in its directory. */
static int put(struct unpack *u, struct memfs_node *directory,
	       struct memfs_name name, const struct cpio_entry *e)
{
	struct memfs_entry *old = memfs_find(directory, name);
	struct memfs_node *node;
	int err;

	if (old && memfs_is(old->node, MODE_DIR)) {
		if ((e->mode & MODE_TYPE) != MODE_DIR)
			return -EEXIST;
		old->node->mode = e->mode & MODE_BITS;
		return fill(old->node, e);
	}
	if (old && (e->mode & MODE_TYPE) == MODE_DIR)
		return -EEXIST;
	err = node_of(u, &e->header, &node);
	if (!err)
		err = fill(node, e);
	if (err || !old)
		return err ? err : memfs_link(directory, name, node);
	if (old->node != node)
		memfs_relink(old, node);
	return 0;
}

/* Can there be such a file? */
static bool fits(const struct cpio_entry *e)
{
	switch (e->mode & MODE_TYPE) {
	case MODE_DIR:
	case MODE_REGULAR:
		return true;
	case MODE_LINK:
		return e->size && e->size < MEMFS_PATH_MAX &&
		       !memchr(e->data, '\0', e->size);
	default:
		return false;
	}
}

/* Does it lead nowhere upwards? */
static bool plain(const char *path)
{
	struct memfs_name name;

	while ((name = memfs_first(&path)).length)
		if (name.length == 2 && !memcmp(name.text, "..", 2))
			return false;
	return true;
}

static int add(struct unpack *u, const struct cpio_entry *e)
{
	struct memfs_node *directory;
	struct memfs_name name;
	const char *path = e->name;
	int err;

	if (!fits(e) || !plain(path))
		return -EINVAL;
	err = parent_of(u->fs, &path, &directory);
	if (err)
		return err;
	name = memfs_first(&path);
	if (name.length > MEMFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (name.length && !(name.length == 1 && *name.text == '.'))
		return put(u, directory, name, e);
	if ((e->mode & MODE_TYPE) != MODE_DIR)
		return -EINVAL;
	directory->mode = e->mode & MODE_BITS;
	return fill(directory, e);
}

static int stop(struct memfs_report *r, int err, const char *why)
{
	r->error = why;
	return err;
}

/* The archive's next entry. 1; 0: there is none; or an error. */
static int next(struct unpack *u, const uint8_t *archive, uint64_t size,
		uint64_t *at)
{
	struct memfs_report *r = u->report;
	struct cpio_entry e;
	int more;

	while (*at < size && !archive[*at])
		++*at;
	r->at = *at;
	r->name[0] = '\0';
	if (*at == size)
		return 0;
	more = cpio_next(archive, size, at, &e);
	if (more == -ERANGE)
		return stop(r, -EINVAL, "the archive ends within an entry");
	if (more < 0)
		return stop(r, -EINVAL, *at ? "no entry" : "no cpio archive");
	if (!more) {
		forget_shared(u);
		return 1;
	}
	copy_printable(r->name, sizeof(r->name), e.name);
	if (e.damaged)
		return stop(r, -EINVAL, "the sum is wrong for the data");
	more = add(u, &e);
	if (more == -ENOMEM)
		return stop(r, more, "no memory");
	r->entries += !more;
	r->skipped += !!more;
	return 1;
}

int memfs_unpack(struct memfs *fs, const void *archive, uint64_t size,
		 struct memfs_report *report)
{
	struct unpack u = {.fs = fs, .report = report};
	uint64_t at = 0;
	int more;

	*report = (struct memfs_report){0};
	tree_init(&u.shared, NULL);
	while ((more = next(&u, archive, size, &at)) > 0)
		;
	forget_shared(&u);
	return more;
}
