"""Bad RAM from one start to the next: by RAM itself, by a device tree, by U-Boot.

QEMU keeps RAM over a reset, and only loads again what it loaded at its start.
"""
import os
import random
import re
import struct
import tempfile
import zlib

from boot import account
from harness import Failure, Test
from loader import call, tree
from machine import PROMPT, Machine

MEMORY = 256 << 20
BASE, PAGE = 0x80000000, 4096
OPTIONS = ("--mem", "256M", "--harts", "2")
MAGIC = b"taBadRaM"
HEAD = "<QII QQQQ QQ".replace(" ", "")

# One alone, two that touch, the last frame of RAM, the boot loader's frames
# that boot takes first.
SOME = [(0x80400000, 0x80401000), (0x84000000, 0x84003000),
        (0x86fff000, 0x87000000), (0x8ffff000, 0x90000000)]
IMAGE = (0x80200000, 0x80201000)

# Of the copies.
PLACES = [BASE + MEMORY // 16 * (2 * i + 1) for i in range(8)]


def add(m, ranges):
    for start, end in ranges:
        m.command(f"badram add {start:#x}-{end:#x}")


def listed(m):
    """What `badram` says: {(start, end): state}."""
    return {(int(a, 16), int(b, 16)): state for a, b, state in re.findall(
        r"^([0-9a-f]{16})-([0-9a-f]{16})  (retired|in-use)$",
        m.command("badram"), re.M)}


def regions(m, kind):
    """What `regions` says is of this kind, as (start, end)."""
    return [(int(a, 16), int(b, 16)) for a, b in re.findall(
        rf"^([0-9a-f]+)-([0-9a-f]+) +\d+ [KMGT]?i?B +{kind}$",
        m.command("regions"), re.M)]


def expect_list(m, ranges, state="retired"):
    got, want = listed(m), {r: state for r in ranges}
    if got != want:
        raise Failure(f"badram lists {got} instead of {want}")


def sound(m, commands="test page_alloc. retire. --ops 20000"):
    """Nothing is wrong with the memory that is left, and nobody gets the rest."""
    out = m.command("audit")
    if "audit: 0 findings" not in out:
        raise Failure("audit has findings")
    account(m.command("meminfo"))
    if not re.search(r"^\d+ passed, 0 failed", m.command(commands), re.M):
        raise Failure(f"{commands} failed")


def reboot(m):
    m.send("reboot\r")
    m.expect(r"^Strata, ")
    m.expect(PROMPT)


def soft_reboot(test):
    """The list is there after a reset, and its frames are nobody's; until it is
    forgotten."""
    many = [(a, a + PAGE) for a in range(0x88000000, 0x88000000 + 96 * PAGE,
                                         2 * PAGE)]
    with Machine(test, *OPTIONS) as m:
        m.expect(PROMPT)
        add(m, SOME)
        expect_list(m, SOME)
        sound(m)
        for _ in range(2):
            reboot(m)
            expect_list(m, SOME)
            if sorted(regions(m, "bad")) != SOME:
                raise Failure("not what was bad is out of the map")
            sound(m)
        # More than the map of RAM has room for, and one that is in use.
        add(m, [IMAGE, *many])
        reboot(m)
        got = listed(m)
        if got.pop(IMAGE, None) != "in-use":
            raise Failure("a frame of the image is not in use")
        if got != {r: "retired" for r in [*SOME, *many]}:
            raise Failure(f"badram lists {got}")
        m.command("badram forget")
        reboot(m)
        expect_list(m, [])
        if regions(m, "bad"):
            raise Failure("forgotten, and still bad")
        sound(m)


def bad_place(test):
    """Bad RAM may be where a copy is: the others count."""
    bad = [(a, a + PAGE) for a in (SOME[1][0], *PLACES[:2])]
    with Machine(test, *OPTIONS) as m:
        m.expect(PROMPT)
        for r in bad:
            add(m, [r])
        for _ in range(2):
            reboot(m)
            expect_list(m, sorted(bad))
            sound(m)
        m.command("badram forget")
        reboot(m)
        expect_list(m, [])
        if regions(m, "bad"):
            raise Failure("forgotten, and still bad")


def turned_off(test):
    """badram=off: what RAM says does not count. Else it may be given."""
    last = f"{2**64 - PAGE:#x}-{2**64 - 1:#x}"
    out = f"badram=0x84000000+8K,rubbish,{last},0x10-0x20"
    with Machine(test, *OPTIONS, "--append", out) as m:
        m.expect(r"badram=rubbish is no range of RAM")
        m.expect(rf"badram={last} is no range of RAM")
        m.expect(r"badram=0x10-0x20 is no range of RAM")
        m.expect(PROMPT)
        expect_list(m, [(0x84000000, 0x84002000)])
        if "is not all RAM" not in m.command(f"badram add {last}"):
            raise Failure("the last frame of all is no RAM")
        sound(m)
    with Machine(test, *OPTIONS, "--append", "badram=off") as m:
        m.expect(PROMPT)
        add(m, SOME)
        reboot(m)
        expect_list(m, [])


class Ram:
    """The guest's RAM as a file, which others may write to."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "ram")
        self.qemu = (f"-object memory-backend-file,id=m,size={MEMORY},"
                     f"mem-path={self.path},share=on -machine memory-backend=m")

    def read(self):
        with open(self.path, "rb") as f:
            return f.read()

    def write(self, at, data):
        with open(self.path, "r+b") as f:
            f.seek(at - BASE)
            f.write(data)

    def copies(self):
        """Where records are, and what they are."""
        data, found = self.read(), {}
        for at in range(0, MEMORY, PAGE):
            page = data[at:at + PAGE]
            if page[:8] == MAGIC and page[16:24] != bytes(8):
                found[BASE + at] = page
        return found


def signed(page, ranges):
    """The record with other ranges, and a right checksum."""
    magic, version, _, *head, _ = struct.unpack_from(HEAD, page)
    body = struct.pack("<QQQQQ", *head) + struct.pack("<Q", len(ranges))
    body += b"".join(struct.pack("<QQ", *r) for r in ranges)
    return struct.pack("<QII", magic, version, zlib.crc32(body)) + body


def damaged(test):
    """Copies that were overwritten don't matter, but for the last; lists that make
    no sense are told, and ignored."""
    rng = random.Random(20261122)
    with tempfile.TemporaryDirectory() as folder:
        ram = Ram(folder)
        with Machine(test, *OPTIONS, "--qemu", ram.qemu) as m:
            m.expect(PROMPT)
            add(m, SOME)
            found = ram.copies()
            if len(found) < 6:
                raise Failure(f"{len(found)} copies only")
            keep = rng.choice(sorted(found))
            for at in found:
                if at != keep:
                    ram.write(at, rng.randbytes(PAGE))
            reboot(m)
            expect_list(m, SOME)
            # All were written again.
            found = ram.copies()
            if len(found) < 6:
                raise Failure(f"{len(found)} copies after a reboot")
            for at, page in found.items():
                ram.write(at, page[:16] + bytes([page[16] ^ 1]))
            reboot(m)
            expect_list(m, [])
            add(m, SOME)
            lies = ([(BASE, BASE + MEMORY)],        # all of it
                    [(BASE, BASE + MEMORY // 2)],
                    [(0, PAGE)], [(1 << 63, (1 << 63) + PAGE)],
                    [SOME[0], SOME[0]], [(SOME[0][0], SOME[0][0] + 100)])
            for lie in lies:
                for at, page in ram.copies().items():
                    ram.write(at, signed(page, lie))
                m.send("reboot\r")
                m.expect(r"^bad RAM: the list at \w+ makes no sense; ignored")
                m.expect(PROMPT)
                expect_list(m, [])
                add(m, SOME)
            # The image and firmware may be called bad; they are in use.
            for at, page in ram.copies().items():
                ram.write(at, signed(page, [(BASE, BASE + (4 << 20))]))
            reboot(m)
            sound(m)


def lines_of(m, command):
    """What a command printed, without its own echo and the prompt."""
    out = m.command(command).splitlines()
    return [line for line in out
            if line and command not in line and "strata>" not in line]


def kept_out(m):
    """The frames, and no others, are out; all else works."""
    got = sorted(r for r in regions(m, "no-map") if r[0] >= 0x80200000)
    if got != SOME:
        raise Failure(f"no-map is {got}")
    if listed(m):
        raise Failure("they are on the list")
    sound(m)


def by_tree(test):
    """`badram dts`, pasted into the source of the machine's tree."""
    with tempfile.TemporaryDirectory() as folder:
        path = {n: os.path.join(folder, n) for n in ("a.dtb", "a.dts", "b.dtb")}
        with Machine(test, *OPTIONS) as m:
            m.expect(PROMPT)
            add(m, SOME)
            snippet = lines_of(m, "badram dts")
        tree(test, path["a.dtb"], OPTIONS, "")
        call(test, "dtc", "-q", "-I", "dtb", "-O", "dts", "-o", path["a.dts"],
             path["a.dtb"])
        with open(path["a.dts"], "a", encoding="ascii") as f:
            f.write("\n".join(snippet) + "\n")
        call(test, "dtc", "-I", "dts", "-O", "dtb", "-o", path["b.dtb"],
             path["a.dts"])
        with Machine(test, *OPTIONS, "--qemu", f"-dtb {path['b.dtb']}") as m:
            m.expect(PROMPT)
            kept_out(m)


def many_pieces(test):
    """RAM is in many pieces before: the list does not keep the kernel from
    starting."""
    many = [(a, a + PAGE) for a in range(0x86000000, 0x86000000 + 96 * PAGE,
                                         2 * PAGE)]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.dtb")
        tree(test, path, OPTIONS, "")
        node = "/reserved-memory"
        call(test, "fdtput", "-cp", path, node)
        for cells in ("address", "size"):
            call(test, "fdtput", "-t", "x", path, node, f"#{cells}-cells", "2")
        call(test, "fdtput", path, node, "ranges")
        for at in range(0x84000000, 0x84000000 + 120 * PAGE, 2 * PAGE):
            child = f"{node}/kept@{at:x}"
            call(test, "fdtput", "-c", path, child)
            call(test, "fdtput", "-t", "x", path, child, "reg", "0",
                 f"{at:x}", "0", f"{PAGE:x}")
        with Machine(test, *OPTIONS, "--qemu", f"-dtb {path}") as m:
            m.expect(PROMPT)
            add(m, many)
            reboot(m)
            expect_list(m, many)
            sound(m)


def by_uboot(test):
    """`badram uboot`, typed at U-Boot's prompt."""
    with Machine(test, *OPTIONS) as m:
        m.expect(PROMPT)
        add(m, SOME)
        commands = lines_of(m, "badram uboot")
    with Machine(test, *OPTIONS, "--boot", "uboot") as m:
        m.expect(r"stop autoboot")
        m.send(" ")
        m.expect(r"^=> $")
        for line in ("load virtio 0:1 ${kernel_addr_r} Image",
                     "fdt move ${fdtcontroladdr} 0x8c000000 10000",
                     *commands):
            m.send(line + "\r")
            m.expect(r"^=> $")
        m.send("booti ${kernel_addr_r} - 0x8c000000\r")
        m.expect(PROMPT)
        kept_out(m)


def never_seen(ops):
    """The kernel's own test of the allocator, with bad frames known before."""
    def fn(test):
        with Machine(test, *OPTIONS) as m:
            m.expect(PROMPT)
            add(m, SOME)
            sound(m, f"test retire. --ops {ops}")
        return f"{ops:,} allocations"
    return fn


BUILT = ("kernel-build",)
TESTS = [
    Test("badram-reboot", "all", 300, "bad frames are known after a reboot",
         soft_reboot, BUILT),
    Test("badram-place", "all", 300, "bad frames that have copies of the list",
         bad_place, BUILT),
    Test("badram-option", "all", 120, "badram= on the command line",
         turned_off, BUILT),
    Test("badram-damage", "all", 300, "records of bad frames that are damaged",
         damaged, BUILT),
    Test("badram-tree", "all", 120, "bad frames in a device tree", by_tree,
         BUILT),
    Test("badram-pieces", "all", 120, "bad frames where RAM is in many pieces",
         many_pieces, BUILT),
    Test("badram-uboot", "all", 120, "bad frames told to U-Boot", by_uboot,
         BUILT),
    Test("badram-allocations", "all", 300, "retired frames are not seen again",
         never_seen(50000), BUILT),
    Test("badram-allocations-full", "full", 900, "the same, at length",
         never_seen(1000000), BUILT),
]
