"""Devices that move data by themselves: a disk and random numbers over virtio.

What the kernel says it wrote is compared with the image file; what it loads, with
what cpio packed.
"""
import os
import random
import re
import subprocess
import tempfile
import zlib

from harness import Failure, Test
from machine import DEBUG, PROMPT, RELEASE, Machine, autorun, finish

MIB = 1 << 20
KINDS = {"legacy": "", "v2": "-global virtio-mmio.force-legacy=false "}
RNG = "-device virtio-rng-device"
DONE = re.compile(r"(\d+) MiB, buffer at (\S+), crc32 (\w+) written, (\w+) read; "
                  r"(\d+) bounced, (\d+) interrupts")


def disk_options(path, more="", drive=""):
    return (f"{more}-drive if=none,id=d,file={path},format=raw{drive} "
            "-device virtio-blk-device,drive=d")


def new_image(folder, size, data=b""):
    path = f"{folder}/disk.img"
    with open(path, "wb") as f:
        f.write(data)
        f.truncate(size)
    return path


def crc_of(path, size):
    with open(path, "rb") as f:
        return f"{zlib.crc32(f.read(size)):08x}"


class Expected:
    """A `disk test`, and what its line must say."""

    def __init__(self, mib, seed, mode, buffers="any", bits=64):
        self.mib, self.mode, self.buffers, self.bits = mib, mode, buffers, bits
        self.command = (f"disk test vda --yes --size {mib}M --seed {seed} "
                        f"--mode {mode} --buffers {buffers} --mask {bits}")

    def check(self, m):
        at, bounced, interrupts = int(m[2], 0), int(m[5]), int(m[6])
        if int(m[1]) != self.mib or m[3] != m[4]:
            raise Failure(f"{m[0]}, for {self.command}")
        if self.buffers != "any" and (at >> 32 > 0) != (self.buffers == "high"):
            raise Failure(f"buffer at {at:#x}, should be {self.buffers}")
        if (bounced > 0) != (self.buffers == "high" and self.bits == 32):
            raise Failure(f"{bounced} bounced in {self.command}")
        if (interrupts > 0) != (self.mode == "irq"):
            raise Failure(f"{interrupts} interrupts in {self.command}")
        return bounced, interrupts


def moves(test, kind, harts, tests, mem="6G", kernel=RELEASE):
    """All these tests on one machine; the file has what the last one wrote."""
    size = tests[0].mib * MIB
    with tempfile.TemporaryDirectory() as folder:
        path = new_image(folder, size)
        with Machine(test, "--harts", str(harts), "--mem", mem, "--qemu",
                     disk_options(path, KINDS[kind]), kernel=kernel) as m:
            m.expect(PROMPT)
            out = "".join(m.command(t.command) for t in tests)
            state = m.command("disk")
        done = list(DONE.finditer(out))
        if len(done) != len(tests):
            raise Failure(f"{len(done)} tests of {len(tests)} came to an end")
        counts = [t.check(m) for t, m in zip(tests, done)]
        if crc_of(path, size) != done[-1][3]:
            raise Failure(f"the file has {crc_of(path, size)}, the kernel "
                          f"wrote {done[-1][3]}")
    if " 0 errors" not in state:
        raise Failure("errors were counted")
    return (f"{len(tests)} times {tests[0].mib} MiB, "
            f"{sum(c[0] for c in counts)} bounced, "
            f"{sum(c[1] for c in counts)} interrupts")


def every_way(mib):
    return [Expected(mib, 10 * i + j, mode, buffers, bits)
            for i, mode in enumerate(("irq", "poll"))
            for j, (buffers, bits) in enumerate((
                ("any", 64), ("low", 64), ("high", 64), ("high", 32),
                ("low", 32)))]


def disk_64m(kind):
    return lambda test: moves(test, kind, 1, [
        Expected(64, 1, "irq"), Expected(64, 2, "poll")], mem="128M")


def disk_ways(kind):
    return lambda test: moves(test, kind, 4, every_way(4))


def disk_full(test):
    """64 MiB in each way, both kinds, 1 and 4 harts; release and debug."""
    for kind in KINDS:
        for harts in (1, 4):
            for kernel in (RELEASE, DEBUG):
                moves(test, kind, harts, every_way(64), kernel=kernel)


def edited_tree(test, folder, options, edits):
    """virt's own tree, as it is with these options, with some edits by fdtput."""
    path = f"{folder}/edited.dtb"
    test.run("qemu-system-riscv64", "-machine", f"virt,dumpdtb={path}", "-m",
             "128M", "-nographic", *options.split())
    for edit in edits:
        test.run("fdtput", path, *edit)
    return path


# QEMU puts the first device into the last slot.
NODE = "/soc/virtio_mmio@10008000"

