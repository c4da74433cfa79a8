"""What the lines of a log add up to: a run, and the verdict on it.

Facts only ever come from intact lines. Three of them decide:

  I1  pass: an intact `done` of the run asked for says pass, no errors and some
      memory tested, and an intact `start` of it has the options asked for.
  I2  an intact line that tells of an error is a fail, whatever else comes.
  I3  without an intact `done` there is no pass: the log is damaged, or the run
      has no end.
"""
import collections
import re

from . import parse

KEPT = 20000            # errors; a log may have more than anybody reads
BANNERS = (
    (re.compile(rb"^\s*U-Boot (?:SPL )?\d{4}\.\d\d"), "U-Boot runs"),
    (re.compile(rb"^\s*OpenSBI v\d"), "firmware starts anew"),
    (re.compile(rb"^Strata, .*, boot hart \d+ of \d+"), "Strata boots anew"),
)
PANIC = re.compile(rb"^panic: (.*)")

PASS, FAIL, DAMAGED = "pass", "fail", "log damaged"
NO_END, INTERRUPTED, NO_START = "no end", "interrupted", "could not start"
STATUS = {PASS: 0, FAIL: 1, NO_START: 3, NO_END: 3, DAMAGED: 4,
          INTERRUPTED: 130}

Verdict = collections.namedtuple("Verdict", "kind why")
Span = collections.namedtuple("Span", "start end why")
Hole = collections.namedtuple("Hole", "after count ts")


class TestRun:
    """A test in a pass."""

    def __init__(self, record, moved=False, before=0):
        self.moved = moved      # of the kernel's memory, a block
        self.before = before    # errors of the run when it began
        self.held = False       # did it wait?
        self.number = record.number("pass", 0)
        self.name = record.text("name") or record.text("test", "?")
        self.kind = record.text("kind")
        self.bytes = record.number("bytes")
        self.percent, self.errors, self.shown = 0, 0, None
        self.ms = self.rate = self.accesses = None
        self.harts = []
        self.samples = []       # (ts, percents of harts)
        self.ended, self.ticked = False, None
        self.began = self.until = record.real("ts", 0.0)

    def tick(self, record):
        self.until = self.ticked = record.real("ts", self.until)
        self.percent = min(100, record.number("test_pct", self.percent))
        self.errors = max(self.errors, record.number("errors", 0) - self.before)
        parts = record.text("harts").split(",")
        if all(re.fullmatch("[0-9]{1,3}", p, re.A) for p in parts):
            self.harts = [min(100, int(p)) for p in parts][:4096]
            self.samples.append((record.real("ts", 0.0), self.harts))
            del self.samples[:-5000]

    def end(self, record):
        self.ended = True
        self.until = record.real("ts", self.until)
        # A tick comes with the end; less than all means that it was stopped.
        if self.ticked is None or self.until - self.ticked > 0.5:
            self.percent = 100
        self.errors = record.number("errors", self.errors)
        self.shown = record.number("shown")
        self.ms = record.number("ms")
        self.rate = record.real("mb_s")
        self.accesses = record.number("accesses")
        self.bytes = record.number("bytes", self.bytes)


    @property
    def whole(self):
        """Did it go through all its memory?"""
        return self.ended and self.percent == 100


