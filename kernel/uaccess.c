/*
 * Copies from and to programs. What is at an address below the kernel's half is the
 * program's own, or nothing: so that is all there is to check here, and the MMU
 * does the rest.
 */
#include <arch/uaccess.h>
#include <kernel/task.h>
#include <kernel/uaccess.h>
#include <lib/bits.h>
#include <lib/errno.h>
#include <mm/kmap.h>

uint64_t user_limit(void)
{
	return pgtable_lower_half(kernel_pgtable.levels).end;
}

int copy_from_user(void *to, uaddr_t from, size_t n)
{
	if (n && (!user_range(from, n) || arch_copy_from_user(to, from, n)))
		return -EFAULT;
	return 0;
}

int copy_to_user(uaddr_t to, const void *from, size_t n)
{
	if (n && (!user_range(to, n) || arch_copy_to_user(to, from, n)))
		return -EFAULT;
	return 0;
}

size_t copy_some_to_user(uaddr_t to, const void *from, size_t n)
{
	return user_range(to, n) ? n - arch_copy_to_user(to, from, n) : 0;
}

int clear_user(uaddr_t to, size_t n)
{
	if (n && (!user_range(to, n) || arch_clear_user(to, n)))
		return -EFAULT;
	return 0;
}

int64_t strncpy_from_user(char *to, uaddr_t from, size_t max)
{
	int64_t length;

	if (from > INT64_MAX)
		return -EFAULT;
	/* So that its end can be told; there is no string as long. */
	max = min_u64(max, INT64_MAX - from);
	length = arch_copy_string_from_user(to, from, max);
	if (length < 0)
		return -EFAULT;
	return (uint64_t)length == max ? -ENAMETOOLONG : length;
}
