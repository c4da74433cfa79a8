/*
 * Real trees: those in dts/ and those of QEMU's machines, as blobs in the
 * directory that STRATA_DTB_DIR names (make_dtbs.sh fills it).
 *
 * On each, lib/fdt must agree with libfdt, the reference implementation, on
 * every node, property, path, parent, phandle, compatible string, alias, cell
 * width and reservation. Damaged copies of them must be refused or make sense,
 * and fdt_open() must accept what libfdt's full check accepts, but for what it
 * refuses on purpose, listed at may_refuse().
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfdt.h>

#include <kernel/ktest.h>
#include <lib/errno.h>
#include <lib/fdt_reg.h>
#include <lib/rng.h>

#include "fdt_sense.h"

#define MAX_TREES 128

struct tree {
	char name[64];
	uint8_t *blob;
	uint32_t size;
};

static struct tree trees[MAX_TREES];
static unsigned ntrees;

static void load(const char *dir, const char *file)
{
	struct tree *tree = &trees[ntrees];
	char path[4096];
	long size;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "rb");
	if (!f)
		return;
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	tree->blob = malloc((size_t)size + 1);
	tree->size = (uint32_t)fread(tree->blob, 1, (size_t)size, f);
	snprintf(tree->name, sizeof(tree->name), "%s", file);
	fclose(f);
	ntrees++;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct tree *)a)->name,
		      ((const struct tree *)b)->name);
}

/* Returns whether there are trees; else the test is skipped or has failed. */
static bool have_trees(void)
{
	const char *dir = getenv("STRATA_DTB_DIR");
	struct dirent *e;
	size_t len;
	DIR *d;

	if (ntrees)
		return true;
	if (!dir) {
		ktest_skip("STRATA_DTB_DIR is not set");
		return false;
	}
	d = opendir(dir);
	while (d && (e = readdir(d)) && ntrees < MAX_TREES) {
		len = strlen(e->d_name);
		if (len > 4 && strcmp(e->d_name + len - 4, ".dtb") == 0)
			load(dir, e->d_name);
	}
	if (d)
		closedir(d);
	qsort(trees, ntrees, sizeof(trees[0]), by_name);
	if (!ntrees)
		ktest_fail(__FILE__, __LINE__, "no *.dtb in %s", dir);
	return ntrees != 0;
}

static const struct tree *find_tree(const char *name)
{
	for (unsigned i = 0; have_trees() && i < ntrees; i++)
		if (strcmp(trees[i].name, name) == 0)
			return &trees[i];
	return NULL;
}

static void differ(const char *tree, const char *what, int node)
{
	ktest_fail(__FILE__, __LINE__, "%s, node %d: %s", tree, node, what);
}

#define SAME(a, b, what)                            \
	do {                                        \
		if ((a) != (b))                     \
			differ(tree, what, (int)n); \
	} while (0)

/* No node of libfdt (an error) is FDT_NONE. */
static fdt_node ref(int node)
{
	return node < 0 ? FDT_NONE : node;
}

static void compare_props(const char *tree, const struct fdt *t,
			  const void *blob, fdt_node n)
{
	struct fdt_prop p;
	bool ok = fdt_first_prop(t, n, &p);
	int at;

	for (at = fdt_first_property_offset(blob, n); at >= 0;
	     at = fdt_next_property_offset(blob, at)) {
		const char *name;
		int len;
		const void *data = fdt_getprop_by_offset(blob, at, &name, &len);

		if (!ok) {
			differ(tree, "a property is missing", n);
			return;
		}
		SAME((const void *)p.data, data, "data");
		SAME((int)p.size, len, "size of data");
		SAME(strcmp(p.name, name), 0, "name of a property");
		SAME(fdt_get(t, n, name, NULL),
		     fdt_getprop(blob, n, name, NULL), "property by name");
		p.data = fdt_get(t, n, name, &p.size); /* the first so named */
		for (int i = 0; i < 4; i++)
			SAME(fdt_list_item(p.data, p.size, (unsigned)i),
			     fdt_stringlist_get(blob, n, name, i, NULL),
			     "string of a list");
		ok = fdt_next_prop(t, &p);
	}
	SAME(ok, false, "a property too many");
}

