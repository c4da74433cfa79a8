/* Archives: right ones, and each kind of wrong one. */
#include <stdio.h>
#include <string.h>

#include <kernel/ktest.h>
#include <lib/bits.h>
#include <lib/cpio.h>
#include <lib/errno.h>

#define SIZE 4096

struct archive {
	char *p;
	uint64_t size;
};

static bool begin(struct archive *a)
{
	a->p = ktest_alloc(SIZE);
	a->size = 0;
	return a->p;
}

static void add_padded(struct archive *a, const char *name, uint32_t name_size,
		       uint32_t mode, const char *data, uint32_t size, int sum)
{
	snprintf(a->p + a->size, SIZE - a->size,
		 "%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08X%08x",
		 sum >= 0 ? "070702" : "070701", 7, mode, 0, 0, 1, 0, size, 0,
		 0, 0, 0, name_size, sum >= 0 ? (unsigned)sum : 0);
	a->size += CPIO_HEADER;
	memcpy(a->p + a->size, name, name_size);
	a->size = align_up(a->size + name_size, 4);
	if (size)
		memcpy(a->p + a->size, data, size);
	a->size = align_up(a->size + size, 4);
}

static void add(struct archive *a, const char *name, uint32_t mode,
		const char *data, uint32_t size, int sum)
{
	add_padded(a, name, (uint32_t)strlen(name) + 1, mode, data, size, sum);
}

KTEST(cpio, entries_in_their_order)
{
	struct cpio_entry e;
	struct archive a;
	uint64_t at = 0;

	REQUIRE(begin(&a));
	add(&a, "bin", 040755, "", 0, -1);
	add(&a, "bin/init", 0100755, "hello", 5, -1);
	add(&a, "TRAILER!!!", 0, "", 0, -1);
	EXPECT_EQ(cpio_next(a.p, a.size, &at, &e), 1);
	EXPECT(!strcmp(e.name, "bin"));
	EXPECT_EQ(e.mode, 040755);
	EXPECT_EQ(e.size, 0);
	EXPECT_EQ(cpio_next(a.p, a.size, &at, &e), 1);
	EXPECT(!strcmp(e.name, "bin/init"));
	EXPECT_EQ(e.size, 5);
	EXPECT(!memcmp(e.data, "hello", 5));
	EXPECT(!e.damaged);
	EXPECT_EQ(cpio_next(a.p, a.size, &at, &e), 0);
	EXPECT_EQ(at, a.size);
}

/* Some pad names with NULs, so that data is aligned. */
KTEST(cpio, names_with_padding)
{
	static const char file[] = "file\0\0\0", end[] = "TRAILER!!!\0\0";
	struct cpio_entry e;
	struct archive a;
	uint64_t at = 0;

	EXPECT(cpio_is_end(end, sizeof(end)));
	EXPECT(cpio_is_end(end, 11));
	EXPECT(!cpio_is_end(end, 10));
	EXPECT(!cpio_is_end("TRAILER!!!!", 12));
	REQUIRE(begin(&a));
	add_padded(&a, file, sizeof(file), 0, "", 0, -1);
	add_padded(&a, end, sizeof(end), 0, "", 0, -1);
	EXPECT_EQ(cpio_next(a.p, a.size, &at, &e), 1);
	EXPECT(!strcmp(e.name, "file"));
	EXPECT_EQ(cpio_next(a.p, a.size, &at, &e), 0);
	EXPECT_EQ(at, a.size);
}

KTEST(cpio, sums)
{
	struct cpio_entry e;
	struct archive a;
	uint64_t at = 0;

	REQUIRE(begin(&a));
	add(&a, "a", 0, "\xff\x01", 2, 0x100);
	add(&a, "b", 0, "\xff\x02", 2, 0x100);
	EXPECT_EQ(cpio_next(a.p, a.size, &at, &e), 1);
	EXPECT(!e.damaged);
	EXPECT_EQ(cpio_next(a.p, a.size, &at, &e), 1);
	EXPECT(e.damaged);
}

/* Cut anywhere, an archive is too short, and nothing behind the cut is read: in
 * memory of just that size, AddressSanitizer sees that. */
KTEST(cpio, truncated_anywhere)
{
	struct cpio_entry e;
	struct archive a;

	REQUIRE(begin(&a));
	add(&a, "some/name", 0100644, "data!", 5, -1);
	for (uint64_t cut = 0; cut < CPIO_HEADER + 10 + 5; cut++) {
		uint8_t *p = ktest_os_alloc(cut + 1);
		uint64_t at = 0;

		REQUIRE(p);
		memcpy(p + 1, a.p, cut);
		EXPECT_EQ(cpio_next(p + 1, cut, &at, &e), -ERANGE);
		EXPECT_EQ(at, 0);
		ktest_os_release(p, cut + 1);
	}
}

KTEST(cpio, nonsense_is_refused)
{
	static const struct {
		unsigned at;
		const char *bytes;
		int err;
	} c[] = {
		{0, "070703", -EINVAL},	   /* another format */
		{0, "070707", -EINVAL},	   /* the old one */
		{6, "x", -EINVAL},	   /* no digit */
		{109, "g", -EINVAL},	   /* in the last one, too */
		{94, "00000000", -EINVAL}, /* no name */
		{94, "00001001", -EINVAL}, /* a name that is too long */
		{94, "ffffffff", -EINVAL}, /* and wraps */
		{94, "00000004", -EINVAL}, /* it does not end in NUL */
		{54, "ffffffff", -ERANGE}, /* data beyond the end */
		{54, "00000ff0", -ERANGE},
	};
	struct cpio_entry e;
	struct archive a;

	REQUIRE(begin(&a));
	for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
		uint64_t at = 0;

		a.size = 0;
		add(&a, "name", 0100644, "data", 4, -1);
		memcpy(a.p + c[i].at, c[i].bytes, strlen(c[i].bytes));
		if (cpio_next(a.p, a.size, &at, &e) != c[i].err)
			ktest_fail(__FILE__, __LINE__, "case %u", i);
		EXPECT_EQ(at, 0);
	}
}
