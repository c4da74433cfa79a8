"""Memory for everybody: the C interface, with code that others wrote."""
import re
import shutil
import tempfile

from harness import BUILD, Failure, Test, jobs
from machine import DEBUG, PANIC, PROMPT, Machine, autorun
from native import build

CCODE = f"{BUILD}/kernel-ccode/Image"


def digests(output):
    """What tests/ccode/ printed, and how many of its tests passed."""
    output = output.replace("\r", "")
    m = re.search(r"^(\d+) passed, 0 failed$", output, re.M)
    if not m:
        raise Failure("tests of C code failed")
    return sorted(re.findall(r"^digest .*$", output, re.M)), int(m[1])


def ccode(test):
    """C code of Debian packages, as it is: natively, and in the kernel."""
    build(test, "host-asan", "ccode")
    build(test, "kernel-ccode")
    only_ours(test, f"{BUILD}/kernel-ccode/kernel.elf")
    native, _ = digests(test.run("build/host-asan/ccode", "ccode."))
    kernel, passed = digests(autorun(
        test, "test ccode.; meminfo; buddyinfo; pagetable check", "--mem", "256M",
        kernel=CCODE))
    if not native or native != kernel:
        only = set(kernel) ^ set(native)
        raise Failure(f"natively and in the kernel: {sorted(only)[:2]}")
    return f"{passed} tests, {len(native)} results as natively"


def only_ours(test, elf):
    """The heap of the C library is not linked."""
    out = test.run("riscv64-unknown-elf-nm", elf)
    theirs = re.findall(r"\b(\w*sbrk|__malloc_\w+)$", out,
                        re.M)
    if theirs:
        raise Failure(f"heap of the C library in the kernel: {theirs}")


# A program that knows of no kernel, with what our own code may not have; and
# what makes a command of it.
PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGE(x) ((x) > 60)

int main(int argc, char **argv)
{
    int limit = argc > 1 ? atoi(argv[1]) : 100, n = 0, unused;
    char *composite = calloc(limit + 1, 1);

    for (int i = 2; i <= limit; i++) {
        if (composite[i])
            continue;
        n += LARGE(i) ? 1 : 1;
        for (long k = (long)i * i; k <= limit; k += i)
            composite[k] = 1;
    }
    printf("%d primes up to %d, %.2f%%\n", n, limit, 100.0 * n / limit);
    free(composite);
    return 0;
}
"""
COMMAND = r"""
#include <kernel/ktest.h>
#include <kernel/shell.h>

int primes_main(int argc, char **argv);

COMMAND(primes, primes_main, "[LIMIT]", "count primes");

KTEST(extra, is_here)
{
	EXPECT(1);
}
"""


def extra(test):
    """A stranger's program, by the commands of docs/c-interface.md."""
    out = f"{BUILD}/kernel-extra"
    with tempfile.TemporaryDirectory(prefix="strata-extra-") as folder:
        for name, text in (("primes", PROGRAM), ("command", COMMAND)):
            with open(f"{folder}/{name}.c", "w", encoding="utf-8") as f:
                f.write(text)
        test.run("cmake", "--preset", "kernel", "-B", out,
                 f"-DSTRATA_EXTRA_SOURCES={folder}/*.c",
                 "-DSTRATA_EXTRA_OPTIONS=-Dmain=primes_main")
        test.run("cmake", "--build", out, "-j", jobs(), "--", "--quiet")
    only_ours(test, f"{out}/kernel.elf")
    text = autorun(test, "help primes; primes 1000000; test extra.",
                   kernel=f"{out}/Image")
    for wanted in (r"^78498 primes up to 1000000, 7.85%$", r"^1 passed, 0 f"):
        if not re.search(wanted, text, re.M):
            raise Failure(f"no {wanted!r}")
    # What is not there is told when configuring.
    if "there is no" not in test.run(
            "cmake", "--preset", "kernel", "-B", f"{out}-none",
            "-DSTRATA_EXTRA_SOURCES=/nowhere/x.c", check=False):
        raise Failure("a source that is not there was not missed")
    # They would miss their sources.
    shutil.rmtree(out)
    shutil.rmtree(f"{out}-none")


ALLOC, FREE = r"plant_alloc\+", r"plant_free\+"
FRAMES, FREE_FRAMES = r"plant_frames\+", r"plant_free_frames\+"
AREA, FREE_AREA = r"plant_vmalloc\+", r"plant_vfree\+"

