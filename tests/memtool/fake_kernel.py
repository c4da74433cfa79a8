"""A board with Strata's prompt and its memtest, as far as the host tool can
tell: logs of every kind, at any speed, over lines of every quality.

The program is a generator: it yields the seconds that it waits for a byte and
gets that, or None when none came. So it runs in simulated time (Simulated) as
well as behind a pty (OnPty).
"""
import dataclasses
import os
import random
import time

from fake_board import Fake
from memlog import parse

PROMPT = b"strata> "
WIDTH = 71              # cells of a line that are in view
BANK = 0x80000000
TESTS = (("address", "address"), ("walk1", "data"), ("marchc", "data"),
         ("fade", "retention"), ("traffic", "transfer"))
BOOT = ("\r\nOpenSBI v1.1\r\nStrata, fake board, boot hart 0 of 4, image at "
        "0x80200000, device tree at 0x87e00000\r\n")


@dataclasses.dataclass
class Script:
    """What happens. `errors`: {test's name: [(addr, expect, actual, class)]};
    `at` in the middle of which test it hangs, resets, panics or ends."""
    harts: int = 4
    passes: int = 1
    errors: dict = dataclasses.field(default_factory=dict)
    ranges: tuple = ()          # (test's name, start, end, count)
    mbytes: int = 1024
    slow: float = 25            # seconds of a test
    hold: int = 0               # ms; announced in each test
    kernel: bool = True         # is moved away and tested?
    hang: str = ""
    reset: str = ""
    panic: str = ""
    deaf: bool = False          # nothing ever comes
    refuses: str = ""           # what memtest says instead
    ignores: tuple = ()         # options that it does not take over
    nothing: bool = False       # to test
    board: str = "Fake board"
    swallow: tuple = ()         # ev= of lines that never leave
    stays: bool = False         # can't the kernel be moved away?
    babbles: bytes = b""        # comes for ever, once something was typed
    wedge: bytes = b""          # comes for ever, in place of the first test
    before: tuple = ()          # what is left of an earlier run


class Reset(Exception):
    pass


