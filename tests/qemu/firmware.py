"""Firmware of all kinds: consoles, resets and counters that are missing or
fail, any boot hart; and boots that can't succeed, which must say so.

The firmware is tests/qemu/firmware/, told what to be by a few words in RAM.
"""
import os
import re
import tempfile
import time
import threading

from harness import BUILD, ROOT, Failure, Test
from loader import GCC, call, tree
from machine import PANIC, PROMPT, RELEASE, Machine, finish

SOURCE = f"{ROOT}/tests/qemu/firmware"
PARAMETERS = 0x8007f000

# As in firmware.h.
LEGACY, HSM, SRST, SRST_FAILS, NO_COUNTERS, NO_TIME, A1, A0 = (
    1 << n for n in range(8))
DBCN_NONE, DBCN_GOOD, DBCN_SLOW, DBCN_FAILS, DBCN_STUCK = range(5)

LOOK = "version; harts; meminfo; memmap"

# Kinds of firmware by their console: (flags, what DBCN does, the kernel's word).
CONSOLES = {
    "dbcn": (HSM | SRST, DBCN_GOOD, "sbi-dbcn"),
    "legacy": (HSM | SRST | LEGACY, DBCN_NONE, "sbi-legacy"),
    "none": (0, DBCN_NONE, r"ns16550a at 0x10000000"),
}

_lock, _made = threading.Lock(), {}


def firmware(test, machine="virt", base=0x80000000):
    """Build it for that machine, once a run; the file."""
    path = f"{BUILD}/firmware/{machine}"
    with _lock:
        if path not in _made:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            call(test, GCC, "-march=rv64ima", "-misa-spec=2.2", "-mabi=lp64",
                 "-mcmodel=medany", "-O2", "-ffreestanding", "-nostdlib",
                 "-Wall", "-Wextra", "-Wconversion", "-Werror",
                 "-Wl,--build-id=none", "-Wl,--fatal-warnings",
                 "-Wl,--no-warn-rwx-segments", f"-DBASE={base:#x}",
                 f"-Wl,--defsym=BASE={base:#x}", "-T",
                 f"{SOURCE}/firmware.ld", "-o", path + ".elf",
                 f"{SOURCE}/start.S", f"{SOURCE}/firmware.c",
                 f"{SOURCE}/{machine}.c")
            call(test, "riscv64-unknown-elf-objcopy", "-O", "binary",
                 path + ".elf", path + ".bin")
            _made[path] = True
    return path + ".bin"


def machine(test, flags=0, dbcn=DBCN_NONE, *options, hart=0, a1=None, closed=0,
            append="", qemu=""):
    """A machine with that firmware; a1 replaces the tree's address."""
    words = (flags | (A1 if a1 is not None else 0), hart, dbcn, a1 or 0, closed)
    load = " ".join(f"-device loader,addr={PARAMETERS + 8 * i:#x},"
                    f"data={w:#x},data-len=8" for i, w in enumerate(words))
    return Machine(test, *options, "--append", append, "--qemu",
                   f"-bios '{firmware(test)}' {load} {qemu}")


def console_is(m, name):
    if not re.search(rf"^console: {name}$", m.output, re.M):
        raise Failure(f"nothing says that the console is {name}")


def run(test, flags, dbcn, name, *options, commands=LOOK, **how):
    """Boot, run commands, end with status 0, on that console."""
    with machine(test, flags, dbcn, *options,
                 append=f'autorun="{commands}"', **how) as m:
        if finish(m):
            raise Failure("a command failed")
        console_is(m, name)
        # All of it arrived: the first line and the account in the middle.
        for line in (r"^Strata, .* device tree at 0x[0-9a-f]+$",
                     r"^memory: \d+ = .* \+ free \d+$"):
            if not re.search(line, m.output, re.M):
                raise Failure(f"no line like {line!r}")
        return m.output


def console(flags, dbcn, name):
    """The console in use; the same typed at; a panic on it."""
    def fn(test):
        run(test, flags, dbcn, name)
        with machine(test, flags, dbcn, append='autorun="panic load 0x10"') as m:
            m.expect(PANIC + r"load page fault .*address 0x10$")
            m.expect(r"^  pc .* scause .* stval ")
            m.expect(r"^  [0-9a-f]{16}  cmd_panic\+0x")
            m.expect(r"^autorun: status 255\n")
            if m.wait() != 255:
                raise Failure("panic: QEMU did not end with 255")
        with machine(test, flags, dbcn) as m:
            m.expect(PROMPT, unless=PANIC)
            for text in ("typed", "a longer line, " * 4 + "that's all"):
                out = m.command(f'echo "{text}"')
                if f"\n{text}\n" not in out:
                    raise Failure(f"echo {text}: not in the answer")
            m.send("poweroff\r")
            if m.wait():
                raise Failure("poweroff: QEMU did not end with 0")
    return fn


