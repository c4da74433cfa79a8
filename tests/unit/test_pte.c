/*
 * The bits of RISC-V page table entries, against the privileged specification,
 * 4.4.1, written out as numbers and not by the macros of the code.
 */
#include <arch/pgtable.h>
#include <kernel/ktest.h>
#include <lib/bits.h>

KTEST(pte, leaves_never_fault_for_accessed_or_dirty)
{
	/* Harts without hardware update trap on A = 0, and on D = 0. */
	EXPECT_EQ(pte_leaf(0, VM_READ, ATTR_NORMAL).v & 0xc0, 0xc0);
	EXPECT_EQ(pte_leaf(0, VM_READ | VM_WRITE, ATTR_NORMAL).v & 0xc0, 0xc0);
	EXPECT_EQ(pte_leaf(0, VM_READ | VM_EXEC, ATTR_NORMAL).v & 0xc0, 0xc0);
}

KTEST(pte, rights)
{
	EXPECT_EQ(pte_leaf(0, VM_READ, ATTR_NORMAL).v & 0x3f, 0x23);
	EXPECT_EQ(pte_leaf(0, VM_READ | VM_WRITE, ATTR_NORMAL).v & 0x3f, 0x27);
	EXPECT_EQ(pte_leaf(0, VM_READ | VM_EXEC, ATTR_NORMAL).v & 0x3f, 0x2b);
	EXPECT_EQ(pte_leaf(0, VM_EXEC, ATTR_NORMAL).v & 0x3f, 0x29);
	/* W without R is reserved. */
	EXPECT_EQ(pte_leaf(0, VM_WRITE, ATTR_NORMAL).v & 0x3f, 0x27);
	/* What is for users is not global. */
	EXPECT_EQ(pte_leaf(0, VM_READ | VM_USER, ATTR_NORMAL).v & 0x3f, 0x13);
}

KTEST(pte, a_pointer_to_a_table_has_only_v)
{
	pte_t e = pte_table(0x80201000);

	EXPECT_EQ(e.v, (0x80201000 >> 12 << 10) | 1);
	EXPECT(pte_present(e));
	EXPECT(!pte_is_leaf(e));
	EXPECT_EQ(pte_paddr(e), 0x80201000);
	EXPECT(!pte_present(pte_none()));
	EXPECT(!pte_is_leaf(pte_none()));
}

KTEST(pte, addresses_to_the_last_bit)
{
	paddr_t top = ((paddr_t)1 << 56) - PAGE_SIZE;
	pte_t e = pte_leaf(top, VM_READ, ATTR_NORMAL);

	EXPECT(pte_is_leaf(e));
	EXPECT_EQ(pte_paddr(e), top);
	/* Nothing runs over into the bits that are reserved. */
	EXPECT_EQ(e.v >> 54, 0);
	e = pte_advance(pte_leaf(GIB(3), VM_READ, ATTR_NORMAL), MIB(2));
	EXPECT_EQ(e.v, pte_leaf(GIB(3) + MIB(2), VM_READ, ATTR_NORMAL).v);
}

KTEST(pte, rights_come_back)
{
	for (vm_prot_t prot = 1; prot < 16; prot++) {
		vm_prot_t got = pte_prot(pte_leaf(0, prot, ATTR_NORMAL));

		if (!(prot & (VM_READ | VM_WRITE | VM_EXEC)))
			continue;
		EXPECT_EQ(got, prot & VM_WRITE ? prot | VM_READ : prot);
	}
}
