"""GUID partition tables of disk images, and how they fit a larger device.

    LBA 0   a table in the old format, so that old tools see a full disk
        1   header: where all else is, with CRC-32 of itself and of the entries
        2   32 sectors of entries
            ... the partitions ...
            a copy of the entries
     last   a copy of the header

An image has its copy in its last sector, a device must have it in its own last
one. Else systems complain, and so does a tool that meets an old copy there.

Source: UEFI specification, "GUID Partition Table (GPT) Disk Layout".
"""
import os
import struct
import zlib

from say import Error, open_file

SECTOR = 512
HEADER = struct.Struct("<8s4I4Q16sQ3I")
SIGNATURE = b"EFI PART"
# What people hand over by mistake: the file's first bytes, and what that is.
MISTAKES = (
    (b"\x1f\x8b", 0, "is compressed: unpack it first (gunzip)"),
    (b"\xfd7zXZ", 0, "is compressed: unpack it first (unxz)"),
    (b"\x28\xb5\x2f\xfd", 0, "is compressed: unpack it first (unzstd)"),
    (b"BZh", 0, "is compressed: unpack it first (bunzip2)"),
    (b"PK\3\4", 0, "is compressed: unpack it first (unzip)"),
    (b"RSC\x05", 56, "is a kernel, not the image of a card"),
)


class Header:
    """One of a table's two headers. None of its fields means anything unless
    it is valid()."""

    def __init__(self, sector):
        (self.signature, self.revision, self.size, self.crc, _, self.own,
         self.other, self.first, self.last, self.guid, self.entries,
         self.count, self.entry_size, self.entries_crc) = HEADER.unpack_from(
             sector)
        self.valid = (self.signature == SIGNATURE and
                      self.size == HEADER.size and
                      self.sector() == sector[:HEADER.size].ljust(
                          SECTOR, b"\0"))

    def sector(self):
        """The header as it is on the disk, with the right CRC."""
        fields = [self.signature, self.revision, self.size, 0, 0, self.own,
                  self.other, self.first, self.last, self.guid, self.entries,
                  self.count, self.entry_size, self.entries_crc]
        fields[3] = zlib.crc32(HEADER.pack(*fields))
        return HEADER.pack(*fields).ljust(SECTOR, b"\0")

    def entries_length(self):
        """Bytes of whole sectors."""
        return -(-self.count * self.entry_size // SECTOR) * SECTOR


class Image:
    """The image of a whole disk, in a file. Error unless its table is right,
    at both ends: a file that was cut short has no end.

    size; partitions, a list of (number, name, first byte, byte after)."""

    def __init__(self, path):
        self.path = path
        self.file = open_file(path)
        self.size = os.fstat(self.file.fileno()).st_size
        try:
            self.header = self.check()
        except OSError as e:
            raise Error(f"can't read {path}: {e.strerror}") from None

    def read(self, offset, length):
        self.file.seek(offset)
        data = self.file.read(length)
        if len(data) != length:
            raise Error(f"{self.path} is shorter than its partition table "
                        "says, or has just been changed; make it again")
        return data

    def check(self):
        head = os.pread(self.file.fileno(), 2 * SECTOR, 0)
        for magic, offset, what in MISTAKES:
            if head[offset:].startswith(magic):
                raise Error(f"{self.path} {what}")
        if (len(head) < 2 * SECTOR or head[510:512] != b"\x55\xaa" or
                0xee not in head[450:512:16] or
                head[SECTOR:SECTOR + 8] != SIGNATURE):
            raise Error(f"{self.path} is not the image of a disk with a GUID "
                        "partition table (make one: scripts/flash/mkimage)")
        header = Header(head[SECTOR:])
        if not header.valid or header.own != 1 or not (
                128 <= header.entry_size <= 4096 and 0 < header.count <= 1024):
            raise Error(f"{self.path}: the partition table's CRC-32 is wrong; "
                        "make the image again")
        entries = self.read(header.entries * SECTOR, header.entries_length())
        used = entries[:header.count * header.entry_size]
        copy = Header(self.read(self.size - SECTOR, SECTOR))
        if zlib.crc32(used) != header.entries_crc:
            raise Error(f"{self.path}: the CRC-32 of the partitions' list is "
                        "wrong; make the image again")
        if (self.size % SECTOR or not copy.valid or
                (header.other + 1) * SECTOR != self.size):
            raise Error(f"{self.path} does not end with the copy of its "
                        "partition table: it was cut short; make it again")
        self.entries = entries
        self.partitions = list(self.parse(header, used))
        return header

    @staticmethod
    def parse(header, entries):
        for i in range(header.count):
            entry = entries[i * header.entry_size:][:128]
            first, last = struct.unpack_from("<2Q", entry, 32)
            if any(entry[:16]):
                name = entry[56:].decode("utf-16-le", "replace").split("\0")[0]
                yield i + 1, name, first * SECTOR, (last + 1) * SECTOR

    def where(self, offset):
        """What part of the disk has this byte, for people."""
        for number, name, first, end in self.partitions:
            if first <= offset < end:
                return f"partition {number}, '{name}'"
        return "no partition; the partition table, or unused"


class Fitted:
    """What a device of `size` bytes gets: the image, with the copy of its table
    moved to the device's end.

    ranges: [(first byte, byte after)], in order; the rest of the device stays
    as it is. Nothing of it is in memory but the table."""

    def __init__(self, image, size):
        self.image = image
        last = size // SECTOR - 1
        length = image.header.entries_length()
        tail = last * SECTOR - length
        header = Header(image.header.sector())
        header.other, header.last = last, tail // SECTOR - 1
        self.primary = header.sector()
        header.own, header.other, header.entries = last, 1, tail // SECTOR
        self.tail = image.entries + header.sector()
        self.ranges = [(0, image.size - len(self.tail)),
                       (tail, tail + len(self.tail))]

    def read(self, offset, length):
        """Bytes of one of the ranges."""
        tail = self.ranges[1][0]
        if offset >= tail:
            return self.tail[offset - tail:][:length]
        data = bytearray(self.image.read(offset, length))
        if offset < 2 * SECTOR:
            # Whoever reads the header's sector at all reads all before it.
            at = SECTOR - offset
            data[at:at + SECTOR] = self.primary
        return data
