"""RISC-V kernel images: their header, as boot loaders read it, and our own."""
import os
import struct

from board import ROOT, script
from say import Error, open_file

HEADER = 64
MAGIC = b"RSC\x05"      # at 56; the only part that U-Boot checks


class KernelImage:
    """A bootable image: path, size of the file, and what its header asks for:
    text_offset from the start of RAM, image_size with bss."""

    def __init__(self, path):
        with open_file(path) as f:
            head = f.read(HEADER)
            self.size = os.fstat(f.fileno()).st_size
        if len(head) < HEADER or head[56:60] != MAGIC:
            raise Error(f"{path} is not a RISC-V kernel image "
                        "(build one: scripts/build)")
        self.path = path
        self.text_offset, self.image_size = struct.unpack_from("<QQ", head, 8)
        if self.image_size < self.size:
            raise Error(f"{path}: its header says {self.image_size} bytes, less "
                        f"than the file has")


def the_kernel(path):
    """This image, or, for None, the one that scripts/build makes now."""
    if path is None:
        script("build")
        path = os.path.join(ROOT, "build/Image")
    return KernelImage(path)
