"""Static checks. Each takes the root of a tree, so that `checks-planted` can
show that it fails on a copy with a violation in it."""
import ast
import os
import re
import shutil
import tempfile

from harness import ROOT, Failure, Test, files

MACHINE = ("-march=rv64imac", "-mabi=lp64", "-mcmodel=medany")
CLANG = ("clang", "--target=riscv64-unknown-elf", *MACHINE, "-isystem",
         "/usr/lib/picolibc/riscv64-unknown-elf/include")
GCC = ("riscv64-unknown-elf-gcc", *MACHINE, "-misa-spec=2.2",
       "--specs=picolibc.specs")
INCLUDES = [f"-I{d}" for d in (
    "lib/include", "arch/include", "arch/riscv/include", "mm/include",
    "kernel/include", "drivers/include", "memtest/include", "fs/include",
    "libc/include")]
WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes",
            "-Wmissing-prototypes", "-Wconversion", "-Wvla", "-Wundef",
            "-Wwrite-strings", "-Werror")


def format_(test, root=ROOT):
    sources = files(".c", ".h", root=root)
    test.run("clang-format", "--dry-run", "-Werror", *sources, cwd=root)
    return f"{len(sources)} files"


def includes(test, root=ROOT):
    return test.run("/usr/bin/python3", "-B", f"{ROOT}/scripts/check-includes.py",
                    root).strip().splitlines()[-1]


def headers(test, root=ROOT):
    """Every public header compiles when it is the only thing included. Those in
    asm/ are not public: the contract in arch/ includes them."""
    commands = []
    for path in files(".h", root=root):
        m = re.match(r"(?!arch/host/)(?:.*/)?include/(?!asm/)(.*)$", path)
        if m:
            name = m[1]
            commands += [(*cc, "-std=gnu11", *WARNINGS, *INCLUDES,
                          "-fsyntax-only", "-include", name, "-x", "c",
                          "/dev/null") for cc in (GCC, CLANG)]
    test.run_all(commands, cwd=root)
    return f"{len(commands) // 2} headers, gcc and clang"


# Each primitive of asm/fence.h with its arguments in a0 and a1, and what it must
# be: privileged specification, chapters SFENCE.VMA and Svinval. No emulator
# looks at the operands.
FENCES = {
    "sfence_vma()": 0x12000073,
    "sfence_vma_page(a)": 0x12050073,
    "sfence_vma_asid(a)": 0x12a00073,
    "sfence_vma_page_asid(a, b)": 0x12b50073,
    "sinval_vma_page(a)": 0x16050073,
    "sinval_vma_page_asid(a, b)": 0x16b50073,
    "sfence_w_inval()": 0x18000073,
    "sfence_inval_ir()": 0x18100073,
    "fence_i()": 0x0000100f,
    "cbo_inval(a)": 0x0005200f,
    "cbo_clean(a)": 0x0015200f,
    "cbo_flush(a)": 0x0025200f,
}


def fences(test, root=ROOT):
    """Fence instructions are what they are meant to be, operands too."""
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/f.c", "w", encoding="utf-8") as f:
            f.write("#include <asm/fence.h>\n" + "".join(
                f"void f{i}(uint64_t a, uint64_t b);\n"
                f"void f{i}(uint64_t a, uint64_t b) {{ (void)a; (void)b; "
                f"{call}; }}\n" for i, call in enumerate(FENCES)))
        test.run(*GCC, *INCLUDES, "-O2", "-c", f"{folder}/f.c", "-o",
                 f"{folder}/f.o", cwd=root)
        out = test.run("riscv64-unknown-elf-objdump", "-d", f"{folder}/f.o")
    for i, (call, word) in enumerate(FENCES.items()):
        m = re.search(rf"<f{i}>:\n\s*\w+:\s+(\w+)", out)
        if not m or int(m[1], 16) != word:
            raise Failure(f"{call} is {m and m[1]}, should be {word:08x}")
    return f"{len(FENCES)} instructions"


