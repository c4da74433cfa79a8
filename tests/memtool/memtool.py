"""scripts/memtest: what it makes of lines and of boards, good and bad ones.

Most of it runs in simulated time against fake_kernel.py; the tool as it is, on
ptys.
"""
import contextlib
import dataclasses
import io
import os
import random
import re
import signal
import subprocess
import tempfile
import unittest.mock
import zlib

from harness import ROOT, Test
from toolruns import (BAD, DAMAGED, FAIL, LIVE, NO_END, NO_START, PASS, SEED,
                      Page, check, follow_one, tool)
from fake_kernel import Board, Noise, OnPty, Script
from memlog import link, options, parse, show, state
from say import Error
from wire import Tool


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


def verdicts(test):
    """What the tool says of runs of all kinds, on a good line; and that its
    stored log says the same."""
    with tempfile.TemporaryDirectory() as folder:
        for kind, why, script, values in LIVE:
            path = f"{folder}/log"
            script = dataclasses.replace(script)
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
        (PASS, ruin, GOOD, START + " again=yes", GOOD),
        (FAIL, START, "ev=tick errors=1", START + " again=yes", GOOD),
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


def logs(test):
    """Stored logs, whole and in parts: which run counts, and nothing of any
    other; and that what is missing never makes a pass."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for seed, script in enumerate((Script(errors=BAD), Script(),
                                       Script(errors=BAD))):
            paths[seed] = f"{folder}/{seed}"
            follow_one(script, seed=seed, path=paths[seed])
        data = {n: open_bytes(p) for n, p in paths.items()}
        bare = {n: re.sub(rb"(?m)^#.*\n|^\S+Z ", b"", d)
                for n, d in data.items()}
        cases = 0
        for text, more, status, errors in (
                (data[0] + data[1], (), 0, 0),
                (data[1] + data[0], (), 1, 5),
                (data[0] + data[1] + data[2], ("--run-id", "00010000"), 0, 0),
                (data[0] + data[1] + data[2], ("--run-id", "00000000"), 1, 5),
                (data[0] + data[1], ("--run-id", "nobody"), 3, 0),
                (bare[0] + bare[1], (), 0, 0),
                (bare[0] + bare[1], ("--run-id", "00000000"), 1, 5),
                (bare[1] + bare[0], ("--run-id", "00010000"), 0, 0),
                (bare[1] + bare[0], (), 1, 5),
                (data[1] + b"# a comment of mine\n", (), 0, 0),
                (b"", (), 3, 0)):
            got, errs = verdict_of(test, folder, text, more)
            check((got, errs) == (status, errors),
                  f"{more}: {got}, {errs}, not {status}, {errors}; {text!r}")
            cases += 1
        end = data[1].index(b"ev=done") + 5
        for text in [data[1][:n] for n in range(0, end, end // 12)]:
            got, _ = verdict_of(test, folder, text)
            check(got not in (0, 1), f"a part of a log: {got}")
            cases += 1
    return f"{cases} logs"


def open_bytes(path):
    with open(path, "rb") as f:
        return f.read()


def verdict_of(test, folder, text, more=()):
    """(status, errors that the report lists)"""
    with open(f"{folder}/log", "wb") as f:
        f.write(text)
    status, _ = tool(test, "--log", f"{folder}/log", *more)
    page = open_bytes(f"{folder}/log.html")
    m = re.search(rb"<b>(\d+)</b><span>errors", page)
    return status, int(m[1])


# -- noise


def noise(test):
    """Runs that pass and runs that fail over bad lines: never a false pass,
    never a false fail; on a line that is hardly bad, nearly always true."""
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


# -- the tool as it is


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


def bad_line(test):
    """The tool as it is, on a line that is bad in the middle of the run: every
    tenth byte is wrong. The truth all the same."""
    for script, status in ((Script(), 0), (Script(errors=BAD), 1)):
        with board_on_pty(test, script, speed=30) as wire:
            t = Tool(test, "../memtest", "--port", wire.link, *wire.files)
            t.wait_for("memtest: run")
            wire.faults = lambda way, data, n=Noise(0.1, SEED): n(data)
            wire.wait_for("ev=test_end pass=1 test=3")
            wire.faults = lambda way, data: data
            got, text = t.end()
            check(got == status, f"{got}: {text[-300:]}")
            _, text = report_of(wire)
            check(not re.search(r"Damaged lines\W+0\W", text), "no damage")


def hopeless(test):
    """The same on a line that stays so."""
    for script, status in ((Script(), (4,)), (Script(errors=BAD), (1, 4))):
        with board_on_pty(test, script, speed=60) as wire:
            t = Tool(test, "../memtest", "--port", wire.link, *wire.files)
            t.wait_for("memtest: run")
            wire.faults = lambda way, data, n=Noise(0.1, SEED): n(data)
            got, text = t.end()
            check(got in status and ("LOG DAMAGED" in text or "FAIL" in text),
                  f"{got}: {text[-300:]}")


def report_of(wire):
    page = Page(open_bytes(f"{wire.folder}/a.html").decode("utf-8"))
    return page, " ".join(page.text)


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
    with board_on_pty(test, Script(errors=BAD), speed=30) as wire:
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


class Broken:
    """A port that opens, and then breaks."""

    def read(self, seconds):
        raise Error("it is broken")

    write = read

    def close(self):
        pass


def flaps(test):
    """A port that opens and breaks, over and over, has been gone all the time;
    that is said once."""
    class Flapping(link.PortLink):
        time = 0

        def _open(self):
            return Broken()

        def now(self):
            return self.time

        def read(self, seconds):
            self.time += 1
            return super().read(seconds)

    told = []
    port = Flapping("/", 115200, told.append)
    for _ in range(20):
        port.read(0.01)
    check(port.down is not None and port.now() - port.down == 19, "how long?")
    check(len(told) == 2 and "back" in told[1], f"{told}")


def files(test):
    """Where the log and the report can't go: said before a run; and when the
    disk is full in a run, what was found is told all the same."""
    with board_on_pty(test, Script(errors=BAD, passes=99), speed=60) as wire:
        log, page = f"{wire.folder}/a.log", f"{wire.folder}/sub/a.html"
        for args, what in (
                (("--log-file", "/dev/null"), "it is not a file"),
                (("--log-file", wire.folder), "can't write"),
                (("--report", "/proc/x"), "can't write /proc/x"),
                (("--report", log, "--log-file", log), "would overwrite")):
            status, text = tool(test, "--port", wire.link, "--log-file", log,
                                "--report", page, *args)
            check(status == 3 and what in text, f"{args}: {status}, {text}")
        check("memtest" not in wire.said, "the board was touched")
        # Room for so many bytes in each file.
        status, text = bare(test, "prlimit", "--fsize=8192", f"{ROOT}/scripts/"
                            "memtest", "--port", wire.link, *wire.files,
                            "--passes", "99")
        check(status == 1 and "memory errors so far" in text and
              "no report: can't write" in text, f"{status}: {text}")
    with tempfile.TemporaryDirectory() as folder:
        log = f"{folder}/log.html"
        follow_one(Script(), path=log)
        before = open_bytes(log)
        status, _ = tool(test, "--log", log)
        check(status == 0 and open_bytes(log) == before, "the log is gone")
        check(os.path.exists(f"{log}.html"), "no report")
        for closed in ("2>&-", ">&-", "<&-"):
            status, text = bare(test, "bash", "-c", f"{ROOT}/scripts/memtest "
                                f"--log {log} {closed}")
            check(status == 0, f"{closed}: {status}, {text}")
    return "9 cases"


def bare(test, *command):
    """(status, output) of the tool inside another."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=test.remaining(), text=True)
    test.note(done.stdout)
    check("Traceback" not in done.stdout, "a traceback")
    return done.returncode, done.stdout