class Run:
    """Feed it lines; ask it for the verdict.

    `run_id`: of the run that counts; None: the last that the log has."""

    def __init__(self, run_id=None, asked=None):
        self.run_id, self.asked = run_id, asked
        self.errors = []            # Records
        self.seen = set()           # of errors
        self.more_errors = 0        # that are not kept
        self.claims = set()         # errors that other lines tell of
        self.good = self.damaged = self.lost = 0
        self.holes = []
        self.events = []            # (host's seconds, text): reconnects, ...
        self.begin()

    def begin(self):
        """Forget what belongs to another run, but for errors."""
        self.start = self.done = self.last = None
        self.foreign = self.reset = self.panic = None
        self.expected = 0           # seq of the next line
        self.infos = {}
        self.regions, self.kernel, self.untested = [], [], []
        self.tests = []             # TestRuns
        self.current = None
        self.pass_number, self.pass_percent, self.eta = 0, 0, 0
        self.told = 0               # errors of the run, as its ticks tell
        self.passes = {}            # number: status
        self.hold = None            # Record, while it holds
        self.holds = []             # (from, until)
        self.displaced = None
        self.moves = 0
        self.moved, self.stays = {}, {}     # {start: Span} of blocks
        self.ranges, self.bits = {}, {}
        self.suspects, self.bad = [], []
        self.series = 0             # of sequence numbers
        self.texts = {"dts": (0, []), "memmap": (0, [])}

    # -- lines

    def feed(self, line, at=None):
        """A line of bytes, the host's time. Whether it is, or was, one of the
        log's."""
        found, ruined, rest = parse.records(line, at)
        for record in found:
            self.good += 1
            self._sequence(record)
            self._take(record)
        self.damaged += ruined
        self._look(rest)
        return bool(found or ruined)

    def _look(self, text):
        """At what is not the log's."""
        text = parse.ESCAPES.sub(b"", text)
        for pattern, meaning in BANNERS:
            if self.start and not self.done and pattern.search(text):
                self.reset = self.reset or meaning
        if (m := PANIC.search(text)) and self.start and not self.done:
            self.panic = self.panic or m[1].decode("ascii", "replace")

    def _sequence(self, record):
        """Holes in the numbers. A smaller number begins a new series: of the
        next run, or of an answer to `memtest last`."""
        series = self.expected is not None and record.seq < self.expected
        self.series += series
        due = 0 if series or record.ev == "start" else self.expected
        if due is not None and record.seq > due:
            self.lost += record.seq - due
            if len(self.holes) < KEPT:
                self.holes.append(Hole(due, record.seq - due,
                                       record.real("ts", 0.0)))
        self.expected = record.seq + 1

    def _take(self, record):
        if record.ev == "start":
            self._start(record)
        if self.foreign and record.ev != "done":
            return
        self.last = record
        handler = getattr(self, "_on_" + record.ev, None)
        if handler:
            handler(record)

    def _start(self, record):
        name = record.text("run")
        if self.run_id is not None and name != self.run_id:
            self.foreign = name
            return
        if record.text("again"):    # told by `memtest last`: no new run
            self.foreign, self.start = None, self.start or record
            return
        if self.run_id is None and self.start and name != \
                self.start.text("run"):
            self.errors, self.seen, self.claims = [], set(), set()
            self.more_errors = 0
        self.begin()
        self.expected = record.seq + 1
        self.start = record

    # -- events

    def _on_info(self, record):
        for key, value in record.fields.items():
            if key not in ("seq", "ts", "ev"):
                self.infos[key] = value

    @staticmethod
    def _span(record, to):
        start, end = record.hex("start"), record.hex("end")
        if start is not None and end is not None and start < end and \
                len(to) < KEPT:
            to.append(Span(start, end, record.text("why")))

    def _on_region(self, record):
        self._span(record, self.regions)

    def _on_kernel(self, record):
        self._span(record, self.kernel)

    def _on_untested(self, record):
        self._span(record, self.untested)

    def _on_pass_start(self, record):
        self.pass_number = record.number("pass", self.pass_number)

    def _on_test_start(self, record):
        self.current = TestRun(record, self.displaced is not None, self.told)
        if len(self.tests) < KEPT:
            self.tests.append(self.current)
        self.hold = None

    def _this(self, record):
        """The test that a line is about, also when its start was lost."""
        name = record.text("name") or record.text("test", "?")
        number = record.number("pass", 0)
        t = self.current
        if not t or t.ended or (t.name, t.number) != (name, number):
            self._on_test_start(record)
        return self.current

    def _claim(self, record):
        if record.number("errors", 0):
            self.claims.add(record.ev)

    def _on_tick(self, record):
        self._claim(record)
        t = self.current
        name = record.text("name")
        if not (t and t.ended and t.name == name):
            self._this(record).tick(record)
        self.pass_number = record.number("pass", self.pass_number)
        self.pass_percent = min(100, record.number("pass_pct",
                                                   self.pass_percent))
        self.eta = record.number("eta_s", 0)
        self.told = max(self.told, record.number("errors", 0))

    def _on_test_end(self, record):
        self._claim(record)
        self._this(record).end(record)

    def _on_pass_end(self, record):
        self._claim(record)
        if record.text("status") == "fail":
            self.claims.add(record.ev)
        self.passes[record.number("pass", 0)] = record.text("status")
        self.pass_percent = 100

    def _on_hold(self, record):
        self.hold = record
        if self.current:
            self.current.held = True

    def _on_resume(self, record):
        if self.hold and len(self.holds) < KEPT:
            self.holds.append((self.hold.real("ts", 0.0),
                               record.real("ts", 0.0)))
        self.hold = None

    def _on_displace(self, record):
        self.displaced = record
        self.moves += 1

    def _block(self, record, to):
        found = []
        self._span(record, found)
        if found and len(to) < KEPT:
            to[found[0].start] = found[0]

    def _on_restored(self, record):
        t, self.displaced = self.current, None
        if t and t.moved and t.whole:
            self._block(record, self.moved)

    def _on_stays(self, record):
        self.displaced = None
        self._block(record, self.stays)

    def _on_error(self, record):
        key = tuple(record.text(k) for k in (
            "pass", "test", "name", "hart", "addr", "expect", "actual"))
        if (key, record.text("ts")) in self.seen:
            return              # told again by `memtest last`
        if len(self.errors) >= KEPT:
            self.more_errors += 1
            return
        self.seen.add((key, record.text("ts")))
        self.errors.append(record)

    def _on_errors(self, record):
        self.claims.add(record.ev)
        start, end = record.hex("start"), record.hex("end")
        if start is not None and end is not None and len(self.ranges) < KEPT:
            self.ranges[record.text("test"), record.text("name"), start,
                        end] = record

    def _on_bits(self, record):
        self.claims.add(record.ev)
        bit = record.number("bit")
        if bit is not None and bit < 64:
            self.bits[bit] = (record.number("up", 0), record.number("down", 0))

    def _once(self, to, item):
        if item not in to and len(to) < KEPT:
            to.append(item)

    def _on_suspect(self, record):
        self._once(self.suspects, (record.text("what"), record.text("detail")))

    def _on_bad(self, record):
        start, end = record.hex("start"), record.hex("end")
        if start is not None and end is not None:
            self._once(self.bad, Span(start, end, record.text("state")))

    def _on_dts(self, record):
        """A line of a text; a later series of lines tells all of it again."""
        series, lines = self.texts[record.ev]
        if series != self.series:
            lines = []
        if len(lines) < KEPT:
            lines.append(record.text("text"))
        self.texts[record.ev] = self.series, lines

    _on_memmap = _on_dts

    def _on_done(self, record):
        if self.run_id is not None and record.text("run") != self.run_id:
            return
        if record.number("errors") is None or not record.text("status"):
            return
        if self.done and self._badness(self.done) >= self._badness(record):
            return
        self.done = record

    @staticmethod
    def _badness(done):
        """Of two that contradict each other, the worse counts."""
        return (done.number("errors", 0) > 0, done.text("status") != "pass")

    # -- the verdict

    @property
    def fails(self):
        """Does an intact line tell of an error?"""
        return bool(self.errors or self.claims) or (
            self.done is not None and self.done.number("errors", 0) > 0)

    def error_count(self):
        """As many as the run itself tells of, or as are known."""
        told = self.done.number("errors", 0) if self.done else 0
        return max(told, self.told, len(self.errors) + self.more_errors,
                   sum(t.errors for t in self.tests if t.ended))

    def verdict(self, end=None):
        """`end`: (kind, why) of how the following ended, when not by `done`."""
        if self.fails:
            return Verdict(FAIL, self._fail_text(end))
        if self.done:
            return self._by_done()
        if end:
            return Verdict(*end)
        if self.damaged or self.holes:
            return Verdict(DAMAGED, "lines of the log are damaged, and its "
                           "last one is among them")
        if not self.good:
            return Verdict(NO_END, "there is no line of a log")
        return Verdict(NO_END, "the log ends before the run does")

    def _fail_text(self, end):
        n = self.error_count()
        text = f"{n} memory error{'s' if n != 1 else ''}" if n else \
            "memory errors"
        if not self.done:
            text += " so far; the run's end is not known"
            text += f" ({end[1]})" if end else ""
        elif self.done.text("status") == "interrupted":
            text += "; interrupted"
        return text

    def _by_done(self):
        status = self.done.text("status")
        if status == "interrupted":
            return Verdict(INTERRUPTED, "the run was stopped before its end; "
                           "no error until then")
        if status == "error":
            return Verdict(NO_START, "the board could not do the run")
        if not self.done.number("tested", 0):
            return Verdict(NO_START, "no memory was tested")
        if status != "pass":
            return Verdict(FAIL, f"the run's status is '{status}'")
        return self._by_start()

    def _by_start(self):
        """The run says that it passed: was it the run that was asked for?"""
        if not self.start or self.done.text("run") != self.start.text("run"):
            return Verdict(DAMAGED, "the run passed, but its first line is "
                           "lost: nothing tells what it tested")
        if self.asked and (why := self.asked.differs(self.start)):
            return Verdict(NO_START, why)
        passes = self.start.number("passes", 0)
        if self.done.number("passes", 0) < max(1, passes):
            return Verdict(NO_END, "the run passed before all its passes were "
                           "through")
        return Verdict(PASS, "no error found")
