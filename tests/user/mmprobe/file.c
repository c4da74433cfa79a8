/*
 * Cases of files that are mapped: /data/pages, opened for reading. It has three
 * pages and a half.
 */
#include <fcntl.h>

#include "probe.h"

static const char *at(int page, unsigned long len, int prot, int flags, int fd,
		      unsigned long offset)
{
	return res(mmap_(P(page), len, prot, flags | MAP_FIXED, fd, offset));
}

PROBE(file, private)
{
	int fd = data_file();

	answer("%s", at(0, 4 * PAGE, RW, MAP_PRIVATE, fd, 0));
	answer("%s", contents(0, 4));
	*AT(1) = 'x';
	answer("%s %s", contents(0, 4), rights(0, 4));
	answer("again: %s", at(8, 4 * PAGE, RO, MAP_PRIVATE, fd, 0));
	answer("%s", contents(8, 4));
}

PROBE(file, shared_for_reading)
{
	int fd = data_file();

	answer("RO: %s", at(0, 4 * PAGE, RO, MAP_SHARED, fd, 0));
	answer("%s %s", contents(0, 4), rights(0, 4));
	answer("RW: %s", at(8, PAGE, RW, MAP_SHARED, fd, 0));
	answer("W: %s", at(8, PAGE, PROT_WRITE, MAP_SHARED, fd, 0));
	answer("private W: %s", at(8, PAGE, PROT_WRITE, MAP_PRIVATE, fd, 0));
	answer("mprotect RW: %s", res(mprotect_(P(0), PAGE, RW)));
	answer("mprotect RX: %s", res(mprotect_(P(0), PAGE, RX)));
}

PROBE(file, mprotect_up_to_what_may_not)
{
	int fd = data_file();

	map(0, 2, RO);
	at(2, PAGE, RO, MAP_SHARED, fd, 0);
	map(3, 1, RO);
	answer("%s %s", res(mprotect_(P(0), 4 * PAGE, RW)), rights(0, 4));
}

PROBE(file, offsets)
{
	int fd = data_file();

	answer("1: %s", at(0, PAGE, RO, MAP_PRIVATE, fd, 1));
	answer("page 1: %s", at(0, 2 * PAGE, RO, MAP_PRIVATE, fd, PAGE));
	answer("%s", contents(0, 2));
	answer("beyond: %s", at(4, PAGE, RO, MAP_PRIVATE, fd, 16 * PAGE));
	answer("%s", child(read_at, P(4)));
	answer("last: %s", at(5, PAGE, RO, MAP_PRIVATE, fd, LAST_PAGE));
	answer("wraps: %s", at(6, 2 * PAGE, RO, MAP_PRIVATE, fd, LAST_PAGE));
	answer("2^63: %s", at(6, PAGE, RO, MAP_PRIVATE, fd, 1ul << 63));
}

PROBE(file, end)
{
	int fd = data_file();

	answer("%s", at(0, 6 * PAGE, RW, MAP_PRIVATE, fd, 0));
	answer("%s", at(8, 6 * PAGE, RO, MAP_SHARED, fd, 0));
	for (int i = 3; i < 6; i++)
		answer("%s %s %s", child(read_at, P(i)), child(write_at, P(i)),
		       child(read_at, P(i + 8)));
	answer("%s", child(run_at, P(4)));
	answer("rest of the last page: %d %d", AT(3)[2048], AT(3)[4095]);
	*(AT(3) + 3000) = 'x';
	answer("%c", *(AT(3) + 3000));
	answer("its neighbour: %d", *(AT(11) + 3000));
}