def swaps(test, root=ROOT):
    """A compare-and-swap that releases says CAS_RELEASE: lib/cas.h."""
    call = re.compile(r"__atomic_compare_exchange(?:_n)?\s*\([^;{]*"
                      r"__ATOMIC_(?:RELEASE|ACQ_REL)\b")
    count = 0
    for path in files(".c", ".h", root=root):
        if path.startswith("tests/"):
            continue
        with open(os.path.join(root, path), encoding="utf-8") as f:
            text = f.read()
        count += text.count("__atomic_compare_exchange")
        m = call.search(text)
        if m:
            raise Failure(f"{path}: {' '.join(m[0].split())}")
    return f"{count} swaps"


def kernel_sources(root):
    return [s for s in files(".c", root=root)
            if re.match(r"(lib|libc|mm|memtest|drivers|kernel|arch/riscv|"
                        r"tests/(unit|target|bench))/",
                        s)]


def clang(test, root=ROOT):
    """The whole kernel under clang's eyes, gcc being what builds it."""
    sources = kernel_sources(root)
    test.run_all([(*CLANG, "-std=gnu11", "-O2", *WARNINGS, *INCLUDES,
                   "-fsyntax-only", s) for s in sources], cwd=root)
    return f"{len(sources)} files"


def cppcheck(test, root=ROOT):
    # comparePointers: the ends of a linker section are two symbols.
    # va_end_missing: a panic does not come back to its va_end.
    # autoVariables: an engine holds its caller's locals while it runs.
    sources = kernel_sources(root)
    test.run("cppcheck", "-q", "--std=c11", "--error-exitcode=1",
             "--enable=warning,portability,performance", "--inline-suppr",
             "--suppress=missingIncludeSystem", "--suppress=comparePointers",
             "--suppress=va_end_missing", "--suppress=autoVariables",
             "-D__riscv=1", "-D__riscv_xlen=64", "-U__clang__", *INCLUDES,
             *sources, cwd=root)
    return f"{len(sources)} files"


def scripts(test, root=ROOT):
    """Python and shell scripts parse, are executable, and say by what."""
    count = 0
    for path in files("", root=root):
        full = os.path.join(root, path)
        with open(full, "rb") as f:
            first = f.readline()
        if not first.startswith(b"#!") and not path.endswith(".py"):
            continue
        count += 1
        if first.startswith((b"#!/bin/bash", b"#!/bin/sh")):
            test.run(first[2:].decode().strip(), "-n", full)
            with open(full, encoding="utf-8") as f:
                if not re.search("^set -eu", f.read(), re.M):
                    raise Failure(f"{path}: does not stop at errors: set -eu")
        elif path.endswith(".py") or first.startswith(b"#!/usr/bin/python3"):
            with open(full, encoding="utf-8") as f:
                try:
                    ast.parse(f.read(), path)
                except SyntaxError as e:
                    raise Failure(f"{path}: {e}") from None
        else:
            raise Failure(f"{path}: begins with {first.decode().strip()}")
        if first.startswith(b"#!") and not os.access(full, os.X_OK):
            raise Failure(f"{path}: not executable")
    return f"{count} scripts"


def paths(test, root=ROOT):
    """No file names a place that exists on somebody's machine only."""
    place = re.compile(rb"(?<![\w.$}])/(home|root|work|mnt|media|Users)/\w")
    wrong = []
    for path in files("", root=root):
        with open(os.path.join(root, path), "rb") as f:
            for number, line in enumerate(f, 1):
                if place.search(line):
                    wrong.append(f"{path}:{number}: {line.strip().decode()}")
    test.note("\n".join(wrong))
    if wrong:
        raise Failure(wrong[0])
    return None


def dts(test, root=ROOT):
    """Trees compile; those of boards (right in dts/) without a warning."""
    sources = files(".dts", root=root, under="dts")
    for source in sources:
        out = test.run("dtc", "-I", "dts", "-O", "dtb", "-o", "/dev/null",
                       source, cwd=root)
        if out.strip() and os.path.dirname(source) == "dts":
            raise Failure(f"{source}: {out.splitlines()[0]}")
    return f"{len(sources)} trees"


