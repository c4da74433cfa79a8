/*
 * The bits of RISC-V page table entries, against the privileged specification,
 * 4.4.1 and chapters 5 and 6, written out as numbers and not by the macros of
 * the code.
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

/* Those of this machine, to be put back. */
static struct pte_features features;

static void have(bool attrs, bool groups)
{
	features = pte_features;
	pte_features_set(attrs, groups);
}

static void have_as_before(void)
{
	pte_features = features;
}

KTEST(pte, a_pointer_to_a_table_has_v_and_our_bit)
{
	pte_t e = pte_table(0x80201000, false);
	pte_t permanent = pte_table(0x80201000, true);

	EXPECT_EQ(e.v, (0x80201000 >> 12 << 10) | 1);
	EXPECT_EQ(permanent.v, (0x80201000 >> 12 << 10) | 0x101);
	EXPECT(pte_present(e));
	EXPECT(!pte_is_leaf(e));
	EXPECT(!pte_is_leaf(permanent));
	EXPECT(!pte_permanent(e));
	EXPECT(pte_permanent(permanent));
	EXPECT_EQ(pte_paddr(e), 0x80201000);
	EXPECT_EQ(pte_paddr(permanent), 0x80201000);
	EXPECT(!pte_present(pte_none()));
	EXPECT(!pte_is_leaf(pte_none()));
	EXPECT_EQ(pte_none().v, 0);
}

KTEST(pte, attributes_only_where_harts_have_them)
{
	have(false, false);
	EXPECT_EQ(pte_leaf(0, VM_READ, ATTR_IO).v >> 54, 0);
	EXPECT_EQ(pte_attr(pte_leaf(0, VM_READ, ATTR_IO)), ATTR_NORMAL);
	pte_features_set(true, false);
	EXPECT_EQ(pte_leaf(0, VM_READ, ATTR_NORMAL).v >> 54, 0);
	EXPECT_EQ(pte_leaf(0, VM_READ, ATTR_NC).v >> 61, 1);
	EXPECT_EQ(pte_leaf(0, VM_READ, ATTR_IO).v >> 61, 2);
	EXPECT_EQ(pte_attr(pte_leaf(0, VM_READ, ATTR_NC)), ATTR_NC);
	EXPECT_EQ(pte_attr(pte_leaf(0, VM_READ, ATTR_IO)), ATTR_IO);
	have_as_before();
}

KTEST(pte, a_group_of_64_kib)
{
	pte_t leaf = pte_leaf(0x80230000, VM_READ, ATTR_NORMAL), e;

	have(false, false);
	EXPECT_EQ(pte_group_entries(), 1);
	pte_features_set(false, true);
	EXPECT_EQ(pte_group_entries(), 16);
	e = pte_group(leaf);
	EXPECT_EQ(e.v, leaf.v | 0x8000000000002000);
	EXPECT(pte_is_leaf(e) && pte_is_group(e) && !pte_is_group(leaf));
	EXPECT_EQ(pte_paddr(e), 0x80230000);
	EXPECT_EQ(pte_prot(e), VM_READ);
	EXPECT_EQ(pte_ungroup(e).v, leaf.v);
	EXPECT_EQ(pte_protect(e, VM_EXEC).v,
		  pte_group(pte_leaf(0x80230000, VM_EXEC, ATTR_NORMAL)).v);
	have_as_before();
}

KTEST(pte, other_rights_change_nothing_else)
{
	pte_t e;

	have(true, true);
	e = pte_leaf(0x80231000, VM_READ | VM_WRITE | VM_USER, ATTR_NC);
	EXPECT_EQ(pte_protect(e, VM_EXEC).v,
		  pte_leaf(0x80231000, VM_EXEC | VM_USER, ATTR_NC).v);
	/* W without R is reserved here too; VM_USER is not asked. */
	EXPECT_EQ(pte_protect(e, VM_WRITE).v, e.v);
	EXPECT_EQ(pte_readonly(e).v, pte_protect(e, VM_READ | VM_USER).v);
	e = pte_leaf(0x80231000, VM_EXEC | VM_USER, ATTR_NORMAL);
	EXPECT_EQ(pte_readonly(e).v, e.v);
	EXPECT_EQ(pte_next_pfn(e), 0x80231);
	e = pte_protect(e, VM_USER);
	EXPECT_EQ(pte_readonly(e).v, e.v);
	EXPECT_EQ(pte_next_pfn(e), 0x80231);
	e = pte_leaf(0x80231000, VM_READ, ATTR_IO);
	EXPECT_EQ(pte_protect(e, VM_READ | VM_USER).v, e.v);
	EXPECT(pte_global(e));
	EXPECT(!pte_global(pte_leaf(0, VM_READ | VM_USER, ATTR_NORMAL)));
	have_as_before();
}

