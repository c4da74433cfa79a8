"""Benchmarks: figures are instructions, so they have limits, and repeat."""
import re

from harness import ROOT, Failure, Test
from machine import autorun

# Name, minimum, median, maximum.
LINE = re.compile(r"^(\S+) +([\d.]+) +([\d.]+) +([\d.]+)  ", re.M)

# Limits are a little above what was measured (docs/performance.md).
LIMITS = {
    "kmap-4k": 1750, "kmap-4k-table": 900, "kmap-1m": 3800, "kmap-16m": 1100,
    "umap-4k": 850, "umap-map-512": 8, "umap-unmap-512": 2,
    "umap-protect-1": 405, "umap-protect-512": 10, "umap-split": 3400,
    "umap-join": 5300, "tlb-page": 145, "tlb-space": 115, "tlb-switch": 165,
    "fence-page": 40, "fence-space": 28,
    "page": 51, "page-zero": 620, "page-order-3": 52, "page-order-9": 52,
    "page-order-10": 52, "page-alloc-512": 52, "page-free-512": 54,
    "page-bulk-512": 12, "page-bulk-free-512": 26,
    **{f"kmalloc-{n}": 48 for n in (64, 128, 256, 512, 1024)},
    "kmalloc-65536": 200, "kmalloc-batch-1024": 26, "kfree-batch-1024": 36,
    "slab": 40, "slab-bulk-1024": 8, "slab-bulk-free-1024": 14,
    "slab-create": 1100, "vmap-4k": 515, "vmap-1m": 1500, "vmap-16m": 800,
    "mmio-4k": 1080, "mmio-1m": 2060, "mmio-16m": 1340, "mmio-shared": 660,
    "map": 78, "piece": 212, "bounce": 4000,
    "fault-write": 850, "fault-read": 245, "fault-zero-write": 925,
    "fault-copy": 1560, "fault-reuse": 355, "fault-spurious": 255,
    "fault-object": 590, "fault-huge-512": 546, "populate-64": 710,
    "dontneed-1": 575, "dontneed-512": 67, "mprotect-ro-512": 14,
    "mprotect-none-512": 14, "mprotect-rw-512": 24, "fork-1": 8200,
    "fork-512": 60, "mremap-1": 1850, "mmap-touch-munmap": 2900,
    "task-yield": 415, "task-wake": 620, "task-life": 1075, "mutex": 51,
    "user-call": 113, "user-copy-8": 44, "user-copy-64": 58,
    "user-copy-4096": 1265, "vmalloc-64K": 1800, "vmalloc-64K-purged": 2700,
    "boot-128M": 1000000, "boot-8G": 1000000, "boot-memory": 1258291,
    "boot-memory-tests": 1700000,
}


def bench(test):
    """No operation costs more than it did; all are there; twice the same."""
    runs = [LINE.findall(test.run("scripts/bench")) for _ in range(2)]
    if runs[0] != runs[1]:
        raise Failure("two runs differ")
    found = {name: float(median) for name, _, median, _ in runs[0]}
    if set(found) != set(LIMITS):
        raise Failure(f"other benchmarks than known: {set(found) ^ set(LIMITS)}")
    for name, n in found.items():
        if n > LIMITS[name]:
            raise Failure(f"{name}: {n} instructions, limit {LIMITS[name]}")
    return f"{len(found)} within their limits"


PER_WORD = re.compile(r"^memtest: (\w+) +[\d.]+ instructions a word, plain loop "
                      r"+[\d.]+, (\d+) of 1000$", re.M)
IN_TABLE = re.compile(r'^\t\{"(\w+)",', re.M)
NOT_COMPARED = {"databus", "addrbus", "hammer"}     # bench_memtest.c says why


def memtest(test):
    """Each test of the memory tester takes at most 1.1 times the instructions of
    plain loops with the same accesses."""
    with open(f"{ROOT}/memtest/tests.c", encoding="utf-8") as f:
        known = set(IN_TABLE.findall(f.read())) - NOT_COMPARED
    out = autorun(test, "bench memtest", "--icount", append="quiet")
    found = {name: int(ratio) for name, ratio in PER_WORD.findall(out)}
    if set(found) != known:
        raise Failure(f"not compared: {known ^ set(found)}")
    worst = max(found, key=found.get)
    if found[worst] > 1100:
        raise Failure(f"{worst}: {found[worst]} of 1000")
    return f"{len(found)} tests, {worst} the most: {found[worst]} of 1000"


SCALING = re.compile(r"^scaling: (\w+) +(\d+) of 1000 .*; 2 harts: \d+, "
                     r"control (\d+);", re.M)
ATTEMPTS = 6
# Least quotients, of 1000.
SCALES = {"frames": 950, "kmalloc": 950, "objects": 950, "memtest": 950,
          "spaces": 950, "space": 800}


def scaling(test):
    """On two harts, allocators, the memory tester and page faults get as much
    more done as a loop that shares nothing: at least 0.95 of that, or 0.8 of it
    for faults in one space; a loop that takes one lock does not. An attempt in which the control loop does not scale by about two was
    disturbed by other programs, and says nothing."""
    best = {}
    for _ in range(ATTEMPTS):
        out = autorun(test, "scaling", "--harts", "2")
        for name, quotient, control in SCALING.findall(out):
            if 1700 <= int(control) <= 2500:
                best.setdefault(name, []).append(int(quotient))
        planted = best.get("planted", [1000])
        rows = {n: max(best.get(n, [0]))
                for n in SCALES}
        if all(rows[n] >= SCALES[n] for n in rows) and min(planted) < 950:
            return f"of 1000: {rows}; with one lock {min(planted)}"
    raise Failure(f"of 1000, by attempt: {best}")


TESTS = [
    Test("scaling", "full", 900, "two harts get twice as much done, by time",
         scaling, ("kernel-build",), kind="alone"),
    Test("bench-memtest", "all", 300, "memory tests beside plain loops", memtest,
         ("kernel-build",)),
    Test("bench", "all", 300, "instructions of measured operations", bench,
         ("kernel-build",)),
]
