"""Reservations for devices in the tree: of every kind, and absurd ones.

Each tree is QEMU's own with nodes added; firmware keeps its own.
"""
import os
import re
import tempfile

from harness import Failure, Test
from loader import Placed, call, tree
from machine import PANIC, finish

IMAGE, DTB = 0x80400000, 0x87000000
RESERVED = "/reserved-memory"
COMMANDS = "dma; memmap; meminfo"


def hex_cells(*values):
    """64-bit numbers as cells."""
    return [f"{v >> s & 0xffffffff:x}" for v in values for s in (32, 0)]


def pool(name, *flags, reg=None, phandle=None, **numbers):
    """What to put into the tree for a node."""
    node = f"{RESERVED}/{name}"
    yield ("-c", node)
    yield ("-t", "s", node, "compatible", "shared-dma-pool")
    if reg:
        yield ("-t", "x", node, "reg", *hex_cells(*reg))
    if phandle:
        yield ("-t", "x", node, "phandle", f"{phandle:x}")
    for key, value in numbers.items():
        values = value if isinstance(value, tuple) else (value,)
        yield ("-t", "x", node, key.replace("_", "-"), *hex_cells(*values))
    for flag in flags:
        yield (node, flag)


def put(test, path, edit):
    if edit[0] == "-c":
        call(test, "fdtput", "-c", path, edit[1])
    elif edit[0] == "-t":
        call(test, "fdtput", "-t", edit[1], path, *edit[2:])
    else:
        call(test, "fdtput", path, *edit)


def boot(test, edits, *options, commands=COMMANDS):
    """Boot with the tree so changed; what was printed."""
    options = ("--mem", "128M", *options)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tree.dtb")
        tree(test, path, options, f'autorun="{commands}"')
        for edit in edits:
            put(test, path, edit)
        with open(path, "rb") as f:
            blob = f.read()
    with Placed(test, options, IMAGE, DTB, blob) as m:
        if finish(m):
            raise Failure("a command failed")
        return m.output


def expect(output, *patterns):
    for p in patterns:
        if not re.search(p, output, re.M):
            raise Failure(f"not there: {p}")


def refuse(output, *patterns):
    for p in (PANIC, "does not add up", *patterns):
        if re.search(p, output, re.M):
            raise Failure(f"should not be there: {p}")


def kinds(test):
    """Static, dynamic, no-map, reusable: each is listed, and of the size asked
    for; the sum of memory is the machine's."""
    out = boot(test, [
        *pool("plain@84000000", reg=(0x84000000, 0x100000)),
        *pool("hidden@84100000", "no-map", reg=(0x84100000, 0x80000)),
        *pool("shared@85000000", "reusable", reg=(0x85000000, 0x400000)),
        *pool("anywhere", size=0x200000, alignment=0x200000),
        *pool("low", "no-map", size=0x10000,
              alloc_ranges=(0x80800000, 0x100000)),
        *pool("cma", "reusable", "linux,cma-default", size=0x800000)])
    expect(out,
           r"^plain@84000000 +0x84000000-0x840fffff, 0 of 1024 KiB in use$",
           r"^hidden@84100000 +0x84100000-0x8417ffff, .*KiB in use, no-map$",
           r"^shared@85000000 +0x85000000-0x853fffff, .*in use, reusable$",
           r"^anywhere +0x8[0-9a-f]{7}-0x8[0-9a-f]{7}, 0 of 2048 KiB in use$",
           r"^low +0x808f0000-0x808fffff, 0 of 64 KiB in use, no-map$",
           r"^cma +0x\w+-0x\w+, 0 of 8192 KiB in use, reusable$",
           r"^memory: 134217728 = ")
    refuse(out, "not used")
    return "6 kinds"


