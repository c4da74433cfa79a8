"""Device trees that are broken: a message or a boot, never silence.

Firmware keeps its own good tree; the kernel gets the broken one.
"""
import os
import random
import re
import struct
import tempfile

from harness import Failure, Test
from loader import Placed, tree
from machine import PANIC, PROMPT, STATUS

SEED = 20261122
IMAGE, DTB = 0x80400000, 0x87000000

# What the kernel may end in, each of them told; a panic is none of them.
ENDS = (("refused", r"^strata: can't boot"), ("booted", STATUS),
        ("prompt", PROMPT))


def values(blob):
    """Offset and length of each property's value in the tree."""
    at, = struct.unpack_from(">I", blob, 8)
    while True:
        token, = struct.unpack_from(">I", blob, at)
        at += 4
        if token == 1:      # a node begins: its name
            at = (blob.index(b"\0", at) + 4) & ~3
        elif token == 3:    # a property
            length, = struct.unpack_from(">I", blob, at)
            at += 8
            if length:
                yield at, length
            at = (at + length + 3) & ~3
        elif token == 9:    # the end
            return


def flip(blob, rng):
    """A copy with 1 to 64 bits flipped. Half of the copies keep their form and
    only say other things: the values of properties differ. The others are hit
    anywhere, in the header, or in one small place."""
    bad = bytearray(blob)
    count = rng.choice([1, 2, 8, 64])
    if rng.randrange(2):
        places = rng.choices(list(values(blob)), k=count)
    else:
        places = [rng.choice([(0, len(bad)), (0, 40),
                              (rng.randrange(len(bad) - 64), 64)])] * count
    for place, width in places:
        bad[place + rng.randrange(width)] ^= 1 << rng.randrange(8)
    return bytes(bad)


def corrupted(count):
    def fn(test):
        options = ("--mem", "128M")
        rng = random.Random(SEED)
        test.note(f"seed {SEED}")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tree.dtb")
            tree(test, path, options, 'autorun="meminfo"')
            with open(path, "rb") as f:
                good = f.read()
        tally = dict.fromkeys([name for name, _ in ENDS], 0)
        for number in range(count):
            bad = flip(good, rng)
            differ = [i for i, (a, b) in enumerate(zip(good, bad)) if a != b]
            test.note(f"--- tree {number}: bytes {differ} changed")
            with Placed(test, options, IMAGE, DTB, bad) as m:
                try:
                    m.expect("|".join(f"(?:{p})" for _, p in ENDS),
                             unless=PANIC)
                except Failure as e:
                    raise Failure(f"tree {number} of seed {SEED}: {e}") from e
                tally[next(name for name, p in ENDS
                           if re.search(p, m.output, re.M))] += 1
        return ", ".join(f"{n} {name}" for name, n in tally.items() if n)
    return fn


def no_tree(test):
    """What is at a1 is no tree at all, or lies in no RAM."""
    for blob, where in ((b"\0" * 64, DTB), (b"\xff" * 4096, DTB),
                        (b"\xd0\x0d\xfe\xed" + b"\xff" * 60, DTB)):
        with Placed(test, ("--mem", "128M"), IMAGE, where, blob) as m:
            m.expect(r"device tree")


TESTS = [
    Test("trees-corrupted", "all", 1200, "40 device trees with flipped bits",
         corrupted(40), ("kernel-build",)),
    Test("trees-none", "all", 300, "no device tree at all", no_tree,
         ("kernel-build",)),
    Test("trees-corrupted-long", "full", 7200, "500 of them",
         corrupted(500), ("kernel-build", "trees-corrupted")),
]
