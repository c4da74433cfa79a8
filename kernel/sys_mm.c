/*
 * System calls of memory: arguments are taken apart here, and looked at; what they
 * do is <mm/aspace.h>'s.
 */
#include <fs/memfs.h>
#include <kernel/fdtable.h>
#include <kernel/process.h>
#include <kernel/smp.h>
#include <kernel/syscall.h>
#include <kernel/task.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <mm/aspace.h>

static struct aspace *space(void)
{
	return task_current()->aspace;
}

/* Of a word of bits the lower half has those that are known; any others are some
 * unknown one. */
static uint32_t bits(uint64_t word)
{
	return (uint32_t)word | (word >> 32 ? 1u << 30 : 0);
}

/* An address, or an error. */
static int64_t placed(int err, vaddr_t at)
{
	return err ? err : (int64_t)at;
}

/* The lowest page is root's: who else gets NULL mapped is being tricked. */
static bool is_forbidden(vaddr_t addr, bool fixed)
{
	return fixed && addr < PAGE_SIZE &&
	       !user_is_root(&process_current()->user);
}

static inline int64_t map(const struct aspace_mmap *m)
{
	vaddr_t at = 0;
	int err;

	if (is_forbidden(m->addr, m->flags & MAP_FIXED) && m->len)
		return -EPERM;
	err = aspace_mmap(space(), m, &at);
	return placed(err, at);
}

/* What is mapped of an open file. */
static void describe_file(const struct file *f, struct aspace_mmap *m)
{
	const struct memfs_node *n = f->kind == FILE_NODE ? f->node : NULL;
	uint32_t how = f->flags & O_ACCMODE;

	m->object_ro = how == O_RDONLY;
	if (how == O_WRONLY)
		m->refuse = -EACCES;
	else if (!n || (n->mode & MODE_TYPE) != MODE_REGULAR)
		m->refuse = -ENODEV;
	else
		m->object = n->object;
}

static __attribute__((noinline)) int64_t map_file(struct aspace_mmap *m,
						  uint32_t fd)
{
	struct file *f = fd_get_data(process_current()->files, fd);
	int64_t result;

	if (!f)
		return -EBADF;
	describe_file(f, m);
	result = map(m);
	file_put(f);
	return result;
}

int64_t sys_mmap(const uint64_t arg[6])
{
	struct aspace_mmap m = {
		.addr = arg[0],
		.len = arg[1],
		.prot = (uint32_t)arg[2],
		.flags = bits(arg[3]),
		.offset = arg[5],
	};

	if (!is_aligned(m.offset, PAGE_SIZE))
		return -EINVAL;
	if (!(m.flags & MAP_ANONYMOUS))
		return map_file(&m, (uint32_t)arg[4]);
	return map(&m);
}

int64_t sys_munmap(const uint64_t arg[6])
{
	return aspace_munmap(space(), arg[0], arg[1]);
}

int64_t sys_mprotect(const uint64_t arg[6])
{
	return aspace_mprotect(space(), arg[0], arg[1], bits(arg[2]));
}

int64_t sys_mremap(const uint64_t arg[6])
{
	uint32_t flags = bits(arg[3]);
	vaddr_t at = 0;
	int err = is_forbidden(arg[4], flags & MREMAP_FIXED)
			  ? -EPERM
			  : aspace_mremap(space(), arg[0], arg[1], arg[2],
					  flags, arg[4], &at);

	return placed(err, at);
}

int64_t sys_remap_file_pages(const uint64_t arg[6])
{
	return aspace_remap_pages(space(), arg[0], arg[1], bits(arg[2]), arg[3],
				  (uint32_t)arg[4]);
}

int64_t sys_brk(const uint64_t arg[6])
{
	return (int64_t)aspace_brk(space(), arg[0]);
}

int64_t sys_madvise(const uint64_t arg[6])
{
	return aspace_madvise(space(), arg[0], arg[1], (int)arg[2]);
}

/* A vector of ranges is looked at as by all calls that take one. */
static int check_vector(uaddr_t vec, uint64_t n)
{
	uint64_t range[2]; /* start, length */

	if (n > 1024)
		return -EINVAL;
	for (uint64_t i = 0; i < n; i++) {
		int err = copy_from_user(range, vec + i * sizeof(range),
					 sizeof(range));

		if (!err && range[1] > INT64_MAX)
			err = -EINVAL;
		if (!err && !user_range(range[0], range[1]))
			err = -EFAULT;
		if (err)
			return err;
	}
	return 0;
}

/* The first argument names a process by a descriptor, which no call makes yet. */
int64_t sys_process_madvise(const uint64_t arg[6])
{
	int err = (uint32_t)arg[4] ? -EINVAL
				   : check_vector(arg[1], (uint32_t)arg[2]);

	return err ? err : -EBADF;
}

static int put_residence(void *ctx, uint64_t index, const uint8_t *vec,
			 size_t n)
{
	/* A long range takes long. */
	if (process_dying())
		return -EINTR;
	task_resched();
	return copy_to_user(*(uaddr_t *)ctx + index, vec, n);
}

