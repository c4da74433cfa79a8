"""SVG by hand: the few shapes that the report's pictures have.

Written out directly rather than by a plotting library: every shape can have a
title that shows when the pointer is on it, colours follow the page's light or
dark style, and the same log gives the same bytes.
"""
import html


def esc(text):
    """Text that means nothing to a browser but itself. Control characters have
    no place in a page."""
    text = "".join(c if c.isprintable() or c == "\n" else "\ufffd"
                   for c in str(text))
    return html.escape(text, quote=True)


def num(value):
    """Short, and the same everywhere."""
    return f"{value:.1f}".rstrip("0").rstrip(".") if value else "0"


class Svg:
    """A picture of `width` x `height` units, scaled to the page."""

    def __init__(self, width, height, label):
        self.width, self.height, self.label = width, height, label
        self.parts = []

    def add(self, shape, title=None, **attributes):
        words = "".join(
            f' {k.rstrip("_").replace("_", "-")}="{esc(v)}"'
            for k, v in attributes.items() if v is not None)
        inside = f"<title>{esc(title)}</title>" if title else ""
        self.parts.append(f"<{shape}{words}>{inside}</{shape}>")

    def rect(self, x, y, w, h, class_, title=None, rx=None):
        self.add("rect", title, x=num(x), y=num(y), width=num(max(w, 0.1)),
                 height=num(max(h, 0.1)), class_=class_, rx=rx)

    def line(self, x1, y1, x2, y2, class_):
        self.add("line", x1=num(x1), y1=num(y1), x2=num(x2), y2=num(y2),
                 class_=class_)

    def path(self, points, class_, title=None):
        where = " ".join(f"{num(x)},{num(y)}" for x, y in points)
        self.add("polyline", title, points=where, class_=class_)

    def area(self, points, class_, title=None):
        where = " ".join(f"{num(x)},{num(y)}" for x, y in points)
        self.add("polygon", title, points=where, class_=class_)

    def text(self, x, y, text, class_="", anchor="start"):
        self.parts.append(
            f'<text x="{num(x)}" y="{num(y)}" class="{class_}" '
            f'text-anchor="{anchor}">{esc(text)}</text>')

    def done(self):
        return (f'<svg viewBox="0 0 {num(self.width)} {num(self.height)}" '
                f'role="img" aria-label="{esc(self.label)}">'
                + "".join(self.parts) + "</svg>")


def size(n):
    """Bytes for people."""
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if n < 1024 or unit == "TiB":
            text = f"{n:.1f}" if n < 100 and n != int(n) else f"{n:.0f}"
            return f"{text} {unit}"
        n /= 1024
    return None


def steps(top, wanted=5):
    """Round values from 0 to top, for an axis."""
    if top <= 0:
        return [0]
    step = 1
    while top / step > wanted:
        for factor in (2, 2.5, 2):
            step = step * factor
            if top / step <= wanted:
                break
    while top / step < wanted / 2.5 and step > 0.01:
        step = step / 2
    return [i * step for i in range(int(top / step) + 1)]
