"""Sending a file by YMODEM.

A serial line loses, adds and changes bytes. YMODEM sends a file as numbered
blocks; the receiver answers each, and only then the next one is sent:

    receiver    'C'         ACK             ACK     'C'         ACK
    sender          header      1       1       2       ... EOT     empty header

    block: SOH or STX, number, ~number, 128 or 1024 bytes, CRC (high byte first)

The header is block 0: name, NUL, size in decimal; so the receiver knows where
the padding of the last block begins. The CRC is CRC-16/XMODEM: x^16 + x^12 +
x^5 + 1, from 0, highest bit first. It sees every burst of errors of up to 16
bits.

What U-Boot's receiver does (common/xyzModem.c, the same in all versions of
interest), for which the limits below are made:

- It asks for a block again by 'C' instead of NAK. After the header's ACK there
  is no 'C'.
- It hunts for SOH or STX and then takes as many bytes as the block should have.
  A byte that stays away for 2 s ends that. Some errors make it wait until the
  line is silent for 2 s more, and a bad header is only answered then: nearly 7
  s can go by. Whoever repeats a block earlier feeds it to that wait.
- A block that it already has gets one more ACK. So has a block whose ACK was
  lost, but also one repeated because noise looked like a 'C': then an ACK is
  one too many.
- EOT counts only as the first byte after a block. A wrong one ends the file: it
  then says how much it has, which is too little.
- It gives up when 20 attempts at a block fail, or on three CANs between blocks.

I1. A block is answered by at most one ACK that is not left over: when one was
    sent twice, the line has to fall silent before the next block goes out.
I2. Should the sender be ahead nevertheless, all it sends is refused; so a block
    refused twice makes it step back by one, then by two. A receiver
    acknowledges the block it had last and the one that it wants.
I3. EOT goes out on a silent line after the last block's ACK only.
I4. All waits end: each answer has a limit, each block, and the file.

That still proves nothing: a block with a CRC that fits by chance, an EOT or
ACKs made of noise are possible. Whoever needs to be sure compares length and
checksum of the whole.

`line` is read(seconds) -> bytes, perhaps none; write(bytes); now() -> seconds.
"""
import binascii

from say import Error

SOH, STX, EOT, ACK, NAK, CAN = 0x01, 0x02, 0x04, 0x06, 0x15, 0x18
START = ord("C")
ANSWER = 8          # seconds: longer than the receiver may need to complain
SILENCE = 1         # seconds without a byte after which an answer is none
REFUSALS = 10       # of the receiver's 20
SILENT = 3          # answers that stay away
BACK = (0, 0, 1, 0, 2)  # blocks to step back after so many refusals
# What U-Boot prints when it has left the protocol.
LEFT = b"xyzModem - "
# And each time it starts, and never else.
RESET = b"\nDRAM: "
WAS_RESET = "the board was reset meanwhile: start this again"


class Broken(Error):
    """The transfer failed; the receiver may still be waiting for more."""


def crc16(data):
    return binascii.crc_hqx(data, 0)


def block(number, data):
    """A block with so much of `data` as is there, padded."""
    start, size = (SOH, 128) if len(data) <= 128 else (STX, 1024)
    data = data.ljust(size, b"\x1a" if number else b"\0")
    number &= 0xff
    return (bytes((start, number, number ^ 0xff)) + data
            + crc16(data).to_bytes(2, "big"))


def header(name, size):
    """Block 0. Only the name's last 80 characters go out, so that it is
    short."""
    name = name.encode("ascii", "replace")[-80:]
    return block(0, name + b"\0" + str(size).encode() + b"\0")


def cancel(line):
    """Tell the receiver to give up. It does not listen inside a block: then
    this must be repeated when it has missed the rest for 2 s."""
    line.write(bytes([CAN] * 8 + [0x08] * 8))


