"""The firmware of JH7110 boards: an SPL with the header that the boot ROM
wants, and a FIT with OpenSBI and U-Boot. Refuses files that would not boot, for
a board with such a file in its flash has to be recovered over its serial port.

    SPL, little-endian                  (StarFive's spl_tool, U-Boot's sfspl)
    0x000   0x240, where the next but one of these begins
    0x004   0x200000, where a second copy may be
    0x284   version 0x01010101
    0x288   bytes of payload
    0x28c   0x400, where the payload begins
    0x290   CRC-32 of the payload
            zeros between them
    0x400   the payload, to the end of the file

A FIT is a flattened device tree with images as properties, or behind it at the
offsets that it names (Devicetree Specification 5; U-Boot, "Flat Image Tree").
What hashes it has are checked; signatures are not.
"""
import hashlib
import os
import struct
import subprocess
import tarfile
import zlib

from say import Error, open_file, size

SPL_NAME = "u-boot-spl.bin.normal.out"
UBOOT_NAMES = ("u-boot.itb", "visionfive2_fw_payload.img")

SPL_HEADER = 0x400
SPL_PAYLOAD_MAX = 180048        # what the boot ROM has room for
SPL_FIELDS = {0x000: 0x240, 0x004: 0x200000, 0x284: 0x01010101,
              0x28c: SPL_HEADER}
SPL_SIZE, SPL_CRC = 0x288, 0x290

# What no firmware reaches, and no package of it: more is not even read.
LARGEST = 64 << 20
PACKAGE = 1 << 30

FDT_MAGIC = b"\xd0\x0d\xfe\xed"
BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9
DEEPEST = 16                    # nodes; a FIT has 4


def read(path):
    with open_file(path) as f:
        data = f.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise Error(f"{path} is too big: no firmware has {size(LARGEST)}")
    return data


def check_spl(path):
    """Raise Error unless the file is an SPL as the boot ROM wants it. Returns
    its size."""
    data = read(path)
    if data[:4] == FDT_MAGIC:
        raise Error(f"{path} is no SPL but a FIT, such as u-boot.itb: are the "
                    "two swapped?")
    if len(data) <= SPL_HEADER:
        raise Error(f"{path} is cut off: {len(data)} bytes are not even an "
                    "SPL's header")
    word = {at: struct.unpack_from("<I", data, at)[0]
            for at in (*SPL_FIELDS, SPL_SIZE, SPL_CRC)}
    if word[0] != SPL_FIELDS[0] or word[0x28c] != SPL_HEADER:
        raise Error(f"{path} has no SPL header: take {SPL_NAME}, or add one "
                    "with `mkimage -T sfspl -d u-boot-spl.bin "
                    f"{SPL_NAME}` (U-Boot's tools from 2024.01 on)")
    _check_spl_header(path, data, word)
    payload = data[SPL_HEADER:]
    if word[SPL_SIZE] > SPL_PAYLOAD_MAX:
        raise Error(f"{path} is too big: {word[SPL_SIZE]} bytes of SPL, and "
                    f"the boot ROM takes {SPL_PAYLOAD_MAX}")
    if word[SPL_SIZE] != len(payload):
        what = "cut off" if word[SPL_SIZE] > len(payload) else "too long"
        raise Error(f"{path} is {what}: its header tells of {word[SPL_SIZE]} "
                    f"bytes, {len(payload)} follow it")
    crc = zlib.crc32(payload)
    if word[SPL_CRC] != crc:
        raise Error(f"{path} is damaged: CRC-32 {crc:#010x}, its header says "
                    f"{word[SPL_CRC]:#010x}")
    return len(data)


def _check_spl_header(path, data, word):
    for at, value in SPL_FIELDS.items():
        if word[at] != value:
            raise Error(f"{path} has a wrong SPL header: {word[at]:#x} at "
                        f"{at:#x}, must be {value:#x}")
    if any(data[0x008:0x284]) or any(data[0x294:SPL_HEADER]):
        raise Error(f"{path} has a wrong SPL header: something is where zeros "
                    "must be")


def check_uboot(path):
    """Raise Error unless the file is a whole FIT for RISC-V with something to
    start. Returns its size."""
    data = read(path)
    if data[:4] != FDT_MAGIC:
        if struct.unpack_from("<I", data.ljust(4))[0] == SPL_FIELDS[0]:
            raise Error(f"{path} is no FIT but an SPL: are the two swapped?")
        raise Error(f"{path} is not a FIT: take {' or '.join(UBOOT_NAMES)}")
    try:
        total = struct.unpack_from(">I", data, 4)[0]
        if total > len(data):
            raise Error(f"{path} is cut off: {len(data)} bytes, its header "
                        f"tells of {total}")
        root = _parse(data[:total])
    except (struct.error, ValueError, UnicodeDecodeError):
        raise Error(f"{path} is a damaged FIT: its structure makes no "
                    "sense") from None
    images = root.get("images/", {})
    if not images or "configurations/" not in root:
        raise Error(f"{path} is a device tree, but not a FIT: no images and "
                    "configurations")
    for name, image in images.items():
        if name.endswith("/"):
            _check_image(path, data, total, name[:-1], image)
    return len(data)


