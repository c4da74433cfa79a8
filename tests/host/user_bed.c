/* Programs without code (user_bed.h). */
#include <arch/cpu.h>
#include <asm/mmu.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/reclaim.h>

#include "../../mm/user_impl.h"
#include "user_bed.h"

/* More faults than that for one access are no progress. */
#define TRIES 10000

static enum fault_result reach(struct aspace *as, vaddr_t va, enum access kind,
			       uint64_t **word)
{
	const struct mmu_sim_access a = {
		.va = va,
		.kind = kind == ACCESS_STORE ? MMU_SIM_STORE : MMU_SIM_LOAD,
		.user = true,
	};

	for (unsigned i = 0; i < TRIES; i++) {
		struct mmu_sim_outcome o =
			mmu_sim_access(mmu_model_in_use(), arch_cpu(), &a);
		enum fault_result r;

		if (o.ok) {
			*word = phys_to_virt(o.pa);
			return FAULT_DONE;
		}
		r = aspace_fault(as, va, kind);
		if (r != FAULT_DONE)
			return r;
	}
	ktest_fail(__FILE__, __LINE__, "%u faults at %#llx", TRIES,
		   (unsigned long long)va);
	return FAULT_NOMEM;
}

/* Nothing comes between the access and its effect: no yield point is in here. */
enum fault_result user_load(struct aspace *as, vaddr_t va, uint64_t *value)
{
	uint64_t *word;
	enum fault_result r = reach(as, va, ACCESS_LOAD, &word);

	if (r == FAULT_DONE)
		*value = *word;
	return r;
}

enum fault_result user_store(struct aspace *as, vaddr_t va, uint64_t value)
{
	uint64_t *word;
	enum fault_result r = reach(as, va, ACCESS_STORE, &word);

	if (r == FAULT_DONE)
		*word = value;
	return r;
}

bool user_map(struct aspace *as, struct range va, uint32_t prot,
	      struct vm_object *o, uint32_t type)
{
	struct aspace_mmap m = {
		.addr = va.start,
		.len = range_size(va),
		.prot = prot,
		.flags = type | MAP_FIXED | (o ? 0 : MAP_ANONYMOUS),
		.object = o,
	};
	vaddr_t at;

	return aspace_mmap(as, &m, &at) == 0 && at == va.start;
}

void user_bed_run(void (*fn)(void))
{
	void (*const fns[])(void) = {fn};
	uint64_t free = 0;

	for (unsigned i = 0; i < 2; i++) {
		host_bed_run(1, 4, ktest_seed(), fns);
		reclaim();
		if (i)
			EXPECT_EQ(page_free_count(), free);
		free = page_free_count();
	}
}
