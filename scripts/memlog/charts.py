"""The report's pictures: where errors are, in which bits, what took how long.

Widths are in units; the page scales pictures to its own width. Figures of the
log may be absurd: every picture has a bound on how many shapes it draws.
"""
import bisect
import collections

from . import glossary
from .draw import Svg, size, steps

WIDE = 980
LEFT = 150              # room for labels
STRIP = WIDE - LEFT - 10
FRAME = 4096
ROWS = 24               # of the memory map
BANKS = 6
MANY = 3000             # shapes in a picture

Area = collections.namedtuple("Area", "start end kind why")
Point = collections.namedtuple("Point", "addr xor record")


def areas(run):
    """All that the log says about memory, rising."""
    through = any(t.whole and not t.moved for t in run.tests)
    found = [Area(s.start, s.end, "tested" if through else "planned", "")
             for s in run.regions]
    blocks = sorted({**run.stays, **run.moved}.values())
    for s in run.kernel:
        found += kernel_areas(s, blocks, run.moved)
    found += [Area(s.start, s.end, "untested", s.why) for s in run.untested]
    return sorted(found)


def kernel_areas(span, blocks, moved):
    """Of what the kernel lives in, block by block."""
    at = span.start
    for b in blocks[max(0, bisect.bisect(blocks, (at,)) - 1):]:
        start, end = max(at, b.start), min(span.end, b.end)
        if b.start >= span.end:
            break
        if start >= end:
            continue
        if at < start:
            yield Area(at, start, "planned", "")
        if b.start in moved:
            yield Area(start, end, "moved", "")
        else:
            yield Area(start, end, "untested", b.why)
        at = end
    if at < span.end:
        yield Area(at, span.end, "planned", "")


