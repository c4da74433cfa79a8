"""From the first key to the verdict.

    prompt, type, Enter, `start` line as asked for?   no: ^C, a new ID, again
    lines, until an intact `done`                     the end
    silence, or a prompt without a `done`             ask: `memtest last`
    no answer                                         the board hangs

Each try has an ID of its own, so no line of an earlier one is taken for the
run's. Asking is harmless while the run goes on: what is typed waits for the
prompt; only ^C stops a run, and only the user's ^C is sent then.
"""
import os

from . import parse, state
from .prompt import Prompt

TRIES = 20          # to start
SILENCE = 30        # seconds without a line, beyond a hold: what a run may be
SLACK = 20          # the same, beyond --tick
RUINS = 1800        # seconds with damaged lines only: worth asking
BACK = 12           # the same, since the port came back: worth asking once
ASKS = 8            # for a `done` that was lost
MUTE = 3            # asks in a row without a single byte: the board hangs
FIRST = 30          # seconds until the first line
AWAY = 600          # seconds that the port may be gone


def new_id():
    return os.urandom(4).hex()


class Sink:
    """What is told while it runs; and where to."""

    def __init__(self, record, show):
        self.record, self.show = record, show

    def note(self, text):
        self.record.note(text)
        self.show.event(text)


class Follower:
    """Starts and follows a run; `run` is what is known of it."""

    def __init__(self, link, asked, sink, ids=new_id, away=AWAY):
        self.link, self.asked, self.sink = link, asked, sink
        self.ids, self.away = ids, away
        self.framer = parse.Framer()
        self.run = state.Run("", asked)
        self.listening = False      # do lines count?
        self.life = link.now()      # when the last line came
        self.sound = self.life      # when the last intact one came
        self.back = None            # when the port last came back
        self.ask_soon = False       # did the run end while it was gone?
        self.garbled = 0            # echoes that were wrong
        self.lines = []             # text since the last Enter, to quote from
        self.prompt = Prompt(link, self._more)

    # -- reading

    def _more(self, seconds):
        data = self.link.read(seconds)
        for line in self.framer.feed(data):
            self._line(line)
        self.sink.show.update(self.run, self.link)
        return data

    def _line(self, line):
        self.sink.record.line(line)
        if not self.listening:
            return
        good = self.run.good
        if self.run.feed(line, self.sink.record.clock()):
            self.life = self.link.now()
            if self.run.good > good:
                self.sound = self.life
        else:
            self.lines = self.lines[-20:] + [line]

    # -- starting

    def start(self, patience=10, poke=True):
        """None, or (kind, why) when it can't be started."""
        why, same = None, 0
        for _ in range(TRIES):
            if not self.prompt.wait(patience, poke):
                return self._no_prompt()
            poke, patience = True, 10
            before, why = why, self._try()
            if why is None:
                return None
            # No `done` of this try is the end of the run.
            self.run.run_id, self.run.done = "", None
            if self.run.fails or self.link.dead:
                break
            same = same + 1 if why == before and why[0] == "refused" else 0
            if same >= 2:       # the board means it
                return state.NO_START, why[1]
            self.sink.note(f"{why[1]}: trying again")
            self.link.write(b"\x03")
        return self._gave_up(why)

    def _no_prompt(self):
        if self.run.damaged or self.garbled or self.prompt.mangled():
            return state.DAMAGED, "the line is too noisy to get to the prompt"
        return state.NO_START, self.prompt.why_not()

    def _gave_up(self, why):
        noisy = self.garbled or self.run.damaged or self.run.holes
        if self.link.dead or not noisy:
            return state.NO_START, why[1]
        return state.DAMAGED, (f"the line is too noisy to start a run; at "
                               f"last, {why[1]}")

    def _try(self):
        """None when the run goes on as asked; else (kind, why)."""
        self.run.run_id = self.ids()
        line = self.asked.command(self.run.run_id)
        if not self.prompt.type(line):
            self.garbled += 1
            return "noise", "what was typed did not come back as it was"
        self.sink.record.head(self.run.run_id, line)
        self.run.begin()
        self.listening, self.lines = True, []
        damaged, self.life = self.run.damaged, self.link.now()
        self.prompt.seen = b""
        self.link.write(b"\r")
        limit = self.link.now() + FIRST
        while self.link.now() < limit and not self.link.dead:
            self.prompt.read(0.2)
            if self.run.start:
                differs = self.asked.differs(self.run.start)
                return ("refused", differs) if differs else None
            if self.run.damaged > damaged or self.run.good and self.run.last:
                return "noise", "the run's first line was damaged"
            if self.prompt.there():
                return self._refusal()
        if self.link.dead:
            return "refused", self.link.dead
        return "refused", "nothing came after Enter"

    def _refusal(self):
        """The prompt is back at once: why?"""
        said = [line.decode("ascii", "replace") for line in self.lines]
        said = [s for s in said if s.startswith(("memtest:", "usage:"))]
        if said:
            return "refused", f"the board says '{said[0][:150]}'"
        return "noise", "the board did not take the command"

    # -- following

    def follow(self):
        """Until the end: None when there is a `done`, else (kind, why)."""
        while not self.run.done:
            self.prompt.read(0.5)
            if end := self._ended():
                return end
            if self.link.down is not None:
                self.back, self.ask_soon = self.link.now(), True
                if self.back - self.link.down > self.away:
                    return state.NO_END, "the port did not come back"
                continue
            if self._due() and (end := self._ask()):
                return end
        self._rest()
        return None

    def _quiet(self):
        """Seconds without a line, as far as one could have come."""
        return self.link.now() - max(self.life, self.back or 0)

    def _due(self):
        """Is it time to ask?"""
        quiet = self._quiet()
        if self.ask_soon and quiet > BACK:
            self.ask_soon = False
            return True
        if self.link.now() - self.sound > RUINS + self._patience():
            return True
        return quiet > self._patience() or self.prompt.there() and quiet > 1.5

    def _ended(self):
        """What has ended the run before its time, or None."""
        if self.run.done:
            return None
        if self.link.dead:
            return state.NO_END, self.link.dead
        if self.run.panic is not None:
            return state.NO_END, f"the kernel panicked: {self.run.panic[:100]}"
        if self.run.reset:
            return state.NO_END, (f"the board was reset in the middle: "
                                  f"{self.run.reset}")
        if self.run.foreign:
            return state.NO_END, (f"somebody started another run, "
                                  f"{self.run.foreign[:40]}")
        return None

    def _patience(self):
        """Seconds without a line that mean nothing yet. When lines were lost,
        one of them may have announced a hold."""
        start, hold = self.run.start, self.run.hold
        silence = max(SILENCE, self.asked.tick() + SLACK)
        if hold:
            return silence + hold.number("ms", 0) / 1000
        if self.run.damaged or self.run.holes or self.back is not None:
            return silence + max(start.number("hold_ms", 0),
                                 start.number("fade_ms", 0)) / 1000
        return silence

    def _ask(self):
        """For the `done` that should have come: None, also when the run goes
        on, or what its absence means."""
        self.sink.note("no end of the run so far: asking for it")
        mute, good = 0, self.run.good
        for _ in range(ASKS):
            self.prompt.seen = b""
            self.link.write(b"\x15memtest last\r")
            heard, limit = self.prompt.heard, self.link.now() + 4
            while self.link.now() < limit and not self.run.done:
                if not self.prompt.read(0.5) and self.prompt.there():
                    break
                if end := self._ended():
                    return end
            if self.run.done or self.link.down is not None:
                return None
            if self._going_on(good):
                return None
            mute = mute + 1 if self.prompt.heard == heard else 0
            if mute >= MUTE and self._quiet() <= self._patience():
                self.sound = self.link.now()    # no need to ask so soon again
                return None
            if mute >= MUTE:
                return state.NO_END, (f"the board hangs: no sign of life for "
                                      f"{self._quiet():.0f} s")
        if self.run.damaged or self.run.holes:
            return state.DAMAGED, ("the line is too noisy: the run's last line "
                                   "never came whole")
        if not self.prompt.there():
            return state.NO_END, ("what comes is not the run's any more, and "
                                  "Strata's prompt does not answer")
        return state.NO_END, ("the board is at its prompt and knows of no such "
                              "run")

    def _going_on(self, good):
        """Did a line of the run itself come, and no prompt? An intact one: ruins
        may be those of answers, and this must end."""
        return self.run.good > good and not self.prompt.there() and \
            self.run.last is not None and self.run.last.ev in (
                "tick", "test_start", "test_end", "resume", "hold")

    def _rest(self):
        """What comes after the first `done`; and the summary once more, when
        parts of it were lost."""
        self._until_prompt(5)
        if self.run.fails and (self.run.damaged or self.run.holes):
            self.prompt.seen = b""
            self.link.write(b"\x15memtest last\r")
            self._until_prompt(10)

    def _until_prompt(self, seconds):
        limit = self.link.now() + seconds
        while self.link.now() < limit and not self.link.dead and \
                self.link.down is None:
            if not self.prompt.read(0.3) and self.prompt.there():
                break

    def interrupt(self):
        """The user wants it to stop: the board, too; wait for its end."""
        self.sink.note("interrupted: telling the board")
        for _ in range(3):
            self.link.write(b"\x03")
            limit = self.link.now() + 5
            while self.link.now() < limit and not self.run.done:
                self.prompt.read(0.2)
                if self.link.dead or self.prompt.there():
                    break
            if self.run.done or self.link.dead:
                break
            if self.run.start and self.prompt.there():
                self._ask()
                break
        if self.run.done:
            self._rest()
        return state.INTERRUPTED, "stopped by the user"

    def finish(self):
        """What stands in an unfinished line."""
        for line in self.framer.rest():
            self._line(line)
