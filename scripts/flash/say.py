"""What the tools of this folder tell the user: errors, questions, progress."""
import os
import signal
import stat
import sys
import time
import traceback


class Error(Exception):
    """Something that the user can understand and do something about: the text
    says what went wrong, and with which file or device."""


def main(fn, failed=1):
    """Run a tool's fn(argv), a status or None. An Error becomes a message and
    status `failed`; ^C ends it with 130. Wrong options are argparse's: 2."""
    name = os.path.basename(sys.argv[0])
    # Who reads the output may go first (`| head`).
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    # What ^C cleans up, these do, too; but nohup's wish stands.
    for s in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(s) != signal.SIG_IGN:
            signal.signal(s, signal.default_int_handler)
    # Somebody may have closed them.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")
    # Names of files and of disks may have any bytes.
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = fn(sys.argv[1:]) or 0
    except Error as e:
        print(f"{name}: {e}", file=sys.stderr)
        status = failed
    except KeyboardInterrupt:
        print(f"\n{name}: interrupted", file=sys.stderr)
        status = 130
    except Exception:   # pylint: disable=broad-except
        # A mistake in the tool is no result of what it does: not 1, Python's.
        traceback.print_exc()
        status = failed
    sys.exit(status)


def open_file(path):
    """Open an input for reading. Error unless it is a file: what else has a
    name may never end, or never begin."""
    try:
        f = open(path, "rb", opener=lambda name, flags: os.open(
            name, flags | os.O_NONBLOCK))
        if stat.S_ISREG(os.fstat(f.fileno()).st_mode):
            return f
        f.close()
    except OSError as e:
        raise Error(f"can't read {path}: {e.strerror}") from None
    raise Error(f"can't read {path}: it is not a file")


def size(n):
    """Bytes for people: 646528 -> '631 KiB'."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if n < 10240 or unit == "GiB":
            return f"{n:.0f} {unit}"
        n /= 1024
    return None


class Progress:
    """A line that counts up to `total` bytes; on a terminal in place, else a
    line each tenth, so that logs stay short.

        with Progress("Image", total) as p:
            p.at(done)
    """

    def __init__(self, what, total):
        self.what, self.total = what, total
        self.live = sys.stderr.isatty()
        self.begin = time.monotonic()
        self.shown = -1
        self.done = 0

    def __enter__(self):
        self.at(0)
        return self

    def __exit__(self, *_):
        if self.live:
            print(file=sys.stderr)

    def at(self, done):
        self.done = done
        percent = 100 * done // self.total if self.total else 100
        step = percent if self.live else percent // 10
        if step == self.shown:
            return
        self.shown = step
        spent = time.monotonic() - self.begin
        rate = f", {size(done / spent)}/s" if done and spent > 0.5 else ""
        text = f"{self.what}: {size(done)} of {size(self.total)}{rate}"
        if self.live:
            print(f"\r{text:<70}", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)
