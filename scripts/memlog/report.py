"""The report: one page with pictures that needs no other file, no network and
no script.

It is made from a stored log and nothing else, so the same log gives the same
page. Whatever comes from the log passes through esc().
"""
import datetime
import os

import say

from . import charts, glossary, state
from .draw import esc, size

LISTED = 200        # errors
OPEN = 16           # of them at first sight
LOOKS = {state.PASS: "ok", state.FAIL: "bad", state.DAMAGED: "warn",
         state.NO_END: "warn", state.NO_START: "warn",
         state.INTERRUPTED: "calm"}
MEANS = {
    state.PASS: "",
    state.FAIL: "",
    state.DAMAGED: "Nothing is proven: neither that the memory is good nor "
                   "that it is bad. Mend the line and test again.",
    state.NO_END: "Nothing is proven about the memory that was not reached. A "
                  "board that hangs or resets under test may have bad memory "
                  "all the same.",
    state.NO_START: "Nothing was tested.",
    state.INTERRUPTED: "What was not reached was not tested.",
}
FACTS = (
    ("board", "Board"), ("compatible", "Compatible"), ("mem_mb", "Memory, MiB"),
    ("cpu", "ISA"), ("harts", "Harts"), ("mmu", "Paging"),
    ("timebase", "Timebase, Hz"), ("sbi", "Firmware (SBI)"),
    ("sbi_spec", "SBI specification"), ("mvendorid", "mvendorid"),
    ("marchid", "marchid"), ("mimpid", "mimpid"),
    ("cache_l2", "Last-level cache"), ("cache_guessed", "Its size is a guess"),
    ("line", "Cache line"), ("flusher", "Cache lines are flushed by"),
    ("uncached", "Uncached access by"), ("baud", "Baud"),
)
OPTIONS = (
    ("run", "Run"), ("version", "Kernel"), ("profile", "Profile"),
    ("tests", "Tests"), ("range", "Range"), ("passes", "Passes"),
    ("seed", "Seed"), ("harts", "Harts"), ("cache", "Cache mode"),
    ("verified", "Cache mode verified"), ("hold_ms", "Hold, ms"),
    ("fade_ms", "Fade, ms"), ("kernel", "Memory of the kernel tested"),
)


def check(path):
    """Error when no report could be written there."""
    _put(path, "a", "")


def write(path, *what):
    """Make the page. Error when it can't be written."""
    _put(path, "w", page(*what))


def _put(path, mode, text):
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with open(path, mode, encoding="utf-8") as f:
            f.write(text)
    except OSError as e:
        raise say.Error(f"can't write {path}: {e.strerror}") from None


def page(run, verdict, command, began=None):
    """`began`: when, in seconds, as far as the log tells."""
    with open(os.path.join(os.path.dirname(__file__), "style.css"),
              encoding="ascii") as f:
        style = f.read()
    board = run.infos.get("board", "a RISC-V board")
    parts = [
        f"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">"
        f"\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>"
        f"{esc(verdict.kind.upper())}: memory test of {esc(board)}</title>\n"
        f"<style>\n{style}</style>\n</head>\n<body>\n<main>\n",
        header(run, board, began), banner(run, verdict), figures(run),
        suspects(run), memory(run), errors(run), tests(run), hart_part(run),
        repair(run), machine(run, command), quality(run), words(run),
        "<footer>Made by Strata's scripts/memtest from the log alone. Hold the "
        "pointer over a picture for figures.</footer>\n</main>\n</body>\n"
        "</html>\n"]
    return "".join(parts)


def section(name, title, intro, *body):
    """"" when there is nothing in it."""
    inside = "".join(b for b in body if b)
    if not inside:
        return ""
    intro = f"<p>{intro}</p>" if intro else ""
    return (f'<section id="{name}">\n<h2>{title}</h2>{intro}{inside}\n'
            "</section>\n")


def table(heads, rows):
    """Columns whose head begins with # are numbers. Cells are markup."""
    if not rows:
        return ""
    kinds = [' class="n"' if h.startswith("#") else "" for h in heads]
    out = "".join(f"<th{k}>{h.lstrip('#')}</th>" for h, k in zip(heads, kinds))
    for row in rows:
        wrong, cells = ' class="wrong"' if row[0] else "", row[1:]
        out += f"</tr>\n<tr{wrong}>" + "".join(
            f"<td{k}>{c}</td>" for c, k in zip(cells, kinds))
    return f'<div class="scroll"><table>\n<tr>{out}</tr>\n</table></div>'


