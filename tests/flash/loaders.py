"""scripts/flash/serial, and what net shares with it: from a prompt to a kernel
that runs, and all that can go wrong on the way."""
import concurrent.futures
import errno
import fcntl
import os
import pty
import random
import re
import signal
import struct
import sys
import tempfile
import termios

from harness import BUILD, ROOT, Failure, Test

sys.path.insert(0, os.path.join(ROOT, "scripts/flash"))

import board as boards_conf         # noqa: E402
import port                         # noqa: E402
import ymodem                       # noqa: E402
import ymodem_model                 # noqa: E402
from fake_board import BANNER, Board, Echo, Says, VENDOR   # noqa: E402
from session import read_tree       # noqa: E402
from wire import Tool, Uboot, expect    # noqa: E402

IMAGE = f"{BUILD}/kernel/Image"
SEED = 20261122
QEMU = ("--board", "qemu-virt", "--kernel", IMAGE)
DRIVE = "../../tests/flash/drive.py"
CASES = 1000
ERROR = 3           # the tools' status


def check(ok, text):
    if not ok:
        raise Failure(text)


# -- the protocol, in simulated time


def protocol(test):
    """Against a model of U-Boot's receiver, on lines of every quality."""
    check(ymodem.crc16(b"123456789") == 0x31c3, "CRC-16/XMODEM's check value")
    rng = random.Random(SEED)
    test.note(f"seed {SEED}")
    for size in (1, 127, 128, 129, 1023, 1024, 1025, 2048, 128 * 1024,
                 300 * 1024):
        # The end looks like padding.
        data = rng.randbytes(size - size // 3) + b"\x1a" * (size // 3)
        for kind in ({}, {"ack_then_start": True}, {"refuse_first_eot": True}):
            error, got, _ = ymodem_model.transfer(data, **kind)
            check(not error and got == data, f"{size} bytes, {kind}: {error}")
    lost = lost_answers(rng)
    late_answers(rng)
    failed = {rate: noisy(rng, *rate) for rate in
              ((20000, 20000), (5000, 500), (1000, 50), (500, 5))}
    check(failed[20000, 20000] <= CASES // 500 and
          failed[5000, 500] <= CASES // 100, f"too many failed: {failed}")
    cuts(rng)
    return f"{4 * CASES + lost} transfers, failed: " + ", ".join(
        f"{n} at 1/{r[0]}" for r, n in failed.items())


def noisy(rng, down, up):
    """How many of CASES end with an Error. One that does not must be right.
    A wrong ACK may hide that the last block is missing, or the header, and
    with it the file's length (a header with a byte too many, the last an EOT):
    rarely, and the tools see it by `filesize`. Noise that fits a CRC-16 by
    chance is too rare to turn up here."""
    failed = length = 0
    for _ in range(CASES):
        data = rng.randbytes(rng.randrange(1, 8000))
        error, got, line = ymodem_model.transfer(
            data, ymodem_model.Noise(rng, down, up))
        check(line.now() < 1000, f"took {line.now():.0f} s")
        failed += error is not None
        if not error and got != data:
            check(data.startswith(got) or got.startswith(data),
                  "a wrong file, and nothing was said")
            length += 1
    check(length <= CASES // 500, f"nothing was said of {length} files "
          f"of a wrong length")
    return failed


def lost_answers(rng):
    """Each single answer lost, doubled, or preceded by a stray 'C' or ACK: no
    transfer fails."""
    cases = 0
    for what in (b"", b"%b%b", b"C%b", b"\x06%b"):
        for nth in range(14):
            count = [0]

            def fault(way, data, what=what, nth=nth, count=count):
                if way == "down":
                    return data
                out = b""
                for byte in data:
                    one = bytes((byte,))
                    out += what.replace(b"%b", one) if count[0] == nth else one
                    count[0] += 1
                return out

            data = rng.randbytes(8 * 1024 + 100)
            error, got, _ = ymodem_model.transfer(data, fault)
            check(not error and got == data,
                  f"answer {nth} became {what}: {error}")
            cases += 1
    return cases


def late_answers(rng):
    """Answers take half a second; after one stray 'C' there is an ACK too many,
    and after that a block is lost. Nothing may be missing."""
    for stray in range(3, 9):
        for lost in range(stray + 1, 11):
            writes = [0]

            def fault(way, data, lost=lost, writes=writes):
                writes[0] += way == "down"
                return b"" if way == "down" and writes[0] == lost else data

            data = rng.randbytes(6 * 1024)
            error, got, _ = ymodem_model.transfer(data, fault, late=0.5,
                                                  stray=stray)
            check(not error and got == data, f"stray 'C' at {stray}, {lost} "
                  f"lost: {error or 'a wrong file'}")


def cuts(rng):
    """The line dies: an Error, soon; and the receiver can be made to give
    up."""
    for _ in range(CASES // 10):
        data = rng.randbytes(rng.randrange(2000, 20000))
        error, got, line = ymodem_model.transfer(
            data, cut_at=rng.randrange(len(data)))
        check(error and got != data, "a cut line, and no error")
        check(line.now() < 60, f"a cut was noticed after {line.now():.0f} s")
        line.cut_at = None
        for _ in range(4):
            ymodem.cancel(line)
            line.read(3)
        check(line.receiver.done, "the receiver still waits after a cancel")


# -- U-Boot in QEMU


def drive(test, *args):
    """Run drive.py; its status and output."""
    return Tool(test, DRIVE, *map(str, args)).end()


def send_small(test, wire, size=4096):
    """A small file to the board's memory, from whatever state it is in, as the
    tool would send it; it compares CRCs."""
    status, output = drive(test, "send", wire.path, size, SEED)
    check(status == 0, f"the second try fails: {output.splitlines()[-1:]}")


def serial_uboot(test):
    """All the way, with the kernel."""
    with Uboot(test) as board:
        output = expect(test, 0, r"^autorun: status 0$", "serial", board.path,
                        *QEMU, "--append", "quiet",
                        "--autorun", "meminfo; pagetable check")
        check("Uncompressing" in output, "the kernel was not sent packed")
    rates = re.findall(r"Image: .*, (.*/s)$", output, re.M)
    return rates[-1] if rates else None


def serial_killed(test):
    """The sender dies in the middle; the next one finds a receiver that
    waits."""
    with Uboot(test) as board:
        tool = Tool(test, "serial", board.path, *QEMU, "--autorun", "echo")
        tool.wait_for(r"^Image: \d+ KiB of")
        tool.process.kill()
        tool.end()
        send_small(test, board)


def serial_pulled(test):
    """The adapter is pulled out in the middle, and put in again."""
    with Uboot(test) as board:
        tool = Tool(test, "serial", board.path, *QEMU, "--autorun", "echo")
        tool.wait_for(r"^Image: \d+ KiB of")
        board.pull_out()
        status, output = tool.end()
        check(status == ERROR and re.search(r"^serial: .* is gone", output,
                                            re.M),
              f"status {status}")
        board.plug_in()
        send_small(test, board)


def serial_cut(test):
    """A wire comes off in the middle, and on again."""
    with Uboot(test) as board:
        # However long it waits for it, no answer comes.
        tool = Tool(test, DRIVE, "send", board.path, "65536", str(SEED), "2")
        tool.wait_for(r"^small: \d+ KiB of")
        board.faults = lambda way, data: b""
        status, output = tool.end()
        check(status == 1 and re.search(r"small: no answer .*reset the board$",
                                        output, re.M), f"status {status}")
        board.faults = lambda way, data: data
        send_small(test, board)


def noise(*rates):
    """Noise in both directions, from the first key on."""
    def fn(test):
        results = []
        with Uboot(test) as board:
            for seed, rate in enumerate(rates):
                board.faults = ymodem_model.Noise(random.Random(SEED + seed),
                                                  *rate)
                status, output = drive(test, "send", board.path, 6000, SEED)
                check(status == 0 or "drive.py: " in output, "no words")
                results.append(f"{board.faults.count} faults "
                               f"{'are an error' if status else 'survived'}")
                board.faults = lambda way, data: data
                send_small(test, board)
        check("survived" in results[0], "did not survive a little noise")
        return "; ".join(results)
    return fn


def serial_reload(test):
    """A board where Strata runs is rebooted, unless that is not wanted."""
    with tempfile.TemporaryDirectory() as folder:
        with Uboot(test, tftp=folder) as board:
            how = ("--folder", folder, "--serial", board.path, *QEMU)
            with Console(test, "net", *how) as c:
                c.expect(r"strata> ")
                c.type("\x1d")
                check(c.end() == 0, "Ctrl-] does not end it with status 0")
            expect(test, ERROR, "runs Strata already", "net", *how, "--autorun",
                   "echo", "--no-reboot", "--timeout", "20")
            expect(test, 127, r"(?s)typing 'reboot'.*^autorun: status 127$",
                   "net", *how, "--autorun", "echo; nosuch")


class Console:
    """A tool in a terminal of its own, somebody typing."""

    def __init__(self, test, name, *args):
        self.near, self.far = pty.openpty()
        self.mode = termios.tcgetattr(self.far)
        self.tool = Tool(test, name, *args, terminal=self.far)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tool.process.kill()
        self.tool.end()
        os.close(self.near)
        os.close(self.far)

    def expect(self, pattern):
        self.tool.wait_for(pattern)

    def type(self, text):
        os.write(self.near, text.encode())

    def end(self):
        """The tool's status; the terminal is as it was before."""
        status, _ = self.tool.end()
        check(termios.tcgetattr(self.far) == self.mode, "the terminal is raw")
        return status


def console(test):
    """Somebody at a terminal: what is typed reaches the kernel, Ctrl-] ends it,
    and --console-only finds the same kernel again."""
    with tempfile.TemporaryDirectory() as folder:
        with Uboot(test, tftp=folder) as board:
            with Console(test, "net", "--folder", folder, "--serial",
                         board.path, *QEMU) as c:
                c.expect(r"strata> ")
                c.type("echo one\ttwo\recho next\r")
                c.expect(r"(?m)^next\r?$")
                # The terminal's own keys are the board's, too.
                c.type("memtest\r")
                c.expect(r"memtest.*\r?\n.*\n")
                c.type("\x03")
                c.type("echo aft\x7fter\r")
                c.expect(r"(?m)^after\r?$")
                c.type("\x1d")
                check(c.end() == 0, "Ctrl-] does not end it with status 0")
            with Console(test, "serial", board.path, "--console-only") as c:
                c.expect(r"Ctrl-\] ends it")
                c.type("echo back\r")
                c.expect(r"(?m)^back\r?$")
                c.type("\x1d")
                check(c.end() == 0, "Ctrl-] does not end it with status 0")


def terminal(test):
    """All keys are the board's, and what it says comes through as it is;
    whatever ends the console, the user's terminal is as before."""
    with Echo(test) as board:
        for status, end in (
                (0, lambda c: c.type("\x1d")),
                (128 + 15, lambda c: c.tool.process.terminate()),
                (130, lambda c: c.tool.process.send_signal(signal.SIGINT)),
                (ERROR, lambda c: board.pull_out())):
            with Console(test, "serial", board.path, "--console-only") as c:
                c.type("early")
                c.expect("early")
                keys = "".join(chr(i) for i in range(32) if i != 0x1d) + "\xfc"
                c.type(keys)
                c.expect(re.escape(keys))
                end(c)
                got = c.end()
                check(got == status, f"status {got}, not {status}")
        check("is gone" in c.tool.text, "says nothing of a port that is gone")


# -- what is refused before anything is sent


def image_with(folder, offset, value):
    with open(IMAGE, "rb") as f:
        data = bytearray(f.read())
    struct.pack_into("<Q", data, offset, value)
    path = os.path.join(folder, f"Image-{offset}")
    with open(path, "wb") as f:
        f.write(data)
    return path


def options(test):
    """Bad options, files and ports: a sentence each, nothing sent."""
    with tempfile.TemporaryDirectory() as folder, Board(test) as board:
        ok = (board.path, "--kernel", IMAGE, "--autorun", "echo")
        big = image_with(folder, 16, 95 << 20)
        for pattern, *args in (
                (r"image too big.* window of 94 MiB", *ok, "--kernel", big),
                (r"not a RISC-V kernel image", *ok, "--kernel", __file__),
                (r"/dev/null: it is not a file", *ok, "--kernel", "/dev/null"),
                (r"can't read /no/such", *ok, "--kernel", "/no/such"),
                (r"can't read /no/such", *ok, "--dtb", "/no/such"),
                (r"not a device tree", *ok, "--dtb", IMAGE),
                (r"no such board: 'x'", *ok, "--board", "x"),
                (r"no tree for 3 GB", *ok, "--memory", "3"),
                (r"can't be typed .*\"'\"", *ok, "--append", "a='b'"),
                (r"can't be typed", *ok, "--append", "a\nb"),
                (r"double quote", board.path, "--kernel", IMAGE, "--autorun",
                 'echo "a"'),
                (r"seconds are no time", *ok, "--timeout", "0"),
                (r"baud", *ok, "--baud", "0"),
                (r"baud", *ok, "--baud", "-5"),
                (r"needs a terminal", board.path, "--kernel", IMAGE),
                (r"needs a terminal", board.path, "--console-only"),
                (r"there is no /dev/ttyNONE", "/dev/ttyNONE", *ok[1:]),
                (r"not a serial port", "/dev/null", *ok[1:]),
                (r"not a serial port", folder, *ok[1:]),
                (r"not a serial port", IMAGE, *ok[1:])):
            expect(test, ERROR, f"^serial: .*{pattern}", "serial", *args)
        for args in ((), (board.path, "--nonsense"), (*ok, "--baud", "x"),
                     (*ok, "--timeout", "x"), (*ok, "--console-only")):
            expect(test, 2, "serial: error: ", "serial", *args)
        for pattern, *args in (
                (r"not a folder", "--folder", "/no/such", *QEMU),
                (r"needs --server", "--folder", folder, "--ip", "10.0.0.2")):
            expect(test, ERROR, f"^net: .*{pattern}", "net", *args)
        for args in ((), ("--folder", folder, "--ip", "300.1.2.3"),
                     ("--folder", folder, "--server", "dhcp")):
            expect(test, 2, "net: error: ", "net", *args)
        busy(test, board)
        check(not board.commands, f"something was typed: {board.commands}")
    for tool in ("serial", "net"):
        expect(test, 0, "--autorun", tool, "--help")
    # Nothing is forbidden to root, so not by a port.
    check("adduser" in port._why_not("/dev/tty", errno.EACCES), "whose is it?")


def busy(test, board):
    fd = os.open(board.path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        expect(test, ERROR, r"^serial: .* is in use by .*\(process \d+\)",
               "serial", board.path, "--kernel", IMAGE, "--autorun", "echo")
    finally:
        os.close(fd)


# -- boards that follow a script


def small_image(folder):
    """The kernel's beginning: as much as a loader looks at."""
    path = os.path.join(folder, "small")
    with open(IMAGE, "rb") as f, open(path, "wb") as g:
        g.write(f.read(10000))
    return path


def tree(revision, memory):
    name = f"starfive/jh7110-starfive-visionfive-2-{revision}.dtb"
    return read_tree(boards_conf.Board("visionfive2").trees(memory)[name])


def vendor(test):
    """What is typed at a vendor's prompt."""
    with Board(test, then="Strata\r\nautorun: status 0\r\n") as board, \
            tempfile.TemporaryDirectory() as folder:
        image = small_image(folder)
        expect(test, 0, r"does not say which revision", "serial", board.path,
               "--kernel", image, "--append", "quiet", "--autorun", "echo")
        check(board.commands == [
            "setenv bootargs 'quiet autorun=\"echo\"'",
            "loady 40200000", "loady 46000000", "run chipa_set_linux",
            "booti 40200000 - 46000000"], f"typed: {board.commands}")
        with open(image, "rb") as f:
            check(board.files[0x40200000] == f.read(), "the kernel is another")
        check(board.files[0x46000000] == tree("v1.3b", None),
              "the tree is not the default one")


def fdtfile(test):
    """U-Boot says which revision the board is; a free bootargs is removed."""
    env = {**VENDOR, "fdtfile":
           "starfive/jh7110-starfive-visionfive-2-v1.2a.dtb"}
    with Board(test, env, then="strata>") as board, \
            tempfile.TemporaryDirectory() as folder:
        with Console(test, "serial", board.path, "--kernel",
                     small_image(folder), "--memory", "8") as c:
            c.expect(r"strata> ")
            c.type("\x1d")
            check(c.end() == 0, "status")
        check("bootargs" not in board.env, "an old command line stays")
        check(board.files[0x46000000] == tree("v1.2a", "8"),
              "the tree is not the revision's")


def at_once(cases):
    """Most of them only wait."""
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for _ in pool.map(lambda case: case[0](*case[1:]), cases):
            pass


def boards(test):
    """Other boards and firmware, each in a sentence or a status."""
    with tempfile.TemporaryDirectory() as folder:
        run = ("--kernel", small_image(folder), "--dtb", "firmware",
               "--autorun", "echo", "--timeout", "8")

        def one(wanted, pattern, how, *args):
            with Board(test, **how) as board:
                expect(test, wanted, pattern, "serial", board.path, *run, *args)
            check("!" not in "".join(board.commands) and (
                "not U-Boot's" not in pattern or not board.commands),
                f"typed: {board.commands}")
        at_once((one, *case) for case in BOARDS)


DONE = "autorun: status 7\r\n"
BOARDS = (
    (7, "is at its prompt", {"then": DONE}),
    (7, "is at its prompt", {"then": DONE, "prompt": "\x1b[1;32m=> \x1b[0m"}),
    (7, "typing 'reboot'", {"then": DONE, "strata": True}),
    (ERROR, "already", {"strata": True}, "--no-reboot"),
    (7, "has no crc32 command", {"then": DONE, "lacks": ("crc32",)}),
    (7, "taking 0x40200000", {"then": DONE,
                              "env": {"fdtcontroladdr": "fffc6aa0"}}),
    (7, "trying once more", {"then": DONE, "spoil": 1}),
    (ERROR, "CRC is wrong", {"spoil": 2}),
    (ERROR, "loady does not start: .*Unknown command", {"lacks": ("loady",)}),
    (ERROR, "does not say where", {"env": {"fdtfile": "x"}}),
    (ERROR, "image too big.* 0x40200000 to 0x40210000",
     {"env": {**VENDOR, "fdtcontroladdr": "40210000"}}),
    # What it has not understood is not run.
    (7, "is at its prompt", {"then": DONE, "mishears": "setenv boot"}),
    # setenv bootargs '' autorun="echo" and a mark of 4 digits: 44 characters
    (ERROR, r"too long for .* which takes 255 characters of 3\d\d:", {},
     "--append", "x" * 256),
    (7, "is at its prompt", {"then": DONE}, "--append", "x" * 204),
    (ERROR, "was reset meanwhile", {"resets": 5000}),
    (ERROR, "was reset after booti", {"then": "Strata\r\n" + BANNER}),
    (ERROR, "no kernel image in memory", {"answers": {
        "booti": "Bad Linux RISCV Image magic!"}}),
    (ERROR, "takes no device tree", {"answers": {
        "booti": "FDT and ATAGS support not compiled in"}}),
    (ERROR, "refuses to boot: 'ERROR: x", {"answers": {
        "booti": "ERROR: x did not work"}}),
    (ERROR, "finds no device tree", {"answers": {
        "booti": "Device tree not found"}}),
    (255, "can't boot: it is dark", {
        "then": "strata: it is dark\r\nstrata: can't boot; ending the machine"
                "\r\nautorun: status 255\r\n"}),
    (ERROR, "can't boot: it is dark", {
        "then": "strata: it is dark\r\nstrata: can't boot; halted\r\n"}),
    (ERROR, "right tree", {}),
    (ERROR, "nothing has come for 8 s; the last line: 'hm autorun: status 0'",
     {"then": "hm autorun: status 0\r\n"}),
    (ERROR, "is not U-Boot's", {"answers": {"version": "sh: no"},
                                "prompt": "root@x:~# "}),
)


def no_prompt(test):
    """Ports behind which there is no U-Boot."""
    rng = random.Random(SEED)
    rubbish = rng.randbytes(400).decode("latin1")
    run = ("--kernel", IMAGE, "--autorun", "echo", "--timeout", "6")

    def one(pattern, board):
        with board:
            expect(test, ERROR, pattern, "serial", board.path, *run)
    at_once((one, *case) for case in (
        (r"nothing comes from .* power|Is the board on", Says(test, "")),
        (r"wrong baud rate\?", Says(test, rubbish)),
        (r"wrong baud rate\?", Says(test, rubbish[:20])),
        (r"asks for a login", Says(test, "\r\nstarfive login: ")),
        (r"last that the board said: 'Loading'", Says(test, "Loading\r\n")),
        # Another language, as bytes.
        (r"last that the board said: 'Loading'",
         Says(test, ("\u6309\u952e" * 100).encode().decode("latin1")
              + "\r\nLoading\r\n")),
        (r"boot ROM", Says(test, "C")),
        (r"connected to each other", Echo(test))))


def wrong_baud(test):
    """A real U-Boot at another speed: all bytes are others, both ways."""
    mangle = bytes((b * 37 + 0x91 | 0x80) & 0xff for b in range(256))
    with Uboot(test) as board:
        board.faults = lambda way, data: data.translate(mangle)
        expect(test, ERROR, r"wrong baud rate\?", "serial", board.path, *QEMU,
               "--autorun", "echo", "--timeout", "20")
        board.faults = lambda way, data: data
        send_small(test, board)


BUILT = ("kernel-build",)
TESTS = [
    Test("serial-protocol", "quick", 300, "YMODEM over bad lines, simulated",
         protocol),
    Test("serial-options", "quick", 300, "bad options, files and ports",
         options, BUILT),
    Test("serial-vendor", "quick", 300, "what is typed at a vendor's prompt",
         vendor, BUILT, kind="waits"),
    Test("serial-fdtfile", "all", 300, "the tree of the board's revision",
         fdtfile, BUILT, kind="waits"),
    Test("serial-boards", "all", 900, "boards and firmware that refuse or lack "
         "something", boards, BUILT, kind="waits"),
    Test("serial-no-prompt", "all", 300, "silence, rubbish, other systems",
         no_prompt, BUILT, kind="waits"),
    Test("serial-uboot", "all", 900, "the kernel by YMODEM, to its verdict",
         serial_uboot, BUILT),
    Test("serial-killed", "all", 600, "a sender that dies, and a second try",
         serial_killed, BUILT, kind="waits"),
    Test("serial-pulled", "all", 600, "an adapter pulled out, and a second try",
         serial_pulled, BUILT, kind="waits"),
    Test("serial-cut", "all", 600, "a line cut, and a second try", serial_cut,
         BUILT, kind="waits"),
    Test("serial-noise", "all", 900, "a noisy line, and a second try",
         noise((4000, 2000)), BUILT, kind="waits"),
    Test("serial-noises", "full", 900, "more of it", noise(
        (4000, 2000), (1500, 500), (1000, 300)), BUILT),
    Test("serial-wrong-baud", "all", 300, "another speed, and the right one",
         wrong_baud, BUILT, kind="waits"),
    Test("serial-reload", "all", 600, "a board where Strata runs",
         serial_reload, BUILT, kind="waits"),
    Test("serial-terminal", "quick", 300, "the user's terminal, used and given "
         "back", terminal, BUILT),
    Test("serial-console", "all", 600, "typing, and Ctrl-]", console, BUILT),
]
