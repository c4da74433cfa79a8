"""A machine in QEMU, its console on pipes.

Nothing here depends on how fast the machine is: a test waits for text, up to a
limit that only a machine that hangs reaches.
"""
import os
import re
import subprocess
import threading
import time

from harness import BUILD, ROOT, Failure, kill, shown, start

RELEASE = f"{BUILD}/kernel/Image"
DEBUG = f"{BUILD}/kernel-debug/Image"
PATIENCE = 120      # seconds without the text that was waited for

PROMPT = r"(?:^|\n)strata> ?$"
STATUS = r"^autorun: status (\d+)\n"
PANIC = r"panic: "


class Machine:
    """Started by scripts/run with these options, and without a kernel when the
    disk has one; use it in a with statement.

        with Machine(test, "--mem", "64M") as m:
            m.expect(PROMPT)
            m.send("help\\n")
    """

    def __init__(self, test, *options, kernel=RELEASE):
        command = [f"{ROOT}/scripts/run", *options]
        if kernel:
            command += ["--kernel", kernel]
        test.note(shown(command))
        self.test = test
        self.output = ""            # all of it, without \r
        self.seen = 0               # how much of it expect() has consumed
        self.ended = False
        self.arrived = threading.Condition()
        self.process = start(command, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while True:
            data = os.read(self.process.stdout.fileno(), 65536)
            with self.arrived:
                if data:
                    self.test.log.write(data)
                    self.output += data.decode(errors="replace").replace(
                        "\r", "")
                else:
                    self.ended = True
                self.arrived.notify_all()
            if not data:
                return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        kill(self.process)
        self.reader.join(10)

    def send(self, text):
        """Type; a str or bytes."""
        data = text.encode() if isinstance(text, str) else text
        # Ctrl-A is QEMU's own, and stands for itself when doubled.
        self.process.stdin.write(data.replace(b"\x01", b"\x01\x01"))
        self.process.stdin.flush()

    def expect(self, pattern, unless=None, patience=PATIENCE):
        """Wait for text that matches, after what was matched before. Failure
        when `unless` comes first, when the machine ends or when nothing has
        come for too long."""
        expression = re.compile(pattern, re.M)
        bad = re.compile(unless, re.M) if unless else None
        limit = time.monotonic() + min(patience, self.test.remaining())
        with self.arrived:
            while True:
                m = expression.search(self.output, self.seen)
                b = bad.search(self.output, self.seen) if bad else None
                if b and (not m or b.start() < m.start()):
                    # Let the rest of the report arrive, for the log.
                    self.arrived.wait(1)
                    line = self.output[b.start():].lstrip().splitlines()[0]
                    raise Failure(f"unexpected: {line}")
                if m:
                    self.seen = m.end()
                    return m
                if self.ended:
                    raise Failure(f"machine ended before {pattern!r}")
                if not self.arrived.wait(limit - time.monotonic()):
                    raise Failure(f"waited in vain for {pattern!r}")

    def command(self, line):
        """Type a command at the prompt; its output, when it is done."""
        begin = self.seen
        self.send(line + "\r")
        self.expect(PROMPT, unless=PANIC)
        return self.output[begin:self.seen]

    def wait(self, patience=PATIENCE):
        """Wait until the machine ends; its exit status."""
        try:
            status = self.process.wait(min(patience, self.test.remaining()))
        except subprocess.TimeoutExpired:
            raise Failure("the machine did not end") from None
        self.reader.join(10)
        return status


def autorun(test, commands, *options, append="", kernel=RELEASE):
    """Boot, run the commands, end; Failure unless all succeeded. Returns what
    was printed."""
    line = f'{append} autorun="{commands}"'.strip()
    with Machine(test, *options, "--append", line, kernel=kernel) as m:
        status = finish(m)
        if status:
            raise Failure(f"a command ended with status {status}")
        return m.output


def finish(m, patience=None):
    """Wait for the last line of autorun and for QEMU's end with the status that
    it tells; returns it."""
    told = int(m.expect(STATUS, unless=PANIC,
                        patience=patience or m.test.timeout)[1])
    status = m.wait()
    if status != told:
        raise Failure(f"QEMU ended with {status}, the kernel with {told}")
    return status