def facts(pairs):
    rows = "".join(f"<dt>{n}</dt><dd>{v}</dd>" for n, v in pairs)
    return f'<dl class="facts">{rows}</dl>' if rows else ""


def count(n):
    return f"{n:,}"


def duration(seconds):
    if seconds < 100:
        return f"{seconds:.1f} s"
    if seconds < 6000:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    return f"{seconds // 3600:.0f} h {seconds // 60 % 60:.0f} min"


def header(run, board, began):
    when = ""
    if began is not None:
        when = datetime.datetime.fromtimestamp(
            began, datetime.timezone.utc).strftime(", %d %B %Y, %H:%M UTC")
    name = run.start.text("run") if run.start else run.run_id or "unknown"
    return (f"<header><p>Strata memory test</p><h1>{esc(board)}</h1>"
            f"<p>Run <code>{esc(name)}</code>{when}</p></header>\n")


def banner(run, verdict):
    means = MEANS[verdict.kind]
    if verdict.kind == state.FAIL and run.bad:
        means = "The frames concerned are listed below."
    if verdict.kind == state.PASS:
        means = coverage(run)
    return (f'<div class="verdict {LOOKS[verdict.kind]}" id="verdict"><b>'
            f"{esc(verdict.kind.upper())}</b><div>{esc(sentence(verdict.why))}"
            f"<br><span class=\"soft\">{esc(means)}</span></div></div>\n")


def sentence(text):
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?"))
                                          else ".")


def amounts(run):
    """Bytes tested and not, as the run's end tells, else by its plan."""
    if run.done:
        return run.done.number("tested", 0), (
            run.done.number("untested", 0) + run.done.number("skipped", 0))
    return 0, sum(s.end - s.start for s in run.untested)


def coverage(run):
    tested, untested = amounts(run)
    mode = run.start.text("cache") if run.start else ""
    text = f"{size(tested)} tested, {size(untested)} not."
    if mode in glossary.CACHES:
        text += f" Cache mode {mode}: {glossary.CACHES[mode]}."
    if run.start and run.start.text("verified") == "no":
        text += " Measured on this machine, the mode does not do that."
    return text


def figures(run):
    """The row of large figures."""
    tested, untested = amounts(run)
    total = tested + untested
    rates = [t.rate for t in run.tests if t.rate and not t.moved]
    spent = run.done.number("ms", 0) / 1000 if run.done else \
        run.last.real("ts", 0) if run.last else 0
    shown = []
    if run.done:
        part = f"tested, {percent(tested, total)} % of {whole(run)}" \
            if total else "tested"
        shown.append((size(tested), part))
    shown.append((count(run.error_count()), "errors"))
    if run.passes or run.done:
        passes = run.done.number("passes", 0) if run.done else len(run.passes)
        shown.append((count(passes), "complete passes"))
    shown.append((duration(spent), "from first to last line"))
    if rates:
        shown.append((f"{max(rates):.0f} MB/s", "at most, in one test"))
    if run.moves:
        shown.append((count(run.moves), "times the kernel was moved away"))
    return '<div class="figures">' + "".join(
        f"<div><b>{esc(a)}</b><span>{esc(b)}</span></div>"
        for a, b in shown) + "</div>\n"


def percent(part, total):
    """Rounded down: 100 is all."""
    return f"{1000 * part // total / 10:.1f}"


def whole(run):
    all_ = not run.start or run.start.text("range") == "all"
    return "memory" if all_ else "the range"


def suspects(run):
    return section("suspects", "What it looks like",
                   "Guesses from the pattern of the errors; a marginal line or "
                   "wrong timing may look like any of them.", "".join(
        f'<div class="suspect"><b>{esc(glossary.SUSPECTS.get(w, w))}</b>. '
        f"{esc(d)}</div>" for w, d in run.suspects[:20]))


def legend(*items):
    return '<div class="legend">' + "".join(
        f'<span><i class="{c}"></i>{t}</span>' for c, t in items) + "</div>"


