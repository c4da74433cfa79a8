/* Cache instructions of the native machine (<host/cache.h>). */
#include <asm/fence.h>
#include <host/cache.h>
#include <kernel/panic.h>

void (*host_cbo)(enum host_cbo op, vaddr_t va);

static void call(enum host_cbo op, vaddr_t va)
{
	if (!host_cbo)
		panic("cbo: these harts have no such instruction");
	host_cbo(op, va);
}

void cbo_inval(vaddr_t va)
{
	call(HOST_CBO_INVAL, va);
}

void cbo_clean(vaddr_t va)
{
	call(HOST_CBO_CLEAN, va);
}

void cbo_flush(vaddr_t va)
{
	call(HOST_CBO_FLUSH, va);
}
