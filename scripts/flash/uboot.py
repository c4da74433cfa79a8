"""U-Boot's prompt, driven over a serial line.

Whatever state the board is in, get_prompt() types a space and ^C again and
again and looks at what comes back:

    countdown, a script that runs   either key ends it
    U-Boot's prompt                 ^C gives up the line; an empty line would
                                    not do, it repeats the last command
    waiting for a file              an attempt that broke off: told to give up
    Strata's prompt                 `reboot`, and then the countdown
    another system, rubbish, nothing    an error that says so

The ports of many boards keep 16 bytes and have no flow control, and U-Boot does
not read while it does anything else. So a command is typed a few characters
ahead of its echo, and Enter only after an echo that is right: what noise has
changed is never run. Behind each command stands `echo MARK:$?`: in the line as
it is echoed the status is not a number yet, so what matches is the answer.
Marks count up, so that an answer that comes late is not taken for the next one.
"""
import re
import sys

import ymodem
from say import Error

AHEAD = 8           # characters typed ahead of the echo
ECHO = 2            # seconds it may take
POKE = b" \x03"
BELL = b"\a"        # for each key that has no room in its line
STRATA = re.compile(r"(?:^|[\r\n])strata> $")
LOGIN = re.compile(r"(?:^|[\r\n])([^\r\n]{0,60}login: ?)(?:[\r\n ]*)$")
# '=> ', 'StarFive # ', and whatever else a board may call itself.
PROMPT = re.compile(r"(?:^|[\r\n])([][\w .:@~/()-]{0,40}(?:=>|[#>$%]) )$")
MEASURE = 256       # bytes after which rubbish is called that


def tell(text):
    print(text, file=sys.stderr, flush=True)


def plain(data):
    """Text without what terminals use to move about."""
    text = data.decode("ascii", "replace")
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def rubbish(data):
    """Looks like another speed? Text, in whatever language, is nearly all
    printable; a line sampled at the wrong moments is not."""
    text = data.decode("utf-8", "replace")
    odd = sum(c == "\ufffd" or c < " " and c not in "\r\n\t\b\x03\x07\x18\x1b"
              for c in text)
    return odd * 10 > len(text) * 3


def check_value(name, value):
    """Error if a variable can't be given this value at the prompt."""
    for c in value:
        if not " " <= c <= "~" or c == "'":
            raise Error(f"{name} can't be typed at U-Boot's prompt, because of "
                        f"{c!r} in it: {value}")


def quoted(value):
    """A value as it is typed: it comes out as it was."""
    return "'" + value.replace("\\", "\\\\") + "'"


