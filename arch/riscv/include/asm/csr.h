/* Control and status registers of S-mode (privileged specification, ch. 4). */
#pragma once

#define SSTATUS_SIE  (1ull << 1)
#define SSTATUS_SPIE (1ull << 5)
#define SSTATUS_SPP  (1ull << 8)
#define SSTATUS_VS   (3ull << 9)
#define SSTATUS_FS   (3ull << 13)
#define SSTATUS_SUM  (1ull << 18)
#define SSTATUS_MXR  (1ull << 19)

/* SSTATUS_FS, 0 being off: are the registers of floating point as they were saved? */
#define FS_CLEAN (2ull << 13)
#define FS_DIRTY (3ull << 13)

/* Bits of sie and sip; causes of interrupts. */
#define IRQ_SOFTWARE 1
#define IRQ_TIMER    5
#define IRQ_EXTERNAL 9
#define SIE_SSIE     (1ull << IRQ_SOFTWARE)
#define SIE_STIE     (1ull << IRQ_TIMER)
#define SIE_SEIE     (1ull << IRQ_EXTERNAL)

#define SATP_MODE_SHIFT 60
#define SATP_ASID_SHIFT 44
#define SATP_ASID_MASK	0xffffull
#define SATP_PPN_MASK	((1ull << 44) - 1)

#ifndef __ASSEMBLER__

#include <stdint.h>

#define csr_read(csr)                                                    \
	__extension__({                                                  \
		uint64_t v_;                                             \
		__asm__ volatile("csrr %0, " #csr : "=r"(v_)::"memory"); \
		v_;                                                      \
	})

#define csr_write(csr, v) \
	__asm__ volatile("csrw " #csr ", %0" ::"rK"((uint64_t)(v)) : "memory")

#define csr_set(csr, v) \
	__asm__ volatile("csrs " #csr ", %0" ::"rK"((uint64_t)(v)) : "memory")

#define csr_clear(csr, v) \
	__asm__ volatile("csrc " #csr ", %0" ::"rK"((uint64_t)(v)) : "memory")

#define csr_read_clear(csr, v)                            \
	__extension__({                                   \
		uint64_t v_;                              \
		__asm__ volatile("csrrc %0, " #csr ", %1" \
				 : "=r"(v_)               \
				 : "rK"((uint64_t)(v))    \
				 : "memory");             \
		v_;                                       \
	})

#endif