def counters(test):
    """instret and cycle trap; then time does, too."""
    for flags in (NO_COUNTERS, NO_COUNTERS | NO_TIME):
        with machine(test, SRST | flags, DBCN_GOOD,
                     append='autorun="uptime; bootstat"') as m:
            m.expect(r"^0\.0*[1-9]\d* s$|^[1-9]\d*\.\d+ s$", unless=PANIC)
            m.expect(r"^bootstat: instret can't be read here$", unless=PANIC)
            if finish(m) != 1:
                raise Failure("bootstat claims to know")


def boot_hart(test):
    """The highest of four boots, the others don't run."""
    for hart in (3, 1):
        out = run(test, HSM, DBCN_GOOD, "sbi-dbcn", "--harts", "4", hart=hart)
        for line in (rf"^Strata, .* boot hart {hart} of 4,",
                     rf"^hart {hart}: started, here\b"):
            if not re.search(line, out, re.M):
                raise Failure(f"no line like {line!r}")
        if len(re.findall(r"^hart \d+: .*\bhere\b", out, re.M)) != 1:
            raise Failure("not one hart is here")


def without_test_device(folder, test, bootargs):
    path = os.path.join(folder, "tree.dtb")
    tree(test, path, ("--mem", "128M"), bootargs)
    call(test, "fdtput", "-r", path, "/soc/test@100000")
    return f"-dtb {path}"


def reset(test):
    """Reset that fails: the test device does it; without one, a word."""
    with machine(test, SRST_FAILS, DBCN_GOOD, qemu="-no-reboot") as m:
        m.expect(PROMPT, unless=PANIC)
        m.send("reboot\r")
        m.wait()
    with machine(test, SRST_FAILS, DBCN_GOOD) as m:
        m.expect(PROMPT, unless=PANIC)
        m.send("reboot\r")
        m.expect(r"^Strata, ")
        m.expect(PROMPT, unless=PANIC)
        m.send("poweroff\r")
        if m.wait():
            raise Failure("poweroff: QEMU did not end with 0")
    for flags in (0, SRST_FAILS):
        for command, word in (("poweroff", "power off"), ("reboot", "reboot"),
                              ("panic", None)):
            with tempfile.TemporaryDirectory() as folder:
                with machine(test, flags, DBCN_GOOD, qemu=without_test_device(
                        folder, test, f'autorun="{command}"')) as m:
                    if command == "panic":
                        m.expect(PANIC)
                        m.expect(r"^autorun: status 255\n")
                        time.sleep(0.3)
                        if not m.output.endswith("autorun: status 255\n"):
                            raise Failure("the status is not the last line")
                        continue
                    m.expect(rf"^machine: no way to {word}; halted\n")
    # No test device, but SRST.
    with tempfile.TemporaryDirectory() as folder:
        with machine(test, SRST, DBCN_GOOD, qemu=without_test_device(
                folder, test, 'autorun="version"')) as m:
            finish(m)


# (a1, what is said of it). RAM is 0x80000000 to 0x88000000.
WILD = (
    (0, r"no device tree can be read at 0,"),
    (0x10, r"no device tree can be read at 0x10,"),
    (0x700000000000, r"no device tree can be read at 0x700000000000,"),
    (1 << 56 | 0x87e00000, r"no device tree can be read at 0x100000087e00000,"),
    (2 ** 64 - 8, r"no device tree can be read at 0xfffffffffffffff8,"),
    (0x80010000, r"no device tree can be read at 0x80010000,"),    # firmware
    (0x87fffff0, r"no device tree can be read at 0x87fffff0,"),    # RAM's end
    (0x87000000, r"magic number"),      # zeros
    (0x87fff000, r"cut off"),           # more than there is RAM
    (0x87e00002, r"not a multiple of"),
    (0x87e00001, r"not a multiple of"),
)


def wild(test):
    """a1 leads nowhere, on each console that firmware can have; without one,
    nobody can be told."""
    # A header that promises 64 KiB, in the last page of RAM.
    words = {0x00: 0xd00dfeed00010000, 0x10: 40 << 32 | 17, 0x18: 16 << 32}
    head = " ".join(f"-device loader,addr={0x87fff000 + at:#x},data-len=8,"
                    f"data-be=on,data={w:#x}" for at, w in words.items())
    count = 0
    for kind in ("dbcn", "legacy"):
        flags, dbcn, _ = CONSOLES[kind]
        for a1, what in WILD:
            with machine(test, flags, dbcn, a1=a1, qemu=head) as m:
                m.expect(rf"^strata: .*{what}", unless=PANIC, patience=30)
                m.expect(r"^strata: can't boot; (halted|ending the machine)\n", patience=30)
            count += 1
    return f"{count} boots"


