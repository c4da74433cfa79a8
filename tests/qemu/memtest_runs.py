"""memtest on machines in QEMU: what it covers, what is left when it ends, ^C."""
import re

import memflip
from harness import Failure, Test
from machine import PANIC, PROMPT, RELEASE, Machine, autorun

SEED = 20261122
DONE = r"^MTLOG .*ev=done .*\n(MTLOG .*\n){2}memtest: (\w+), "
MEMORY = re.compile(r"^memory: \d+ = .*cached (\d+) \+ free (\d+)$", re.M)
RAM = 0x80000000
MiB = 1 << 20


def runs(text):
    """The log's events, a list for each run; Failure if a line is not whole or
    not there."""
    found = []
    for line in text.splitlines():
        try:
            f = memflip.fields(line)
        except ValueError:
            raise Failure(f"damaged: {line}") from None
        if not f:
            continue
        if f["seq"] == "0":
            found.append([])
        if int(f["seq"]) != len(found[-1]):
            raise Failure(f"not line {len(found[-1])}: {line}")
        found[-1].append(f)
    return found


def named(events, name):
    return [f for f in events if f["ev"] == name]


def size(events, *names):
    """Bytes of the ranges of these events."""
    ends = [memflip.spans(f) for n in names for f in named(events, n)]
    return sum(b - a for a, b in ends)


def check(events, total):
    """A run that came to its end: what it says adds up."""
    done = named(events, "done")
    if len(done) != 3 or events[-3:] != done:
        raise Failure("the log does not end in three ev=done")
    done = done[0]
    parts = [int(done[k]) for k in ("tested", "untested", "skipped")]
    if sum(parts) != total or \
            size(events, "region", "kernel", "untested") != total:
        raise Failure(f"{parts} do not add up to {total}")
    if int(done["lines"]) != len(events) - 3:
        raise Failure(f"lines={done['lines']}, but {len(events) - 3} are there")
    for a, b in (("test_start", "test_end"), ("hold", "resume"),
                 ("displace", "restored")):
        if len(named(events, a)) != len(named(events, b)):
            raise Failure(f"not as many {b} as {a}")
    return done


def good(harts, mem, commands, *options):
    """Sound memory passes, whatever the options; at the end all is as before."""
    def fn(test):
        out = autorun(test, "; ".join(
            ["meminfo", *(f"memtest {c}" for c in commands), "meminfo",
             "pagetable check", "audit"]),
            "--harts", str(harts), "--mem", f"{mem}M", *options)
        for events, command in zip(runs(out), commands, strict=True):
            done = check(events, mem * MiB)
            if done["status"] != "pass" or done["untested"] != str(2 * MiB):
                raise Failure(f"{command}: {done}")
            if "--kernel yes" in command and done["skipped"] != "0":
                raise Failure(f"{command}: {done['skipped']} bytes skipped")
        compare(out)
        return f"{len(commands)} runs"
    return fn


def compare(out):
    """All frames came back: free or cached, and a few for tables and the page map."""
    before, *_, after = [sum(map(int, m)) for m in MEMORY.findall(out)]
    if not before - MiB // 2 <= after <= before:
        raise Failure(f"{before} bytes were free, now {after}")


def pieces(test):
    """Free memory in hundreds of pieces, and some of it bad: what is known to be
    bad is left alone, all else is tested."""
    with Machine(test, "--harts", "2", "--mem", "64M") as m:
        m.expect(PROMPT, unless=PANIC)
        for i in range(120):
            m.command(f"badram add {0x81000000 + 0x5000 * i:#x}")
        bad = [int(a, 16) for a in re.findall(r"^(\w{16})-\w{16}  ",
                                              m.command("badram"), re.M)]
        out = m.command("memtest --test address,marchca --kernel yes")
        events, = runs(out)
        done = check(events, 64 * MiB)
        if done["status"] != "pass":
            raise Failure(f"status {done['status']}")
        told = [int(f["start"], 16) for f in named(events, "untested")
                if f["why"] == "bad"]
        if told != bad or len(bad) < 100:
            raise Failure(f"{len(told)} bad frames told, {len(bad)} there")
        if len(named(events, "region")) < 50:
            raise Failure("free memory was not in pieces")
        m.command("badram forget")
    return f"{len(named(events, 'region'))} regions"


def kernel_range(test):
    """A range in the kernel's image, to the word, and one with no RAM."""
    with Machine(test, "--harts", "2", "--mem", "128M") as m:
        m.expect(PROMPT, unless=PANIC)
        out = m.command("memtest --range 0x80234008-0x80235010")
        done = check(runs(out)[0], 0x1008)
        if (done["status"], done["tested"]) != ("pass", str(0x1008)):
            raise Failure(f"not all tested: {done}")
        out = m.command("memtest --range 0x7fff0000-0x80210000")
        done = check(runs(out)[0], 0x220000)
        if done["untested"] != str(0x210000):     # no RAM, firmware
            raise Failure(f"untested: {done}")


