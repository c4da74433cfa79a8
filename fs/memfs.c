/*
 * See <fs/memfs.h>.
 *
 *	node "/"  entries:	entry "bin" ---> node, a directory
 *				entry "init" --> node, a link: "bin/sh"
 *	node "/bin"  entries:	entry "ls" --\
 *				entry "sh" ---+> node, a file ---> memory object
 *
 * A directory's entries are a tree by name, so a name is found in O(log n). From a
 * node the way up goes by one of its names: a directory has no other, of a file it is
 * the first that came.
 *
 *  I1  the entry of a directory is in its parent's tree; so each is below the root
 *  I2  `names` of what is no directory counts the entries that lead to it
 *  I3  all nodes of a tree are in its list, with a name or not
 */
#include <string.h>

#include <fs/memfs.h>
#include <lib/errno.h>
#include <mm/kmalloc.h>
#include <mm/object.h>

#include "memfs_impl.h"

#define MODE_ROOT (MODE_DIR | 0755)

static struct memfs_entry *entry_of(struct tree_node *n)
{
	return container_of(n, struct memfs_entry, order);
}

/* --- making and freeing --- */

struct memfs_node *memfs_new(struct memfs *fs, uint32_t mode)
{
	struct memfs_node *n = kzalloc(sizeof(*n), 0);

	if (!n)
		return NULL;
	n->fs = fs;
	n->number = ++fs->count;
	n->mode = mode;
	if (memfs_is(n, MODE_DIR)) {
		n->names = 2; /* its name and its "." */
		tree_init(&n->entries, NULL);
	}
	list_add_tail(&fs->nodes, &n->link);
	return n;
}

int memfs_create(struct memfs *fs)
{
	*fs = (struct memfs){0};
	list_init(&fs->nodes);
	fs->root = memfs_new(fs, MODE_ROOT);
	return fs->root ? 0 : -ENOMEM;
}

void memfs_empty(struct memfs_node *n)
{
	n->fs->bytes -= n->size;
	n->size = 0;
	if (memfs_is(n, MODE_REGULAR) && n->object) {
		object_put(n->object);
		n->object = NULL;
	} else if (memfs_is(n, MODE_LINK)) {
		kfree(n->target);
		n->target = NULL;
	}
}

static void free_entries(struct memfs_node *n)
{
	struct tree_node *at;

	while ((at = n->entries.root)) {
		tree_erase(&n->entries, at);
		kfree(entry_of(at));
	}
}

void memfs_destroy(struct memfs *fs)
{
	list_for_each_safe (at, &fs->nodes) {
		struct memfs_node *n = list_entry(at, struct memfs_node, link);

		if (memfs_is(n, MODE_DIR))
			free_entries(n);
		else
			memfs_empty(n);
		kfree(n);
	}
	*fs = (struct memfs){0};
}

/* --- names --- */

struct memfs_name memfs_first(const char **path)
{
	const char *p = *path + strspn(*path, "/");
	struct memfs_name name = {p, strcspn(p, "/")};

	*path = p + name.length;
	return name;
}

/* Where does `name` stand to that of an entry? As strcmp(). */
static int compare(struct memfs_name name, const struct memfs_entry *e)
{
	int order = strncmp(name.text, e->name, name.length);

	return order ? order : -!!e->name[name.length];
}

struct memfs_entry *memfs_find(const struct memfs_node *directory,
			       struct memfs_name name)
{
	struct tree_node *at = directory->entries.root;

	while (at) {
		int order = compare(name, entry_of(at));

		if (!order)
			return entry_of(at);
		at = at->child[order > 0];
	}
	return NULL;
}

static void insert(struct memfs_node *directory, struct memfs_entry *e)
{
	struct memfs_name name = {e->name, strlen(e->name)};
	struct tree_node **link = &directory->entries.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = &parent->child[compare(name, entry_of(parent)) > 0];
	}
	tree_insert(&directory->entries, &e->order, parent, link);
}

int memfs_link(struct memfs_node *directory, struct memfs_name name,
	       struct memfs_node *node)
{
	struct memfs_entry *e = kmalloc(sizeof(*e) + name.length + 1, 0);

	if (!e)
		return -ENOMEM;
	e->directory = directory;
	e->node = node;
	memcpy(e->name, name.text, name.length);
	e->name[name.length] = '\0';
	insert(directory, e);
	if (memfs_is(node, MODE_DIR))
		directory->names++; /* by its ".." */
	else
		node->names++;
	if (!node->entry)
		node->entry = e;
	return 0;
}