# A file to add or extend for each check, with a violation in it.
PLANTED = [
    (format_, "lib/planted.c", "int  x ;\n"),
    (includes, "mm/planted.c", "#include <kernel/shell.h>\n"),
    (includes, "lib/planted.c", "#include <kernel/types.h>\n"),
    (includes, "drivers/planted.c", "#include <mm/page.h>\n"),
    (includes, "memtest/planted.c", "#include <kernel/shell.h>\n"),
    (includes, "mm/planted.c", '#include "../kernel/x.h"\n'),
    (includes, "mm/planted.c", 'void f(void) { __asm__ volatile("nop"); }\n'),
    (includes, "mm/planted.c", "#ifdef __riscv\n#endif\n"),
    (includes, "lib/include/lib/planted.h", "int x;\n"),
    (headers, "lib/include/lib/planted.h",
     "#pragma once\nuint8_t planted(void);\n"),
    (swaps, "lib/planted.c",
     "bool f(int *p, int a)\n{\n\treturn __atomic_compare_exchange_n(p, &a, 1,\n"
     "\t\tfalse, __ATOMIC_RELEASE, __ATOMIC_RELAXED);\n}\n"),
    (clang, "lib/planted.c", "int planted(void) { return 0; }\n"),
    (cppcheck, "lib/planted.c",
     "int f(void);\nint f(void)\n{\n\tint a[2];\n\n\treturn a[3];\n}\n"),
    (scripts, "scripts/planted.py", "def f(:\n"),
    (scripts, "scripts/planted", "#!/bin/bash\nset -euo pipefail\nif\n"),
    (paths, "docs/planted.md", "see /ho" "me/somebody/x\n"),
    (dts, "dts/planted.dts",
     "/dts-v1/;\n/ { memory@0 { device_type = \"memory\"; }; };\n"),
]


def without_most(folder, names):
    """What the copy does not need: checks of sources see the same in a few."""
    left = [n for n in names if n in (".git", "build")]
    if os.path.relpath(folder, ROOT).split(os.sep)[0] != "lib":
        left += [n for n in names if n.endswith(".c")]
    return left


def copy(root):
    shutil.copytree(ROOT, root, dirs_exist_ok=True, symlinks=True,
                    ignore=without_most)


def planted(test):
    with tempfile.TemporaryDirectory() as root:
        copy(root)
        for check in dict.fromkeys(c for c, _, _ in PLANTED):
            check(test, root)
    for check, path, text in PLANTED:
        with tempfile.TemporaryDirectory() as root:
            copy(root)
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as f:
                f.write(text)
            os.chmod(full, 0o755)
            test.note(f"--- {check.__name__}: {text}")
            try:
                check(test, root)
            except Failure:
                continue
            raise Failure(f"{check.__name__} did not see {text!r} in {path}")
    return f"{len(PLANTED)} violations, each seen"


TESTS = [
    Test("format", "quick", 60, "clang-format has nothing to change", format_),
    Test("includes", "quick", 60, "who may include whom", includes),
    Test("headers", "quick", 120, "each public header compiles alone", headers),
    Test("fences", "quick", 60, "fence instructions have the right operands",
         fences),
    Test("swaps", "quick", 60, "who compares, swaps and releases has a fence",
         swaps),
    Test("scripts", "quick", 60, "scripts parse", scripts),
    Test("paths", "quick", 60, "no file names a path of one machine", paths),
    Test("dts", "quick", 60, "device trees compile", dts),
    Test("clang", "all", 300, "the kernel under clang, without a warning",
         clang),
    Test("cppcheck", "all", 300, "the kernel under cppcheck", cppcheck),
    Test("checks-planted", "all", 600, "the static checks see what they should",
         planted, needs=[c.__name__.strip("_") for c in dict.fromkeys(
             p[0] for p in PLANTED)]),
]
