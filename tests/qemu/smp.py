"""Several harts: bring-up, calls and work, locks, panics."""
import os
import re
import tempfile

from boot import account
from harness import Failure, Test
from loader import Placed, call, tree
from machine import DEBUG, PANIC, RELEASE, STATUS, Machine, finish

LIST = re.compile(r"^hart (\d+): (\w+)(, here)?, (.*)$", re.M)


def online(output):
    """The hart ids that `harts` calls online."""
    return [int(m[1]) for m in LIST.finditer(output)
            if m[2] == "started" and re.match(r"cpu \d+, Sv", m[4])]


def whole_lines(output, harts):
    """What smp.lines_stay_whole prints."""
    line = re.compile(r"^# cpu +\d+ says line +\d+, [a-z]{26}$", re.M)
    found = len(line.findall(output))
    wanted = harts * (20 if harts <= 8 else 2)
    if found != wanted:
        raise Failure(f"{found} lines of {wanted} are whole")


def up(*options, harts, kernel=RELEASE, append="", ends=True):
    """All of these harts are online, and the tests of smp pass."""
    def fn(test):
        line = f'{append} autorun="harts; meminfo; test smp; harts -v"'
        with Machine(test, *options, "--append", line, kernel=kernel) as m:
            status = (finish(m) if ends else
                      int(m.expect(STATUS, unless=PANIC, patience=600)[1]))
            if status:
                raise Failure("a command failed")
            first = m.output[:m.output.index("TAP version")]
            if online(first) != list(harts):
                raise Failure(f"online: {online(first)}")
            account(m.output)
            whole_lines(m.output, len(harts))
            left = re.findall(r"^ok .* # SKIP (.*)$", m.output, re.M)
            return ", ".join(left) or None
    return fn


def placed(test, path, options, hart=None, kernel=RELEASE):
    with open(path, "rb") as f:
        blob = f.read()
    return Placed(test, options, 0x80400000, 0x87000000, blob, kernel, hart)


def each_hart(test):
    """Each of four is the one that boots, and has all others started."""
    options = ("--mem", "128M", "--harts", "4")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tree.dtb")
        tree(test, path, options, 'autorun="harts; test smp"')
        for hart in range(4):
            with placed(test, path, options, hart) as m:
                if finish(m) or online(m.output) != [0, 1, 2, 3]:
                    raise Failure(f"boot hart {hart}: {online(m.output)}")
                if not re.search(rf"^hart {hart}: started, here, cpu 0,",
                                 m.output, re.M):
                    raise Failure(f"hart {hart} is not cpu 0")


def all_enter(test):
    """All harts come in where the boot hart should: one boots. The others stop
    if they are not wanted yet, and are started as usual; those that are on
    their way then are refused by firmware, and may be here all the same."""
    options = ("--mem", "128M", "--harts", "8")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tree.dtb")
        tree(test, path, options, 'autorun="harts; test smp"')
        with open(path, "rb") as f:
            blob = f.read()
        for _ in range(5):
            with Placed(test, options, 0x80400000, 0x87000000, blob,
                        everybody=True) as m:
                if finish(m):
                    raise Failure("a command failed")
                if len(re.findall(r"^Strata, ", m.output, re.M)) != 1:
                    raise Failure("not one hart boots")
                here = online(m.output)
                refused_ = map(int, re.findall("refuses to start hart (\\d)",
                                               m.output))
                if sorted([*here, *refused_]) != list(range(8)):
                    raise Failure(f"online: {here}")


def unlisted(test):
    """The tree has no node for the hart that boots."""
    options = ("--mem", "128M", "--harts", "4")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tree.dtb")
        tree(test, path, options, 'autorun="harts; test smp; litmus --rounds 3"')
        call(test, "fdtput", "-r", path, "/cpus/cpu@1")
        with placed(test, path, options, 1, DEBUG) as m:
            if finish(m) or online(m.output) != [0, 2, 3]:
                raise Failure(f"online: {online(m.output)}")
            if "smp: 4 of 4 harts online" not in m.output:
                raise Failure("the boot hart does not count")


