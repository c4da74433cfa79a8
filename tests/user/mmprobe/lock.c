/*
 * Cases of mlock() and its family, mincore() and msync().
 */
#include <sys/resource.h>

#include "probe.h"

enum { LOCK_ONFAULT = 1, CURRENT = 1, FUTURE = 2, ONFAULT = 4 };

static const char *lock(int page, int n)
{
	return res(call(SYS_mlock, P(page), (unsigned long)n * PAGE));
}

static const char *lock2(int page, int n, int flags)
{
	return res(call(SYS_mlock2, P(page), (unsigned long)n * PAGE, flags));
}

static const char *unlock(int page, int n)
{
	return res(call(SYS_munlock, P(page), (unsigned long)n * PAGE));
}

PROBE(mlock, arguments)
{
	map(0, 4, RW);
	answer("length 0: %s", lock(0, 0));
	answer("length 0 of nothing: %s", lock(9, 0));
	answer("wraps: %s", res(call(SYS_mlock, P(0), -PAGE)));
	answer("-1: %s", res(call(SYS_mlock, P(0), -1ul)));
	answer("kernel: %s", res(call(SYS_mlock, KERNEL_ADDRESS, PAGE)));
	answer("last page: %s", res(call(SYS_mlock, LAST_PAGE, PAGE)));
	answer("nothing: %s", lock(9, 1));
	answer("%s", locks(0, 4));
	answer("unaligned: %s", res(call(SYS_mlock, P(1) + 1, PAGE)));
	answer("%s %s", locks(0, 4), shown(0, 4));
}

PROBE(mlock, brings_pages_in)
{
	map(0, 2, RW);
	map(2, 2, RO);
	map_as(4, 2, RW, SHANON);
	answer("%s %s %s", lock(0, 6), shown(0, 6), locks(0, 6));
}

PROBE(mlock, hole_in_the_middle)
{
	map(0, 2, RW);
	map(3, 2, RW);
	answer("%s %s %s", lock(0, 5), locks(0, 5), shown(0, 5));
}

PROBE(mlock, starts_in_hole)
{
	map(1, 2, RW);
	answer("%s %s", lock(0, 3), locks(0, 3));
}

PROBE(mlock, no_rights)
{
	map(0, 1, RW);
	map(1, 1, NONE);
	map(2, 1, RW);
	answer("%s %s %s", lock(0, 3), locks(0, 3), shown(0, 3));
}

PROBE(mlock, one_right_only)
{
	map(0, 1, PROT_WRITE);
	map(1, 1, PROT_EXEC);
	map_as(2, 1, PROT_WRITE, SHANON);
	map_as(3, 1, PROT_EXEC, SHANON);
	answer("%s %s", lock(0, 4), shown(0, 4));
}

PROBE(mlock, unlock)
{
	map(0, 4, RW);
	answer("%s", lock(0, 4));
	answer("%s %s", unlock(1, 2), locks(0, 4));
	answer("again: %s %s", unlock(0, 4), locks(0, 4));
	answer("%s", shown(0, 4));
	answer("nothing: %s", unlock(9, 1));
	answer("length 0: %s", unlock(0, 0));
	answer("-1: %s", res(call(SYS_munlock, P(0), -1ul)));
	answer("unaligned: %s", res(call(SYS_munlock, P(0) + 1, 1)));
}

PROBE(mlock, unlock_over_hole)
{
	map_as(0, 2, RW, ANON | MAP_LOCKED);
	map_as(3, 2, RW, ANON | MAP_LOCKED);
	answer("%s %s", unlock(0, 5), locks(0, 5));
}

PROBE(mlock2, flags)
{
	map(0, 2, RW);
	answer("0: %s", lock2(0, 1, 0));
	answer("1: %s", lock2(1, 1, LOCK_ONFAULT));
	answer("2: %s", lock2(0, 1, 2));
	answer("3: %s", lock2(0, 1, 3));
	answer("-1: %s", lock2(0, 1, -1));
	answer("%s %s", shown(0, 2), locks(0, 2));
}