static void compare_paths(const char *tree, const struct fdt *t,
			  const void *blob, fdt_node n)
{
	char path[4096], *at;
	uint32_t phandle = fdt_get_phandle(blob, n);

	SAME(fdt_parent(t, n), ref(fdt_parent_offset(blob, n)), "parent");
	SAME(fdt_first_child(t, n), ref(fdt_first_subnode(blob, n)), "child");
	SAME(fdt_next_sibling(t, n), ref(fdt_next_subnode(blob, n)), "sibling");
	if (phandle)
		SAME(fdt_find_phandle(t, phandle),
		     ref(fdt_node_offset_by_phandle(blob, phandle)), "phandle");
	if (fdt_get_path(blob, n, path, sizeof(path)))
		return;
	SAME(fdt_find(t, path), ref(fdt_path_offset(blob, path)), "path");
	if (!strchr(path, ':'))
		SAME(fdt_resolve(t, path, NULL), fdt_find(t, path),
		     "resolve a path");
	at = strrchr(path, '@');
	if (!at || strchr(at, '/'))
		return;
	*at = 0;
	SAME(fdt_find(t, path), ref(fdt_path_offset(blob, path)),
	     "path without unit address");
}

static void compare_widths(const char *tree, const struct fdt *t,
			   const void *blob, fdt_node n)
{
	int na = fdt_address_cells(blob, n), ns = fdt_size_cells(blob, n);

	/* libfdt takes 0 address cells for an error. */
	if (na >= 0 || fdt_address_width(t, n) != 0)
		SAME(fdt_address_width(t, n), na < 0 ? -EINVAL : na,
		     "#address-cells");
	SAME(fdt_size_width(t, n), ns < 0 ? -EINVAL : ns, "#size-cells");
}

static void compare_compatible(const char *tree, const struct fdt *t,
			       const void *blob, fdt_node n)
{
	uint32_t size = 0;
	const void *list = fdt_get(t, n, "compatible", &size);
	const char *s = list ? fdt_list_item(list, size, 0) : NULL;

	if (!s)
		return;
	SAME(fdt_find_compatible(t, FDT_NONE, s),
	     ref(fdt_node_offset_by_compatible(blob, -1, s)), "compatible");
	SAME(fdt_find_compatible(t, n, s),
	     ref(fdt_node_offset_by_compatible(blob, n, s)), "next compatible");
	SAME(fdt_compatible(t, n, s),
	     fdt_node_check_compatible(blob, n, s) == 0, "is compatible");
}

static void compare_aliases(const char *tree, const struct fdt *t,
			    const void *blob)
{
	fdt_node n = fdt_find(t, "/aliases");
	struct fdt_prop p;

	SAME(n, ref(fdt_path_offset(blob, "/aliases")), "aliases");
	if (n == FDT_NONE)
		return;
	for (bool ok = fdt_first_prop(t, n, &p); ok; ok = fdt_next_prop(t, &p))
		if (*p.name && !strpbrk(p.name, "/:"))
			SAME(fdt_resolve(t, p.name, NULL),
			     ref(fdt_path_offset(blob, p.name)), "alias");
}

/* `intact`: no string list lacks its end. libfdt then compares one byte more
 * than the list has, and may find a string that ends in the padding. */
static void compare(const char *tree, const struct fdt *t, const void *blob,
		    bool intact)
{
	int depth = 0, their_depth = 0, theirs = fdt_next_node(blob, -1, NULL);
	uint64_t base, size, their_base, their_size;
	fdt_node n;

	for (n = fdt_root(t); n != FDT_NONE && n == theirs;
	     n = fdt_next(t, n, &depth)) {
		const char *name = fdt_get_name(blob, n, NULL);

		SAME(depth, their_depth, "depth");
		SAME(strcmp(fdt_name(t, n), name), 0, "name");
		compare_props(tree, t, blob, n);
		compare_paths(tree, t, blob, n);
		compare_widths(tree, t, blob, n);
		if (intact)
			compare_compatible(tree, t, blob, n);
		theirs = fdt_next_node(blob, theirs, &their_depth);
	}
	/* At the end, libfdt gives an error, or walks out of the root. */
	SAME(n, theirs < 0 || their_depth < 0 ? FDT_NONE : theirs, "next");
	if (intact)
		compare_aliases(tree, t, blob);
	SAME((int)t->nreserve, fdt_num_mem_rsv(blob), "reservations");
	for (unsigned i = 0; fdt_memreserve(t, i, &base, &size); i++) {
		SAME(fdt_get_mem_rsv(blob, (int)i, &their_base, &their_size), 0,
		     "reservation");
		SAME(base, their_base, "base of a reservation");
		SAME(size, their_size, "size of a reservation");
	}
}

KTEST(fdt_trees, agree_with_libfdt)
{
	struct fdt t;

	for (unsigned i = 0; have_trees() && i < ntrees; i++) {
		int err = fdt_open(&t, trees[i].blob, trees[i].size);

		EXPECT_EQ(fdt_check_full(trees[i].blob, trees[i].size), 0);
		if (err)
			ktest_fail(__FILE__, __LINE__, "%s: %s", trees[i].name,
				   fdt_strerror(err));
		else
			compare(trees[i].name, &t, trees[i].blob, true);
	}
}

