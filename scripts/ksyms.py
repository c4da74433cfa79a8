#!/usr/bin/python3
"""The kernel's own symbol table, for backtraces that name functions.

    ksyms.py OUT.S              an empty table, for the first link
    ksyms.py ELF OUT.S          the table of ELF's functions, for the second
    ksyms.py --check ELF ELF    do all functions of both have one address?

The table, all in section .rodata.ksyms:

    uint32_t ksyms_count
    uint32_t ksyms_offsets[]    sorted; address - image_start
    uint32_t ksyms_names[]      where in ksyms_strings the name begins
    char     ksyms_strings[]    NUL-terminated names
"""
import os
import re
import subprocess
import sys

NM = os.environ.get("NM", "riscv64-unknown-elf-nm")


def fail(text):
    sys.exit(f"ksyms.py: {text}")


def symbols(elf):
    """(functions as a sorted list of (address, name), image_start)"""
    out = subprocess.run([NM, "-n", elf], check=True, text=True,
                         stdout=subprocess.PIPE).stdout
    functions, base = {}, None
    for line in out.splitlines():
        m = re.fullmatch(r"([0-9a-f]+) (\S) (\S+)", line)
        if not m:
            continue
        address, kind, name = int(m[1], 16), m[2], m[3]
        if name == "image_start":
            base = address
        # $x, $d: mapping symbols; .L: labels of the compiler
        elif kind in "tT" and not name.startswith(("$", ".")):
            functions.setdefault(address, []).append(name)
    if base is None:
        fail(f"{elf} has no symbol image_start")
    # Of several names for one address the first in the alphabet wins, and what
    # the compiler appended to the name of a copy (.isra.0 ...) is left out.
    return [(a, min(n).split(".")[0]) for a, n in sorted(functions.items())
            if a >= base], base


def string_blob(names):
    """The names, one after the other; one that ends another shares it."""
    where, blob = {}, b""
    for name in sorted(set(names), key=lambda n: (-len(n), n)):
        text = name.encode() + b"\0"
        at = blob.find(text)
        if at < 0:
            at = len(blob)
            blob += text
        where[name] = at
    return where, blob


def table(functions, base):
    where, blob = string_blob([name for _, name in functions])
    out = ['\t.section .rodata.ksyms, "a"']

    def array(label, words):
        out.extend([f"\t.balign 4", f"\t.globl {label}", f"{label}:"])
        out.extend(f"\t.word {w:#x}" for w in words)

    array("ksyms_count", [len(functions)])
    array("ksyms_offsets", [a - base for a, _ in functions])
    array("ksyms_names", [where[n] for _, n in functions])
    out.extend(["\t.globl ksyms_strings", "ksyms_strings:"])
    out.extend(f'\t.asciz "{s}"' for s in blob.decode().split("\0")[:-1])
    # A reader may look at the first string even when there is none.
    out.append("\t.byte 0")
    return "\n".join(out) + "\n"


def check(first, second):
    a, base_a = symbols(first)
    b, base_b = symbols(second)
    if base_a == base_b and a == b:
        return
    for x, y in zip(a, b):
        if x != y:
            fail(f"the second link moved functions: {x[1]} at {x[0]:#x}, then "
                 f"{y[1]} at {y[0]:#x}; section .rodata.ksyms must lie behind "
                 "all code")
    fail("the two links do not have the same functions")


def main(args):
    if len(args) == 3 and args[0] == "--check":
        return check(args[1], args[2])
    if len(args) not in (1, 2) or args[0].startswith("-"):
        sys.exit(__doc__)
    functions, base = symbols(args[0]) if len(args) == 2 else ([], 0)
    if functions and functions[-1][0] - base >= 1 << 32:
        fail("the image is larger than 4 GiB")
    with open(args[-1], "w", encoding="ascii") as f:
        f.write(table(functions, base))


if __name__ == "__main__":
    main(sys.argv[1:])