def absurd(test):
    """Each gets a sentence; the machine boots."""
    out = boot(test, [
        *pool("outside@70000000", reg=(0x70000000, 0x100000)),
        *pool("end@87f00000", reg=(0x87f00000, 0x10000000)),
        *pool("wraps@84000000", reg=(0x84000000, 2**64 - 1)),
        *pool("kernel@80400000", reg=(0x80400000, 0x1000)),
        *pool("firmware@80000000", "no-map", reg=(0x80000000, 0x1000)),
        *pool("bytes@83000010", reg=(0x83000010, 0x20)),
        *pool("one@82000000", reg=(0x82000000, 0x2000)),
        *pool("two@82001000", reg=(0x82001000, 0x2000)),
        *pool("huge", size=2**40),
        *pool("odd", size=0x1000, alignment=3),
        *pool("nothing"),
        *pool("empty", size=0)])
    expect(out, *(rf"^dma: {n}\S* .*; not used$" for n in
                  ("outside", "end", "wraps", "kernel", "firmware",
                   "bytes", "one", "two")),
           r"no room for reserved-memory huge",
           r"^device tree: a reservation's alignment is no power of two",
           r"^device tree: a reservation with neither reg nor size")
    refuse(out, r"^(outside|end|wraps|kernel|firmware|bytes|one|two|huge)\S* +0x")
    return "12 of them"


def zicbom(test):
    """QEMU has none: a tree that says so is not believed."""
    isa = ("-t", "s", "/cpus/cpu@0", "riscv,isa",
           "rv64imafdc_zicsr_zifencei_zicbom")
    for size, sentence in ((64, r"not to be had from this firmware"),
                           (48, r"without a block size that makes sense"),
                           (8192, r"without a block size that makes sense"),
                           (None, r"without a block size that makes sense")):
        edits = [isa]
        if size:
            edits.append(("-t", "u", "/cpus/cpu@0", "riscv,cbom-block-size",
                          str(size)))
        out = boot(test, edits)
        expect(out, r"^cache: Zicbom .*" + sentence, r"^caches: no means")
        refuse(out)
    return "4 trees"


RNG = "/soc/virtio_mmio@10008000"
WITH_RNG = ("--qemu", "-device virtio-rng-device -cpu rv64,svpbmt=on")


def client(test, *flags, noncoherent=False):
    """Bytes of the area that a device uses, and what was printed."""
    edits = [*pool("ring@84000000", *flags, phandle=99,
                   reg=(0x84000000, 0x10000)),
             ("-t", "u", RNG, "memory-region", "99")]
    if noncoherent:
        edits.append((RNG, "dma-noncoherent"))
    out = boot(test, edits, *WITH_RNG, commands=
               "random; vmallocinfo; pagetable check; dma; audit; test dma")
    m = re.search(r"^ring@84000000 .*, (\d+) of 64 KiB", out, re.M)
    if not m:
        raise Failure(f"{flags}: no area")
    return int(m[1]), out


def clients(test):
    """A device's rings are in the memory that is kept for it, whatever its kind. A
    device that sees no caches gets none where nothing can flush them."""
    for flags in ((), ("no-map",), ("reusable",)):
        used, out = client(test, *flags)
        if not used:
            raise Failure(f"{flags}: the rings are elsewhere")
        if bool(re.search(r" window +dma_alloc$", out,
                          re.M)) != ("no-map" in flags):
            raise Failure(f"{flags}: a window, or none")
        expect(out, r"^random: 64 bytes of seed by virtio-rng$")
    used, out = client(test, noncoherent=True)
    expect(out, r"does not work: .*\(error 95\)$")
    if used:
        raise Failure("memory that is of no use is lost")
    return "3 kinds, and one that can't be"


TESTS = [
    Test("dma-areas", "all", 120, "memory that the tree keeps for devices",
         kinds, ("kernel-build",)),
    Test("dma-clients", "all", 120, "devices that use it", clients,
         ("kernel-build",)),
    Test("dma-absurd", "all", 120, "such that makes no sense", absurd,
         ("kernel-build",)),
    Test("dma-zicbom", "all", 240, "cache instructions that trap", zicbom,
         ("kernel-build",)),
]
