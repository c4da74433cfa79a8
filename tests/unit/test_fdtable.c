/* Tables of open files, and lines that are typed. */
#include <string.h>

#include <kernel/fdtable.h>
#include <kernel/ktest.h>
#include <kernel/ttyline.h>
#include <lib/errno.h>
#include <mm/fail.h>

KTEST(fdtable, lowest_number_first)
{
	struct fd_table *t = fd_table_create();
	struct file *f = file_create(FILE_CONSOLE, O_RDWR, NULL);

	REQUIRE(t && f);
	EXPECT_EQ(fd_open(t, f, false, 0, 3), 0);
	EXPECT_EQ(fd_open(t, file_get(f), false, 0, 3), 1);
	EXPECT_EQ(fd_open(t, file_get(f), true, 2, 3), 2);
	EXPECT_EQ(fd_open(t, f, false, 0, 3), -EMFILE);
	EXPECT_EQ(fd_open(t, f, false, 7, 3), -EMFILE);
	EXPECT_EQ(fd_close(t, 1), 0);
	EXPECT_EQ(fd_close(t, 1), -EBADF);
	EXPECT_EQ(fd_close(t, UINT64_MAX), -EBADF);
	EXPECT_EQ(fd_open(t, file_get(f), false, 0, 100), 1);
	EXPECT_EQ(fd_open(t, file_get(f), false, 50, 100), 50);
	EXPECT_EQ(f->refs, 4);
	EXPECT(!fd_get(t, 49));
	EXPECT(!fd_get(t, UINT32_MAX));
	EXPECT(fd_get(t, 50) == f);
	file_put(f);
	fd_table_destroy(t);
}

KTEST(fdtable, copies_share_files)
{
	struct fd_table *t = fd_table_create(), *copy;
	struct file *f = file_create(FILE_CONSOLE, O_RDWR, NULL);

	REQUIRE(t && f);
	fd_open(t, file_get(f), false, 0, 10);
	fd_open(t, file_get(f), true, 9, 10);
	copy = fd_table_copy(t);
	REQUIRE(copy);
	EXPECT_EQ(f->refs, 5);
	fd_table_exec(copy);
	EXPECT_EQ(f->refs, 4);
	EXPECT(fd_slot(copy, 0) && !fd_slot(copy, 9) && fd_slot(t, 9));
	fd_table_destroy(copy);
	EXPECT_EQ(f->refs, 3);
	fd_table_destroy(t);
	EXPECT_EQ(f->refs, 1);
	file_put(f);
}

/* --- lines --- */

static char shown[64];

static void show(const char *s, size_t n)
{
	strncat(shown, s, n);
}

static bool typed(const char *keys, const char *line, const char *echo)
{
	struct ttyline l = {0};
	char got[64] = "";
	size_t n;

	shown[0] = '\0';
	for (; *keys; keys++)
		ttyline_put(&l, (uint8_t)*keys, show);
	if (!l.ended || strcmp(shown, echo) != 0)
		return false;
	/* In two pieces. */
	n = ttyline_take(&l, got, 2);
	if (l.ended)
		n += ttyline_take(&l, got + n, sizeof(got) - n);
	return n == strlen(line) && !memcmp(got, line, n) && !l.ended &&
	       !l.length;
}

KTEST(ttyline, editing)
{
	EXPECT(typed("\r", "\n", "\n"));
	EXPECT(typed("\4", "", ""));
	EXPECT(typed("abc\n", "abc\n", "abc\n"));
	EXPECT(typed("abc\4", "abc", "abc"));
	EXPECT(typed("ab\177c\r", "ac\n", "ab\b \bc\n"));
	EXPECT(typed("\b\1\b\r", "\n", "^A\b \b\b \b\n"));
	EXPECT(typed("a bc \27d\r", "a d\n", "a bc \b \b\b \b\b \bd\n"));
	EXPECT(typed("ab\25c\r", "c\n", "ab\b \b\b \bc\n"));
	EXPECT(typed("\303\244\177\r", "\n", "\303\244\b \b\n"));
}

KTEST(ttyline, full)
{
	static struct ttyline l;

	memset(&l, 0, sizeof(l));
	for (unsigned i = 0; i < TTYLINE + 10; i++) {
		shown[0] = '\0';
		ttyline_put(&l, 'x', show);
	}
	EXPECT(!strcmp(shown, "\a"));
	ttyline_put(&l, '\r', show);
	EXPECT_EQ(l.length, TTYLINE);
	EXPECT(l.ended && l.text[TTYLINE - 1] == '\n');
}