# A command, and what must have been seen when ^C comes.
PHASES = (
    ("--test marchss,marchc --passes 0", r"ev=test_start pass=3 "),
    ("--test marchss --passes 0 --kernel yes", r"ev=displace "),
    ("--hold 100000 --test address", r"ev=hold "),
    ("--hold 100000 --test address --range 0x80200000+64K",
     r"ev=displace (.*\n)+.*ev=hold "),
    ("--test fade --fade 100000", r"why=fade"),
    ("--profile soak --tick 1 --fade 10", r"ev=tick "),
)


def interrupt(harts):
    """^C in each phase: an end as after any run, and nothing is lost."""
    def fn(test):
        with Machine(test, "--harts", str(harts), "--mem", "128M") as m:
            m.expect(PROMPT, unless=PANIC)
            before = m.command("meminfo")
            for command, seen in PHASES:
                begin = m.seen
                m.send(f"memtest {command}\r")
                m.expect(seen, unless=PANIC)
                m.send("\x03")
                m.expect(PROMPT, unless=PANIC)
                events, = runs(m.output[begin:m.seen])
                total = 65536 if "--range" in command else 128 * MiB
                done = check(events, total)
                if done["status"] != "interrupted":
                    raise Failure(f"{command}: {done}")
            compare(before + m.command("meminfo"))
            m.command("memtest --test address --kernel yes")
            audit = m.command("pagetable check; audit")
            if "pagetable: 0 faults" not in audit:
                raise Failure("faults in the page tables")
        return f"{len(PHASES)} phases"
    return fn


def flips(*options):
    """memtest finds each bit that is flipped behind its back."""
    def fn(test):
        script = ("/usr/bin/python3", "-B", "tests/qemu/memflip.py")
        test.run(*script, "--self-check")
        out = test.run(*script, "--image", RELEASE, "--timeout",
                       str(test.timeout - 100), "--seed", str(SEED), *options)
        return re.findall(r"\d+ of \d+ found", out)[-1]
    return fn


# Tests that hold, once or twice; but marchss, which tells of each flip twice.
HOLDING = ("marchca", "marchc1", "marchc", "movinv", "movinv8", "movinvr",
           "movinv64", "address", "walk1", "checker", "random", "fade",
           "walk64")
HOLDS = 7 + 2 * 6

BUILT = ("kernel-build",)
TESTS = [
    Test("memtest", "all", 600, "memtest of good RAM",
         good(2, 128, ("--kernel yes", "--test random --cache evict "
                       "--kernel yes --passes 2", "--profile quick")), BUILT),
    Test("memtest-1", "all", 600, "memtest on one hart, 64 MiB",
         good(1, 64, ("--kernel yes", "--test marchca")), BUILT),
    Test("memtest-4", "all", 900, "memtest on four harts, and some of them",
         good(4, 256, ("--kernel yes", "--harts 3 --kernel yes",
                       "--harts 0,2-3 --test address --kernel yes")), BUILT),
    # So much that the watermarks of free memory are above the pool's reserve.
    Test("memtest-large", "all", 600, "memtest of 8 GiB, in few places",
         good(2, 8192, ("--test addrbus --kernel yes",)), BUILT),
    Test("memtest-standard", "full", 3600, "all that standard does",
         good(2, 256, ("--profile standard --fade 2000",)), BUILT),
    Test("memtest-pieces", "all", 600, "memtest of fragmented memory", pieces,
         BUILT),
    Test("memtest-range", "all", 300, "memtest of ranges", kernel_range, BUILT),
    Test("memtest-interrupt-1", "all", 600, "^C in each phase, one hart",
         interrupt(1), BUILT),
    Test("memtest-interrupt-4", "all", 600, "^C in each phase, four harts",
         interrupt(4), BUILT),
    Test("memflip", "all", 1200, "100 of 100 planted bit flips",
         flips("--flips", "100"), BUILT),
    Test("memflip-kernel", "all", 1200, "flips where the kernel lives",
         flips("--flips", "60", "--where", "kernel"), BUILT),
    Test("memflip-stuck", "all", 1200, "cells that are stuck",
         flips("--stuck", "6"), BUILT),
    Test("memflip-each", "all", 1200, "flips in each hold of each test",
         flips("--flips", str(5 * HOLDS), "--per-hold", "5", "--mem", "48M",
               "--test", ",".join(HOLDING)), BUILT),
    Test("memflip-1000", "full", 3600, "1000 of 1000 planted bit flips",
         flips("--flips", "1000", "--mem", "1G", "--harts", "4"), BUILT),
    Test("memflip-kernel-200", "full", 3600, "200 where the kernel lives",
         flips("--flips", "200", "--where", "kernel", "--harts", "4"), BUILT),
]