WRONG_TREES = {
    "irq": ("another line", [("-t", "x", NODE, "interrupts", "3c")],
            r"its interrupt does not come; polling from now on", True),
    "rng": ("the line of another device",
            [("-t", "x", NODE, "interrupts", "7")],
            r"its interrupt does not come; polling from now on", True),
    "uart": ("the console's line", [("-t", "x", NODE, "interrupts", "a")],
             r"10008000: interrupt 0: serial@10000000 has it; polling", True),
    "no-line": ("a line that the PLIC does not have",
                [("-t", "x", NODE, "interrupts", "7ff")],
                r"10008000: interrupt 0: .*; polling", True),
    "no-irq": ("no interrupt", [("-d", NODE, "interrupts")],
               r"10008000: interrupt 0: .*; polling", True),
    "small": ("registers of 64 bytes",
              [("-t", "x", NODE, "reg", "0", "10008000", "0", "40")],
              r"10008000: virtio_mmio: does not work: .*0x100 bytes", False),
    "no-config": ("registers without configuration",
                  [("-t", "x", NODE, "reg", "0", "10008000", "0", "100")],
                  r"10008000: virtio_mmio: does not work: .*bytes, not 0x100",
                  False),
    "nowhere": ("registers where nothing is",
                [("-t", "x", NODE, "reg", "0", "18000000", "0", "1000")],
                r"10008000: virtio_mmio: does not work: nothing answers", False),
    "large": ("registers that go on into RAM",
              [("-t", "x", NODE, "reg", "0", "10008000", "0", "78000000")],
              r"virtio_mmio@10008000: virtio_mmio: does not work: reg 0: .* has "
              "it", False),
}


def wrong_tree(name):
    _, edits, says, works = WRONG_TREES[name]

    def fn(test):
        with tempfile.TemporaryDirectory() as folder:
            options = f"{disk_options(new_image(folder, MIB))} {RNG}"
            tree = edited_tree(test, folder, options, edits)
            out = autorun(test, "disk test vda --yes --size 1M; disk"
                          if works else "disk", "--qemu",
                          f"{options} -dtb {tree}")
        if not re.search(says, out):
            raise Failure(f"nothing like {says!r}")
        if works != bool(DONE.search(out)) or works != ("vda: " in out):
            raise Failure("a disk that should not be" if not works else
                          "the disk does not work")
    return fn


def with_status(test, options, commands, says, status):
    """Run the commands; the end is `status`, and all that is said."""
    line = 'autorun="' + "; ".join(commands) + '"'
    with Machine(test, "--qemu", options, "--append", line) as m:
        if finish(m) != status:
            raise Failure(f"not status {status}")
        for text in says:
            if text not in m.output:
                raise Failure(f"nothing like {text!r}")


def refused(test):
    """A disk that is read-only, small, or not there."""
    with tempfile.TemporaryDirectory() as folder:
        path = new_image(folder, MIB, b"\x5a" * 512)
        before = crc_of(path, MIB)
        options = disk_options(path, drive=",readonly=on")
        cases = (
            ("disk test vda --yes --size 1M", "it is read-only"),
            ("disk test vda --size 1M", "say --yes"),
            ("disk test vdb --yes", "there is no disk 'vdb'"),
            ("disk read vda 2048", "not on the disk"),
            ("disk read vda 2047 2", "not on the disk"),
            ("disk crc vda 0xffffffffffffffff 2", "not on the disk"),
            ("load vda", "no cpio archive at byte 0"),
            ("load vda 2048", "vda has 2048 sectors"),
            ("load vdb", "there is no disk 'vdb'"),
        )
        with_status(test, options, [c[0] for c in cases],
                    [c[1] for c in cases], 1)
        out = autorun(test, "disk read vda 0; disk crc vda", "--qemu", options)
        if not re.search(r"^00000001f0 ( 5a){16}  Z{16}$", out, re.M):
            raise Failure("not what is in the first sector")
        if f"crc32 {before} of 2048 sectors" not in out:
            raise Failure(f"not the checksum of the file, {before}")
        if crc_of(path, MIB) != before:
            raise Failure("the file has changed")


def make_archive(folder, format_="newc"):
    """Files, and an archive of them as cpio makes it."""
    source = f"{folder}/files"
    os.makedirs(f"{source}/bin/empty folder")
    sizes = {"init": 70001, "bin/one": 1, "bin/none": 0, "bin/four": 4096,
             "bin/" + "n" * 200: 333}
    contents = {}
    rng = random.Random(5)
    for name, size in sizes.items():
        contents[name] = rng.randbytes(size)
        with open(f"{source}/{name}", "wb") as f:
            f.write(contents[name])
    names = subprocess.run(["find", ".", "-mindepth", "1", "-printf", "%P\\0"],
                           cwd=source, capture_output=True, check=True).stdout
    archive = subprocess.run(
        ["cpio", "--quiet", "-0", "-o", "-H", format_], input=names, cwd=source,
        capture_output=True, check=True).stdout
    return archive, contents, len(names.split(b"\0")) - 1