def disabled(test):
    """The tree calls the hart that boots disabled. It counts all the same: it
    has no Svpbmt, so that is not used."""
    options = ("--mem", "128M", "--harts", "2")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tree.dtb")
        tree(test, path, options, 'autorun="harts; test smp"')
        for hart, name, value in ((0, "riscv,isa", "rv64imafdc_svpbmt"),
                                  (1, "status", "disabled")):
            call(test, "fdtput", "-t", "s", path, f"/cpus/cpu@{hart}", name,
                 value)
        with placed(test, path, options, 1) as m:
            if finish(m) or online(m.output) != [0, 1]:
                raise Failure(f"online: {online(m.output)}")


def refused(test):
    """A hart in the tree that firmware has never heard of."""
    options = ("--mem", "128M", "--harts", "2")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tree.dtb")
        tree(test, path, options, 'autorun="harts; test smp; uptime"')
        call(test, "fdtput", "-c", path, "/cpus/cpu@7")
        for name, kind, value in (("device_type", "s", "cpu"),
                                  ("reg", "x", "7"), ("status", "s", "okay"),
                                  ("riscv,isa", "s", "rv64imafdc"),
                                  ("mmu-type", "s", "riscv,sv48")):
            call(test, "fdtput", "-t", kind, path, "/cpus/cpu@7", name, value)
        with placed(test, path, options) as m:
            if finish(m) or online(m.output) != [0, 1]:
                raise Failure(f"online: {online(m.output)}")
            for line in (r"^smp: firmware refuses to start hart 7$",
                         r"^hart 7: unknown to firmware, cpu \d, did not come"):
                if not re.search(line, m.output, re.M):
                    raise Failure(f"no line like {line!r}")
            if re.search("did not come up within", m.output):
                raise Failure("it was waited for")


def absent(test):
    """A hart that firmware agrees to start, and that never comes: sifive_u's
    hart 0, in a tree that gives it an MMU."""
    options = ("--board", "sifive_u")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tree.dtb")
        tree(test, path, options,
             'smptimeout=2000 autorun="uptime; harts; test smp"')
        for name, value in (("status", "okay"), ("mmu-type", "riscv,sv39"),
                            ("riscv,isa", "rv64imafdc"),
                            ("compatible", "riscv")):
            call(test, "fdtput", "-t", "s", path, "/cpus/cpu@0", name, value)
        with placed(test, path, options) as m:
            m.expect(r"^smp: hart 0 did not come up within 2000 ms$",
                     unless=PANIC)
            seconds = float(m.expect(r"^(\d+\.\d+) s$", unless=PANIC)[1])
            if not 2 <= seconds < 30:
                raise Failure(f"{seconds} s for one deadline")
            m.expect(r"^hart 0: .*, cpu \d, did not come up", unless=PANIC)
            if m.expect(STATUS, unless=PANIC)[1] != "0":
                raise Failure("a command failed")
            if online(m.output) != [1, 2, 3, 4]:
                raise Failure(f"online: {online(m.output)}")


def late(test):
    """No time at all: whoever comes late goes back to firmware. On a busy host
    all may be in time, so there is more than one try."""
    for _ in range(8):
        with Machine(test, "--harts", "4", "--append", "smptimeout=0 "
                     'autorun="sleep 2000; harts; test smp.c; harts"') as m:
            if finish(m):
                raise Failure("a command failed")
            gone = re.findall(r"^smp: hart (\d) did not come up within 0 ms$",
                              m.output, re.M)
            for hart in gone:
                if len(re.findall(rf"^hart {hart}: stopped, cpu \d, did not ",
                                  m.output, re.M)) != 2:
                    raise Failure(f"hart {hart} did not go back")
            if gone:
                return f"{len(gone)} of 3 late"
    raise Failure("all were in time")


def limited(test):
    """maxcpus=, and an option that is no number."""
    for append, ids in (("maxcpus=3", [0, 1, 2]), ("maxcpus=1", [0]),
                        ("maxcpus=0", [0]), ("maxcpus=x", [0, 1, 2, 3])):
        with Machine(test, "--harts", "4", "--append",
                     append + ' autorun="harts; test smp"') as m:
            if finish(m):
                raise Failure("a command failed")
            # Which one boots is up to firmware.
            if len(online(m.output)) != len(ids):
                raise Failure(f"{append}: online: {online(m.output)}")


