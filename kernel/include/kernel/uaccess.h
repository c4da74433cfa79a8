/*
 * The memory of the program that makes a system call. What it says is an address
 * may be any number: only these functions take it, once for each argument; what
 * was copied is what is checked and used.
 *
 * For the current task's own space, in a context that may sleep. For others', and
 * for a long way: aspace_read() and aspace_write() of <mm/aspace.h>.
 */
#pragma once

#include <kernel/types.h>

/* Addresses of programs are below this. */
uint64_t user_limit(void);

/* Is none of it the kernel's, whose half has bit 63 set? The MMU does the rest. An
 * empty range is nobody's. */
static inline bool user_range(uaddr_t at, size_t n)
{
	return !n || (at <= INT64_MAX && n <= INT64_MAX - at);
}

/* Could it be a program's, if there was memory? An empty place must be, too: calls
 * that move data ask that first. */
static inline bool user_could_have(uaddr_t at, uint64_t n)
{
	return n <= user_limit() && at <= user_limit() - n;
}

/* 0, or -EFAULT; then a part may have been copied, all before the first byte that
 * could not be. */
int copy_from_user(void *to, uaddr_t from, size_t n);
int copy_to_user(uaddr_t to, const void *from, size_t n);
int clear_user(uaddr_t to, size_t n);

/* As far as it goes: how many bytes were copied. */
size_t copy_some_to_user(uaddr_t to, const void *from, size_t n);

/*
 * A string with its NUL into to[max]. Its length without it, below max; -EFAULT;
 * -ENAMETOOLONG: there is no NUL in the first `max` bytes. After an error to[] is
 * anything.
 */
int64_t strncpy_from_user(char *to, uaddr_t from, size_t max);
