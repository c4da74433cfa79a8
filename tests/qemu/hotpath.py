"""What harts execute on the allocators' hot paths, instruction by instruction, in
the program that ships: no atomic, no fence."""
import collections
import os
import re
import subprocess
import tempfile

from harness import BUILD, ROOT, Failure, Test

ELF = f"{BUILD}/kernel.elf"
PREFIX = "riscv64-unknown-elf-"

# A benchmark, and the function that it measures: eight pairs.
PAIRS = {"page": "page_pair", "kmalloc-64": "kmalloc_64", "slab": "slab_pair"}

FORBIDDEN = re.compile(r"^(amo|lr\.|sc\.|fence|sfence|ecall|wfi)")
STEP = re.compile(r"\[[0-9a-f]+/([0-9a-f]{16})/")


def disassembly():
    """address: (function, mnemonic)"""
    out = subprocess.run([PREFIX + "objdump", "-d", "--no-show-raw-insn", ELF],
                         capture_output=True, text=True, check=True).stdout
    code, name = {}, None
    for line in out.splitlines():
        label = re.match(r"^[0-9a-f]+ <(\S+)>:$", line)
        if label:
            name = label[1]
            continue
        m = re.match(r"^ *([0-9a-f]+):\t(\S+)", line)
        if m:
            code[int(m[1], 16)] = (name, m[2])
    return code


def last_round(test, bench, function, code):
    """The addresses that the last call of this function executes, callees and
    all: from its first instruction to the return to its caller."""
    first = next(a for a, (name, _) in code.items() if name == function)
    done, current, caller, before = [], None, None, None
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "log")
        test.run(f"{ROOT}/scripts/run", "--kernel", f"{BUILD}/Image", "--icount",
                 "--append", f'quiet autorun="bench {bench}"', "--qemu",
                 f"-singlestep -d exec,nochain -D {log} -dfilter "
                 "0xffffffff80000000+0x1000000")
        with open(log, encoding="utf-8", errors="replace") as f:
            for m in map(STEP.search, f):
                at = int(m[1], 16) if m else before
                if at == before:    # executed anew: see cpu_io_recompile
                    continue
                if at == first:
                    current, caller = [], code[before][0]
                elif current and code[at][0] == caller:
                    done, current = current, None
                if current is not None:
                    current.append(at)
                before = at
    return done


def hotpath(test):
    """The last round of each benchmark of a hot pair holds no instruction that
    other harts can notice."""
    code, told = disassembly(), []
    for bench, function in PAIRS.items():
        steps = last_round(test, bench, function, code)
        if len(steps) < 8 * 10:
            raise Failure(f"{bench}: {len(steps)} instructions are no 8 pairs")
        profile = collections.Counter(code[a][0] for a in steps)
        test.note(f"{bench}: {len(steps) / 8} instructions a pair: "
                  f"{dict(profile)}")
        bad = {f"{code[a][1]} in {code[a][0]}" for a in steps
               if FORBIDDEN.match(code[a][1])}
        if bad:
            raise Failure(f"{bench}: {', '.join(sorted(bad))}")
        told.append(f"{bench} {len(steps) / 8:.1f}")
    return "instructions a pair: " + ", ".join(told)


TESTS = [
    Test("alloc-hotpath", "all", 600, "no atomics in hot paths, as executed",
         hotpath, ("kernel-build",)),
]
