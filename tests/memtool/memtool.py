"""scripts/memtest: what it makes of logs, good ones, bad ones and damaged ones.

Most of it runs in simulated time against fake_kernel.py; the tool as it is, on
ptys and in QEMU.
"""
import collections
import contextlib
import html.parser
import io
import mmap
import os
import random
import re
import signal
import struct
import sys
import tempfile
import time
import unittest.mock
import zlib

from harness import LOGS, ROOT, Failure, Test, files
from machine import RELEASE

sys.path[:0] = [f"{ROOT}/scripts", f"{ROOT}/scripts/flash",
                f"{ROOT}/tests/memtool"]

from fake_kernel import Board, OnPty, Script, Simulated # noqa: E402
from memlog import follow, glossary, options, parse     # noqa: E402
from memlog import record                               # noqa: E402
from memlog import report, show, state                  # noqa: E402
from wire import Tool, Uboot                            # noqa: E402

SEED = 20261122
BAD = {"marchc": [(0x90000000 + 8 * i * 37, 0, 1 << 13, "stuck")
                  for i in range(5)]}
PASS, FAIL, DAMAGED = state.PASS, state.FAIL, state.DAMAGED
NO_END, NO_START = state.NO_END, state.NO_START


def check(ok, text):
    if not ok:
        raise Failure(text)


# -- lines


def lines(test):
    """The parser: what is intact, and what never is."""
    good = parse.make(7, 'ts=1.5 ev=info board="a \\"b\\" \\\\ MTLOG c= crc=" '
                      'n=3 a=0x1f')
    found, ruined, rest = parse.records(b"x " + good + b" y", 1)
    check(len(found) == 1 and not ruined and rest == b"x  y", "a good line")
    r = found[0]
    check((r.seq, r.ev, r.number("n"), r.hex("a"), r.real("ts")) ==
          (7, "info", 3, 31, 1.5), "its values")
    check(r.text("board") == 'a "b" \\ MTLOG c= crc=', f"{r.text('board')}")
    check(r.number("board") is None and r.hex("n") is None and
          r.number("none", 9) == 9, "values that are none")
    # Glued together where a line's end was lost.
    found, ruined, _ = parse.records(good + parse.make(8, "ev=resume") + good)
    check([f.seq for f in found] == [7, 8, 7] and not ruined, "three in one")
    for body in ("ev=x seq=1", "seq=-1 ev=x", "seq=1", "seq=1 ev=x =",
                 "seq=1 ev=x  a=1", 'seq=1 ev=x a="b', "seq=²1 ev=x"):
        line = b"MTLOG " + body.encode("utf-8")
        line += b" crc=%08x" % zlib.crc32(line)
        intact = parse.records(line)[0]
        check(not intact or body == "ev=x seq=1", f"taken for a line: {body}")
    count = single_faults(good)
    check(parse.records(b"seq=3 ts=1 ev=ti")[1], "damage is seen")
    check(not parse.records(b"OpenSBI v1.1, harts: 0*")[1], "text is none")
    framer = parse.Framer()
    got = [line for i in range(0, 30, 3) for line in
           framer.feed(b"one\r\ntwo\n\nthree\r\nfour five six"[i:i + 3])]
    check(got == [b"one", b"two", b"three"] and framer.rest(), f"{got}")
    framer.feed(b"x" * 10 ** 6)
    check(len(framer.part) <= parse.LONGEST, "a line without an end")
    return f"{count} single faults"


def single_faults(good):
    """Each byte changed to another, dropped, or doubled: never intact, unless
    it is what it was, or stands outside."""
    count = 0
    for i in range(len(good)):
        for new in [bytes((b,)) for b in range(256) if b != good[i]] + [b""] + \
                [good[i:i + 1] * 2]:
            line = good[:i] + new + good[i + 1:]
            count += 1
            for r in parse.records(line)[0]:
                check(r.raw == good[:good.rindex(b" crc=")],
                      f"taken for intact: {line}")
    return count


# -- verdicts


