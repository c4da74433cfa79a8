/*
 * Device tree blobs: checking one, and walking it.
 *
 *	header | reservations | structure | strings	(in any order, with gaps)
 *
 * The structure block is a sequence of 32-bit big-endian tokens:
 *
 *	BEGIN_NODE name\0 pad { PROP size nameoff data pad }
 *			      { BEGIN_NODE ... END_NODE } END_NODE ... END
 *
 * with NOPs between any of them. What the check establishes, and what all else
 * relies on:
 *
 * I1  All three blocks lie in [0, size), and size <= capacity, <= 2^31 - 1.
 * I2  The reservation block has an entry of size 0, number `nreserve`.
 * I3  Walking tokens from 0 leads to END just before `tree_end`, without
 *     leaving the block: each name ends inside, each property's data too.
 * I4  BEGIN_NODE and END_NODE nest, at most FDT_MAX_DEPTH deep below exactly
 *     one root, whose name is "".
 * I5  In each node, properties come before children.
 * I6  Every nameoff is below the end of the last NUL of the strings block, so
 *     that the string there ends inside the block.
 *
 * The check is one pass of some ten instructions a word. There is no index:
 * walking is cheap, since all bounds are known to hold, and a boot walks two
 * or three times. Words are loaded as they are and compared with tokens of
 * swapped bytes; only sizes and offsets are swapped.
 *
 * What is accepted on purpose: blocks that overlap (reading is harmless), any
 * characters in names, repeated names, nonzero padding, version 16 (no size of
 * the structure block: the blob's end bounds it).
 */
#include <lib/errno.h>
#include <lib/fdt.h>

#include "fdt_internal.h"

#define MAGIC	     0xd00dfeedu
#define HEADER_SIZE  40u /* version 17; 16 lacks the last field */
#define VERSION_MIN  16u
#define VERSION_LAST 17u

/* Byte offsets of the header's fields. */
enum {
	H_MAGIC = 0,
	H_SIZE = 4,
	H_TREE = 8,
	H_STRINGS = 12,
	H_RESERVE = 16,
	H_VERSION = 20,
	H_COMPATIBLE = 24,
	H_STRINGS_SIZE = 32,
	H_TREE_SIZE = 36,
};

static int check_header(struct fdt *t, const uint8_t *blob, size_t capacity)
{
	uint32_t version, compatible;

	if ((uintptr_t)blob & 3)
		return -FDT_ERR_UNALIGNED;
	if (capacity < HEADER_SIZE)
		return -FDT_ERR_CAPACITY;
	if (fdt_be32(blob + H_MAGIC) != MAGIC)
		return -FDT_ERR_MAGIC;
	version = fdt_be32(blob + H_VERSION);
	compatible = fdt_be32(blob + H_COMPATIBLE);
	if (version < VERSION_MIN || compatible > VERSION_LAST ||
	    compatible > version)
		return -FDT_ERR_VERSION;
	t->blob = blob;
	t->size = fdt_be32(blob + H_SIZE);
	if (t->size < HEADER_SIZE || t->size > INT32_MAX)
		return -FDT_ERR_SIZE;
	if (t->size > capacity)
		return -FDT_ERR_CAPACITY;
	return 0;
}

/* Where blocks may begin: behind the header. */
static uint32_t first_block(const struct fdt *t)
{
	return fdt_be32(t->blob + H_VERSION) > VERSION_MIN ? HEADER_SIZE
							   : HEADER_SIZE - 4;
}

static int check_reserve(struct fdt *t)
{
	uint32_t pos = fdt_be32(t->blob + H_RESERVE);

	if (pos & 7 || pos < first_block(t) || pos > t->size)
		return -FDT_ERR_RESERVE_BLOCK;
	t->reserve = pos;
	for (t->nreserve = 0; t->size - pos >= 16; t->nreserve++, pos += 16)
		if (!fdt_word(t->blob + pos + 8) &&
		    !fdt_word(t->blob + pos + 12))
			return 0;
	return -FDT_ERR_RESERVE_BLOCK;
}

/* Bounds of the other two blocks. tree_end becomes the end of the block, and
 * `names` one past its last NUL, which bounds where a name may begin. */
