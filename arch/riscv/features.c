/* What the harts can do, and can't do right: found out once, at boot. */
#include <arch/boot.h>
#include <arch/mmu.h>
#include <arch/pgtable.h>
#include <asm/errata.h>
#include <asm/features.h>
#include <asm/sbi.h>
#include <asm/timer.h>

struct riscv_errata riscv_errata;

static uint64_t id(uint64_t fid)
{
	return (uint64_t)sbi_call(SBI_EXT_BASE, fid, 0, 0, 0, 0, 0).value;
}

__init void arch_features_init(bool (*has)(const char *extension))
{
	riscv_features = (struct riscv_features){
		.sstc = has("sstc"),
		.svinval = has("svinval"),
		.svnapot = has("svnapot"),
		.svpbmt = has("svpbmt"),
	};
	pte_features_set(riscv_features.svpbmt, riscv_features.svnapot);
	/* So that harts of others don't pay for three calls. */
	if (id(SBI_BASE_MVENDORID) == VENDOR_SIFIVE)
		riscv_errata = errata_of(VENDOR_SIFIVE, id(SBI_BASE_MARCHID),
					 id(SBI_BASE_MIMPID));
	riscv_timer_init();
}

bool arch_tlb_needs_full(void)
{
	return riscv_errata.full_fences;
}
