"""A serial port: opened with clear errors, read with a limit, gone politely.

What ymodem.py and uboot.py call a line.
"""
import errno
import grp
import os
import select
import sys
import time

# Debian's python3-serial: the tool of this folder has no suffix, so it is never
# taken for it.
import serial
from serial.tools import list_ports

from say import Error


def users(path):
    """Other programs that have the device open, as far as may be seen."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        try:
            fds = os.listdir(f"/proc/{pid}/fd")
            if any(os.readlink(f"/proc/{pid}/fd/{fd}") == path for fd in fds):
                with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
                    found.append(f"{f.read().strip()} (process {pid})")
        except OSError:
            continue        # ended meanwhile, or another user's
    return found


def _why_not(path, number):
    """A sentence for an error number of opening."""
    if number == errno.ENOENT:
        there = ", ".join(sorted(p.device for p in list_ports.comports()))
        return (f"there is no {path}; this computer has: {there}" if there else
                f"there is no {path}, nor any other serial port here: is the "
                f"adapter plugged in? (see: dmesg | tail)")
    if number in (errno.EACCES, errno.EPERM):
        return (f"you may not use {path}; its group may: "
                f"sudo adduser $USER {_group(path)}, then log in again")
    if number in (errno.EBUSY, errno.EAGAIN):
        who = ", ".join(users(os.path.realpath(path))) or "another program"
        return f"{path} is in use by {who}: end that first"
    if number in (errno.ENOTTY, errno.EINVAL, errno.EISDIR, errno.ENXIO):
        return f"{path} is not a serial port"
    return f"can't open {path}: {os.strerror(number) if number else 'no idea'}"


def _group(path):
    try:
        return grp.getgrgid(os.stat(path).st_gid).gr_name
    except (OSError, KeyError):
        return "dialout"


class Port:
    def __init__(self, path, baud):
        self.path, self.baud = path, baud
        self.put_back = b""         # read, and then found to be someone else's
        if baud <= 0:
            raise Error(f"{baud} baud is no speed")
        others = users(os.path.realpath(path))
        try:
            self.serial = serial.Serial(path, baud, exclusive=True,
                                        write_timeout=10)
        except serial.SerialException as e:
            # pyserial's own sentence for a lock has no number.
            number = e.errno or (errno.EAGAIN if "lock" in str(e) else
                                 errno.ENOTTY)
            raise Error(_why_not(path, number)) from None
        except (OSError, ValueError, OverflowError) as e:
            raise Error(f"{path} can't do {baud} baud ({e})") from None
        if others:
            print(f"warning: {', '.join(others)} has {path} open, too, and may "
                  f"take what the board says", file=sys.stderr)

    def _gone(self):
        return Error(f"{self.path} is gone: was the adapter pulled out?")

    def now(self):
        return time.monotonic()

    def read(self, seconds):
        """What has come; waits for so long until something has. Perhaps b""."""
        if self.put_back:
            data, self.put_back = self.put_back, b""
            return data
        try:
            fd = self.serial.fileno()
            if not select.select([fd], [], [], max(0, seconds))[0]:
                return b""
            data = os.read(fd, 4096)
        except OSError:
            raise self._gone() from None
        if not data:
            raise self._gone()
        return data

    def write(self, data):
        """Until all is out."""
        try:
            self.serial.write(data)
            self.serial.flush()
        except serial.SerialTimeoutException:
            raise Error(f"{self.path} takes no more bytes: is the adapter "
                        f"all right?") from None
        except (OSError, serial.SerialException):
            raise self._gone() from None

    def close(self):
        self.serial.close()