def check_listing(out, contents, entries):
    for name, data in contents.items():
        line = (rf"^1006\d\d +{len(data)} {zlib.crc32(data):08x} "
                rf"{re.escape(name)}$")
        if not re.search(line, out, re.M):
            raise Failure(f"no line like {line!r}")
    if f"load: {entries} entries," not in out:
        raise Failure(f"not {entries} entries")


def load(test):
    """Archives by cpio, at the start of a disk and further behind; then damage."""
    with tempfile.TemporaryDirectory() as folder:
        for format_, sector in (("newc", 0), ("crc", 77)):
            os.makedirs(f"{folder}/{format_}")
            archive, contents, entries = make_archive(f"{folder}/{format_}",
                                                      format_)
            path = new_image(folder, 4 * MIB, bytes(512 * sector) + archive)
            out = autorun(test, f"load vda {sector}; load vda {sector}; "
                          "load --drop; load --drop; meminfo", "--qemu",
                          disk_options(path))
            check_listing(out, contents, entries)
        # The sum of the data is wrong; then the disk ends before the archive.
        at = archive.index(contents["init"])
        bad = bytearray(archive)
        bad[at + 5] ^= 1
        path = new_image(folder, MIB, bad)
        with_status(test, disk_options(path), ["load vda"],
                    ["the sum is wrong"], 1)
        path = new_image(folder, 32768, archive[:32768])
        with_status(test, disk_options(path), ["load vda"],
                    ["the disk ends"], 1)
        end = archive.index(b"TRAILER!!!") - 110
        path = new_image(folder, MIB, archive[:end])
        with_status(test, disk_options(path), ["load vda"], ["no entry"], 1)
    return f"{entries} entries, {len(archive)} bytes"


def shared(test):
    """Four harts read one disk at the same time; it goes and comes back."""
    with tempfile.TemporaryDirectory() as folder:
        path = new_image(folder, MIB, random.Random(6).randbytes(MIB))
        for kind in KINDS.values():
            log = f"{folder}/log"
            out = autorun(test, "test block.harts "
                          "block.answers block.unbound; disk",
                          "--harts", "4", "--qemu", disk_options(path, kind) +
                          f" -d guest_errors -D {log}")
            with open(log, encoding="utf-8") as f:
                wrong = [line for line in f if "virtio" in line]
            if wrong:
                raise Failure(f"QEMU says: {wrong[0]}")
            if "3 passed, 0 failed" not in out or "SKIP" in out:
                raise Failure("the tests did not run")
            if ", by interrupt;" not in out:
                raise Failure("the disk fell back to polling")


def random_numbers(test):
    """No two boots are alike; with one source of seed, or both."""
    seen = set()
    for options, sources in ((RNG, ("rng-seed", "virtio-rng")),
                             (RNG, ("rng-seed", "virtio-rng")),
                             (KINDS["v2"] + RNG, ("rng-seed", "virtio-rng")),
                             ("", ("rng-seed",))):
        ask = "--ask" if RNG in options else "32"
        out = autorun(test, f"random 48; random {ask}", "--qemu", options)
        found = set(re.findall(r"bytes of seed by (\S+)$", out, re.M))
        if found != set(sources) or "random: seeded" not in out:
            raise Failure(f"seed by {found}, should be {sources}")
        lines = re.findall(r"^[0-9a-f]{32,64}$", out, re.M)
        if len(lines) != 3:
            raise Failure(f"{len(lines)} lines of numbers")
        seen.update(lines)
    if len(seen) != 12:
        raise Failure("the same numbers twice")
    with_status(test, "", ["random --ask"], ["no device to ask"], 1)


BUILT = ("kernel-build",)
TESTS = [
    *[Test(f"virtio-disk-{kind}", "all", 300, f"{kind} disk: 64 MiB, both modes",
           disk_64m(kind), BUILT) for kind in KINDS],
    *[Test(f"virtio-ways-{kind}", "all", 300,
           f"{kind} disk: memory low, high, bounced; 4 harts", disk_ways(kind),
           BUILT) for kind in KINDS],
    *[Test(f"virtio-tree-{name}", "all", 300, f"a disk's tree: {what[0]}",
           wrong_tree(name), BUILT) for name, what in WRONG_TREES.items()],
    Test("virtio-refused", "all", 300, "disks: what can't be done", refused,
         BUILT),
    Test("virtio-load", "all", 300, "load: cpio archives, whole and not", load,
         BUILT),
    Test("virtio-shared", "all", 300, "a disk and four harts; unbound, bound",
         shared, BUILT),
    Test("virtio-random", "all", 300, "random numbers and their seed",
         random_numbers, BUILT),
    Test("virtio-full", "full", 3600, "disks in every way, 64 MiB each",
         disk_full, ("kernel-build", "kernel-debug")),
]
