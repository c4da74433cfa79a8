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


def different(names):
    """Those of the cases that differ on purpose, and which may be the same."""
    with open(f"{guest.HERE}/different", encoding="utf-8") as f:
        patterns = [line.split(":")[0] for line in f if line[0] not in "#\n"]
    differ = {n for n in names for p in patterns if fnmatch.fnmatchcase(n, p)}
    return differ, differ - set(patterns)


def cases(text):
    return dict(CASE.match(line).groups() for line in text.splitlines()
                if CASE.match(line))


def without(text, names):
    return [line for line in text.splitlines(True)
            if not CASE.match(line) or CASE.match(line)[1] not in names]


def compare(test, line, said):
    """The number of lines of one program that are not as they should be."""
    with open(guest.answer_file(line), encoding="utf-8") as f:
        linux = f.read()
    names, may = different(cases(linux))
    same = [name for name in names - may
            if cases(said).get(name) == cases(linux)[name]]
    for name in same:
        test.note(f"{name} is as on Linux: it is not different")
    diff = list(difflib.unified_diff(without(linux, names),
                                     without(said, names), "Linux", line, n=0))
    test.note("".join(diff))
    return len(same) + sum(d.startswith(("+", "-")) for d in diff[2:])


def run(test, lines, *options):
    """Boot with these programs; what each of them said."""
    test.run(f"{ROOT}/tests/user/build", guest.PROGRAMS)
    tree = guest.make_tree(f"{BUILD}/test-logs/{test.name}.tree", lines)
    with Machine(test, "--initrd", tree, "--init", "/runner", *options) as m:
        m.expect(END, unless=PANIC, patience=test.timeout)
        return guest.sections(m.output)


def answers(*options, kind="programs"):
    def check(test):
        lines = guest.listed(kind)
        said = run(test, lines, *options)
        wrong = {line: compare(test, line, said.get(line, "nothing\n"))
                 for line in lines}
        bad = [line for line in lines if wrong[line]]
        if bad:
            raise Failure(f"{len(bad)} of {len(lines)} programs differ, in "
                          f"{sum(wrong.values())} lines: {', '.join(bad)}")
        asked = [name for line in lines for name in cases(said[line])]
        return (f"{len(lines)} programs, "
                f"{len(asked) - len(different(asked)[0])} cases as on Linux")
    return check


TESTS = [
    Test("linux-answers", "all", 600, "programs say what they say on Linux",
         answers("--mem", "512M"), needs=["kernel-build"]),
    Test("linux-answers-4", "full", 900, "the same on 4 harts",
         answers("--mem", "512M", "--harts", "4"), needs=["kernel-build"]),
]
