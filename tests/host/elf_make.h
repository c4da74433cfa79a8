/* ELF files made by tests: a header, program headers, and bytes. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <lib/elf.h>

struct make_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, table, sections;
	uint32_t flags;
	uint16_t size, entry_size, entries, section_size, nsections, names;
};

struct make_entry {
	uint32_t type, flags;
	uint64_t offset, address, physical, file_size, memory_size, align;
};

enum { MAKE_FIXED = 2, MAKE_ANYWHERE = 3 };
enum { MAKE_LOAD = 1, MAKE_INTERP = 3, MAKE_STACK = 0x6474e551 };

/* The header is at the start of the file, the table right behind it. */
struct make_elf {
	struct make_header h;
	struct make_entry e[ELF_ENTRIES + 1];
};

/* Text at `base` with all that is in front of it in the file, and data with zeros
 * behind it, in the next page: 0x200 bytes of text, 0x100 of data. */
static inline void make_elf(struct make_elf *m, unsigned type, uint64_t base)
{
	memset(m, 0, sizeof(*m));
	m->h = (struct make_header){
		.ident = {0x7f, 'E', 'L', 'F', 2, 1, 1},
		.type = (uint16_t)type,
		.machine = 243,
		.version = 1,
		.entry = base + 0x180,
		.table = ELF_HEADER,
		.size = ELF_HEADER,
		.entry_size = ELF_ENTRY,
		.entries = 2,
	};
	m->e[0] = (struct make_entry){
		.type = MAKE_LOAD,
		.flags = ELF_READ | ELF_EXEC,
		.address = base,
		.file_size = 0x200,
		.memory_size = 0x200,
		.align = 0x1000,
	};
	m->e[1] = (struct make_entry){
		.type = MAKE_LOAD,
		.flags = ELF_READ | ELF_WRITE,
		.offset = 0x200,
		.address = base + 0x1200,
		.file_size = 0x100,
		.memory_size = 0x2100,
		.align = 0x1000,
	};
}

#define MAKE_SIZE 0x300 /* of the file above, without the bytes of segments */
