/* The firmware of the native machine (<host/sbi_sim.h>). */
#include <asm/hartid.h>
#include <host/mmu_sim.h>
#include <host/sbi_sim.h>

#define NOT_SUPPORTED	  -2
#define INVALID_PARAM	  -3
#define ALREADY_AVAILABLE -6

#define HSM_HART_START 0
#define HSM_STARTED    0
#define HSM_STOPPED    1

static struct sbi_sim *sbi;

/* Without a model, ids are indices, and nobody remembers anything. */
__attribute__((constructor)) static void plain_ids(void)
{
	for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++)
		riscv_hartid[cpu] = cpu;
}

void sbi_sim_use(struct sbi_sim *s)
{
	sbi = s;
	if (!s)
		plain_ids();
}

bool sbi_probe(uint64_t ext)
{
	return sbi && (ext == SBI_EXT_RFENCE || ext == SBI_EXT_IPI ||
		       ext == SBI_EXT_HSM);
}

/* The index of a hart, or sbi->n. */
static unsigned find(uint64_t hartid)
{
	unsigned cpu = 0;

	while (cpu < sbi->n && sbi->hartid[cpu] != hartid)
		cpu++;
	return cpu;
}

/* The harts that mask and base name; false if one of them can't be told. */
static bool decode(uint64_t mask, uint64_t base, cpumask_t *cpus)
{
	*cpus = 0;
	if (base == UINT64_MAX) {
		for (unsigned cpu = 0; cpu < sbi->n; cpu++)
			*cpus |= sbi->started[cpu] ? cpu_bit(cpu) : 0;
		return true;
	}
	for (unsigned bit = 0; bit < 64; bit++) {
		unsigned cpu = find(base + bit);

		if (!(mask >> bit & 1))
			continue;
		if (cpu == sbi->n || !sbi->started[cpu])
			return false;
		*cpus |= cpu_bit(cpu);
	}
	return true;
}

static void fence_range(unsigned cpu, uint64_t start, uint64_t size,
			const uint64_t *asid)
{
	if ((!start && !size) || size == UINT64_MAX || size > sbi->range_limit)
		return mmu_sim_sfence_vma(sbi->mmu, cpu, NULL, asid);
	for (uint64_t i = 0; i < size; i += 4096) {
		uint64_t va = start + i;

		mmu_sim_sfence_vma(sbi->mmu, cpu, &va, asid);
	}
}

static int64_t fence_one(unsigned cpu, uint64_t fid, const uint64_t *arg)
{
	if (fid == SBI_RFENCE_I)
		mmu_sim_fence_i(sbi->mmu, cpu);
	else
		fence_range(cpu, arg[2], arg[3],
			    fid == SBI_RFENCE_VMA_ASID ? &arg[4] : NULL);
	return 0;
}

static int64_t interrupt_one(unsigned cpu, uint64_t fid, const uint64_t *arg)
{
	(void)fid;
	(void)arg;
	harts_interrupt(cpu);
	return 0;
}

static int64_t each(uint64_t fid, const uint64_t *arg,
		    int64_t (*one)(unsigned cpu, uint64_t fid,
				   const uint64_t *arg))
{
	unsigned first = (unsigned)(sbi->calls % sbi->n);
	cpumask_t cpus;

	if (!decode(arg[0], arg[1], &cpus))
		return INVALID_PARAM;
	for (unsigned i = 0; i < sbi->n; i++) {
		unsigned cpu = (first + i) % sbi->n;

		harts_yield();
		if (cpus & cpu_bit(cpu))
			one(cpu, fid, arg);
	}
	return 0;
}

static struct sbi_ret hsm(uint64_t fid, uint64_t hartid)
{
	unsigned cpu = find(hartid);

	if (cpu == sbi->n)
		return (struct sbi_ret){INVALID_PARAM, 0};
	if (fid == SBI_HSM_HART_STATUS)
		return (struct sbi_ret){0, sbi->started[cpu] ? HSM_STARTED
							     : HSM_STOPPED};
	if (fid != HSM_HART_START)
		return (struct sbi_ret){NOT_SUPPORTED, 0};
	if (sbi->started[cpu])
		return (struct sbi_ret){ALREADY_AVAILABLE, 0};
	sbi->started[cpu] = true;
	return (struct sbi_ret){0, 0};
}

static struct sbi_ret perform(const struct sbi_sim_call *c)
{
	int64_t error = sbi->refuse ? sbi->refuse(c) : 0;

	if (error)
		return (struct sbi_ret){error, 0};
	if (c->ext == SBI_EXT_HSM)
		return hsm(c->fid, c->arg[0]);
	error = NOT_SUPPORTED;
	if (c->ext == SBI_EXT_RFENCE && c->fid <= SBI_RFENCE_VMA_ASID)
		error = each(c->fid, c->arg, fence_one);
	else if (c->ext == SBI_EXT_IPI && c->fid == SBI_IPI_SEND)
		error = each(c->fid, c->arg, interrupt_one);
	return (struct sbi_ret){error, 0};
}

static int64_t plain(uint64_t ext, uint64_t fid, cpumask_t cpus)
{
	if (ext == SBI_EXT_RFENCE && harts_running())
		return 0;
	if (ext != SBI_EXT_IPI || fid != SBI_IPI_SEND || !harts_running())
		return NOT_SUPPORTED;
	for_each_cpu (cpu, cpus)
		harts_interrupt((unsigned)cpu);
	return 0;
}

struct sbi_ret sbi_call(uint64_t ext, uint64_t fid, uint64_t a0, uint64_t a1,
			uint64_t a2, uint64_t a3, uint64_t a4)
{
	struct sbi_sim_call *c;
	struct sbi_ret r;

	if (!sbi)
		return (struct sbi_ret){plain(ext, fid, a0 << a1), 0};
	c = &sbi->call[++sbi->calls % SBI_SIM_CALLS];
	*c = (struct sbi_sim_call){
		ext, fid, {a0, a1, a2, a3, a4}, arch_cpu(), 0};
	r = perform(c);
	c->error = r.error;
	sbi->refused += r.error != 0;
	return r;
}
