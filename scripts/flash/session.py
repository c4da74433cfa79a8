"""What `serial` and `net` share: from files to a kernel that runs.

Both drive U-Boot's prompt; they only differ in how a file gets into memory:

    check files, open the port, get the prompt
    read U-Boot's addresses, choose the tree, set bootargs
    load(uboot, name, data, address) for kernel and tree, each compared by CRC
    chipa_set_linux (vendor firmware: corrects the tree), booti
    watch.py: a terminal, or with --autorun a log that ends with the status

What can be refused is refused before the first byte is sent.
"""
import gzip
import os
import re
import struct
import sys
import tempfile
import zlib

from board import Board, compile_tree
from kernel_image import the_kernel
from say import Error, size
from uboot import UBoot, check_value, tell
from watch import Watch, terminal

ENDS = "the board's console; Ctrl-] ends it"
FAILED = 3      # exit status; few commands of the kernel have the same


def add_options(parser):
    """Options of both tools."""
    parser.add_argument("--board", default="visionfive2",
                        help="the board (default %(default)s)")
    parser.add_argument("--baud", type=int, default=115200,
                        help="speed of the port (default %(default)s)")
    parser.add_argument("--kernel", metavar="FILE",
                        help="boot this image (default: build one)")
    parser.add_argument("--dtb", default="auto", metavar="FILE|firmware|auto",
                        help="device tree: a file (.dtb or .dts), the one that "
                        "U-Boot itself uses, or the board's, by what U-Boot "
                        "says about its revision (default; for boards without "
                        "trees of their own: firmware)")
    parser.add_argument("--memory", metavar="GB",
                        help="the board's memory, for its tree (firmware "
                        "corrects it where it can)")
    parser.add_argument("--append", default="", metavar="ARGS",
                        help="kernel command line")
    parser.add_argument("--autorun", metavar="COMMANDS",
                        help="run these commands instead of giving you the "
                        "console; the exit status is theirs (3: the tool "
                        "failed)")
    parser.add_argument("--timeout", type=float, default=120, metavar="S",
                        help="seconds to wait for the prompt, and for the "
                        "kernel's next sign of life (default %(default)g)")
    parser.add_argument("--no-reboot", action="store_true",
                        help="if Strata runs on the board, don't reboot it")


def command_line(args):
    if args.autorun is None:
        return args.append
    if '"' in args.autorun:
        raise Error('--autorun: a double quote can\'t stand in a command there')
    return f'{args.append} autorun="{args.autorun}"'.strip()


def check_terminal(args):
    if args.autorun is None and not sys.stdin.isatty():
        raise Error("a console needs a terminal; without one, use --autorun")


class Plan:
    """What to boot: an image and a tree, checked."""

    def __init__(self, args):
        if not args.timeout > 0:
            raise Error(f"--timeout: {args.timeout:g} seconds are no time")
        self.board = Board(args.board)
        self.bootargs = command_line(args)
        check_value("the command line", self.bootargs)
        self.image = the_kernel(args.kernel)
        with open(self.image.path, "rb") as f:
            self.kernel = f.read()
        # Early, so that what is wrong with them is found early.
        self.trees = {n: read_tree(s) for n, s in self._sources(args).items()}
        self._check_window()

    def _sources(self, args):
        """The trees that may be needed: {name for U-Boot: file}."""
        trees = self.board.trees(args.memory)
        if args.dtb == "auto":
            return trees
        if args.dtb == "firmware":
            return {}
        name = os.path.splitext(os.path.basename(args.dtb))[0]
        # It will be typed at the prompt.
        return {re.sub(r"[^\w.-]", "_", name, flags=re.A) + ".dtb": args.dtb}

    def _check_window(self):
        start = self.board.address("kernel_addr")
        end = self.board.address("fdt_addr")
        if start is not None and end is not None:
            self.check_fits(start, end, f"{self.board.name}'s vendor firmware "
                            f"has a window of {size(end - start)}")

    def check_fits(self, start, end, why):
        if start < end < start + self.image.image_size:
            raise Error(f"{self.image.path}: image too big: it needs "
                        f"{size(self.image.image_size)} with its bss, {why}")

    def choose_tree(self, fdtfile):
        """The tree for a board that calls itself so: (name, bytes); None for
        firmware's own."""
        if not self.trees:
            return None
        name = fdtfile if fdtfile in self.trees else list(self.trees)[-1]
        if name != fdtfile and len(self.trees) > 1:
            tell(f"U-Boot does not say which revision the board is (fdtfile is "
                 f"'{fdtfile or ''}'); taking {os.path.basename(name)}; --dtb "
                 f"takes another")
        return name, self.trees[name]


