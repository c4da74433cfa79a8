/*
 * Errata of cores that run this kernel, and which cores have them. Everything
 * here but the variable is arithmetic on numbers: it compiles on any machine.
 *
 * Sources: SiFive's errata CIP-453 and CIP-1200 as Linux applies them
 * (arch/riscv/errata/sifive). The U74 of the JH7110 (mimpid 0x4210427) has
 * neither; older ones, such as the FU740's, may.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct riscv_errata {
	/* CIP-1200: a fence with an address may do nothing. */
	bool full_fences;
	/* CIP-453: stval of a fault on fetching is not sign-extended. */
	bool short_stval;
};

/* Of this machine's harts; constant after arch_features_init(). */
extern struct riscv_errata riscv_errata;

#define VENDOR_SIFIVE	0x489u
#define SIFIVE_U7_MULTI 0x8000000000000007u
#define SIFIVE_U5_MULTI 0x1u

static inline struct riscv_errata errata_of(uint64_t mvendorid,
					    uint64_t marchid, uint64_t mimpid)
{
	struct riscv_errata e = {false, false};

	if (mvendorid != VENDOR_SIFIVE)
		return e;
	e.short_stval = marchid == SIFIVE_U7_MULTI && mimpid >= 0x20181004 &&
			mimpid <= 0x20191105;
	e.full_fences =
		(marchid == SIFIVE_U7_MULTI || marchid == SIFIVE_U5_MULTI) &&
		(mimpid & 0xffffff) <= 0x200630 && mimpid != 0x01200626;
	return e;
}

/* What CIP-453 should have left in stval; these cores have 39-bit addresses. */
static inline uint64_t errata_stval(uint64_t scause, uint64_t stval)
{
	if (scause != 1 && scause != 12) /* fetch: access fault, page fault */
		return stval;
	return (uint64_t)((int64_t)(stval << 25) >> 25);
}
