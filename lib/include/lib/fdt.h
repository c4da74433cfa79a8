/*
 * Reader of flattened device trees. A blob comes from outside and is not to be
 * trusted: fdt_open() checks all of its structure in one pass, within the bytes
 * that it is told it may read, and only then are there nodes to ask for. All
 * other functions rely on that check, so the blob must not change while it is
 * open. Nothing is copied or allocated; names, strings and data that are
 * handed out point into the blob and are as constant as it is.
 *
 * A node is a number, FDT_NONE when there is none; it comes only from the
 * functions here, for the same tree. The functions are pure: any context, any
 * number of harts. Addresses (`reg`, `ranges`) are in <lib/fdt_reg.h>.
 *
 * Source: Devicetree Specification 0.4, chapters 2 and 5.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int32_t fdt_node; /* where the node begins in the structure block */
#define FDT_NONE ((fdt_node)-1)

/* A tree with nodes deeper than this is refused: the root is at depth 0, its
 * children at 1. Real ones stay below 10. */
#define FDT_MAX_DEPTH 63

/* What fdt_open() found wrong; returned negated. Above every errno. */
enum fdt_error {
	FDT_ERR_CAPACITY = 512, /* fewer bytes than a header or than it says */
	FDT_ERR_MAGIC,
	FDT_ERR_UNALIGNED,
	FDT_ERR_VERSION,
	FDT_ERR_SIZE,
	FDT_ERR_RESERVE_BLOCK,
	FDT_ERR_STRUCT_BLOCK,
	FDT_ERR_STRINGS_BLOCK,
	FDT_ERR_TOKEN,
	FDT_ERR_NO_END,
	FDT_ERR_NODE_NAME,
	FDT_ERR_PROP_NAME,
	FDT_ERR_PROP_SIZE,
	FDT_ERR_PROP_PLACE,
	FDT_ERR_DEPTH,
	FDT_ERR_NESTING,
	FDT_ERR_ROOT,
	FDT_ERR_LAST = FDT_ERR_ROOT,
};

/* An open tree. The fields are for lib/fdt*.c only. */
struct fdt {
	const uint8_t *blob;
	const uint8_t *tree; /* the structure block, a multiple of 4 */
	const char *strings;
	uint32_t size;	   /* of the blob: what its header says */
	uint32_t tree_end; /* just behind FDT_END, from `tree` on */
	uint32_t reserve;  /* where the memory reservation block is */
	uint32_t nreserve;
	uint32_t nnodes;
	fdt_node root;
};

/* A property while iterating; `name` is never NULL. */
struct fdt_prop {
	const char *name;
	const uint8_t *data; /* a multiple of 4 */
	uint32_t size;	     /* bytes of data; may be 0 */
	uint32_t next;	     /* (private) */
};

/*
 * Check the blob and open it. At most `capacity` bytes at `blob` are read, and
 * never more than its header says; blob must be a multiple of 4. Takes time
 * linear in the blob's size. Returns 0, or a negative FDT_ERR_*, and `t` is
 * then left unwritten.
 */
int fdt_open(struct fdt *t, const void *blob, size_t capacity);

/* A sentence, without the full stop, for an error returned by any function of
 * this header, of fdt_reg.h, or by devtree_init; never NULL. */
const char *fdt_strerror(int error);

/*
 * Walking. An open tree has exactly one root. fdt_next goes depth first: the
 * node after `n` in the blob, FDT_NONE after the last. `depth`, if not NULL, is
 * that of n relative to where the walk began and becomes that of the result,
 * so that a walk over the subtree of `top` is
 *
 *	int depth = 0;
 *	for (n = fdt_next(t, top, &depth); n != FDT_NONE && depth > 0;
 *	     n = fdt_next(t, n, &depth))
 *
 * First child, next sibling and next cost what they skip; the parent costs a
 * walk from the root. The parent of the root is FDT_NONE.
 */
static inline fdt_node fdt_root(const struct fdt *t)
{
	return t->root;
}

