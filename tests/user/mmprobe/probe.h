/*
 * A case of mmprobe: something done to memory, and what became of it, as one
 * line "group.name: answer". Each case runs in a process of its own, in which
 * nothing is mapped near the window: WINDOW pages that it may use as it likes.
 * So that answers of two kernels can be compared, they name no address but by
 * its page in the window, and nothing that is left to a kernel's choice.
 *
 *	PROBE(munmap, hole)
 *	{
 *		map(0, 3, RW);
 *		answer("%s %s", res(munmap_(P(1), PAGE)), shown(0, 3));
 *	}
 *
 * prints "munmap.hole: 0 0.0".
 */
#pragma once

#include "../user.h"

struct probe {
	const char *group;
	const char *name;
	void (*fn)(void);
};

#define PROBE(group_, name_)                                             \
	static void group_##_##name_(void);                              \
	static const struct probe group_##_##name_##_rec                 \
		__attribute__((used, section("probes"), aligned(8))) = { \
			#group_, #name_, group_##_##name_};              \
	static void group_##_##name_(void)

/* In the middle of the smallest user half that there is; 2 MiB - aligned. */
#define WINDOW 0x2000000000ul
#define P(n)   (WINDOW + (unsigned long)(n)*PAGE)
#define AT(n)  ((volatile char *)P(n))

#define NONE PROT_NONE
#define RO   PROT_READ
#define RW   (PROT_READ | PROT_WRITE)
#define RX   (PROT_READ | PROT_EXEC)
#define RWX  (RW | PROT_EXEC)

#define ANON   (MAP_PRIVATE | MAP_ANONYMOUS)
#define SHANON (MAP_SHARED | MAP_ANONYMOUS)

/* Numbers of Linux that C libraries may not know. */
enum {
	ADV_COLD = 20,
	ADV_PAGEOUT = 21,
	ADV_POPULATE_READ = 22,
	ADV_POPULATE_WRITE = 23,
	ADV_DONTNEED_LOCKED = 24,
	ADV_COLLAPSE = 25,
	REMAP_DONTUNMAP = 4,
};

/* An address of the kernel's, and one so high that adding a page wraps. */
#define KERNEL_ADDRESS 0xffffffff80000000ul
#define LAST_PAGE      0xfffffffffffff000ul
#define LAST_PLACE     0x7fffffffffffffffl
#define FIRST_PLACE    (-LAST_PLACE - 1)

/* The case's line; several calls add to it, with a blank between. */
__attribute__((format(printf, 1, 2))) void answer(const char *format, ...);

/* The case can't be tried here; why. */
__attribute__((noreturn)) void skip(const char *why);

/* A result in words: 0 or a number, the name of an error, P+n for an address in
 * the window, "elsewhere" for one that is not. */
const char *res(long result);

long mmap_(unsigned long addr, unsigned long len, int prot, int flags, int fd,
	   unsigned long offset);
long munmap_(unsigned long addr, unsigned long len);
long mprotect_(unsigned long addr, unsigned long len, int prot);
long mremap_(unsigned long old, unsigned long old_len, unsigned long new_len,
	     int flags, unsigned long to);
long madvise_(unsigned long addr, unsigned long len, int advice);
long limit_(int resource, unsigned long soft); /* set the soft limit */

/* n pages from the window's `page` on; must succeed. */
void map(int page, int n, int prot);
void map_as(int page, int n, int prot, int flags); /* with more flags */

/* The pages from `page` on get 'a', 'b', ... as their first bytes. */
void fill(int page, int n);

/* Strings with one character for each page:
 * shown: '.' for one that is not mapped, '1' for one that mincore() calls
 * resident, '0' for others;
 * contents: its first byte, 0 as '0', '-' where it can't be read;
 * rights: read 4 + write 2 + execute 1, of what really works;
 * locks: 'L' where madvise() says that it is locked, '-', '.'. */
const char *shown(int page, int n);
const char *contents(int page, int n);
const char *rights(int page, int n);
const char *locks(int page, int n);

/* What becomes of a child that does this: "ok", its exit status or its
 * signal. */
const char *child(void (*fn)(unsigned long arg), unsigned long arg);
void read_at(unsigned long addr);
void write_at(unsigned long addr);
void run_at(unsigned long addr);

/* The file /data/pages, for reading: three pages that begin with 'A', 'B' and
 * 'C', and half a page that begins with 'D'. */
int data_file(void);