KTEST(fdt_trees, devtrees_make_sense)
{
	static struct devtree dt;

	for (unsigned i = 0; have_trees() && i < ntrees; i++) {
		const char *wrong;
		int err = devtree_init(&dt, trees[i].blob, trees[i].size);

		wrong = err ? fdt_strerror(err) : devtree_nonsense(&dt);
		if (wrong)
			ktest_fail(__FILE__, __LINE__, "%s: %s", trees[i].name,
				   wrong);
		else
			fdt_visit_all(&dt.fdt);
	}
}

/*
 * What we refuse though libfdt 1.6.1 does not, on purpose:
 *
 *	nodes deeper than FDT_MAX_DEPTH	its walks keep no stack
 *	properties behind children (I5)	it walks past them
 *	a property of 2^31 bytes or more	it adds signed numbers, which wrap
 *	no node at all
 *	unaligned blocks		it loads by bytes
 *	versions 2 to 15		long gone
 *
 * What it refuses, we refuse.
 */
static bool may_refuse(const uint8_t *blob, int err)
{
	switch (-err) {
	case FDT_ERR_DEPTH:
	case FDT_ERR_PROP_PLACE:
	case FDT_ERR_PROP_SIZE:
		return true;
	case FDT_ERR_ROOT:
		return fdt_next_node(blob, -1, NULL) < 0;
	case FDT_ERR_RESERVE_BLOCK:
		return fdt_off_mem_rsvmap(blob) & 7;
	case FDT_ERR_STRUCT_BLOCK:
		return fdt_off_dt_struct(blob) & 3;
	case FDT_ERR_VERSION:
		return fdt_version(blob) < 16;
	default:
		return false;
	}
}

static uint32_t odd_number(struct rng *r, uint32_t size)
{
	static const uint32_t odd[] = {
		0, 1,	       2,	   3,	       4,
		9, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff};

	switch (rng_below(r, 3)) {
	case 0:
		return odd[rng_below(r, ARRAY_SIZE(odd))];
	case 1:
		return (uint32_t)rng_below(r, (uint64_t)size + 16);
	default:
		return (uint32_t)rng_next(r);
	}
}

static void put32(uint8_t *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, 4);
}

/* Damage a copy of the blob. Returns how much of it may be read. */
static uint32_t damage(struct rng *r, uint8_t *blob, uint32_t size)
{
	uint64_t kind = rng_below(r, 8), n = 1 + rng_below(r, 8);

	switch (kind) {
	case 0: /* cut off */
		return (uint32_t)rng_below(r, size);
	case 1: /* cut off, and the header says so */
		size = 40 + (uint32_t)rng_below(r, size - 40);
		put32(blob + 4, size);
		return size;
	case 2: /* a header field */
		put32(blob + 4 * rng_below(r, 10), odd_number(r, size));
		return size;
	case 3: /* words */
		while (n--)
			put32(blob + 4 * rng_below(r, size / 4),
			      odd_number(r, size));
		return size;
	case 4: /* bytes */
		while (n--)
			blob[rng_below(r, size)] = (uint8_t)rng_next(r);
		return size;
	default: /* bits */
		while (n--)
			blob[rng_below(r, size)] ^=
				(uint8_t)(1u << rng_below(r, 8));
		return size;
	}
}

static void check_damaged(const struct tree *tree, const uint8_t *blob,
			  uint32_t size, bool *opened)
{
	static struct devtree dt;
	struct fdt t;
	const char *wrong;
	int err = fdt_open(&t, blob, size);
	int theirs = fdt_check_full(blob, size);

	*opened = !err;
	if (!err && theirs)
		ktest_fail(__FILE__, __LINE__, "%s: libfdt refuses: %d",
			   tree->name, theirs);
	if (err && !theirs && !may_refuse(blob, err))
		ktest_fail(__FILE__, __LINE__, "%s: only we refuse: %s",
			   tree->name, fdt_strerror(err));
	if (!err && !theirs)
		compare(tree->name, &t, blob, false);
	err = devtree_init(&dt, blob, size);
	if (err)
		return;
	wrong = devtree_nonsense(&dt);
	if (wrong)
		ktest_fail(__FILE__, __LINE__, "%s: %s", tree->name, wrong);
	fdt_visit_all(&dt.fdt);
}

