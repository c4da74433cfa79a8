/*
 * Copies from and to programs: the range is checked here, each byte by the MMU. What
 * is at an address of the user half is the program's own or nothing, so that is
 * all there is to check.
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

int clear_user(uaddr_t to, size_t n)
{
	if (n && (!user_range(to, n) || arch_clear_user(to, n)))
		return -EFAULT;
	return 0;
}

int64_t strncpy_from_user(char *to, uaddr_t from, size_t max)
{
	uint64_t limit = user_limit(), n;
	int64_t length;

	if (from >= limit)
		return -EFAULT;
	n = min_u64(max, limit - from);
	length = arch_copy_string_from_user(to, from, n);
	if (length < 0 || ((uint64_t)length == n && n < max))
		return -EFAULT;
	return (uint64_t)length == n ? -ENAMETOOLONG : length;
}