def follow_one(script, noise=0, seed=0, values=None, cuts=(), later=None,
               path=None, pulled=False, shown=None):
    """(verdict, Follower, Board) of a run in simulated time. `later`: noise from
    when the run has started."""
    board = Board(script)
    link = Simulated(board, noise, seed, cuts, pulled)
    wall = record.Record(path, lambda: SEED + link.now())
    sink = follow.Sink(wall, shown or show.Quiet())
    ids = (f"{seed % 65536:04x}{n:04x}" for n in range(1000))
    f = follow.Follower(link, options.Asked(values or {}), sink,
                        ids=lambda: next(ids))
    end = f.start()
    if not end:
        link.noise.p = noise if later is None else later
        end = f.follow()
    f.finish()
    sink.show.close()
    check(link.now() < 20000, f"took {link.now():.0f} s")
    verdict = f.run.verdict(end)
    wall.note(f"verdict: {verdict.kind}: {verdict.why}")
    wall.close()
    return verdict, f, board


LIVE = (
    (PASS, "no error", Script(), {}),
    (PASS, "no error", Script(), {"passes": "2", "range": "0x80400000+64M",
                                  "harts": "0-2", "test": "walk1,address",
                                  "seed": "0x10", "hold": "100000",
                                  "cache": "wb", "profile": "quick",
                                  "kernel": "no", "tick": "5"}),
    (FAIL, "5 memory errors", Script(errors=BAD), {}),
    (FAIL, "105 memory errors", Script(errors=BAD, ranges=(
        ("walk1", 0xa0000000, 0xa0001000, 100),)), {}),
    (FAIL, "5 .* not known.*hangs", Script(errors=BAD, hang="fade"), {}),
    (NO_END, "hangs", Script(hang="marchc"), {}),
    (NO_END, "reset.*U-Boot", Script(reset="marchc"), {}),
    (NO_END, "panicked: a bad page", Script(panic="marchc"), {}),
    (NO_START, "nothing comes", Script(deaf=True), {}),
    (NO_START, "memtest: no memory", Script(refuses="memtest: no memory"), {}),
    (NO_START, "no memory was tested", Script(nothing=True), {}),
    (NO_START, "passes 3 was asked", Script(ignores=("passes",)),
     {"passes": "3"}),
    (NO_START, "range .* was asked", Script(ignores=("range",)),
     {"range": "0-64M"}),
    # Lines that never came: nothing looks damaged, but the numbers tell.
    (PASS, "no error", Script(swallow=("tick", "test_start", "region")), {}),
    (FAIL, "5 memory", Script(errors=BAD, swallow=("error",)), {}),
    (DAMAGED, "too noisy to start", Script(swallow=("start",)), {}),
    (NO_END, "knows of no such run", Script(swallow=("done",)), {}),
)


def verdicts(test):
    """What the tool says of runs of all kinds, on a good line; and that its
    stored log says the same."""
    with tempfile.TemporaryDirectory() as folder:
        for kind, why, script, values in LIVE:
            path = f"{folder}/log"
            verdict, f, _ = follow_one(script, values=values, path=path)
            test.note(f"{script}: {verdict}")
            check(verdict.kind == kind and re.search(why, verdict.why),
                  f"{script}: {verdict}, should be {kind}, {why}")
            status, text = tool(test, "--log", path)
            check(status == state.STATUS[kind] and
                  kind.upper() in text, f"from the log: {status}, {text}")
    return f"{len(LIVE)} runs, {table(test)} logs"


START = ("ev=start format=2 run=abc profile=quick tests=a range=all passes=1 "
         "harts=0")
DONE = "ev=done run=abc status={} passes={} errors={} tested={}"
ERROR = "ev=error pass=1 test=1 name=a addr=0x1000 expect=0x0 actual=0x1"
GOOD = DONE.format("pass", 1, 0, 4096)


