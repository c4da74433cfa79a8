"""Machines other than plain virt. Those that can't end themselves are ended
when autorun has told its status."""
import re

from boot import LOOK, GiB, MiB, account, same_hart
from harness import Failure, Test
from machine import PANIC, STATUS, Machine, finish


def run(test, *options, commands, append="", ends=True, status=0):
    """Boot, run commands with this status; what was printed."""
    line = f'{append} autorun="{commands}"'.strip()
    with Machine(test, *options, "--append", line) as m:
        got = finish(m) if ends else int(
            m.expect(STATUS, unless=PANIC, patience=test.timeout)[1])
        if got != status:
            raise Failure(f"commands ended with status {got}")
        return m.output


def look(test, *options, total, lines=(), commands=LOOK, **how):
    out = run(test, *options, commands="harts; " + commands, **how)
    same_hart(out)
    if account(out) != total:
        raise Failure(f"RAM should be {total} bytes")
    for line in (r"^pagetable: 0 faults$", *lines):
        if not re.search(line, out, re.M):
            raise Failure(f"no line like {line!r}")


def monitored(board, total, uart, commands=LOOK):
    """Five harts, the first one no use; either console."""
    def fn(test):
        for append, console in (("", "sbi-legacy"), ("console=uart", uart)):
            look(test, "--board", board, total=total, append=append,
                 ends=False, commands=commands, lines=(
                     rf"^console: {console}$",
                     rf"^console: {uart}, by interrupts$",
                     r"^hart 0: .*can't run this kernel: disabled",
                     *[rf"^hart {i}: [^']*$" for i in range(1, 5)],
                     r"^hart [1-4]: started, here\b"))
    return fn


def panics(board):
    """A panic on either console, the hart that had it named."""
    def fn(test):
        for append in ("", "console=uart "):
            with Machine(test, "--board", board, "--append",
                         append + 'autorun="panic load 0x10"') as m:
                m.expect(PANIC + r"load page fault .*address 0x10$")
                m.expect(r"^  [0-9a-f]{16}  cmd_panic\+0x")
                m.expect(r"^hart [1-4]: started, here$")
                m.expect(r"^autorun: status 255\n")
    return fn


def reboot(test):
    """sifive_u can be reset, by firmware."""
    with Machine(test, "--board", "sifive_u", "--qemu", "-no-reboot",
                 "--append", 'autorun="reboot"') as m:
        m.wait()
        if "no way to reboot" in m.output:
            raise Failure("no reset")


def everything(board, *banks, ops=20000, tests="address"):
    """All unit tests, then all free memory of all banks: (start, size)."""
    def fn(test):
        out = run(test, "--board", board, ends=False,
                  commands=f"test unit silicon --ops {ops}; "
                  f"memtest --test {tests}; meminfo")
        m = re.search(r"^(\d+) passed, 0 failed$", out, re.M)
        if not m:
            raise Failure("not all unit tests passed")
        tested = [(int(a, 16), int(b, 16)) for a, b in re.findall(
            r"^MTLOG .*ev=region start=(0x\w+) end=(0x\w+) ", out, re.M)]
        for start, size in banks:
            n = sum(min(b, start + size) - max(a, start) for a, b in tested
                    if a < start + size and b > start)
            if n < 0.95 * size:
                raise Failure(f"{n} of the {size} bytes from {start:#x} tested")
        m = re.search(r"^memtest: PASS, (\S+ MiB) tested, .*\b0 errors$", out, re.M)
        if not m:
            raise Failure("memtest has no verdict")
        return f"{m[1]} tested"
    return fn


def virt(*options, total=128 * MiB, lines=()):
    return lambda test: look(test, *options, total=total, lines=lines)


NODE = ("-object memory-backend-ram,id=m{0},size={1} "
        "-numa node,nodeid={0},cpus={0},memdev=m{0}")

VIRT = {
    # What the harts of the boards in reach have, and not more.
    "plain-cpu": ("harts without Sstc, Svpbmt, Svinval, H", virt(
        "--qemu", "-cpu rv64,sstc=off,svpbmt=off,svinval=off,h=off")),
    "aclint": ("ACLINT for CLINT", virt("--qemu", "-M virt,aclint=on")),
    "aplic": ("APLIC for PLIC", virt("--qemu", "-M virt,aia=aplic")),
    "imsic": ("APLIC and IMSICs", virt("--qemu", "-M virt,aia=aplic-imsic")),
    "8-harts": ("8 harts", virt("--harts", "8", lines=(
        *[rf"^hart {i}: " for i in range(8)], r"boot hart \d of 8,"))),
    "uneven-nodes": ("memory nodes of 128 and 512 MiB", virt(
        "--mem", "640M", "--harts", "2", "--qemu", NODE.format(0, "128M"),
        "--qemu", NODE.format(1, "512M"), total=640 * MiB)),
    "small-node-last": ("memory nodes of 896 and 128 MiB", virt(
        "--mem", "1G", "--harts", "2", "--qemu", NODE.format(0, "896M"),
        "--qemu", NODE.format(1, "128M"), total=GiB)),
}

LONG = {"ops": 200000, "tests": "address,marchc"}
BUILT = ("kernel-build",)
TESTS = [
    Test("machine-sifive-u", "all", 300, "sifive_u: a hart without MMU",
         monitored("sifive_u", 256 * MiB, "sifive,uart0 at 0x10010000"),
         BUILT),
    Test("machine-icicle", "all", 300, "icicle: two banks far apart",
         monitored("icicle", 2 * GiB, "ns16550a at 0x20000000"), BUILT),
    Test("machine-sifive-u-all", "all", 1200, "sifive_u: tests, all of memory",
         everything("sifive_u", (2 * GiB, 256 * MiB)), BUILT),
    Test("machine-icicle-all", "all", 1200, "icicle: tests, both banks",
         everything("icicle", (2 * GiB, GiB), (64 * GiB, GiB)), BUILT),
    Test("machine-sifive-u-long", "full", 1200, "the same, more of it",
         everything("sifive_u", (2 * GiB, 256 * MiB), **LONG), BUILT),
    Test("machine-icicle-long", "full", 1200, "the same, more of it",
         everything("icicle", (2 * GiB, GiB), (64 * GiB, GiB), **LONG), BUILT),
    *[Test(f"machine-{name}-panic", "all", 300, f"{board}: panic",
           panics(board), BUILT)
      for name, board in (("sifive-u", "sifive_u"), ("icicle", "icicle"))],
    Test("machine-sifive-u-reboot", "all", 300, "sifive_u: reboot", reboot,
         BUILT),
    *[Test(f"machine-virt-{name}", "all", 300, f"virt: {what}", fn, BUILT)
      for name, (what, fn) in VIRT.items()],
]
