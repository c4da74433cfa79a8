/* Interrupts in device trees (<lib/fdt_irq.h>). */
#include <string.h>

#include <kernel/ktest.h>
#include <lib/bits.h>
#include <lib/errno.h>
#include <lib/fdt_irq.h>

#include "test_fdt_build.h"

static struct fb b;
static struct fdt t;

static void controller(const char *name, uint32_t phandle, uint32_t cells)
{
	fb_node(&b, name);
	FB_CELLS(&b, "phandle", phandle);
	FB_CELLS(&b, "#interrupt-cells", cells);
	fb_end(&b);
}

static bool begin(void)
{
	if (!fb_start(&b)) {
		ktest_skip("no memory");
		return false;
	}
	fb_node(&b, "");
	FB_CELLS(&b, "interrupt-parent", 1);
	controller("one", 1, 1);
	controller("two", 2, 2);
	controller("none", 3, 0);
	controller("five", 5, 5);
	fb_node(&b, "all");
	FB_CELLS(&b, "phandle", 6);
	fb_end(&b);
	return true;
}

/* What fdt_irq() says of interrupt i of that node. */
static int ask(const char *path, unsigned i, struct fdt_irq *out)
{
	fdt_node n = fdt_find(&t, path);

	memset(out, 0xa5, sizeof(*out));
	return fdt_irq(&t, n, fdt_irq_parent(&t, n), i, out);
}

static bool untouched(const struct fdt_irq *q)
{
	const uint8_t *p = (const uint8_t *)q;

	for (size_t i = 0; i < sizeof(*q); i++)
		if (p[i] != 0xa5)
			return false;
	return true;
}

KTEST(fdt_irq, entries)
{
	struct fdt_irq q;

	if (!begin())
		return;
	fb_node(&b, "plain");
	FB_CELLS(&b, "interrupts", 7, 8, 9);
	fb_end(&b);
	fb_node(&b, "pairs");
	FB_CELLS(&b, "interrupt-parent", 2);
	FB_CELLS(&b, "interrupts", 7, 4, 9, 1);
	fb_end(&b);
	fb_node(&b, "extended");
	FB_CELLS(&b, "interrupts", 1);
	FB_CELLS(&b, "interrupts-extended", 2, 30, 4, 1, 31, 2, 32, 8);
	fb_end(&b);
	fb_end(&b);
	REQUIRE(!fb_open(&b, &t));

	EXPECT_EQ(ask("/plain", 2, &q), 0);
	EXPECT(q.parent == fdt_find(&t, "/one") && q.ncells == 1);
	EXPECT_EQ(q.cell[0], 9);
	EXPECT_EQ(ask("/plain", 3, &q), -ENOENT);
	EXPECT(untouched(&q));
	EXPECT_EQ(ask("/plain", UINT32_MAX, &q), -ENOENT);
	EXPECT_EQ(ask("/pairs", 1, &q), 0);
	EXPECT(q.parent == fdt_find(&t, "/two") && q.ncells == 2);
	EXPECT(q.cell[0] == 9 && q.cell[1] == 1);
	EXPECT_EQ(ask("/extended", 0, &q), 0);
	EXPECT(q.cell[0] == 30 && q.cell[1] == 4);
	EXPECT_EQ(ask("/extended", 1, &q), 0);
	EXPECT(q.cell[0] == 31 && q.ncells == 1);
	EXPECT_EQ(ask("/extended", 2, &q), 0);
	EXPECT(q.cell[0] == 32 && q.cell[1] == 8);
	EXPECT_EQ(ask("/extended", 3, &q), -ENOENT);
	EXPECT_EQ(ask("/one", 0, &q), -ENOENT);
	EXPECT(untouched(&q));
}

KTEST(fdt_irq, what_makes_no_sense)
{
	static const struct {
		const char *name;
		uint32_t parent;
		int err;
	} cases[] = {
		{"of-nobody", 99, -ENXIO},   {"of-zero", 0, -ENXIO},
		{"of-none", 3, -EINVAL},     {"of-five", 5, -EINVAL},
		{"of-a-device", 6, -EINVAL}, {"odd", 2, -EINVAL},
	};
	struct fdt_irq q;
	char path[32] = "/";

	if (!begin())
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		fb_node(&b, cases[i].name);
		FB_CELLS(&b, "interrupt-parent", cases[i].parent);
		FB_CELLS(&b, "interrupts", 1, 2, 3);
		fb_end(&b);
	}
	fb_node(&b, "cut");
	fb_prop(&b, "interrupts", "abc", 3);
	fb_end(&b);
	fb_node(&b, "extended-cut");
	FB_CELLS(&b, "interrupts-extended", 1, 5, 2, 6);
	fb_end(&b);
	fb_node(&b, "extended-none");
	FB_CELLS(&b, "interrupts-extended", 77, 5);
	fb_end(&b);
	fb_end(&b);
	REQUIRE(!fb_open(&b, &t));
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		strcpy(path + 1, cases[i].name);
		EXPECT_EQ(ask(path, 0, &q), cases[i].err);
		EXPECT(untouched(&q));
	}
	EXPECT_EQ(ask("/cut", 0, &q), -EINVAL);
	EXPECT_EQ(ask("/extended-cut", 0, &q), 0);
	EXPECT_EQ(ask("/extended-cut", 1, &q), -EINVAL);
	EXPECT_EQ(ask("/extended-none", 0, &q), -ENXIO);
}
