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
from machine import DEBUG, PANIC, PROMPT, RELEASE, Machine, autorun

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
    """Have one block displaced, overwrite it, go back. Returns its free bytes."""
    begin = m.seen
    m.send(f"displace {block:#x} --hold\r")
    m.expect(r"^displace: \^C ends it\n", unless=PANIC)
    parts = [(int(a, 16), int(b, 16))
             for a, b in FREE.findall(m.output[begin:m.seen])]
    for start, end in parts:
        if not block <= start < end <= block + BLOCK_SIZE:
            raise Failure(f"{start:#x}-{end:#x} is not in {block:#x}")
        ram.overwrite(start, end)
    m.send("\x03")
    m.expect(PROMPT, unless=PANIC)
    return sum(end - start for start, end in parts)


def overwritten(test, mem, *options, kernel=RELEASE, rounds=2):
    """All blocks with anything in them; then all must be well."""
    done = 0
    with Ram(mem) as ram:
        options += ("--mem", mem, "--qemu", ram.qemu)
        with Machine(test, *options, kernel=kernel) as m:
            m.expect(PROMPT, unless=PANIC)
            for _ in range(rounds):
                for at, kib in BLOCK.findall(m.command("displace --list")):
                    if int(kib):
                        done += leave(m, ram, int(at, 16)) // BLOCK_SIZE
            if "0 faults" not in m.command("pagetable check"):
                raise Failure("the tables are not as they were")
            for command in ("audit", "meminfo", "test pgtable. --ops 1000"):
                m.command(command + "; version")
            m.send("poweroff\r")
            m.wait()
    if done < 2 * rounds:
        raise Failure(f"only {done} whole blocks were displaced")
    return f"{done} blocks"


def one(test):
    return overwritten(test, "128M", "--harts", "2")


TESTS = [
    Test("displace", "quick", 300, "the kernel lives on while each block of "
         "its RAM is overwritten", one, needs=["kernel-build"]),
]