int64_t sys_mincore(const uint64_t arg[6])
{
	uint64_t addr = arg[0], len = arg[1], limit = user_limit();
	uaddr_t vec = arg[2];

	if (is_aligned(addr, PAGE_SIZE) && addr <= limit &&
	    len <= limit - addr &&
	    !user_could_have(vec, align_up(len, PAGE_SIZE) >> PAGE_SHIFT))
		return -EFAULT;
	return aspace_mincore(space(), addr, len, put_residence, &vec);
}

int64_t sys_msync(const uint64_t arg[6])
{
	return aspace_msync(space(), arg[0], arg[1], (int)arg[2]);
}

int64_t sys_mlock(const uint64_t arg[6])
{
	return aspace_mlock(space(), arg[0], arg[1], false);
}

int64_t sys_mlock2(const uint64_t arg[6])
{
	if ((uint32_t)arg[2] & ~(uint32_t)MLOCK_ONFAULT)
		return -EINVAL;
	return aspace_mlock(space(), arg[0], arg[1], arg[2] & MLOCK_ONFAULT);
}

int64_t sys_munlock(const uint64_t arg[6])
{
	return aspace_munlock(space(), arg[0], arg[1]);
}

int64_t sys_mlockall(const uint64_t arg[6])
{
	return aspace_mlockall(space(), (int)arg[0]);
}

int64_t sys_munlockall(const uint64_t arg[6])
{
	(void)arg;
	return aspace_munlockall(space());
}

/* riscv_flush_icache(start, end, flags): code that was stored is run. All of it, on
 * all harts; 1, for this thread's hart only, is a promise that is not needed. */
int64_t sys_riscv_flush_icache(const uint64_t arg[6])
{
	if (arg[2] & ~(uint64_t)1)
		return -EINVAL;
	tlb_sync_code();
	return 0;
}

/* --- membarrier --- */

enum {
	MEMBARRIER_GLOBAL = 1 << 0,
	MEMBARRIER_GLOBAL_EXPEDITED = 1 << 1,
	MEMBARRIER_REGISTER_GLOBAL = 1 << 2,
	MEMBARRIER_PRIVATE = 1 << 3,
	MEMBARRIER_REGISTER_PRIVATE = 1 << 4,
	MEMBARRIER_PRIVATE_RSEQ = 1 << 7,
	MEMBARRIER_REGISTER_RSEQ = 1 << 8,
	MEMBARRIER_FLAG_CPU = 1,
	/* What Linux has on this architecture. */
	MEMBARRIER_ALL = MEMBARRIER_GLOBAL | MEMBARRIER_GLOBAL_EXPEDITED |
			 MEMBARRIER_REGISTER_GLOBAL | MEMBARRIER_PRIVATE |
			 MEMBARRIER_REGISTER_PRIVATE | MEMBARRIER_PRIVATE_RSEQ |
			 MEMBARRIER_REGISTER_RSEQ
};

static void fence(void *arg)
{
	(void)arg;
	arch_smp_mb();
}

/* Each of these harts orders what it accessed before against what it does next. */
static void fence_all(cpumask_t cpus)
{
	arch_smp_mb();
	cpus &= ~cpu_bit(arch_cpu());
	if (cpus)
		smp_call(cpus, fence, NULL);
	arch_smp_mb();
}

static int64_t barrier_private(struct aspace *as, uint32_t registered)
{
	if (!(__atomic_load_n(&as->membarrier, __ATOMIC_RELAXED) & registered))
		return -EPERM;
	/* A hart that enters the space later fences on its way. */
	fence_all(__atomic_load_n(&as->map.tlb.active, __ATOMIC_RELAXED));
	return 0;
}

int64_t sys_membarrier(const uint64_t arg[6])
{
	uint32_t command = (uint32_t)arg[0], flags = (uint32_t)arg[1];
	struct aspace *as = space();

	/* One hart alone may be meant, by its number: all are as good. */
	if (flags && (command != MEMBARRIER_PRIVATE_RSEQ ||
		      flags != MEMBARRIER_FLAG_CPU))
		return -EINVAL;
	switch (command) {
	case 0:
		return MEMBARRIER_ALL;
	case MEMBARRIER_GLOBAL:
	case MEMBARRIER_GLOBAL_EXPEDITED:
		fence_all(cpus_online());
		return 0;
	case MEMBARRIER_REGISTER_GLOBAL:
	case MEMBARRIER_REGISTER_PRIVATE:
	case MEMBARRIER_REGISTER_RSEQ:
		__atomic_fetch_or(&as->membarrier, command, __ATOMIC_RELAXED);
		return 0;
	case MEMBARRIER_PRIVATE:
		return barrier_private(as, MEMBARRIER_REGISTER_PRIVATE);
	case MEMBARRIER_PRIVATE_RSEQ:
		return barrier_private(as, MEMBARRIER_REGISTER_RSEQ);
	default:
		return -EINVAL;
	}
}
