/*
 * Allocations that fail on purpose, so that tests can see every error path. It
 * is asked where page_alloc() and kmem_cache_alloc() leave their hot paths, and by
 * kmem_cache_create(); so while it is armed, the harts' caches are bypassed, and
 * at all other times it costs nothing.
 */
#pragma once

#include <kernel/types.h>

/* The n-th allocation (1: the next one) that is asked for from now on fails,
 * and all after it if `on`; n == 0: none ever, the counting ends. Sets the
 * count to zero. No spinlock held. */
void fail_arm(uint64_t n, bool on);

/* Allocations asked for since fail_arm(). */
uint64_t fail_count(void);

/* Is this allocation to fail? `site` is the address behind the call of the
 * allocator's public function. Any context. */
bool fail_now(uintptr_t site);

/* Called with each site while armed; NULL: nobody listens. For lists of all
 * sites that were reached. */
extern void (*fail_site_hook)(uintptr_t site);
