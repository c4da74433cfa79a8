"""What a test is, and how it runs programs: with a log and a deadline."""
import collections
import concurrent.futures
import os
import signal
import subprocess
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build")
LOGS = os.path.join(BUILD, "test-logs")


class Failure(Exception):
    """A test found what it looks for; the text says what."""


class Test:
    """One named test. fn(test) returns a figure to print, or None, and raises
    Failure. Levels: see run.py. `needs` names tests that must pass before. kind:
    "computes", "waits" (for somebody's timeouts, most of its time) or "alone"."""

    def __init__(self, name, level, timeout, what, fn, needs=(),
                 kind="computes"):
        self.name, self.level, self.timeout = name, level, timeout
        self.what, self.fn, self.needs, self.kind = what, fn, needs, kind
        self.log = None
        self.deadline = None

    @property
    def log_path(self):
        return os.path.join(LOGS, self.name + ".log")

    def execute(self):
        os.makedirs(LOGS, exist_ok=True)
        self.log = open(self.log_path, "wb", buffering=0)
        self.deadline = time.monotonic() + self.timeout
        return self.fn(self)

    def close(self):
        if self.log:
            self.log.close()

    def note(self, text):
        self.log.write((text + "\n").encode())

    def note_exception(self):
        if self.log:
            self.note(traceback.format_exc())

    def remaining(self):
        return max(0.0, self.deadline - time.monotonic())

    def tail(self, lines=25):
        if not self.log:
            return []
        with open(self.log_path, encoding="utf-8", errors="replace",
                  newline="") as f:
            return f.read().replace("\r", "").splitlines()[-lines:]

    def run(self, *command, env=None, cwd=ROOT, check=True):
        """Run a program, its output in the log and returned. Failure when its
        status is not 0 (unless check is False) or it takes too long."""
        self.note(shown(command))
        begin = self.log.tell()
        process = start(command, cwd=cwd, env={**os.environ, **(env or {})},
                        stdin=subprocess.DEVNULL, stdout=self.log,
                        stderr=subprocess.STDOUT)
        try:
            status = process.wait(self.remaining())
        except subprocess.TimeoutExpired:
            raise Failure(f"{os.path.basename(command[0])} did not end within "
                          f"the test's {self.timeout} s") from None
        finally:
            kill(process)
        with open(self.log_path, "rb") as f:
            f.seek(begin)
            output = f.read().decode(errors="replace")
        if check and status:
            raise Failure(f"{os.path.basename(command[0])} ended with status "
                          f"{status}")
        return output

    def run_all(self, commands, cwd=ROOT):
        """Run programs, two at a time; the log has the output of those that
        fail. Failure if one does."""
        def one(command):
            process = start(command, cwd=cwd, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            try:
                output = process.communicate(timeout=self.remaining())[0]
            except subprocess.TimeoutExpired:
                output = b"took too long\n"
            finally:
                kill(process)
            if process.returncode:
                self.note(shown(command) + "\n" + output.decode(errors="replace"))
            return process.returncode

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            failed = sum(map(bool, pool.map(one, commands)))
        if failed:
            raise Failure(f"{failed} of {len(commands)} failed")


def shown(command):
    text = "$ " + " ".join(command)
    return text if len(text) < 400 else text[:300] + " ... " + text[-80:]


_named = collections.defaultdict(threading.Lock)


def one_at_a_time(name):
    """For a with statement: what no two tests may do at once, like a build in one
    directory."""
    return _named[name]


# Whatever happens, no program outlives the tests: each is a process group.
_processes = set()
_lock = threading.Lock()
stopped = threading.Event()     # no more programs may start


def start(command, **how):
    with _lock:
        if stopped.is_set():
            raise Failure("interrupted")
        process = subprocess.Popen(command, start_new_session=True, **how)
        _processes.add(process)
    return process


def kill(process):
    """End the program and its children, if they still run."""
    for sig, patience in ((signal.SIGTERM, 2), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, sig)
        except ProcessLookupError:
            break
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
    with _lock:
        _processes.discard(process)


def kill_all():
    """End what runs, and start nothing more."""
    with _lock:
        stopped.set()
        left = list(_processes)
    for process in left:
        kill(process)


def files(*suffixes, root=ROOT, under=""):
    """The project's files that end so, as sorted paths from its root."""
    found = []
    for folder, folders, names in os.walk(os.path.join(root, under)):
        folders[:] = sorted(f for f in folders
                            if f not in ("build", ".git", "__pycache__"))
        found += [os.path.relpath(os.path.join(folder, n), root)
                  for n in names if n.endswith(suffixes) and n != ".git"]
    return sorted(found)


def jobs():
    return str(min(2, os.cpu_count() or 1))
