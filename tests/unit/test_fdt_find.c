/* lib/fdt_find.c: typed properties, paths, aliases, phandles, compatible. */
#include <lib/errno.h>

#include "test_fdt_build.h"

static bool board(struct fb *b, struct fdt *t)
{
	if (!fb_start(b))
		return false;
	fb_node(b, "");
	fb_node(b, "aliases");
	fb_string(b, "serial0", "/soc/serial@1000");
	fb_string(b, "serial1", "/soc/serial@2000");
	fb_string(b, "bus", "/soc");
	fb_string(b, "lost", "/soc/nothing");
	fb_prop(b, "open", "/soc", 4);
	fb_end(b);
	fb_node(b, "soc");
	FB_LIST(b, "compatible", "simple-bus");
	fb_node(b, "serial@1000");
	FB_LIST(b, "compatible", "maker,uart\0ns16550a");
	FB_CELLS(b, "phandle", 5);
	FB_CELLS(b, "one", 0x12345678);
	FB_CELLS(b, "two", 0x12345678, 0x9abcdef0);
	FB_CELLS(b, "three", 1, 2, 3);
	fb_prop(b, "open", "abc", 3);
	FB_LIST(b, "names", "first\0\0third");
	fb_string(b, "status", "disabled");
	fb_end(b);
	fb_node(b, "serial@2000");
	FB_LIST(b, "compatible", "ns16550a");
	FB_CELLS(b, "linux,phandle", 6);
	fb_string(b, "status", "okay");
	fb_end(b);
	fb_node(b, "serial");
	fb_string(b, "status", "ok");
	fb_end(b);
	fb_node(b, "odd@1@2");
	fb_end(b);
	fb_node(b, "seri");
	fb_prop(b, "status", "okay", 4);
	fb_end(b);
	fb_end(b);
	fb_end(b);
	return fb_open(b, t) == 0;
}

static bool is(const struct fdt *t, fdt_node n, const char *name)
{
	return n != FDT_NONE && strcmp(fdt_name(t, n), name) == 0;
}

KTEST(fdt_find, numbers)
{
	struct fdt t;
	struct fb b;
	uint32_t v = 1;
	uint64_t w = 1;
	fdt_node n;

	REQUIRE(board(&b, &t));
	n = fdt_find(&t, "/soc/serial@1000");
	REQUIRE(n != FDT_NONE);
	EXPECT_EQ(fdt_get_u32(&t, n, "none", &v), -ENOENT);
	EXPECT_EQ(fdt_get_u32(&t, n, "two", &v), -EINVAL);
	EXPECT_EQ(fdt_get_u64(&t, n, "three", &w), -EINVAL);
	EXPECT_EQ(v, 1);
	EXPECT_EQ(w, 1);
	EXPECT_EQ(fdt_get_u32(&t, n, "one", &v), 0);
	EXPECT_EQ(v, 0x12345678);
	EXPECT_EQ(fdt_get_u64(&t, n, "one", &w), 0);
	EXPECT_EQ(w, 0x12345678);
	EXPECT_EQ(fdt_get_u64(&t, n, "two", &w), 0);
	EXPECT_EQ(w, 0x123456789abcdef0u);
}

KTEST(fdt_find, strings_and_lists)
{
	struct fdt t;
	struct fb b;
	uint32_t size;
	const char *names;
	fdt_node n;

	REQUIRE(board(&b, &t));
	n = fdt_find(&t, "/soc/serial@1000");
	REQUIRE(n != FDT_NONE);
	EXPECT(!fdt_get_str(&t, n, "open"));
	EXPECT(!fdt_get_str(&t, n, "none"));
	EXPECT(strcmp(fdt_get_str(&t, n, "compatible"), "maker,uart") == 0);
	names = fdt_get(&t, n, "names", &size);
	REQUIRE(names != NULL);
	EXPECT(strcmp(fdt_list_item(names, size, 0), "first") == 0);
	EXPECT(strcmp(fdt_list_item(names, size, 1), "") == 0);
	EXPECT(strcmp(fdt_list_item(names, size, 2), "third") == 0);
	EXPECT(!fdt_list_item(names, size, 3));
	EXPECT(!fdt_list_item(names, size - 1, 2));
	EXPECT_EQ(fdt_list_find(names, size, "third"), 2);
	EXPECT_EQ(fdt_list_find(names, size, ""), 1);
	EXPECT_EQ(fdt_list_find(names, size, "thir"), -ENOENT);
	EXPECT_EQ(fdt_list_find(names, size, "thirds"), -ENOENT);
	EXPECT_EQ(fdt_list_find(names, size - 1, "third"), -ENOENT);
	EXPECT_EQ(fdt_list_find(names, 0, ""), -ENOENT);
}