def table(test):
    """Logs, line by line, and the verdict that each must get."""
    ruin = b"MTLOG seq=1 ts=0.1 ev=ti"
    rows = (
        (PASS, START, GOOD),
        (PASS, START, ruin, GOOD),
        (PASS, START, 5, GOOD),                 # lines are missing
        (DAMAGED, GOOD),                        # of what?
        (DAMAGED, START, ruin),
        (DAMAGED, START, 3, "ev=tick errors=0"),
        (NO_END, START),
        (NO_END,),
        (FAIL, START, ERROR),
        (FAIL, START, ERROR, ruin),
        (FAIL, ERROR, ruin),
        (FAIL, START, ERROR, GOOD),             # contradicts itself
        (FAIL, START, "ev=tick errors=1", GOOD),
        (FAIL, START, "ev=errors start=0x0 end=0x8 count=1", GOOD),
        (FAIL, START, "ev=bits bit=1 up=1 down=0", GOOD),
        (FAIL, START, "ev=pass_end pass=1 errors=0 status=fail", GOOD),
        (FAIL, START, DONE.format("pass", 1, 1, 4096)),
        (FAIL, START, DONE.format("fail", 1, 0, 4096)),
        (FAIL, START, GOOD, DONE.format("fail", 1, 2, 4096)),
        (FAIL, START, DONE.format("interrupted", 0, 2, 4096)),
        (NO_START, START, DONE.format("pass", 1, 0, 0)),
        (NO_START, START, DONE.format("error", 0, 0, 4096)),
        (NO_START, START, DONE.format("fail", 0, 0, 0)),
        (NO_END, START, DONE.format("pass", 0, 0, 4096)),
        (state.INTERRUPTED, START, DONE.format("interrupted", 0, 0, 4096)),
        (DAMAGED, START, ruin, GOOD.replace("abc", "abd")),
        (DAMAGED, START, ruin, DONE.format("fail", 1, 3, 4096).replace(
            "abc", "abd")),                     # of another run
        (NO_END, START, GOOD.replace("errors=0", "errors=x")),
        (NO_END, START, GOOD.replace("errors=0", "errors=-0")),
        (DAMAGED, START.replace("abc", "abd"), ruin, GOOD),
    )
    for kind, *log in rows:
        run, seq = state.Run("abc"), 0
        for line in log:
            if isinstance(line, int):
                seq += line
                continue
            if isinstance(line, str):
                line = parse.make(seq, line)
            seq += 1
            run.feed(line)
        verdict = run.verdict()
        check(verdict.kind == kind, f"{log}: {verdict}, should be {kind}")
    for values in ({"passes": "1"}, {"profile": "quick"}, {"harts": "0"}):
        check(asked_for(values) == PASS, f"{values}")
    for values in ({"passes": "2"}, {"profile": "soak"}, {"harts": "0,1"},
                   {"range": "0-8"}, {"cache": "flush"}, {"test": "a,b"},
                   {"hold": "1"}, {"kernel": "yes"}):
        check(asked_for(values) == NO_START, f"{values}")
    return len(rows) + 11


def asked_for(values):
    """The verdict on a run that passed, when this was asked for."""
    run = state.Run("abc", options.Asked(values))
    for seq, line in enumerate((START, GOOD)):
        run.feed(parse.make(seq, line))
    return run.verdict().kind


# -- noise


def noise(test):
    """Runs that pass and runs that fail over bad lines: never a false pass,
    never a false fail; on a line that is hardly bad, nearly always the truth."""
    count, true, figures = 0, 0, []
    for p, runs, later in ((0.1, 150, None), (0.1, 150, 0.1), (0.03, 50, 0.03),
                           (0.01, 50, None), (0.01, 50, 0.01),
                           (0.001, 100, None)):
        told = {}
        for seed in range(runs):
            for truth, script in ((PASS, Script()), (FAIL, Script(errors=BAD))):
                start = p if later is None else 0
                verdict, f, _ = follow_one(script, start, SEED + 2 * seed,
                                           later=p)
                check(verdict.kind in (truth, DAMAGED),
                      f"p {p}, seed {SEED + 2 * seed}: {verdict}, and the "
                      f"truth is {truth}")
                check(only_true(f.run.errors), "an error that there was not")
                told[verdict.kind] = told.get(verdict.kind, 0) + 1
                count += 1
        true = 2 * runs - told.get(DAMAGED, 0)
        where = "after the start" if later else "everywhere"
        figures.append(f"{p:g} {where} {100 * true // (2 * runs)} %")
    check(true >= 2 * runs * 0.98, f"at 0.1 %: {told}")
    return f"{count} runs, true: {', '.join(figures)}; else log damaged"


def only_true(errors):
    real = {(a, e, w) for a, e, w, _ in BAD["marchc"]}
    return all((e.hex("addr"), e.hex("expect"), e.hex("actual")) in real
               for e in errors)