static int check_blocks(struct fdt *t, uint32_t *names)
{
	uint32_t tree = fdt_be32(t->blob + H_TREE);
	uint32_t strings = fdt_be32(t->blob + H_STRINGS);
	uint32_t size = fdt_be32(t->blob + H_STRINGS_SIZE);

	if (tree & 3 || tree < first_block(t) || tree > t->size)
		return -FDT_ERR_STRUCT_BLOCK;
	t->tree = t->blob + tree;
	t->tree_end = t->size - tree;
	if (fdt_be32(t->blob + H_VERSION) > VERSION_MIN) {
		if (fdt_be32(t->blob + H_TREE_SIZE) > t->tree_end)
			return -FDT_ERR_STRUCT_BLOCK;
		t->tree_end = fdt_be32(t->blob + H_TREE_SIZE);
	}
	t->tree_end &= ~3u;

	if (strings < first_block(t) || strings > t->size ||
	    size > t->size - strings)
		return -FDT_ERR_STRINGS_BLOCK;
	t->strings = (const char *)t->blob + strings;
	while (size && t->strings[size - 1])
		size--;
	*names = size;
	return 0;
}

/* The position behind the name that begins at pos, 0 when it doesn't end. */
static uint32_t check_name(const struct fdt *t, uint32_t pos)
{
	while (t->tree_end - pos >= 4) {
		uint32_t w = fdt_word(t->tree + pos);

		pos += 4;
		if (fdt_has_nul(w))
			return pos;
	}
	return 0;
}

/* The state of the pass over the tokens. */
struct check {
	uint32_t pos;
	uint32_t names;
	int depth;     /* of the next BEGIN_NODE: 0 outside the root */
	bool in_props; /* properties may come: no child yet */
};

static int check_begin(struct fdt *t, struct check *c)
{
	if (!c->depth) {
		if (t->root != FDT_NONE)
			return -FDT_ERR_ROOT;
		t->root = (fdt_node)c->pos - 4;
		if (t->tree_end - c->pos >= 4 && t->tree[c->pos])
			return -FDT_ERR_ROOT;
	}
	if (c->depth++ > FDT_MAX_DEPTH)
		return -FDT_ERR_DEPTH;
	c->pos = check_name(t, c->pos);
	if (!c->pos)
		return -FDT_ERR_NODE_NAME;
	t->nnodes++;
	c->in_props = true;
	return 0;
}

static int check_prop(const struct fdt *t, struct check *c)
{
	uint32_t left = t->tree_end - c->pos;
	uint32_t size;

	if (!c->in_props)
		return -FDT_ERR_PROP_PLACE;
	if (left < 8)
		return -FDT_ERR_PROP_SIZE;
	size = fdt_be32(t->tree + c->pos);
	if (size > left - 8)
		return -FDT_ERR_PROP_SIZE;
	if (fdt_be32(t->tree + c->pos + 4) >= c->names)
		return -FDT_ERR_PROP_NAME;
	c->pos += 8 + fdt_pad(size);
	return 0;
}

static int check_tree(struct fdt *t, uint32_t names)
{
	struct check c = {.names = names};
	int err = 0;

	t->root = FDT_NONE;
	t->nnodes = 0;
	while (!err) {
		if (t->tree_end - c.pos < 4)
			return -FDT_ERR_NO_END;
		c.pos += 4;
		switch (fdt_word(t->tree + c.pos - 4)) {
		case FDT_TOKEN_PROP:
			err = check_prop(t, &c);
			break;
		case FDT_TOKEN_BEGIN:
			err = check_begin(t, &c);
			break;
		case FDT_TOKEN_END_NODE:
			if (!c.depth--)
				return -FDT_ERR_NESTING;
			c.in_props = false;
			break;
		case FDT_TOKEN_NOP:
			break;
		case FDT_TOKEN_END:
			t->tree_end = c.pos;
			if (c.depth)
				return -FDT_ERR_NESTING;
			return t->root == FDT_NONE ? -FDT_ERR_ROOT : 0;
		default:
			return -FDT_ERR_TOKEN;
		}
	}
	return err;
}

int fdt_open(struct fdt *t, const void *blob, size_t capacity)
{
	struct fdt open;
	uint32_t names;
	int err;

	err = check_header(&open, blob, capacity);
	if (!err)
		err = check_reserve(&open);
	if (!err)
		err = check_blocks(&open, &names);
	if (!err)
		err = check_tree(&open, names);
	if (!err)
		*t = open;
	return err;
}

