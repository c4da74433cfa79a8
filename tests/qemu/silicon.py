"""`test silicon` (docs/silicon.md) where there is no silicon: QEMU's machines are
what is written down for them, each point prints its line, none fails. And the
document has the same points as the code."""
import os
import re
import subprocess

import firmware
from firmware import DBCN_GOOD, NO_COUNTERS, NO_TIME, SRST
from harness import ROOT, Failure, Test, files
from machines import run
from mutants import MUTANTS

DOC = "docs/silicon.md"
LINE = re.compile(r"^silicon: (\w+) +(.*) \((ok|differs|FAILED|skipped)\)$",
                  re.M)
POINT = re.compile(r"^KTEST\(silicon, (\w+)\)", re.M)
SECTION = re.compile(r"^### `(\w+)`: .*\n((?:(?!^##).*\n)*)", re.M)

# What each section has, in this order.
PARTS = ("Handled", "Covered", "On the board", "In QEMU")


def read(path, root=ROOT):
    with open(os.path.join(root, path), encoding="utf-8") as f:
        return f.read()


def points(root=ROOT):
    """The names of all points, as the kernel has them."""
    return [name for path in files(".c", root=root, under="tests/target")
            for name in POINT.findall(read(path, root))]


# What QEMU 7.2's harts are, on every machine.
QEMU = {
    "asid": r"16 bits in satp; spaces have numbers; 100 switches, 0 wrong",
    "a_d": r"load without A sets it \(0\), store without D sets it \(0\); "
           r"0 of \d{3,} leaves lack them",
    "stale": r".* replaced leaf is remembered, a removed one remembered, a "
             r"hole not remembered; fenced, all are right",
    "global": r"a fence by number \d+ leaves a global leaf no more than "
              r"others; .* is right",
    "fence_i": r"stored code, no fence: old in 0 of 5 runs here, 0 of \d+ "
               r"elsewhere; fenced: 0",
    "stval": r"load at 0x8000000140005010: cause 13, stval "
             r"0x8000000140005010, as it was: no address in this paging mode",
    "misaligned": r".* and right",
    "errata": r".*: CIP-453 no, CIP-1200 no",
    "sbi": r"version 1\.0, implementation 1 .* has TIME IPI RFNC HSM\b.*",
    "timer": r"asked for in 10 ms at \d+ Hz, it came \d+ us later",
    "pmp": r"2048 KiB of firmware not mapped; .* kept; CLINT is closed \(5\)",
    "dram": r"256 KiB at 0x\w+, 0 words did not hold; .*",
    "ram_wraps": r"the page at 0x\w+ is none of \d+ lower ones \(as caches "
                 r"have them\)",
    "ram_end": r"the last word of (\d) of \1 banks can be read",
    "uart": r"the console's port is no DW_apb_uart",
    "ccache": r"nothing that flushes caches",
    "uncached": r"RAM can't be reached uncached here: .*|nothing here flushes "
                r"lines, and .*",
    "latency": r"ns per load: cache \d+\.\d, memory \d+\.\d, evict "
               r"\d+\.\d, flush -, uncached -; an emulator's",
}
SKIPPED = {"uart", "ccache", "uncached"}

# And of each machine: harts without Sstc have their clock from firmware.
VIRT = {
    "csrs": r"senvcfg reads, stimecmp reads \(used\), time reads, .*",
    "rdtime": r".*",    # by times, on whatever host this is
    "hsm": r"2 harts in the tree, 2 run, 0 can't .*: none",
    "remote": r"of 1 other harts \d see an old leaf, after .* fence 0 do",
    "power": r"firmware says that it can reset .*",
}
MONITORED = {
    "csrs": r"senvcfg traps, stimecmp traps \(not used\), time reads, .*",
    "rdtime": r".*",
    "remote": r"of 3 other harts \d see an old leaf, after .* fence 0 do",
}
SIFIVE_U = {
    **MONITORED,
    "hsm": r"5 harts in the tree, 4 run, 1 can't .*: stopped",
    "power": r"firmware says that it can reset .*",
}
ICICLE = {
    **MONITORED,
    "hsm": r"5 harts in the tree, 4 run, 1 can't .*: unknown to firmware",
    "power": r"firmware has no reset .*",
}


def check(out, expected):
    """All points, once each, and what they say."""
    found = LINE.findall(out)
    names = [name for name, *_ in found]
    if sorted(names) != sorted(points()):
        raise Failure(f"points that printed a line: {' '.join(names)}")
    for name, said, verdict in found:
        good = {"skipped"} if name in SKIPPED else {"ok"}
        if name == "timer":     # the host may be busy
            good.add("differs")
        if verdict not in good:
            raise Failure(f"{name}: {said} ({verdict})")
        if not re.fullmatch(expected[name], said):
            raise Failure(f"{name}: {said}")
    if not re.search(rf"^{len(names)} passed, 0 failed$", out, re.M):
        raise Failure("not all passed")
    return f"{len(names)} points"


def on(expected, *options, ends=True):
    def fn(test):
        out = run(test, *options, commands="test silicon; audit", ends=ends)
        return check(out, {**QEMU, **expected})
    return fn


