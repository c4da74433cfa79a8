"""The reports of scripts/memtest: of runs of all kinds, of logs that make no
sense, of the kernel's own tester in QEMU; and how a browser shows one."""
import collections
import dataclasses
import mmap
import os
import random
import re
import signal
import struct
import tempfile
import time
import zlib

from harness import LOGS, ROOT, Failure, Test, files
from machine import RELEASE
from toolruns import BAD, LIVE, SEED, Page, check, follow_one, tool
from fake_kernel import Board, Script, Simulated
from memlog import glossary, parse, report, show, state
from wire import Tool, Uboot


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
        verdict, f, _ = follow_one(dataclasses.replace(script), values=values)
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
    map_of_memory()
    again = follow_one(dataclasses.replace(script))[1].run
    check(report.page(f.run, f.run.verdict(), "", SEED) ==
          report.page(again, again.verdict(), "", SEED), "not the same twice")
    for path in files(".c", under="memtest"):
        with open(os.path.join(ROOT, path), encoding="utf-8") as source:
            for name in re.findall(r'^\t\{"(\w+)",', source.read(), re.M):
                check(name in glossary.TESTS, f"no line on the test {name}")
    return f"{count + 1} pages"


def map_of_memory():
    """Only what a whole test went through is called tested."""
    first, moved = "no test went through all of it", "moved away meanwhile"
    for script, there, not_there in (
            (Script(), (", tested", moved), (first, "could not be moved")),
            (Script(hang="address"), (first,), (moved, ", tested")),
            (Script(hang="marchc"), (", tested", first), (moved,)),
            (Script(stays=True), (", tested", "could not be moved"),
             (first, moved))):
        _, text = page_of(follow_one(script)[1].run)
        for what in there:
            check(what in text, f"{script}: no {what!r}")
        for what in not_there:
            check(what not in text, f"{script}: {what!r}")
    _, text = page_of(follow_one(Script(swallow=("tick",)))[1].run)
    check(re.search(r"Missing by their numbers\W+11\W", text), "lost lines")
    _, text = page_of(follow_one(Script(), values={"range": "0-2G"})[1].run)
    check("99.6 % of the range" in text, "of what?")


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


# -- with the kernel


def kernel(test):
    """The kernel's own tester in QEMU, from the command to the report."""
    with tempfile.TemporaryDirectory() as folder:
        log = f"{folder}/a.log"
        status, text = tool(
            test, "--qemu", f"--mem 256M --harts 2 --kernel {RELEASE}",
            "--profile", "quick", "--kernel", "yes", "--log-file", log)
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


def dies(test):
    """QEMU is killed in the middle of a run: no end, and no waiting. The tool
    is: QEMU ends, too."""
    with tempfile.TemporaryDirectory() as folder:
        t = Tool(test, "../memtest", "--qemu", f"--mem 256M --kernel {RELEASE}",
                 "--passes", "0", "--log-file", f"{folder}/a.log")
        t.wait_for("memtest: run")
        for pid in children(t.process.pid):
            os.kill(pid, signal.SIGKILL)
        status, text = t.end()
        check(status == 3 and "NO END: QEMU has ended (signal 9)" in text,
              f"{status}: {text[-300:]}")
        t = Tool(test, "../memtest", "--qemu", f"--mem 256M --kernel {RELEASE}",
                 "--passes", "0", "--log-file", f"{folder}/b.log")
        t.wait_for("memtest: run")
        left = children(t.process.pid)
        check(left, "no QEMU")
        t.process.kill()
        limit = time.monotonic() + 60
        while time.monotonic() < limit and any(map(alive, left)):
            time.sleep(0.1)
        going = list(filter(alive, left))
        for pid in going:
            os.kill(pid, signal.SIGKILL)
        check(not going, "QEMU goes on without the tool")
        t.end()


def alive(pid):
    """Not a zombie, either, that nobody waits for."""
    try:
        return bool(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return False


def children(parent):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(pid))
    return found


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
    Test("memtool-reports", "quick", 120, "its reports are whole, need "
         "nothing, and have the figures", reports),
    Test("memtool-hostile", "all", 300, "logs that make no sense do no harm",
         hostile),
    Test("memtool-qemu", "all", 600, "the kernel's tester in QEMU, from the "
         "command to the report", kernel, needs=("kernel-build",)),
    Test("memtool-flips", "all", 600, "bits flipped in QEMU's RAM are in the "
         "report", flips, needs=("kernel-build",)),
    Test("memtool-dies", "all", 300, "QEMU is killed in the middle of a run",
         dies, needs=("kernel-build",)),
    Test("memtool-boot", "all", 600, "a board at U-Boot's prompt: load, boot, "
         "test", boot, needs=("kernel-build",), kind="waits"),
    Test("memtool-browser", "full", 600, "a browser shows a report", browser),
]
