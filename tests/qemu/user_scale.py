"""Address spaces under load: crowds that fault, very many mappings."""
import re

from harness import Failure, Test
from machine import DEBUG, RELEASE, autorun
from process import held, passed
from programs import build


def crowd(*options, kernel=RELEASE, rounds=1, kills=10):
    """16 processes fault at once, then some are killed anywhere: each finds what
    it should, and all frames come back."""
    def fn(test):
        once = f"run /crowd 16 {rounds}; run /crowd 16 kill {kills}; " \
               "sleep 500; shrink; meminfo; "
        out = autorun(test, once + once + "ps; audit", "--initrd", build(test),
                      *options, append="quiet", kernel=kernel)
        passed(out, 4)
        if "\n0 processes\n" not in out or "\naudit: 0 findings\n" not in out:
            raise Failure("a process is left, or audit finds something")
        used = re.findall(r" used (\d+) ", out)
        if used[0] != used[1]:
            raise Failure(f"{used} bytes of frames are used")
        first, second = held(out)
        if abs(first - second) > 16384:
            raise Failure(f"{first} bytes are held, then {second}")
        return f"{second - first} bytes more are held"
    return fn


# Of the program itself: its file, heap, stack.
OWN = 30


def most(test):
    """As many mappings as may be, then ENOMEM; with the limit raised, more. All of
    it can be copied and unmapped."""
    found = []
    for append, limit in (("", 65530), ("maxmaps=100000", 100000),
                          ("maxmaps=100", 100), ("maxmaps=x", 65530),
                          ("maxmaps=0", 65530)):
        out = autorun(test, "run /maps most 200000; audit", "--initrd",
                      build(test), "--mem", "256M", append=append)
        passed(out, 1)
        n = int(re.search(r"^mapped (\d+), then ENOMEM$", out, re.M)[1])
        if not limit - OWN < n <= limit + 1:
            raise Failure(f"{append}: {n} mappings")
        if ("maxmaps= takes a number" in out) != (append[-1:] in ("x", "0")
                                                  and limit == 65530):
            raise Failure(f"{append}: a warning, or none")
        found.append(n)
    return f"{found} mappings"


COST = re.compile(r"^cost: (\d+) (\S+) (\d+)$", re.M)
# Instructions that 10 times as many mappings, 3.3 more levels of the tree, may
# add to an operation; and the most that it takes beside 100,000.
MORE = {"mmap-munmap": 600, "mmap-munmap-fixed": 550, "mmap-munmap-join": 250,
        "mprotect-twice": 250, "fault": 120}
AT_MOST = {"mmap-munmap": 3100, "mmap-munmap-fixed": 2700,
           "mmap-munmap-join": 2400, "mprotect-twice": 2700, "fault": 1230}


def costs(test):
    """What grows with the number of mappings grows as its logarithm."""
    out = autorun(test, "run /maps cost 100 1000 10000 100000", "--initrd",
                  build(test), "--mem", "256M", "--icount",
                  append="quiet norandmaps maxmaps=200000")
    passed(out, 1)
    rows = {}
    for _, name, cost in COST.findall(out):
        rows.setdefault(name, []).append(int(cost))
    if set(rows) != set(MORE) or any(len(r) != 4 for r in rows.values()):
        raise Failure("a row is missing")
    for name, row in rows.items():
        steps = [b - a for a, b in zip(row, row[1:])]
        if max(steps) > MORE[name] or row[-1] > AT_MOST[name]:
            raise Failure(f"{name}: {row} instructions")
    return "; ".join(f"{name} {' '.join(map(str, row))}"
                     for name, row in rows.items())


BUILT = ("kernel-build",)
FOUR = ("--harts", "4")
TESTS = [
    Test("scale-crowd", "all", 600, "16 processes fault at once, on 4 harts",
         crowd(*FOUR), BUILT),
    Test("scale-crowd-long", "full", 900, "the same for longer",
         crowd(*FOUR, rounds=3, kills=30), BUILT),
    Test("scale-crowd-debug", "full", 900, "the same with checks",
         crowd(*FOUR, kernel=DEBUG, rounds=2, kills=20), ("kernel-debug",)),
    Test("scale-maps", "all", 300, "100,000 mappings, and the limit", most,
         BUILT),
    Test("scale-costs", "all", 300, "costs beside 100,000 mappings", costs,
         BUILT),
]