fdt_node fdt_next(const struct fdt *t, fdt_node n, int *depth);
fdt_node fdt_first_child(const struct fdt *t, fdt_node n);
fdt_node fdt_next_sibling(const struct fdt *t, fdt_node n);
fdt_node fdt_parent(const struct fdt *t, fdt_node n);

/* The nodes from the root (path[0]) to n itself (path[depth]). Returns the
 * depth of n; -ENOENT when there is no such node. */
int fdt_ancestors(const struct fdt *t, fdt_node n,
		  fdt_node path[FDT_MAX_DEPTH + 1]);

/* The same, for who asks for one node after the other: path[0] to path[depth] are
 * what it found last (depth < 0: nothing), and the walk goes on from there. */
int fdt_ancestors_from(const struct fdt *t, fdt_node n,
		       fdt_node path[FDT_MAX_DEPTH + 1], int depth);

/* The node's name with its unit address, "" for the root. */
const char *fdt_name(const struct fdt *t, fdt_node n);

/* Is this the node's name? Without '@' in `name`, unit addresses match too. */
bool fdt_name_is(const struct fdt *t, fdt_node n, const char *name);

/* Iterate a node's properties in their order. Each returns whether there was
 * one, and writes `p` only then; fdt_next_prop takes the one before. */
bool fdt_first_prop(const struct fdt *t, fdt_node n, struct fdt_prop *p);
bool fdt_next_prop(const struct fdt *t, struct fdt_prop *p);

/* The data of the node's first property of that name, NULL when it has none;
 * an empty property has data too. `size` may be NULL. */
const void *fdt_get(const struct fdt *t, fdt_node n, const char *name,
		    uint32_t *size);

/* The same as one string; NULL too when it is not terminated. A string list
 * gives its first string. */
const char *fdt_get_str(const struct fdt *t, fdt_node n, const char *name);

/* The same as a number of one cell, or of one or two. Returns 0, -ENOENT when
 * there is no such property, -EINVAL when it has another size. */
int fdt_get_u32(const struct fdt *t, fdt_node n, const char *name,
		uint32_t *value);
int fdt_get_u64(const struct fdt *t, fdt_node n, const char *name,
		uint64_t *value);

/* Strings in a property's data, each ended by NUL. String number i, NULL when
 * there is none or it isn't terminated; and the number of a string, or
 * -ENOENT. */
const char *fdt_list_item(const void *data, uint32_t size, unsigned i);
int fdt_list_find(const void *data, uint32_t size, const char *string);

/* Is the node enabled: its status absent, "okay" or "ok"? Its ancestors'
 * status is not looked at. */
bool fdt_enabled(const struct fdt *t, fdt_node n);

/* Does `compatible` list the string? Case counts. */
bool fdt_compatible(const struct fdt *t, fdt_node n, const char *compatible);

/*
 * Finding. All give FDT_NONE when there is no such node.
 * fdt_find: a full path, "/soc/serial@10000000". In each step the unit address
 * may be left out, and the first node that fits is taken. "/" is the root.
 * fdt_find_at: the same below the node `from`, a path without leading '/'.
 */
fdt_node fdt_find(const struct fdt *t, const char *path);
fdt_node fdt_find_at(const struct fdt *t, fdt_node from, const char *path);

/* A full path, or an alias that may go on as a path ("soc/serial"), either
 * with options behind ':' as in stdout-path, "serial0:115200n8". `options`, if
 * not NULL, is set to what is behind the ':', else to "". */
fdt_node fdt_resolve(const struct fdt *t, const char *name,
		     const char **options);

/* The node with that `phandle` (or `linux,phandle`). 0 and ~0 are none. */
fdt_node fdt_find_phandle(const struct fdt *t, uint32_t phandle);

/* The first node after `from` (FDT_NONE: of all, the root included) that is
 * compatible with it; iterate by passing the last result. */
fdt_node fdt_find_compatible(const struct fdt *t, fdt_node from,
			     const char *compatible);

/* Entry i of the memory reservation block, i < nreserve. As they stand there:
 * base + size may wrap. The first entry of size 0 ends the block. Returns
 * whether there is such an entry; writes only then. */
bool fdt_memreserve(const struct fdt *t, unsigned i, uint64_t *base,
		    uint64_t *size);
