/*
 * Allocations that fail on purpose (<mm/fail.h>).
 *
 * While armed, the harts' caches are bypassed, so that each allocation comes by
 * here. `armed` is set before the count matters and cleared after: an
 * allocation that another hart has under way at that moment may count or not.
 */
#include <mm/fail.h>
#include <mm/reclaim.h>

static struct {
	bool armed; /* (a) */
	bool on;    /* all after the n-th, too */
	uint64_t n;
	uint64_t count; /* (a) */
} fail;

void (*fail_site_hook)(uintptr_t site);

void fail_arm(uint64_t n, bool on)
{
	bool was = fail.armed;

	__atomic_store_n(&fail.armed, false, __ATOMIC_RELAXED);
	fail.n = n;
	fail.on = on;
	__atomic_store_n(&fail.count, 0, __ATOMIC_RELAXED);
	if (n && !was)
		reclaim_bypass(true);
	if (!n && was)
		reclaim_bypass(false);
	/* Release: who sees it sees what to do. */
	__atomic_store_n(&fail.armed, n != 0, __ATOMIC_RELEASE);
}

uint64_t fail_count(void)
{
	return __atomic_load_n(&fail.count, __ATOMIC_RELAXED);
}

bool fail_now(uintptr_t site)
{
	uint64_t count;

	if (!__atomic_load_n(&fail.armed, __ATOMIC_ACQUIRE))
		return false;
	if (fail_site_hook)
		fail_site_hook(site);
	count = __atomic_add_fetch(&fail.count, 1, __ATOMIC_RELAXED);
	return count == fail.n || (fail.on && count > fail.n);
}
