#!/usr/bin/python3
"""Who may include whom.

    check-includes.py [ROOT]

Prints each include that its folder's rule does not allow, each assembly or
architecture condition outside arch/, each header without #pragma once.
Exit status 1 when there was one, or no file at all.

The rule in one sentence: lib/ stands alone; mm/, memtest/ and drivers/ stand on
lib/, the architecture's contract (arch/include) and a few kernel services, so
that they also run natively; libc/ makes of mm/ what C code wants; kernel/ may
use all public headers, its own tests anything.
"""
import os
import re
import sys

STD = r"(stdint|stddef|stdbool|stdarg|limits|inttypes|string|stdio)\.h"
SERVICES = (r"kernel/(types|cpu|smp|assert|panic|printk|spinlock|mutex|ktest|"
            r"ksyms)\.h")

# (files, what they may include), the first that matches decides.
RULES = [
    (r"tests/", [r".*"]),
    (r"arch/host/", [r".*"]),       # sees the C library of the host
    (r"lib/", [STD, r"lib/.*"]),
    (r"arch/include/", [STD, r"lib/.*", r"asm/.*", r"arch/.*",
                        r"kernel/(types|cpu)\.h"]),
    (r"arch/[^/]+/include/asm/", [STD, r"lib/.*", r"asm/.*", r"arch/.*",
                                  r"kernel/(types|cpu)\.h"]),
    (r"arch/", [STD, r"lib/.*", r"arch/.*", r"asm/.*", r"kernel/.*",
                r"mm/.*"]),
    (r"mm/", [STD, r"lib/.*", r"arch/.*", r"mm/.*", SERVICES]),
    (r"memtest/", [STD, r"lib/.*", r"arch/.*", r"memtest/.*",
                   r"kernel/(types|assert)\.h"]),
    (r"drivers/", [STD, r"lib/.*", r"arch/(io|cpu|irq|smp)\.h", r"kernel/.*",
                   r"drivers/.*", r"mm/(mmio|dma|kmalloc|layout)\.h"]),
    (r"fs/", [STD, r"lib/.*", r"mm/.*", r"fs/.*", SERVICES]),
    (r"libc/", [STD, r"(assert|errno|malloc|stdlib|unistd)\.h", r"lib/.*",
                r"libc/.*", r"mm/.*", r"kernel/(types|panic|console|random)\.h"]),
    (r"kernel/", [STD, r"stdlib\.h", r"lib/.*", r"arch/.*", r"kernel/.*", r"mm/.*",
                  r"drivers/.*", r"memtest/.*", r"fs/.*"]),
]

# Only the architecture's folders may know the architecture.
ARCH_ONLY = [
    (re.compile(r"\b(__asm__|asm)\b\s*(volatile|__volatile__|goto)?\s*\("),
     "inline assembly outside arch/"),
    (re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b.*"
                r"(__riscv|__x86_64|__aarch64|__i386|STRATA_ARCH|ARCH_)"),
     "condition on the architecture outside arch/"),
]


def without_comments(text):
    """The text, comments blanked, lines kept."""
    return re.sub(r"/\*.*?\*/|//[^\n]*",
                  lambda m: "\n" * m[0].count("\n"), text, flags=re.S)


def check(path, text):
    allowed = next((a for p, a in RULES if re.match(p, path)), None)
    if allowed is None:
        yield 1, "in no folder that the include rules know"
        return
    text = without_comments(text)
    if path.endswith(".h") and "#pragma once" not in text:
        yield 1, "header without #pragma once"
    for number, line in enumerate(text.splitlines(), 1):
        m = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if path.startswith(("arch/host/", "tests/")):
            continue    # the host borrows files of the real architecture
        if m and ".." in m[2].split("/"):
            yield number, f"include of a parent folder: {m[2]}"
        elif m and m[1] == '"' and "/" in m[2]:
            yield number, f'"..." is for the same folder: {m[2]}'
        elif m and m[1] == "<" and not any(re.fullmatch(a, m[2])
                                           for a in allowed):
            yield number, f"may not include <{m[2]}>"
        if path.startswith("arch/"):
            continue
        for pattern, what in ARCH_ONLY:
            if pattern.search(line):
                yield number, what


def main(root):
    wrong = count = 0
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in ("build", ".git"))
        for name in sorted(names):
            if not name.endswith((".c", ".h", ".S")):
                continue
            full = os.path.join(folder, name)
            path = os.path.relpath(full, root)
            count += 1
            with open(full, encoding="utf-8") as f:
                for number, what in check(path, f.read()):
                    print(f"{path}:{number}: {what}")
                    wrong += 1
    print(f"{count} files, {wrong} violations")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else
                  os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