def memory(run):
    found, picture = charts.areas(run), charts.memory_map(run)
    kinds = {a.kind for a in found} | (
        {"bad"} if run.errors or run.ranges else set())
    around = charts.zooms(run)
    rows = [(False, f"<code>{a.start:#x}</code>", f"<code>{a.end:#x}</code>",
             size(a.end - a.start),
             esc(glossary.REASONS.get(a.why, a.why) or "no reason is told"))
            for a in found if a.kind == "untested"]
    more = f"<p>and {len(rows) - 100} more</p>" if len(rows) > 100 else ""
    return section(
        "memory", "Memory map", "Addresses rise from left to right and from "
        "row to row.", picture and legend(*(
            (kind, text) for kind, text in (
                ("tested", "tested"),
                ("moved", "tested while the kernel was moved away"),
                ("planned", "begun or to come: no test went through all of it"),
                ("untested", "not tested"), ("bad", "errors"))
            if kind in kinds)) + f'<div class="pictures">{picture}</div>',
        around and f'<h3>Around the errors</h3><div class="pictures">{around}'
        "</div>",
        rows and "<h3>Not tested</h3>", table(
            ("From", "To", "#Size", "Why"), rows[:100]), more)


def errors(run):
    bits, dots = charts.bits(run), charts.scatter(run)
    return section(
        "errors", "Errors", "",
        bits and "<h3>Which bits</h3><p class=\"soft\">As a word is written. "
        "Where memory is 32 bits wide, bits n and n + 32 share a data line, "
        "and bytes n and n + 4 a lane.</p>"
        f'<div class="pictures" id="bits">{bits}</div>',
        dots and "<h3>Addresses and bits</h3>" + legend(
            ("up dot", "stuck"), ("down dot", "transient"),
            ("dot unstable", "unstable"), ("dot unknown", "unknown"))
        + '<p class="soft">A row of dots is a data line; a column is a place '
        f'in memory.</p><div class="pictures" id="scatter">{dots}</div>',
        error_ranges(run), error_list(run))


def error_list(run):
    rows = []
    for e in run.errors[:LISTED]:
        rows.append((False, esc(e.text("pass")), esc(e.text("name") or
                     e.text("test")), code(e, "addr"), code(e, "expect"),
                     code(e, "actual"), code(e, "xor"), esc(e.text("hart")),
                     esc(e.text("class")), esc(e.text("cache"))))
    known = len(run.errors) + run.more_errors
    told = f"the first {len(rows)} of {known} that the log has" \
        if known > len(rows) else f"all {known} that the log has"
    if run.error_count() > known:
        told += f", of {run.error_count()}"
    heads = ("#Pass", "Test", "Address", "Expected", "Read", "Difference",
             "#Hart", "Class", "Cache")
    more = len(rows) > OPEN and (
        f"<details><summary>{len(rows) - OPEN} more</summary>"
        f"{table(heads, rows[OPEN:])}</details>") or ""
    return rows and (f"<h3>The errors: {told}</h3>" +
                     table(heads, rows[:OPEN]) + more)


def code(record, key):
    return f"<code>{esc(record.text(key))}</code>"


def error_ranges(run):
    rows = [(False, esc(r.text("name") or r.text("test")), code(r, "start"),
             code(r, "end"), count(r.number("count", 0)), code(r, "xor_or"))
            for r in list(run.ranges.values())[:LISTED]]
    return rows and "<h3>Ranges with more errors</h3>" + table(
        ("Test", "From", "To", "#Errors", "Bits"), rows)


def tests(run):
    """A row for each test, all its passes together."""
    by_name = {}
    for t in run.tests:
        by_name.setdefault(t.name, []).append(t)
    mean = {n: rate for n, ts in by_name.items() if (rate := mean_rate(ts))}
    spent = {n: round(sum(t.ms or 0 for t in ts) / 1000, 1)
             for n, ts in by_name.items()}
    rate_bars = charts.bars(mean, "MB/s")
    time_bars = charts.bars(spent, "s")
    rows = []
    for name, ts in list(by_name.items())[:200]:
        wrong = sum(t.errors for t in ts)
        ended = sum(t.whole and not t.moved for t in ts)
        rows.append((wrong, f"<code>{esc(name[:40])}</code>",
                     esc(ended), count(wrong),
                     f"{spent[name]:.1f} s{time_bars[name]}",
                     f"{mean[name]:.0f} MB/s{rate_bars[name]}"
                     if name in mean else ""))
    line = charts.timeline(run)
    return section(
        "tests", "Tests", "Bandwidth is that of the tests' own accesses, all "
        "harts together.", table(("Test", "#Times", "#Errors", "Time",
                                  "Bandwidth"), rows),
        line and "<h3>When</h3>" + legend(
            ("bar", "a test"), ("bad", "one with errors"),
            ("hold", "a hold"), ("warn", "lines of the log lost")) +
        f'<div class="pictures" id="timeline">{line}</div>')