# allocbug CLASS: what the report says, in this order: the class, who allocated,
# who freed.
BUGS = (
    ("overflow", r"overflow, allocbug$", ALLOC),
    ("underflow", r"underflow, allocbug$", ALLOC),
    ("use-after-free", r"use after free, allocbug$", ALLOC, FREE),
    ("double-free", r"double free, allocbug$", r"plant_free_again\+", ALLOC,
     FREE),
    ("invalid-free", r"invalid free, allocbug$", FREE),
    ("wrong-cache", r"free to the wrong cache, ", FREE, ALLOC),
    ("leak", r"leak, allocbug$", ALLOC),
    ("frames-double-free", r"double free, frames$",
     r"plant_free_frames_again\+", FRAMES, FREE_FRAMES),
    ("frames-wrong-order", r"free with the wrong order, frames$", FREE_FRAMES,
     FRAMES),
    ("frames-invalid-free", r"invalid free, frames$", FREE_FRAMES),
    ("frames-use-after-free", r"use after free, frames$", FRAMES, FREE_FRAMES),
    ("vmalloc-overflow", r"page fault.*\n.*guard page", AREA),
    ("vmalloc-use-after-free", r"page fault.*\n.*freed and unmapped", AREA,
     FREE_AREA),
    ("vmalloc-double-free", r"double free, vmalloc", AREA, FREE_AREA),
    ("guard-overflow", r"overflow, allocbug-guarded", ALLOC),
    ("guard-use-after-free", r"use after free, allocbug-guarded", ALLOC, FREE),
)


def bugs(test):
    """Each class of misuse is caught, and the report names the sites."""
    listed = autorun(test, "allocbug list")
    for name, *wanted in BUGS:
        if not re.search(rf"^{name}$", listed, re.M):
            raise Failure(f"allocbug does not know {name}")
        with Machine(test, "--append",
                     f'quiet autorun="allocbug {name}"') as m:
            for text in wanted:
                m.expect(text, unless=r"^backtrace:|^allocbug: nobody")
            m.expect(r"^autorun: status 255\n", unless="allocbug: nobody")
            if m.wait() != 255:
                raise Failure(f"{name}: QEMU did not end with 255")
    return f"{len(BUGS)} classes"


def has(output, pattern):
    if not re.search(pattern, output, re.M):
        raise Failure(f"no {pattern!r}")


SHOW = ("meminfo", "buddyinfo", "slabinfo", "slabinfo all", "vmallocinfo",
        "pageowner list", "leaks all", "fragmap", "audit")
WRONG = ("slabinfo x", "pageowner x", "pageowner 1 2", "leaks x", "leaks all 1",
         "allocbug", "allocbug x", "slabguard 1", "slabguard 0 1",
         "slabguard 1 x", "slabguard 99999999999 1")


def malloc_sites(test):
    """Debug: who called malloc() is told, not that malloc() was called."""
    out = autorun(test, "leaks mark; allocbug keep; leaks; audit",
                  kernel=DEBUG)
    has(out, r"^ +100 +1  slab +plant_malloc\+")


def guarded(test):
    """malloc and its kin, every other object between unmapped pages."""
    out = autorun(test, "slabguard 64 1; test libc. --ops 50000; slabinfo; "
                  "slabguard off; shrink; slabinfo; audit", "--harts", "2")
    has(out, r"^guard pages: \d+ of 64 in use, every 1 refills .* [1-9]\d{3,} "
        r"so far, 0 reports$")
    has(out, r"^guard pages: 0 of 64 in use, every 0 ")


def commands(test):
    """What the allocators show: no findings, nothing wider than 80 columns;
    who holds memory is told by name."""
    with Machine(test, "--harts", "2", "--mem", "256M") as m:
        m.expect(PROMPT, unless=PANIC)
        m.command("pageowner on")
        m.command("leaks mark")
        m.command("allocbug keep")
        leaks = m.command("leaks")
        for kind, site in (("slab", ALLOC), ("frames", FRAMES),
                           ("vmalloc", AREA)):
            has(leaks, rf"^ +\d+ +1  {kind} +{site}")
        m.command("leaks mark")
        has(m.command("leaks"), r"^leaks: 0 allocations since mark 2")
        for command in SHOW:
            lines = m.command(command).splitlines()
            if any(len(line) > 80 and not line.startswith("memory: ")
                   for line in lines):
                raise Failure(f"{command}: more than 80 columns")
        has(m.output, r"^audit: 0 findings$")
        for command in WRONG:
            has(m.command(command), rf"^usage: {command.split()[0]} ")
        m.command("shrink")
        has(m.command("pageowner off; pageowner"), r"^pageowner: off$")


TESTS = [
    Test("alloc-bugs", "all", 600, "each class of misuse is reported", bugs,
         needs=("kernel-build",)),
    Test("alloc-debug", "all", 300, "debug: the callers of malloc are known",
         malloc_sites, needs=("kernel-debug",)),
    Test("alloc-guard", "all", 300, "malloc with objects on guarded pages",
         guarded, needs=("kernel-build",)),
    Test("alloc-commands", "all", 300, "commands that show the allocators",
         commands, needs=("kernel-build",)),
    Test("ccode-extra", "all", 300, "a stranger's program as a command", extra,
         needs=("kernel-build",)),
    Test("ccode", "all", 600, "C code of Debian packages in the kernel", ccode,
         needs=("host-asan", "kernel-build")),
]