def cuts(test):
    """Nothing arrives for a while, wherever in the run, from a loose wire or
    a port that is gone: the truth all the same."""
    rng, count = random.Random(SEED), 0
    for script, truth in ((Script(), PASS), (Script(errors=BAD), FAIL),
                          (Script(hold=60000), PASS)):
        for _ in range(60):
            begin = rng.uniform(3, 130)
            # Who sees neither the port go nor the hold begin can't know of it.
            pulled = bool(script.hold) or rng.randrange(2)
            cut = (begin, begin + rng.choice(
                (0.1, 5, 60, 500) if pulled else (0.1, 5, 20)))
            verdict, _, _ = follow_one(script, cuts=[cut], pulled=pulled)
            check(verdict.kind == truth, f"{cut}, {pulled}: {verdict}")
            count += 1
    return f"{count} cuts"


# -- progress


class Screen(io.StringIO):
    encoding = "utf-8"


def progress(test):
    """Bars for each test and each hart, inside the terminal; a terminal that
    can't show them gets others; without one, a line now and then."""
    frames = {}
    for encoding in ("utf-8", "ascii"):
        out = Screen()
        out.encoding = encoding
        with unittest.mock.patch.dict(os.environ, COLUMNS="80", LINES="24"):
            follow_one(Script(errors=BAD), shown=show.Terminal(out))
        frames[encoding] = out.getvalue()
        last = frames[encoding].split("\x1b[")[-1][1:]
        test.note(last)
        check(all(len(line) < 80 for line in last.split("\n")), "too wide")
        for what in ("address", "marchc", "5 ERRORS", "hart   3", "100 %",
                     "5 errors", "0 lost", "pass 1 of 1"):
            check(what in last, f"no {what!r}")
    check("█" in frames["utf-8"] and frames["ascii"].isascii(), "the bars")
    out = Screen()
    follow_one(Script(errors=BAD), shown=show.Plain(out))
    text = out.getvalue()
    check("ERROR marchc at 0x90000000" in text and "\x1b" not in text and
          "pass 1 traffic: 0 errors, 25.0 s" in text and " left" in text, text)


# -- reports


VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(html.parser.HTMLParser):
    """Well formed, and in need of nothing."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], []
        self.feed(text)
        self.close()
        check(not self.open, f"not closed: {self.open}")

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        check(tag not in ("script", "img", "iframe", "object", "link", "base",
                          "form", "a", "use", "image", "foreignobject"),
              f"a tag <{tag}>")
        for name, value in attrs:
            check(not name.startswith("on") and name not in (
                "src", "href", "xlink:href", "style", "srcset", "action"),
                f"<{tag} {name}={value!r}>")

    handle_startendtag = handle_starttag

    def handle_endtag(self, tag):
        check(self.open and self.open[-1] == tag, f"</{tag}> in {self.open}")
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)


def page_of(run, verdict=None):
    text = report.page(run, verdict or run.verdict(), "memtest", SEED)
    page = Page(text)
    style = text[text.index("<style>"):text.index("</style>")]
    check("url(" not in style and "@import" not in style, "an outside style")
    check("http" not in text.lower(), "http")
    return page, " ".join(page.text)


def reports(test):
    """Pages of runs of all kinds are whole, and have the figures."""
    count = 0
    for kind, _, script, values in LIVE:
        verdict, f, _ = follow_one(script, values=values)
        _, text = page_of(f.run, verdict)
        count += 1
        check(kind.upper() in text, f"no {kind}")
    script = Script(errors=BAD, passes=2, ranges=(
        ("walk1", 0xa0000000, 0xa0001000, 100),))
    _, f, _ = follow_one(script)
    page, text = page_of(f.run)
    for what in ("105", "Fake board", "fake,board-1", "rv64imafdc_zba_zbb",
                 "OpenSBI 1.1", "0x90000000", "0x0000000000002000", "stuck",
                 "A data line", "bad@90000000", "memmap=4K$0x90000000",
                 "0xa0001000", "March C", "firmware lives there", "1020 MiB",
                 "99.6 %", "2 MiB", "bit 13: 5 times 0 read as 1",
                 "5 failing words"):
        check(what in text, f"{what!r} is not in the report")
    check(page.tags.count("svg") >= 8, f"{page.tags.count('svg')} pictures")
    again = follow_one(script)[1].run
    check(report.page(f.run, f.run.verdict(), "", SEED) ==
          report.page(again, again.verdict(), "", SEED), "not the same twice")
    for path in files(".c", under="memtest"):
        with open(os.path.join(ROOT, path), encoding="utf-8") as source:
            for name in re.findall(r'^\t\{"(\w+)",', source.read(), re.M):
                check(name in glossary.TESTS, f"no line on the test {name}")
    return f"{count + 1} pages"


NASTY = ('</title><script>alert(1)</script>', '"><img src=x onerror=y>',
         "&lt;b&gt;", "]]>", "</style><style>*{display:none}", "--><!--",
         "'onload='x", "\\u003cscript\\u003e", "a" * 3000, "", "%n%s", "-1",
         "99999999999999999999", "0xffffffffffffffff", "1e309", "nan", "0x")
KEYS = ("run", "profile", "tests", "range", "passes", "seed", "harts", "cache",
        "verified", "board", "compatible", "cpu", "sbi", "cache_l2", "start",
        "end", "why", "pass", "test", "name", "kind", "bytes", "pass_pct",
        "test_pct", "errors", "eta_s", "ms", "mb_s", "accesses", "addr",
        "expect", "actual", "xor", "hart", "class", "again", "count", "xor_or",
        "bit", "up", "down", "what", "detail", "state", "text", "status",
        "tested", "untested", "lines", "ts", "type", "hold_ms", "fade_ms")
EVENTS = ("start", "info", "region", "kernel", "untested", "pass_start",
          "test_start", "tick", "hold", "resume", "displace", "restored",
          "error", "errors", "test_end", "pass_end", "bits", "suspect", "bad",
          "dts", "memmap", "done", "verify", "<b>")


def hostile(test):
    """Intact lines that make no sense: a page without harm, in little time, or
    none; and progress on a terminal without its codes."""
    rng = random.Random(SEED)
    for n in range(80):
        run = state.Run()
        for seq in range(rng.randrange(1, 300)):
            words = [f"ev={rng.choice(EVENTS)}"]
            for key in rng.sample(KEYS, rng.randrange(len(KEYS))):
                words.append(f"{key}={value(rng)}")
            run.feed(parse.make(rng.choice((seq, rng.randrange(10 ** 9))),
                                " ".join(words)), SEED)
        try:
            _, text = page_of(run)
        except Exception:
            test.note(f"log {n}, seed {SEED}")
            raise
        check("alert(1)" not in text or "<script" in text, "lost")
        lines_of = show.Terminal(out=open(os.devnull, "w", encoding="utf-8"))
        lines_of.update(run, Simulated(Board()))
        for line in lines_of._lines(80) if run.start else ():
            check(line.isprintable(), f"{line!r}")
        lines_of.out.close()
    many(test)
    return f"{n + 2} logs"


def value(rng):
    kind = rng.randrange(4)
    if kind == 0:
        text = rng.choice(NASTY)
    elif kind == 1:
        text = f"{rng.randrange(1 << rng.randrange(1, 66)):#x}"
    else:
        text = str(rng.randrange(1 << rng.randrange(1, 70)))
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def many(test):
    """A log of millions of errors is cut short; a page of it stays small."""
    run = state.Run()
    for i in range(30000):
        run.feed(parse.make(i, f"ev=error pass=1 name=a addr={i * 4096 + 1:#x} "
                            f"expect={i:#x} actual=0xffff class=stuck"))
        run.feed(parse.make(i, f"ev=region start={i << 20:#x} "
                            f"end={(i << 20) + 4096:#x}"))
    begin = time.monotonic()
    text = report.page(run, run.verdict(), "", None)
    test.note(f"{len(text)} bytes in {time.monotonic() - begin:.1f} s")
    check(len(text) < 2000000, f"{len(text)} bytes")
    check("30,000" in text, "the count of errors")


# -- the tool as it is


def tool(test, *args):
    """(status, output), and a report that is a page."""
    status, text = Tool(test, "../memtest", *args).end()
    if m := re.search(r"^report: +(.*)$", text, re.M):
        with open(m[1], encoding="utf-8") as f:
            Page(f.read())
    return status, text


@contextlib.contextmanager
def board_on_pty(test, script, **how):
    with tempfile.TemporaryDirectory() as folder:
        wire = OnPty(test, Board(script), folder, **how)
        with wire:
            wire.files = ("--log-file", f"{folder}/a.log", "--report",
                          f"{folder}/a.html")
            wire.folder = folder
            yield wire


def usage(test):
    """Wrong options: status 2 and a sentence, before anything is touched."""
    count = 0
    for args, what in (
            ((), "one of the arguments --qemu --port --log"),
            (("--qemu", "--port", "x"), "not allowed with"),
            (("--port", "x", "--range", "5"), "--range: '5' makes no sense"),
            (("--port", "x", "--passes", "many"), "makes no sense"),
            (("--port", "x", "--harts", "4-1"), "makes no sense"),
            (("--port", "x", "--test", "a;reboot"), "can't be typed"),
            (("--port", "x", "--test", "a" * 250), "too long for"),
            (("--qemu", "--boot"), "--boot is for --port"),
            (("--log", "x", "--passes", "2"), "--log tests nothing"),
            (("--log", "x", "--log-file", "y"), "nothing is stored"),
            (("--qemu", '"'), "No closing quotation"),
            (("--nonsense",), "unrecognized|required")):
        status, text = tool(test, *args)
        check(status == 2 and re.search(what, text), f"{args}: {status}")
        count += 1
    for args, what in ((("--log", "/nowhere/x"), "can't read /nowhere/x"),
                       (("--log", "/dev/zero"), "not a file"),
                       (("--port", "/dev/nowhere"), "there is no /dev/nowh"),
                       (("--port", "/dev/null"), "not a serial port")):
        with tempfile.TemporaryDirectory() as folder:
            if args[0] == "--port":
                args += ("--log-file", f"{folder}/log")
            status, text = tool(test, *args)
        check(status == 3 and re.search(what, text), f"{args}: {status}")
        count += 1
    return f"{count} cases"


def port(test):
    """Boards at a port: the exit statuses, the log, the report."""
    for script, status, what in (
            (Script(), 0, "PASS: no error"),
            (Script(errors=BAD), 1, "FAIL: 5 memory errors"),
            (Script(reset="walk1"), 3, "NO END: the board was reset")):
        with board_on_pty(test, script, speed=60) as wire:
            got, text = tool(test, "--port", wire.link, *wire.files,
                             "--passes", "1", "--profile", "quick")
            check(got == status and what in text, f"{script}: {got}, {text}")
            again, _ = tool(test, "--log", f"{wire.folder}/a.log", "--report",
                            f"{wire.folder}/b.html")
            check(again == status, f"from its log: {again}, not {status}")
            with open(f"{wire.folder}/a.html", encoding="utf-8") as a, \
                    open(f"{wire.folder}/b.html", encoding="utf-8") as b:
                check(a.read() == b.read(), "another report from the log")
    return "3 boards"


def interrupt(test):
    """^C stops the board, too; its last line is waited for."""
    with board_on_pty(test, Script(), speed=4) as wire:
        t = Tool(test, "../memtest", "--port", wire.link, *wire.files,
                 "--passes", "0")
        t.wait_for("pass 1 address: 0 errors")
        os.kill(t.process.pid, signal.SIGINT)
        status, text = t.end()
        check(status == 130 and "INTERRUPTED: the run was stopped" in text,
              f"{status}: {text[-200:]}")
        check("status=interrupted" in wire.said, "the board goes on")


def unplugged(test):
    """The adapter is pulled out three times in a run, the last time over its
    end: it comes back under the same name, and the verdict is right."""
    with board_on_pty(test, Script(errors=BAD), speed=10) as wire:
        t = Tool(test, "../memtest", "--port", wire.link, *wire.files)
        for n, said in enumerate(("ev=test_end pass=1 test=1",
                                  "ev=test_end pass=1 test=2",
                                  "name=traffic kind")):
            wire.wait_for(said)
            wire.unplug()
            t.wait_for(r"(?s)(is gone.*){%d}" % (n + 1))
            if n == 2:
                wire.wait_for("memtest: FAIL")
            wire.plug()
            t.wait_for(r"(?s)(is back.*){%d}" % (n + 1))
        status, text = t.end()
        check(status == 1 and "FAIL: 5 memory errors\n" in text,
              f"{status}: {text[-200:]}")
    with board_on_pty(test, Script()) as wire:
        t = Tool(test, "../memtest", "--port", wire.link, *wire.files,
                 "--away", "2")
        wire.wait_for("ev=test_end")
        wire.unplug()
        status, text = t.end()
        check(status == 3 and "did not come back" in text, f"{status}: {text}")
    return "4 times"


# -- with the kernel


def kernel(test):
    """The kernel's own tester in QEMU, from the command to the report."""
    with tempfile.TemporaryDirectory() as folder:
        log = f"{folder}/a.log"
        status, text = tool(
            test, "--qemu", f"--mem 256M --harts 2 --kernel {RELEASE}",
            "--profile", "quick", "--test", "address,marchc1,random",
            "--kernel", "yes", "--log-file", log)
        check(status == 0 and "PASS: no error found" in text, text[-300:])
        _, text = page_of_log(log)
        for what in ("riscv-virtio,qemu", "OpenSBI 1.1", "rv64imafdc",
                     "firmware lives there", "address", "times the kernel"):
            check(what in text, f"{what!r} is not in the report")
        status, text = tool(test, "--qemu", f"--kernel {RELEASE} --mem 64M",
                            "--test", "nonsense", "--log-file", log)
        check(status == 3 and "nonsense" in text, text[-300:])
        status, text = tool(test, "--qemu", "--mem nonsense", "--log-file", log)
        check(status == 3 and "QEMU has ended" in text, text[-300:])


