"""Registers of all devices mapped, read and released, on several machines."""
import re

from boot import MiB
from harness import Failure, Test
from machines import run

ROUNDS = re.compile(
    r"^mmio: (\d+) rounds, (\d+) windows: (\d+) read, (\d+) faults, "
    r"(\d+) not read\n"
    r"mmio: (\d+) not on the CPU's bus, (\d+) refused, (\d+) failed; "
    r"all is as before$", re.M)


def rounds(n, *options, windows, ends=True):
    """Every reg of every enabled node, n times; the CLINT is the firmware's, and
    answers with an access fault each time."""
    def fn(test):
        out = run(test, *options, commands=f"mmio test {n}; audit", ends=ends)
        m = ROUNDS.search(out)
        if not m:
            raise Failure("no sums, or not all is as before")
        done, mapped, read, faults, unread, _, refused, failed = map(
            int, m.groups())
        if done != n or mapped != n * windows or failed:
            raise Failure(f"{mapped} windows in {done} rounds")
        if mapped != read + faults + unread or faults < n or not refused:
            raise Failure("windows are read, fault, or are left alone")
        return f"{mapped} windows, {read} read, {faults} faults"
    return fn


def attributes(test):
    """Leaves have Svpbmt's bits where harts have it, and only there."""
    skip = r"leaves_say_what_kind_of_memory # SKIP"
    for cpu, has in (("svpbmt=on", True), ("svpbmt=off", False)):
        out = run(test, "--qemu", f"-cpu rv64,{cpu}",
                  commands="test mmio_target; test mmio. --ops 100000")
        if bool(re.search(skip, out)) == has:
            raise Failure(f"{cpu}: the test of attributes ran, or did not")


def modes(test):
    """The unit tests, with as many levels as there are, and little memory."""
    for mmu in ("sv39", "sv48", "sv57"):
        for options in ((), ("--mem", "32M")):
            run(test, "--mmu", mmu, *options, "--harts", "2",
                commands="test mmio --ops 50000; pagetable check; audit")


def out_of_reach(test):
    """RAM that Sv39 can't map is no device: nobody gets it."""
    out = run(test, "--mem", "512G", commands="mmio; mmio read 0x4080000000; "
              "mmio read 0x80000000; test mmio_target", append="mmu=sv39",
              status=1)
    if not re.search(r"^ *[0-9a-f]+ .* none .* unused RAM$", out, re.M):
        raise Failure("RAM out of reach is not claimed")
    if "unused RAM has it" not in out:
        raise Failure("RAM out of reach can be read as a device")


def console(test):
    """Early claims move: the serial port goes on, and all fixed windows but the
    tree's are gone."""
    out = run(test, append="console=uart",
              commands="mmio; pagetable dump 0xffffffffc0000000+0x3ffff000")
    if not re.search(r"^ *10000000 .* fffffff0\S+ +io .* serial@10000000$", out,
                     re.M):
        raise Failure("the port's window is not in the arena")
    leaves = re.findall(r"^([0-9a-f]{16})-[0-9a-f]{16} -> .*$", out, re.M)
    if any(int(va, 16) >= 0xffffffffc0000000 + 4 * MiB for va in leaves):
        raise Failure("a fixed window is still there")


BUILT = ("kernel-build",)
TESTS = [
    Test("mmio-virt", "all", 300, "virt: all registers, 1000 rounds",
         rounds(1000, windows=17), BUILT),
    Test("mmio-svpbmt", "all", 300, "kinds of memory in leaves", attributes,
         BUILT),
    Test("mmio-modes", "all", 300, "claims in Sv39, Sv48, Sv57", modes, BUILT),
    Test("mmio-reach", "all", 300, "RAM out of reach", out_of_reach, BUILT),
    Test("mmio-console", "all", 300, "early claims move", console, BUILT),
    *[Test(f"mmio-{name}", "all", 300, f"{board}: all registers, 1000 rounds",
           rounds(1000, "--board", board, windows=n, ends=False), BUILT)
      for name, board, n in (("sifive-u", "sifive_u", 15),
                             ("icicle", "icicle", 16))],
]
