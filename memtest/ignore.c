/* Members of memtest_ops that do nothing (<memtest/memtest.h>). */
#include <memtest/memtest.h>

void memtest_ignore_test(void *arg, const struct memtest_progress *p)
{
	(void)arg;
	(void)p;
}

bool memtest_go_on(void *arg, unsigned worker, uint64_t done)
{
	(void)arg;
	(void)worker;
	(void)done;
	return false;
}

void memtest_ignore_hold(void *arg, const struct memtest_hold *h)
{
	(void)arg;
	(void)h;
}

void memtest_keep_all(void *arg, unsigned worker)
{
	(void)arg;
	(void)worker;
}

bool memtest_keep(void *arg, volatile uint64_t *p)
{
	(void)arg;
	(void)p;
	return false;
}
