"""The log as it is stored: what came, line by line, with the host's time.

    # Strata memtest log 1 run=1a2b3c4d command="memtest --run-id 1a2b3c4d"
    2026-11-22T20:36:42.125Z MTLOG seq=0 ts=0.0 ev=start ...
    # 2026-11-22T20:36:45.002Z the port is gone

Bytes that can't be shown are written as \\xNN, so it is a text for any viewer;
an intact line has none. Lines with # are the tool's own. A log that another
program has recorded can be read as well: what stands before MTLOG is skipped.
"""
import datetime
import os
import re
import stat

import say

HEAD = re.compile(rb"# Strata memtest log 1 run=([\w.-]*) command=\"([^\"]*)\"")
WHEN = rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) "
STAMP = re.compile(rb"(# )?" + WHEN)
NOTE = re.compile(rb"^# " + WHEN, re.M)
ODD = re.compile(rb"[^ -~\t]")


def stamp(at):
    when = datetime.datetime.fromtimestamp(at, datetime.timezone.utc)
    thousandths = when.microsecond // 1000
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{thousandths:03}Z"


def seconds(text):
    """Of a stamp; None when it is no time."""
    try:
        return datetime.datetime.fromisoformat(text[:-1] + "+00:00").timestamp()
    except ValueError:
        return None


def plain(line):
    return ODD.sub(lambda m: b"\\x%02x" % m[0][0], line)


class Record:
    """Writes; to nowhere when there is no path."""

    def __init__(self, path, clock):
        self.path, self.clock, self.file = path, clock, None
        if path is None:
            return
        try:
            os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
            self.file = open(path, "wb", opener=lambda name, flags: os.open(
                name, flags | os.O_NONBLOCK, 0o666))
        except OSError as e:
            raise say.Error(f"can't write {path}: {e.strerror}") from None
        # The report is made of what can be read again.
        if not stat.S_ISREG(os.fstat(self.file.fileno()).st_mode):
            raise say.Error(f"can't keep a log in {path}: it is not a file")

    def head(self, run_id, command):
        self._write(f'# Strata memtest log 1 run={run_id} '
                    f'command="{command}"'.encode("ascii", "replace"))

    def line(self, line):
        self._write(stamp(self.clock()).encode() + b" " + plain(line))

    def note(self, text):
        """Something that the tool did or saw."""
        self._write(f"# {stamp(self.clock())} ".encode() +
                    plain(text.encode("utf-8", "replace")))

    def _write(self, line):
        if not self.file:
            return
        try:
            self.file.write(line + b"\n")
            self.file.flush()   # so that it is there whatever happens next
        except OSError as e:
            self.file = None
            say_so = f"can't write {self.path}: {e.strerror}"
            raise say.Error(say_so) from None

    def close(self):
        if self.file:
            self.file.close()
            self.file = None


class Stored:
    """A stored log; `commands`: {run's ID: command}, as its heads tell. A
    recording by another program has none."""

    def __init__(self, path):
        with say.open_file(path) as f:
            self.data = f.read()
        heads = filter(None, map(HEAD.match, self.data.split(b"\n")))
        self.commands = {m[1].decode(): m[2].decode() for m in heads}
        self.own = bool(self.commands or NOTE.search(self.data))

    def lines(self):
        """(seconds or None, line, is it the tool's own?)"""
        for line in re.split(rb"[\r\n]+", self.data):
            at, own = None, False
            if m := STAMP.match(line):
                at, own = seconds(m[2].decode()), bool(m[1])
                line = line[m.end():]
            elif HEAD.match(line):
                own = True
            if line:
                yield at, line, own
