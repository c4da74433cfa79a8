"""A board at the far end of a pty that the tools take for a serial port, and a
wire that can be bad or cut."""
import os
import pty
import re
import select
import socket
import subprocess
import tempfile
import threading
import time
import tty

from harness import ROOT, Failure, kill, shown, start

UBOOT = "/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin"
PATIENCE = 120


class Wire:
    """A pty, and a thread that moves what goes through it.

    Subclasses have far_fd(), far_read() -> bytes and far_write(bytes), which
    never block. faults(way, data) -> data may change what passes, "down" to the
    board or "up" from it."""

    def __init__(self, test):
        self.test = test
        self.faults = lambda way, data: data
        self.said = ""          # all that the board said
        self.stopping = False
        self.plug_in()
        self.thread = threading.Thread(target=self._work, daemon=True)

    def plug_in(self):
        """A new port, of another name; the wire's own end stays open, so that
        no tool's closing ends anything."""
        self.near, self.slave = pty.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.near, False)
        self.path = os.ttyname(self.slave)

    def pull_out(self):
        near, slave = self.near, self.slave
        self.near = None
        time.sleep(0.3)         # the thread has noticed
        os.close(near)
        os.close(slave)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join(10)

    def _work(self):
        while not self.stopping:
            near, far = self.near, self.far_fd()
            fds = [fd for fd in (near, far) if fd is not None]
            ready = select.select(fds, [], [], 0.1)[0]
            try:
                if near in ready and (data := os.read(near, 256)):
                    self.far_write(self.faults("down", data))
            except OSError:
                pass            # pulled out just now
            if far in ready or far is None:
                self._up(self.far_read())

    def _up(self, data):
        if not data:
            return
        self.test.log.write(data)
        self.said += data.decode("ascii", "replace")
        data = self.faults("up", data)
        try:
            if self.near is not None:
                os.write(self.near, data)
        except OSError:
            pass                # nobody reads: a port forgets, too

    def wait_for(self, pattern, patience=PATIENCE):
        """Wait until the board has said that."""
        limit = time.monotonic() + min(patience, self.test.remaining())
        while not re.search(pattern, self.said):
            if time.monotonic() > limit:
                raise Failure(f"the board never said {pattern!r}")
            time.sleep(0.05)


class Uboot(Wire):
    """Debian's U-Boot in QEMU, at power-on. `network` is QEMU's word for it,
    or None."""

    def __init__(self, test, tftp=None, network="user"):
        super().__init__(test)
        self.folder = tempfile.TemporaryDirectory()
        where = f"{self.folder.name}/serial"
        command = ["qemu-system-riscv64", "-M", "virt", "-m", "512M", "-bios",
                   "default", "-kernel", UBOOT, "-display", "none",
                   "-monitor", "none", "-chardev",
                   f"socket,id=c,path={where},server=on,wait=on",
                   "-serial", "chardev:c"]
        if network:
            tftp = f",tftp={tftp}" if tftp else ""
            command += ["-netdev", f"{network},id=n{tftp}",
                        "-device", "virtio-net-device,netdev=n"]
        else:
            command += ["-nic", "none"]
        test.note(shown(command))
        self.process = start(command, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=test.log)
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(600):
            try:
                self.socket.connect(where)
                return
            except OSError:
                time.sleep(0.1)
        raise Failure("QEMU offers no serial port")

    def far_fd(self):
        return self.socket.fileno() if self.socket else None

    def far_read(self):
        if not self.socket:
            time.sleep(0.1)
            return b""
        try:
            data = self.socket.recv(4096)
        except OSError:
            data = b""
        if not data:
            self.socket = None      # the machine has ended
        return data

    def far_write(self, data):
        if self.socket:
            try:
                self.socket.sendall(data)
            except OSError:
                self.socket = None

    def __exit__(self, *how):
        super().__exit__(*how)
        kill(self.process)
        self.folder.cleanup()


class Tool:
    """A tool of scripts/flash, running; its output is in the log."""

    def __init__(self, test, name, *args, terminal=None):
        command = [f"{ROOT}/scripts/flash/{name}", *args]
        test.note("\n" + shown(command))
        self.test = test
        self.text = ""
        self.process = start(
            command, stdin=terminal if terminal else subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while data := os.read(self.process.stdout.fileno(), 65536):
            self.test.log.write(data)
            self.text += data.decode("utf-8", "replace")

    def wait_for(self, pattern):
        limit = time.monotonic() + min(PATIENCE, self.test.remaining())
        while not re.search(pattern, self.text, re.M):
            if time.monotonic() > limit or self.process.poll() is not None:
                raise Failure(f"the tool never said {pattern!r}")
            time.sleep(0.05)

    def end(self):
        """Wait until it ends; (status, output)."""
        try:
            status = self.process.wait(self.test.remaining())
        except subprocess.TimeoutExpired:
            raise Failure("the tool did not end") from None
        finally:
            kill(self.process)
            self.thread.join(10)
        if "Traceback" in self.text:
            raise Failure("a traceback")
        return status, self.text.replace("\r", "")


def expect(test, wanted, pattern, name, *args):
    """Run a tool that must end with this status and say so."""
    status, output = Tool(test, name, *args).end()
    if status != wanted or not re.search(pattern, output, re.M):
        raise Failure(f"{name} {' '.join(args)[-100:]}: status {status}, not "
                      f"{wanted}, or no {pattern!r}: ...{output[-200:]}")
    return output
