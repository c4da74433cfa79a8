/*
 * Device trees: properties by name, and nodes by path, alias, phandle and
 * compatible string. Every search is a plain walk; what a search may rely on
 * is stated in fdt.c.
 */
#include <string.h>

#include <lib/errno.h>
#include <lib/fdt.h>

#include "fdt_internal.h"

const char *fdt_strerror(int error)
{
	static const char *const text[] = {
		[FDT_ERR_CAPACITY - FDT_ERR_CAPACITY] =
			"the device tree is cut off: it says that it is larger "
			"than the memory that holds it",
		[FDT_ERR_MAGIC - FDT_ERR_CAPACITY] =
			"there is no device tree: the magic number is wrong",
		[FDT_ERR_UNALIGNED - FDT_ERR_CAPACITY] =
			"the device tree's address is not a multiple of 4",
		[FDT_ERR_VERSION - FDT_ERR_CAPACITY] =
			"the device tree is of a version other than 16 and 17",
		[FDT_ERR_SIZE - FDT_ERR_CAPACITY] =
			"the device tree's header has an impossible size",
		[FDT_ERR_RESERVE_BLOCK - FDT_ERR_CAPACITY] =
			"the device tree's reservation block is out of bounds, "
			"unaligned or without end",
		[FDT_ERR_STRUCT_BLOCK - FDT_ERR_CAPACITY] =
			"the device tree's structure block is out of bounds or "
			"unaligned",
		[FDT_ERR_STRINGS_BLOCK - FDT_ERR_CAPACITY] =
			"the device tree's strings block is out of bounds",
		[FDT_ERR_TOKEN - FDT_ERR_CAPACITY] =
			"the device tree has an unknown token",
		[FDT_ERR_NO_END - FDT_ERR_CAPACITY] =
			"the device tree's structure block has no end token",
		[FDT_ERR_NODE_NAME - FDT_ERR_CAPACITY] =
			"a node's name runs past the end of the device tree",
		[FDT_ERR_PROP_NAME - FDT_ERR_CAPACITY] =
			"a property's name is outside the device tree's "
			"strings block",
		[FDT_ERR_PROP_SIZE - FDT_ERR_CAPACITY] =
			"a property runs past the end of the device tree",
		[FDT_ERR_PROP_PLACE - FDT_ERR_CAPACITY] =
			"the device tree has a property outside a node or "
			"behind a child node",
		[FDT_ERR_DEPTH - FDT_ERR_CAPACITY] =
			"the device tree's nodes are nested too deep",
		[FDT_ERR_NESTING - FDT_ERR_CAPACITY] =
			"the device tree's nodes do not begin and end in pairs",
		[FDT_ERR_ROOT - FDT_ERR_CAPACITY] =
			"the device tree has no root, a named root or several",
	};

	if (-error >= FDT_ERR_CAPACITY && -error <= FDT_ERR_LAST)
		return text[-error - FDT_ERR_CAPACITY];
	switch (-error) {
	case 0:
		return "no error";
	case ENOENT:
		return "the device tree has no such node, property or entry";
	case ENXIO:
		return "a bus does not map the address to its parent";
	case ENOMEM:
		return "the device tree has more reservations than fit";
	case EINVAL:
		return "a property of the device tree is malformed";
	case ERANGE:
		return "a number in the device tree exceeds 64 bits";
	case EOVERFLOW:
		return "a range in the device tree exceeds the address space";
	default:
		return "unknown error";
	}
}

const void *fdt_get(const struct fdt *t, fdt_node n, const char *name,
		    uint32_t *size)
{
	struct fdt_prop p;

	for (bool ok = fdt_first_prop(t, n, &p); ok;
	     ok = fdt_next_prop(t, &p)) {
		if (*p.name != *name || strcmp(p.name, name) != 0)
			continue;
		if (size)
			*size = p.size;
		return p.data;
	}
	return NULL;
}

const char *fdt_get_str(const struct fdt *t, fdt_node n, const char *name)
{
	uint32_t size;
	const void *data = fdt_get(t, n, name, &size);

	return data ? fdt_list_item(data, size, 0) : NULL;
}

int fdt_get_u32(const struct fdt *t, fdt_node n, const char *name,
		uint32_t *value)
{
	uint32_t size;
	const uint8_t *data = fdt_get(t, n, name, &size);

	if (!data)
		return -ENOENT;
	if (size != 4)
		return -EINVAL;
	*value = fdt_be32(data);
	return 0;
}

int fdt_get_u64(const struct fdt *t, fdt_node n, const char *name,
		uint64_t *value)
{
	uint32_t size;
	const uint8_t *data = fdt_get(t, n, name, &size);

	if (!data)
		return -ENOENT;
	if (size != 4 && size != 8)
		return -EINVAL;
	*value = size == 4 ? fdt_be32(data) : fdt_be64(data);
	return 0;
}

