/* Which SiFive cores have CIP-453 and CIP-1200. */
#include <kernel/ktest.h>
#include <lib/bits.h>

#include "../../arch/riscv/include/asm/errata.h"

KTEST(errata, by_ids)
{
	static const struct {
		const char *what;
		uint64_t vendor, arch, imp;
		bool full_fences, short_stval;
	} cases[] = {
		{"JH7110", 0x489, SIFIVE_U7_MULTI, 0x4210427, false, false},
		{"FU740", 0x489, SIFIVE_U7_MULTI, 0x20181004, true, true},
		{"the last U7 with CIP-453", 0x489, SIFIVE_U7_MULTI, 0x20191105,
		 true, true},
		{"a U7 after it", 0x489, SIFIVE_U7_MULTI, 0x20191106, true,
		 false},
		{"a U7 before it", 0x489, SIFIVE_U7_MULTI, 0x20181003, true,
		 false},
		{"the last U7 with CIP-1200", 0x489, SIFIVE_U7_MULTI,
		 0x20200630, true, false},
		{"a U7 after it", 0x489, SIFIVE_U7_MULTI, 0x20200631, false,
		 false},
		{"a U7 that was mended", 0x489, SIFIVE_U7_MULTI, 0x01200626,
		 false, false},
		{"FU540", 0x489, SIFIVE_U5_MULTI, 0x20190405, true, false},
		{"arch id cut to 32 bits", 0x489, 7, 0x20181004, false, false},
		{"QEMU", 0, 0x70216, 0x70216, false, false},
		{"QEMU's sifive_u", 0, 0, 0, false, false},
		{"another vendor", 0x5b7, SIFIVE_U7_MULTI, 0x20181004, false,
		 false},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct riscv_errata e =
			errata_of(cases[i].vendor, cases[i].arch, cases[i].imp);

		if (e.full_fences != cases[i].full_fences ||
		    e.short_stval != cases[i].short_stval)
			ktest_fail(__FILE__, __LINE__, "%s", cases[i].what);
	}
}

KTEST(errata, stval_of_a_fetch_is_made_canonical)
{
	/* Fetch: page fault and access fault; bit 38 is the sign. */
	EXPECT_EQ(errata_stval(12, 0x7f80001234), 0xffffffff80001234);
	EXPECT_EQ(errata_stval(1, 0x4000000000), 0xffffffc000000000);
	EXPECT_EQ(errata_stval(12, 0x3fffffffff), 0x3fffffffff);
	EXPECT_EQ(errata_stval(12, 0xffffffff80001234), 0xffffffff80001234);
	/* Loads and stores have all bits. */
	EXPECT_EQ(errata_stval(13, 0x7f80001234), 0x7f80001234);
	EXPECT_EQ(errata_stval(15, 0x7f80001234), 0x7f80001234);
}
