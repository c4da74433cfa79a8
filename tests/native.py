"""Builds, and the tests that run on this computer itself."""
import os
import re
import shutil
import tempfile
import threading

from harness import BUILD, ROOT, Failure, Test, files, jobs, one_at_a_time

_once, _made = threading.Lock(), set()
SEED_LINE = re.compile(r"seed=(\S+) ops=(\d+)")


def build(test, preset, target="all"):
    with one_at_a_time(preset):
        build_here(test, preset, target)


def build_here(test, preset, target):
    # As scripts/build: not with the directory of a tree that was copied.
    cache = f"{BUILD}/{preset}/CMakeCache.txt"
    if os.path.exists(cache):
        with open(cache, encoding="utf-8") as f:
            home = re.search("^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$", f.read(),
                             re.M)
        if not home or os.path.realpath(home[1]) != os.path.realpath(ROOT):
            shutil.rmtree(f"{BUILD}/{preset}")
    test.run("cmake", "--preset", preset)
    test.run("cmake", "--build", f"build/{preset}", "-j", jobs(),
             "--target", target, "--", "--quiet")


def size_of(path):
    return f"{os.path.getsize(path) / 1024:.0f} KiB"


def copied(test):
    """A tree that was copied with its build directory builds its own sources."""
    with tempfile.TemporaryDirectory(prefix="strata copy ") as root:
        for name in files(""):
            os.makedirs(os.path.dirname(f"{root}/{name}"), exist_ok=True)
            shutil.copy2(f"{ROOT}/{name}", f"{root}/{name}")
        shutil.copytree(f"{BUILD}/kernel", f"{root}/build/kernel")
        test.run("scripts/build", cwd=root)
        with open(f"{root}/build/kernel/CMakeCache.txt", encoding="utf-8") as f:
            if f"CMAKE_HOME_DIRECTORY:INTERNAL={root}\n" not in f:
                raise Failure("the copy built the tree that it was copied from")


def kernel(test):
    """scripts/build builds; called again it does nothing."""
    test.run("scripts/build")
    products = [f"{BUILD}/{p}" for p in ("Image", "kernel.elf", "kernel/Image")]
    before = [os.stat(p).st_mtime_ns for p in products]
    test.run("scripts/build")
    if [os.stat(p).st_mtime_ns for p in products] != before:
        raise Failure("the second scripts/build built something")
    with open(products[0], "rb") as f:
        head = f.read(64)
    if head[48:60] != b"RISCV\0\0\0RSC\x05":
        raise Failure("build/Image has no RISC-V Image header")
    return f"Image {size_of(products[0])}"


def kernel_debug(test):
    build(test, "kernel-debug")
    return f"Image {size_of(f'{BUILD}/kernel-debug/Image')}"


def device_trees(test):
    """All trees of dts/ and of QEMU's machines, as the unit tests want them."""
    folder = f"{BUILD}/dtb"
    with _once:
        if folder not in _made and os.path.exists(
                f"{ROOT}/tests/host/make_dtbs.sh"):
            test.run("tests/host/make_dtbs.sh", folder)
            _made.add(folder)
    return folder


def unit(test, preset, ops, program="unit"):
    build(test, preset, program)
    out = test.run(f"build/{preset}/{program}", env={
        "STRATA_DTB_DIR": device_trees(test), "OPS": str(ops),
        "ASAN_OPTIONS": "detect_leaks=1"})
    last = out.strip().splitlines()[-1]
    m = re.fullmatch(r"(\d+) passed, 0 failed", last)
    if not m or not int(m[1]):
        raise Failure(f"last line: {last}")
    seed = SEED_LINE.search(out)
    return f"{m[1]} tests" + (f", {ops:,} steps, seed {seed[1]}" if seed else "")


def unit_odd(test):
    """The unit tests over a page table format that no machine has."""
    build(test, "host-asan", "unit-odd")
    out = test.run("build/host-asan/unit-odd", "pgtable",
                   env={"OPS": "100000", "ASAN_OPTIONS": "detect_leaks=1"})
    last = out.strip().splitlines()[-1]
    if not re.fullmatch(r"[1-9]\d* passed, 0 failed", last):
        raise Failure(f"last line: {last}")
    return last


