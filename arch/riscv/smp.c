/* Starting and stopping harts: SBI's HSM (SBI 2.0, chapter 9). */
#include <arch/cpu.h>
#include <arch/firmware.h>
#include <arch/image.h>
#include <arch/smp.h>
#include <asm/boot.h>
#include <asm/hartid.h>
#include <asm/sbi.h>
#include <lib/errno.h>
#include <mm/layout.h>

_Static_assert(HART_MAX == MAX_CPUS, "asm");

const char *arch_smp_missing(void)
{
	static const struct {
		uint64_t ext;
		const char *name;
	} needed[] = {
		{SBI_EXT_HSM, "HSM extension, to start harts"},
		{SBI_EXT_IPI, "IPI extension, to interrupt harts"},
		{SBI_EXT_RFENCE, "RFENCE extension, to fence harts"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(needed); i++)
		if (!sbi_probe(needed[i].ext))
			return needed[i].name;
	return NULL;
}

int arch_cpu_start(const struct cpu_start *s)
{
	struct arch_hart *h = cpu_var(arch_hart, s->cpu);
	/* Space 0: the kernel's tables alone. */
	uint64_t satp = csr_read(satp) & ~(SATP_ASID_MASK << SATP_ASID_SHIFT);

	riscv_hartid[s->cpu] = s->hartid;
	*h = (struct arch_hart){
		.stack_start = s->stack.start,
		.stack_size = range_size(s->stack),
		.emergency_top = s->emergency.end,
		.emergency_size = range_size(s->emergency),
		.self = h,
		.satp = satp,
		.entry = s->entry,
		.hartid = s->hartid,
		.percpu_offset = percpu_offset[s->cpu],
		.cpu = s->cpu,
	};
	arch_smp_mb();
	__atomic_store_n(&riscv_started[s->cpu], virt_to_phys(h),
			 __ATOMIC_RELAXED);
	arch_mb();
	if (sbi_call(SBI_EXT_HSM, SBI_HSM_HART_START, s->hartid,
		     image_to_phys(secondary_start), 0, 0, 0)
		    .error)
		return -EIO;
	return 0;
}

void arch_cpu_stop(void)
{
	sbi_call(SBI_EXT_HSM, SBI_HSM_HART_STOP, 0, 0, 0, 0, 0);
	arch_halt();
}