def mean_rate(ts):
    """MB/s of all runs of a test together, waits left out; None when it is not
    known. Over the kernel's small blocks it would tell of caches."""
    known = [t for t in ts if t.accesses and t.rate]
    known = [t for t in known if not t.moved] or known
    spent = sum(t.accesses / t.rate for t in known)
    return round(sum(t.accesses for t in known) / spent, 1) if spent else None


def hart_part(run):
    rates = {n: round(r, 1) for n, r in charts.hart_rates(run).items()}
    pictures = charts.bars(rates, "MB/s")
    rows = [(False, esc(n), f"{rates[n]:.0f} MB/s", pictures[n])
            for n in rates]
    lines = charts.harts(run)
    t = charts.longest(run)
    return section(
        "harts", "Harts", "While a hart works on its share of a test, in tests "
        "without waits; as exact as the log's signs of life, one in some "
        "seconds.",
        table(("Hart", "#Bandwidth", ""), rows),
        lines and f"<h3>Progress in {esc(t.name)}</h3>"
        f'<div class="pictures">{lines}</div>')


def repair(run):
    """What to do about bad frames."""
    rows = [(False, f"<code>{s.start:#x}</code>", f"<code>{s.end:#x}</code>",
             size(s.end - s.start), esc(s.why)) for s in run.bad[:LISTED]]
    dts = "\n".join(run.texts["dts"][1])
    memmap = "\n".join(run.texts["memmap"][1])
    return section(
        "repair", "Living with it", "Bad frames can be kept from use: Strata "
        "has retired those that it could until the power goes; the lines "
        "below do it for good, in a device tree or for Linux.",
        table(("From", "To", "#Size", "State"), rows),
        dts and f"<h3>For the device tree</h3><pre>{esc(dts)}</pre>",
        memmap and f"<h3>For Linux's command line</h3><pre>{esc(memmap)}</pre>")


def machine(run, command):
    known = dict(FACTS)
    pairs = [(label, fact(key, run.infos[key])) for key, label in FACTS
             if key in run.infos]
    pairs += [(esc(k[:30]), esc(v)) for k, v in list(run.infos.items())[:60]
              if k not in known]
    start = run.start.fields if run.start else {}
    options = [(label, esc(start[k])) for k, label in OPTIONS if k in start]
    if command:
        options.append(("Command", f"<code>{esc(command)}</code>"))
    return section("machine", "The machine and the run", "",
                   pairs and "<h3>Machine</h3>" + facts(pairs),
                   options and "<h3>Options</h3>" + facts(options))


def fact(key, value):
    if key == "cache_l2" and value.isascii() and value.isdecimal():
        return size(int(value[:18]))
    return esc(value)


def quality(run):
    """How much of the log there is."""
    pairs = [("Intact lines", count(run.good)),
             ("Damaged lines", count(run.damaged)),
             ("Missing by their numbers", count(run.lost))]
    if run.done and run.done.number("lines") is not None:
        pairs.append(("Lines before the end, as the run tells",
                      count(run.done.number("lines"))))
    rows = [(False, f"{h.ts:.1f} s", count(h.after), count(h.count))
            for h in run.holes[:100]]
    notes = "".join(f"<li>{esc(stamp(at))} {esc(text)}</li>"
                    for at, text in run.events[:200])
    return section(
        "log", "The log", "Each line has a number and a checksum; what is not "
        "intact was not used.", facts(pairs), rows and "<h3>Holes</h3>",
        table(("#Before", "#From line", "#Lines"), rows),
        notes and f"<h3>What the tool did and saw</h3><ul>{notes}</ul>")


def stamp(at):
    if at is None:
        return ""
    return datetime.datetime.fromtimestamp(
        at, datetime.timezone.utc).strftime("%H:%M:%S")


def words(run):
    """What the words above mean, as far as they were used."""
    used = list(dict.fromkeys(t.name for t in run.tests))
    rows = [(False, f"<code>{esc(n)}</code>", esc(glossary.TESTS[n]))
            for n in used if n in glossary.TESTS]
    if run.errors:
        rows += [(False, f"<code>{n}</code>", esc(t))
                 for n, t in glossary.CLASSES.items()]
        rows += [(False, f"<code>{n}</code>", esc(t))
                 for n, t in glossary.KINDS.items()]
    if run.start and run.start.text("cache") in glossary.CACHES:
        mode = run.start.text("cache")
        rows.append((False, f"<code>{mode}</code>",
                     esc(f"cache mode: {glossary.CACHES[mode]}")))
    return section("words", "Words", "", table(("Word", "Meaning"), rows))
