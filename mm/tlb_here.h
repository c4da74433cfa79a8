/* Private to mm/tlb.c and mm/fault.c: the fence after most faults, in line. */
#pragma once

#include <arch/mmu.h>
#include <mm/asid.h>
#include <mm/tlb.h>

/* Each hart's own. */
struct tlb_hart {
	struct tlb_space *in;	   /* the user space that it is in; */
	struct tlb_space *by_page; /* NULL if fences forget everything */
	struct tlb_counters n;
};

extern PERCPU struct tlb_hart tlb_hart;

static inline unsigned tlb_number(const struct tlb_space *s)
{
	return asid_of(__atomic_load_n(&s->context, __ATOMIC_RELAXED));
}

/* tlb_flush_added_page() and _table(), if a fence of that on this hart is all that it
 * takes; false: it is not, and nothing was done. Code that stays on this hart, and as
 * the space is in use here, another hart's rollover leaves its number alone. */
static inline bool tlb_forget_added_page(const struct tlb_space *s, vaddr_t va)
{
	struct tlb_hart *h = this_cpu(tlb_hart);

	if (s != h->by_page)
		return false;
	h->n.ranges++;
	arch_tlb_fence_page(va, tlb_number(s));
	return true;
}

static inline bool tlb_forget_added_table(const struct tlb_space *s)
{
	struct tlb_hart *h = this_cpu(tlb_hart);

	if (s != h->by_page)
		return false;
	h->n.spaces++;
	arch_tlb_fence_space(tlb_number(s));
	return true;
}
