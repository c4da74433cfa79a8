/*
 * Cache maintenance by the hart (Zicbom; RISC-V CMO specification 1.0). It acts on
 * a block of a size that only the device tree tells. Firmware may let us use none,
 * some, or all of the instructions (menvcfg): each is tried.
 *
 * QEMU 7.2 has no Zicbom: here these instructions were not executed by anything
 * but the native model. Their encodings are checked by tests/checks.py.
 */
#include <arch/cache.h>
#include <asm/features.h>
#include <asm/fence.h>
#include <lib/bits.h>

uint64_t arch_cache_block(void)
{
	return riscv_features.cbom_block;
}

#define EACH_BLOCK(op, p, size)                                      \
	do {                                                         \
		uint64_t block_ = riscv_features.cbom_block;         \
		uint64_t at_ = align_down((uintptr_t)(p), block_);   \
                                                                     \
		for (; at_ < (uintptr_t)(p) + (size); at_ += block_) \
			op(at_);                                     \
	} while (0)

void arch_cache_clean(void *p, uint64_t size)
{
	EACH_BLOCK(cbo_clean, p, size);
}

void arch_cache_flush(void *p, uint64_t size)
{
	EACH_BLOCK(cbo_flush, p, size);
}

void arch_cache_invalidate(void *p, uint64_t size)
{
	EACH_BLOCK(cbo_inval, p, size);
}
