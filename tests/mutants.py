#!/usr/bin/python3
"""Classic bugs of TLB handling, and of memory that devices access, each planted in
a copy of one source file.

    mutants.py --list
    mutants.py --make NAME DIR

--make writes the mutated copy to DIR/NAME/, under its path in the tree, and
prints that path; cmake does it for STRATA_MUTANT=NAME, for the kernel as for the
native tests. So the sources have no switches, and a mutant can't be forgotten in
them. Its text must occur exactly once; if it is gone, so is the mutant's
meaning, and that is a failure.

The numbers are those of docs/tlb.md; 0: a bug of DMA (docs/dma.md), or of moving
memory (docs/displace.md).
"""
import os
import sys
from collections import namedtuple

from harness import BUILD, ROOT, Failure, Test, jobs

# native: the unit tests that must fail; None: no native test sees it.
Mutant = namedtuple("Mutant", "name number file old new native")

MUTANTS = [
    Mutant("free-before-fence", 1, "mm/tlb.c",
           """\tif (g->tables || !range_empty(g->va))
\t\tfence(g);
\tif (!list_empty(&g->pages))
\t\tfree_pages(g);
""",
           """\tif (!list_empty(&g->pages))
\t\tfree_pages(g);
\tif (g->tables || !range_empty(g->va))
\t\tfence(g);
""", "machine."),
    Mutant("no-fence", 1, "mm/tlb.c",
           "\tif (now)\n\t\tfence_others", "\tif (now && !h)\n\t\tfence_others",
           "machine."),
    Mutant("no-local-fence", 1, "mm/tlb.c",
           "\tif (inside(h, s))\n\t\tfence_here(h, &f);\n\tnow &=", "\tnow &=",
           "machine."),
    Mutant("failed-map-not-fenced", 1, "mm/umap.c",
           "\tif (err)\n\t\ttlb_flush(&g);\n\telse\n", "", "machine."),
    Mutant("copy-without-fence", 1, "mm/fault.c",
           "\ttlb_flush_page(&f->as->map.tlb, f->va);\n", "", "fault_harts."),
    Mutant("copy-before-others-forget", 1, "mm/fault.c",
           "pte_cas(f->entry, f->e, pte_protect(f->e, VM_USER))",
           "pte_cas(f->entry, f->e, leaf_of(p, f->v->prot, true))",
           "fault_harts."),
    Mutant("forked-without-fence", 1, "mm/user_copy.c",
           "\ttlb_flush(&c.g);\n", "\ttlb_flush_new(&c.g);\n", "fault_harts."),
    Mutant("zapped-before-fence", 1, "mm/user_zap.c",
           "\tlist_splice(&gone, &z->g.pages);\n\ttlb_flush(&z->g);\n",
           "\tlist_splice(&gone, &z->g.pages);\n", "fault_harts."),
    Mutant("table-taken-for-a-leaf", 2, "mm/fault.c",
           "pte_is_hidden(e) || pte_is_table(e)", "pte_is_hidden(e)",
           "fault_harts."),
    Mutant("table-freed-at-once", 2, "mm/pgtable.c",
           "\t\ttlb_gather_free(g, page);\n",
           "\t\tvoid page_free(struct page *p, unsigned order);\n"
           "\t\tpage_free(page, 0);\n", "machine."),
    Mutant("table-fenced-by-address", 2, "mm/tlb.c",
           "\tif (g->tables || range_size", "\tif (range_size",
           "machine."),
    Mutant("idle-hart-not-told-of-tables", 2, "mm/tlb.c",
           "\tif (s == &kernel_space && g->tables)\n",
           "\tif (s == &kernel_space && !g)\n", "machine."),
    Mutant("rollover-without-fence", 3, "mm/asid.c",
           "\tp->pending = ~(cpumask_t)0;\n", "", "machine."),
    Mutant("rollover-forgets-who-runs", 3, "mm/asid.c",
           "\t\tif (context)\n\t\t\tp->hart[cpu].reserved = context;\n",
           "\t\t(void)context;\n", "machine."),
    Mutant("straight-from-space-to-space", 3, "mm/tlb.c",
           "\tif (asids.numbers && from && to) {", "\tif (0) {", "machine."),
    Mutant("switch-without-fence", 3, "mm/tlb.c",
           "\tif (!asids.numbers)\n\t\tforget(h, 0);\n", "", "machine."),
    Mutant("stale-hart-not-marked", 3, "mm/tlb.c",
           "\t__atomic_fetch_or(&s->stale, ~before, __ATOMIC_RELAXED);\n", "",
           "machine."),
    Mutant("stale-mark-ignored", 3, "mm/tlb.c",
           "\t} else if (stale) {\n", "\t} else if (stale && 0) {\n", "machine."),
    Mutant("left-before-satp", 3, "mm/tlb.c",
           "\tarch_mmu_switch(pt->root, pt->levels, number);\n",
           "\tif (from)\n\t\tleave(from, cpu_bit(cpu));\n"
           "\tarch_mmu_switch(pt->root, pt->levels, number);\n", "machine."),
    Mutant("entered-after-looking", 3, "mm/tlb.c",
           """\t__atomic_fetch_or(&s->active, me, __ATOMIC_RELAXED);
\tarch_smp_mb(); /* partner: in_space() */
\tif (!(__atomic_load_n(&s->stale, __ATOMIC_RELAXED) & me))
\t\treturn false;
""",
           """\tcpumask_t stale = __atomic_load_n(&s->stale, __ATOMIC_RELAXED);

\tarch_smp_mb();
\t__atomic_fetch_or(&s->active, me, __ATOMIC_RELAXED);
\tif (!(stale & me))
\t\treturn false;
""", "machine."),
    Mutant("idle-exit-without-fence", 3, "mm/tlb.c",
           "\tif (enter(h, &kernel_space, cpu_bit(arch_cpu())))\n",
           "\tif (enter(h, &kernel_space, cpu_bit(arch_cpu())) && !h)\n",
           "machine."),
    Mutant("operands-swapped", 4, "arch/riscv/fence.c",
           "sfence_vma_page_asid(va, f->asid);",
           "sfence_vma_page_asid(f->asid, va);", "machine."),
    Mutant("sinval-operands-swapped", 4, "arch/riscv/fence.c",
           "sinval_vma_page_asid(va, f->asid);",
           "sinval_vma_page_asid(f->asid, va);", "machine."),
    Mutant("sinval-not-ordered", 4, "arch/riscv/fence.c",
           "\tsfence_inval_ir();\n", "", "machine."),
    Mutant("global-fenced-by-asid", 4, "mm/tlb.c",
           "fence_for(&f, g, number_for(g->space));\n\tif (inside",
           "fence_for(&f, g, tlb_number(s));\n\tif (inside", "machine."),
    Mutant("new-kernel-mapping-not-fenced", 5, "mm/kmap.c",
           """\terr = pgtable_map(&kernel_pgtable, va, pa, prot, attr, &g);
\ttlb_flush(&g);
""",
           """\terr = pgtable_map(&kernel_pgtable, va, pa, prot, attr, &g);
\tif (err)
\t\ttlb_flush(&g);
""", "machine."),
    Mutant("vfree-frees-before-fence", 1, "mm/vmalloc.c",
           "\t\tlist_splice(&g.pages, &a->blocks);\n",
           "\t\tlist_for_each_safe (b, &a->blocks)\n"
           "\t\t\tpage_free(list_entry(b, struct page, link),\n"
           "\t\t\t\t  list_entry(b, struct page, link)->order);\n",
           "vmalloc"),
    Mutant("window-goes-without-fence", 1, "mm/vmap.c",
           "\t\tclear_own(&a->own);\n\t\tflush(area_range(a), "
           "a->own.shift);\n", "\t\tclear_own(&a->own);\n", "mmio_host."),
    Mutant("window-comes-without-fence", 5, "mm/vmap.c",
           "\t\tflush(area_range(a), a->own.shift);\n\t} else if",
           "\t} else if", "vmalloc"),
    Mutant("registers-free-before-fence", 1, "mm/mmio.c",
           "\tclose_window(m->window, va, range_size(m->pages),\n"
           "\t\t     (uintptr_t)__builtin_return_address(0));\n\tforget(m);\n",
           "\tforget(m);\n\tclose_window(m->window, va, range_size(m->pages),"
           " 0);\n",
           "mmio_host"),
    Mutant("window-joined-while-it-goes", 1, "mm/mmio.c",
           " &&\n\t\t    __atomic_load_n(&c->base, __ATOMIC_ACQUIRE))\n",
           ")\n", "mmio_host"),
    Mutant("mask-base-of-boot-hart", 6, "arch/riscv/fence.c",
           """\t*base = UINT64_MAX;
\tfor_each_cpu (cpu, *cpus)
\t\t*base = min_u64(*base, riscv_hartid[cpu]);
\tfor_each_cpu (cpu, *cpus) {
\t\tuint64_t bit = riscv_hartid[cpu] - *base;
""",
           """\t*base = riscv_hartid[0];
\tfor_each_cpu (cpu, *cpus) {
\t\tuint64_t bit = (riscv_hartid[cpu] - *base) % 64;
""", "machine."),
    Mutant("index-taken-for-hart-id", 6, "arch/riscv/fence.c",
           "\t\tuint64_t bit = riscv_hartid[cpu] - *base;\n",
           "\t\tuint64_t bit = (cpu - *base) % 64;\n", "machine."),
    Mutant("unstarted-hart-in-mask", 7, "mm/tlb.c",
           "\tnow &= online;\n", "\tnow |= 1u << 4;\n", "machine."),
    Mutant("unstarted-hart-and-refusal-ignored", 7, "mm/tlb.c",
           "\tif (arch_tlb_fence_remote(f, cpus) && "
           "arch_tlb_fence_remote(&all, cpus))\n",
           "\tcpus |= 1u << 4;\n"
           "\tif (arch_tlb_fence_remote(f, cpus) && !cpus && "
           "arch_tlb_fence_remote(&all, cpus))\n", "machine."),
    Mutant("refusal-ignored", 7, "arch/riscv/fence.c",
           "\t\t\terr = -EIO;\n", "\t\t\terr = 0;\n", "machine."),
    Mutant("size-zero", 8, "arch/riscv/fence.c",
           "\t\t.size = all ? UINT64_MAX : range_size(f->va),\n",
           "\t\t.size = all ? UINT64_MAX : 0,\n", "machine."),
    Mutant("start-not-of-a-page", 8, "arch/riscv/fence.c",
           "\t\t.start = all ? 0 : f->va.start,\n",
           "\t\t.start = all ? 0 : f->va.start + PAGE_SIZE / 2 + f->step / 2,\n",
           "machine."),
    Mutant("code-fenced-here-only", 10, "mm/tlb.c",
           "\tif (others && arch_icache_fence_remote(others))\n", "\tif (0)\n",
           "machine."),
    Mutant("code-fenced-there-only", 10, "mm/tlb.c",
           "n.code++;\n\tarch_icache_fence();\n", "n.code++;\n", "machine."),
    Mutant("late-hart-keeps-old-code", 10, "mm/tlb.c",
           "\tforget(h, ASID_ANY);\n\tarch_icache_fence();\n",
           "\tforget(h, ASID_ANY);\n", "machine_watch."),
    Mutant("lent-without-clean", 0, "mm/dma_map.c",
           "\tif (!m->device->coherent)\n\t\tdma_clean(lent(m));\n", "",
           "dma_cache."),
    Mutant("taken-back-without-invalidate", 0, "mm/dma_map.c",
           "\tif (!m->device->coherent)\n\t\tdma_invalidate(lent(m));\n", "",
           "dma_cache."),
    Mutant("parts-of-lines-lent", 0, "mm/dma_map.c",
           "!is_aligned(r.start | r.end, dma_cache()->line)", "!dma_cache()",
           "dma_cache."),
    Mutant("shown-uncached-without-flush", 0, "mm/dma_alloc.c",
           "\tif (direct)\n\t\tdma_flush(r);\n", "", "dma_cache."),
    Mutant("bounced-one-way", 0, "mm/dma_map.c",
           "\tif (!range_empty(m->bounce))\n"
           "\t\tmemcpy(m->cpu, phys_to_virt(m->bounce.start), m->size);\n", "",
           "dma."),
    Mutant("move-forgets-pointers", 0, "mm/kmap_move.c",
           "\t\t\tif (!moves(m, pte_next(e)))\n\t\t\t\tcontinue;\n",
           "\t\t\tcontinue;\n", "kmap_move."),
    Mutant("move-forgets-an-entry", 0, "mm/kmap_move.c",
           "i < PT_ENTRIES; i++, va +=", "i < PT_ENTRIES - 1; i++, va +=",
           "kmap_move."),
    Mutant("move-forgets-the-root", 0, "mm/kmap_move.c",
           "\treturn moves(m, root) ? root - m->from + m->to : root;\n",
           "\treturn root;\n", "kmap_move."),
    Mutant("move-splits-nothing", 0, "mm/kmap_move.c",
           "\treturn !range_empty(s->mixed);\n", "\treturn 0;\n",
           "kmap_move."),
    # What tests/qemu/displace.py sees.
    Mutant("kernel-move-without-fences", 0, "arch/riscv/gate.S",
           "\tsfence.vma\n\tcsrw\tsatp, t0\n\tsfence.vma\n",
           "\tcsrw\tsatp, t0\n", None),
    Mutant("kernel-move-on-the-stack-inside", 0, "kernel/displace.c",
           "\tarch_call_on((vaddr_t)(uintptr_t)o + "
           "(PAGE_SIZE << OUTSIDE_ORDER),\n\t\t     cross_outside, o);\n",
           "\tcross_outside(o);\n", None),
    # What the litmus tests in QEMU see (tests/qemu/litmus.py).
    Mutant("kernel-no-remote-leaf", 1, "mm/tlb.c",
           "\tif (now)\n\t\tfence_others(",
           "\tif (now && g->tables)\n\t\tfence_others(", None),
    Mutant("kernel-no-remote-table", 2, "mm/tlb.c",
           "\tif (now)\n\t\tfence_others(",
           "\tif (now && !g->tables)\n\t\tfence_others(", None),
    Mutant("kernel-no-wake-up", 3, "mm/tlb.c",
           "\tif (enter(h, &kernel_space, cpu_bit(arch_cpu())))\n"
           "\t\tforget(h, ASID_ANY);\n",
           "\tenter(h, &kernel_space, cpu_bit(arch_cpu()));\n", None),
]


