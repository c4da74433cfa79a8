/* Probes (<arch/probe.h>): what the simulated hart that runs would do. */
#include <arch/cpu.h>
#include <arch/probe.h>
#include <asm/mmu.h>
#include <host/mmu_sim.h>
#include <mm/layout.h>

static bool users[64];

void arch_probe_users(bool allowed)
{
	users[arch_cpu()] = allowed;
}

/* Code is a word that tells what it gives. */
void arch_probe_code(void *at, unsigned n)
{
	*(uint64_t *)at = n;
}

struct probe arch_probe(enum access kind, vaddr_t va, uint64_t value)
{
	static const enum mmu_sim_kind kinds[] = {MMU_SIM_LOAD, MMU_SIM_STORE,
						  MMU_SIM_FETCH};
	struct mmu_sim_access a = {
		.va = va,
		.kind = kinds[kind],
		.sum = users[arch_cpu()],
	};
	struct mmu_sim *sim = mmu_model_in_use();
	struct mmu_sim_outcome o;
	struct probe p = {.ok = false};

	if (kind == ACCESS_FETCH)
		o = mmu_sim_fetch(sim, arch_cpu(), &a, &p.value);
	else
		o = mmu_sim_access(sim, arch_cpu(), &a);
	p.ok = o.ok;
	p.cause = o.cause;
	if (o.ok && kind == ACCESS_LOAD)
		p.value = *(uint64_t *)phys_to_virt(o.pa);
	if (o.ok && kind == ACCESS_STORE)
		*(uint64_t *)phys_to_virt(o.pa) = value;
	return p;
}

struct probe arch_probe_load(vaddr_t va, unsigned bits)
{
	uint64_t word = align_down(va, sizeof(word));
	struct probe p = arch_probe(ACCESS_LOAD, word, 0);

	p.value = p.value >> 8 * (va - word) & UINT64_MAX >> (64 - bits);
	return p;
}
