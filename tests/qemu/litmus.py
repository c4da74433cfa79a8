"""Litmus tests of TLB fences, in QEMU, on the kernel and on kernels that lack one
fence each (tests/mutants.py): what the `litmus` command must not see there, it
must see here."""
import re

from harness import Failure, Test
from machine import PANIC, PROMPT, Machine, autorun
from mutants import build_kernel

LINE = re.compile(r"^litmus: (\S+) +(\d+) rounds, (\d+) witnesses, "
                  r"(\d+) looked, (\d+) stale", re.M)
SCENES = 9

# A machine, and how many harts of it run the kernel.
VIRT = [(["--harts", str(n)], n) for n in (2, 4, 8)]
SIFIVE_U = (["--board", "sifive_u", "--harts", "5"], 4)

# The fence that is missing, and what must see that.
MISSING = {
    "kernel-no-remote-leaf": ["replace", "write", "exec", "user-replace",
                              "user-write"],
    "kernel-no-remote-table": ["table", "user-table"],
    "kernel-no-wake-up": ["sleep-write"],
}


def passes(test, options, harts, rounds):
    """All scenes: every witness looked in every round, and saw nothing stale."""
    with Machine(test, *options) as m:
        m.expect(PROMPT)
        m.send(f"litmus --rounds {rounds}\r")
        m.expect(PROMPT, unless=PANIC, patience=1800)
        found = LINE.findall(m.output)
    if len(found) != SCENES:
        raise Failure(f"{len(found)} of {SCENES} scenes were played")
    for name, *numbers in found:
        n, witnesses, looked, stale = map(int, numbers)
        if (n, witnesses, looked) != (rounds, harts - 1, rounds * (harts - 1)):
            raise Failure(f"{name}: {n} rounds, {witnesses} witnesses, "
                          f"{looked} looked")
        if stale:
            raise Failure(f"{name}: {stale} stale in {n} rounds")


def fails(test, mutant, scenes, times):
    """Each scene, so many times, a few rounds each: stale every time. Harts that
    use a freed table may do damage, so each time has a machine of its own."""
    kernel = build_kernel(test, mutant)
    for scene in scenes:
        for n in range(times):
            with Machine(test, "--harts", "4", kernel=kernel) as m:
                m.expect(PROMPT)
                line = LINE.search(m.command(f"litmus {scene} --rounds 10"))
            if not line or not int(line[5]):
                raise Failure(f"{mutant}: {scene} did not see it in run {n}")
    return len(scenes)


def share(test):
    passes(test, *VIRT[1], 40)
    n = sum(fails(test, m, scenes[-1:], 3) for m, scenes in MISSING.items())
    return f"40 rounds of {SCENES} scenes, {n} missing fences seen 3 times of 3"


def everything(test):
    for machine, harts in [*VIRT, SIFIVE_U]:
        passes(test, machine, harts, 200)
    n = sum(fails(test, m, scenes, 20) for m, scenes in MISSING.items())
    return (f"200 of 200 rounds of {SCENES} scenes on {len(VIRT) + 1} machines; "
            f"without one fence 20 of 20 fail, {n} scenes")


def full_fences(test):
    """tlbflush=full: no fence has a range, none an ASID; a wrong word is told."""
    out = autorun(test, "litmus --rounds 10; tlb", "--harts", "2",
                  append="tlbflush=full")
    m = re.search(r"^tlb: .*, fences of everything, always$", out, re.M)
    counts = re.findall(r"^ +\d+ +(\d+) +(\d+) +(\d+) ", out, re.M)
    if not m or len(counts) != 2:
        raise Failure("tlb says nothing of it")
    if any(int(ranges) or int(spaces) for ranges, spaces, _ in counts):
        raise Failure("there were fences of less")
    if not all(int(everything) for *_, everything in counts):
        raise Failure("there were no fences")
    out = autorun(test, "tlb", append="tlbflush=fool")
    if not re.search(r"^boot: tlbflush= takes full; ignored$", out, re.M):
        raise Failure("a wrong value is not told")


# Extensions that QEMU's harts have when asked.
EXTENSIONS = "-cpu rv64,svnapot=on,svpbmt=on,svinval=on"
ABOUT = "test pgtable pte flags. arch. kmap asid; pagetable check; litmus"


def extensions(test):
    """Harts with Svnapot, Svpbmt and Svinval, in each mode."""
    for mode in ("sv39", "sv48", "sv57"):
        out = autorun(test, ABOUT + " --rounds 10", "--harts", "2", "--mmu",
                      mode, "--qemu", EXTENSIONS)
        if "SKIP" in out:
            raise Failure("a test was skipped")


BUILT = ("kernel-build",)
TESTS = [
    Test("tlbflush-full", "all", 300, "tlbflush=full", full_fences,
         BUILT),
    Test("litmus-extensions", "all", 600, "harts with Svnapot, Svpbmt, Svinval",
         extensions, BUILT),
    Test("litmus-share", "all", 600, "TLB fences in QEMU, 4 harts", share,
         BUILT),
    Test("litmus", "full", 3600, "TLB fences in QEMU: 200 rounds each, and 20 "
         "runs without each fence", everything, BUILT),
]
