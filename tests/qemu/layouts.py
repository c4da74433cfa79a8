"""Where the image, the tree and the initrd lie in RAM: anywhere.

A table of places, each booted: the kernel must see what is where, account for
all of RAM, and find the initrd whole, by its checksum. And places where there
can't be one: the kernel must say so, and go on.
"""
import os
import random
import re
import struct
import subprocess
import tempfile
import zlib

from boot import GiB, MiB, account
from harness import Failure, Test
from loader import Placed, call, tree
from machine import RELEASE, Machine, finish
from machines import NODE

RAM = 0x80000000
LOOK = ("load initrd; regions; meminfo; pagetable check; "
        "test silicon.pmp silicon.ram_end")


def down(address, to):
    return address & -to


class Sizes:
    """What the places below are made of: the image with its bss, the tree, the
    initrd, and the end of RAM."""

    def __init__(self, tree_size, initrd_size, end):
        with open(RELEASE, "rb") as f:
            self.image = struct.unpack_from("<Q", f.read(24), 16)[0]
        self.tree, self.initrd, self.end = tree_size, initrd_size, end


# Two nodes of memory that touch.
NODES = ("--harts", "2", "--qemu", NODE.format(0, "128M"),
         "--qemu", NODE.format(1, "128M"))

# name: (RAM, places(Sizes) -> image, tree, initrd, ...). RAM begins at 2 GiB,
# with firmware; what jumps to the image is at 0x80200000. Firmware's own tree is
# in the last 2 MiB of RAM, or below 3 GiB if there is more. Then, if need be,
# options of scripts/run, and to how many bytes the archive is filled up.
LAYOUTS = {
    "tree right behind the image, initrd right behind that": (
        128 * MiB, lambda s: (0x80400000, 0x80400000 + s.image,
                              0x80400000 + s.image + s.tree)),
    "tree right before the image, initrd right before that": (
        128 * MiB, lambda s: (0x80800000, 0x80800000 - s.tree,
                              0x80800000 - s.tree - s.initrd)),
    "initrd right behind the image, tree right behind that": (
        128 * MiB, lambda s: (0x80400000, 0x80400000 + s.image + s.initrd,
                              0x80400000 + s.image)),
    "tree ends with RAM": (
        128 * MiB, lambda s: (0x80400000, s.end - s.tree, 0x83000000)),
    "initrd ends with RAM": (
        128 * MiB, lambda s: (0x80400000, 0x83000000, s.end - s.initrd)),
    "image ends with RAM": (
        4 * GiB, lambda s: (down(s.end - s.image, 2 * MiB), 0x83000000,
                            0x83800000)),
    "tree beside the firmware": (
        128 * MiB, lambda s: (0x80400000, 0x80180008, 0x83000000)),
    "tree and initrd across 2 MiB": (
        128 * MiB, lambda s: (0x80400000, 0x83000000 - 0x404,
                              0x84000000 - 0x801)),
    "all at odd addresses, in one block": (
        128 * MiB, lambda s: (0x80400000, 0x8050000c + s.image // 4096 * 4096,
                              0x80580003 + s.image // 4096 * 4096)),
    "tree across 1 GiB, initrd across the next": (
        3 * GiB, lambda s: (0x80400000, 0xc0000000 - 0x204,
                            0x100000000 - 0x1001)),
    "tree and initrd above 4 GiB": (
        8 * GiB, lambda s: (0x80400000, 0x17ffe0008, 0x240000001)),
    "image above 4 GiB, tree and initrd below": (
        8 * GiB, lambda s: (0x1c0000000, 0x80300000, 0x81000000)),
    "tree between, image on top": (
        8 * GiB, lambda s: (down(s.end - s.image, 2 * MiB), 0x100000000,
                            0xa0000000)),
    "initrd, tree and RAM end together, above 4 GiB": (
        8 * GiB, lambda s: (0x80400000, s.end - s.tree,
                            s.end - s.tree - s.initrd)),
    "initrd of more than half of RAM": (
        128 * MiB, lambda s: (0x80400000, 0x81000000, 0x81800000), (),
        70 * MiB + 1),
    "tree in the second of two nodes, initrd across": (
        256 * MiB, lambda s: (0x80400000, 0x8c000008, 0x88000000 - 0x1001),
        NODES),
    "image in the second of two nodes, tree across": (
        256 * MiB, lambda s: (0x8a000000, 0x88000000 - 0x404, 0x83000001),
        NODES),
    "image and tree in the second of two nodes": (
        256 * MiB, lambda s: (0x8a000000, 0x8c000008, 0x83000001), NODES),
}


def archive():
    """A cpio archive of a file of random bytes, of no round size."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "noise"), "wb") as f:
            f.write(random.Random(1).randbytes(300001))
        packed = subprocess.run(
            ["cpio", "--quiet", "-o", "-H", "newc", "--reproducible"],
            input=b"noise\n", cwd=folder, check=True, stdout=subprocess.PIPE)
    return packed.stdout


def look(output, *, image, fdt=None, initrd=None, data):
    """The kernel must have seen what lies where."""
    account(output)
    line = re.search(r"image at (0x\w+), device tree at (0x\w+)$", output, re.M)
    if not line or int(line[1], 16) != image or (
            fdt and int(line[2], 16) != fdt):
        raise Failure(f"image at {image:#x}, tree at {fdt or 0:#x}: "
                      f"{line and line[0]}")
    if not re.search(rf"^load: 1 entries, {len(data)} bytes, crc32 "
                     rf"{zlib.crc32(data):08x}$", output, re.M):
        raise Failure("the initrd is not what was loaded")
    held = re.findall(r"^(\w{16})-(\w{16}) .* initrd$", output, re.M)
    if initrd and not any(int(a, 16) <= initrd < int(b, 16) or
                          initrd - int(a, 16) < 4096 for a, b in held):
        raise Failure(f"no region of the initrd at {initrd:#x}")


def made(test, folder, options, bootargs, size, places, reserve=None):
    """The tree, which tells of the initrd; where everything is."""
    path = os.path.join(folder, "tree.dtb")
    tree(test, path, options, bootargs)
    for key in ("start", "end"):
        call(test, "fdtput", "-t", "x", path, "/chosen", f"linux,initrd-{key}",
             "0", "0")
    if reserve:
        node = "/reserved-memory/kept"
        call(test, "fdtput", "-c", path, node)
        call(test, "fdtput", path, node, "no-map")
        call(test, "fdtput", "-t", "x", path, node, "reg", "0", reserve, "0",
             "1000")
    image, fdt, at = places(Sizes(os.path.getsize(path) + 3 & ~3, *size))
    for key, value in (("start", at), ("end", at + size[0])):
        call(test, "fdtput", "-t", "x", path, "/chosen", f"linux,initrd-{key}",
             f"{value >> 32:x}", f"{value & 0xffffffff:x}")
    with open(path, "rb") as f:
        return image, down(fdt, 4), at, f.read()


def boot(test, ram, places, options=(), data=b"", *, bootargs="", commands=LOOK,
         size=None, reserve=None):
    """Boot with all in its places; the commands' status, what was printed, and
    where image, tree and initrd are."""
    options = ("--mem", f"{ram // MiB}M", *options)
    with tempfile.TemporaryDirectory() as folder:
        image, fdt, at, blob = made(
            test, folder, options, f'{bootargs} autorun="{commands}"',
            (len(data) if size is None else size, RAM + ram), places, reserve)
        if data:
            initrd = os.path.join(folder, "initrd")
            with open(initrd, "wb") as f:
                f.write(data)
            options += ("--qemu", "-device 'loader,force-raw=on,"
                        f"file={initrd},addr={at:#x}'")
        with Placed(test, options, image, fdt, blob) as m:
            return finish(m), m.output, (image, fdt, at)


def placed(test):
    packed = archive()
    for name, (ram, places, *more) in LAYOUTS.items():
        test.note(f"--- {name}")
        options = more[0] if more else ()
        data = packed.ljust(more[1] if more[1:] else 0, b"\0")
        try:
            status, out, (image, fdt, at) = boot(test, ram, places, options,
                                                 data)
            if status:
                raise Failure("a command failed")
            look(out, image=image, fdt=fdt, initrd=at, data=data)
        except Failure as e:
            raise Failure(f"{name}: {e}") from e
    return f"{len(LAYOUTS)} layouts"


# name: (RAM, places as above, bytes of the initrd, command line, a frame that
# must not be mapped, what is said).
NO_INITRD = {
    "no byte": (
        128 * MiB, lambda s: (0x80400000, 0x83000000, 0x84000000), 0, "", None,
        None),
    "one byte": (
        128 * MiB, lambda s: (0x80400000, 0x83000000, 0x84000000), 1, "", None,
        "no initrd at 0x84000000"),
    "over the tree": (
        128 * MiB, lambda s: (0x80400000, 0x83000100, 0x83000000), 0x101, "",
        None, "the initrd at 0x83000000 lies over the device tree"),
    "over the image": (
        128 * MiB, lambda s: (0x80400000, 0x83000000, 0x80380000), 2 * MiB, "",
        None, "no initrd at 0x80380000"),
    "in the frame of the tree, which must not be mapped": (
        128 * MiB, lambda s: (0x80400000, 0x83000800 - s.tree, 0x83000800),
        0x1000, "", "83000000", "no initrd at 0x83000800"),
    "beyond what Sv39 maps": (
        132 * GiB, lambda s: (0x80400000, 0x83000000, RAM + 131 * GiB), MiB,
        "mmu=sv39", None, "no initrd at 0x2140000000"),
    "beyond RAM": (
        128 * MiB, lambda s: (0x80400000, 0x83000000, s.end - 0x800), 0x1000,
        "", None, "no initrd at 0x87fff800"),
}


def none_there(test):
    for name, (ram, places, size, bootargs, keep, said) in NO_INITRD.items():
        test.note(f"--- {name}")
        try:
            status, out, _ = boot(
                test, ram, places, bootargs=bootargs, size=size, reserve=keep,
                commands="regions; meminfo; pagetable check; load initrd")
            if status != 1 or "\nload: there is no initrd\n" not in out:
                raise Failure("there is an initrd")
            account(out)
            if said and said not in out or not said and "no initrd at" in out:
                raise Failure(f"it was to say {said!r}")
        except Failure as e:
            raise Failure(f"{name}: {e}") from e
    return f"{len(NO_INITRD)} places"


# name: (what is typed before `boot`, where tree and initrd are then below;
# None: in place, U-Boot's choice). It copies the image to 0x80200000 always.
TOP = RAM + 512 * MiB
TYPED = {
    "in place": ((), None, None),
    "both moved to the top": (
        ("setenv fdt_high", "setenv initrd_high"), TOP, TOP),
    "both moved, below limits": (
        ("setenv fdt_high 0x82000000", "setenv initrd_high 0x90000000"),
        0x82000000, 0x90000000),
    "tree low, initrd in place": (
        ("setenv fdt_high 0x80400000",), 0x80400000, None),
    "image loaded high, initrd low": (
        ("setenv kernel_addr_r 0x9a000000", "setenv ramdisk_addr_r 0x81000000"),
        None, 0x82000000),
    "image loaded over its place": (
        ("setenv kernel_addr_r 0x80200000",), None, None),
}


def uboot(test):
    data = archive()
    with tempfile.TemporaryDirectory() as folder:
        initrd = os.path.join(folder, "initrd")
        with open(initrd, "wb") as f:
            f.write(data)
        for name, (typed, fdt, rd) in TYPED.items():
            test.note(f"--- {name}")
            try:
                with Machine(test, "--boot", "uboot", "--mem", "512M",
                             "--initrd", initrd, "--append",
                             f'autorun="{LOOK}"') as m:
                    m.expect(r"stop autoboot")
                    m.send(" ")
                    for line in (*typed, "boot"):
                        m.expect(r"^=> $")
                        m.send(line + "\r")
                    if finish(m):
                        raise Failure("a command failed")
                    look(m.output, image=0x80200000, data=data)
                    below(m.output, r"device tree at (0x\w+)$", fdt)
                    below(m.output, r"^(\w{16})-\w{16} .* initrd$", rd)
            except Failure as e:
                raise Failure(f"{name}: {e}") from e
    return f"{len(TYPED)} layouts"


def below(output, pattern, limit):
    at = int(re.search(pattern, output, re.M)[1], 16)
    if limit and not limit - 64 * MiB <= at < limit:
        raise Failure(f"U-Boot put it at {at:#x}, not below {limit:#x}: "
                      "this tests nothing")


TESTS = [
    Test("layouts", "all", 300, "image, tree, initrd anywhere in RAM", placed,
         ("kernel-build",)),
    Test("layouts-no-initrd", "all", 300, "where there can't be an initrd",
         none_there, ("kernel-build",)),
    Test("layouts-uboot", "all", 300, "as U-Boot puts them", uboot,
         ("kernel-build",)),
]
