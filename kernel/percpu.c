/*
 * The copies of per-hart variables (<kernel/cpu.h>). The linker gathers the
 * variables between two symbols; cpu 0 works on those. So that others can start
 * with their initial values, boot keeps a copy of them, before anything has
 * changed them, behind the data (kernel.ld).
 */
#include <string.h>

#include <kernel/percpu.h>
#include <lib/bits.h>
#include <lib/errno.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>

extern char __start_percpu[], __stop_percpu[], percpu_initial[];

static size_t size(void)
{
	return (size_t)(__stop_percpu - __start_percpu);
}

__init void percpu_init(void)
{
	memcpy(percpu_initial, __start_percpu, size());
}

int percpu_add(unsigned cpu)
{
	unsigned order = 0;
	struct page *p;
	void *area;

	while (PAGE_SIZE << order < size())
		order++;
	p = page_alloc(order, 0);
	if (!p)
		return -ENOMEM;
	area = phys_to_virt(page_to_phys(p));
	memcpy(area, percpu_initial, size());
	percpu_offset[cpu] =
		(uint64_t)(uintptr_t)area - (uint64_t)(uintptr_t)__start_percpu;
	return 0;
}
