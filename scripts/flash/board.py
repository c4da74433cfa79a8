"""Boards as data: board/NAME/board.conf; and the project that they are in."""
import os
import subprocess
import sys

from say import Error

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def script(name, *arguments):
    """Run one of the project's scripts, which tells what goes wrong."""
    path = os.path.join(ROOT, "scripts", name)
    if subprocess.run([path, *arguments], stdin=subprocess.DEVNULL,
                      stdout=sys.stderr, check=False).returncode:
        raise Error(f"scripts/{name} failed")


def names():
    """All boards that there are."""
    folder = os.path.join(ROOT, "board")
    return sorted(n for n in os.listdir(folder)
                  if os.path.isfile(os.path.join(folder, n, "board.conf")))


class Board:
    """One of them. `conf` has the keys of its file, as text."""

    def __init__(self, name):
        if name not in names():
            raise Error(f"no such board: '{name}' (there are: "
                        f"{' '.join(names())})")
        self.name = name
        self.conf = {}
        with open(self.file("board.conf"), encoding="ascii") as f:
            for line in f:
                if line.strip() and not line.startswith("#"):
                    key, value = line.rstrip("\n").split("=", 1)
                    self.conf[key] = value

    def file(self, name):
        return os.path.join(ROOT, "board", self.name, name)

    def address(self, key):
        """A number of the file; None without."""
        return int(self.conf[key], 0) if key in self.conf else None

    def memories(self):
        """The sizes of memory, in GB, that it has trees for, as text; the first
        is what is taken unless told."""
        return self.conf.get("memories", "").split()

    def trees(self, memory=None):
        """Its trees for so much memory: {name for U-Boot: source}."""
        memory = memory or (self.memories() or [""])[0]
        if self.memories() and memory not in self.memories():
            raise Error(f"{self.name} has no tree for {memory} GB (but for "
                        f"{', '.join(self.memories())})")
        pairs = (t.split(":") for t in self.conf.get("trees", "").split())
        return {name: os.path.join(ROOT, source.replace("%s", memory))
                for name, source in pairs}


def compile_tree(source, to):
    """Write the blob of a tree's source to a file."""
    os.makedirs(os.path.dirname(os.path.abspath(to)), exist_ok=True)
    try:
        done = subprocess.run(
            ["dtc", "-I", "dts", "-O", "dtb", "-o", to, source], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False)
    except FileNotFoundError:
        raise Error("dtc is missing (package device-tree-compiler)") from None
    if done.returncode:
        raise Error(f"dtc: {source}: {done.stdout.strip()}")
