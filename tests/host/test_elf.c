/* lib/elf.c: files that are right, and each way of being wrong. */
#include <string.h>

#include <kernel/ktest.h>
#include <lib/elf.h>

#include "elf_make.h"

#define BASE  0x10000u
#define LIMIT ((uint64_t)1 << 38)

static struct make_elf m;
static struct elf_image image;

/* NULL, or why it is refused. */
static const char *check(uint64_t size)
{
	struct elf_header h;
	const char *why = elf_header(&m.h, size, &h);

	memset(&image, 0xa5, sizeof(image));
	return why ? why : elf_check(&h, m.e, size, LIMIT, &image);
}

static bool refused(uint64_t size, const char *part)
{
	struct elf_image before;
	const char *why = check(size);

	memset(&before, 0xa5, sizeof(before));
	return why && strstr(why, part) &&
	       !memcmp(&before, &image, sizeof(before));
}

KTEST(elf, a_program)
{
	struct elf_segment s;
	uint32_t at = 0;

	make_elf(&m, MAKE_FIXED, BASE);
	REQUIRE(!check(MAKE_SIZE));
	EXPECT(image.header.fixed);
	EXPECT_EQ(image.header.entry, BASE + 0x180);
	EXPECT_EQ(image.span.start, BASE);
	EXPECT_EQ(image.span.end, BASE + 0x4000);
	EXPECT_EQ(image.align, 0x1000);
	EXPECT_EQ(image.table_at, BASE + ELF_HEADER);
	EXPECT(range_empty(image.loader));
	EXPECT(!image.stack_exec);
	REQUIRE(elf_next(&image, &at, &s));
	EXPECT_EQ(s.memory.start, BASE);
	EXPECT_EQ(s.rights, ELF_READ | ELF_EXEC);
	REQUIRE(elf_next(&image, &at, &s));
	EXPECT_EQ(s.memory.end, BASE + 0x3300);
	EXPECT_EQ(s.offset, 0x200);
	EXPECT_EQ(s.file_size, 0x100);
	EXPECT(!elf_next(&image, &at, &s));
}

KTEST(elf, loader_stack_and_others)
{
	make_elf(&m, MAKE_ANYWHERE, 0);
	m.h.entries = 6;
	m.e[2] = (struct make_entry){
		.type = MAKE_INTERP, .offset = 0x2f0, .file_size = 16};
	/* The second one does not count; nor do types that nobody knows. */
	m.e[3] = (struct make_entry){.type = MAKE_INTERP, .file_size = 16};
	m.e[4] = (struct make_entry){.type = MAKE_STACK,
				     .flags = ELF_READ | ELF_EXEC};
	m.e[5] = (struct make_entry){.type = 7, .offset = UINT64_MAX};
	REQUIRE(!check(MAKE_SIZE));
	EXPECT(!image.header.fixed);
	EXPECT_EQ(image.loader.start, 0x2f0);
	EXPECT_EQ(image.loader.end, 0x300);
	EXPECT(image.stack_exec);
	m.e[4].flags = ELF_READ;
	REQUIRE(!check(MAKE_SIZE));
	EXPECT(!image.stack_exec);
	m.e[1].align = 0x200000;
	REQUIRE(!check(MAKE_SIZE));
	EXPECT_EQ(image.align, 0x200000);
	/* A table that no segment has. */
	m.e[0].offset = 0x1000;
	m.e[0].file_size = 0;
	REQUIRE(!check(MAKE_SIZE));
	EXPECT_EQ(image.table_at, 0);
}

/* What Linux runs, and what some linkers make. */
KTEST(elf, odd_but_right)
{
	make_elf(&m, MAKE_FIXED, BASE);
	m.e[0].align = m.e[1].align = 0;
	EXPECT(!check(MAKE_SIZE));
	/* Zeros only: its place in the file means nothing. */
	m.e[1].file_size = 0;
	m.e[1].offset = UINT64_MAX;
	EXPECT(!check(MAKE_SIZE));
	/* A segment of nothing, out of order. */
	make_elf(&m, MAKE_FIXED, BASE);
	m.e[2] = (struct make_entry){.type = MAKE_LOAD};
	m.h.entries = 3;
	EXPECT(!check(MAKE_SIZE));
	/* Two in one page, which is one of the file, too. */
	make_elf(&m, MAKE_FIXED, BASE);
	m.e[1].address = BASE + 0x200;
	EXPECT(!check(MAKE_SIZE));
	/* Up to the very end of memory. */
	make_elf(&m, MAKE_FIXED, LIMIT - 0x4000);
	m.e[1].memory_size = 0x2e00;
	EXPECT(!check(MAKE_SIZE));
	/* As many headers as a page holds. */
	make_elf(&m, MAKE_FIXED, BASE);
	m.h.entries = ELF_ENTRIES;
	EXPECT(!check(ELF_HEADER + ELF_ENTRIES * ELF_ENTRY));
}