def plain(test):
    """A hart with less: no Sstc. One hart: nobody to fence."""
    out = run(test, "--qemu", "-cpu rv64,sstc=off,svpbmt=off,svinval=off,h=off",
              commands="test silicon; audit")
    lines = {name: (said, verdict) for name, said, verdict in LINE.findall(out)}
    if lines["remote"] != ("one hart runs", "skipped"):
        raise Failure(f"remote: {lines['remote']}")
    if "stimecmp traps (not used)" not in lines["csrs"][0]:
        raise Failure(f"csrs: {lines['csrs']}")


def bare(test):
    """Firmware of our own that has hardly anything, closes all counters, emulates
    the clock and protects nothing."""
    out = firmware.run(test, SRST | NO_COUNTERS | NO_TIME, DBCN_GOOD, "sbi-dbcn",
                       commands="test silicon; audit")
    said = {name: said for name, said, _ in LINE.findall(out)}
    for name, expected in (("csrs", r".*, instret traps"),
                           ("rdtime", r".*: firmware does it"),
                           ("pmp", r".*; CLINT can be read"),
                           ("sbi", r".* has( SRST| DBCN| TIME| RFNC)*")):
        if not re.fullmatch(expected, said[name]):
            raise Failure(f"{name}: {said[name]}")
    if sorted(said) != sorted(points()):
        raise Failure("not all points printed a line")


def all_tests(root):
    """The names of all tests: suite.name of the unit tests, and those of
    scripts/test."""
    names = {".".join(m) for path in files(".c", root=root, under="tests")
             for m in re.findall(r"^KTEST\((\w+), (\w+)\)", read(path, root),
                                 re.M)}
    out = subprocess.run([f"{ROOT}/scripts/test", "--list"], check=True,
                         capture_output=True, text=True).stdout
    return names | {line.split()[0] for line in out.splitlines()}


def parts(name, text):
    """What a section has to say, by PARTS."""
    found = re.split(r"^\*([\w ]+)\.\*", text, flags=re.M)
    if tuple(found[1::2]) != PARTS:
        raise Failure(f"{DOC}, {name}: parts are {found[1::2]}")
    return dict(zip(PARTS, found[2::2]))


def check_section(name, text, tests, root):
    part = parts(name, text)
    named = re.findall(r"`(\w+\.\w+|[a-z]+(?:-[a-z0-9]+)+)`", part["Covered"])
    if not set(named) & tests:
        raise Failure(f"{DOC}, {name}: names no test")
    for n in set(named) - tests - {m.name for m in MUTANTS}:
        raise Failure(f"{DOC}, {name}: there is no test {n}")
    for path, function in re.findall(r"`([\w/]+/\w+\.\w+)`'s\s+`(\w+)`", text):
        if not (os.path.exists(os.path.join(root, path)) and
                re.search(rf"\b{function}\b", read(path, root))):
            raise Failure(f"{DOC}, {name}: there is no {function} in {path}")


def check_doc(text, tests, root=ROOT):
    have, want = dict(SECTION.findall(text)), set(points(root))
    for name in want ^ set(have):
        raise Failure(f"{DOC}: {name} is a section or a point, not both")
    for name, section in have.items():
        check_section(name, section, tests, root)
    return len(have)


# What must be seen in the document.
PLANTED = [
    ("### `asid`: ", "### `asids`: "),
    ("### `a_d`: ", "## "),
    ("*In QEMU.*", "*In qemu.*"),
    ("`u74.spaces_without_numbers_are_apart`", "`u74.spaces_are_apart`"),
    ("`firmware-none`", "`firmware-nil`"),
    ("`arch_asid_bits`", "`arch_asid_width`"),
    ("`kernel/explain.c`", "`kernel/explained.c`"),
]


def doc(test):
    """Every point has its section and each section its point; the functions and
    tests that it names exist. Damage to the document is seen."""
    text, tests = read(DOC), all_tests(ROOT)
    count = check_doc(text, tests)
    for old, new in PLANTED:
        if old not in text:
            raise Failure(f"{DOC} has no {old} to damage")
        try:
            check_doc(text.replace(old, new, 1), tests)
        except Failure as e:
            test.note(str(e))
            continue
        raise Failure(f"{new} for {old} in {DOC} is not seen")
    return f"{count} points"


BUILT = ("kernel-build",)
TESTS = [
    Test("silicon-doc", "quick", 60, "docs/silicon.md and the points agree",
         doc),
    Test("silicon-virt", "all", 300, "`test silicon` on virt",
         on(VIRT, "--harts", "2"), BUILT),
    Test("silicon-virt-plain", "all", 300, "the same, one hart without Sstc",
         plain, BUILT),
    Test("silicon-firmware", "all", 300, "the same, firmware without counters",
         bare, BUILT),
    Test("silicon-sifive-u", "all", 300, "the same on sifive_u",
         on(SIFIVE_U, "--board", "sifive_u", ends=False), BUILT),
    Test("silicon-icicle", "all", 300, "the same on icicle",
         on(ICICLE, "--board", "icicle", ends=False), BUILT),
]
