/*
 * See <lib/elf.h>.
 *
 *	file	|header|table| ...text... | ...data... | sections, ignored |
 *			     offset        offset
 *			     |  file_size  |  file_size
 *			     v             v
 *	memory		     | ...text... |  | ...data... 000000 |
 *			   memory.start	    memory.start     memory.end
 *
 * A file is mapped by pages. So a segment begins as far into a page of memory as into
 * a page of the file, and what else is in these pages can be seen in memory, too. Two
 * segments may meet in a page of memory if it is the same page of the file for
 * both; there is no room for zeros in it then.
 *
 * What elf_check() has passed:
 *  I1  the bytes of each segment, of the table and of the loader's path are in the
 *	file, and no sum wraps
 *  I2  segments are in the order of their addresses, not empty, disjoint, below
 *	the limit
 *  I3  pages of two segments are of one page of the file
 *  I4  the first instruction is in a segment that may be executed
 */
#include <string.h>

#include <lib/elf.h>

enum { CLASS = 4, DATA = 5 }; /* bytes of the identification */
enum { CLASS_64 = 2, DATA_LITTLE = 1 };
enum { TYPE_FIXED = 2, TYPE_ANYWHERE = 3, MACHINE_RISCV = 243 };
enum { LOAD = 1, INTERP = 3, GNU_STACK = 0x6474e551 };

/* As they are in the file. */
struct raw_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, table, sections;
	uint32_t flags;
	uint16_t size, entry_size, entries, section_size, nsections, names;
};

struct raw_entry {
	uint32_t type, flags;
	uint64_t offset, address, physical, file_size, memory_size, align;
};

_Static_assert(sizeof(struct raw_header) == ELF_HEADER, "header");
_Static_assert(sizeof(struct raw_entry) == ELF_ENTRY, "program header");
_Static_assert(ELF_ENTRIES *ELF_ENTRY <= ELF_PAGE, "a page");

/* Are `n` bytes from `offset` on in a file of `size` bytes? */
static bool inside(uint64_t offset, uint64_t n, uint64_t size)
{
	return offset <= size && n <= size - offset;
}

const char *elf_header(const void *p, uint64_t size, struct elf_header *h)
{
	struct raw_header r;

	if (size < sizeof(r))
		return "too short for an ELF file";
	memcpy(&r, p, sizeof(r));
	if (memcmp(r.ident, "\177ELF", 4) != 0)
		return "no ELF file";
	if (r.ident[CLASS] != CLASS_64 || r.ident[DATA] != DATA_LITTLE ||
	    r.machine != MACHINE_RISCV)
		return "for another machine";
	if (r.type != TYPE_FIXED && r.type != TYPE_ANYWHERE)
		return "no program: it was not linked";
	if (r.entry_size != ELF_ENTRY)
		return "program headers of an unknown size";
	if (!r.entries || r.entries > ELF_ENTRIES)
		return "no program headers, or too many";
	if (!inside(r.table, (uint64_t)r.entries * ELF_ENTRY, size))
		return "its program headers are not in the file";
	*h = (struct elf_header){
		.fixed = r.type == TYPE_FIXED,
		.entry = r.entry,
		.table = r.table,
		.entries = r.entries,
	};
	return NULL;
}

static struct raw_entry entry_at(const void *table, uint32_t i)
{
	struct raw_entry r;

	memcpy(&r, (const uint8_t *)table + i * sizeof(r), sizeof(r));
	return r;
}

static bool takes_memory(const struct raw_entry *r)
{
	return r->type == LOAD && r->memory_size;
}

static struct elf_segment segment_of(const struct raw_entry *r)
{
	return (struct elf_segment){
		.memory = range_make(r->address, r->address + r->memory_size),
		.offset = r->offset,
		.file_size = r->file_size,
		.rights = r->flags & (ELF_READ | ELF_WRITE | ELF_EXEC),
	};
}

