"""The kernel out of the way, in QEMU.

The guest's RAM is a file. Each block that the kernel is moved out of is
overwritten there, all of it, while it is away: what the kernel still used of
it, it would miss.
"""
import mmap
import os
import random
import re
import tempfile

from harness import Failure, Test
from loader import Placed, call, tree
from machine import (DEBUG, PANIC, PROMPT, RELEASE, STATUS, Machine,
                     autorun)
from mutants import build_kernel
from virtio import disk_options, new_image

AUDIT = "pagetable check; audit; meminfo"
FREE = re.compile(r"^displace: (0x\w+)-(0x\w+) is nobody's$", re.M)
BLOCK = re.compile(r"^ *(0x\w+) +(\d+) ", re.M)
BLOCK_SIZE = 2 << 20
RAM = 0x80000000
EXTENSIONS = "-cpu rv64,svnapot=on,svpbmt=on,svinval=on"


def size_of(text):
    return int(text[:-1]) << {"M": 20, "G": 30}[text[-1]]


class Ram:
    """The guest's RAM, as a file that is as large."""

    def __init__(self, mem):
        folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.file = tempfile.NamedTemporaryFile(prefix="displace-", dir=folder)
        self.size = size_of(mem)
        os.truncate(self.file.name, self.size)
        self.map = mmap.mmap(self.file.fileno(), self.size)
        self.qemu = ("-object memory-backend-file,id=shared,share=on,"
                     f"size={self.size},mem-path={self.file.name} "
                     "-machine memory-backend=shared")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.map.close()
        self.file.close()

    def overwrite(self, start, end):
        self.map[start - RAM:end - RAM] = random.randbytes(end - start)

    def count(self, start, end, byte=0):
        return self.map[start - RAM:end - RAM].count(byte)


def leave(m, ram, block):
    """Have one block displaced, overwrite it, go back. Its free bytes."""
    begin = m.seen
    m.send(f"displace {block:#x} --hold\r")
    m.expect(r"^displace: \^C ends it\n", unless=rf"{PANIC}|.* stays: ",
             patience=30)
    parts = [(int(a, 16), int(b, 16))
             for a, b in FREE.findall(m.output[begin:m.seen])]
    for start, end in parts:
        if not block <= start < end <= block + BLOCK_SIZE:
            raise Failure(f"{start:#x}-{end:#x} is not in {block:#x}")
        ram.overwrite(start, end)
    m.send("\x03")
    m.expect(PROMPT, unless=PANIC)
    return sum(end - start for start, end in parts)


def survives(m, ram, rounds):
    """Each block with anything in it is left and spoilt; then all is well.
    Returns how many bytes were free to test, and the last list of blocks."""
    done = 0
    m.expect(PROMPT, unless=PANIC)
    for _ in range(rounds):
        listed = m.command("displace --list")
        for at, kib in BLOCK.findall(listed):
            if int(kib):
                free = leave(m, ram, int(at, 16))
                if free != int(kib) << 10:
                    raise Failure(f"{at}: {free} bytes are free")
                done += free
    if "0 faults" not in m.command("pagetable check"):
        raise Failure("the tables are not as they were")
    m.send(f"{AUDIT}; test pgtable. --ops 1000\r")
    m.expect(r"^audit: 0 findings\n", unless=PANIC)
    m.expect(r"^\d+ passed, 0 failed\n", unless=PANIC)
    m.expect(PROMPT, unless=PANIC)
    m.send("poweroff\r")
    m.wait()
    return done, listed


def overwritten(test, mem, *options, kernel=RELEASE, rounds=2):
    """On a machine with so much RAM."""
    with Ram(mem) as ram:
        options += ("--mem", mem, "--qemu", ram.qemu)
        with Machine(test, *options, kernel=kernel) as m:
            done, _ = survives(m, ram, rounds)
    if done < rounds * BLOCK_SIZE:
        raise Failure(f"only {done} bytes were free in {rounds} rounds")
    return f"{done >> 10} KiB"


# Image, tree and reservations: start, size, no-map.
PLACES = [
    (0x80400000, 0x87000000, []),
    # In front of the tables, so that these are in another block.
    (0x80400000, 0x87000000, [(0x804e0000, 0x100000, False)]),
    # Single frames, kept from the direct map or not.
    (0x86000000, 0x80500000, [(0x86123000, 0x1000, True),
                              (0x861f1000, 0x9000, False),
                              (0x80501000 + 0x10000, 0x1000, True)]),
    (0x80800000, 0x80600ffc, [(0x809ff000, 0x2000, True)]),
]


def place(test, image, dtb, kept, kernel=RELEASE):
    options = ("--mem", "128M", "--harts", "4")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tree.dtb")
        tree(test, path, options, "mmu=sv48")
        for start, size, no_map in kept:
            node = f"/reserved-memory/kept@{start:x}"
            call(test, "fdtput", "-c", path, node)
            call(test, "fdtput", "-t", "x", path, node, "reg", "0",
                 f"{start:x}", "0", f"{size:x}")
            if no_map:
                call(test, "fdtput", path, node, "no-map")
        with open(path, "rb") as f:
            blob = f.read()
    with Ram("128M") as ram, \
            Placed(test, (*options, "--qemu", ram.qemu), image, dtb,
                   blob, kernel) as m:
        done, listed = survives(m, ram, 1)
    for start, size, no_map in kept:
        if not re.search(r"; no-map \d" if no_map else r"; reserved \d",
                         listed):
            raise Failure(f"{start:#x} is not told of")
    return f"{done >> 10}"


def places(test):
    return ", ".join(place(test, *p) for p in PLACES) + " KiB"