const char *fdt_list_item(const void *data, uint32_t size, unsigned i)
{
	const char *s = data, *end = s + size;

	while (s < end) {
		const char *nul = memchr(s, 0, (size_t)(end - s));

		if (!nul)
			return NULL;
		if (!i--)
			return s;
		s = nul + 1;
	}
	return NULL;
}

int fdt_list_find(const void *data, uint32_t size, const char *string)
{
	const char *s = data, *end = s + size;
	size_t want = strlen(string) + 1;

	for (int i = 0; s < end; i++) {
		const char *nul = memchr(s, 0, (size_t)(end - s));

		if (!nul)
			break;
		if ((size_t)(nul + 1 - s) == want &&
		    memcmp(s, string, want) == 0)
			return i;
		s = nul + 1;
	}
	return -ENOENT;
}

bool fdt_enabled(const struct fdt *t, fdt_node n)
{
	uint32_t size;
	const char *status = fdt_get(t, n, "status", &size);

	return !status || (size >= 3 && memcmp(status, "ok", 3) == 0) ||
	       (size >= 5 && memcmp(status, "okay", 5) == 0);
}

bool fdt_compatible(const struct fdt *t, fdt_node n, const char *compatible)
{
	uint32_t size;
	const void *data = fdt_get(t, n, "compatible", &size);

	return data && fdt_list_find(data, size, compatible) >= 0;
}

/* Does the node have the name of `len` characters at `want`? */
static bool name_fits(const struct fdt *t, fdt_node n, const char *want,
		      size_t len)
{
	const char *name = fdt_name(t, n);

	if (strncmp(name, want, len) != 0)
		return false;
	return !name[len] || (name[len] == '@' && !memchr(want, '@', len));
}

bool fdt_name_is(const struct fdt *t, fdt_node n, const char *name)
{
	return name_fits(t, n, name, strlen(name));
}

/* Characters up to `stop`, a '/' or the end, but at most `max`. */
static size_t span(const char *s, size_t max, char stop)
{
	size_t n = 0;

	while (n < max && s[n] && s[n] != stop)
		n++;
	return n;
}

/* Follow the `len` characters of `path` down from n. */
static fdt_node follow(const struct fdt *t, fdt_node n, const char *path,
		       size_t len)
{
	while (len) {
		size_t step = span(path, len, '/');

		if (step) {
			n = fdt_first_child(t, n);
			while (n != FDT_NONE && !name_fits(t, n, path, step))
				n = fdt_next_sibling(t, n);
			if (n == FDT_NONE)
				return FDT_NONE;
		} else {
			step = 1;
		}
		path += step;
		len -= step;
	}
	return n;
}

fdt_node fdt_find_at(const struct fdt *t, fdt_node from, const char *path)
{
	return follow(t, from, path, strlen(path));
}

fdt_node fdt_find(const struct fdt *t, const char *path)
{
	return *path == '/' ? fdt_find_at(t, t->root, path) : FDT_NONE;
}

/* The path that an alias, `len` characters, stands for; NULL if none. */
static const char *alias(const struct fdt *t, const char *name, size_t len)
{
	fdt_node n = fdt_find(t, "/aliases");
	struct fdt_prop p;

	if (n == FDT_NONE || !len)
		return NULL;
	for (bool ok = fdt_first_prop(t, n, &p); ok; ok = fdt_next_prop(t, &p))
		if (strncmp(p.name, name, len) == 0 && !p.name[len])
			return fdt_list_item(p.data, p.size, 0);
	return NULL;
}

fdt_node fdt_resolve(const struct fdt *t, const char *name,
		     const char **options)
{
	size_t len = span(name, SIZE_MAX, ':');
	size_t first = span(name, len, '/');
	fdt_node n = t->root;
	const char *path;

	if (options)
		*options = name[len] ? name + len + 1 : "";
	if (!len)
		return FDT_NONE;
	if (first) {
		path = alias(t, name, first);
		if (!path)
			return FDT_NONE;
		n = fdt_find(t, path);
		if (n == FDT_NONE)
			return FDT_NONE;
	}
	return follow(t, n, name + first, len - first);
}

fdt_node fdt_find_phandle(const struct fdt *t, uint32_t phandle)
{
	uint32_t value;

	if (!phandle || phandle == UINT32_MAX)
		return FDT_NONE;
	for (fdt_node n = t->root; n != FDT_NONE; n = fdt_next(t, n, NULL))
		if ((!fdt_get_u32(t, n, "phandle", &value) ||
		     !fdt_get_u32(t, n, "linux,phandle", &value)) &&
		    value == phandle)
			return n;
	return FDT_NONE;
}

fdt_node fdt_find_compatible(const struct fdt *t, fdt_node from,
			     const char *compatible)
{
	fdt_node n = from == FDT_NONE ? t->root : fdt_next(t, from, NULL);

	while (n != FDT_NONE && !fdt_compatible(t, n, compatible))
		n = fdt_next(t, n, NULL);
	return n;
}
