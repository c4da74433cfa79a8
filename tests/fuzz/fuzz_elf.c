/*
 * libFuzzer target: any bytes as an ELF file. What elf_check() passes is looked at
 * as a loader would: every byte of the table, of each segment's data and of the
 * loader's path is read, and what the head comment of lib/elf.c promises is
 * computed again, from the segments alone.
 *
 *	cmake --preset host-fuzz -B build/fuzz
 *	cmake --build build/fuzz --target fuzz_elf
 *	mkdir -p /tmp/new
 *	build/fuzz/fuzz_elf -max_len=4096 /tmp/new tests/fuzz/corpus/elf
 *
 * Does it find anything? FUZZ_ELF_PLANT=1 in the environment plants a bug: the
 * file is said to be 64 KiB longer than it is. AddressSanitizer must report a
 * heap-buffer-overflow within a minute.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lib/elf.h>

#include "no_os.h"

#define LIMIT ((uint64_t)1 << 38)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so, const char *what)
{
	if (so)
		return;
	fprintf(stderr, "not so: %s\n", what);
	abort();
}

static void read_all(const uint8_t *p, uint64_t n)
{
	static volatile uint8_t digest;

	while (n--)
		digest = (uint8_t)(digest + *p++);
}

static void look(const uint8_t *file, const struct elf_image *image)
{
	const struct elf_header *h = &image->header;
	struct elf_segment s, last = {0};
	bool entry = false;
	uint32_t at = 0;

	read_all(file + image->loader.start, range_size(image->loader));
	must(is_pow2(image->align) && image->align >= ELF_PAGE, "align");
	while (elf_next(image, &at, &s)) {
		if (s.file_size)
			read_all(file + s.offset, s.file_size);
		must(!range_empty(s.memory), "a segment is not empty");
		must(s.file_size <= range_size(s.memory), "room for its data");
		must(range_within(s.memory, image->span), "in the span");
		must(s.memory.start >= last.memory.end, "order");
		if (s.memory.start / ELF_PAGE <
		    align_up(last.memory.end, ELF_PAGE) / ELF_PAGE)
			must(s.memory.start - s.offset ==
				     last.memory.start - last.offset,
			     "one page of the file");
		must(!s.file_size ||
			     s.memory.start % ELF_PAGE == s.offset % ELF_PAGE,
		     "as far into a page");
		entry |= s.rights & ELF_EXEC && range_has(s.memory, h->entry);
		last = s;
	}
	must(entry, "code at the entry");
	must(image->span.end <= LIMIT && is_aligned(image->span.end, ELF_PAGE),
	     "the limit");
}

static void visit(const uint8_t *file, uint64_t size)
{
	struct elf_image image;
	struct elf_header h;

	if (elf_header(file, size, &h))
		return;
	read_all(file + h.table, h.entries * ELF_ENTRY);
	if (!elf_check(&h, file + h.table, size, LIMIT, &image))
		look(file, &image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int plant = -1;
	/* Memory of just that size, so that the sanitizer sees its end. */
	uint8_t *file = malloc(size ? size : 1);

	if (plant < 0)
		plant = getenv("FUZZ_ELF_PLANT") != NULL;
	if (size)
		memcpy(file, data, size);
	visit(file, plant ? size + 65536 : size);
	free(file);
	return 0;
}
