"""The memory tester's cache modes where there are no caches: in QEMU. Each mode that
the machine has no means for is refused with its reason, what it does not need is
there, and verify-cache claims nothing.

On the JH7110's addresses (jh7110.py) there can be a cache controller, of which QEMU
only has the memory that its registers would be, and at the alias of RAM there is
nothing, or other RAM. That it is an alias, QEMU can't have.
"""
import re

from boot import GiB
from harness import Failure, Test
from jh7110 import run as on_jh7110
from machines import run

COMMAND = "memtest verify-cache"
ROW = re.compile(r"^(wb|evict|flush|uncached) +(-|\d+\.\d)  (.*)$", re.M)

NO_FLUSH = "not here: nothing here flushes lines: "
NO_BYPASS = "not here: RAM can't be reached uncached here"
NO_FLUSH_FIRST = "not here: nothing here flushes lines, and those that"
USUAL = {"wb": "unknown", "evict": "unknown", "flush": NO_FLUSH}

# The controller's first register, as a board with 2 MiB has it.
CCACHE, TWO_MIB = 0x2010000, 0x06091004


def check(out, **expected):
    """A row for each mode, and what it says."""
    rows = {name: said for name, _, said in ROW.findall(out)}
    for name, said in {**USUAL, **expected}.items():
        if not rows.get(name, "no row").startswith(said):
            raise Failure(f"{name}: {rows.get(name, 'no row')}")


def on(*options, ends=True, **expected):
    def fn(test):
        check(run(test, *options, commands=f"{COMMAND}; audit", ends=ends),
              **expected)
    return fn


def jh7110(ram, words, status, **expected):
    """On a tree of 4 GB, with so much RAM in one piece."""
    def fn(test):
        out = on_jh7110(test, "visionfive2-v1.3b-4g", ram,
                        f"{COMMAND}; test silicon.uncached", words=words)
        check(out, **expected)
        verdict = "differs" if words else "skipped"
        if not re.search(rf"^silicon: uncached .*\({verdict}\)$", out, re.M):
            raise Failure(f"test silicon.uncached should say {verdict}")
        if not re.search(r"^the last cache: 2048 KiB, lines of 64 bytes "
                         r"\(device tree\)$", out, re.M):
            raise Failure("the tree's cache is not found")
        if not re.search(rf"^autorun: status {status}$", out, re.M):
            raise Failure(f"no status {status}")
    return fn


def views(test):
    """In Sv39 there is room for views of all RAM that a board has."""
    for size in ("2G", "4G", "8G"):
        run(test, "--mem", size, "--mmu", "sv39",
            commands="test memtest_cache.views; pagetable check; audit")


HAS_CCACHE = [(CCACHE, TWO_MIB)]
BUILT = ("kernel-build",)
TESTS = [
    Test("memcache-virt", "all", 120, "cache modes that virt has",
         on(uncached=NO_BYPASS), BUILT),
    Test("memcache-svpbmt", "all", 120, "uncached pages, but no flush",
         on("--qemu", "-cpu rv64,svpbmt=on", uncached=NO_FLUSH_FIRST), BUILT),
    Test("memcache-sifive_u", "all", 120, "cache modes that sifive_u has",
         on("--board", "sifive_u", ends=False, uncached=NO_BYPASS), BUILT),
    Test("memcache-icicle", "all", 120, "cache modes that icicle has",
         on("--board", "icicle", ends=False, uncached=NO_BYPASS), BUILT),
    Test("memcache-views", "all", 180, "room for views of 8 GiB in Sv39",
         views, BUILT),
    Test("memcache-jh7110", "all", 120, "no cache controller that works",
         jh7110(4 * GiB, [], 0, uncached=NO_FLUSH_FIRST), BUILT),
    Test("memcache-no-alias", "all", 120, "nothing where the alias should be",
         jh7110(4 * GiB, HAS_CCACHE, 1, flush="unknown",
                uncached="FAILS: nothing answers"), BUILT),
    Test("memcache-other-ram", "all", 120, "other RAM where it should be",
         jh7110(12 * GiB, HAS_CCACHE, 1, flush="unknown",
                uncached="FAILS: where RAM should be seen uncached is "
                "something else"), BUILT),
]