PROBE(mlock2, on_fault)
{
	map(0, 3, RW);
	answer("%s %s", lock2(0, 3, LOCK_ONFAULT), shown(0, 3));
	*AT(1) = 'x';
	answer("%s %s", shown(0, 3), locks(0, 3));
	answer("%s %s", lock(0, 3), shown(0, 3));
}

PROBE(mlockall, flags)
{
	for (int flags = 0; flags <= 8; flags++)
		answer("%d: %s", flags, res(call(SYS_mlockall, flags)));
	answer("-1: %s", res(call(SYS_mlockall, -1)));
}

PROBE(mlockall, current)
{
	map(0, 2, RW);
	map(2, 1, NONE);
	answer("%s", res(call(SYS_mlockall, CURRENT)));
	map(4, 2, RW);
	answer("%s %s", locks(0, 6), shown(0, 6));
	answer("%s %s", res(call(SYS_munlockall)), locks(0, 6));
}

PROBE(mlockall, future)
{
	map(0, 2, RW);
	answer("%s", res(call(SYS_mlockall, FUTURE)));
	map(4, 2, RW);
	map(6, 1, NONE);
	map_as(7, 1, RW, SHANON);
	answer("%s %s", locks(0, 8), shown(0, 8));
	answer("%s", res(call(SYS_munlockall)));
	map(10, 1, RW);
	answer("%s %s", locks(0, 11), shown(0, 11));
}

PROBE(mlockall, future_on_fault)
{
	answer("%s", res(call(SYS_mlockall, FUTURE | ONFAULT)));
	map(0, 2, RW);
	*AT(1) = 'x';
	answer("%s %s", locks(0, 2), shown(0, 2));
}

PROBE(mlockall, current_takes_future_back)
{
	call(SYS_mlockall, FUTURE);
	call(SYS_mlockall, CURRENT);
	map(0, 1, RW);
	answer("%s %s", locks(0, 1), shown(0, 1));
}

static void are_locked(unsigned long addr)
{
	exit_raw(madvise_(addr, PAGE, ADV_COLD) == -EINVAL ? 1 : 2);
}

static void new_is_locked(unsigned long addr)
{
	(void)addr;
	map(20, 1, RW);
	are_locked(P(20));
}

PROBE(mlock, is_not_inherited)
{
	map_as(0, 1, RW, ANON | MAP_LOCKED);
	answer("parent: %s child: %s", locks(0, 1), child(are_locked, P(0)));
	call(SYS_mlockall, FUTURE);
	answer("new: %s", child(new_is_locked, 0));
}

PROBE(mlock, brk_under_mcl_future)
{
	unsigned long start = (unsigned long)call(SYS_brk, 0);
	unsigned long page = (start + PAGE - 1) & -PAGE;
	unsigned char vec = 0;

	call(SYS_mlockall, FUTURE);
	answer("%+ld", call(SYS_brk, page + PAGE) - (long)page);
	answer("%s %d", res(call(SYS_mincore, page, PAGE, &vec)), vec);
	answer("%s", res(madvise_(page, PAGE, ADV_COLD)));
}

PROBE(mlock, remap_grows_locked)
{
	map_as(0, 1, RW, ANON | MAP_LOCKED);
	answer("%s", res(mremap_(P(0), PAGE, 3 * PAGE, 0, 0)));
	answer("%s %s", locks(0, 4), shown(0, 4));
}

/* mincore() */

static const char *core(unsigned long addr, unsigned long len, void *vec)
{
	return res(call(SYS_mincore, addr, len, vec));
}

PROBE(mincore, arguments)
{
	unsigned char vec[16] = {0};

	map(0, 2, RW);
	answer("unaligned: %s", core(P(0) + 1, PAGE, vec));
	answer("length 0: %s", core(P(0), 0, vec));
	answer("length 0, no vector: %s", core(P(0), 0, NULL));
	answer("length 0 of nothing: %s", core(P(9), 0, vec));
	answer("nothing: %s", core(P(9), PAGE, vec));
	answer("kernel: %s", core(KERNEL_ADDRESS, PAGE, vec));
	answer("wraps: %s", core(P(0), -1ul, vec));
	answer("last page: %s", core(LAST_PAGE, PAGE, vec));
	answer("2^62: %s", core(1ul << 62, PAGE, vec));
	answer("1 byte: %s", core(P(0), 1, vec));
	answer("no vector: %s", core(P(0), PAGE, NULL));
	answer("kernel's vector: %s", core(P(0), PAGE, (void *)KERNEL_ADDRESS));
	answer("vector nowhere: %s", core(P(0), PAGE, (void *)P(9)));
	map(4, 1, RO);
	answer("vector read-only: %s", core(P(0), PAGE, (void *)P(4)));
	answer("bad vector of nothing: %s", core(P(9), PAGE, NULL));
}

