"""How the tool reaches the board: a serial port, or a machine in QEMU.

    read(seconds)   what has come, perhaps b""; never raises
    write(data)     whether it went out
    now()           seconds
    down            since when the port is gone, or None
    dead            a sentence, when nothing will ever come again, or None

A port that is gone is opened again as soon as it is there: the run goes on in
the board meanwhile.
"""
import os
import select
import signal
import socket
import subprocess
import time

import board
from say import Error

END = b"\x01x"  # QEMU's own keys
RETRY = 0.5     # seconds between two tries to open a port


class PortLink:
    def __init__(self, path, baud, note, port=None):
        self.path, self.baud, self.note = path, baud, note
        self.port = port or self._open()
        self.down = self.dead = None
        self.lost = None        # when it went, until something came again

    def _open(self):
        from port import Port   # not before scripts/setup
        return Port(self.path, self.baud)

    def now(self):
        return time.monotonic()

    def read(self, seconds):
        if self.down is not None and not self._again(seconds):
            return b""
        try:
            data = self.port.read(seconds)
        except Error as e:
            self._lost(e)
            return b""
        if data:
            self.lost = None
        return data

    def write(self, data):
        if self.down is not None:
            return False
        try:
            self.port.write(data)
            return True
        except Error as e:
            self._lost(e)
            return False

    def _lost(self, why):
        """A port that opens and breaks, over and over, has been gone since the
        first time."""
        self.again = self.lost is not None
        if not self.again:
            self.note(f"{why}; waiting for it to come back")
            self.lost = self.now()
        self.down = self.lost
        self.close()

    def _again(self, seconds):
        """Try to open it once more."""
        if not os.path.exists(self.path):
            time.sleep(min(RETRY, seconds))
            return False
        try:
            self.port = self._open()
        except Error:
            time.sleep(min(RETRY, seconds))
            return False
        if not self.again:
            self.note(f"{self.path} is back after "
                      f"{self.now() - self.down:.0f} s")
        self.down = None
        return True

    def close(self):
        try:
            self.port.close()
        except OSError:
            pass


class QemuLink:
    """scripts/run with these words; ends with this object."""

    def __init__(self, words):
        self.down = self.dead = None
        # Whatever ends this tool ends QEMU.
        command = ["setpriv", "--pdeathsig", "TERM",
                   os.path.join(board.ROOT, "scripts/run"), *words]
        # A socket, for a pipe that nobody reads any more would end this tool.
        self.keys, far = socket.socketpair()
        # A session of its own: the keyboard's ^C is this tool's alone.
        self.process = subprocess.Popen(
            command, stdin=far, stdout=subprocess.PIPE, start_new_session=True)
        far.close()
        self.fd = self.process.stdout.fileno()

    def now(self):
        return time.monotonic()

    def read(self, seconds):
        if self.dead:
            time.sleep(min(seconds, 0.1))
            return b""
        if not select.select([self.fd], [], [], max(0, seconds))[0]:
            return b""
        data = os.read(self.fd, 65536)
        if not data:
            status = self.process.wait()
            how = f"status {status}" if status >= 0 else \
                f"signal {-status}"
            self.dead = f"QEMU has ended ({how})"
        return data

    def write(self, data):
        # Ctrl-A is QEMU's own, and stands for itself when doubled.
        return self._send(data.replace(b"\x01", b"\x01\x01"))

    def _send(self, data):
        try:
            self.keys.sendall(data, socket.MSG_NOSIGNAL)
            return True
        except OSError:
            return False

    def close(self):
        self._send(END)
        try:
            self.process.wait(5)
            return
        except subprocess.TimeoutExpired:
            pass
        for sig in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sig)
                self.process.wait(5)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