PROBE(file, copy_on_write_after_fork)
{
	int fd = data_file();

	at(0, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
	*AT(0) = 'x';
	answer("%s %s", child(write_at, P(0)), child(write_at, P(1)));
	answer("%s", contents(0, 2));
}

PROBE(file, dontneed_reads_again)
{
	int fd = data_file();

	at(0, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
	*AT(0) = 'x';
	answer("%s", contents(0, 2));
	answer("%s", res(madvise_(P(0), 2 * PAGE, MADV_DONTNEED)));
	answer("%s", contents(0, 2));
}

PROBE(file, advice)
{
	int fd = data_file();

	at(0, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
	for (int advice = 0; advice <= 23; advice++)
		answer("%d: %s", advice, res(madvise_(P(0), PAGE, advice)));
	answer("beyond: %s", at(8, 8 * PAGE, RW, MAP_PRIVATE, fd, 0));
	answer("read: %s", res(madvise_(P(8), 8 * PAGE, ADV_POPULATE_READ)));
	answer("write: %s", res(madvise_(P(8), 8 * PAGE, ADV_POPULATE_WRITE)));
}

PROBE(file, advice_on_shared)
{
	int fd = data_file();

	at(0, 4 * PAGE, RO, MAP_SHARED, fd, 0);
	for (int advice = 0; advice <= 23; advice++)
		answer("%d: %s", advice, res(madvise_(P(0), PAGE, advice)));
}

PROBE(file, mincore)
{
	int fd = data_file();

	at(0, 6 * PAGE, RO, MAP_SHARED, fd, 0);
	answer("%s", shown(0, 4));
	answer("beyond: %s", shown(4, 2));
}

PROBE(file, mremap)
{
	int fd = data_file();

	at(0, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
	*AT(1) = 'x';
	answer("%s", res(mremap_(P(1), 2 * PAGE, 2 * PAGE, 3, P(8))));
	answer("%s %s", shown(0, 4), contents(8, 2));
	answer("grow: %s", res(mremap_(P(8), 2 * PAGE, 3 * PAGE, 0, 0)));
	answer("%s", contents(8, 3));
	at(16, PAGE, RO, MAP_SHARED, fd, PAGE);
	answer("again: %s", res(mremap_(P(16), 0, PAGE, 3, P(20))));
	answer("%s", contents(16, 5));
	answer("offset overflows: %s",
	       at(24, PAGE, RO, MAP_PRIVATE, fd, LAST_PAGE));
	answer("%s", res(mremap_(P(24), PAGE, 2 * PAGE, 0, 0)));
}

PROBE(file, mremap_dontunmap)
{
	int fd = data_file();

	at(0, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
	*AT(0) = 'x';
	answer("%s", res(mremap_(P(0), 2 * PAGE, 2 * PAGE, 7, P(8))));
	answer("%s %s", contents(0, 2), contents(8, 2));
}

PROBE(file, flags)
{
	int fd = data_file();

	answer("private: %s", at(0, PAGE, RO, MAP_PRIVATE | 0x2000000, fd, 0));
	answer("shared: %s", at(0, PAGE, RO, MAP_SHARED | 0x2000000, fd, 0));
	answer("validate: %s", at(0, PAGE, RO, 3, fd, 0));
	answer("validate, unknown: %s", at(0, PAGE, RO, 3 | 0x800000, fd, 0));
	answer("validate, sync: %s", at(0, PAGE, RO, 3 | 0x80000, fd, 0));
	answer("no type: %s", at(0, PAGE, RO, 0, fd, 0));
	answer("GROWSDOWN: %s",
	       at(0, PAGE, RO, MAP_PRIVATE | MAP_GROWSDOWN, fd, 0));
	answer("HUGETLB: %s",
	       at(0, PAGE, RO, MAP_PRIVATE | MAP_HUGETLB, fd, 0));
	answer("DENYWRITE: %s",
	       at(0, PAGE, RO, MAP_PRIVATE | MAP_DENYWRITE, fd, 0));
	answer("POPULATE: %s",
	       at(0, 4 * PAGE, RO, MAP_PRIVATE | MAP_POPULATE, fd, 0));
	answer("LOCKED: %s", at(4, PAGE, RO, MAP_PRIVATE | MAP_LOCKED, fd, 0));
	answer("%s", locks(4, 1));
}

PROBE(file, closed_stays_mapped)
{
	int fd = data_file();

	at(0, PAGE, RO, MAP_PRIVATE, fd, 0);
	answer("%s", res(call(SYS_close, fd)));
	answer("%s %s", contents(0, 1), at(1, PAGE, RO, MAP_PRIVATE, fd, 0));
}

PROBE(file, directory)
{
	long fd = call(SYS_openat, AT_FDCWD, "/data", O_RDONLY);

	answer("%s", at(0, PAGE, RO, MAP_PRIVATE, (int)fd, 0));
}

PROBE(file, length_0)
{
	int fd = data_file();

	answer("%s", at(0, 0, RO, MAP_PRIVATE, fd, 0));
}

PROBE(file, console)
{
	answer("%s", at(0, PAGE, RO, MAP_PRIVATE, 0, 0));
}

PROBE(file, remap_file_pages)
{
	int fd = data_file();

	at(0, 3 * PAGE, RO, MAP_SHARED, fd, 0);
	answer("%s", res(call(SYS_remap_file_pages, P(0), PAGE, 0, 2, 0)));
	answer("%s", contents(0, 3));
	answer("prot: %s",
	       res(call(SYS_remap_file_pages, P(0), PAGE, RO, 2, 0)));
	at(4, PAGE, RO, MAP_PRIVATE, fd, 0);
	answer("private: %s",
	       res(call(SYS_remap_file_pages, P(4), PAGE, 0, 2, 0)));
}

PROBE(file, locked_and_synced)
{
	int fd = data_file();

	at(0, 6 * PAGE, RO, MAP_SHARED, fd, 0);
	answer("%s", res(call(SYS_mlock, P(0), 4 * PAGE)));
	answer("beyond the end: %s", res(call(SYS_mlock, P(0), 6 * PAGE)));
	answer("%s", locks(0, 6));
	answer("%s", res(call(SYS_msync, P(0), 6 * PAGE, MS_SYNC)));
	answer("%s", res(call(SYS_msync, P(0), 6 * PAGE, MS_INVALIDATE)));
}
