"""A board that follows a script, for what QEMU's U-Boot can't show: the
vendor's prompt and environment, missing commands, other systems, refusals."""
import os
import re
import select
import time
import zlib

import ymodem_model
from wire import Wire

VENDOR = {"kernel_addr_r": "0x40200000", "fdt_addr_r": "0x46000000",
          "fdt_high": "0xffffffffffffffff", "bootargs": "console=ttyS0",
          "fdtcontroladdr": "fffc6aa0",
          "chipa_set_linux": "fdt addr ${fdt_addr_r};fdt memory 1 2"}

BANNER = "\r\n\r\nU-Boot 2021.10\r\n\r\nDRAM:  4 GiB\r\n"
CBSIZE = 255        # characters in a line, as on the VisionFive 2


class Fake(Wire):
    """Its program is a generator, run(): it yields the seconds that it waits
    for a byte and gets that, or None."""

    def __init__(self, test):
        super().__init__(test)
        self.inbox, self.outbox = os.pipe()
        os.set_blocking(self.inbox, False)
        self.out = bytearray()
        self.program = self.run()
        self.patience = next(self.program)

    def far_fd(self):
        return self.inbox

    def far_write(self, data):
        for byte in data:
            self.patience = self.program.send(byte)
        self._flush()

    def far_read(self):
        return os.read(self.inbox, 65536)

    def _flush(self):
        if self.out:
            os.write(self.outbox, bytes(self.out))
            self.out.clear()

    def _work(self):
        # Time passes for the program, too.
        last = time.monotonic()
        while not self.stopping:
            fds = [fd for fd in (self.near, self.inbox) if fd is not None]
            ready = select.select(fds, [], [], 0.05)[0]
            if self.near in ready and (data := os.read(self.near, 256)):
                last = time.monotonic()
                self.far_write(self.faults("down", data))
            elif time.monotonic() - last > self.patience:
                last = time.monotonic()
                self.patience = self.program.send(None)
                self._flush()
            if self.inbox in ready:
                self._up(self.far_read())

    def say(self, text):
        self.out += text.encode("latin1")


class Says(Fake):
    """Says something at once and then each second; deaf."""

    def __init__(self, test, text):
        self.text = text
        super().__init__(test)

    def run(self):
        while True:
            yield 1
            self.say(self.text)


class Echo(Fake):
    def run(self):
        while True:
            byte = yield 3600
            if byte is not None:
                self.out.append(byte)


class Board(Fake):
    """U-Boot as far as the tools need it.

    `lacks` are commands that it does not have, `answers` {command: what it says
    instead, then failing}; `spoil`: how many files arrive with a wrong byte;
    `strata`: it begins there; `then` is what comes after booti; `mishears`: a
    line so far whose next character it takes for another, once; `resets`: the
    byte of a file at which it starts anew."""

    def __init__(self, test, env=None, prompt="StarFive # ", lacks=(),
                 answers=None, spoil=0, strata=False, then="", mishears=None,
                 resets=None):
        self.env = dict(VENDOR if env is None else env)
        self.prompt, self.lacks, self.spoil = prompt, lacks, spoil
        self.answers, self.strata, self.then = answers or {}, strata, then
        self.mishears, self.resets = mishears, resets
        self.commands = []
        self.files = {}         # address: bytes
        self.status = 0
        super().__init__(test)

    def run(self):
        if self.strata:
            yield from self.kernel()
        self.say(BANNER + "Hit any key to stop autoboot:  2 ")
        yield 2
        while True:
            self.say("\r\n" + self.prompt)
            line = yield from self.line()
            yield from self.commands_of(line)

    def line(self):
        got = ""
        while True:
            byte = yield 3600
            if byte is None:
                continue
            c = chr(byte)
            if c == "\r":
                self.say("\r\n")
                return got
            if c == "\x03":
                self.say("<INTERRUPT>\r\n" + self.prompt)
                got = ""
            elif c == "\x18":
                got = ""
            elif " " <= c <= "~" and len(got) == CBSIZE:
                self.say("\a")
            elif " " <= c <= "~":
                if got == self.mishears:
                    c, self.mishears = "!", None
                got += c
                self.say(c)

    def kernel(self):
        self.say("\r\nstrata> ")
        got = ""
        while not got.endswith("reboot\r"):
            byte = yield 3600
            if byte is None:
                continue
            got += chr(byte)
            if byte == 3:
                self.say("^C\r\nstrata> ")
                got = ""
            else:
                self.say(chr(byte))

    def commands_of(self, line):
        for command in re.findall(r"(?:'[^']*'|[^;'])+", line):
            command = command.strip()
            if not command.startswith(("echo", "printenv", "crc32", "version")):
                self.commands.append(command)
            name, _, rest = command.partition(" ")
            if name == "echo":
                self.say(rest.replace("$?", str(self.status)) + "\r\n")
            elif name in self.lacks or not hasattr(self, "do_" + name):
                self.say(f"Unknown command '{name}' - try 'help'\r\n")
                self.status = 1
            elif name in self.answers:
                self.say(self.answers[name] + "\r\n")
                self.status = 1
            else:
                yield from getattr(self, "do_" + name)(rest)

    def do_version(self, _):
        self.say("U-Boot 2021.10 (vendor)\r\n")
        self.status = 0
        yield from ()

    def do_printenv(self, name):
        self.status = int(name not in self.env)
        self.say(f'## Error: "{name}" not defined\r\n' if self.status else
                 f"{name}={self.env[name]}\r\n")
        yield from ()

    def do_setenv(self, rest):
        name, _, value = rest.partition(" ")
        self.env.pop(name, None)
        if value:
            self.env[name] = value.strip("'")
        self.status = 0
        yield from ()

    def do_run(self, name):
        self.status = int(name not in self.env)
        yield from ()

    def do_loady(self, address):
        self.say(f"## Ready for binary (ymodem) download to 0x{address} at "
                 f"115200 bps...\r\n")
        receiver = ymodem_model.Receiver()
        program = receiver.run()
        patience = next(program)
        count = 0
        while not receiver.done:
            self.out += receiver.out
            receiver.out.clear()
            patience = program.send((yield patience))
            count += 1
            if count == self.resets:
                self.say(BANNER)
                return
        self.out += receiver.out
        if self.spoil:
            self.spoil -= 1
            receiver.file[len(receiver.file) // 2] ^= 1
        self.files[int(address, 16)] = bytes(receiver.file)
        self.env["filesize"] = f"{len(receiver.file):x}"
        self.status = 0

    def do_crc32(self, rest):
        address, length = (int(w, 16) for w in rest.split())
        crc = zlib.crc32(self.files[address][:length])
        self.say(f"crc32 for {address:08x} ... ==> {crc:08x}\r\n")
        self.status = 0
        yield from ()

    def do_booti(self, _):
        self.say("\r\nStarting kernel ...\r\n\r\n" + self.then)
        if "strata>" in self.then:
            yield from self.kernel()
        while True:
            yield 3600
