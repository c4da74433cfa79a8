"""Programs that do what they can't, and what is told of it."""
import re

from harness import Failure, Test
from machine import PANIC, PROMPT, Machine, autorun
from process import held
from programs import build

KERNEL = "0xffffffff80000000"

# Way of tests/user/crash.c: signal, what the first line says of it.
CRASHES = {
    "null": ("SIGSEGV", "load from 0x10: nothing is mapped there"),
    "null-call": ("SIGSEGV", "fetch from 0: nothing is mapped there"),
    "break": ("SIGTRAP", "breakpoint"),
    "illegal": ("SIGILL", "illegal instruction"),
    "privileged": ("SIGILL", "illegal instruction"),
    "float": ("SIGILL", "illegal instruction"),
    "kernel-load": ("SIGSEGV", f"load from {KERNEL}: nothing is mapped there"),
    "kernel-store": ("SIGSEGV", f"store to {KERNEL}: nothing is mapped there"),
    "kernel-call": ("SIGSEGV", f"fetch from {KERNEL}: nothing is mapped there"),
    "constant": ("SIGSEGV", r"store to 0x[0-9a-f]+: not allowed there"),
    "data-call": ("SIGSEGV", r"fetch from 0x[0-9a-f]+: not allowed there"),
    "nowhere": ("SIGSEGV", "load from 0x4000000000000: nothing is mapped there"),
    "stack-call": ("SIGSEGV", r"fetch from 0x[0-9a-f]+: not allowed there"),
    "overflow": ("SIGSEGV", r"store to 0x[0-9a-f]+: nothing is mapped there"),
}

# Others that the report of some has.
AREAS = {
    "stack-call": r"^  mapped: 0x[0-9a-f]+ to 0x[0-9a-f]+ rw- \[stack\], grows",
    "overflow": r"^  above: 0x[0-9a-f]+ to 0x[0-9a-f]+ rw- \[stack\], grows",
    "kernel-load": "^  an address that no program has$",
}

REGISTERS = {"s1": 0x5001, "s2": 0x5002, "s3": 0x5003, "s10": 0x500a,
             "s11": 0x500b, "t3": 0x6003, "t6": 0x6006}


def look(way, text):
    signal, what = CRASHES[way]
    for wanted in (rf"^pid \d+ \(crash\): {signal}: {what}, pc (0x)?[0-9a-f]+$",
                   rf"^/crash: killed by {signal}$", AREAS.get(way, "")):
        if not re.search(wanted, text, re.M):
            raise Failure(f"crash {way}: no {wanted!r}")
    found = dict(re.findall(r"\b([a-z]\w+) ([0-9a-f]{16})\b", text))
    for name, value in REGISTERS.items():
        if way != "overflow" and int(found.get(name, "0"), 16) != value:
            raise Failure(f"crash {way}: {name} is {found.get(name)}")


def crashes(*options):
    def check(test):
        with Machine(test, "--initrd", build(test), *options) as m:
            m.expect(PROMPT, unless=PANIC)
            for way in CRASHES:
                look(way, m.command(f"run /crash {way}"))
        return f"{len(CRASHES)} ways to crash, each reported"
    return check


def hostile(children, *options):
    """Anything passed to every call: the kernel goes on, and nothing is lost."""
    def check(test):
        out = autorun(test, f"run /hostile {children} {children}; test audit.; "
                      "run /hello one two", "--initrd", build(test), *options)
        m = re.search(rf"^{children} children: (\d+) ended", out, re.M)
        if not m or int(m[1]) < children // 2:
            raise Failure("the program did not get far")
        return m[0]
    return check


def traced(test):
    """strace tells calls and results, and counts them."""
    out = autorun(test, "strace on; run /hello one two; strace off; "
                  "run /hello one two; strace", "--initrd", build(test))
    for wanted in (r"^\d+ hello: write\(0x1, 0x\w+, 0x\w+, .*\) = \d+$",
                   r"^\d+ hello: exit_group\(0, ", r"^exit_group +1$"):
        if not re.search(wanted, out, re.M):
            raise Failure(f"no {wanted!r}")


def allocations(m, line):
    return int(re.search(r"^failalloc: (\d+) allocations",
                         m.command(f"failalloc 0 {line}"), re.M)[1])


def without_memory(test):
    """Each allocation of each call of memory fails once: the call says so and has
    done nothing, or has done all (tests/user/nomem.c). Nothing is lost."""
    told = missed = 0
    with Machine(test, "--initrd", build(test), "--append",
                 "quiet norandmaps") as m:
        m.expect(PROMPT, unless=PANIC)
        cases = re.findall(r"^case (\S+)$", m.command("run /nomem list"), re.M)
        for case in cases:
            if "exit status" in m.command(f"run /nomem {case}"):
                raise Failure(f"{case}: not as it should be, with memory")
        m.command("shrink; meminfo")
        for case in cases:
            # Ends of children and what the kernel does meanwhile shift the numbers
            # by a few; those of page faults then end in processes that are killed.
            first = allocations(m, f"run /nomem {case} setup") - 3
            last = allocations(m, f"run /nomem {case} call") + 1
            for n in range(first, last + 1):
                out = m.command(f"failalloc {n} run /nomem {case}")
                status = re.search(r"allocations, status (\d+)$", out, re.M)[1]
                if status not in ("0", "3", "137"):
                    raise Failure(f"{case}, allocation {n}: status {status}")
                told += bool(re.search(rf"^{case}: E(NOMEM|AGAIN)$", out, re.M))
                missed += status != "0"
        out = m.command("sleep 200; shrink; meminfo; ps; audit")
        if "\n0 processes\n" not in out or "audit: 0 findings" not in out:
            raise Failure("something is left")
        before, after = held(m.output)
        if abs(after - before) > 16384:
            raise Failure(f"{before} bytes are held, then {after}")
    if told < 60:
        raise Failure(f"only {told} calls had no memory")
    return f"{len(cases)} cases, {told} errors, {missed} ended before"


TESTS = [
    Test("user-crashes", "all", 120, "programs that crash, and the reports",
         crashes(), needs=["kernel-build"]),
    Test("user-hostile", "all", 300, "anything passed to every system call",
         hostile(1000), needs=["kernel-build"]),
    Test("user-hostile-4", "all", 300, "the same, 4 harts",
         hostile(300, "--harts", "4"), needs=["kernel-build"]),
    Test("user-no-memory", "all", 300, "each allocation of each memory call "
         "fails once", without_memory, needs=["kernel-build"]),
    Test("user-traced", "all", 120, "strace", traced, needs=["kernel-build"]),
]