/* The position behind the name of the node at n: its first token. */
static uint32_t body(const struct fdt *t, fdt_node n)
{
	uint32_t pos = (uint32_t)n;

	do
		pos += 4;
	while (!fdt_has_nul(fdt_word(t->tree + pos)));
	return pos + 4;
}

/* The first token at or after pos that is neither a property nor a NOP. */
static uint32_t skip_props(const struct fdt *t, uint32_t pos)
{
	for (;;) {
		uint32_t token = fdt_word(t->tree + pos);

		if (token == FDT_TOKEN_PROP)
			pos += 12 + fdt_pad(fdt_be32(t->tree + pos + 4));
		else if (token == FDT_TOKEN_NOP)
			pos += 4;
		else
			return pos;
	}
}

fdt_node fdt_next(const struct fdt *t, fdt_node n, int *depth)
{
	uint32_t pos = body(t, n);
	int level = 1;

	for (;;) {
		pos = skip_props(t, pos);
		switch (fdt_word(t->tree + pos)) {
		case FDT_TOKEN_BEGIN:
			if (depth)
				*depth += level;
			return (fdt_node)pos;
		case FDT_TOKEN_END_NODE:
			level--;
			pos += 4;
			break;
		default:
			return FDT_NONE;
		}
	}
}

fdt_node fdt_first_child(const struct fdt *t, fdt_node n)
{
	uint32_t pos = skip_props(t, body(t, n));

	return fdt_word(t->tree + pos) == FDT_TOKEN_BEGIN ? (fdt_node)pos
							  : FDT_NONE;
}

fdt_node fdt_next_sibling(const struct fdt *t, fdt_node n)
{
	int depth = 0;

	do
		n = fdt_next(t, n, &depth);
	while (n != FDT_NONE && depth > 0);
	return depth ? FDT_NONE : n;
}

int fdt_ancestors_from(const struct fdt *t, fdt_node n,
		       fdt_node path[FDT_MAX_DEPTH + 1], int depth)
{
	fdt_node at;

	if (depth < 0 || path[depth] > n)
		depth = 0;
	for (at = depth ? path[depth] : t->root; at != FDT_NONE && at <= n;
	     at = fdt_next(t, at, &depth)) {
		path[depth] = at;
		if (at == n)
			return depth;
	}
	return -ENOENT;
}

int fdt_ancestors(const struct fdt *t, fdt_node n,
		  fdt_node path[FDT_MAX_DEPTH + 1])
{
	return fdt_ancestors_from(t, n, path, -1);
}

fdt_node fdt_parent(const struct fdt *t, fdt_node n)
{
	fdt_node path[FDT_MAX_DEPTH + 1];
	int depth = fdt_ancestors(t, n, path);

	return depth > 0 ? path[depth - 1] : FDT_NONE;
}

const char *fdt_name(const struct fdt *t, fdt_node n)
{
	return (const char *)t->tree + n + 4;
}

/* The property at pos or behind it, past NOPs. */
static bool prop_at(const struct fdt *t, uint32_t pos, struct fdt_prop *p)
{
	const uint8_t *at;

	while (fdt_word(t->tree + pos) == FDT_TOKEN_NOP)
		pos += 4;
	at = t->tree + pos;
	if (fdt_word(at) != FDT_TOKEN_PROP)
		return false;
	p->size = fdt_be32(at + 4);
	p->name = t->strings + fdt_be32(at + 8);
	p->data = at + 12;
	p->next = pos + 12 + fdt_pad(p->size);
	return true;
}

bool fdt_first_prop(const struct fdt *t, fdt_node n, struct fdt_prop *p)
{
	return prop_at(t, body(t, n), p);
}

bool fdt_next_prop(const struct fdt *t, struct fdt_prop *p)
{
	return prop_at(t, p->next, p);
}

bool fdt_memreserve(const struct fdt *t, unsigned i, uint64_t *base,
		    uint64_t *size)
{
	const uint8_t *entry;

	if (i >= t->nreserve)
		return false;
	entry = t->blob + t->reserve + (size_t)i * 16;
	*base = fdt_be64(entry);
	*size = fdt_be64(entry + 8);
	return true;
}
