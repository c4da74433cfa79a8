/*
 * lib/fdt.c: what fdt_open() refuses (invariants I1 to I6 there), and walking.
 */
#include <lib/errno.h>
#include <lib/bits.h>

#include "test_fdt_build.h"

/* A small tree with every kind of token. */
static bool sample(struct fb *b)
{
	if (!fb_start(b))
		return false;
	fb_reserve(b, 0x1000, 0x2000);
	fb_reserve(b, 0xffffffff00000000u, 0x30);
	fb_node(b, "");
	fb_word(b, 4);
	FB_CELLS(b, "#address-cells", 1);
	fb_string(b, "model", "sample");
	fb_node(b, "a@1");
	fb_flag(b, "flag");
	fb_word(b, 4);
	fb_prop(b, "bytes", "\1\2\3", 3);
	fb_node(b, "deep");
	fb_end(b);
	fb_word(b, 4);
	fb_end(b);
	fb_node(b, "b");
	FB_CELLS(b, "phandle", 7);
	fb_end(b);
	fb_end(b);
	fb_finish(b);
	return true;
}

/* Visit everything that can be visited: no call may leave the blob. Returns
 * the sum of all that was read. */
static uint64_t visit_all(const struct fdt *t)
{
	uint64_t sum = 0, base, size;
	unsigned nodes = 0;

	for (unsigned i = 0; fdt_memreserve(t, i, &base, &size); i++)
		sum += base + size;
	for (fdt_node n = fdt_root(t); n != FDT_NONE;
	     n = fdt_next(t, n, NULL)) {
		struct fdt_prop p;

		sum += strlen(fdt_name(t, n));
		for (bool ok = fdt_first_prop(t, n, &p); ok;
		     ok = fdt_next_prop(t, &p)) {
			sum += strlen(p.name);
			for (uint32_t i = 0; i < p.size; i++)
				sum += p.data[i];
		}
		EXPECT(fdt_parent(t, n) != n);
		nodes++;
	}
	EXPECT_EQ(nodes, t->nnodes);
	return sum;
}

KTEST(fdt, walk_is_depth_first_with_depths)
{
	static const struct {
		const char *name;
		int depth;
	} want[] = {{"", 0}, {"a@1", 1}, {"deep", 2}, {"b", 1}};
	struct fdt t;
	struct fb b;
	fdt_node n;
	int depth = 0;

	if (!sample(&b))
		return ktest_skip("no memory");
	REQUIRE(fdt_open(&t, b.blob, b.size) == 0);
	n = fdt_root(&t);
	for (unsigned i = 0; i < ARRAY_SIZE(want); i++) {
		REQUIRE(n != FDT_NONE);
		EXPECT(strcmp(fdt_name(&t, n), want[i].name) == 0);
		EXPECT_EQ(depth, want[i].depth);
		n = fdt_next(&t, n, &depth);
	}
	EXPECT(n == FDT_NONE);
}

KTEST(fdt, child_sibling_parent)
{
	struct fdt t;
	struct fb b;
	fdt_node root, a, deep, other, path[FDT_MAX_DEPTH + 1];

	if (!sample(&b))
		return ktest_skip("no memory");
	REQUIRE(fdt_open(&t, b.blob, b.size) == 0);
	root = fdt_root(&t);
	a = fdt_first_child(&t, root);
	REQUIRE(a != FDT_NONE);
	deep = fdt_first_child(&t, a);
	REQUIRE(deep != FDT_NONE);
	other = fdt_next_sibling(&t, a);
	REQUIRE(other != FDT_NONE);
	EXPECT(strcmp(fdt_name(&t, other), "b") == 0);
	EXPECT(fdt_first_child(&t, deep) == FDT_NONE);
	EXPECT(fdt_next_sibling(&t, deep) == FDT_NONE);
	EXPECT(fdt_next_sibling(&t, other) == FDT_NONE);
	EXPECT(fdt_next_sibling(&t, root) == FDT_NONE);
	EXPECT(fdt_parent(&t, root) == FDT_NONE);
	EXPECT(fdt_parent(&t, deep) == a);
	EXPECT(fdt_parent(&t, other) == root);
	EXPECT_EQ(fdt_ancestors(&t, deep, path), 2);
	EXPECT(path[0] == root && path[1] == a && path[2] == deep);
	/* On from there, or back to before it. */
	EXPECT_EQ(fdt_ancestors_from(&t, deep, path, 2), 2);
	EXPECT_EQ(fdt_ancestors_from(&t, other, path, 2), 1);
	EXPECT(path[0] == root && path[1] == other);
	EXPECT_EQ(fdt_ancestors_from(&t, deep, path, 1), 2);
	EXPECT(path[0] == root && path[1] == a && path[2] == deep);
	EXPECT_EQ(fdt_ancestors_from(&t, root, path, 2), 0);
	EXPECT_EQ(fdt_ancestors_from(&t, a, path, 0), 1);
	EXPECT(fdt_ancestors(&t, deep + 4, path) == -ENOENT);
}