def fuzzers():
    return [os.path.splitext(os.path.basename(s))[0]
            for s in files(".c", under="tests/fuzz")]


def run_fuzzer(test, name, *options, env=None, check=True):
    """fuzz_x with its corpus, tests/fuzz/corpus/x; new finds are not kept."""
    with tempfile.TemporaryDirectory() as new:
        corpus = f"tests/fuzz/corpus/{name.removeprefix('fuzz_')}"
        return test.run(f"build/host-fuzz/{name}", "-seed=1", "-verbosity=1",
                        f"-artifact_prefix={test.log_path}.", *options, new,
                        *([corpus] if os.path.isdir(f"{ROOT}/{corpus}") else []),
                        env=env, check=check)


def fuzz(test, seconds):
    """Each target over all device trees, then over new inputs for a while."""
    build(test, "host-fuzz")
    done = []
    for name in fuzzers():
        run_fuzzer(test, name, "-runs=0", device_trees(test))
        out = run_fuzzer(test, name, "-max_len=4096", "-runs=1000000000",
                         f"-max_total_time={seconds}")
        m = re.search(r"Done (\d+) runs", out)
        done.append(f"{name} {int(m[1]):,} runs" if m else name)
    return ", ".join(done) or "no targets"


def fuzz_planted(test):
    """Each target sees the bug that it plants on request, as it says in its
    head comment."""
    for name in fuzzers():
        out = run_fuzzer(test, name, "-max_len=4096", "-max_total_time=60",
                         env={f"{name.upper()}_PLANT": "1"}, check=False)
        if "ERROR: AddressSanitizer" not in out:
            raise Failure(f"{name} did not see its planted bug")


def fresh(test):
    """A newcomer's first minutes: see scripts/test-fresh."""
    if os.geteuid() or not shutil.which("mmdebstrap"):
        return "skipped: needs root and mmdebstrap"
    out = test.run("scripts/test-fresh")
    if "autorun: status 0" not in out:
        raise Failure("the kernel did not run")
    return out.strip().splitlines()[-1]


TESTS = [
    Test("kernel-build", "quick", 300, "scripts/build, twice", kernel),
    Test("kernel-copied", "full", 300, "in a copy of tree and build directory",
         copied, needs=("kernel-build",)),
    Test("host-asan", "quick", 300, "unit tests under ASan and UBSan, short",
         lambda t: unit(t, "host-asan", 100000)),
    Test("host-odd", "quick", 300, "the walker over a format that no machine has",
         unit_odd, needs=("host-asan",)),
    Test("kernel-debug", "all", 300, "the debug build", kernel_debug),
    Test("host-tsan", "all", 300, "harts as threads under TSan, short",
         lambda t: unit(t, "host-tsan", 100000, "unit-threads")),
    Test("host-traffic", "all", 300,
         "hot paths: cache lines and atomics, counted",
         lambda t: unit(t, "host-tsan", 100000, "unit-traffic"),
         needs=("host-tsan",)),
    Test("host-asan-long", "all", 900, "unit and property tests, 10^6 steps",
         lambda t: unit(t, "host-asan", 1000000), needs=("host-asan",)),
    Test("host-gcc", "all", 900, "the same under gcc, 2 * 10^5 steps",
         lambda t: unit(t, "host-gcc", 200000), needs=("host-asan",)),
    Test("fuzz", "all", 300, "each fuzz target, 5 s",
         lambda t: fuzz(t, 5), needs=("host-asan",)),
    Test("fuzz-planted", "all", 300, "fuzz targets see a planted bug",
         fuzz_planted, needs=("fuzz",)),
    Test("host-long", "full", 7200, "property tests, 10^7 steps",
         lambda t: unit(t, "host-asan", 10000000), needs=("host-asan-long",)),
    Test("host-tsan-long", "full", 7200, "harts as threads under TSan, 10^7 steps",
         lambda t: unit(t, "host-tsan", 10000000, "unit-threads"),
         needs=("host-tsan",)),
    Test("fuzz-long", "full", 7200, "each fuzz target, 10 minutes",
         lambda t: fuzz(t, 600), needs=("fuzz",)),
    Test("fresh", "full", 3600, "all of this on a bare Debian 12 (the commit)",
         fresh),
]