def boot(test):
    """From U-Boot's prompt: the kernel is loaded, and tests memory."""
    with Uboot(test) as wire, tempfile.TemporaryDirectory() as folder:
        status, text = tool(
            test, "--port", wire.path, "--boot", f"--board qemu-virt --kernel "
            f"{RELEASE}", "--test", "address", "--range", "0x90000000+16M",
            "--log-file", f"{folder}/a.log")
        check(status == 0 and "PASS: no error found" in text, text[-300:])


def page_of_log(path):
    with open(os.path.splitext(path)[0] + ".html", encoding="utf-8") as f:
        page = Page(f.read())
    return page, " ".join(page.text)


FLIPS = ([(0x84000000 + 0x2468 * 8 * i, 13) for i in range(12)] +
         [(0x88000040 + 0x100000 * i, 44) for i in range(3)])
MEMORY = 256 << 20


def flips(test):
    """Bits of QEMU's RAM turned over while the log announces a hold: each is in
    the report, with its address and its bit, and nothing else is."""
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory() as folder, \
            tempfile.NamedTemporaryFile(dir=shared) as ram:
        os.truncate(ram.name, MEMORY)
        log = f"{folder}/a.log"
        t = Tool(test, "../memtest", "--qemu",
                 f"--mem 256M --harts 2 --kernel {RELEASE} --qemu "
                 f"'-object memory-backend-file,id=m,size={MEMORY},mem-path="
                 f"{ram.name},share=on -machine memory-backend=m'", "--test",
                 "address", "--hold", "4000", "--log-file", log)
        wait_in(test, log, rb"ev=hold")
        with mmap.mmap(ram.fileno(), MEMORY) as memory:
            for addr, bit in FLIPS:
                memory[addr - 0x80000000 + bit // 8] ^= 1 << bit % 8
        status, text = t.end()
        check(status == 1 and f"FAIL: {len(FLIPS)} memory errors" in text,
              f"{status}: {text[-300:]}")
        _, text = page_of_log(log)
        for addr, bit in FLIPS:
            check(f"{addr:#x}" in text, f"{addr:#x} is not in the report")
        check("bit 13: " in text and "bit 44: " in text, "no histogram")
        keep(log)
    return f"{len(FLIPS)} flips"


def keep(log):
    """The report of real failures, for people: it is nice to look at."""
    with open(os.path.splitext(log)[0] + ".html", "rb") as f, \
            open(f"{LOGS}/memtool-flips.html", "wb") as to:
        to.write(f.read())


def wait_in(test, path, pattern):
    while test.remaining():
        if os.path.exists(path):
            with open(path, "rb") as f:
                if re.search(pattern, f.read()):
                    return
        time.sleep(0.1)
    raise Failure(f"no {pattern} in the log")


# -- in a browser


def browser(test):
    """A browser shows the report of a failing run: all elements are there, and
    the picture has the verdict's colour and many others."""
    test.run(f"{ROOT}/scripts/setup", "browser")
    script = Script(errors=BAD, passes=2, hold=3000, ranges=(
        ("walk1", 0xa0000000, 0xa0001000, 100),))
    _, f, _ = follow_one(script)
    with tempfile.TemporaryDirectory() as folder:
        page = f"{folder}/a.html"
        report.write(page, f.run, f.run.verdict(), "memtest", SEED)
        dom = chromium(test, folder, "--dump-dom", f"file://{page}")
        for what in ('id="verdict"', "FAIL", 'id="bits"', 'id="scatter"',
                     'id="timeline"', 'id="memory"', 'id="repair"',
                     "<title>bit 13: 5 times"):
            check(what in dom, f"no {what} in the browser")
        check(dom.count("<svg") >= 8, "pictures are missing")
        shot = f"{folder}/a.png"
        chromium(test, folder, f"--screenshot={shot}",
                 "--window-size=1120,2600", f"file://{page}")
        colours = colours_of(shot)
        with open(shot, "rb") as f, \
                open(f"{LOGS}/memtool-browser.png", "wb") as to:
            to.write(f.read())
    for name, colour in (("errors", (0xd3, 0x27, 0x3e)),
                         ("tested memory", (0x1a, 0x8f, 0x5a)),
                         ("bars", (0x3f, 0x74, 0xc9))):
        check(colours.get(colour, 0) > 200, f"the colour of {name} is missing")
    return f"{len(colours)} colours"


def chromium(test, folder, *args):
    return test.run("chromium", "--headless", "--no-sandbox", "--disable-gpu",
                    "--hide-scrollbars", f"--user-data-dir={folder}/profile",
                    *args, env={"HOME": folder})


def colours_of(path):
    """{(r, g, b): pixels} of a PNG with 8 bits a channel, as browsers write."""
    with open(path, "rb") as f:
        data = f.read()
    check(data[:8] == b"\x89PNG\r\n\x1a\n", "not a PNG")
    width, height, depth, kind = struct.unpack_from(">IIBB", data, 16)
    check(depth == 8 and kind in (2, 6), f"depth {depth}, type {kind}")
    packed, at = b"", 8
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        if name == b"IDAT":
            packed += data[at + 8:at + 8 + size]
        at += size + 12
    raw, n = zlib.decompress(packed), 3 if kind == 2 else 4
    colours, above = collections.Counter(), bytes(width * n)
    for y in range(height):
        start = y * (width * n + 1)
        above = unfilter(raw[start], raw[start + 1:start + 1 + width * n],
                         above, n)
        colours.update(zip(above[::n], above[1::n], above[2::n]))
    return colours


def unfilter(kind, row, above, n):
    """A row of a PNG, PNG specification 9.2."""
    row = bytearray(row)
    for i in range(len(row)) if kind else ():
        left = row[i - n] if i >= n else 0
        corner = above[i - n] if i >= n else 0
        row[i] = row[i] + (0, left, above[i], (left + above[i]) // 2,
                           paeth(left, above[i], corner))[kind] & 255
    return bytes(row)


def paeth(a, b, c):
    pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - 2 * c)
    return a if pa <= pb and pa <= pc else b if pb <= pc else c