def image_end(extra):
    """The size, in hex, of RAM that ends so far behind the image."""
    with open(RELEASE, "rb") as f:
        size = int.from_bytes(f.read(24)[16:], "little")
    return f"{0x200000 + size + extra:x}"


def reg(*cells):
    def fn(test, path, node):
        call(test, "fdtput", "-t", "x", path, node, "reg",
             *[c() if callable(c) else c for c in cells])
    return fn


MEMORY = "/memory@80000000"
TREES = (
    ("no memory node", lambda test, path, node: call(
        test, "fdtput", "-r", path, node), r"there is none"),
    ("memory of no bytes", reg("0", "80000000", "0", "0"),
     r"there is none"),
    ("memory elsewhere", reg("1", "0", "0", "8000000"),
     r"the kernel does not lie in it"),
    ("memory begins inside the kernel", reg("0", "80201000", "0", "7000000"),
     r"the kernel does not lie in it"),
    ("memory ends inside the kernel", reg("0", "80000000", "0", "210000"),
     r"does not hold the kernel"),
    ("memory ends with the kernel", reg("0", "80000000", "0", lambda: image_end(0)),
     r"no RAM is left"),
    ("a page more", reg("0", "80000000", "0", lambda: image_end(4096)),
     r"no RAM is left"),
)


def bad_memory(test):
    """RAM that the kernel can't run in, on each console."""
    count = 0
    for name, edit, what in TREES:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tree.dtb")
            tree(test, path, ("--mem", "128M"), "")
            test.note(f"--- {name}")
            edit(test, path, MEMORY)
            for flags, dbcn, _ in CONSOLES.values():
                with machine(test, flags, dbcn, qemu=f"-dtb {path}") as m:
                    m.expect(rf"^strata: .*{what}", unless=PANIC, patience=30)
                    m.expect(r"^strata: can't boot; (halted|ending the machine)\n", patience=30)
                count += 1
    return f"{count} boots"


def before_mmu(test):
    """A trap while addresses are physical: the image's bss is no memory."""
    symbols = test.run("riscv64-unknown-elf-nm", f"{BUILD}/kernel.elf")
    bss = int(re.search(r"^(\w+) \w bss_start$", symbols, re.M)[1], 16)
    # NAPOT: the first whole page of it. The image is at 0x80200000.
    page = 0x80200000 + (bss + 0xfff & 0x7ffff000)
    closed = page >> 2 | (0x1000 >> 3) - 1
    for kind in ("dbcn", "legacy"):
        flags, dbcn, _ = CONSOLES[kind]
        with machine(test, flags, dbcn, closed=closed) as m:
            m.expect(r"^strata: trap before the MMU was on; halted\n", patience=30)


INITRD = 0x86000000


def panic_at_boot(test):
    """A fault before autorun can begin ends the run all the same."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tree.dtb")
        tree(test, path, ("--mem", "128M"), 'autorun="version"')
        # An initrd where firmware lets nobody read: NAPOT, one page.
        for name, at in (("start", INITRD), ("end", INITRD + 0x1000)):
            call(test, "fdtput", "-t", "x", path, "/chosen",
                 f"linux,initrd-{name}", f"{at:x}")
        with machine(test, SRST, DBCN_GOOD, qemu=f"-dtb {path}",
                     closed=INITRD >> 2 | (0x1000 >> 3) - 1) as m:
            m.expect(PANIC + "load access fault")
            m.expect(r"^autorun: status 255\n")
            if m.wait() != 255:
                raise Failure("QEMU did not end with 255")


BUILT = ("kernel-build",)
TESTS = [
    *[Test(f"firmware-{kind}", "all", 300, f"console of firmware: {kind}",
           console(*how), BUILT) for kind, how in {
               **CONSOLES,
               "dbcn-slow": (SRST, DBCN_SLOW, "sbi-dbcn"),
               "dbcn-fails": (SRST, DBCN_FAILS, r"ns16550a at 0x10000000"),
               "dbcn-fails-legacy": (LEGACY, DBCN_FAILS, "sbi-legacy"),
               "dbcn-stuck": (0, DBCN_STUCK, r"ns16550a at 0x10000000"),
           }.items()],
    Test("firmware-counters", "all", 300, "counters closed to S-mode",
         counters, BUILT),
    Test("firmware-boot-hart", "all", 300, "any hart boots", boot_hart, BUILT),
    Test("firmware-reset", "all", 600, "reset that fails", reset, BUILT),
    Test("early-a1", "all", 600, "a1 leads nowhere: a word, and halt", wild,
         BUILT),
    Test("early-memory", "all", 600, "RAM that won't do: a word, and halt",
         bad_memory, BUILT),
    Test("early-trap", "all", 300, "a trap before the MMU is on", before_mmu,
         BUILT),
    Test("early-panic", "all", 300, "a panic at boot ends an unattended run",
         panic_at_boot, BUILT),
]