static const char *check_segment(const struct raw_entry *r, uint64_t size,
				 uint64_t limit)
{
	if (r->file_size > r->memory_size)
		return "a segment has more bytes than room in memory";
	if (r->file_size && !inside(r->offset, r->file_size, size))
		return "a segment is not in the file";
	if (!inside(r->address, r->memory_size, limit))
		return "a segment is beyond the end of memory";
	if (r->align && !is_pow2(r->align))
		return "a segment's alignment is no power of two";
	if (r->file_size && (r->address - r->offset) % ELF_PAGE)
		return "a segment is not at the same place in a page of the "
		       "file";
	return NULL;
}

/* I2, I3: may `s` come behind `last`? */
static const char *check_order(const struct elf_segment *last,
			       const struct elf_segment *s)
{
	if (s->memory.start < last->memory.end)
		return "segments overlap, or are not in order";
	if (align_down(s->memory.start, ELF_PAGE) >=
	    align_up(last->memory.end, ELF_PAGE))
		return NULL;
	if (last->file_size < range_size(last->memory) || !s->file_size ||
	    s->memory.start - s->offset != last->memory.start - last->offset)
		return "segments share a page of memory, but not of the file";
	return NULL;
}

static void add_segment(struct elf_image *image, const struct raw_entry *r,
			const struct elf_segment *s)
{
	const struct elf_header *h = &image->header;
	struct range pages = range_align_out(s->memory, ELF_PAGE);

	if (range_empty(image->span))
		image->span = pages;
	image->span.end = pages.end;
	image->align = max_u64(image->align, r->align);
	if (h->table >= s->offset &&
	    inside(h->table - s->offset, h->entries * ELF_ENTRY, s->file_size))
		image->table_at = s->memory.start + (h->table - s->offset);
}

static const char *check_segments(struct elf_image *image, uint64_t size,
				  uint64_t limit)
{
	struct elf_segment s, last = {0};
	bool entry = false;

	for (uint32_t i = 0; i < image->header.entries; i++) {
		struct raw_entry r = entry_at(image->table, i);
		const char *wrong;

		if (r.type != LOAD)
			continue;
		wrong = check_segment(&r, size, limit);
		if (wrong)
			return wrong;
		if (!r.memory_size)
			continue;
		s = segment_of(&r);
		wrong = check_order(&last, &s);
		if (wrong)
			return wrong;
		add_segment(image, &r, &s);
		entry = entry || (s.rights & ELF_EXEC &&
				  range_has(s.memory, image->header.entry));
		last = s;
	}
	if (range_empty(image->span))
		return "nothing of it goes to memory";
	return entry ? NULL : "it begins where there is no code";
}

static const char *check_others(struct elf_image *image, uint64_t size)
{
	for (uint32_t i = 0; i < image->header.entries; i++) {
		struct raw_entry r = entry_at(image->table, i);

		if (r.type == GNU_STACK)
			image->stack_exec = r.flags & ELF_EXEC;
		if (r.type != INTERP || !range_empty(image->loader))
			continue;
		if (r.file_size < 2 || r.file_size > ELF_PATH ||
		    !inside(r.offset, r.file_size, size))
			return "its loader's name is not in the file";
		image->loader = range_make(r.offset, r.offset + r.file_size);
	}
	return NULL;
}

const char *elf_check(const struct elf_header *h, const void *table,
		      uint64_t size, uint64_t limit, struct elf_image *image)
{
	struct elf_image found = {
		.header = *h,
		.table = table,
		.align = ELF_PAGE,
	};
	const char *wrong = check_segments(&found, size, limit);

	if (!wrong)
		wrong = check_others(&found, size);
	if (!wrong)
		*image = found;
	return wrong;
}

bool elf_next(const struct elf_image *image, uint32_t *at,
	      struct elf_segment *s)
{
	while (*at < image->header.entries) {
		struct raw_entry r = entry_at(image->table, (*at)++);

		if (takes_memory(&r)) {
			*s = segment_of(&r);
			return true;
		}
	}
	return false;
}
