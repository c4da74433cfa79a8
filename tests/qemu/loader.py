"""Boots where QEMU does not load the kernel itself: any address, any tree."""
import os
import struct
import subprocess
import tempfile

from harness import ROOT, Failure
from machine import RELEASE, Machine

GCC = "riscv64-unknown-elf-gcc"


def call(test, *command):
    test.note("$ " + " ".join(command))
    done = subprocess.run(command, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    if done.returncode:
        test.note(done.stdout)
        raise Failure(f"{command[0]} ended with status {done.returncode}")


def tree(test, path, options, bootargs):
    """Write to `path` the tree that the kernel would get from firmware on a
    machine with these options of scripts/run, and this command line."""
    printed = subprocess.run(
        [f"{ROOT}/scripts/run", "--kernel", RELEASE, "--print", *options],
        check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
    call(test, "bash", "-c",
         f"{printed} -machine 'dumpdtb={path}' -display none </dev/null")
    # What firmware adds, and what is random each time.
    resv = "/reserved-memory/mmode_resv0@80000000"
    call(test, "fdtput", "-p", "-c", path, resv)
    for node, name, *value in (
            ("/reserved-memory", "#address-cells", "2"),
            ("/reserved-memory", "#size-cells", "2"),
            ("/reserved-memory", "ranges"),
            (resv, "reg", "0", "80000000", "0", "80000"),
            (resv, "no-map"),
            ("/chosen", "rng-seed", *"12345678")):
        call(test, "fdtput", "-t", "x", path, node, name, *value)
    call(test, "fdtput", "-t", "s", path, "/chosen", "bootargs", bootargs)


def trampoline(test, path, image, dtb, hart, everybody):
    elf = path + ".elf"
    call(test, GCC, "-march=rv64imac", "-mabi=lp64", "-nostdlib",
         "-Wl,--build-id=none", "-Wl,-Ttext=0x80200000",
         f"-DIMAGE={image:#x}", f"-DDTB={dtb:#x}",
         *([] if hart is None else [f"-DHART={hart}"]),
         *(["-DALL"] if everybody else []), "-o", elf,
         f"{ROOT}/tests/qemu/trampoline.S")
    call(test, "riscv64-unknown-elf-objcopy", "-O", "binary", elf, path)


class Placed:
    """A machine with the image at one address and the given tree at another,
    entered by the hart of one's choice, or by all at once:

        with Placed(test, options, image, dtb_address, dtb_bytes) as m: ...
    """

    def __init__(self, test, options, image, dtb, blob, kernel=RELEASE,
                 hart=None, everybody=False):
        self.folder = tempfile.TemporaryDirectory()
        jump, dtb_file = (os.path.join(self.folder.name, n)
                          for n in ("trampoline", "tree.dtb"))
        with open(dtb_file, "wb") as f:
            f.write(blob)
        trampoline(test, jump, image, dtb, hart, everybody)
        load = "-device 'loader,force-raw=on,file={},addr={:#x}'"
        self.machine = Machine(
            test, *options, "--qemu", " ".join([
                load.format(kernel, image), load.format(dtb_file, dtb)]),
            kernel=jump)

    def __enter__(self):
        return self.machine.__enter__()

    def __exit__(self, *how):
        self.machine.__exit__(*how)
        self.folder.cleanup()


def with_text_offset(path, offset, kernel=RELEASE):
    """Write a copy of the image whose header asks for another offset from the
    start of RAM."""
    with open(kernel, "rb") as f:
        image = bytearray(f.read())
    struct.pack_into("<Q", image, 8, offset)
    with open(path, "wb") as f:
        f.write(image)