class Board:
    def __init__(self, script=None):
        self.script = script or Script()
        self.out = bytearray()
        self.seq = self.lines = 0
        self.clock = 0.0
        self.began = 0.0
        self.ahead = bytearray()    # typed while a command ran
        self.interrupted = False
        self.last = None            # summary: lines without seq
        self.commands = []

    def say(self, data):
        self.out += data.encode("latin1") if isinstance(data, str) else data

    # -- the prompt

    def run(self):
        if self.script.deaf:
            while True:
                yield 3600
        for text in self.script.before:
            yield 0.2
            self.log(text)
        self.say(PROMPT)
        while True:
            line = yield from self.line()
            self.commands.append(line)
            try:
                yield from self.command(line)
            except Reset:
                self.say("\r\nU-Boot SPL 2021.10\r\nDRAM:  4 GiB\r\n")
                self.say("Hit any key to stop autoboot:  0\r\nStarFive # ")
                while True:
                    yield 3600
            self.say(PROMPT)

    def line(self):
        text, shown = "", ""
        while True:
            byte = self.ahead.pop(0) if self.ahead else (yield 3600)
            if byte is None:
                continue
            if byte in (10, 13):
                self.say("\r\n")
                return text
            if byte == 3:
                self.say("^C\r\n" + PROMPT.decode())
                text = shown = ""
            elif byte == 21:
                text = ""
            elif 32 <= byte < 127 and len(text) < 255:
                yield from self.forever(self.script.babbles, 0.1)
                text += chr(byte)
            view = text
            if len(text) > WIDTH - 2:
                at = (len(text) - WIDTH // 2) // 35 * 35
                view = "<" + text[at + 1:]
            self.redraw(shown, view)
            shown = view

    def forever(self, text, seconds):
        while text:
            self.say(text)
            yield seconds

    def redraw(self, old, new):
        same = 0
        while same < min(len(old), len(new)) and old[same] == new[same]:
            same += 1
        self.say("\b" * (len(old) - same) + new[same:])
        if len(old) > len(new):
            self.say(" " * (len(old) - len(new)) +
                     "\b" * (len(old) - len(new)))

    def command(self, line):
        words = line.split()
        if not words:
            return
        if words[0] != "memtest":
            self.say(f"{words[0]}: no such command\r\n")
        elif words[1:] == ["last"]:
            self.summary()
        elif self.script.refuses:
            self.say(self.script.refuses + "\r\n")
        else:
            yield from self.memtest(words[1:])

    # -- the log

    def log(self, text):
        line = parse.make(self.seq, f"ts={self.clock - self.began:.1f} {text}")
        self.seq += 1
        if not any(f"ev={e} " in text for e in self.script.swallow):
            self.say(line + b"\r\n")

    def pause(self, seconds):
        """Whether ^C came."""
        left = seconds
        while left > 0 and not self.interrupted:
            before = self.clock
            byte = yield left
            left -= max(self.clock - before, 0.0001)
            if byte == 3:
                self.interrupted = True
                self.ahead.clear()
            elif byte is not None:
                self.ahead.append(byte)
        return self.interrupted

    def options(self, words):
        o = {"run-id": "00000000", "profile": "standard", "passes": "1",
             "seed": "1", "harts": ",".join(map(str, range(self.script.harts))),
             "cache": "wb", "hold": str(self.script.hold), "fade": "0",
             "range": "all", "test": ",".join(n for n, _ in TESTS),
             "kernel": "yes", "tick": "10"}
        while words:
            name = words.pop(0)[2:]
            if name not in o or not words:
                return None
            else:
                value = words.pop(0)
                if name not in self.script.ignores:
                    o[name] = value
        return o

    def memtest(self, words):
        o = self.options(words)
        if o is None:
            self.say("memtest: no such option\r\nusage: memtest [--list]\r\n")
            return
        self.o, self.seq, self.began = o, 0, self.clock
        self.interrupted, self.found, self.summary_lines = False, 0, []
        s = self.script
        self.log(f"ev=start format=2 version=0.1 arch=riscv64 "
                 f"run={o['run-id']} profile={o['profile']} "
                 f"tests={o['test']} range={o['range']} passes={o['passes']} "
                 f"seed={o['seed']} harts={o['harts']} cache={o['cache']} "
                 f"verified=yes hold_ms={o['hold']} fade_ms={o['fade']} "
                 f"kernel={o['kernel']}")
        self.head()
        done = 0
        if not s.nothing:
            passes = int(o["passes"])
            while (done < passes or not passes) and not self.interrupted:
                yield from self.one_pass(done + 1)
                done += not self.interrupted
        self.finish(done)

    def head(self):
        s = self.script
        board = s.board.replace("\\", "\\\\").replace('"', '\\"')
        self.log(f'ev=info board="{board}" compatible="fake,board-1" '
                 f'mem_mb={s.mbytes}')
        self.log(f'ev=info cpu="rv64imafdc_zba_zbb" harts={s.harts} mmu=Sv39 '
                 'timebase=4000000')
        self.log('ev=info sbi="OpenSBI 1.1" sbi_spec=1.0 mvendorid=0x489 '
                 'marchid=0x8000000000000007 mimpid=0x4210427')
        self.log("ev=info cache_l2=2097152 line=64 baud=115200")
        end = BANK + (s.mbytes << 20)
        if s.nothing:
            return
        self.log(f"ev=region start={BANK + 0x400000:#x} "
                 f"end={end - 0x1000000:#x}")
        self.log(f"ev=region start={end - 0xe00000:#x} end={end:#x}")
        if s.kernel:
            self.log(f"ev=kernel start={BANK + 0x200000:#x} "
                     f"end={BANK + 0x400000:#x}")
        self.log(f"ev=untested start={BANK:#x} end={BANK + 0x80000:#x} "
                 f"why=firmware")
        self.log(f"ev=untested start={BANK + 0x80000:#x} "
                 f"end={BANK + 0x200000:#x} why=reserved")
        self.log(f"ev=untested start={end - 0x1000000:#x} "
                 f"end={end - 0xe00000:#x} why=dma")

    def one_pass(self, number):
        self.log(f"ev=pass_start pass={number}")
        names = self.o["test"].split(",")
        before = self.found
        for i, name in enumerate(names):
            if self.interrupted:
                return
            yield from self.test(number, i, names)
        if self.script.kernel and not self.interrupted:
            yield from self.displaced(f"pass={number} test=1 "
                                      f"name={names[0]}")
        errors = self.found - before
        self.log(f"ev=pass_end pass={number} errors={errors} "
                 f"status={'fail' if errors else 'pass'}")

    def displaced(self, what):
        block = f"start={BANK + 0x200000:#x} end={BANK + 0x400000:#x}"
        self.log(f"ev=displace {block} spare={BANK + 0x10000000:#x}")
        if self.script.stays:
            self.log(f"ev=stays {block} why=busy")
            return
        self.log(f"ev=test_start {what} kind=data bytes=2097152")
        percent = 0 if (yield from self.pause(0.2)) else 100
        harts = ",".join([str(percent)] * self.script.harts)
        self.log(f"ev=tick {what} pass_pct=100 test_pct={percent} "
                 f"errors={self.found} harts={harts} eta_s=0")
        self.log(f"ev=test_end {what} errors=0 shown=0 ms=200 bytes=2097152 "
                 f"accesses=1048576 mb_s=42")
        self.log(f"ev=restored {block}")

    def test(self, number, index, names):
        s, name = self.script, names[index]
        kind = dict(TESTS).get(name, "data")
        what = f"pass={number} test={index + 1} name={name}"
        size = (s.mbytes << 20) - 0x600000
        self.log(f"ev=test_start {what} kind={kind} bytes={size}")
        yield from self.forever(s.wedge, 5)
        steps = max(1, int(s.slow / float(self.o["tick"])))
        errors = 0
        for step in range(steps):
            stopped = yield from self.pause(s.slow / steps)
            if step == steps // 2 and not stopped:
                yield from self.middle(what, name)
                errors = self.errors(what, name, kind)
            percent = 100 * (step + (not stopped)) // steps
            harts = ",".join(str(max(0, percent - 3 * h))
                             for h in range(s.harts))
            overall = (100 * index + percent) // len(names)
            self.log(f"ev=tick {what} pass_pct={overall} test_pct={percent} "
                     f"errors={self.found} harts={harts} "
                     f"eta_s={int((100 - overall) * s.slow / 20)}")
            if stopped:
                break
        ms = int(s.slow * 1000)
        self.log(f"ev=test_end {what} errors={errors} shown={min(64, errors)} "
                 f"ms={ms} bytes={size} accesses={4 * size // 8} "
                 f"mb_s={4 * size / 1e3 / ms:.0f}")

    def middle(self, what, name):
        s = self.script
        if name == s.hang:
            while True:
                yield 3600
        if name == s.reset:
            raise Reset
        if name == s.panic:
            self.say("\r\npanic: a bad page table\r\n  0x80201234 f+0x10\r\n")
            while True:
                yield 3600
        if ms := int(self.o["hold"]):
            self.log(f"ev=hold start={BANK + 0x400000:#x} "
                     f"end={BANK + (s.mbytes << 20):#x} pattern=0x{0:016x} "
                     f"ms={ms} {what.split(' ', 1)[1]} why=hold")
            if not (yield from self.pause(ms / 1000)):
                self.log("ev=resume")

    def errors(self, what, name, kind):
        mine = self.script.errors.get(name, ())
        for i, (addr, expect, actual, cls) in enumerate(mine[:64]):
            xor = expect ^ actual
            lanes = sum(1 << b for b in range(8) if xor >> 8 * b & 0xff)
            hart = i % self.script.harts
            self.log(f"ev=error {what} type={kind} hart={hart} "
                     f"addr={addr:#x} expect=0x{expect:016x} "
                     f"actual=0x{actual:016x} xor=0x{xor:016x} "
                     f"bits={xor.bit_count()} "
                     f"bit={(xor & -xor).bit_length() - 1} lanes={lanes:#04x} "
                     f"class={cls} again=0x{actual:016x},0x{actual:016x} "
                     f"cache=wb pattern=0x{expect:016x}")
        more = 0
        for test, start, end, count in self.script.ranges:
            if test == name:
                more += count
                self.log(f"ev=errors {what.split(' ', 1)[1]} start={start:#x} "
                         f"end={end:#x} count={count} xor_or=0x{1 << 13:016x}")
        self.found += len(mine) + more
        return len(mine) + more

    def finish(self, passes):
        s = self.script
        lines = self.summary_of()
        for line in lines:
            self.log(line)
        status = "fail" if self.found or s.nothing else \
            "interrupted" if self.interrupted else "pass"
        size = 0 if s.nothing else (s.mbytes << 20) - 0x400000
        done = (f"ev=done run={self.o['run-id']} status={status} "
                f"passes={passes} errors={self.found} tested={size} "
                f"untested=4194304 skipped=0 "
                f"ms={int(1000 * (self.clock - self.began))} "
                f"lines={self.seq}")
        for _ in range(3):
            self.log(done)
        self.last = lines + [done]
        self.say(f"memtest: {status.upper()}, {size / 2**20:.1f} MiB tested, "
                 f"4.0 MiB not, {self.found} errors\r\n")

    def summary_of(self):
        if not self.found:
            return []
        every = [e for v in self.script.errors.values() for e in v]
        lines = []
        for bit in range(64):
            up = sum(~e[1] & e[2] & 1 << bit != 0 for e in every)
            down = sum(e[1] & ~e[2] & 1 << bit != 0 for e in every)
            if up or down:
                lines.append(f"ev=bits bit={bit} up={up} down={down}")
        lines.append('ev=suspect what=data-line detail="bit 13 in all errors: '
                     'data line 13 of lane 1"')
        frames = sorted({e[0] & ~0xfff for e in every})
        for frame in frames:
            lines.append(f"ev=bad start={frame:#x} end={frame + 0x1000:#x} "
                         f"state=retired")
        for text in ("reserved-memory {", "\\t#address-cells = <2>;", *(
                f"\\tbad@{f:x} {{ reg = <{f >> 32:#x} {f & 0xffffffff:#x} 0x0 "
                f"0x1000>; no-map; }};" for f in frames), "};"):
            lines.append(f'ev=dts text="{text}"'.replace("\\t", "  "))
        lines += [f'ev=memmap text="memmap=4K${f:#x}"' for f in frames]
        return lines

    def summary(self):
        if not self.last:
            self.say("memtest: there was no run\r\n")
            return
        self.seq, self.began = 0, self.clock
        for line in self.last:
            self.log(line)


class Noise:
    """A line that corrupts, drops and doubles bytes, each with p/3."""

    def __init__(self, p, seed):
        self.p, self.rng = p, random.Random(seed)

    def __call__(self, data):
        if not self.p:
            return data
        out = bytearray()
        for byte in data:
            kind = self.rng.random() / self.p * 3
            if kind < 1:
                out.append(self.rng.randrange(256))
            elif kind < 2:
                continue
            elif kind < 3:
                out += bytes((byte, byte))
            else:
                out.append(byte)
        return bytes(out)


class Simulated:
    """A link of the tool's to a Board, with a clock of its own."""

    def __init__(self, board, noise=0, seed=0, cuts=(), pulled=False):
        self.board, self.noise = board, Noise(noise, seed)
        # (from, to): nothing arrives; `pulled`: because the port is gone.
        self.cuts, self.pulled = list(cuts), pulled
        self.time = 0.0
        self.down = self.dead = None
        self.program = board.run()
        self.due = self._step(None, True)
        self.ready = bytearray()
        self._collect()

    def _step(self, byte, first=False):
        """When the program next does something without a byte."""
        self.board.clock = self.time
        wait = next(self.program) if first else self.program.send(byte)
        return self.time + wait

    def _collect(self):
        data = bytes(self.board.out)
        self.board.out.clear()
        if not self.cut():
            self.ready += self.noise(data)

    def cut(self):
        return any(a <= self.time < b for a, b in self.cuts)

    def now(self):
        return self.time

    def read(self, seconds):
        if not (self.pulled and self.cut()):
            self.down = None
        elif self.down is None:
            self.down = self.time
        limit = self.time + seconds
        while not self.ready and self.time < limit:
            if self.due > limit:
                self.time = limit
                break
            self.time = self.due
            self.due = self._step(None)
            self._collect()
        data, self.ready = bytes(self.ready), bytearray()
        return data

    def write(self, data):
        if self.cut():
            return False
        for byte in self.noise(data):
            self.due = self._step(byte)
        self._collect()
        return True

    def close(self):
        pass


class OnPty(Fake):
    """A Board behind a pty whose name stays the same, `path`: a link in
    `folder`. Its time runs `speed` times as fast."""

    def __init__(self, test, board, folder, speed=20, noise=0, seed=0):
        self.board, self.speed = board, speed
        super().__init__(test)
        self.faults = lambda way, data, n=Noise(noise, seed): n(data)
        self.link = f"{folder}/port"
        os.symlink(self.path, self.link)

    def run(self):
        begin, program = time.monotonic(), self.board.run()
        wait = next(program)
        while True:
            self.out += self.board.out
            self.board.out.clear()
            byte = yield wait / self.speed
            self.board.clock = (time.monotonic() - begin) * self.speed
            wait = program.send(byte)

    def unplug(self):
        os.unlink(self.link)
        self.pull_out()

    def plug(self):
        self.plug_in()
        os.symlink(self.path, self.link)