TESTS = [
    Test("memtool-lines", "quick", 120, "lines of the memory tester's log, and "
         "what noise makes of them", lines),
    Test("memtool-verdicts", "quick", 120, "the host tool's verdict on runs and "
         "logs of all kinds", verdicts),
    Test("memtool-reports", "quick", 120, "its reports are whole, need nothing, "
         "and have the figures", reports),
    Test("memtool-progress", "quick", 120, "what it shows meanwhile", progress),
    Test("memtool-usage", "quick", 120, "its options, and what it says of wrong "
         "ones", usage),
    Test("memtool-hostile", "all", 300, "logs that make no sense do no harm",
         hostile),
    Test("memtool-noise", "all", 300, "up to 10 % of bytes wrong: never a false "
         "verdict", noise),
    Test("memtool-cuts", "all", 300, "lines cut for a while, wherever", cuts),
    Test("memtool-port", "all", 300, "boards at a port that pass, fail and "
         "reset", port),
    Test("memtool-interrupt", "all", 300, "^C stops the board as well",
         interrupt),
    Test("memtool-unplugged", "all", 300, "the adapter comes and goes",
         unplugged),
    Test("memtool-qemu", "all", 600, "the kernel's tester in QEMU, from the "
         "command to the report", kernel, needs=("kernel-build",)),
    Test("memtool-flips", "all", 600, "bits flipped in QEMU's RAM are in the "
         "report", flips, needs=("kernel-build",)),
    Test("memtool-boot", "all", 600, "a board at U-Boot's prompt: load, boot, "
         "test", boot, needs=("kernel-build",)),
    Test("memtool-browser", "full", 600, "a browser shows a report", browser),
]