TESTS = [
    Test("memtool-lines", "quick", 120, "lines of the memory tester's log, and "
         "what noise makes of them", lines),
    Test("memtool-verdicts", "quick", 120, "the host tool's verdict on runs "
         "and logs of all kinds", verdicts),
    Test("memtool-logs", "quick", 120, "stored logs: which run counts", logs),
    Test("memtool-progress", "quick", 120, "what it shows meanwhile", progress),
    Test("memtool-usage", "quick", 120, "its options, and what it says of "
         "wrong ones", usage),
    Test("memtool-noise", "all", 300, "up to 10 % of bytes wrong: never a "
         "false verdict", noise),
    Test("memtool-cuts", "all", 300, "lines cut for a while, wherever", cuts),
    Test("memtool-port", "all", 300, "boards at a port that pass, fail and "
         "reset", port, kind="waits"),
    Test("memtool-flaps", "quick", 60, "a port that opens and breaks", flaps),
    Test("memtool-files", "all", 300, "logs and reports that can't be "
         "written", files, kind="waits"),
    Test("memtool-bad-line", "all", 300, "a port where every tenth byte is "
         "wrong, for a while", bad_line, kind="waits"),
    Test("memtool-hopeless", "full", 600, "the same, to the end", hopeless),
    Test("memtool-interrupt", "all", 300, "^C stops the board as well",
         interrupt, kind="waits"),
    Test("memtool-unplugged", "all", 300, "the adapter comes and goes",
         unplugged, kind="waits"),
]
