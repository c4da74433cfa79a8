"""The options of the kernel's memtest, and whether a run has those asked for.

The line is not trusted: what was typed may have arrived as something else. The
run's own first line tells its options, and a pass counts only for a run whose
options are, one by one, those that were asked for.
"""
import re

from say import Error

LINE = 255      # characters that Strata's prompt takes

# name: (metavar, key of the start line, help)
OPTIONS = {
    "profile": ("P", "profile", "quick, standard or soak (until ^C)"),
    "test": ("NAME,...", "tests", "only these tests"),
    "range": ("START-END", "range", "only these physical addresses; or "
              "START+SIZE"),
    "passes": ("N", "passes", "so many passes; 0: until ^C"),
    "seed": ("N", "seed", "of the random patterns"),
    "harts": ("LIST", "harts", "only these harts, such as 1,2,4 or 1-4"),
    "cache": ("MODE", "cache", "wb, evict, flush or uncached: how far "
              "accesses get to memory"),
    "hold": ("MS", "hold_ms", "wait between writing and verifying"),
    "fade": ("MS", "fade_ms", "how long tests of retention wait"),
    "kernel": ("yes|no", "kernel", "also the memory that the kernel lives in, "
               "by moving it away"),
    "tick": ("S", None, "seconds between signs of life"),
}


def add(parser):
    group = parser.add_argument_group(
        "what to test", "As at the board's own prompt; docs/memtest.md tells\n"
        "more. Without any: the quick tests, once, over all free memory.")
    for name, (metavar, _, text) in OPTIONS.items():
        group.add_argument(f"--{name}", metavar=metavar, help=text)


def size(text):
    """1024, 0x400, 1K -> 1024. ValueError."""
    m = re.fullmatch(r"(0x[0-9a-fA-F]+|[0-9]+)([KMGTkmgt]?)", text.strip())
    if not m:
        raise ValueError(text)
    shift = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}[m[2].lower()]
    return int(m[1], 0 if m[1].startswith("0x") else 10) << shift


def bounds(text):
    """START-END or START+SIZE -> (start, end). ValueError."""
    m = re.fullmatch(r"([^-+]+)([-+])([^-+]+)", text)
    if not m:
        raise ValueError(text)
    start, other = size(m[1]), size(m[3])
    return start, other if m[2] == "-" else start + other


def numbers(text):
    """1,3-5 -> {1, 3, 4, 5}. ValueError."""
    found = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        low, high = size(first), size(last) if dash else size(first)
        if not low <= high < low + 4096:
            raise ValueError(text)
        found.update(range(low, high + 1))
    return found


def meaning(name, text):
    """What two ways to write the same have in common. ValueError."""
    if name == "range":
        return bounds(text)
    if name == "harts":
        return numbers(text)
    if name == "test":
        return set(text.split(","))
    if name in ("passes", "seed", "hold", "fade", "tick"):
        return size(text)
    return text


class Asked:
    """What the user wants: {option: text}."""

    def __init__(self, values):
        self.values = values
        for name, text in values.items():
            self._check(name, text)
        if len(self.command("0" * 8)) > LINE:
            raise Error(f"that is too long for Strata's prompt, which takes "
                        f"{LINE} characters")

    @classmethod
    def of(cls, args):
        """From parsed arguments."""
        values = {n: getattr(args, n) for n in OPTIONS}
        return cls({n: v for n, v in values.items() if v is not None})

    @staticmethod
    def _check(name, text):
        if not re.fullmatch(r"[\w.,+-]+", text, re.A):
            raise Error(f"--{name} '{text}' can't be typed at the prompt")
        try:
            meaning(name, text)
        except ValueError:
            raise Error(f"--{name}: '{text}' makes no sense") from None

    def command(self, run_id):
        words = ["memtest", "--run-id", run_id]
        for name, text in self.values.items():
            words += [f"--{name}", text]
        return " ".join(words)

    def tick(self):
        """Seconds between signs of life, when they were asked for."""
        return size(self.values.get("tick", "0"))

    def differs(self, start):
        """What the run's first line says otherwise than asked: a sentence, or
        None."""
        for name, text in self.values.items():
            key = OPTIONS[name][1]
            if key and not (name == "test" and text == "all") and \
                    not self._same(name, text, start.text(key)):
                return (f"--{name} {text} was asked for, and the run has "
                        f"{key}={start.text(key) or 'nothing'}")
        return None

    @staticmethod
    def _same(name, asked, told):
        try:
            return meaning(name, asked) == meaning(name, told)
        except ValueError:
            return False