def panics(command, *patterns, kernel=RELEASE, harts="4"):
    def fn(test):
        with Machine(test, "--harts", harts, "--append",
                     f'autorun="{command}"', kernel=kernel) as m:
            for p in patterns:
                m.expect(p)
            if m.wait() != 255:
                raise Failure("QEMU did not end with 255")
            if len(re.findall(r"^panic: (?!ending)", m.output, re.M)) != 1:
                raise Failure("not one report")
            if len(re.findall(r"^hart \d: started, here$", m.output,
                              re.M)) != 1:
                raise Failure("not one hart is here")
    return fn


BUILT = ("kernel-build",)
DEBUGGED = ("kernel-debug",)
HALTED = r"^hart \d: started, halted$"
ENDED = r"^panic: ending the machine\nautorun: status 255$"
TESTS = [
    *[Test(f"smp-{n}", level, 600, f"{n} harts", up(
        "--harts", str(n), harts=range(n)), BUILT)
      for n, level in ((1, "all"), (2, "all"), (4, "quick"), (8, "all"))],
    Test("smp-64", "all", 1200, "64 harts",
         up("--harts", "64", harts=range(64)), BUILT),
    Test("smp-4-debug", "all", 600, "4 harts, ranks checked",
         up("--harts", "4", harts=range(4), kernel=DEBUG), DEBUGGED),
    Test("smp-timer", "all", 600, "4 harts without Sstc", up(
        "--harts", "4", "--qemu", "-cpu rv64,sstc=off", harts=range(4)), BUILT),
    *[Test(f"smp-{name}", "all", 600, f"{board}: four of five harts", up(
        "--board", board, harts=range(1, 5), ends=False), BUILT)
      for name, board in (("sifive-u", "sifive_u"), ("icicle", "icicle"))],
    Test("smp-each-hart", "all", 600, "harts 0 to 3 boot", each_hart, BUILT),
    Test("smp-unlisted", "all", 300, "the tree does not name the boot hart",
         unlisted, DEBUGGED),
    Test("smp-disabled", "all", 300, "the tree calls the boot hart disabled",
         disabled, BUILT),
    Test("smp-all-enter", "all", 300, "8 harts enter as if to boot", all_enter,
         BUILT),
    Test("smp-late", "all", 300, "harts that come too late", late, BUILT),
    Test("smp-limit", "all", 600, "maxcpus=", limited, BUILT),
    Test("smp-refused", "all", 300, "a hart that firmware does not have",
         refused, BUILT),
    Test("smp-absent", "all", 300, "a hart that never comes", absent, BUILT),
    Test("smp-panic", "all", 300, "a panic stops the others", panics(
        "panic", r"^panic: asked for", *[HALTED] * 3, ENDED), BUILT),
    Test("smp-panic-other", "all", 300, "a panic on another hart", panics(
        "panic other", r"^panic: load page fault .*address 0x10$",
        r"^  [0-9a-f]{16}  load\+0x\w+\n  [0-9a-f]{16}  smp_idle\+0x\w+\n"
        r"  [0-9a-f]{16}  secondary\+0x",
        *[HALTED] * 3, ENDED), BUILT),
    Test("smp-panic-all", "all", 300, "all panic, one reports", panics(
        "panic all", r"^panic: asked for", *[HALTED] * 3, ENDED), BUILT),
    Test("smp-panic-deaf", "all", 300, "harts that can't be stopped", panics(
        "panic deaf", r"^panic: asked for",
        *[r"^hart \d: started, does not answer$"] * 3, ENDED), BUILT),
    Test("smp-ranks", "all", 300, "debug: locks out of order", panics(
        "panic rank", r"^panic: spinlock 0x[0-9a-f]+: rank [0-9]+ is wanted, but "
        r"the ranks in 0x[0-9a-f]+ are held$",
        r"^  [0-9a-f]{16}  cmd_panic\+0x", ENDED, kernel=DEBUG), DEBUGGED),
]