KTEST(elf, headers_that_are_refused)
{
	make_elf(&m, MAKE_FIXED, BASE);
	EXPECT(refused(ELF_HEADER - 1, "too short"));
	m.h.ident[1] = 'e';
	EXPECT(refused(MAKE_SIZE, "no ELF file"));
	for (unsigned i = 4; i <= 5; i++) {
		make_elf(&m, MAKE_FIXED, BASE);
		m.h.ident[i] ^= 3;
		EXPECT(refused(MAKE_SIZE, "another machine"));
	}
	make_elf(&m, MAKE_FIXED, BASE);
	m.h.machine = 62;
	EXPECT(refused(MAKE_SIZE, "another machine"));
	make_elf(&m, 1, BASE);
	EXPECT(refused(MAKE_SIZE, "not linked"));
	make_elf(&m, 4, BASE);
	EXPECT(refused(MAKE_SIZE, "not linked"));
	make_elf(&m, MAKE_FIXED, BASE);
	m.h.entry_size++;
	EXPECT(refused(MAKE_SIZE, "unknown size"));
	make_elf(&m, MAKE_FIXED, BASE);
	m.h.entries = 0;
	EXPECT(refused(MAKE_SIZE, "too many"));
	m.h.entries = ELF_ENTRIES + 1;
	EXPECT(refused(UINT64_MAX, "too many"));
	m.h.entries = 2;
	EXPECT(refused(ELF_HEADER + 2 * ELF_ENTRY - 1, "not in the file"));
	m.h.table = UINT64_MAX - ELF_ENTRY;
	EXPECT(refused(MAKE_SIZE, "not in the file"));
}

KTEST(elf, segments_that_are_refused)
{
	static const struct {
		unsigned entry;
		size_t field;
		uint64_t value;
		const char *why;
	} c[] = {
#define AT(f) offsetof(struct make_entry, f)
		{1, AT(file_size), 0x2101, "more bytes than room"},
		{1, AT(memory_size), 0xff, "more bytes than room"},
		{1, AT(offset), 0x1200, "not in the file"},
		{1, AT(offset), (uint64_t)-0xe00, "not in the file"},
		{1, AT(address), LIMIT - 0x1e00, "beyond the end"},
		{1, AT(memory_size), UINT64_MAX - 0x11200, "beyond the end"},
		{1, AT(memory_size), UINT64_MAX, "beyond the end"},
		{1, AT(address), LIMIT + 0x200, "beyond the end"},
		{0, AT(align), 0x1001, "power of two"},
		{1, AT(offset), 0x1ff, "same place in a page"},
		{1, AT(address), BASE + 0x1201, "same place in a page"},
		{1, AT(address), 0x200, "not in order"},
		{0, AT(memory_size), 0x1201, "overlap"},
		/* One page of memory, two of the file; or no room for zeros. */
		{0, AT(memory_size), 0x1100, "share a page"},
#undef AT
	};

	for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
		make_elf(&m, MAKE_FIXED, BASE);
		memcpy((char *)&m.e[c[i].entry] + c[i].field, &c[i].value, 8);
		if (!refused(MAKE_SIZE, c[i].why))
			ktest_fail(__FILE__, __LINE__, "case %u", i);
	}
	make_elf(&m, MAKE_FIXED, BASE);
	m.e[0].memory_size = m.e[0].file_size = 0x300;
	m.e[1].address = BASE + 0x300;
	m.e[1].offset = 0x300 + 0x1000;
	EXPECT(refused(0x2000, "share a page"));
}

KTEST(elf, nothing_to_run_is_refused)
{
	make_elf(&m, MAKE_FIXED, BASE);
	m.e[0].type = m.e[1].type = 4;
	EXPECT(refused(MAKE_SIZE, "nothing of it"));
	make_elf(&m, MAKE_FIXED, BASE);
	m.h.entry = BASE + 0x200;
	EXPECT(refused(MAKE_SIZE, "no code"));
	m.h.entry = BASE + 0x1200;
	EXPECT(refused(MAKE_SIZE, "no code"));
	make_elf(&m, MAKE_FIXED, BASE);
	m.e[0].flags = ELF_READ;
	EXPECT(refused(MAKE_SIZE, "no code"));
	make_elf(&m, MAKE_FIXED, BASE);
	m.e[2] = (struct make_entry){.type = MAKE_INTERP, .file_size = 1};
	m.h.entries = 3;
	EXPECT(refused(MAKE_SIZE, "loader's name"));
	m.e[2].file_size = ELF_PATH + 1;
	EXPECT(refused(UINT64_MAX, "loader's name"));
	m.e[2].file_size = 2;
	m.e[2].offset = UINT64_MAX;
	EXPECT(refused(MAKE_SIZE, "loader's name"));
}