/* A hart reads nothing of it but V. */
KTEST(pte, hidden_leaves_come_back)
{
	const vm_prot_t rw = VM_READ | VM_WRITE | VM_USER;
	pte_t e = pte_leaf(0x80231000, rw, ATTR_NORMAL), hidden, entry;

	hidden = pte_protect(e, VM_USER);
	EXPECT_EQ(hidden.v & 1, 0);
	EXPECT_EQ(hidden.v, (e.v & ~(uint64_t)0xf) | 0x200);
	EXPECT(pte_is_hidden(hidden) && !pte_is_hidden(e));
	EXPECT(pte_is_leaf(hidden) && pte_present(hidden));
	EXPECT(!pte_is_table(hidden) && !pte_is_table(e));
	EXPECT_EQ(pte_paddr(hidden), 0x80231000);
	EXPECT_EQ(pte_prot(hidden), VM_USER);
	EXPECT_EQ(pte_protect(hidden, rw).v, e.v);
	EXPECT_EQ(pte_leaf(0x80231000, VM_USER, ATTR_NORMAL).v, hidden.v);
	entry = pte_none();
	EXPECT(!pte_cas(&entry, e, hidden));
	EXPECT_EQ(entry.v, 0);
	EXPECT(pte_cas(&entry, pte_none(), e));
	EXPECT(!pte_cas(&entry, pte_none(), hidden));
	EXPECT(pte_cas(&entry, e, hidden));
	EXPECT_EQ(entry.v, hidden.v);
}

struct encoding {
	uint64_t v;
	unsigned level;
	unsigned needs; /* 1 Svpbmt, 2 Svnapot; 4: never */
};

static const struct encoding encodings[] = {
	{0, 0, 0},
	{0, 4, 0},
	{0x2, 0, 4}, /* not there, but not nothing */
	{0x20000000, 0, 4},
	{0x200000c3 | 0x20, 0, 0},
	{0x200000c3, 0, 4}, /* neither for users nor global */
	{0x200000f3, 0, 4}, /* both */
	{0x200000e5, 0, 4}, /* W without R */
	{0x200000ed, 0, 4},
	{0x200000e9, 0, 0}, /* X alone */
	{0x20000023, 0, 4}, /* would fault for A, D */
	{0x20000063, 0, 4},
	{0x200000a3, 0, 4},
	{0x200001e3, 0, 4}, /* RSW in a leaf */
	{0x200002e3, 0, 4},
	{0x200002d0, 0, 0}, /* hidden */
	{0x200002d0, 1, 0},
	{0x200402d0, 1, 4},
	{0x200002d1, 0, 4},
	{0x200002d2, 0, 4},
	{0x200002e0, 0, 4},
	{0x200002c0, 0, 4},
	{0x200003d0, 0, 4},
	{0x20000250, 0, 4},
	{0x20000001, 1, 0}, /* pointers */
	{0x20000101, 1, 0},
	{0x20000201, 1, 4},
	{0x20000001, 0, 4},
	{0x20000011, 1, 4},
	{0x20000021, 1, 4},
	{0x20000041, 1, 4},
	{0x20000081, 1, 4},
	{0x2000000020000001, 1, 4},
	{0x8000000020002001, 1, 4},
	{0x200000e3, 1, 0}, /* superpages */
	{0x200004e3, 1, 4},
	{0x200400e3, 1, 4},
	{0x200800e3, 1, 0},
	{0x200800e3, 2, 4},
	{0x200000e3, 2, 0},
	{0x00400000200000e3, 0, 4},
	{0x10000000200000e3, 0, 4},
	{0x20000000200000e3, 0, 1},
	{0x40000000200000e3, 1, 1},
	{0x60000000200000e3, 0, 4},
	{0x80000000200020e3, 0, 2},
	{0x80000000200000e3, 0, 4}, /* no size that there is */
	{0x80000000200030e3, 0, 4},
	{0x80000000200024e3, 0, 4},
	{0x80000000200020e3, 1, 4},
	{0xc0000000200020e3, 0, 3},
};

KTEST(pte, valid_is_what_the_specification_allows)
{
	have(false, false);
	for (unsigned has = 0; has < 4; has++) {
		pte_features_set(has & 1, has & 2);
		for (size_t i = 0; i < ARRAY_SIZE(encodings); i++) {
			const struct encoding *e = &encodings[i];
			bool want = !(e->needs & ~has);

			if (pte_valid((pte_t){e->v}, e->level) != want)
				ktest_fail(__FILE__, __LINE__,
					   "%#llx at level %u",
					   (unsigned long long)e->v, e->level);
		}
	}
	have_as_before();
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