PROBE(mincore, hole)
{
	unsigned char vec[8];

	memset(vec, 9, sizeof(vec));
	map(0, 2, RW);
	map(3, 2, RW);
	*AT(1) = 'x';
	answer("%s", core(P(0), 5 * PAGE, vec));
	answer("%d %d", vec[0], vec[1]);
	answer("only the rest: %d %d", vec[5], vec[6]);
}

PROBE(mincore, kinds)
{
	map(0, 3, RW);
	map_as(3, 3, RW, SHANON);
	*AT(0) = 'x';
	(void)*AT(1);
	*AT(3) = 'x';
	(void)*AT(4);
	answer("%s", shown(0, 6));
	mprotect_(P(0), 6 * PAGE, NONE);
	answer("%s", shown(0, 6));
}

PROBE(mincore, shared_memory_that_another_touched)
{
	map_as(0, 3, RW, SHANON);
	answer("%s", shown(0, 3));
	answer("%s", child(write_at, P(1)));
	answer("%s", child(read_at, P(2)));
	answer("%s", shown(0, 3));
}

PROBE(mincore, many_pages)
{
	static unsigned char vec[10000];
	int count = 0;

	map(0, 10000, RW);
	for (int i = 0; i < 10000; i += 7)
		*AT(i) = 'x';
	answer("%s", core(P(0), 10000 * PAGE, vec));
	for (int i = 0; i < 10000; i++)
		count += (vec[i] & 1) == (i % 7 == 0);
	answer("%d right", count);
}

/* msync() */

static const char *sync_(int page, int n, int flags)
{
	return res(call(SYS_msync, P(page), (unsigned long)n * PAGE, flags));
}

PROBE(msync, flags)
{
	map(0, 1, RW);
	for (int flags = 0; flags <= 8; flags++)
		answer("%d: %s", flags, sync_(0, 1, flags));
}

PROBE(msync, arguments)
{
	map(0, 2, RW);
	answer("unaligned: %s", res(call(SYS_msync, P(0) + 1, PAGE, MS_SYNC)));
	answer("length 0: %s", sync_(0, 0, MS_SYNC));
	answer("length 0 of nothing: %s", sync_(9, 0, MS_SYNC));
	answer("wraps: %s", res(call(SYS_msync, P(0), -PAGE, MS_SYNC)));
	answer("-1: %s", res(call(SYS_msync, P(0), -1ul, MS_SYNC)));
	answer("nothing: %s", sync_(9, 1, MS_SYNC));
	answer("kernel: %s",
	       res(call(SYS_msync, KERNEL_ADDRESS, PAGE, MS_SYNC)));
	answer("1 byte: %s", res(call(SYS_msync, P(0), 1, MS_SYNC)));
}

PROBE(msync, holes)
{
	map(0, 1, RW);
	map(2, 1, RW);
	answer("sync: %s", sync_(0, 3, MS_SYNC));
	answer("async: %s", sync_(0, 3, MS_ASYNC));
	answer("0: %s", sync_(0, 3, 0));
	answer("starts in hole: %s", sync_(1, 2, MS_ASYNC));
	answer("at the end: %s", sync_(0, 2, MS_SYNC));
	answer("async at the end: %s", sync_(0, 2, MS_ASYNC));
}

PROBE(msync, locked)
{
	map(0, 1, RW);
	map_as(1, 1, RW, ANON | MAP_LOCKED);
	map_as(2, 1, RW, SHANON);
	answer("%s", sync_(0, 3, MS_SYNC));
	answer("%s", sync_(0, 3, MS_INVALIDATE));
	answer("%s", sync_(0, 3, MS_SYNC | MS_INVALIDATE));
	answer("%s", sync_(0, 1, MS_INVALIDATE));
}