KTEST(fdt_find, paths)
{
	struct fdt t;
	struct fb b;

	REQUIRE(board(&b, &t));
	EXPECT(fdt_find(&t, "/") == fdt_root(&t));
	EXPECT(fdt_find(&t, "//") == fdt_root(&t));
	EXPECT(fdt_find(&t, "") == FDT_NONE);
	EXPECT(fdt_find(&t, "soc") == FDT_NONE);
	EXPECT(is(&t, fdt_find(&t, "/soc"), "soc"));
	EXPECT(is(&t, fdt_find(&t, "//soc/"), "soc"));
	EXPECT(is(&t, fdt_find(&t, "/soc/serial@2000"), "serial@2000"));
	EXPECT(is(&t, fdt_find(&t, "/soc/serial"), "serial@1000"));
	EXPECT(is(&t, fdt_find(&t, "/soc/seri"), "seri"));
	EXPECT(is(&t, fdt_find(&t, "/soc/odd"), "odd@1@2"));
	EXPECT(fdt_find(&t, "/soc/odd@1") == FDT_NONE);
	EXPECT(fdt_find(&t, "/soc/ser") == FDT_NONE);
	EXPECT(fdt_find(&t, "/soc/serial@") == FDT_NONE);
	EXPECT(fdt_find(&t, "/soc/serial@10000") == FDT_NONE);
	EXPECT(fdt_find(&t, "/soc/serial@2000/x") == FDT_NONE);
	EXPECT(is(&t, fdt_find_at(&t, fdt_find(&t, "/soc"), "serial@2000"),
		  "serial@2000"));
}

KTEST(fdt_find, aliases_and_options)
{
	const char *o = NULL;
	struct fdt t;
	struct fb b;

	REQUIRE(board(&b, &t));
	EXPECT(is(&t, fdt_resolve(&t, "serial1", NULL), "serial@2000"));
	EXPECT(is(&t, fdt_resolve(&t, "serial0:115200n8", &o), "serial@1000"));
	EXPECT(strcmp(o, "115200n8") == 0);
	EXPECT(is(&t, fdt_resolve(&t, "serial0", &o), "serial@1000"));
	EXPECT(strcmp(o, "") == 0);
	EXPECT(is(&t, fdt_resolve(&t, "bus/serial@2000:9600:x", &o),
		  "serial@2000"));
	EXPECT(strcmp(o, "9600:x") == 0);
	EXPECT(is(&t, fdt_resolve(&t, "/soc/serial@2000:115200", &o),
		  "serial@2000"));
	EXPECT(strcmp(o, "115200") == 0);
	EXPECT(fdt_resolve(&t, "serial", &o) == FDT_NONE);
	EXPECT(fdt_resolve(&t, "serial00", &o) == FDT_NONE);
	EXPECT(fdt_resolve(&t, "lost", &o) == FDT_NONE);
	EXPECT(fdt_resolve(&t, "open", &o) == FDT_NONE);
	EXPECT(fdt_resolve(&t, "", &o) == FDT_NONE);
	EXPECT(fdt_resolve(&t, ":", &o) == FDT_NONE);
}

KTEST(fdt_find, phandles)
{
	struct fdt t;
	struct fb b;

	REQUIRE(board(&b, &t));
	EXPECT(is(&t, fdt_find_phandle(&t, 5), "serial@1000"));
	EXPECT(is(&t, fdt_find_phandle(&t, 6), "serial@2000"));
	EXPECT(fdt_find_phandle(&t, 7) == FDT_NONE);
	EXPECT(fdt_find_phandle(&t, 0) == FDT_NONE);
	EXPECT(fdt_find_phandle(&t, UINT32_MAX) == FDT_NONE);
}

KTEST(fdt_find, compatible)
{
	struct fdt t;
	struct fb b;
	fdt_node n;

	REQUIRE(board(&b, &t));
	n = fdt_find_compatible(&t, FDT_NONE, "ns16550a");
	EXPECT(is(&t, n, "serial@1000"));
	n = fdt_find_compatible(&t, n, "ns16550a");
	EXPECT(is(&t, n, "serial@2000"));
	EXPECT(fdt_find_compatible(&t, n, "ns16550a") == FDT_NONE);
	EXPECT(fdt_find_compatible(&t, FDT_NONE, "ns16550") == FDT_NONE);
	EXPECT(fdt_find_compatible(&t, FDT_NONE, "uart") == FDT_NONE);
}

KTEST(fdt_find, status)
{
	struct fdt t;
	struct fb b;

	REQUIRE(board(&b, &t));
	EXPECT(fdt_enabled(&t, fdt_find(&t, "/soc")));
	EXPECT(!fdt_enabled(&t, fdt_find(&t, "/soc/serial@1000")));
	EXPECT(fdt_enabled(&t, fdt_find(&t, "/soc/serial@2000")));
	EXPECT(!fdt_enabled(&t, fdt_find(&t, "/soc/seri")));
	EXPECT(fdt_enabled(
		&t, fdt_next_sibling(&t, fdt_find(&t, "/soc/serial@2000"))));
}
