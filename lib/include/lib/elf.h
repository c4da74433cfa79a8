/*
 * Reader of ELF files that are programs: 64 bits, little-endian, RISC-V. A file
 * begins with a header; that says where its table of program headers is, each of
 * which tells of a part of the file, and where it goes in memory.
 *
 * Files come from outside: each number is checked before it is used, and so are all
 * of them together. What elf_check() has passed can be mapped as it is. Pure.
 *
 * Source: System V ABI, "Object Files" and "Program Loading"; RISC-V ELF psABI.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <lib/range.h>

#define ELF_HEADER  64u	  /* bytes of the header */
#define ELF_ENTRY   56u	  /* of a program header */
#define ELF_ENTRIES 73u	  /* most: the table fits into a page, as Linux wants */
#define ELF_PAGE    4096u /* what is mapped as a whole */
#define ELF_PATH    4096u /* most bytes of the loader's path, with its NUL */

struct elf_header {
	bool fixed;	  /* linked for its addresses; else it goes anywhere */
	uint64_t entry;	  /* address of the first instruction */
	uint64_t table;	  /* where the program headers are in the file */
	uint32_t entries; /* of them; the table takes ELF_ENTRY bytes each */
};

enum { ELF_EXEC = 1, ELF_WRITE = 2, ELF_READ = 4 };

/* A part that is to be in memory. */
struct elf_segment {
	struct range memory; /* addresses, bytes; not empty */
	uint64_t offset; /* in the file, as far into a page as memory.start */
	uint64_t file_size; /* bytes from the file; those behind are zero */
	uint32_t rights;    /* ELF_READ | ELF_WRITE | ELF_EXEC */
};

/* All of it. */
struct elf_image {
	struct elf_header header;
	const void *table;
	struct range span; /* around all segments, whole pages */
	uint64_t align; /* what a place must be a multiple of, from ELF_PAGE */
	uint64_t table_at;   /* the table's address in memory; 0: not there */
	struct range loader; /* its path, in the file, with its NUL; or empty */
	bool stack_exec;     /* the program's stack is to be executable */
};

/*
 * The header of a file of `size` bytes, of which `p` has the first ELF_HEADER.
 * NULL, or why it is no program. *h is written on success only.
 */
const char *elf_header(const void *p, uint64_t size, struct elf_header *h);

/*
 * The table that the header tells of. Segments end at `limit` at most, are in order
 * and don't overlap; those that share a page have it from one page of the file. NULL
 * or what is wrong. `image` points to `table`, and is written on success only.
 */
const char *elf_check(const struct elf_header *h, const void *table,
		      uint64_t size, uint64_t limit, struct elf_image *image);

/* Segment after segment of an image; *at is 0 for the first. False: no more. */
bool elf_next(const struct elf_image *image, uint32_t *at,
	      struct elf_segment *s);
