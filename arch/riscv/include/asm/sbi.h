/*
 * Calls into the firmware: the RISC-V Supervisor Binary Interface 2.0. Legacy
 * calls (chapter 5) return one value; the others an error and a value.
 */
#pragma once

#define SBI_LEGACY_SET_TIMER 0x00
#define SBI_LEGACY_PUTCHAR   0x01
#define SBI_LEGACY_GETCHAR   0x02
#define SBI_EXT_BASE	     0x10
#define SBI_EXT_IPI	     0x735049	/* "sPI" */
#define SBI_EXT_HSM	     0x48534d	/* "HSM" */
#define SBI_EXT_TIME	     0x54494d45 /* "TIME" */
#define SBI_EXT_RFENCE	     0x52464e43 /* "RFNC" */
#define SBI_EXT_SRST	     0x53525354 /* "SRST" */
#define SBI_EXT_DBCN	     0x4442434e /* "DBCN" */

#define SBI_BASE_SPEC_VERSION 0
#define SBI_BASE_IMPL_ID      1
#define SBI_BASE_IMPL_VERSION 2
#define SBI_BASE_PROBE	      3
#define SBI_BASE_MVENDORID    4
#define SBI_BASE_MARCHID      5
#define SBI_BASE_MIMPID	      6

#define SBI_IMPL_OPENSBI 1 /* of the ids that SBI_BASE_IMPL_ID gives */

#define SBI_TIME_SET_TIMER 0

#define SBI_IPI_SEND 0

#define SBI_RFENCE_I	    0
#define SBI_RFENCE_VMA	    1
#define SBI_RFENCE_VMA_ASID 2

#define SBI_HSM_HART_START  0
#define SBI_HSM_HART_STOP   1
#define SBI_HSM_HART_STATUS 2

#define SBI_DBCN_WRITE	    0
#define SBI_DBCN_READ	    1
#define SBI_DBCN_WRITE_BYTE 2

#define SBI_SRST_SHUTDOWN    0
#define SBI_SRST_COLD_REBOOT 1

#ifndef __ASSEMBLER__

#include <kernel/types.h>

struct sbi_ret {
	int64_t error; /* 0, or a negative SBI error */
	int64_t value;
};

/* Arguments that the call does not have are 0. */
struct sbi_ret sbi_call(uint64_t ext, uint64_t fid, uint64_t a0, uint64_t a1,
			uint64_t a2, uint64_t a3, uint64_t a4);

/* Does the firmware have this extension? Legacy ones can't be asked for: they
 * are numbers below 0x10, and firmware tells of them too. */
bool sbi_probe(uint64_t ext);

#endif
