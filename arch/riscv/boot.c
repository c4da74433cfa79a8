/* The first C code at virtual addresses: fill struct boot_info and go. */
#include <arch/boot.h>
#include <arch/image.h>
#include <asm/boot.h>
#include <asm/csr.h>
#include <asm/hart.h>
#include <asm/hartid.h>
#include <kernel/cpu.h>
#include <mm/layout.h>

void arch_switch_stack_(uint64_t top, void (*fn)(void))
	__attribute__((noreturn));

__init void riscv_boot(uint64_t hartid, paddr_t fdt, uint64_t instret,
		       paddr_t image)
{
	struct boot_info boot = {
		.hartid = hartid,
		.fdt = fdt,
		.fdt_view =
			(const void *)(uintptr_t)(FIXED_BASE + fdt % MIB(2)),
		/* Physical addresses have 56 bits (pte.h). */
		.fdt_view_size = fdt >> 56 ? 0 : FDT_VIEW_SIZE,
		.instret = instret,
	};

	image_phys = image;
	csr_write(sie, SIE_SSIE);
	riscv_hartid[0] = hartid;
	kernel_main(&boot);
}

void arch_switch_stack(struct range stack, struct range emergency,
		       void (*fn)(void))
{
	struct arch_hart *h = this_arch_hart();

	h->stack_start = stack.start;
	h->stack_size = range_size(stack);
	h->emergency_top = emergency.end;
	h->emergency_size = range_size(emergency);
	arch_switch_stack_(stack.end, fn);
}
