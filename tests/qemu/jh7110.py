"""The JH7110's addresses: QEMU has no model of the chip, but a machine "none",
a hart with RAM from address 0 on and no device. So there is RAM where the board
has it, and RAM that reads as 0 where the board has registers. Firmware of our
own prints by semihosting, says which number the hart has, and emulates `time`,
as it must on the board.

This shows that the kernel gets along with the board's memory, trees and hart
numbers. It shows nothing of the board's devices and caches, nor of what its
harts do otherwise than QEMU's; there is no timer and no second hart.
"""
import os
import re
import tempfile

from boot import GiB, MiB, account
from firmware import (A0, A1, DBCN_GOOD, DBCN_NONE, HSM, LEGACY, SRST,
                      firmware)
from harness import ROOT, Failure, Test
from loader import call
from machine import RELEASE

RAM, KERNEL = 0x40000000, 0x40200000
PARAMETERS = RAM + 0x7f000              # as in firmware.h

U54 = "sifive-u54"
# Like a U74: none of what came after it.
PLAIN = "rv64,sstc=off,svpbmt=off,svinval=off,h=off"

LOOK = "memmap; meminfo; harts; regions; pagetable check"
# Where the vendor's trees always have one; the E24's memory in two of them.
INITRD, INITRD_END = 0x46100000, 0x4c000000
E24, E24_LOW = 0xc0110000, 0x6ce00000


class Expected:
    """What tests/host/expect/ says of a tree."""

    def __init__(self, name):
        with open(f"{ROOT}/tests/host/expect/{name}.txt",
                  encoding="ascii") as f:
            text = f.read()
        self.tree = int(re.search(r"^place tree (\w+)-", text, re.M)[1], 16)
        self.harts = re.findall(r"^hart (\d+) (.*)$", text, re.M)
        # Free parts get other holders while the kernel runs; these don't.
        self.kept = held(text)


def held(text):
    """Who, but the kernel, holds RAM: in an expectation, or from `regions`."""
    return {f"{int(start, 16):x}-{int(end, 16):x} {what}"
            for start, end, what in
            re.findall(r"^([0-9a-f]+)-([0-9a-f]+) +(?:\d+ [KMGT]iB +)?"
                       r"(firmware|no-map|reserved)\b", text, re.M)}


def compiled(test, name, bootargs, path):
    source = f"{ROOT}/dts/{name}.dts"
    if not os.path.exists(source):
        source = f"{ROOT}/dts/test/{name}.dts"
    call(test, "dtc", "-q", "-I", "dts", "-O", "dtb", "-o", path, source)
    call(test, "fdtput", "-t", "s", path, "/chosen", "bootargs", bootargs)


def run(test, name, ram, commands, cpu=PLAIN, append="console=firmware",
        words=(), closed=0, hart=1, legacy=False, qemu=()):
    """Boot that tree with so much RAM; what was printed. `words` are (address,
    value) of 64 bits to be found in memory, `closed` a range for PMP; firmware
    has the first SBI's console with `legacy`."""
    load = "loader,force-raw=on,file={},addr={:#x}".format
    at = Expected(name).tree
    size = RAM + ram
    devices = [load(firmware(test, "none", RAM), RAM), load(RELEASE, KERNEL)]
    told = (HSM | SRST | A1 | A0 | (LEGACY if legacy else 0), 0,
            DBCN_NONE if legacy else DBCN_GOOD, at, closed, hart)
    words = [*words, *((PARAMETERS + 8 * i, w) for i, w in enumerate(told))]
    devices += [f"loader,addr={a:#x},data={w:#x},data-len=8" for a, w in words]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tree.dtb")
        compiled(test, name, f'{append} autorun="{commands}"', path)
        devices.append(load(path, at))
        # Without a reservation: only what is touched takes memory here.
        return test.run(
            "qemu-system-riscv64", "-M", "none,memory-backend=ram", "-object",
            f"memory-backend-ram,id=ram,size={size},reserve=off",
            "-m", f"{size >> 20}M", "-cpu", f"{cpu},resetvec={RAM:#x}",
            "-display", "none", "-monitor", "none", "-serial", "none",
            "-semihosting-config", "enable=on,target=native",
            *[w for d in devices for w in ("-device", d)], *qemu
        ).replace("\r", "")


def want(out, *lines):
    for line in lines:
        if not re.search(line, out, re.M):
            raise Failure(f"no line like {line!r}")


def check(out, name, ram):
    """All as the tree's expectation has it, and memory that adds up."""
    expected = Expected(name)
    want(out, r"^autorun: status 0$", r"^pagetable: 0 faults$",
         r"^console: sbi-(dbcn|legacy)$",
         rf"boot hart 1 of 5, image at {KERNEL:#x}, device tree at "
         rf"{expected.tree:#x}$")
    if account(out) != ram:
        raise Failure(f"RAM should be {ram} bytes")
    for hart, state in expected.harts:
        want(out, rf"^hart {hart}: [^']*$" if state == "usable" else
             rf"^hart {hart}: .*can't run this kernel: {state}\b")
    if held(out) != expected.kept:
        raise Failure(f"{name}: held are {sorted(held(out))}, expected "
                      f"{sorted(expected.kept)}")


def look(test, name, ram, commands="", **how):
    """The account, and memory tested up to the last MiB."""
    last = RAM + ram - MiB
    out = run(test, name, ram, f"{LOOK}; memtest --test address,random "
              f"--range {last:#x}+1M; {commands}", **how)
    check(out, name, ram)
    want(out, r"^memtest: PASS, 1\.0 MiB tested, 0 errors$")
    return out