def quick(test):
    return overwritten(test, "128M", "--harts", "2")


# Machines, each with the kernel, its tables and stacks elsewhere in RAM.
MACHINES = [
    ("64M", "--harts", "1", "--mmu", "sv39"),
    ("128M", "--harts", "2", "--mmu", "sv48", "--qemu", EXTENSIONS),
    ("128M", "--harts", "4", "--mmu", "sv57", "--qemu", EXTENSIONS),
    ("1G", "--harts", "4", "--mmu", "sv39", "--qemu", EXTENSIONS),
    ("4G", "--harts", "2", "--mmu", "sv57"),
    ("128M", "--harts", "2", "--append", "page_debug=owner slab_guard=1"),
]


def matrix(test):
    done = [overwritten(test, *machine, rounds=1) for machine in MACHINES]
    return ", ".join(done)


def debug(test):
    return overwritten(test, "128M", "--harts", "4", kernel=DEBUG, rounds=1)


def moves(test, *options, commands=""):
    """All blocks, three times, where the console is all that there is of the
    machine. What it printed."""
    line = ("displace --list; displace all --rounds 3; "
            f"{AUDIT}{commands}")
    with Machine(test, *options, "--append", f'autorun="{line}"') as m:
        if m.expect(STATUS, unless=PANIC)[1] != "0":
            raise Failure(f"{options}: a command failed")
        return m.output


def boards(test):
    """Two banks, harts that can't run the kernel, other consoles."""
    for board in ("icicle", "sifive_u"):
        moves(test, "--board", board)


def device(test):
    """What a device knows stays, and it works as before."""
    with tempfile.TemporaryDirectory() as folder:
        disk = disk_options(new_image(folder, 8 << 20))
        out = moves(test, "--harts", "2", "--qemu", disk,
                    commands="; disk test vda --yes --size 1M; displace all")
    if not re.search(r"; dma \d", out):
        raise Failure("the device's memory is not told of")


def retired(test):
    """A frame that is retired is not copied, not back either."""
    frame, end = RAM + (64 << 20) + 0x5000, RAM + (64 << 20) + 0x6000
    block = frame & -BLOCK_SIZE
    with Ram("128M") as ram, \
            Machine(test, "--mem", "128M", "--harts", "2", "--qemu",
                    ram.qemu) as m:
        m.expect(PROMPT, unless=PANIC)
        m.command(f"badram add {frame:#x}")
        if not re.search(rf" {block:#x} .*; bad 4\b",
                         m.command("displace --list")):
            raise Failure("the retired frame is not told of")
        m.send(f"displace {block:#x} --hold\r")
        m.expect(r"^displace: \^C ends it\n", unless=rf"{PANIC}|.* stays: ",
                 patience=30)
        ram.overwrite(frame, end)
        seen = ram.map[frame - RAM:end - RAM]
        m.send("\x03")
        m.expect(PROMPT, unless=PANIC)
        if ram.map[frame - RAM:end - RAM] != seen:
            raise Failure("the retired frame was stored to")
        m.send("\r")
        survives(m, ram, 1)


# Kernels that do it wrong.
MUTANTS = ("kernel-move-on-the-stack-inside", "kernel-move-without-fences",
           "move-forgets-pointers")


def planted(test):
    """Each is seen, in one of a few runs."""
    for name in MUTANTS:
        kernel = build_kernel(test, name)
        for n in range(5):
            try:
                # QEMU forgets all when satp changes: not here.
                place(test, *PLACES[1], kernel=kernel)
            except Failure as e:
                test.note(f"{name}: {e}")
                break
        else:
            raise Failure(f"{name} was not seen")
    return f"{len(MUTANTS)} kernels"


def load(test, rounds, *options, kernel=RELEASE):
    """Many rounds while all other harts allocate; then nothing is missing, and
    all else works."""
    out = autorun(test, f"test displaced_under_load --ops {rounds * 1000000}; {AUDIT}; "
                  "test mmio. smp. slab kmalloc --ops 20000",
                  *options, kernel=kernel)
    m = re.search(r"^displace: ok, (\d+) times", out, re.M)
    if not m or int(m[1]) < rounds:
        raise Failure("too few displacements")
    return f"{m[1]} times"


def load_short(test):
    return load(test, 2, "--harts", "4")


def load_long(test):
    return load(test, 100, "--harts", "4")


BUILT = ("kernel-build",)
TESTS = [
    Test("displace", "quick", 300, "the kernel lives on while each block of "
         "its RAM is overwritten", quick, BUILT),
    Test("displace-machines", "all", 900, "the same in all paging modes, with "
         "1 to 4 harts, groups, 64 MiB to 4 GiB", matrix, BUILT),
    Test("displace-debug", "all", 600, "the same, with the debug checks",
         debug, ("kernel-debug",)),
    Test("displace-places", "all", 600, "image, tree and reserved frames at "
         "several places", places, BUILT),
    Test("displace-boards", "all", 300, "PolarFire's two banks; sifive_u",
         boards, BUILT),
    Test("displace-device", "all", 300, "a disk's memory stays where it is",
         device, BUILT),
    Test("displace-bad", "all", 300, "retired frames are left alone", retired,
         BUILT),
    Test("displace-planted", "full", 3600, "kernels that move themselves in a "
         "wrong way fail these tests", planted, BUILT),
    Test("displace-load", "all", 900, "2 rounds while 3 harts allocate",
         load_short, BUILT),
    Test("displace-load-long", "full", 7200, "100 rounds while 3 harts "
         "allocate", load_long, BUILT),
]