class Sender:
    def __init__(self, line, name, data, progress):
        self.line, self.data, self.progress = line, data, progress
        self.header = header(name, len(data))
        self.blocks = (len(data) + 1023) // 1024
        self.unread = b""
        self.recent = b""       # the last that came, to see LEFT in it

    def _read(self, seconds):
        """What has come: all of it."""
        got, self.unread = self.unread, b""
        if not got:
            got = self.line.read(seconds)
            self.recent = self.recent[-256:] + got
            if RESET in self.recent:
                raise Error(WAS_RESET)
        return got

    def _byte(self, seconds):
        """The next byte; None when there is none in time."""
        got = self._read(seconds)
        self.unread = got[1:]
        return got[0] if got else None

    def _answer(self, seconds=ANSWER):
        """ACK, START (NAK is the same) or None. What else comes is noise. An
        ACK behind a refusal counts for nothing: the rest of a block with a byte
        too many may have been taken for EOT."""
        limit = self.line.now() + seconds
        cans = 0
        while (left := limit - self.line.now()) > 0:
            byte = self._byte(left)
            if LEFT in self.recent:
                raise Broken("the board ended the transfer before it was "
                             "complete (noise on the line?)")
            if byte == ACK:
                return ACK
            if byte in (START, NAK):
                self._drop(SILENCE / 4)
                return START
            cans = cans + 1 if byte == CAN else 0
            if cans == 2:
                raise Broken("the board cancelled the transfer")
        return None

    def _drop(self, seconds=0):
        """Drop what comes until nothing does for so long; 10 s at most."""
        limit = self.line.now() + 10
        while self._read(seconds) and self.line.now() < limit:
            pass

    def _start(self):
        """Wait for the receiver's 'C'. NAK asks for XMODEM's plain sums: U-Boot
        does that when it has waited for long; noise looks like it, too."""
        limit = self.line.now() + 3 * ANSWER
        while self.line.now() < limit:
            if START in self._read(ANSWER):
                return
        raise Broken("the board did not ask for the file")

    def _block(self, number):
        if number == 0:
            return self.header
        return block(number, self.data[(number - 1) * 1024:number * 1024])

    def _blocks(self):
        """Header and file."""
        number = refused = silent = 0
        budget = 3 * self.blocks + 100
        while number <= self.blocks:
            back = BACK[refused % len(BACK)]
            sent = max(number - back, 0)
            self._drop()                # what is left over answers nothing
            self.line.write(self._block(sent))
            answer = self._answer()
            budget -= 1
            if answer == ACK:
                # I1. After the header, others but U-Boot send a 'C'.
                if refused or number == 0:
                    self._drop(SILENCE)
                number, refused, silent = sent + 1, 0, 0
                self.progress(min(sent * 1024, len(self.data)))
                continue
            refused += 1
            silent = silent + 1 if answer is None else 0
            if silent == SILENT:
                raise Broken(f"no answer from the board at byte "
                             f"{max(number - 1, 0) * 1024} any more")
            if refused == REFUSALS or budget <= 0:
                raise Broken(f"the line is too bad: the board refused block "
                             f"{number} of {self.blocks} {refused} times")

    def _end(self):
        """EOT and an empty header. U-Boot says so when it has left: that it did
        is as good as an ACK here."""
        self._drop(SILENCE)               # I3
        try:
            for _ in range(REFUSALS):
                self.line.write(bytes([EOT]))
                if self._answer() == ACK:
                    break
            else:
                raise Broken("the board did not take the end of the file")
            # Some receivers refuse the first EOT on principle, all ask for the
            # next file by a 'C'. U-Boot listens to the answer once, whatever it
            # may be.
            if self._next_file():
                self.line.write(block(0, b""))
                self._answer()
        except Broken:
            if LEFT not in self.recent:
                raise

    def _next_file(self):
        limit = self.line.now() + ANSWER
        while LEFT not in self.recent and self.line.now() < limit:
            if self._byte(SILENCE) == START:
                return LEFT not in self.recent
        return False

    def send(self):
        self._start()
        self._blocks()
        self._end()


def send(line, name, data, progress=lambda done: None):
    """Send a file, of at least one byte, to a receiver that has been started.
    Returns what it said behind the protocol's end, as far as that was read.
    Broken, an Error, when it fails, after the receiver was told to give up, as
    it is when this is interrupted; Error when the board was reset.
    progress(bytes) is called now and then."""
    sender = Sender(line, name, data, progress)
    try:
        sender.send()
        return sender.unread
    except (Broken, KeyboardInterrupt):
        cancel(line)
        raise
