"""What the boards' guides tell one to type: the console has such commands, the
tools such options, the links lead somewhere."""
import os
import re
import subprocess

from harness import ROOT, Failure, Test, files

GUIDES = ["board/README.md", "dts/README.md", "scripts/flash/README.md",
          "docs/silicon.md"]
TOOL = re.compile(r"(?:\./)?(scripts/(?:flash/)?[a-z]+)\b([^#`|]*)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
LINK = re.compile(r"\]\(([^)#]*)(#[^)]*)?\)")
# In the first column of a table of commands.
ROW = re.compile(r"^\| (`[a-z].*?) \|", re.M)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def guides():
    boards = sorted(os.listdir(f"{ROOT}/board"))
    return GUIDES + [f"board/{b}/README.md" for b in boards
                     if os.path.isdir(f"{ROOT}/board/{b}")]


def commands():
    """The console's commands."""
    return {name for folder in ("kernel", "drivers")
            for path in files(".c", under=folder)
            for name in re.findall(r"^COMMAND\((\w+),", read(path), re.M)}


def options(tool, known):
    """The options that the tool's --help tells of."""
    if tool not in known:
        out = subprocess.run([os.path.join(ROOT, tool), "--help"], check=True,
                             capture_output=True, text=True).stdout
        known[tool] = set(OPTION.findall(out))
    return known[tool]


def anchors(text):
    """What a heading is called in a link."""
    return {"#" + re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-")
            for h in re.findall(r"^#+ (.*)$", text, re.M)}


def check_links(path, text):
    for to, part in LINK.findall(text):
        if to.startswith("http"):
            continue
        at = os.path.normpath(os.path.join(os.path.dirname(path), to)) \
            if to else path
        if not os.path.exists(os.path.join(ROOT, at)):
            raise Failure(f"{path}: there is no {to}")
        if part and part not in anchors(text if not to else read(at)):
            raise Failure(f"{path}: {at} has no {part}")


def check_tools(path, text, known):
    """A command goes on behind a backslash at the end of its line."""
    for tool, rest in TOOL.findall(text.replace("\\\n", " ").replace(
            "&&", "`")):
        line = rest.split("\n")[0]
        # What is quoted is for the kernel.
        for option in OPTION.findall(re.sub(r"'[^']*'|\"[^\"]*\"", "", line)):
            if option not in options(tool, known):
                raise Failure(f"{path}: {tool} has no {option}")


def check_commands(path, text, have):
    """Of the table under `First tests`."""
    section = text.partition("First tests\n")[2].partition("\n## ")[0]
    names = [c.split()[0] for row in ROW.findall(section)
             for c in re.findall(r"`([^`]*)`", row)]
    for name in names:
        if name not in have:
            raise Failure(f"{path}: the console has no {name}")
    return len(names)


def check(path, text, known, have):
    check_links(path, text)
    check_tools(path, text, known)
    return check_commands(path, text, have)


# What must be seen in the guide to VisionFive 2.
PLANTED = [
    ("| `memtest --passes 0`", "| `memtests --passes 0`"),
    ("serial /dev/ttyUSB0 --board", "serial /dev/ttyUSB0 --boards"),
    ("        --firmware u-boot", "        --firmwares u-boot"),
    ("(../../docs/boot.md)", "(../../docs/boots.md)"),
    ("(#7-when", "(#8-when"),
]


def run(test):
    known, have, n = {}, commands(), 0
    for path in guides():
        n += check(path, read(path), known, have)
    if n < 10:
        raise Failure(f"only {n} commands in the guides")
    path = "board/visionfive2/README.md"
    for old, new in PLANTED:
        if old not in read(path):
            raise Failure(f"{path} has no {old!r} to damage")
        try:
            check(path, read(path).replace(old, new, 1), known, have)
        except Failure as e:
            test.note(str(e))
            continue
        raise Failure(f"{new!r} for {old!r} is not seen")
    return f"{len(guides())} guides"


TESTS = [Test("guides", "quick", 60, "what the boards' guides tell one to type",
              run)]
