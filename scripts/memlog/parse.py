"""Lines of the memory tester's log, from a line that may be noisy.

A line of the log is intact when its checksum says so, and only then is anything
in it believed. All other bytes are text; text that looks as if it had been a
line of the log is damage, and is counted, since what it said is lost.
"""
import re
import zlib

LONGEST = 4096      # bytes of a line; what is longer has lost its ends
MARK = re.compile(rb"MTLOG ")
CRC = re.compile(rb" crc=([0-9a-f]{8})(?![0-9a-f])")
PAIR = re.compile(r' ([A-Za-z_]\w*)=("(?:[^"\\]|\\.)*"|[^ "]*)', re.A)
# What is left of a line of the log, when not all of it is.
RUIN = re.compile(rb"MTLO|TLOG|(?:^| )seq=\d|ev=\w\w|crc=[0-9a-f]|"
                  rb" (?:pass_pct|test_pct|actual|expect|errors|eta_s)=")
ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


class Record:
    """An intact line. `at`: seconds by the host's clock, or None."""

    def __init__(self, raw, fields, at=None):
        self.raw, self.fields, self.at = raw, fields, at
        self.seq = self.number("seq")
        self.ev = fields.get("ev", "")

    def text(self, key, default=""):
        return self.fields.get(key, default)

    def number(self, key, default=None):
        """Decimal, not negative; the default when it is none."""
        value = self.fields.get(key, "")
        if re.fullmatch(r"[0-9]{1,20}", value, re.A):
            return int(value)
        return default

    def real(self, key, default=None):
        value = self.fields.get(key, "")
        if re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,9})?", value, re.A):
            return float(value)
        return default

    def hex(self, key, default=None):
        """An address or a word; the default when it is none."""
        value = self.fields.get(key, "")
        if re.fullmatch(r"0x[0-9a-fA-F]{1,16}", value, re.A):
            return int(value, 16)
        return default


def pairs(text):
    """The key=value pairs of a line whose checksum was right; {} when it is
    not made of such pairs: then it is no line of this log."""
    found, at = {}, len("MTLOG")
    while at < len(text):
        m = PAIR.match(text, at)
        if not m:
            return {}
        value = m[2]
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        found.setdefault(m[1], value)
        at = m.end()
    return found


def record_at(line, start, at):
    """(Record, end) of the intact line that begins there, or None. Its text may
    have something like a checksum in it: the first that is right counts."""
    for m in CRC.finditer(line, start, start + LONGEST):
        body = line[start:m.start()]
        if zlib.crc32(body) != int(m[1], 16):
            continue
        if not body.isascii():
            return None
        fields = pairs(body.decode("ascii"))
        if "ev" not in fields or not fields.get("seq", "").isdecimal():
            return None
        return Record(body, fields, at), m.end()
    return None


def records(line, at=None):
    """(list of Records, damaged?, other text) of a line of bytes."""
    found, rest, pos = [], b"", 0
    while m := MARK.search(line, pos):
        if got := record_at(line, m.start(), at):
            rest += line[pos:m.start()]
            found.append(got[0])
            pos = got[1]
        else:
            rest += line[pos:m.end()]
            pos = m.end()
    rest += line[pos:]
    return found, bool(RUIN.search(rest)), rest


class Framer:
    """Bytes as they come -> lines without their ends."""

    def __init__(self):
        self.part = b""

    def feed(self, data):
        lines = re.split(rb"[\r\n]+", self.part + data)
        self.part = lines.pop()
        while len(self.part) > LONGEST:
            lines.append(self.part[:LONGEST])
            self.part = self.part[LONGEST:]
        return [line for line in lines if line]

    def rest(self):
        """What is left when no more comes."""
        line, self.part = self.part, b""
        return [line] if line else []


def make(seq, text):
    """A line of the log, as the kernel makes it; for tests."""
    body = f"MTLOG seq={seq} {text}".encode("ascii")
    return body + b" crc=%08x" % zlib.crc32(body)
