#!/usr/bin/python3
"""The tools' own modules, on something smaller than a kernel; for loaders.py.

    drive.py send PORT BYTES SEED [S]   a file of random bytes, to 0x84000000;
                                        S seconds are enough for an answer
    drive.py run PORT LINE...           commands
    drive.py type PORT LINE...          the last of them is not waited for
"""
import importlib.machinery
import importlib.util
import os
import random
import sys

FLASH = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                     "../../scripts/flash")
sys.path.insert(0, FLASH)

import say                          # noqa: E402
import ymodem                       # noqa: E402
from port import Port               # noqa: E402
from uboot import UBoot             # noqa: E402


def tool(name):
    """A tool, which has no suffix, as a module."""
    loader = importlib.machinery.SourceFileLoader(f"tool_{name}",
                                                  f"{FLASH}/{name}")
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def main(argv):
    what, path, *rest = argv
    uboot = UBoot(Port(path, 115200))
    uboot.get_prompt(60)
    if what == "send":
        data = random.Random(int(rest[1])).randbytes(int(rest[0]))
        ymodem.ANSWER = float(rest[2]) if rest[2:] else ymodem.ANSWER
        tool("serial").load(uboot, "small", data, 0x84000000)
        return
    last = rest.pop() if what == "type" else None
    for line in rest:
        if uboot.run(line, 30)[0]:
            raise say.Error(f"'{line}' failed")
    if last:
        uboot.start(last)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    say.main(main)
