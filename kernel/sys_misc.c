/* System calls that are about the machine and nothing else. */
#include <string.h>

#include <arch/cpu.h>
#include <kernel/process.h>
#include <kernel/random.h>
#include <kernel/task.h>
#include <kernel/uaccess.h>
#include <lib/bits.h>
#include <lib/errno.h>

#include <kernel/syscall.h>

/* struct utsname. */
struct names {
	char system[65], node[65], release[65], version[65], machine[65],
		domain[65];
};

/* Programs ask which Linux they have in front of them: it is one of this
 * behaviour. */
int64_t sys_uname(const uint64_t arg[6])
{
	static const struct names names = {
		"Linux",     "strata",	"6.1.0-strata",
		"#1 Strata", "riscv64", "(none)",
	};

	return copy_to_user(arg[0], &names, sizeof(names));
}

#define GRND_NONBLOCK 1u
#define GRND_RANDOM   2u
#define GRND_INSECURE 4u
#define CHUNK	      256u

/*
 * getrandom(buf, size, flags). Where no source has given seed yet, Linux waits;
 * here nobody may ever come, so only who does not want to wait is refused.
 */
int64_t sys_getrandom(const uint64_t arg[6])
{
	uint64_t size = min_u64(arg[1], INT32_MAX), done = 0;
	unsigned flags = (unsigned)arg[2];
	uint8_t chunk[CHUNK];

	if ((flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) ||
	    (flags & (GRND_RANDOM | GRND_INSECURE)) ==
		    (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	if ((flags & GRND_NONBLOCK) && !(flags & GRND_INSECURE) &&
	    !random_ready())
		return -EAGAIN;
	if (!user_could_have(arg[0], size))
		return -EFAULT;
	while (done < size && !process_dying()) {
		uint64_t n = min_u64(size - done, CHUNK), copied;

		random_bytes(chunk, n);
		copied = copy_some_to_user(arg[0] + done, chunk, n);
		done += copied;
		if (copied < n)
			return done ? (int64_t)done : -EFAULT;
		task_resched();
	}
	return (int64_t)done;
}

/* getcpu(cpu, node): all memory is one node. */
int64_t sys_getcpu(const uint64_t arg[6])
{
	const uint32_t at[] = {arch_cpu(), 0};

	for (unsigned i = 0; i < ARRAY_SIZE(at); i++)
		if (arg[i] && copy_to_user(arg[i], &at[i], sizeof(at[i])))
			return -EFAULT;
	return 0;
}

/* umask(mask): what it was; no file is made yet. */
int64_t sys_umask(const uint64_t arg[6])
{
	struct process *p = process_current();
	unsigned was = p->umask;

	p->umask = arg[0] & 0777;
	return was;
}
