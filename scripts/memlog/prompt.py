"""Strata's prompt over a line that may be noisy.

What is typed is checked by what comes back. The editor there sends differences
to what the terminal shows, and scrolls long lines, so the check needs a small
terminal: one line of cells. Enter is pressed when that line shows what it
should.
"""
import re

from uboot import LOGIN, STRATA, plain, rubbish

AHEAD = 8           # characters typed ahead of the echo
ECHO = 2.0          # seconds it may take
BABBLE = 10.0       # the same, when something comes all the time
PROMPT = "strata> "
UBOOT = re.compile(r"(?:^|[\r\n])(?:=>|StarFive #|U-Boot>) $")


class Cells:
    """A terminal of one line."""

    def __init__(self):
        self.cells, self.column = [], 0

    def feed(self, data):
        for c in plain(data):
            if c == "\b":
                self.column = max(0, self.column - 1)
            elif c == "\r":
                self.column = 0
            elif c == "\n":
                self.cells, self.column = [], 0
            elif c >= " ":
                self.cells[self.column:self.column + 1] = [c]
                self.column += 1

    def shows(self, text):
        """Is this the line being typed, or the end of it that is in view?"""
        seen = "".join(self.cells).rstrip()
        text = text.rstrip()
        if seen == text:
            return True
        return seen[:1] == "<" and len(seen) > 20 and text.endswith(seen[1:])


class Prompt:
    """`more(seconds)` reads on, with all that goes with it, and returns bytes.
    """

    def __init__(self, link, more):
        self.link, self.more = link, more
        self.seen = b""         # the last that came
        self.heard = 0          # bytes, ever

    def read(self, seconds):
        data = self.more(seconds)
        self.seen = (self.seen + data)[-400:]
        self.heard += len(data)
        return data

    def there(self):
        """Is the prompt the last that came?"""
        return bool(STRATA.search(plain(self.seen[-40:])))

    def mangled(self):
        """Is a part of it what came, and not all?"""
        return not self.there() and bool(re.search(rb"str?at|rata|ata>|ta> ",
                                                   self.seen))

    def wait(self, seconds, poke=True):
        """Until the prompt is there; ^C asks for one. Whether it came."""
        limit = self.link.now() + seconds
        while self.link.now() < limit and not self.link.dead:
            if poke:
                self.link.write(b"\x03")
            # Perhaps it is only the middle of a line.
            until = min(limit, self.link.now() + 1)
            while self.link.now() < until and not self.link.dead:
                if not self.read(0.3) and self.there():
                    return True
        return False

    def why_not(self):
        """A sentence about what is there in the prompt's place."""
        if self.link.dead:
            return self.link.dead
        if self.link.down is not None:
            return "the port is gone"
        if not self.heard:
            return ("nothing comes from the board. Is it on? Is its TX wired "
                    "to the adapter's RX and RX to TX, ground to ground?")
        text = plain(self.seen)
        if UBOOT.search(text):
            return "U-Boot's prompt answers: boot Strata first, or use --boot"
        if LOGIN.search(text):
            return "the board runs another system, which asks for a login"
        if len(self.seen) >= 16 and rubbish(self.seen):
            return "what comes is rubbish: wrong baud rate, or a bad line"
        last = text.strip().split("\n")[-1].strip()[-70:]
        return f"Strata's prompt does not answer; the last was '{last}'"

    def type(self, line):
        """Type it, without Enter. Whether the echo is right."""
        cells = Cells()
        for at in range(0, len(line), AHEAD):
            due = line[:at + AHEAD]
            if not self.link.write(line[at:at + AHEAD].encode("ascii")):
                return False
            limit = self.link.now() + ECHO
            while not cells.shows(due):
                data = self.read(0.3)
                cells.feed(data)
                whole = len(cells.cells) >= min(len(due), 60)
                late = self.link.now() - limit
                if not data and (whole or late >= 0 or self.link.dead):
                    return cells.shows(due)
                if late > BABBLE:
                    return False
        return True