def banks(found):
    """Pieces of memory with wide gaps between them: [(start, end)]."""
    if not found:
        return []
    gap = max(1 << 20, sum(a.end - a.start for a in found) // 32)
    while True:
        pieces = []
        for a in found:
            if pieces and a.start - pieces[-1][1] <= gap:
                pieces[-1][1] = max(pieces[-1][1], a.end)
            else:
                pieces.append([a.start, a.end])
        if len(pieces) <= BANKS:
            return [tuple(p) for p in pieces]
        gap *= 4


def points(run):
    """The errors that have an address."""
    found = []
    for e in run.errors:
        addr, expect, actual = e.hex("addr"), e.hex("expect"), e.hex("actual")
        if addr is not None and expect is not None and actual is not None:
            found.append(Point(addr, expect ^ actual, e))
    return found


def what(area):
    names = {"tested": "tested", "moved": "tested: the kernel was moved away "
             "meanwhile", "untested": "not tested", "planned": "no test went "
             "through all of it"}
    why = area.why and f": {glossary.REASONS.get(area.why, area.why)}"
    return (f"{area.start:#x} to {area.end:#x}, {size(area.end - area.start)}, "
            f"{names[area.kind]}{why}")


def plural(n, word):
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


# -- the memory map


def memory_map(run):
    """Rows of memory, each bank beginning a new one; "" without memory."""
    found = areas(run)
    pieces = banks(found)
    total = sum(end - start for start, end in pieces)
    if not total:
        return ""
    per = FRAME
    while sum(rows_of(p, per) for p in pieces) > ROWS and per < 1 << 64:
        per *= 2
    rows = []
    for piece in pieces:
        first = piece[0] // per * per
        rows += [(first + i * per, i == 0) for i in range(rows_of(piece, per))]
    svg = Svg(WIDE, sum(18 + 12 * new for _, new in rows) + 16, "memory map")
    y = -8
    errors = sorted((p.addr, p.addr + 8, 1) for p in points(run))
    errors += [(start, end, r.number("count", 0))
               for (_, _, start, end), r in list(run.ranges.items())[:MANY]]
    for start, new in rows:
        y += 12 * new
        map_row(svg, y, start, per, found, errors)
        y += 18
    svg.text(LEFT, y + 12, f"a row is {size(per)}", "small")
    return svg.done()


def rows_of(piece, per):
    return -(-piece[1] // per) - piece[0] // per


def map_row(svg, y, start, per, found, errors):
    svg.text(LEFT - 10, y + 11, f"{start:#x}", "mono", "end")
    svg.rect(LEFT, y, STRIP, 14, "void", rx=2)
    scale = STRIP / per
    for a in clipped(found, start, start + per):
        svg.rect(LEFT + (a[0] - start) * scale, y,
                 max((a[1] - a[0]) * scale, 0.5), 14, a[2].kind, what(a[2]))
    bins = collections.OrderedDict()
    for first, end, count in errors:
        if end > start and first < start + per:
            at = int((max(first, start) - start) * scale / 4)
            wide = (min(end, start + per) - max(first, start)) * scale
            old = bins.get(at, (first, end, 0, 0))
            bins[at] = (min(first, old[0]), max(end, old[1]), old[2] + count,
                        max(wide, old[3]))
    for at, (first, end, count, wide) in bins.items():
        svg.rect(LEFT + 4 * at, y - 1.5, max(4, wide), 17, "bad",
                 f"{plural(count, 'error')}, {first:#x} to {end:#x}", rx=1)


def clipped(found, start, end):
    """(from, to, area) of what lies in a row; specks that share a place with
    others left out."""
    last, shown = None, 0
    speck = (end - start) / STRIP / 2
    for a in found:
        if a.end <= start or a.start >= end:
            continue
        if last is not None and a.end - last < speck or shown > MANY // ROWS:
            continue
        last, shown = a.end, shown + 1
        yield max(a.start, start), min(a.end, end), a


def zooms(run, most=4):
    """Strips around the failures: frames, and the words in them."""
    addrs = sorted({p.addr for p in points(run)})
    groups = []
    for addr in addrs:
        if groups and addr - groups[-1][-1] <= 1 << 20:
            groups[-1].append(addr)
        else:
            groups.append([addr])
    groups = sorted(sorted(groups, key=len, reverse=True)[:most])
    if not groups:
        return ""
    svg = Svg(WIDE, 66 * len(groups), "memory around the errors")
    for i, group in enumerate(groups):
        zoom(svg, 66 * i + 8, group, areas(run))
    return svg.done()


def zoom(svg, y, group, found):
    extent = max(16 * FRAME, group[-1] - group[0] + 2 * FRAME)
    per = FRAME
    while per < extent:
        per *= 2
    start = max(0, (group[0] + group[-1] - per) // 2) // FRAME * FRAME
    per = max(per, group[-1] + FRAME - start)
    frame = FRAME
    while per / frame > 128:
        frame *= 2
    svg.text(LEFT - 10, y + 19, f"{start:#x}", "mono", "end")
    svg.rect(LEFT, y, STRIP, 28, "void", rx=2)
    scale = STRIP / per
    for a in clipped(found, start, start + per):
        svg.rect(LEFT + (a[0] - start) * scale, y, (a[1] - a[0]) * scale, 28,
                 a[2].kind, what(a[2]))
    counts = collections.Counter((a - start) // frame for a in group)
    for n, count in sorted(counts.items()):
        at = start + n * frame
        svg.rect(LEFT + n * frame * scale, y, max(3, frame * scale), 28,
                 "hurt", f"{at:#x} to {at + frame:#x}: "
                 f"{plural(count, 'failing word')}")
    for n in range(1, int(per / frame)):
        svg.line(LEFT + n * frame * scale, y, LEFT + n * frame * scale, y + 28,
                 "cut")
    for at in sorted({int((a - start) * scale * 2) for a in group})[:MANY]:
        svg.rect(LEFT + at / 2, y - 4, 1.2, 36, "bad")
    svg.text(LEFT, y + 43, f"{plural(len(group), 'failing word')}, "
             f"{group[0]:#x} to {group[-1] + 8:#x}; {size(per)} are shown, a "
             f"box is {size(frame)}", "small")


# -- errors


def bit_counts(run):
    """{bit: (up, down)}: by the run's own summary, else by its error lines."""
    if run.bits:
        return run.bits
    found = collections.defaultdict(lambda: [0, 0])
    for p in points(run):
        expect = p.record.hex("expect")
        for bit in range(64):
            if p.xor >> bit & 1:
                found[bit][expect >> bit & 1] += 1
    return {bit: tuple(v) for bit, v in found.items()}


def bits(run):
    """A histogram of the 64 bits, as a word is written: bit 63 first."""
    counts = bit_counts(run)
    top = max((max(v) for v in counts.values()), default=0)
    if not top:
        return ""
    cell, middle, tall = STRIP / 64, 118, 84
    svg = Svg(WIDE, 236, "wrong bits")
    for lane in range(8):
        x = LEFT + (7 - lane) * 8 * cell
        svg.rect(x + 1, 12, 8 * cell - 2, 212, "lane", rx=3)
        svg.text(x + 4 * cell, 27, f"byte {lane}", "small", "middle")
    for bit in range(64):
        x = LEFT + (63 - bit) * cell
        up, down = counts.get(bit, (0, 0))
        tip = f"bit {bit}: {up} times 0 read as 1, {down} times 1 read as 0"
        if up:
            h = max(2, tall * up / top)
            svg.rect(x + 1.5, middle - h, cell - 3, h, "up", tip, rx=1)
        if down:
            h = max(2, tall * down / top)
            svg.rect(x + 1.5, middle + 14, cell - 3, h, "down", tip, rx=1)
        svg.text(x + cell / 2, middle + 10.5, bit,
                 "tiny strong" if up or down else "tiny", "middle")
    svg.text(LEFT - 12, 74, "0 read as 1", "small", "end")
    svg.text(LEFT - 12, 88, f"at most {top} times", "faint", "end")
    svg.text(LEFT - 12, 180, "1 read as 0", "small", "end")
    return svg.done()


def scatter(run):
    """Address by bit: a row of dots is a data line, a column is a place."""
    found = points(run)
    pieces = banks(areas(run))
    total = sum(end - start for start, end in pieces)
    if not found or not total:
        return ""
    svg = Svg(WIDE, 300, "errors by address and bit")
    scale, x = (STRIP - 8 * (len(pieces) - 1)) / total, LEFT
    cells = collections.Counter()
    for i, (start, end) in enumerate(pieces):
        wide = (end - start) * scale
        svg.rect(x, 10, wide, 256, "lane", rx=3)
        svg.text(x + wide / 2 if i else x, 284, f"{start:#x}", "mono",
                 "middle" if i else "start")
        for p in found:
            if start <= p.addr < end:
                where = int(x + (p.addr - start) * scale)
                for bit in range(64):
                    if p.xor >> bit & 1:
                        cells[where, bit, p.record.text("class")] += 1
        x += wide + 8
    svg.text(x - 8, 284, f"{pieces[-1][1]:#x}", "mono", "end")
    for bit in range(0, 65, 8):
        svg.line(LEFT, 266 - 4 * bit, LEFT + STRIP, 266 - 4 * bit, "cut")
    for bit in range(4, 64, 8):
        svg.text(LEFT - 12, 270 - 4 * bit, f"byte {bit // 8}", "small", "end")
    for (where, bit, name), count in sorted(cells.items())[:MANY]:
        svg.rect(where - 3, 261 - 4 * bit, 6, 5, dot(name),
                 f"bit {bit}: {plural(count, 'error')} here, {name}", rx=1)
    return svg.done()


def dot(name):
    return f"dot {name if name in glossary.CLASSES else 'unknown'}"


# -- time


def timeline(run):
    """When each test ran, with errors, holds and holes in the log."""
    tests = [t for t in run.tests if t.until >= t.began][-MANY:]
    ends = [t.until for t in tests]
    if run.done:
        ends.append(run.done.real("ts", 0.0))
    top = max(ends, default=0)
    names = list(dict.fromkeys(t.name for t in tests))[:32]
    if not top or not names:
        return ""
    svg = Svg(WIDE, 22 * len(names) + 34, "when each test ran")
    bottom, scale = 22 * len(names) + 8, STRIP / top
    for at in steps(top, 8):
        svg.line(LEFT + at * scale, 4, LEFT + at * scale, bottom, "cut")
    seconds(svg, bottom + 15, top)
    for a, b in run.holds[:MANY]:
        svg.rect(LEFT + a * scale, 4, max(1, (b - a) * scale), bottom - 4,
                 "hold", f"hold: {b - a:.1f} s between writing and verifying")
    for t in tests:
        if t.name not in names:
            continue
        y = 22 * names.index(t.name) + 6
        tip = (f"{t.name}, pass {t.number}: {t.until - t.began:.1f} s, "
               f"{plural(t.errors, 'error')}")
        svg.rect(LEFT + t.began * scale, y,
                 max(1.5, (t.until - t.began) * scale), 14,
                 "bad" if t.errors else "bar" if t.ended else "part", tip, rx=2)
    for i, name in enumerate(names):
        svg.text(LEFT - 12, 22 * i + 17, name[:18], "mono", "end")
    for hole in run.holes[:200]:
        x = LEFT + min(top, hole.ts) * scale
        svg.area([(x - 4, 0), (x + 4, 0), (x, 7)], "warn",
                 f"{plural(hole.count, 'line')} of the log lost here")
    return svg.done()


def seconds(svg, y, top):
    """The labels of an axis of time."""
    for at in steps(top, 8):
        x = LEFT + at * STRIP / top
        svg.text(min(x, WIDE), y, f"{at:g} s", "small",
                 "middle" if x < WIDE - 30 else "end")


def hart_names(run, n):
    names = run.start.text("harts").split(",") if run.start else []
    return names if len(names) == n else [str(i) for i in range(n)]


def longest(run):
    """The longest test that has percents of harts over time; None."""
    tests = [t for t in run.tests if len(t.samples) > 1]
    return max(tests, key=lambda t: t.until - t.began, default=None)


def harts(run):
    """How far each hart was, over the longest test."""
    t = longest(run)
    if not t or len(t.harts) < 1 or len(t.harts) > 64:
        return ""
    top = max(t.samples[-1][0] - t.began, 0.1)
    svg = Svg(WIDE, 190, "progress of each hart")
    for percent in (0, 25, 50, 75, 100):
        y = 160 - 1.5 * percent
        svg.line(LEFT, y, LEFT + STRIP, y, "cut")
        svg.text(LEFT - 12, y + 4, f"{percent} %", "small", "end")
    seconds(svg, 178, top)
    stride = max(1, len(t.samples) // 300)
    for i, name in enumerate(hart_names(run, len(t.harts))):
        track = [(0, 0)] + [(ts - t.began, s[i]) for ts, s in
                            t.samples[::stride] if len(s) > i]
        svg.path([(LEFT + max(0, min(x, top)) * STRIP / top, 160 - 1.5 * p)
                  for x, p in track], f"track hart{i % 6}", f"hart {name}")
    return svg.done()


def hart_rates(run):
    """{hart: MB/s} while it worked, over all tests; its share of a test is
    taken to be one nth."""
    work, spent = collections.Counter(), collections.Counter()
    for t in run.tests:
        n = len(t.harts)
        if not t.accesses or not n or n > 64 or t.moved or t.held:
            continue
        share = t.accesses * 8 / n
        for name, i in zip(hart_names(run, n), range(n)):
            for ts, s in t.samples:
                if len(s) > i and s[i] == 100 or ts == t.samples[-1][0]:
                    break
            if ts > t.began and len(s) > i:
                work[name] += share * s[i] / 100
                spent[name] += ts - t.began
    return {name: work[name] / spent[name] / 1e6 for name in work}


def bars(values, unit, width=220):
    """{label: svg} of bars in a table, all to the same scale."""
    top = max(values.values(), default=0)
    pictures = {}
    for label, value in values.items():
        svg = Svg(width, 14, f"{value:g} {unit}")
        svg.rect(0, 2, width * value / top if top else 0, 10, "bar",
                 f"{value:g} {unit}", rx=2)
        pictures[label] = svg.done()
    return pictures