KTEST(fdt, properties_in_order_and_by_name)
{
	struct fdt t;
	struct fb b;
	struct fdt_prop p;
	uint32_t size = 99;
	fdt_node a;

	if (!sample(&b))
		return ktest_skip("no memory");
	REQUIRE(fdt_open(&t, b.blob, b.size) == 0);
	a = fdt_first_child(&t, fdt_root(&t));
	REQUIRE(fdt_first_prop(&t, a, &p));
	EXPECT(strcmp(p.name, "flag") == 0 && p.size == 0);
	REQUIRE(fdt_next_prop(&t, &p));
	EXPECT(strcmp(p.name, "bytes") == 0 && p.size == 3);
	EXPECT_EQ(p.data[2], 3);
	EXPECT(!fdt_next_prop(&t, &p));
	EXPECT(!fdt_first_prop(&t, fdt_first_child(&t, a), &p));
	EXPECT(fdt_get(&t, a, "flag", &size) != NULL);
	EXPECT_EQ(size, 0);
	EXPECT(!fdt_get(&t, a, "fla", NULL));
	EXPECT(!fdt_get(&t, a, "flags", NULL));
	EXPECT(!fdt_get(&t, a, "model", NULL));
}

KTEST(fdt, memory_reservations)
{
	struct fdt t;
	struct fb b;
	uint64_t base = 0, size = 0;

	if (!sample(&b))
		return ktest_skip("no memory");
	REQUIRE(fdt_open(&t, b.blob, b.size) == 0);
	EXPECT(fdt_memreserve(&t, 1, &base, &size));
	EXPECT_EQ(base, 0xffffffff00000000u);
	EXPECT_EQ(size, 0x30);
	EXPECT(!fdt_memreserve(&t, 2, &base, &size));
	EXPECT_EQ(size, 0x30);
}

/* A wrong header field, and what fdt_open() is to say. */
struct header_case {
	uint32_t at, value;
	int error;
};

KTEST(fdt, wrong_header_fields_are_refused)
{
	static const struct header_case cases[] = {
		{0, 0xd00dfeee, FDT_ERR_MAGIC},
		{0, 0xedfe0dd0, FDT_ERR_MAGIC},
		{4, 39, FDT_ERR_SIZE},
		{4, 0, FDT_ERR_SIZE},
		{4, 0x80000000, FDT_ERR_SIZE},
		{4, FB_SIZE + 1, FDT_ERR_CAPACITY},
		{8, FB_TREE + 2, FDT_ERR_STRUCT_BLOCK},
		{8, 36, FDT_ERR_STRUCT_BLOCK},
		{12, 39, FDT_ERR_STRINGS_BLOCK},
		{8, 0xfffffffc, FDT_ERR_STRUCT_BLOCK},
		{12, 0xffffffff, FDT_ERR_STRINGS_BLOCK},
		{12, 8, FDT_ERR_STRINGS_BLOCK},
		{16, 0xfffffff8, FDT_ERR_RESERVE_BLOCK},
		{16, 44, FDT_ERR_RESERVE_BLOCK},
		{16, 8, FDT_ERR_RESERVE_BLOCK},
		{20, 15, FDT_ERR_VERSION},
		{24, 18, FDT_ERR_VERSION},
		{32, 0xffffffff, FDT_ERR_STRINGS_BLOCK},
		{32, FB_SIZE, FDT_ERR_STRINGS_BLOCK},
		{32, 0, FDT_ERR_PROP_NAME},
		{36, 0xffffffff, FDT_ERR_STRUCT_BLOCK},
		{36, 0, FDT_ERR_NO_END},
		{36, 4, FDT_ERR_NODE_NAME},
		{36, 16, FDT_ERR_PROP_SIZE},
		{36, 24, FDT_ERR_PROP_SIZE},
	};
	struct fdt t;
	struct fb b;

	if (!sample(&b))
		return ktest_skip("no memory");
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t keep[4];
		int err;

		memcpy(keep, b.blob + cases[i].at, 4);
		fb_put32(b.blob + cases[i].at, cases[i].value);
		err = fdt_open(&t, b.blob, FB_SIZE);
		if (err != -cases[i].error)
			ktest_fail(__FILE__, __LINE__, "case %u: %d, wanted %d",
				   i, err, -cases[i].error);
		memcpy(b.blob + cases[i].at, keep, 4);
	}
	EXPECT(fdt_open(&t, b.blob, FB_SIZE) == 0);
	EXPECT(fdt_open(&t, b.blob + 1, FB_SIZE - 1) == -FDT_ERR_UNALIGNED);
	EXPECT(fdt_open(&t, b.blob, b.size - 1) == -FDT_ERR_CAPACITY);
	EXPECT(fdt_open(&t, b.blob, 39) == -FDT_ERR_CAPACITY);
	EXPECT(fdt_open(&t, b.blob, 0) == -FDT_ERR_CAPACITY);
}

