"""Benchmarks: figures are instructions, so they have limits, and repeat."""
import re

from harness import Failure, Test

LINE = re.compile(r"^(\S+) +([\d.]+)  ", re.M)

# Limits are a little above what was measured (docs/performance.md).
LIMITS = {
    "kmap-4k": 2300, "kmap-4k-table": 930, "kmap-1m": 4400, "kmap-16m": 1100,
    "umap-4k": 850, "umap-map-512": 8, "umap-unmap-512": 2,
    "umap-protect-1": 400, "umap-protect-512": 10, "umap-split": 3400,
    "umap-join": 5300, "tlb-page": 145, "tlb-space": 115, "tlb-switch": 165,
    "fence-page": 40, "fence-space": 28,
}


def bench(test):
    """No operation costs more than it did; all are there; twice the same."""
    runs = [LINE.findall(test.run("scripts/bench")) for _ in range(2)]
    if runs[0] != runs[1]:
        raise Failure("two runs differ")
    found = {name: float(n) for name, n in runs[0]}
    if set(found) != set(LIMITS):
        raise Failure(f"other benchmarks than known: {set(found) ^ set(LIMITS)}")
    for name, n in found.items():
        if n > LIMITS[name]:
            raise Failure(f"{name}: {n} instructions, limit {LIMITS[name]}")
    return f"{len(found)} within their limits"


TESTS = [
    Test("bench", "all", 300, "instructions of measured operations", bench,
         ("kernel-build",)),
]