def read_tree(path):
    """A tree's blob, from that or from its source."""
    if path.endswith(".dts"):
        with tempfile.TemporaryDirectory() as folder:
            blob = os.path.join(folder, "tree.dtb")
            compile_tree(path, blob)
            return read_tree(blob)
    try:
        with open(path, "rb") as f:
            data = f.read()
    except OSError as e:
        raise Error(f"can't read {path}: {e.strerror}") from None
    if len(data) < 40 or data[:4] != b"\xd0\x0d\xfe\xed" or \
            struct.unpack_from(">I", data, 4)[0] > len(data):
        raise Error(f"{path} is not a device tree's blob")
    return data


class Places:
    """Where things go: U-Boot's environment knows; the board's file, if not."""

    def __init__(self, uboot, board):
        self.kernel = self._one(uboot, board, "kernel_addr_r", "kernel_addr")
        self.tree = self._one(uboot, board, "fdt_addr_r", "fdt_addr")
        self.own_tree = uboot.address("fdtcontroladdr")

    @staticmethod
    def _one(uboot, board, name, key):
        if (value := uboot.address(name)) is not None:
            return value
        if (value := board.address(key)) is None:
            raise Error(f"U-Boot's environment has no {name}: set it, to a "
                        f"free address in RAM")
        tell(f"U-Boot's environment has no {name}; taking {value:#x}")
        return value


def check_loaded(uboot, name, data, address):
    """Compare what U-Boot has received; a sentence of what is wrong, or
    None."""
    got = uboot.address("filesize")
    if got is not None and got != len(data):
        return f"{got} bytes of {len(data)} arrived"
    crc = uboot.crc32(address, len(data))
    if crc is None:
        tell(f"U-Boot has no crc32 command: nothing but the line's own checks "
             f"says that {name} arrived unchanged")
    elif crc != zlib.crc32(data):
        return "what arrived is not what was sent (its CRC is wrong)"
    return None


def packed(uboot, kernel):
    """Smaller, if U-Boot can unpack it."""
    room = uboot.address("kernel_comp_size")
    if not uboot.address("kernel_comp_addr_r") or not room:
        return kernel
    small = gzip.compress(kernel, 9, mtime=0)
    return small if len(small) <= room else kernel


def open_port(args):
    from port import Port   # not before scripts/setup
    return Port(args.port, args.baud)


def open_board(args):
    """A U-Boot at its prompt."""
    uboot = UBoot(open_port(args), reboot=not args.no_reboot)
    uboot.get_prompt(args.timeout)
    return uboot


def start(args, plan, uboot, load, pack):
    """Load and boot; what comes then, as a Watch."""
    places = Places(uboot, plan.board)
    tree = plan.choose_tree(uboot.env("fdtfile"))
    if tree:
        # Even where U-Boot moves the image, it clears room for its bss here.
        where = places.tree
    elif not (where := places.own_tree):
        raise Error("U-Boot does not say where its own device tree is "
                    "(fdtcontroladdr): use --dtb FILE")
    plan.check_fits(places.kernel, where, f"and U-Boot has {places.kernel:#x} "
                    f"to {where:#x} for it")
    uboot.set("bootargs", plan.bootargs)
    load(uboot, "Image", packed(uboot, plan.kernel) if pack else plan.kernel,
         places.kernel)
    if tree:
        load(uboot, *tree, places.tree)
    if tree and uboot.env("chipa_set_linux") and \
            uboot.run("run chipa_set_linux", 10)[0]:
        tell("warning: the firmware's chipa_set_linux failed: the tree may "
             "name more memory than there is")
    mark = uboot.start(f"booti {places.kernel:x} - {where:x}")
    return Watch(uboot, mark, args.timeout)


def run(args, plan, uboot, load, pack):
    """Load, boot and follow; the exit status."""
    watch = start(args, plan, uboot, load, pack)
    if args.autorun is not None:
        return watch.verdict()
    tell(ENDS)
    watch.until_it_runs()
    return terminal(uboot.port)
