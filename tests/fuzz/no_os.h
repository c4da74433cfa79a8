/* For a fuzzer's one source: the unit tests are linked in too, but don't run. Weak,
 * as their program has the real ones. */
#pragma once

#include <kernel/ktest.h>

__attribute__((weak)) void *ktest_os_alloc(size_t size)
{
	(void)size;
	return NULL;
}

__attribute__((weak)) void ktest_os_release(void *p, size_t size)
{
	(void)p;
	(void)size;
}