KTEST(fdt_trees, damaged)
{
	struct rng r = rng_seed(ktest_seed());
	uint64_t rounds = max_u64(ktest_ops() / 250, 2000), accepted = 0;

	if (!have_trees())
		return;
	for (uint64_t i = 0; i < rounds; i++) {
		const struct tree *tree = &trees[rng_below(&r, ntrees)];
		uint8_t *copy = malloc(tree->size), *exact;
		uint32_t size;
		bool opened;

		memcpy(copy, tree->blob, tree->size);
		size = damage(&r, copy, tree->size);
		/* As large as it may be read, for the sanitizer. */
		exact = malloc(size + 1);
		memcpy(exact, copy, size);
		free(copy);
		copy = realloc(exact, size ? size : 1);
		check_damaged(tree, copy, size, &opened);
		accepted += opened;
		free(copy);
	}
	EXPECT(accepted > rounds / 20 && accepted < rounds);
}

static bool init(struct devtree *dt, const char *name)
{
	const struct tree *tree = find_tree(name);

	if (tree && devtree_init(dt, tree->blob, tree->size) == 0)
		return true;
	if (ntrees)
		ktest_fail(__FILE__, __LINE__, "no valid %s", name);
	return false;
}

/* In each variant hart 0 is unusable, and exactly the four others are not. */
KTEST(fdt_trees, monitor_hart_is_found_in_all_variants)
{
	static const char *const names[] = {
		"harts-s7-disabled.dtb",	"harts-s7-okay.dtb",
		"harts-s7-as-u74-disabled.dtb", "harts-s7-as-u74-okay.dtb",
		"harts-s7-with-mmu.dtb",	"factory.dtb",
		"qemu-sifive-u-5.dtb"};
	static struct devtree dt;

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (!init(&dt, names[i]))
			return;
		EXPECT_EQ(dt.ncpu, 5);
		for (unsigned k = 0; k < dt.ncpu; k++)
			EXPECT_EQ(!dt.cpu[k].unusable, dt.cpu[k].hartid != 0);
	}
}

KTEST(fdt_trees, reserved_all)
{
	static struct devtree dt;

	if (!init(&dt, "reserved-all.dtb"))
		return;
	EXPECT_EQ(dt.nreserved, 12);
	EXPECT_EQ(dt.nwarnings, 0);
	EXPECT(dt.reserved[2].no_map && dt.reserved[3].no_map);
	EXPECT(dt.reserved[4].size == 0x2000000 && dt.reserved[4].nalloc == 2);
}

/* The path of a node, an entry of its reg, what it is for the CPU. */
KTEST(fdt_trees, translation)
{
	static const struct {
		const char *path;
		unsigned entry;
		int err;
		uint64_t start;
	} cases[] = {
		{"/bus/dev", 0, 0, 0x9000001000},
		{"/bus/dev", 1, 0, 0x900002000},
		{"/bus/dev", 2, -ERANGE, 0},
		{"/bus/dev", 3, -ENXIO, 0},
		{"/bus/inner/timer", 0, 0, 0x9000204000},
		{"/wide/thing", 0, -ENXIO, 0},
		{"/i2c/chip", 0, -ENXIO, 0},
		{"/bus", 0, 0, 0x9000000000},
	};
	static struct devtree dt;
	struct range r;

	if (!init(&dt, "cells-3.dtb"))
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		fdt_node n = fdt_find(&dt.fdt, cases[i].path);

		REQUIRE(n != FDT_NONE);
		EXPECT_EQ(fdt_reg_phys(&dt.fdt, n, cases[i].entry, &r),
			  cases[i].err);
		if (!cases[i].err)
			EXPECT_EQ(r.start, cases[i].start);
	}
	REQUIRE(fdt_reg_phys_named(&dt.fdt, fdt_find(&dt.fdt, "/bus/dev"),
				   "high", &r) == 0);
	EXPECT_EQ(r.start, 0x900002000);
}

KTEST(fdt_trees, qemu_virt)
{
	static struct devtree dt;

	if (!init(&dt, "qemu-virt-numa.dtb"))
		return;
	EXPECT_EQ(dt.nmemory, 2);
	EXPECT_EQ(dt.ncpu, 4);
	EXPECT_EQ(dt.timebase, 10000000);
	EXPECT(dt.stdout_node != FDT_NONE &&
	       fdt_compatible(&dt.fdt, dt.stdout_node, "ns16550a"));
	if (!init(&dt, "qemu-virt-64.dtb"))
		return;
	EXPECT_EQ(dt.ncpu, 64);
	for (unsigned i = 0; i < dt.ncpu; i++)
		EXPECT(!dt.cpu[i].unusable);
}
