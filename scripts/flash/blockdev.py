"""Disks of this computer, as lsblk describes them: which may be overwritten.

Nothing here touches a device. What lsblk prints goes in, sentences come out, so
that all the machines that nobody has at hand can be tested from their tables.
"""
import json
import re
import subprocess

from say import Error, size

COLUMNS = ("name,kname,path,maj:min,type,size,rm,hotplug,ro,log-sec,tran,vendor,"
           "model,fstype,label,partlabel,mountpoints")
# Where the running system lives. Never overwritten, whatever the options.
SYSTEM = re.compile(r"\[SWAP\]|/|/(boot|efi|usr|var)(/.*)?")
# Built in, though some of these ports let the kernel call a disk removable.
FIXED = ("ata", "sata", "sas", "nvme", "virtio", "fc", "iscsi")


def listing():
    """All block devices, as lsblk has them: trees of dictionaries. What uses a
    device (partitions, LVM, RAID, encryption) is among its "children"."""
    try:
        done = subprocess.run(
            ["lsblk", "-a", "-b", "-J", "-o", COLUMNS], check=True, text=True,
            errors="replace", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return parse(done.stdout)
    except FileNotFoundError:
        raise Error("lsblk is missing (package util-linux)") from None
    except subprocess.CalledProcessError as e:
        raise Error(f"{e.stderr.strip() or 'lsblk failed'} (it must be that of "
                    "util-linux 2.37 or later)") from None
    except (ValueError, KeyError):
        raise Error("lsblk knows of no disks on this computer") from None


def signatures(path):
    """What wipefs recognizes on a device, as words. Where no udev runs (in a
    container), lsblk knows no contents."""
    try:
        done = subprocess.run(
            ["wipefs", "-J", path], check=True, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        found = json.loads(done.stdout or "{}").get("signatures", ())
    except (FileNotFoundError, subprocess.CalledProcessError, ValueError):
        return []
    return list(dict.fromkeys(" ".join(filter(None, (s["type"], s["label"])))
                              for s in found))


def parse(text):
    return json.loads(text)["blockdevices"]


def below(node):
    """The device and all that is on it, at any depth."""
    yield node
    for child in node.get("children", ()):
        yield from below(child)


def find(devices, path):
    """The device of this path, and the name of the disk that it is on; None,
    None without."""
    for disk in devices:
        for node in below(disk):
            if path in (node["path"], "/dev/" + node["kname"]):
                return node, disk["name"]
    return None, None


def mounts(node):
    return [m for m in node["mountpoints"] if m]


def removable(devices, node):
    """Is it a card or a stick? USB and SD readers count even if the kernel says
    that the disk can't be taken out. Memory with boot partitions of its own is
    an eMMC: mostly soldered, and somebody's system."""
    emmc = any(d["name"] == node["name"] + "boot0" for d in devices)
    if emmc or node["tran"] in FIXED:
        return False
    return node["rm"] or node["hotplug"] or node["tran"] in ("usb", "mmc")


def in_use(node):
    """Why it can't be overwritten now, or None."""
    name = node["name"]
    for n in below(node):
        for m in mounts(n):
            if SYSTEM.fullmatch(m):
                what = "swap" if m == "[SWAP]" else m
                return (f"{name} holds the running system ({what} is on "
                        f"{n['name']})")
    for n in below(node):
        if mounts(n):
            return (f"{name} is mounted; first type: "
                    f"sudo umount {n['path']}")
        if n is not node and n["type"] != "part":
            return (f"{name} is in use by {n['name']} ({n['type']}); take that "
                    "apart first")
    return None


def objection(devices, path, need, force=False):
    """Why `need` bytes must not be written to this device, or None. force
    allows disks that can't be taken out of the computer, nothing else."""
    node, disk = find(devices, path)
    if not node:
        return f"lsblk does not know {path}"
    name = node["name"]
    if node["type"] == "part":
        return f"{name} is a partition: name the whole device, {disk}"
    if node["type"] not in ("disk", "loop"):
        return f"{name} is no disk or card, but of type {node['type']}"
    if re.fullmatch(r"mmcblk\d+(boot|gp|rpmb)\d*", name):
        return f"{name} is the part of an eMMC that its computer boots from"
    if not node["size"]:
        return f"there is no card in {name}"
    busy = in_use(node)
    if busy:
        return busy
    if node["ro"]:
        return f"{name} is write-protected (does the card have a switch?)"
    if node["log-sec"] != 512:
        return (f"{name} has sectors of {node['log-sec']} bytes; the image is "
                "for 512")
    if node["size"] < need:
        return (f"{name} is too small: it has {size(node['size'])}, the image "
                f"{size(need)}")
    if not force and not removable(devices, node):
        return (f"{name} can't be taken out of this computer; if it really is "
                "what you mean, add --force-fixed")
    return None


def candidates(devices):
    """The disks that a card's image may go to."""
    return [d for d in devices if not objection(devices, d["path"], 0)]


def describe(devices, node, found=()):
    """What it is and what is on it, as lines. found: signatures()."""
    who = " ".join(w.strip() for w in (node["vendor"], node["model"]) if w)
    kind = [size(node["size"]), node["tran"] or node["type"],
            "removable" if removable(devices, node) else "not removable"]
    yield f"{node['path']}: {who or 'no name'}, {', '.join(kind)}"
    known = False
    for n in below(node):
        label = n["label"] or n["partlabel"]
        words = [n["fstype"] or "", f"'{label}'" if label else "",
                 *("on " + m for m in mounts(n))]
        words = [w for w in words if w]
        if n is not node or words:
            known = True
            yield (f"    {n['name']:14} {size(n['size']):>9}  "
                   f"{' '.join(words) or 'unknown'}")
    if not known:
        yield f"    {'holds ' + ', '.join(found) if found else 'looks empty'}"
