"""Progress, for people: bars on a terminal, else a line now and then.

    Strata memtest  run 1a2b3c4d  standard  cache wb  pass 1 of 2
      address      ▕████████████████████████▏ 100 %   12.0 s
      marchc       ▕███████████▎            ▏  46 %
      random       ▕                        ▏  waits
      hart   1 ▕███▊    ▏  48 %    hart   2 ▕███▋    ▏  46 %
    the pass       ▕████████▉               ▏  37 %
                    2 min 10 s left   0 errors   lines: 120, 0 lost
"""
import os
import shutil
import sys
import time

EIGHTHS = " ▏▎▍▌▋▊▉█"
TESTS = 12          # bars of tests that are shown at once


def duration(seconds):
    seconds = int(seconds)
    if seconds < 100:
        return f"{seconds} s"
    if seconds < 6000:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds // 60 % 60} min"


def bar(percent, width, fine=True):
    percent = max(0, min(100, percent))
    if not fine:
        full = percent * width // 100
        return "[" + "#" * full + "." * (width - full) + "]"
    eighths = percent * width * 8 // 100
    text = EIGHTHS[8] * (eighths // 8)
    if eighths % 8:
        text += EIGHTHS[eighths % 8]
    return "▕" + text + " " * (width - len(text)) + "▏"


def clean(text, limit=60):
    """Text of the log, fit for a terminal."""
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= limit else text[:limit - 1] + "…"


def test_names(run):
    """Of the tests of a pass, in order, as far as they are known."""
    names = run.start.text("tests").split(",") if run.start else []
    if names in ([""], ["all"]):
        names = []
    for t in run.tests[-200:]:
        if t.name not in names:
            names.append(t.name)
    return names


def status_line(run, link):
    """What stands at the end of it all."""
    parts = [f"{run.error_count()} errors",
             f"lines: {run.good}, {run.lost} lost"]
    if run.eta and not run.done:
        parts.insert(0, f"{duration(run.eta)} left")
    if run.displaced:
        parts.append("the kernel is moved away")
    if run.hold:
        ms = run.hold.number("ms", 0)
        parts.append(f"holds for {duration(ms / 1000)}")
    if link.down is not None:
        parts.append(f"PORT GONE for {duration(link.now() - link.down)}")
    return "   ".join(parts)


class Quiet:
    """Says nothing before the verdict."""

    def event(self, text):
        pass

    def update(self, run, link):
        pass

    def close(self):
        pass


class Plain(Quiet):
    """A line for each event, and one now and then."""

    EVERY = 10      # seconds

    def __init__(self, out=None):
        self.out = out or sys.stderr
        self.last, self.told = None, set()

    def event(self, text):
        print(f"memtest: {clean(text, 300)}", file=self.out, flush=True)

    def update(self, run, link):
        if not run.start:
            return
        if "start" not in self.told:
            self.told.add("start")
            self.event(title(run))
        for t in run.tests[-3:]:
            if t.ended and id(t) not in self.told:
                self.told.add(id(t))
                self._ended(t)
        for e in run.errors[:20]:
            if id(e) not in self.told:
                self.told.add(id(e))
                self.event(error_line(e))
        now = link.now()
        if self.last is None or now - self.last >= self.EVERY:
            if self.last is not None and not run.done:
                self._tick(run, link)
            self.last = now

    def _ended(self, t):
        took = f", {t.ms / 1000:.1f} s" if t.ms is not None else ""
        self.event(f"pass {t.number} {t.name}: {t.errors} errors{took}")

    def _tick(self, run, link):
        t = run.current
        where = f"{t.name} {t.percent} %, " if t else ""
        self.event(f"pass {run.pass_number}: {where}all {run.pass_percent} %, "
                   + status_line(run, link).replace("   ", ", "))


def title(run):
    start = run.start
    passes = start.number("passes", 0)
    of = f"pass {max(1, run.pass_number)} of {passes}" if passes else \
        f"pass {max(1, run.pass_number)}, until ^C"
    return clean(f"run {start.text('run')}  {start.text('profile')}  cache "
                 f"{start.text('cache')}  {of}", 110)


def error_line(e):
    return clean(f"ERROR {e.text('name') or e.text('test')} at "
                 f"{e.text('addr')}: expected {e.text('expect')}, got "
                 f"{e.text('actual')} ({e.text('class')})", 160)


class Terminal(Quiet):
    """Bars, drawn over and over in place."""

    def __init__(self, out=None):
        self.out = out or sys.stderr
        self.fine = (self.out.encoding or "").lower().startswith("utf")
        self.rows, self.last = 0, 0.0
        self.errors = 0
        self.run = self.link = None

    def event(self, text):
        self._wipe()
        print(f"memtest: {clean(text, 300)}", file=self.out, flush=True)
        self._draw()

    def update(self, run, link):
        now = time.monotonic()
        self.run, self.link = run, link
        new = run.errors[self.errors:20]
        self.errors += len(new)
        for e in new:
            self.event(error_line(e))
        if now - self.last > 0.2:
            self._wipe()
            self._draw()

    def close(self):
        if self.rows:
            self._wipe()
            self._draw()
        self.rows = 0

    def _wipe(self):
        if self.rows:
            self.out.write(f"\x1b[{self.rows}A\x1b[J")
        self.rows = 0

    def _draw(self):
        self.last = time.monotonic()
        if not self.run or not self.run.start:
            return
        size = shutil.get_terminal_size()
        lines = self._lines(size.columns - 1)[-max(3, size.lines - 2):]
        text = "".join(line[:size.columns - 1] + "\n" for line in lines)
        if not self.fine:
            text = text.encode("ascii", "replace").decode("ascii")
        self.out.write(text)
        self.out.flush()
        self.rows = len(lines)

    def _lines(self, columns):
        run = self.run
        width = max(8, min(40, columns - 48))
        lines = [f"Strata memtest  {title(run)}"]
        lines += self._tests(width)
        lines += self._harts(columns)
        overall = bar(run.pass_percent, width, self.fine)
        lines.append(f"{'the pass':14} {overall} {run.pass_percent:3} %")
        lines.append(f"{'':14}  {status_line(run, self.link)}")
        return lines

    def _tests(self, width):
        """Those of this pass; where they are too many, those around the
        present one."""
        latest = {t.name: t for t in self.run.tests[-200:]
                  if t.number == self.run.pass_number and not t.moved}
        names = test_names(self.run)
        at = max([i for i, n in enumerate(names) if n in latest], default=0)
        first = max(0, min(at - TESTS // 2, len(names) - TESTS))
        return [self._test(n, latest.get(n), width)
                for n in names[first:first + TESTS]]

    def _test(self, name, t, width):
        name = clean(name, 12)
        if not t:
            return f"  {name:12} {bar(0, width, self.fine)}  waits"
        took = f"{t.ms / 1000:.1f} s" if t.ms is not None else ""
        wrong = f"  {t.errors} ERRORS" if t.errors else ""
        return (f"  {name:12} {bar(t.percent, width, self.fine)} "
                f"{t.percent:3} %   {took}{wrong}")

    def _harts(self, columns):
        t = self.run.current
        if not t or not t.harts:
            return []
        ids = self.run.start.text("harts").split(",")
        if len(ids) != len(t.harts):
            ids = list(map(str, range(len(t.harts))))
        cells = [f"hart {clean(i, 4):>3} {bar(p, 8, self.fine)} {p:3} %"
                 for i, p in zip(ids, t.harts)]
        if len(cells) > 16:     # one cell each
            marks = "".join(EIGHTHS[p * 8 // 100] if self.fine else
                            str(min(9, p // 10)) for p in t.harts)
            return ["  harts        " + marks[:columns - 16]]
        per = max(1, (columns - 2) // 26)
        return ["  " + "    ".join(cells[i:i + per])
                for i in range(0, len(cells), per)]


def choose(quiet):
    if quiet:
        return Quiet()
    if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        return Terminal()
    return Plain()