void memfs_relink(struct memfs_entry *e, struct memfs_node *node)
{
	struct memfs_node *old = e->node;

	if (old->entry == e)
		old->entry = NULL;
	if (!--old->names)
		memfs_empty(old);
	e->node = node;
	node->names++;
	if (!node->entry)
		node->entry = e;
}

/* --- looking --- */

struct memfs_node *memfs_parent(const struct memfs_node *n)
{
	return n->entry ? n->entry->directory : n->fs->root;
}

static bool is_name(struct memfs_name name, const char *text)
{
	return name.length == strlen(text) &&
	       !memcmp(name.text, text, name.length);
}

/* What `name` means in a directory. */
static int step(struct memfs_node *directory, struct memfs_name name,
		struct memfs_node **out)
{
	struct memfs_entry *e;

	if (!memfs_is(directory, MODE_DIR))
		return -ENOTDIR;
	*out = directory;
	if (is_name(name, "."))
		return 0;
	*out = memfs_parent(directory);
	if (is_name(name, ".."))
		return 0;
	if (name.length > MEMFS_NAME_MAX)
		return -ENAMETOOLONG;
	e = memfs_find(directory, name);
	if (!e)
		return -ENOENT;
	*out = e->node;
	return 0;
}

/* A path on its way: names that are still to come, here and behind the links that
 * are being followed. */
struct walk {
	struct memfs_node *at;
	const char *path;
	const char *behind[MEMFS_LINK_MAX];
	unsigned depth, links;
};

/* The link's path comes next, from the directory on that the link is in. */
static int follow(struct walk *w, const struct memfs_node *link)
{
	if (w->links++ == MEMFS_LINK_MAX)
		return -ELOOP;
	if (*w->path)
		w->behind[w->depth++] = w->path;
	w->path = link->target;
	if (*w->path == '/')
		w->at = w->at->fs->root;
	return 0;
}

/* One name further. 1; 0: it is done; or an error. */
static int advance(struct walk *w, unsigned flags)
{
	struct memfs_node *next;
	struct memfs_name name;
	bool keep;
	int err;

	/* Whatever has a '/' behind it is a directory. */
	if (*w->path == '/' && !memfs_is(w->at, MODE_DIR))
		return -ENOTDIR;
	name = memfs_first(&w->path);
	if (!name.length) {
		if (!w->depth)
			return 0;
		w->path = w->behind[--w->depth];
		return 1;
	}
	err = step(w->at, name, &next);
	if (err)
		return err;
	keep = flags & MEMFS_NOFOLLOW && !w->depth && !*w->path;
	if (memfs_is(next, MODE_LINK) && !keep)
		err = follow(w, next);
	else
		w->at = next;
	return err ? err : 1;
}

int memfs_lookup(struct memfs_node *base, const char *path, unsigned flags,
		 struct memfs_node **out)
{
	struct walk w = {.at = base, .path = path};
	int more;

	if (!*path)
		return -ENOENT;
	if (strnlen(path, MEMFS_PATH_MAX) == MEMFS_PATH_MAX)
		return -ENAMETOOLONG;
	if (*path == '/')
		w.at = base->fs->root;
	while ((more = advance(&w, flags)) > 0)
		;
	if (!more)
		*out = w.at;
	return more;
}

int memfs_path(const struct memfs_node *n, char *buf, size_t size)
{
	const struct memfs_node *root = n->fs->root;
	size_t length = n == root, at;

	for (const struct memfs_node *p = n; p != root; p = memfs_parent(p)) {
		if (!p->entry)
			return -ENOENT;
		length += 1 + strlen(p->entry->name);
	}
	if (length >= size)
		return -ERANGE;
	buf[0] = '/';
	buf[length] = '\0';
	at = length;
	for (const struct memfs_node *p = n; p != root; p = memfs_parent(p)) {
		size_t name = strlen(p->entry->name);

		memcpy(buf + at - name, p->entry->name, name);
		at -= name + 1;
		buf[at] = '/';
	}
	return (int)length;
}

size_t memfs_read(const struct memfs_node *n, uint64_t offset, void *p,
		  size_t size)
{
	if (offset >= n->size)
		return 0;
	size = min_u64(size, n->size - offset);
	return object_read(n->object, offset, p, size);
}