def mutated(m):
    """The text of the file with the bug in it."""
    with open(f"{ROOT}/{m.file}", encoding="utf-8") as f:
        text = f.read()
    if text.count(m.old) != 1:
        raise Failure(f"mutant {m.name}: {m.file} has its text "
                      f"{text.count(m.old)} times")
    return text.replace(m.old, m.new)


def make(name, folder):
    m = next((m for m in MUTANTS if m.name == name), None)
    if not m:
        raise Failure(f"no mutant is called '{name}'")
    path = f"{folder}/{name}/{m.file}"
    text = mutated(m)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        with open(path, encoding="utf-8") as f:
            if f.read() == text:
                return m.file
    except FileNotFoundError:
        pass
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return m.file


def seen(test, program, tests):
    """Does one of a few seeds make the tests fail? Some bugs need harts to meet
    in a small gap."""
    for seed in range(1, 6):
        out = test.run(program, tests, check=False,
                       env={"OPS": "300000", "SEED": str(seed)})
        if not out.strip().endswith(" 0 failed"):
            return True
    return False


def native(test):
    """Each mutant is built in one directory, and seen; the last build has none,
    and passes."""
    folder = f"{BUILD}/mutants"
    planted = [m for m in MUTANTS if m.native]
    for m in planted:
        mutated(m)
    for m in [*planted, None]:
        test.run("cmake", "--preset", "host-gcc", "-B", folder,
                 f"-DSTRATA_MUTANT={m.name if m else ''}")
        test.run("cmake", "--build", folder, "-j", jobs(), "--target", "unit",
                 "--", "--quiet")
        if m and not seen(test, f"{folder}/unit", m.native):
            raise Failure(f"mutant {m.name} was not seen")
        if not m and seen(test, f"{folder}/unit", "machine."):
            raise Failure("fails without any mutant")
    return f"{len(planted)} mutants"


def build_kernel(test, name):
    """The kernel with this mutant; its Image."""
    folder = f"{BUILD}/mutant-kernel"
    test.run("cmake", "--preset", "kernel", "-B", folder,
             f"-DSTRATA_MUTANT={name}")
    test.run("cmake", "--build", folder, "-j", jobs(), "--target", "image",
             "--", "--quiet")
    return f"{folder}/Image"


def main(args):
    if args == ["--list"]:
        for m in MUTANTS:
            print(f"{m.number:2} {m.name:30} {m.file}")
        return 0
    if len(args) == 3 and args[0] == "--make":
        try:
            print(make(*args[1:]))
            return 0
        except Failure as e:
            print(f"mutants.py: {e}", file=sys.stderr)
            return 1
    print(__doc__.strip())
    return 2


TESTS = [
    Test("mutants", "all", 900, "classic TLB bugs, planted, are seen", native),
]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
