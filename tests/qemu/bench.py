"""Benchmarks: figures are instructions, so they have limits, and repeat."""
import re

from harness import ROOT, Failure, Test
from machine import autorun

# Name, minimum, median, maximum.
LINE = re.compile(r"^(\S+) +([\d.]+) +([\d.]+) +([\d.]+)  ", re.M)

# Of what booting takes; other limits are a little above what was measured, and made
# by scripts/bench --limits.
REQUIRED = {"boot-128M": 1000000, "boot-8G": 1000000, "boot-memory": 1258291,
            "boot-memory-tests": 1700000}


def limits(name):
    with open(f"{ROOT}/tests/bench/{name}", encoding="utf-8") as f:
        return {row: float(limit) for row, limit in map(str.split, f)}


def within(rows, limit):
    """No median is above its limit, and all rows are there."""
    found = {name: float(median) for name, _, median, _ in rows}
    if set(found) != set(limit):
        raise Failure(f"other benchmarks than known: {set(found) ^ set(limit)}")
    over = [f"{name}: {n:g} instructions, limit {limit[name]:g}"
            for name, n in found.items() if n > limit[name]]
    if over:
        raise Failure("; ".join(over))
    return f"{len(found)} within their limits"


def bench(test):
    """No operation costs more than it did; all are there; twice the same."""
    runs = [LINE.findall(test.run("scripts/bench")) for _ in range(2)]
    if runs[0] != runs[1]:
        raise Failure("two runs differ")
    return within(runs[0], REQUIRED | limits("limits"))


def bench_user(test):
    """The same of what a Linux program pays."""
    return within(LINE.findall(test.run("scripts/bench", "user-fixed")),
                  limits("limits-user"))


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
    Test("bench-user", "all", 300, "and of a Linux program's", bench_user,
         ("kernel-build",)),
]