def board(gib):
    """Both revisions, on either of two harts."""
    def fn(test):
        for revision in ("1.2a", "1.3b"):
            for cpu in (PLAIN, U54):
                look(test, f"visionfive2-v{revision}-{gib}g", gib * GiB,
                     cpu=cpu)
    return fn


def upstream(test):
    """What OpenSBI and U-Boot of today hand over, the tree below 4 GiB."""
    for name in ("upstream", "debian"):
        look(test, name, 4 * GiB, cpu=U54)


def napot(start, size):
    """A range as pmpaddr has it."""
    return start >> 2 | (size >> 3) - 1


# Tree, RAM, its firmware's console is an old one, what PMP closes, what is
# tested: nothing that is closed, if all goes well.
VENDOR = (
    ("factory", 4 * GiB, True, 0, INITRD),
    ("vendor-5", 4 * GiB, False, napot(E24, 0x10000), E24 - MiB),
    ("vendor-5-2g", 2 * GiB, False, napot(E24_LOW, 0x200000), E24_LOW - MiB),
)


def vendor(test):
    """Trees of the vendor: the initrd's range holds garbage, and is free; what
    other cores have is left alone, or PMP would tell."""
    for name, ram, legacy, closed, near in VENDOR:
        out = look(test, name, ram, "; ".join(
            f"memtest --test address --range {at:#x}+3M"
            for at in (INITRD, near)), cpu=U54, closed=closed, legacy=legacy,
            words=[(INITRD, 0x5a5a5a5a5a5a5a5a)])
        want(out, rf"^boot: no initrd at {INITRD:#x}, though the device tree")
        if re.search(r"^memory: .* initrd ", out, re.M):
            raise Failure(f"{name}: garbage is taken for an initrd")
    # And one that is there: the magic of a cpio archive.
    out = run(test, "vendor-5", 4 * GiB, LOOK, cpu=U54,
              words=[(INITRD, int.from_bytes(b"07070100", "little"))])
    check(out, "vendor-5", 4 * GiB)
    want(out, rf"^memory: .* initrd {INITRD_END - INITRD} ")


def nominal(test):
    """A tree that nobody has corrected tells of more RAM than there is."""
    out = run(test, "factory", 2 * GiB, "meminfo")
    want(out, r"^strata: the device tree's memory is no good: some of .* to "
         r"0x140000000 can't be read$", r"^autorun: status 255$")


def no_port(test):
    """Registers that read as 0: the drivers say so, and the console stays."""
    name, ram = "visionfive2-v1.3b-2g", 2 * GiB
    for append, line in (
            ("", r"^serial@10000000: .*it takes no bytes"),
            ("console=firmware", r"^console: sbi-dbcn$"),
            ("console=uart", r"no serial port that can be used; staying with")):
        out = run(test, name, ram, f"devices; {LOOK}", append=append)
        check(out, name, ram)
        want(out, line,
             r"^interrupt-controller@c000000 .*: plic, 0xc000000\+",
             r"^cache-controller@2010000 .* there is no cache behind it$")


def contexts(test):
    """Of the PLIC, S-mode of hart h has context 2 h, as hart 0 has one only:
    its threshold is set to 0, that of its neighbours is left alone."""
    def threshold(context):
        return 0xc200000 + 0x1000 * context

    for name in ("visionfive2-v1.3b-4g", "upstream", "vendor-5"):
        for hart in (1, 2, 3, 4):
            near = range(2 * hart - 1, 2 * hart + 2)
            out = run(test, name, 4 * GiB, "; ".join(
                f"mmio read {threshold(c):#x} 32" for c in near), hart=hart,
                words=[(threshold(c), 7) for c in near])
            want(out, rf"boot hart {hart} of 5,", r"^autorun: status 0$")
            read = re.findall(r"^(c20\w+): (\w+)$", out, re.M)
            if [int(v, 16) for _, v in read] != [7, 0, 7]:
                raise Failure(f"{name}, hart {hart}: thresholds are {read}")


def instructions(test):
    """From S-mode entry to the prompt, with the board's tree."""
    out = run(test, "visionfive2-v1.3b-8g", 8 * GiB, "bootstat",
              qemu=("-icount", "shift=0"))
    count = int(re.search(r"^boot: (\d+) instructions", out, re.M)[1])
    if count > 1000000:
        raise Failure(f"{count:,}, more than a million")
    return f"{count:,}"


def tests_in_kernel(test):
    """`test all`: the unit tests, in the kernel, on such a machine."""
    out = run(test, "upstream", 4 * GiB, f"test all; {LOOK}", cpu=U54)
    check(out, "upstream", 4 * GiB)
    passed = re.search(r"^([1-9]\d*) passed, 0 failed$", out, re.M)
    if not passed:
        raise Failure("test all: not all passed")
    return f"{passed[1]} tests"


BUILT = ("kernel-build",)
TESTS = [
    *[Test(f"jh7110-{gib}g", "all", 300, f"VisionFive 2's trees, {gib} GB",
           board(gib), BUILT) for gib in (2, 4, 8)],
    Test("jh7110-upstream", "all", 300, "trees as today's firmware has them",
         upstream, BUILT),
    Test("jh7110-ext", "all", 300, "trees of the vendor's firmware", vendor,
         BUILT),
    Test("jh7110-nominal", "all", 300, "a tree with RAM that is not there",
         nominal, BUILT),
    Test("jh7110-no-port", "all", 300, "registers that read as 0", no_port,
         BUILT),
    Test("jh7110-plic", "all", 300, "the PLIC's context of each hart",
         contexts, BUILT),
    Test("jh7110-instructions", "all", 300, "<= 1.0 M to the prompt",
         instructions, BUILT),
    Test("jh7110-test-all", "full", 1800, "the unit tests in the kernel",
         tests_in_kernel, BUILT),
]
