/*
 * Cases at the limit of the number of mappings, 65530 as sysctl
 * vm.max_map_count has it at first. How many a process has of its own differs, so
 * what the cases print is what happens at the limit, not where it is exactly.
 */
#include "probe.h"

enum { MOST = 70000 };

/* Single pages with a hole behind each, until there may be no more; how many. */
static int fill_up(int from)
{
	int n;

	for (n = 0; n < MOST; n++)
		if (is_error(mmap_(P(from + 2 * n), PAGE, RW, ANON | MAP_FIXED,
				   -1, 0)))
			break;
	return n;
}

static const char *about(int n)
{
	return n > 65400 && n <= 65531 ? "about 65531" : "another number";
}

PROBE(many, mmap)
{
	int n = fill_up(0);

	answer("%s", about(n));
	answer("%s", res(mmap_(P(2 * n), PAGE, RW, ANON | MAP_FIXED, -1, 0)));
	answer("merges: %s",
	       res(mmap_(P(1), PAGE, RW, ANON | MAP_FIXED, -1, 0)));
	answer("%s", shown(0, 4));
}

/* Without children, who would have all those mappings, too. */
static const char *letters(int page, int n)
{
	static char text[8][8];
	static unsigned next;
	char *s = text[next++ % 8];

	for (int i = 0; i < n; i++) {
		s[i] = shown(page + i, 1)[0];
		if (s[i] == '1')
			s[i] = *AT(page + i) ? *AT(page + i) : '0';
	}
	s[n] = '\0';
	return s;
}

/* 'w' where stores are allowed. */
static const char *writable(int page, int n)
{
	static char text[8][8];
	static unsigned next;
	char *s = text[next++ % 8];

	for (int i = 0; i < n; i++)
		s[i] = madvise_(P(page + i), PAGE, ADV_POPULATE_WRITE) ? '-'
								       : 'w';
	s[n] = '\0';
	return s;
}

/* In front of what fills up: four pages as one, four as three. */
static void begin(void)
{
	map(0, 4, RW);
	map(8, 1, RW);
	map(9, 2, RO);
	map(11, 1, RW);
	fill(0, 4);
	fill_up(100);
}

PROBE(many, munmap)
{
	begin();
	answer("middle: %s %s", res(munmap_(P(1), PAGE)), letters(0, 4));
	answer("end: %s %s", res(munmap_(P(3), PAGE)), letters(0, 4));
	answer("start: %s %s", res(munmap_(P(0), PAGE)), letters(0, 4));
	answer("one whole: %s", res(munmap_(P(8), PAGE)));
	answer("middle of 2 pages and hole: %s %s", res(munmap_(P(1), PAGE)),
	       letters(0, 4));
}

PROBE(many, mprotect)
{
	begin();
	answer("middle: %s %s", res(mprotect_(P(1), PAGE, RO)), writable(0, 4));
	answer("start: %s %s", res(mprotect_(P(0), PAGE, RO)), writable(0, 4));
	answer("all: %s %s", res(mprotect_(P(0), 4 * PAGE, RO)),
	       writable(0, 4));
	answer("merging: %s %s", res(mprotect_(P(9), 2 * PAGE, RW)),
	       writable(8, 4));
	answer("then there is room: %s", res(mprotect_(P(1), PAGE, RW)));
	answer("%s", writable(0, 4));
}

PROBE(many, madvise)
{
	begin();
	answer("middle: %s", res(madvise_(P(1), PAGE, MADV_RANDOM)));
	answer("all: %s", res(madvise_(P(0), 4 * PAGE, MADV_RANDOM)));
	answer("dontneed: %s", res(madvise_(P(1), PAGE, MADV_DONTNEED)));
	answer("%s", letters(0, 4));
}

PROBE(many, mlock)
{
	begin();
	answer("middle: %s %s", res(call(SYS_mlock, P(1), PAGE)), locks(0, 4));
	answer("all: %s %s", res(call(SYS_mlock, P(0), 4 * PAGE)), locks(0, 4));
	answer("back: %s %s", res(call(SYS_munlock, P(1), PAGE)), locks(0, 4));
}

PROBE(many, mremap)
{
	begin();
	answer("move all: %s",
	       res(mremap_(P(0), 4 * PAGE, 4 * PAGE, 3, P(40))));
	answer("grow: %s", res(mremap_(P(0), 4 * PAGE, 5 * PAGE, 0, 0)));
	answer("move a part: %s", res(mremap_(P(1), PAGE, PAGE, 3, P(40))));
	answer("shrink: %s", res(mremap_(P(0), 4 * PAGE, PAGE, 0, 0)));
	answer("%s %s", letters(0, 6), letters(40, 4));
}

PROBE(many, fixed)
{
	begin();
	answer("middle: %s",
	       res(mmap_(P(1), PAGE, RO, ANON | MAP_FIXED, -1, 0)));
	answer("%s", letters(0, 4));
	answer("all: %s",
	       res(mmap_(P(0), 4 * PAGE, RO, ANON | MAP_FIXED, -1, 0)));
	answer("%s", letters(0, 4));
}

PROBE(many, brk)
{
	unsigned long start = (unsigned long)call(SYS_brk, 0);

	fill_up(0);
	answer("%+ld",
	       (long)((unsigned long)call(SYS_brk, start + PAGE) - start));
}

PROBE(many, fork)
{
	fill_up(0);
	*AT(2 * 1000) = 'x';
	answer("%s %s", child(write_at, P(2 * 1000)), letters(2000, 1));
}
