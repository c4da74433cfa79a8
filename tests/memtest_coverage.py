#!/usr/bin/python3
"""The coverage of the memory tests is what their document says.

    tests/memtest_coverage.py [--write]

builds the program that measures it, and compares the tables that it prints with
those in docs/memtest-coverage.md; or puts them there.
"""
import argparse
import difflib
import os
import subprocess
import sys

from harness import ROOT, Failure, Test
import native

DOCUMENT = "docs/memtest-coverage.md"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"
PROGRAM = "build/host-gcc/memtest-coverage"


def parts(text):
    """What is before the tables, the tables, what is behind them."""
    before, begin, rest = text.partition(BEGIN)
    tables, end, behind = rest.partition(END)
    if not begin or not end:
        raise Failure(f"{DOCUMENT} has lost its markers")
    return before + begin, tables, end + behind


def rows(tables):
    return [line for line in tables.splitlines() if line.startswith("| `")
            or line.startswith("| *")]


def coverage(test):
    native.build(test, "host-gcc", "memtest-coverage")
    measured = test.run(PROGRAM)
    with open(f"{ROOT}/{DOCUMENT}", encoding="utf-8") as f:
        _, told, _ = parts(f.read())
    if measured != told:
        for line in difflib.unified_diff(told.splitlines(),
                                         measured.splitlines(),
                                         DOCUMENT, "measured", lineterm=""):
            test.note(line)
        raise Failure(f"{DOCUMENT} says something else; "
                      "tests/memtest_coverage.py --write")
    return f"{len(rows(measured))} rows"


def main():
    parser = argparse.ArgumentParser(
        description="Measure what faults the memory tests find; compare it "
        f"with {DOCUMENT}.")
    parser.add_argument("--write", action="store_true",
                        help="put what was measured into the document")
    args = parser.parse_args()
    os.chdir(ROOT)
    for command in (["cmake", "--preset", "host-gcc"],
                    ["cmake", "--build", "build/host-gcc", "--target",
                     "memtest-coverage"],
                    [PROGRAM]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(done.stdout + done.stderr + f"{command[0]} failed",
                  file=sys.stderr)
            return 1
    measured = done.stdout
    with open(DOCUMENT, encoding="utf-8") as f:
        before, told, behind = parts(f.read())
    if args.write:
        with open(DOCUMENT, "w", encoding="utf-8") as f:
            f.write(before + measured + behind)
    elif measured != told:
        sys.stdout.writelines(difflib.unified_diff(
            told.splitlines(True), measured.splitlines(True), DOCUMENT,
            "measured"))
        return 1
    return 0


TESTS = [
    Test("memtest-coverage", "all", 300,
         "faults that the memory tests find, as the document says", coverage),
]

if __name__ == "__main__":
    sys.exit(main())
