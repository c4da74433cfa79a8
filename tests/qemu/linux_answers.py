"""Programs built for Linux say on Strata what they say on Linux.

tests/linux/programs lists them; tests/linux/record wrote down what Linux says.
"""
import difflib
import fnmatch
import os
import re
import sys

from harness import BUILD, ROOT, Failure, Test
from machine import PANIC, Machine

sys.path.append(os.path.join(ROOT, "tests", "linux"))
import guest                        # noqa: E402 pylint: disable=wrong-import-position

END = r"^=== end\n"
CASE = re.compile(r"^(\w+\.\w+): (.*)$")
TAP = re.compile(r"^((?:not )?ok) (\d+)\b")
SUMMARY = ("# Totals:", "=== exit ")


def different(names):
    """Those of the cases that differ on purpose, and which may be the same."""
    with open(f"{guest.HERE}/different", encoding="utf-8") as f:
        patterns = [line.split(":")[0] for line in f if line[0] not in "#\n"]
    differ = {n for n in names for p in patterns if fnmatch.fnmatchcase(n, p)}
    return differ, differ - set(patterns)


def case(program, line):
    """The name of what a line of output is the answer to, and the answer."""
    m = CASE.match(line)
    if m:
        return m[1], m[2]
    m = TAP.match(line)
    return (f"{program}.{m[2]}", m[1]) if m else (None, None)


def cases(program, text):
    found = dict(case(program, line) for line in text.splitlines())
    found.pop(None, None)
    return found


def without(program, text, names):
    """The lines, but those of some cases and of what counts them."""
    return [line for line in text.splitlines(True)
            if case(program, line)[0] not in names
            and not (names and line.startswith(SUMMARY))]


def compare(test, line, said):
    """The number of lines of one program that are not as they should be."""
    with open(guest.answer_file(line), encoding="utf-8") as f:
        linux = f.read()
    program = line.split()[0]
    there, here = cases(program, linux), cases(program, said)
    names, may = different(there)
    same = [name for name in names - may if here.get(name) == there[name]]
    for name in same:
        test.note(f"{name} is as on Linux: it is not different")
    diff = list(difflib.unified_diff(without(program, linux, names),
                                     without(program, said, names),
                                     "Linux", line, n=0))
    test.note("".join(diff))
    return len(same) + sum(d.startswith(("+", "-")) for d in diff[2:])


def run(test, lines, programs, *options):
    """Boot with these programs; what each of them said."""
    tree = guest.make_tree(f"{BUILD}/test-logs/{test.name}.tree", lines,
                           programs)
    with Machine(test, "--initrd", tree, "--init", "/runner", *options) as m:
        m.expect(END, unless=PANIC, patience=test.timeout)
        return guest.sections(m.output)


def judge(test, lines, said):
    wrong = {line: compare(test, line, said.get(line, "nothing\n"))
             for line in lines}
    bad = [line for line in lines if wrong[line]]
    if bad:
        raise Failure(f"{len(bad)} of {len(lines)} programs differ, in "
                      f"{sum(wrong.values())} lines: {', '.join(bad)}")
    asked = [name for line in lines
             for name in cases(line.split()[0], said[line])]
    return (f"{len(lines)} programs, "
            f"{len(asked) - len(different(asked)[0])} cases as on Linux")


def answers(*options):
    def check(test):
        lines = guest.listed()
        test.run(f"{ROOT}/tests/user/build", guest.PROGRAMS)
        return judge(test, lines, run(test, lines, guest.PROGRAMS, *options))
    return check


def selftests(test):
    """Those of Linux's own tests that need no more than there is."""
    lines = guest.listed("selftests.list", later=False)
    test.run(f"{ROOT}/tests/user/build", guest.PROGRAMS)
    test.run(f"{guest.HERE}/selftests", guest.SELFTESTS)
    return judge(test, lines,
                 run(test, lines, guest.SELFTESTS, "--mem", "6G"))


TESTS = [
    Test("linux-answers", "all", 600, "programs say what they say on Linux",
         answers("--mem", "512M"), needs=["kernel-build"]),
    Test("linux-selftests", "all", 600, "Linux's own tests of memory management",
         selftests, needs=["kernel-build"]),
    Test("linux-answers-4", "full", 900, "the same programs on 4 harts",
         answers("--mem", "512M", "--harts", "4"), needs=["kernel-build"]),
]
