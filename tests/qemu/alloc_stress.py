"""All harts on all allocators, in the kernel (tests/stress)."""
import re

from harness import Failure, Test
from machine import DEBUG, RELEASE, Machine, finish

LINE = re.compile(r"^stress: (\d+) harts, (\d+) allocated, (\d+) refused, "
                  r"(\d+) handed over, 0 errors$", re.M)


def stress(harts, ops, kernel=RELEASE, rounds=1):
    """Every object is what its owner made it; in the end, all is free, and every
    validator is content."""
    def fn(test):
        runs = "; ".join(f"stress --seed {seed} --ops {ops}"
                         for seed in range(1, rounds + 1))
        line = f'autorun="{runs}; buddyinfo; pagetable check"'
        with Machine(test, "--harts", str(harts), "--append", line,
                     kernel=kernel) as m:
            if finish(m):
                raise Failure("a command failed")
            found = LINE.findall(m.output)
        if len(found) != rounds or any(int(f[0]) != harts for f in found):
            raise Failure(f"{len(found)} of {rounds} runs without errors")
        return f"{sum(int(f[1]) for f in found):,} allocated"
    return fn


BUILT = ("kernel-build",)
TESTS = [
    *[Test(f"stress-{n}", level, 600, f"{n} harts allocate", stress(n, ops),
           BUILT)
      for n, level, ops in ((2, "all", 20000), (4, "all", 10000),
                            (8, "all", 600))],
    Test("stress-4-debug", "all", 600, "4 harts allocate, debug checks",
         stress(4, 5000, DEBUG), ("kernel-debug",)),
    *[Test(f"stress-{n}-long", "full", 7200, f"{n} harts allocate, long",
           stress(n, ops, rounds=5), BUILT)
      # Eight harts on two processors wait for each other most of the time.
      for n, ops in ((2, 200000), (4, 200000), (8, 5000))],
]