class UBoot:
    def __init__(self, port, reboot=True):
        self.port = port
        self.reboot = reboot        # may Strata be told to?
        self.prompt = None
        self.mark = 0

    # -- getting there

    def get_prompt(self, seconds):
        """Error when there is none after so long."""
        begin = heard = self.port.now()
        limit, poked, told = begin + seconds, 0, False
        seen = b""
        while (now := self.port.now()) < limit:
            waited = now - begin
            # A receiver that has missed something may listen only after 2 s
            # without a byte; a countdown says something.
            pause = now - heard > 2 and waited % 6 > 3
            if waited - poked >= 0.25 and not pause:
                self._poke(seen, int(waited) // 4 != int(poked) // 4)
                poked = waited
            if waited > 3 and not told:
                tell("no prompt yet: reset the board or switch it on now "
                     f"(waiting {seconds:.0f} s)")
                told = True
            if more := self.port.read(0.1):
                seen, heard = seen + more, self.port.now()
            if self._look(seen):
                return
        raise Error(self._no_prompt(seen))

    def _poke(self, seen, give_up):
        # A receiver that was left waiting says 'C' and ignores keys.
        if give_up or seen.endswith(b"CC"):
            ymodem.cancel(self.port)
        self.port.write(POKE)

    def _look(self, seen):
        """True at U-Boot's prompt."""
        tail = plain(seen[-200:])
        if STRATA.search(tail):
            self._leave_strata()
            return False
        if LOGIN.search(tail):
            raise Error("the board runs another system, which asks for a "
                        "login: reset the board, and start this before or "
                        "just after")
        if len(seen) >= MEASURE and rubbish(seen[-MEASURE:]):
            raise Error(self._wrong_speed())
        if not PROMPT.search(tail):
            return False
        # Perhaps it is the middle of a line, or our last keys are under way.
        seen = seen[-200:] + self._rest(0.5)
        found = PROMPT.search(plain(seen))
        if not found or STRATA.search(plain(seen)):
            return False
        self.prompt = found[1]
        self._check()
        return True

    def _check(self):
        _, output = self.run("version")
        if "U-Boot" not in output:
            raise Error(f"the prompt '{self.prompt.strip()}' is not U-Boot's: "
                        f"reset the board, and start this before or just after")
        found = re.search(r"U-Boot \S+", output)
        tell(f"{found[0] if found else 'U-Boot'} is at its prompt")

    def _leave_strata(self):
        if not self.reboot:
            raise Error("the board runs Strata already (its prompt answers): "
                        "reset it, or leave out --no-reboot")
        tell("the board runs Strata: typing 'reboot' there")
        self.port.write(b"reboot\r")
        self._rest(0.5)

    def _wrong_speed(self):
        return (f"what comes from {self.port.path} is rubbish: wrong baud "
                f"rate? (--baud; this is {self.port.baud}) Or a bad ground "
                f"wire")

    def _no_prompt(self, seen):
        if not seen:
            return (f"nothing comes from {self.port.path}. Is the board on, "
                    f"and reset while this waits? Is its TX wired to the "
                    f"adapter's RX and RX to TX, ground to ground? Is it the "
                    f"right port, and {self.port.baud} baud?")
        if len(seen) >= 16 and rubbish(seen):
            return self._wrong_speed()
        if re.fullmatch(rb"C{4,}", seen[-60:].strip()):
            return ("the board's boot ROM waits for a recovery file (it says "
                    "CCC): its boot switches are set to UART")
        if set(plain(seen)) <= set(" ^C\x03\x18\b\r\n"):
            return ("only what is typed comes back: are TX and RX of the "
                    "adapter connected to each other?")
        last = plain(seen).split("\n")[-1].strip() or \
            plain(seen).strip().split("\n")[-1].strip()
        return (f"no U-Boot prompt; the last that the board said: "
                f"'{last[-70:]}'. Reset it while this waits")

    def _rest(self, silence, limit=10):
        """What comes until nothing does for so long."""
        got, end = b"", self.port.now() + limit
        while (more := self.port.read(silence)) and self.port.now() < end:
            got += more
        return got

    def regain(self, seconds=25):
        """Back to the prompt, whatever U-Boot is doing; False if it does not
        come. A receiver in the middle of a block listens after 2 s of silence;
        who says nothing three times is not there. Error if the board was
        reset: what was loaded may be gone."""
        limit, silent = self.port.now() + seconds, 0
        while self.port.now() < limit and silent < 3:
            rest = self._rest(0.1)
            ymodem.cancel(self.port)
            self.port.write(b"\x03")
            got, again = b"", self.port.now() + 3
            while self.port.now() < again:
                got += self.port.read(0.2)
                if ymodem.RESET in rest + got:
                    raise Error(ymodem.WAS_RESET)
                if plain(got).endswith(self.prompt):
                    # More of them may be on their way.
                    self._rest(0.3)
                    return True
            silent = 0 if rest + got else silent + 1
        return False

    # -- commands

    def _type(self, line):
        """Type it, without Enter; None, or what came instead of the echo."""
        self._rest(0.02)
        echo, due = b"", line.encode("ascii")
        for at in range(0, len(due), AHEAD):
            self.port.write(due[at:at + AHEAD])
            want = len(due[:at + AHEAD])
            limit = self.port.now() + ECHO
            while len(echo) < want and self.port.now() < limit:
                echo += self.port.read(limit - self.port.now())
            if echo != due[:want]:
                return echo
        return None

    def start(self, command):
        """Run a command and return at once; its end is the mark that is
        returned. Error when it can't be typed."""
        for _ in range(4):
            self.mark += 1
            line = f"{command}; echo ~{self.mark}:$?~"
            wrong = self._type(line)
            if wrong is None:
                self.port.write(b"\r")
                return self.mark
            self.regain()
        if wrong.endswith(BELL):
            raise Error(f"too long for U-Boot's prompt, which takes "
                        f"{len(wrong.rstrip(BELL))} characters of "
                        f"{len(line)}: {command[:60]}...")
        raise Error(f"U-Boot does not echo what is typed ('{command[:40]}'): a "
                    f"bad line?")

    def finish(self, mark, seconds):
        """(status, output) of a started command; None after so long without a
        byte, or twenty times as long with bytes that do not end."""
        end = re.compile(rf"~{mark}:(\d+)~")
        got, limit = b"", self.port.now() + 20 * seconds
        while (more := self.port.read(seconds)) and self.port.now() < limit:
            got += more
            if found := end.search(plain(got)):
                self._rest(0.02)
                text = plain(got)[:found.start()].replace("\r", "")
                return int(found[1]), text.lstrip("\n")
        return None

    def until(self, pattern, mark, seconds):
        """Wait for something that a started command says, and read no further.
        None, or what it said instead."""
        got, limit = b"", self.port.now() + seconds
        end = re.compile(rf"~{mark}:\d+~")
        while not (found := re.search(pattern, got)):
            left = limit - self.port.now()
            if left <= 0 or end.search(plain(got)):
                return plain(got).strip() or "nothing"
            got += self.port.read(left)
        self.port.put_back = got[found.end():]
        return None

    def run(self, command, seconds=5):
        """(status, output) of a command, given up after so long without a byte.
        It may be run more than once, when the answer is lost."""
        for _ in range(3):
            if answer := self.finish(self.start(command), seconds):
                return answer
            self.regain()
        raise Error(f"U-Boot does not answer to '{command[:60]}' any more")

    def sure(self, command):
        """The same, of a command that does nothing but show: until two runs say
        the same, for noise on the line."""
        last = None
        for _ in range(6):
            answer = self.run(command)
            if answer == last:
                return answer
            last = answer
        raise Error(f"U-Boot answers differently each time to "
                    f"'{command[:60]}': a bad line?")

    def env(self, name):
        """A variable of its environment; None without."""
        status, output = self.sure(f"printenv {name}")
        start = f"{name}="
        if status or not output.startswith(start):
            return None
        return output[len(start):].rstrip("\n")

    def address(self, name):
        """The same as a number; None without, or when it is none."""
        value = self.env(name) or ""
        try:
            return int(value, 16)
        except ValueError:
            return None

    def set(self, name, value):
        """Set a variable. Error if it can't be."""
        check_value(name, value)
        self.run(f"setenv {name} {quoted(value) if value else ''}".rstrip())
        if (self.env(name) or "") != value:
            raise Error(f"U-Boot has made something else of {name}: "
                        f"{self.env(name)}")

    def crc32(self, address, size):
        """Of memory; None where there is no such command."""
        status, output = self.sure(f"crc32 {address:x} {size:x}")
        found = re.search(r"==> ([0-9a-f]{8})", output)
        return None if status or not found else int(found[1], 16)
