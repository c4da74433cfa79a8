/* What the C library asks for seed of its arc4random(): see <kernel/random.h>. */
#include <errno.h>
#include <unistd.h>

#include <kernel/random.h>

#define MOST 256 /* bytes, as POSIX.1-2024 has it */

int getentropy(void *buf, size_t n)
{
	if (n > MOST) {
		errno = EINVAL;
		return -1;
	}
	random_bytes(buf, n);
	return 0;
}
