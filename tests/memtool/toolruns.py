"""What the tests of scripts/memtest share: runs in simulated time, the tool as
it is, and a reader of its reports."""
import html.parser
import re
import sys

from harness import ROOT, Failure

sys.path[:0] = [f"{ROOT}/scripts", f"{ROOT}/scripts/flash"]

from fake_kernel import Board, Script, Simulated        # noqa: E402
from memlog import follow, options, record, show, state # noqa: E402
from wire import Tool                                   # noqa: E402

SEED = 20261122
BAD = {"marchc": [(0x90000000 + 8 * i * 37, 0, 1 << 13, "stuck")
                  for i in range(5)]}
PASS, FAIL, DAMAGED = state.PASS, state.FAIL, state.DAMAGED
NO_END, NO_START = state.NO_END, state.NO_START


def check(ok, text):
    if not ok:
        raise Failure(text)


def follow_one(script, noise=0, seed=0, values=None, cuts=(), later=None,
               path=None, pulled=False, shown=None):
    """(verdict, Follower, Board) of a run in simulated time. `later`: noise
    from when the run has started."""
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
    (PASS, "no error", Script(slow=300), {"tick": "100"}),
    # A run of somebody else's, with errors, that is stopped first.
    (PASS, "no error", Script(before=("ev=bits bit=13 up=5 down=0",
     "ev=done run=x status=fail passes=0 errors=5 tested=8")), {}),
    # What never ends.
    (DAMAGED, "too noisy", Script(babbles=b"x"), {}),
    (DAMAGED, "last line never came", Script(
        wedge=b"MTLOG seq=1 ts=0.1 ev=ti\r\n"), {}),
    (NO_END, "does not answer", Script(wedge=b"what? what?\r\n"), {}),
)


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


def tool(test, *args):
    """(status, output), and a report that is a page."""
    status, text = Tool(test, "../memtest", *args).end()
    if m := re.search(r"^report: +(.*)$", text, re.M):
        with open(m[1], encoding="utf-8") as f:
            Page(f.read())
    return status, text