/* Reservations up to the very end of the blob, without an end mark. */
KTEST(fdt, reservations_without_end_are_refused)
{
	struct fdt t;
	struct fb b;

	if (!fb_start(&b))
		return ktest_skip("no memory");
	fb_node(&b, "");
	fb_end(&b);
	fb_finish(&b);
	memset(b.blob + b.size, 1, 64);
	b.size = (b.size + 7) & ~7u;
	fb_put32(b.blob + 16, b.size);
	fb_put32(b.blob + 4, b.size + 40);
	EXPECT(fdt_open(&t, b.blob, b.size + 40) == -FDT_ERR_RESERVE_BLOCK);
	memset(b.blob + b.size + 16, 0, 16);
	EXPECT(fdt_open(&t, b.blob, b.size + 40) == 0);
	EXPECT_EQ(t.nreserve, 1);
}

KTEST(fdt, version_16_has_no_structure_size)
{
	struct fdt t;
	struct fb b;

	if (!sample(&b))
		return ktest_skip("no memory");
	fb_put32(b.blob + 20, 16);
	fb_put32(b.blob + 36, 0);
	EXPECT(fdt_open(&t, b.blob, b.size) == 0);
}

/* Structure blocks as words, up to the first 0xe. */
struct token_case {
	uint32_t word[12];
	int error;
};
#define STOP	0xeu
#define NAME(c) ((uint32_t)(c) << 24)

KTEST(fdt, wrong_structure_is_refused)
{
	static const struct token_case cases[] = {
		{{1, 0, 2, 9, STOP}, 0},
		{{4, 1, 0, 4, 2, 4, 9, STOP}, 0},
		{{1, 0, 3, 0, 0, 2, 9, STOP}, 0},
		{{1, 0, 2, 9, 77, STOP}, 0},
		{{STOP}, FDT_ERR_NO_END},
		{{9, STOP}, FDT_ERR_ROOT},
		{{1, 0, 2, STOP}, FDT_ERR_NO_END},
		{{1, 0, 9, STOP}, FDT_ERR_NESTING},
		{{1, 0, 2, 2, 9, STOP}, FDT_ERR_NESTING},
		{{2, STOP}, FDT_ERR_NESTING},
		{{1, 0, 2, 1, 0, 2, 9, STOP}, FDT_ERR_ROOT},
		{{1, NAME('x'), 2, 9, STOP}, FDT_ERR_ROOT},
		{{1, 0, 1, 0x61616161, STOP}, FDT_ERR_NODE_NAME},
		{{1, STOP}, FDT_ERR_NODE_NAME},
		{{3, 0, 0, 1, 0, 2, 9, STOP}, FDT_ERR_PROP_PLACE},
		{{1, 0, 1, 0, 2, 3, 0, 0, 2, 9, STOP}, FDT_ERR_PROP_PLACE},
		{{1, 0, 2, 3, 0, 0, 9, STOP}, FDT_ERR_PROP_PLACE},
		{{1, 0, 3, 9, 0, 2, 9, STOP}, FDT_ERR_PROP_SIZE},
		{{1, 0, 3, 0xffffffff, 0, 2, 9, STOP}, FDT_ERR_PROP_SIZE},
		{{1, 0, 3, 0xfffffffd, 0, 2, 9, STOP}, FDT_ERR_PROP_SIZE},
		{{1, 0, 3, 0, STOP}, FDT_ERR_PROP_SIZE},
		{{1, 0, 3, 0, 2, 2, 9, STOP}, FDT_ERR_PROP_NAME},
		{{1, 0, 3, 0, 0xffffffff, 2, 9, STOP}, FDT_ERR_PROP_NAME},
		{{1, 0, 5, 2, 9, STOP}, FDT_ERR_TOKEN},
		{{0, STOP}, FDT_ERR_TOKEN},
	};
	struct fdt t;
	struct fb b;

	if (!fb_start(&b))
		return ktest_skip("no memory");
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		int err;

		fb_restart(&b);
		for (unsigned k = 0; cases[i].word[k] != STOP; k++)
			fb_word(&b, cases[i].word[k]);
		/* Two strings' bytes, of which only one string ends. */
		memcpy(b.names, "\0\0z", 3);
		b.names[0] = 'p';
		b.nnames = 3;
		fb_finish_raw(&b);
		err = fdt_open(&t, b.blob, b.size);
		if (err != -cases[i].error)
			ktest_fail(__FILE__, __LINE__, "case %u: %d, wanted %d",
				   i, err, -cases[i].error);
	}
}

