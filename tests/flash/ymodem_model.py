"""A YMODEM receiver, as U-Boot's behaves, at the far end of a line that makes
mistakes, in simulated time.

Nothing waits: the line has a clock of its own. The sender's read() lets the
receiver run until it has something to say or the time is over. The receiver is
a generator; it yields the seconds that it would wait for a byte and gets the
byte, or None when none came in time.
"""
import binascii

import ymodem

SOH, STX, EOT, ACK, CAN = 0x01, 0x02, 0x04, 0x06, 0x18
CHAR = 2            # seconds that it waits for a byte


class Receiver:
    """The program at the far end. `file` is what it has, when `done`."""

    def __init__(self, ack_then_start=False, refuse_first_eot=False):
        # What other receivers do and U-Boot does not.
        self.ack_then_start = ack_then_start
        self.refuse_first_eot = refuse_first_eot
        self.out = bytearray()      # what it says
        self.file = bytearray()
        self.done = False
        self.error = None
        self.ack = False            # to be sent when it next listens

    def say(self, *codes):
        self.out += bytes(codes)

    def silence(self):
        while (yield CHAR) is not None:
            pass

    def get(self):
        """The next block as (number, data), or a word for what went wrong."""
        if self.ack:
            self.say(ACK)
            self.ack = False
        cans = seen = 0
        while True:
            c = yield CHAR
            if c is None:
                yield from self.silence()
                return "timeout"
            seen += 1
            if c in (SOH, STX):
                break
            cans += c == CAN
            if cans == 3:
                return "cancel"
            if c == EOT and seen == 1:
                self.say(ACK)
                return "eof"
        body = bytearray()
        for _ in range(2 + (128 if c == SOH else 1024) + 2):
            c = yield CHAR
            if c is None:
                return "timeout"
            body.append(c)
        if body[0] ^ body[1] != 0xff:
            yield from self.silence()
            return "frame"
        if binascii.crc_hqx(body[2:-2], 0) != int.from_bytes(body[-2:], "big"):
            return "crc"
        return body[0], bytes(body[2:-2])

    def header(self):
        self.say(ord("C"))
        for _ in range(20):
            got = yield from self.get()
            if isinstance(got, tuple):
                number, data = got
                size = 0
                if number == 0:
                    size = int(data.split(b"\0")[1].split(b" ")[0] or b"0")
                    self.ack = True
                return size
            if got == "cancel":
                break
            if got == "timeout":
                self.say(ord("C"))
        return None

    def blocks(self, size):
        wanted = 1
        while True:
            for _ in range(20):
                got = yield from self.get()
                if isinstance(got, tuple):
                    number, data = got
                    if number == wanted & 0xff:
                        self.ack = True
                        self.file += data
                        if size:
                            del self.file[size:]
                        wanted += 1
                        break
                    if number == wanted - 1 & 0xff:
                        self.say(ACK)
                        continue
                if got == "cancel":
                    return got
                if got == "eof":
                    if self.refuse_first_eot:
                        # The ACK is not out yet where this is so.
                        self.refuse_first_eot = False
                        self.out.pop()
                        self.say(0x15)
                        continue
                    self.say(ACK, ord("C"))
                    yield from self.get()
                    self.say(ACK)
                    return None
                self.say(ord("C"))
            else:
                return "retries"

    def run(self):
        size = yield from self.header()
        if size is None:
            self.error = "no header"
        else:
            if self.ack_then_start:
                self.say(ACK, ord("C"))
                self.ack = False
            self.error = yield from self.blocks(size)
        self.out += b"xyzModem - CRC mode, 1(SOH)/2(STX)/0(CAN) packets\r\n"
        self.done = True
        while True:             # the prompt: it reads what is typed
            yield 3600


class Line:
    """What ymodem.send() gets. faults(direction, data) -> data is called for
    all that goes "down" to the board or "up" from it. After `cut_at` bytes
    down, nothing passes any more."""

    def __init__(self, receiver, faults=lambda way, data: data, cut_at=None,
                 late=0, stray=None):
        self.receiver, self.faults, self.cut_at = receiver, faults, cut_at
        self.late, self.stray = late, stray
        self.writes = 0
        self.program = receiver.run()
        self.time = 0.0
        self.patience = next(self.program)
        self.waited = 0.0
        self.sent = 0
        self.up = []            # (when, what) is on its way up

    def now(self):
        return self.time

    def _listen(self):
        out, self.receiver.out[:] = bytes(self.receiver.out), b""
        if out and not self.is_cut():
            out = self.faults("up", out)
        if out and not self.is_cut():
            self.up.append((self.time + self.late, out))

    def is_cut(self):
        return self.cut_at is not None and self.sent >= self.cut_at

    def write(self, data):
        self._listen()
        self.writes += 1
        if self.writes == self.stray:
            self.up.append((self.time, b"C"))
        if self.cut_at is not None:
            data = data[:max(0, self.cut_at - self.sent)]
        self.sent += len(data)
        for byte in self.faults("down", data):
            self.patience = self.program.send(byte)
            self.waited = 0.0
        self.time += len(data) / 11520
        self._listen()

    def read(self, seconds):
        limit = self.time + seconds
        self._listen()
        while not self._arrived() and self.time < limit:
            step = min(limit - self.time, self.patience - self.waited,
                       *(when - self.time for when, _ in self.up))
            self.time += step + 1e-6
            self.waited += step
            if self.waited >= self.patience - 1e-9:
                self.patience = self.program.send(None)
                self.waited = 0.0
            self._listen()
        got = self._arrived()
        self.up = [one for one in self.up if one[0] > self.time]
        return got

    def _arrived(self):
        return b"".join(what for when, what in self.up if when <= self.time)


class Noise:
    """Faults by chance: of each so many bytes, one is changed, lost, doubled,
    or joined by another."""

    def __init__(self, rng, down, up=None):
        self.rng, self.rate = rng, {"down": down, "up": up or down}
        self.count = 0

    def __call__(self, way, data):
        rate = self.rate[way]
        if not rate:
            return data
        out = bytearray()
        for byte in data:
            if self.rng.random() * rate >= 1:
                out.append(byte)
                continue
            self.count += 1
            kind = self.rng.randrange(4)
            if kind == 0:
                out.append(byte ^ 1 << self.rng.randrange(8))
            elif kind == 2:
                out += bytes((byte, byte))
            elif kind == 3:
                out += bytes((byte, self.rng.randrange(256)))
        return bytes(out)


def transfer(data, faults=None, cut_at=None, late=0, stray=None, **kind):
    """Send; (error or None, what the receiver has, its line)."""
    receiver = Receiver(**kind)
    line = Line(receiver, faults or (lambda way, d: d), cut_at, late, stray)
    try:
        ymodem.send(line, "Image", data)
        error = None
    except ymodem.Broken as e:
        error = str(e)
    return error, bytes(receiver.file), line
