/* riscv_flush_icache(): a program has stored code that it is going to run. */
#include <kernel/syscall.h>
#include <lib/errno.h>
#include <mm/tlb.h>

#define FLUSH_ICACHE_LOCAL 1u

/* (start, end, flags). On all harts, for the task may go on on any; fence.i knows no
 * ranges. */
int64_t sys_riscv_flush_icache(const uint64_t arg[6])
{
	if (arg[2] & ~(uint64_t)FLUSH_ICACHE_LOCAL)
		return -EINVAL;
	tlb_sync_code();
	return 0;
}
