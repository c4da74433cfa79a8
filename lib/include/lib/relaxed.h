/*
 * Stores that other harts may see at any time, in any order: never torn, and no
 * more than a store. __atomic_store_n() says the same, but gcc 12 makes an atomic
 * swap of it on RISC-V, which is too dear for hot paths. Loads it leaves alone:
 * __atomic_load_n() is the counterpart.
 */
#pragma once

#ifndef __has_feature
#define __has_feature(x) 0
#endif

/* ThreadSanitizer wants to be told: by gcc's way of saying that it is there, or
 * clang's. */
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define store_relaxed(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#else
#define store_relaxed(p, v) ((void)(*(volatile __typeof__(*(p)) *)(p) = (v)))
#endif
