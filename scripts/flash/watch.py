"""What a board says from booti on, and the terminal that it gets then."""
import os
import re
import select
import signal
import sys
import termios
import tty

from say import Error
from uboot import STRATA, plain, tell
from ymodem import RESET

END = b"\x1d"        # Ctrl-]
# What U-Boot says when it does not boot, and what that means.
REFUSALS = (
    ("Bad Linux RISCV Image magic", "U-Boot finds no kernel image in memory: "
     "was it loaded over?"),
    ("FDT and ATAGS support not compiled in", "U-Boot takes no device tree "
     "from where it was told that one is"),
    ("Device tree not found", "U-Boot finds no device tree"),
    ("ERROR:", "U-Boot refuses to boot"),
    ("kernel_comp_addr_r or kernel_comp_size is not provided",
     "U-Boot can't unpack the kernel; use --no-gzip"),
)


class Watch:
    """What the board says from booti on, shown and watched."""

    def __init__(self, uboot, mark, timeout):
        self.port, self.timeout = uboot.port, timeout
        self.failed = re.compile(rf"~{mark}:\d+~")
        self.text = ""          # all of it that may still matter
        self.kernel = False     # does it run?

    def _more(self, seconds):
        """Show what comes; b"" if nothing does in time. Error when U-Boot
        refuses."""
        data = self.port.read(seconds)
        show(data)
        self.text = (self.text + plain(data).replace("\r", ""))[-20000:]
        if not self.kernel:
            self._watch_uboot()
        if RESET.decode() in self.text:
            raise Error("the board was reset after booti: U-Boot runs again")
        return data

    def _watch_uboot(self):
        if "Starting kernel" in self.text:
            self.kernel = True
            return
        if not self.failed.search(self.text):
            return
        for what, meaning in REFUSALS:
            if found := re.search(rf"^.*{re.escape(what)}.*$", self.text, re.M):
                raise Error(f"{meaning}: '{found[0].strip()}'")
        raise Error("U-Boot did not boot what it was given")

    def _silent(self):
        last = self.text.strip().split("\n")[-1][-70:]
        if self.kernel and last.startswith("Starting kernel"):
            return Error(f"U-Boot started the kernel, and nothing has come for "
                         f"{self.timeout:.0f} s: is it the right tree for this "
                         f"board?")
        return Error(f"nothing has come for {self.timeout:.0f} s; the last "
                     f"line: '{last}'")

    def _refused(self):
        """The kernel's sentence, if it could not boot."""
        found = re.search(r"^(?:strata: (.*)\n)?strata: can't boot", self.text,
                          re.M)
        return found and (found[1] or "without a reason")

    def verdict(self):
        """Follow an unattended run to its end; its status."""
        end = re.compile(r"^autorun: status (\d+)\n", re.M)
        while True:
            if not self._more(self.timeout):
                if why := self._refused():
                    raise Error(f"the kernel can't boot: {why}")
                raise self._silent()
            if found := end.search(self.text):
                if why := self._refused():
                    tell(f"the kernel can't boot: {why}")
                return int(found[1])

    def until_it_runs(self):
        """Until there is somebody to type to: the prompt, or no more news."""
        patience = self.timeout
        while self._more(patience):
            if STRATA.search(self.text[-20:]):
                return
            if why := self._refused():
                raise Error(f"the kernel can't boot: {why}")
            if self.kernel and not self.text.rstrip().endswith("..."):
                patience = min(patience, 5)
        if not self.kernel or patience == self.timeout:
            raise self._silent()


def terminal(port):
    """Hand the keyboard over, until Ctrl-]. All other keys are the board's, ^C,
    too; the user's terminal is as before, however this ends."""
    keys = sys.stdin.fileno()
    before = termios.tcgetattr(keys)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        tty.setraw(keys, termios.TCSANOW)   # what is typed already stays
        mode = termios.tcgetattr(keys)
        mode[1] = before[1]     # what this tool says needs its line ends
        termios.tcsetattr(keys, termios.TCSANOW, mode)
        _relay(port, keys)
    except BrokenPipeError:
        pass                    # nobody reads any more
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)
        print(file=sys.stderr)
    return 0


def _relay(port, keys):
    while True:
        wait = 0 if port.put_back else None
        ready = select.select([keys, port.serial], [], [], wait)[0]
        show(port.read(0))
        if keys in ready:
            typed, end, _ = os.read(keys, 1024).partition(END)
            if typed:
                port.write(typed)
            if end or not typed:
                return


def show(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
