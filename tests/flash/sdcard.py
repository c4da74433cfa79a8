"""scripts/flash/sdcard: what it refuses, writes, and finds out."""
import contextlib
import copy
import fcntl
import json
import os
import pty
import random
import shutil
import struct
import subprocess
import sys
import tempfile

from card import BUILT, autorun, card
from harness import ROOT, Failure, Test, kill, shown, start
from machine import finish

FLASH = f"{ROOT}/scripts/flash"
sys.path.append(FLASH)
import blockdev                     # noqa: E402

SDCARD = f"{FLASH}/sdcard"
MiB = 1 << 20
IMAGE = 6 * MiB + 35 * 512      # not whole chunks of anything
DEVICE = 16 * MiB + 3 * 512
TABLE = 33 * 512                # the copy at the end


def need(condition, what):
    if not condition:
        raise Failure(what)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)
    return path


def rubbish(n, seed):
    return random.Random(seed).randbytes(n)


def old_disk(n=DEVICE):
    """What a card has before: rubbish, but a disk's."""
    data = bytearray(rubbish(n, 2))
    data[510:512] = b"\x55\xaa"
    return bytes(data)


@contextlib.contextmanager
def scratch():
    """A folder with card.img and device, a file full of rubbish."""
    with tempfile.TemporaryDirectory() as folder:
        image = write(f"{folder}/card.img", rubbish(IMAGE, 1))
        subprocess.run(
            ["sgdisk", "-Z", "-a", "8", "-n", "1:2048:4095", "-c", "1:spl",
             "-n", "2:4096:10000", "-c", "2:boot", "-A", "2:set:2", image],
            check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        write(f"{folder}/device", old_disk())
        yield folder


def sdcard(test, *args, status=0, says=(), env=None, wrap=()):
    """Run the tool; it must end so, and say each of these."""
    out = run(test, *wrap, SDCARD, *args, status=status, env=env)
    for text in says:
        need(text in out, f"does not say '{text}'")
    return out


def run(test, *command, status=0, env=None):
    test.note(shown(command))
    process = start(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT, env={**os.environ, **(env or {})})
    try:
        out = process.communicate(timeout=test.remaining())[0].decode()
    finally:
        kill(process)
    test.note(out)
    need("Traceback" not in out, f"a traceback from {command[0]}")
    need(process.returncode == status,
         f"status {process.returncode}, should be {status}")
    return out


def instead(folder, name, script):
    """An environment where another program has this name."""
    os.makedirs(f"{folder}/bin", exist_ok=True)
    write(f"{folder}/bin/{name}", f"#!/bin/sh\n{script}\n".encode())
    os.chmod(f"{folder}/bin/{name}", 0o755)
    return {"PATH": f"{folder}/bin:{os.environ['PATH']}"}


def check_written(test, folder, device):
    """The image, its table fitted to the device's end, and what was there
    before in between."""
    image, new = read(f"{folder}/card.img"), read(device)
    old = old_disk()
    need(len(new) == DEVICE, "the size has changed")
    end = IMAGE - TABLE
    need(new[:512] == image[:512] and new[1024:end] == image[1024:end],
         "the image is not there")
    need(new[end:-TABLE] == old[end:-TABLE],
         "something behind the image has changed")
    out = run(test, "sgdisk", "-v", device)
    need("No problems found" in out, "sgdisk does not like the table")
    for number, name in (("1", "spl"), ("2", "boot")):
        pages = [run(test, "sgdisk", "-i", number, path)
                 for path in (f"{folder}/card.img", device)]
        need(pages[0] == pages[1] and f"'{name}'" in pages[0],
             f"partition {number} has changed")


def to_file(test):
    with scratch() as folder:
        device = f"{folder}/device"
        sdcard(test, "--image", f"{folder}/card.img", "--yes", device,
               says=["no device", "'boot'", "read back the same"])
        check_written(test, folder, device)
        # As large as the image; through a name that leads there.
        write(device, old_disk(IMAGE))
        os.symlink("device", f"{folder}/link")
        sdcard(test, "--image", f"{folder}/card.img", "--yes", f"{folder}/link")
        need(read(device) == read(f"{folder}/card.img"),
             "a device of the image's size does not equal it")


def images(test):
    """Files that are no image: refused, nothing written."""
    with scratch() as folder:
        good = read(f"{folder}/card.img")
        entry = 1024
        kernel = bytearray(4096)
        kernel[56:60] = b"RSC\x05"

        def flipped(at):
            data = bytearray(good)
            data[at] ^= 1
            return data

        cases = [
            (b"", "not the image of a disk"),
            (rubbish(MiB, 3), "not the image of a disk"),
            (bytes(510) + b"\x55\xaa" + bytes(4096), "not the image of a disk"),
            (kernel, "is a kernel"),
            (b"\x1f\x8b" + good, "gunzip"), (b"\xfd7zXZ" + good, "unxz"),
            (good[:-512], "cut short"), (good[:MiB], "cut short"),
            (good + bytes(512), "cut short"), (good[:-100], "cut short"),
            (flipped(512 + 40), "CRC-32 is wrong"),
            (flipped(512 + 80), "CRC-32 is wrong"),
            (flipped(entry + 33), "CRC-32 of the partitions' list"),
            (flipped(IMAGE - 512 + 50), "cut short"),
            (flipped(450), "not the image of a disk")]
        for data, says in cases:
            bad = write(f"{folder}/bad.img", data)
            sdcard(test, "--image", bad, "--yes", f"{folder}/device", status=1,
                   says=[says])
        fifo = f"{folder}/fifo"
        os.mkfifo(fifo)
        for image, says in ((f"{folder}/none.img", "No such file"),
                            (folder, "directory"),
                            ("/dev/zero", "it is not a file"),
                            (fifo, "it is not a file"),
                            (f"{folder}/device", "the image itself")):
            if image.endswith("device"):
                write(f"{folder}/device", good)
            sdcard(test, "--image", image, "--yes", f"{folder}/device",
                   status=1, says=[says])
            need(read(f"{folder}/device") in (good, old_disk()),
                 "something was written")
    return f"{len(cases) + 5} refused"


def files(test):
    """Targets that won't do."""
    with scratch() as folder:
        args = ("--image", f"{folder}/card.img", "--yes")
        small = write(f"{folder}/small", bytes(IMAGE - 512))
        for device, says in ((small, "too small"), (folder, "neither a disk"),
                             ("/dev/null", "neither a disk"),
                             (f"{folder}/none", "No such file"),
                             ("/dev/no-such-disk", "No such file")):
            sdcard(test, *args, device, status=1, says=[says])
        need(not any(read(small)), "a device that is too small was written to")
        thesis = write(f"{folder}/thesis", rubbish(DEVICE, 4))
        sdcard(test, *args, thesis, status=1, says=["something else than a"])
        need(read(thesis) == rubbish(DEVICE, 4), "somebody's file is lost")
        need(not os.path.exists(f"{folder}/none"), "made a file of its own")
        with open(f"{folder}/device", "r+b") as f:
            # As QEMU locks the disks of its machines.
            lock = struct.pack("hhqqi4x", 0, 0, 100, 1, 0)
            fcntl.fcntl(f, 37, lock)        # F_OFD_SETLK, F_RDLCK
            sdcard(test, *args, f"{folder}/device", status=1,
                   says=["in use by another program"])
        for says, lsblk in (("no disks", "true"), ("no disks", "echo '{}'"),
                            ("no disks", "echo nonsense"),
                            ("2.37", "echo 'unknown column' >&2; false")):
            sdcard(test, status=1, says=[says],
                   env=instead(folder, "lsblk", lsblk))
        sdcard(test, "--board", "no-such-board", f"{folder}/device", status=1,
               says=["no such board"])
        sdcard(test, "--yes", f"{folder}/device", "--image", status=2)
        if os.geteuid() == 0:
            os.chmod(folder, 0o755)
            os.chmod(f"{folder}/device", 0o644)
            sdcard(test, *args, f"{folder}/device", status=1,
                   says=["you may not write", "try: sudo "],
                   wrap=("setpriv", "--reuid", "65534", "--clear-groups"))
        need(read(f"{folder}/device") == old_disk(),
             "something was written")


def typed(test, folder, answer):
    """Run the tool on a terminal, answer its question; its output."""
    keyboard, terminal = pty.openpty()
    device = f"{folder}/device"
    process = start([SDCARD, "--image", f"{folder}/card.img", device],
                    stdin=terminal, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT)
    try:
        os.write(keyboard, answer)
        out = process.communicate(timeout=test.remaining())[0].decode()
    finally:
        kill(process)
        os.close(keyboard)
        os.close(terminal)
    test.note(f"{answer}: {out}")
    need("type device: " in out, "does not ask for the device's name")
    need("Traceback" not in out, "a traceback")
    return process.returncode


def asks(test):
    with scratch() as folder:
        device = f"{folder}/device"
        sdcard(test, "--image", f"{folder}/card.img", device, status=1,
               says=["--yes"])
        for answer in (b"y\n", b"yes\n", b"\n", b"devic\n", b"/dev/device\n",
                       b"\x04"):
            need(typed(test, folder, answer) == 1, f"{answer}: not refused")
            need(read(device) == old_disk(), f"{answer}: has written")
        need(typed(test, folder, b"device\n") == 0, "the right name: refused")
        check_written(test, folder, device)


def bad_devices(test):
    """Those that lose data, go away, are interrupted: never 'the same', and
    never a partition table on half a card."""
    with scratch() as folder:
        shim = f"{folder}/bad_device.so"
        run(test, "gcc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", shim,
            f"{ROOT}/tests/flash/bad_device.c", "-ldl")
        cases = [
            # With the size of a chunk, and of the tail that goes first.
            ("lose", DEVICE - 1, 1, "(no partition; the partition table"),
            ("lose", 5 * MiB, 1, "byte 0x500000 (no partition"),
            ("lose", 3 * MiB, 1, "byte 0x300000 (partition 2, 'boot'"),
            ("unplug", DEVICE - 1, 1, "was it unplugged?"),
            ("unplug", 3 * MiB, 1, "was it unplugged?"),
            ("stop", 3 * MiB, 130, "is of no use"),
            ("end", 3 * MiB, 130, "is of no use")]
        for how, at, status, says in cases:
            write(f"{folder}/device", old_disk())
            out = sdcard(test, "--image", f"{folder}/card.img", "--yes",
                         f"{folder}/device", status=status,
                         env={"LD_PRELOAD": shim, "BAD_HOW": how,
                              "BAD_AT": str(at)})
            need(says in out, f"{how} at {at}: does not say '{says}'")
            need("the same" not in out, f"{how} at {at}: all is well?")
            if how != "lose":
                need(not any(read(f"{folder}/device")[:MiB]),
                     f"{how} at {at}: a partition table")
    return f"{len(cases)} devices"


# What lsblk tells of computers. Each row: the device asked for, forced or not,
# and a word of the sentence; None when it may be overwritten.

def node(name, kind="disk", size=8 << 30, children=(), **fields):
    mount = fields.pop("on", None)
    known = {"name": name, "kname": name, "path": "/dev/" + name, "type": kind,
             "maj:min": "8:0", "size": size, "rm": False, "hotplug": False,
             "ro": False, "log-sec": 512, "tran": None, "vendor": None,
             "model": None, "fstype": None, "label": None, "partlabel": None,
             "mountpoints": mount if isinstance(mount, list) else [mount]}
    unknown = {k for k in fields if k.replace("_", "-") not in known}
    assert not unknown, unknown
    known.update({k.replace("_", "-"): v for k, v in fields.items()})
    if children:
        known["children"] = list(children)
    return known


RAID = node("md0", "raid1", on="/srv", path="/dev/md0")
COMPUTER = [
    node("sda", tran="sata", model="Disk", children=[
        node("sda1", "part", on="/boot/efi", fstype="vfat"),
        node("sda2", "part", fstype="crypto_LUKS", children=[
            node("luks", "crypt", kname="dm-0", path="/dev/mapper/luks",
                 fstype="LVM2_member", children=[
                     node("vg-root", "lvm", kname="dm-1",
                          path="/dev/mapper/vg-root", on="/"),
                     node("vg-swap", "lvm", kname="dm-2",
                          path="/dev/mapper/vg-swap", on="[SWAP]")])])]),
    node("sdb", tran="sata", rm=True, model="Hot-plug port", children=[
        node("sdb1", "part", fstype="ntfs")]),
    node("sdc", tran="usb", rm=True, vendor="SanDisk ", model="Ultra",
         children=[node("sdc1", "part", label="PHOTOS", fstype="vfat",
                        on="/run/me/PHOTOS")]),
    node("sdd", tran="usb", rm=True, model="Card reader", size=0),
    node("sde", tran="usb", model="Stick", children=[
        node("sde1", "part", label="OLD", fstype="vfat")]),
    node("sdf", tran="usb", ro=True, rm=True),
    node("sdg", tran="usb", hotplug=True, children=[
        node("sdg1", "part", on="[SWAP]", fstype="swap")]),
    node("sdh", tran="usb", children=[
        node("sdh1", "part", fstype="linux_raid_member", children=[RAID])]),
    node("sdi", tran="usb", children=[
        node("sdi1", "part", fstype="LVM2_member", children=[
            node("vg2-data", "lvm", path="/dev/mapper/vg2-data")])]),
    node("sdj", tran="usb", log_sec=4096),
    node("sdk", tran="usb", size=1 << 20),
    node("sdl", tran="usb", fstype="ext4", on=[None, "/srv/a", "/srv/b"]),
    node("sdm", tran="usb", children=[node("sdm1", "part", on="/usr")]),
    node("mmcblk0", hotplug=True, children=[node("mmcblk0p1", "part")]),
    node("mmcblk0boot0", size=4 << 20, hotplug=True),
    node("mmcblk0rpmb", size=4 << 20, hotplug=True),
    node("mmcblk1", hotplug=True, label="", children=[
        node("mmcblk1p1", "part", label="boot")]),
    node("nvme0n1", tran="nvme", children=[node("nvme0n1p1", "part")]),
    node("nvme1n1", tran="nvme", rm=True),
    node("vda", tran="virtio"),
    node("zram0", size=1 << 30, on="[SWAP]"),
    node("loop0", "loop"),
    node("loop1", "loop", on="/snap/x", ro=True),
    node("sr0", "rom", rm=True, tran="sata"),
]
DECISIONS = [
    ("/dev/sda", True, "the running system (/boot/efi is on sda1)"),
    ("/dev/sda2", True, "is a partition: name the whole device, sda"),
    ("/dev/mapper/luks", True, "of type crypt"),
    ("/dev/dm-1", True, "of type lvm"), ("/dev/md0", True, "of type raid1"),
    ("/dev/sdb", False, "can't be taken out"), ("/dev/sdb", True, None),
    ("/dev/sdc", True, "sudo umount /dev/sdc1"),
    ("/dev/sdc1", True, "partition"), ("/dev/sdd", True, "no card in"),
    ("/dev/sde", False, None), ("/dev/sdf", True, "write-protected"),
    ("/dev/sdg", True, "swap is on sdg1"), ("/dev/sdh", True, "is mounted"),
    ("/dev/sdi", True, "in use by vg2-data (lvm)"),
    ("/dev/sdj", True, "sectors of 4096"), ("/dev/sdk", True, "too small"),
    ("/dev/sdl", True, "is mounted"), ("/dev/sdm", True, "running system"),
    ("/dev/mmcblk0", False, "can't be taken out"), ("/dev/mmcblk0", True, None),
    ("/dev/mmcblk0boot0", True, "boots from"),
    ("/dev/mmcblk0rpmb", True, "boots from"), ("/dev/mmcblk1", False, None),
    ("/dev/nvme0n1", False, "can't be taken out"),
    ("/dev/nvme0n1", True, None), ("/dev/nvme1n1", False, "can't be taken"),
    ("/dev/vda", False, "can't be taken out"),
    ("/dev/zram0", True, "running system"),
    ("/dev/loop0", False, "can't be taken out"), ("/dev/loop0", True, None),
    ("/dev/loop1", True, "is mounted"), ("/dev/sr0", True, "of type rom"),
    ("/dev/sdz", True, "does not know"),
]


def decisions(_):
    """The same devices, as a table."""
    devices = blockdev.parse(json.dumps({"blockdevices": COMPUTER}))
    for path, force, word in DECISIONS:
        why = blockdev.objection(devices, path, IMAGE, force)
        need((why is None) if word is None else (why and word in why),
             f"{path}: {why}, should be: {word}")
    # One whose RAID is not mounted either.
    idle = copy.deepcopy(devices)
    blockdev.find(idle, "/dev/md0")[0]["mountpoints"] = [None]
    why = blockdev.objection(idle, "/dev/sdh", IMAGE)
    need(why and "in use by md0 (raid1)" in why, f"/dev/sdh: {why}")
    found = [d["name"] for d in blockdev.candidates(devices)]
    need(found == ["sde", "sdk", "mmcblk1"], f"candidates: {found}")
    text = "\n".join(blockdev.describe(devices, devices[2]))
    for word in ("SanDisk Ultra, 8192 MiB, usb, removable", "sdc1", "vfat",
                 "'PHOTOS'", "on /run/me/PHOTOS"):
        need(word in text, f"'{word}' is not in: {text}")
    return f"{len(DECISIONS) + 1} decisions"


@contextlib.contextmanager
def loop(path, *options):
    """A loop device over a file; None where there are none, or no /sys to look
    at them. It goes away with whoever holds it last, however the tests end."""
    device = None
    if os.geteuid() == 0 and os.path.isdir("/sys/dev/block"):
        device = subprocess.run(
            ["losetup", "-f", "--show", *options, path], text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.strip()
    if not device:
        yield None
        return
    fd = os.open(device, os.O_RDONLY)
    try:
        subprocess.run(["losetup", "-d", device], check=True)
        yield device
    finally:
        os.close(fd)


def in_namespace(script, *args):
    """Mounts of its own, gone when it ends."""
    return ("unshare", "-m", "sh", "-ec", script + '\nexec "$@"', "sh", *args)


def refused_loops(test, folder, device, args):
    """The device refuses in all these ways, and nothing is written."""
    sdcard(test, *args, device, status=1, says=["--force-fixed"])
    fd = os.open(device, os.O_RDONLY | os.O_EXCL)
    sdcard(test, *args, "--force-fixed", device, status=1,
           says=["in use by another program"])
    os.close(fd)
    out = sdcard(test, status=1)
    need(device not in out, "a loop device is offered as a card")
    # As if another device had got the name after lsblk looked.
    sdcard(test, *args, "--force-fixed", device, status=1,
           says=["has just become another device"], env=instead(
               folder, "lsblk", f"{shutil.which('lsblk')} \"$@\" | "
               "sed 's/\"maj:min\": *\"7:/&9/'"))
    image = read(f"{folder}/card.img")
    with loop(f"{folder}/card.img") as itself:
        sdcard(test, *args, "--force-fixed", itself, status=1,
               says=["is the image itself"])
    need(read(f"{folder}/card.img") == image, "the image is lost")
    for option, says in ((["--read-only"], "write-protected"),
                         (["--sizelimit", str(MiB)], "too small"),
                         (["--sector-size", "4096"], "sectors of 4096")):
        with loop(f"{folder}/device", *option) as other:
            need(other, f"no loop device with {option[0]}")
            sdcard(test, *args, "--force-fixed", other, status=1, says=[says])
    need(read(f"{folder}/device") == old_disk(),
         "something was written")


def partition_of_loop(test, device, args):
    if subprocess.run(["addpart", device, "1", "2048", "2048"], check=False,
                      stderr=subprocess.DEVNULL).returncode:
        return "no partitions here"
    try:
        # Its node is udev's or the kernel's to make; there may be none.
        if not os.path.exists(f"{device}p1"):
            return "no partitions here"
        sdcard(test, *args, "--force-fixed", f"{device}p1", status=1,
               says=["is a partition: name the whole device"])
    finally:
        subprocess.run(["delpart", device, "1"], check=True)
    return "partitions"


def mounted_loop(test, folder, args):
    """With a file system on it that is mounted; on it all or on a partition."""
    write(f"{folder}/ext", bytes(DEVICE))
    run(test, "mkfs.ext4", "-q", "-E", "root_owner", f"{folder}/ext", "8M")
    os.mkdir(f"{folder}/mnt")
    with loop(f"{folder}/ext") as device:
        mount = f"mount {device} {folder}/mnt"
        if subprocess.run(in_namespace(mount, "true"), check=False,
                          stderr=subprocess.DEVNULL).returncode:
            return "no mounts here"
        out = sdcard(test, *args, "--force-fixed", device, status=1,
                     wrap=in_namespace(mount), says=["is mounted"])
        need(f"sudo umount {device}" in out, "does not say how to unmount")
        # Not to be seen by lsblk: somebody else's.
        holder = start(in_namespace(mount, "sleep", "600"),
                       stdin=subprocess.DEVNULL)
        try:
            while f"{folder}/mnt" not in read(
                    f"/proc/{holder.pid}/mounts").decode():
                need(holder.poll() is None, "could not mount again")
            sdcard(test, *args, "--force-fixed", device, status=1,
                   says=["in use by another program"])
        finally:
            kill(holder)
    return "mounts"


def dying_loop(test, folder, args):
    """Over a file for which its file system has no room: real errors."""
    script = (f'mount -t tmpfs -o size=3M none {folder}/mnt; '
              f'truncate -s {DEVICE} {folder}/mnt/f; '
              f'd=$(losetup -f --show {folder}/mnt/f); exec 3<"$d"; '
              f'losetup -d "$d"; set -- "$@" "$d"')
    out = sdcard(test, *args, "--force-fixed", status=1,
                 wrap=in_namespace(script))
    need("writing failed" in out and "is of no use" in out,
         "writing did not fail")


def loops(test):
    with scratch() as folder:
        args = ("--image", f"{folder}/card.img", "--yes")
        with loop(f"{folder}/device") as device:
            if not device:
                return "no loop devices here: not tested"
            refused_loops(test, folder, device, args)
            sdcard(test, *args, "--force-fixed", device,
                   says=["not removable", "read back the same"])
            done = [partition_of_loop(test, device, args)]
        check_written(test, folder, f"{folder}/device")
        done.append(mounted_loop(test, folder, args))
        if done[1] == "mounts":
            dying_loop(test, folder, args)
        return ", ".join(["loop devices", *done])


def boots(test):
    """mkimage's image, on a larger card: U-Boot accepts the table that was
    fitted to it, and boots from it."""
    with card(test) as c:
        c.make(*autorun("meminfo"))
        device = write(c.file("device"), old_disk(MiB))
        os.truncate(device, 100 * MiB)
        sdcard(test, "--image", c.path, "--yes", device)
        need("No problems found" in run(test, "sgdisk", "-v", device),
             "sgdisk does not like the table")
        c.path = device
        with c.boot() as m:
            m.expect(r"^Found /extlinux/extlinux.conf$", unless="^=> $")
            need(not finish(m), "a command failed")
            need("GPT" not in m.output, "U-Boot complains about the table")


TESTS = [
    Test("sdcard-decisions", "all", 60, "which disks of a computer may be "
         "overwritten", decisions),
    Test("sdcard-images", "all", 120, "files that are no image of a card",
         images),
    Test("sdcard-targets", "all", 120, "targets that won't do", files),
    Test("sdcard-file", "all", 120, "to a file, compared by other tools",
         to_file),
    Test("sdcard-asks", "all", 120, "nothing without the right answer", asks),
    Test("sdcard-bad-devices", "all", 120, "devices that lose data, go away, "
         "are interrupted", bad_devices),
    Test("sdcard-boot", "all", 600, "U-Boot boots mkimage's image from a "
         "larger card", boots, BUILT),
    Test("sdcard-loops", "all", 240, "loop devices: used, mounted, too small, "
         "broken", loops),
]
