"""Models of what harts do to each other, searched in every state by SPIN."""
import os
import re
import shutil

from harness import BUILD, Failure, Test

TLB = "tests/spin/tlb.pml"
ASPACE = "tests/spin/aspace.pml"

# Complete searches that must find nothing, with any number of rollovers.
TLB_RIGHT = (
    {},                                         # 3 harts, 4 numbers, 2 spaces
    {"NUMBERS": 0},                             # all spaces are one to a hart
    {"HARTS": 2, "NUMBERS": 3, "SPACES": 3},
)

# One rule is taken out, and a search must break an assertion: here, which.
LAW, NUMBER_LEFT = "seen", "hit"
TLB_WRONG = (
    ({"FREE_FIRST": 1}, LAW),
    ({"NO_STALE": 1}, LAW),
    ({"STALE_EARLY": 1}, LAW),
    ({"NO_MB": 1}, LAW),
    ({"LEAVE_EARLY": 1}, LAW),
    ({"NO_PENDING": 1}, LAW),
    ({"NOT_RESERVED": 1}, LAW),
    ({"NOT_KEPT": 1}, LAW),
    ({"DIRECT": 1, "HARTS": 2, "NUMBERS": 3, "SPACES": 3}, LAW),
    ({"NUMBERS": 0, "NO_FENCE": 1}, LAW),
    ({"NUMBERS": 0, "FENCE_EARLY": 1}, LAW),
    ({"NUMBERS": 3}, NUMBER_LEFT),
)

ASPACE_RIGHT = (
    {},                                         # 3 harts
    {"HARTS": 2},
)
ASPACE_WRONG = tuple(({rule: 1}, "writing") for rule in (
    "NO_FENCE_READER", "NO_FENCE_WRITER", "LOOK_FIRST", "NOTE_LATE",
    "WAIT_FIRST", "WAIT_FOR_ONE", "END_EARLY", "OPEN_EARLY", "GIVE_FIRST"))


def search(test, model, defines, optimize):
    """What pan, the program that SPIN makes of the model, says."""
    folder = os.path.join(BUILD, test.name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    shutil.copy(model, folder)
    test.run("spin", "-a", *(f"-D{k}={v}" for k, v in defines.items()),
             os.path.basename(model), cwd=folder)
    test.run("gcc", optimize, "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=4000",
             "-o", "pan", "pan.c", cwd=folder)
    out = test.run("./pan", "-m1000000", "-w23", cwd=folder, check=False)
    m = re.search(r"^\s*(\d+) states, stored", out, re.M)
    if not m:
        raise Failure("the search did not end")
    return int(m[1]), out


def name(defines):
    return " ".join(f"{k}={v}" for k, v in defines.items()) or "the model"


def complete(out):
    """Every state was seen, every step taken, and nothing found."""
    unreached = re.findall(r"state \d+, \"(.*)\"", out)
    return ("errors: 0" in out and "Search not completed" not in out and
            "max search depth too small" not in out and
            "out of memory" not in out and set(unreached) == {"-end-"})


def broken(out, assertion):
    m = re.search(r"assertion violated (.*) \(at depth", out)
    return bool(m) and assertion in m[1]


def right(test, model, sets):
    counts = []
    for defines in sets:
        states, out = search(test, model, defines, "-O2")
        if not complete(out):
            raise Failure(f"{name(defines)}: a counterexample, or not complete")
        counts.append(states)
    return " and ".join(f"{count:,} states" for count in counts)


def wrong(test, model, sets):
    for defines, assertion in sets:
        _, out = search(test, model, defines, "-O0")
        if not broken(out, assertion):
            raise Failure(f"{name(defines)}: not seen")
    return f"{len(sets)} rules taken out, each seen"


def check(model, rights, wrongs):
    def run(test):
        return f"{right(test, model, rights)}; {wrong(test, model, wrongs)}"
    return run


TESTS = [
    Test("spin", "all", 900, "models of TLB shootdown, in every state",
         check(TLB, TLB_RIGHT, TLB_WRONG)),
    Test("spin-aspace", "all", 300, "the lock of address spaces, in every state",
         check(ASPACE, ASPACE_RIGHT, ASPACE_WRONG)),
]
