/* What the harts can do, and can't do right: found out once, at boot. */
#include <arch/boot.h>
#include <arch/mmu.h>
#include <arch/pgtable.h>
#include <asm/csr.h>
#include <asm/errata.h>
#include <asm/extable.h>
#include <asm/features.h>
#include <asm/sbi.h>
#include <asm/timer.h>
#include <kernel/printk.h>
#include <lib/bits.h>

struct riscv_errata riscv_errata;

static uint64_t id(uint64_t fid)
{
	return (uint64_t)sbi_call(SBI_EXT_BASE, fid, 0, 0, 0, 0, 0).value;
}

#define CBOM_MIN 16
#define CBOM_MAX 4096

/* A whole block, of which nobody needs what is in it. */
static __initbss uint8_t block[CBOM_MAX] __attribute__((aligned(CBOM_MAX)));

/* CBO by number, as <asm/fence.h> has it: does the hart do it? */
#define TRY(op)                                                          \
	({                                                               \
		uint64_t ok_ = 0;                                        \
                                                                         \
		__asm__ volatile("1: .insn i 0x0f, 2, x0, %1, " #op "\n" \
				 "li %0, 1\n"                            \
				 "2:\n" EXTABLE("1b", "2b")              \
				 : "+r"(ok_)                             \
				 : "r"(block)                            \
				 : "memory");                            \
		ok_;                                                     \
	})

/* Zicbom, if it can be used: firmware must let us (menvcfg), and what is not tried
 * is not known. */
__init static uint64_t cbom_block(uint32_t size)
{
	if (!is_pow2(size) || size < CBOM_MIN || size > CBOM_MAX)
		pr_warn("cache: Zicbom without a block size that makes sense; "
			"not used\n");
	else if (!TRY(0) || !TRY(1) || !TRY(2))
		pr_warn("cache: Zicbom is not to be had from this firmware; "
			"not used\n");
	else
		return size;
	return 0;
}

/* F and D: sstatus has a switch for them, and D's fmv.d.x f0, x0 does not trap. */
__init static bool has_fp(void)
{
	uint64_t ok = 0;

	csr_set(sstatus, SSTATUS_FS);
	__asm__ volatile("1: .insn r 0x53, 0, 0x79, x0, x0, x0\n"
			 "li %0, 1\n"
			 "2:\n" EXTABLE("1b", "2b")
			 : "+r"(ok));
	csr_clear(sstatus, SSTATUS_FS);
	return ok;
}

__init void arch_features_init(bool (*has)(const char *extension),
			       uint32_t (*number)(const char *property))
{
	riscv_features = (struct riscv_features){
		.sstc = has("sstc"),
		.svinval = has("svinval"),
		.svnapot = has("svnapot"),
		.svpbmt = has("svpbmt"),
		.fp = has_fp(),
	};
	if (has("zicbom"))
		riscv_features.cbom_block =
			cbom_block(number("riscv,cbom-block-size"));
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