def _parse(blob):
    """The tree as dicts: {"property": bytes, "node/": {...}}. ValueError or
    struct.error when it is damaged."""
    structure, strings = struct.unpack_from(">II", blob, 8)
    root, path, at = {}, [], structure

    def until_nul(begin):
        return blob[begin:blob.index(0, begin)].decode("ascii")

    while True:
        token = struct.unpack_from(">I", blob, at)[0]
        at += 4
        if token == BEGIN_NODE:
            name = until_nul(at)
            at += len(name) + 4 & ~3
            path.append(path[-1].setdefault(name + "/", {}) if path else root)
            if len(path) > DEEPEST:
                raise ValueError
        elif token == PROP and path:
            length, name = struct.unpack_from(">II", blob, at)
            key = until_nul(strings + name)
            if at + 8 + length > len(blob) or key.endswith("/"):
                raise ValueError
            path[-1][key] = blob[at + 8:at + 8 + length]
            at += 8 + length + 3 & ~3
        elif token == END_NODE and path:
            path.pop()
        elif token == END and not path:
            return root
        elif token != NOP:
            raise ValueError


def _check_image(path, data, total, name, image):
    if image.get("arch", b"riscv\0") != b"riscv\0":
        raise Error(f"{path}: its image '{name}' is not for RISC-V")
    content = _content(path, data, total, name, image)
    for key, node in image.items():
        if not key.startswith("hash") or not isinstance(node, dict):
            continue
        algo = node.get("algo", b"").rstrip(b"\0").decode(errors="replace")
        if algo == "crc32":
            value = struct.pack(">I", zlib.crc32(content))
        elif algo in ("md5", "sha1", "sha256", "sha384", "sha512"):
            value = hashlib.new(algo, content).digest()
        else:
            raise Error(f"{path}: its image '{name}' has a hash of an unknown "
                        f"kind: '{algo}'")
        if node.get("value") != value:
            raise Error(f"{path} is damaged: the {algo} of its image '{name}' "
                        "is wrong")


def _content(path, data, total, name, image):
    """The bytes of an image: in the tree or behind it."""
    if "data" in image:
        return image["data"]
    where = {key: struct.unpack(">I", image[key])[0]
             for key in ("data-size", "data-position", "data-offset")
             if len(image.get(key, b"")) == 4}
    begin = where.get("data-position",
                      (total + 3 & ~3) + where.get("data-offset", len(data)))
    end = begin + where.get("data-size", 0)
    if begin == end:
        raise Error(f"{path}: its image '{name}' has no data")
    if end > len(data):
        raise Error(f"{path} is cut off: {len(data)} bytes, its image '{name}' "
                    f"ends at {end}")
    return data[begin:end]


def check_room(path, room, where):
    """Raise Error unless the file is at most `room` bytes large."""
    have = os.path.getsize(path)
    if have > room:
        raise Error(f"{path} is too big: {have} bytes, and {where} has "
                    f"{size(room)}")


def from_deb(path, folder):
    """Take the firmware's files out of a package such as Debian's
    u-boot-starfive, and nothing else: neither links nor devices, nor what would
    fill the disk. Returns the folder in the empty `folder` that has them."""
    open_file(path).close()
    try:
        with subprocess.Popen(
                ["dpkg-deb", "--fsys-tarfile", os.path.abspath(path)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE) as dpkg:
            try:
                found, why = _unpack(dpkg.stdout, folder), ""
            except tarfile.TarError as e:
                found, why = [], str(e)
            # Ends it, too, if it has more to say.
            dpkg.stdout.close()
            lines = dpkg.stderr.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        raise Error(f"can't unpack {path}: dpkg-deb is missing") from None
    if why:
        why = lines[0].removeprefix("dpkg-deb: ") if lines else why
        raise Error(f"can't unpack {path}: {why}")
    for part in found:
        if os.path.exists(os.path.join(part, SPL_NAME)):
            return part
    raise Error(f"{path} has no {SPL_NAME}: take Debian's u-boot-starfive")


def _unpack(archive, folder):
    """Write a tar archive's firmware files; the folders that they are in."""
    found = []
    with tarfile.open(fileobj=archive, mode="r|") as tar:
        for member in tar:
            if tar.offset > PACKAGE:
                raise tarfile.TarError(f"it has more than {size(PACKAGE)}")
            inside, name = os.path.split(os.path.normpath(member.name))
            if (name not in (SPL_NAME, *UBOOT_NAMES) or not member.isreg() or
                    member.issparse() or inside.startswith(("/", ".."))):
                continue
            part = os.path.join(folder, inside)
            os.makedirs(part, exist_ok=True)
            with open(os.path.join(part, name), "wb") as f:
                f.write(tar.extractfile(member).read(LARGEST + 1))
            found.append(part)
    return found


def find(source, scratch):
    """The two files of a folder or package, checked: (SPL, U-Boot). A package
    is unpacked into `scratch`, an empty folder."""
    if not os.path.exists(source):
        raise Error(f"no such folder or package: {source}")
    folder = source
    if not os.path.isdir(source):
        folder = from_deb(source, scratch)
    spl = os.path.join(folder, SPL_NAME)
    uboots = [os.path.join(folder, n) for n in UBOOT_NAMES]
    uboot = next((u for u in uboots if os.path.exists(u)), None)
    for path, name in ((os.path.exists(spl) and spl, SPL_NAME),
                       (uboot, " or ".join(UBOOT_NAMES))):
        if not path:
            raise Error(f"{source} has no {name}")
    check_spl(spl)
    check_uboot(uboot)
    return spl, uboot