/* A block that isn't whole words: what is behind the last one is not read. */
KTEST(fdt, structure_of_half_a_word_more)
{
	struct fdt t;
	struct fb b;

	if (!fb_start(&b))
		return ktest_skip("no memory");
	fb_node(&b, "");
	fb_prop(&b, "", "x", 1);
	fb_finish_raw(&b);
	fb_put32(b.blob + 12, 40); /* the name: a NUL of the reservations */
	fb_put32(b.blob + 32, 1);
	fb_put32(b.blob + 36, b.tree - 3 - FB_TREE);
	fb_put32(b.blob + 4, b.tree - 3);
	EXPECT(fdt_open(&t, b.blob, b.tree - 3) == -FDT_ERR_PROP_SIZE);
}

static int nested(struct fb *b, struct fdt *t, unsigned levels)
{
	for (unsigned i = 0; i < levels; i++)
		fb_node(b, i ? "n" : "");
	for (unsigned i = 0; i < levels; i++)
		fb_end(b);
	return fb_open(b, t);
}

KTEST(fdt, depth_is_limited)
{
	struct fdt t;
	struct fb b, c;
	fdt_node path[FDT_MAX_DEPTH + 1], last;

	if (!fb_start(&b) || !fb_start(&c))
		return ktest_skip("no memory");
	EXPECT(nested(&b, &t, FDT_MAX_DEPTH + 2) == -FDT_ERR_DEPTH);
	REQUIRE(nested(&c, &t, FDT_MAX_DEPTH + 1) == 0);
	last = fdt_root(&t);
	for (fdt_node n = last; n != FDT_NONE; n = fdt_next(&t, n, NULL))
		last = n;
	EXPECT_EQ(fdt_ancestors(&t, last, path), FDT_MAX_DEPTH);
}

/* Every byte of the sample, changed in several ways, cut at every size. */
KTEST(fdt, damaged_trees_are_refused_or_readable)
{
	static const uint8_t how[] = {0x01, 0x02, 0x04, 0x08, 0x10,
				      0x20, 0x40, 0x80, 0xff};
	unsigned opened = 0, refused = 0;
	uint64_t sum = 0;
	uint8_t *end;
	struct fdt t;
	struct fb b;

	if (!sample(&b))
		return ktest_skip("no memory");
	for (uint32_t at = 0; at < b.size; at++)
		for (unsigned i = 0; i < ARRAY_SIZE(how); i++) {
			b.blob[at] ^= how[i];
			if (fdt_open(&t, b.blob, b.size) == 0) {
				sum += visit_all(&t);
				opened++;
			} else {
				refused++;
			}
			b.blob[at] ^= how[i];
		}
	EXPECT(sum && opened && refused);
	/* At the end of its memory, so that a sanitizer sees what leaves it. */
	end = ktest_alloc(FB_SIZE);
	if (!end)
		return ktest_skip("no memory");
	end += FB_SIZE;
	for (uint32_t size = 0; size < b.size; size += 4) {
		uint8_t *cut = end - size;

		memcpy(cut, b.blob, size);
		EXPECT(fdt_open(&t, cut, size) == -FDT_ERR_CAPACITY);
		if (size < 40)
			continue;
		fb_put32(cut + 4, size);
		if (fdt_open(&t, cut, size) == 0)
			visit_all(&t);
	}
}

KTEST(fdt, every_error_has_a_sentence)
{
	for (int e = FDT_ERR_CAPACITY; e <= FDT_ERR_LAST; e++) {
		EXPECT(fdt_strerror(-e) != NULL);
		EXPECT(strcmp(fdt_strerror(-e), "unknown error") != 0);
	}
	EXPECT(strcmp(fdt_strerror(-FDT_ERR_LAST - 1), "unknown error") == 0);
	EXPECT(strcmp(fdt_strerror(-ENOMEM), "unknown error") != 0);
}
