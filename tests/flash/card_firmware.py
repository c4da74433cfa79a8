"""scripts/flash/mkimage --firmware: what gets onto a card, and what is refused.
SPL and FIT are synthetic; qspi takes the same."""
import io
import os
import re
import struct
import tarfile
import tempfile
import zlib

from card import BUILT, ITB, SPL, MiB, card, expect
from harness import Failure, Test
from machine import RELEASE


def spl(payload=b"\x13\0\0\0" * 30000, **fields):
    """An SPL with its header; fields by offset replace right ones: at_28c=0."""
    words = {0x000: 0x240, 0x004: 0x200000, 0x284: 0x01010101,
             0x288: len(payload), 0x28c: 0x400, 0x290: zlib.crc32(payload)}
    words.update({int(k[3:], 16): v for k, v in fields.items()})
    header = bytearray(0x400)
    for at, value in words.items():
        struct.pack_into("<I", header, at, value)
    return bytes(header) + payload


ITS = """/dts-v1/;
/ {
	description = "U-Boot";
	#address-cells = <1>;
	images {
		uboot {
			description = "U-Boot";
			type = "standalone";
			os = "u-boot";
			arch = "ARCH";
			compression = "none";
			load = <0x40200000>;
			data = /incbin/("uboot.bin");
			hash-1 { algo = "sha256"; };
			hash-2 { algo = "crc32"; };
		};
	};
	configurations {
		default = "conf-1";
		conf-1 { description = "board"; firmware = "uboot"; };
	};
};
"""


def fit(c, *options, size=200000, arch="riscv"):
    """A FIT by U-Boot's own mkimage."""
    c.write("fit/uboot.bin", bytes(range(256)) * (size // 256))
    c.write("fit/its", ITS.replace("ARCH", arch).encode())
    c.test.run("mkimage", *options, "-f", "its", "itb", cwd=c.file("fit"))
    return c.read("fit/itb")


def deb(c, name, files):
    """A package with these files: {path: data}."""
    root = f"{name}.d"
    for path, data in files.items():
        c.write(f"{root}/{path}", data)
    c.write(f"{root}/DEBIAN/control",
            b"Package: u-boot-starfive\nVersion: 1\nArchitecture: riscv64\n"
            b"Maintainer: nobody <nobody@example.org>\nDescription: test\n")
    c.test.run("dpkg-deb", "-b", c.file(root), c.file(name))
    return c.file(name)


def taken(test):
    """Right firmware gets onto the card byte by byte, from wherever."""
    with card(test) as c:
        first = spl()
        inside, behind = fit(c), fit(c, "-E")
        further = fit(c, "-E", "-p", "0x3000")
        lib = "usr/lib/u-boot/starfive_visionfive2/"
        c.write(f"dir/{SPL}", first)
        c.write(f"dir/{ITB}", inside)
        c.write(f"vendor/{SPL}", spl(bytes(180048)))
        c.write("vendor/visionfive2_fw_payload.img", behind)
        sources = ((c.file("dir"), first, inside, ITB),
                   (c.file("vendor"), spl(bytes(180048)), behind,
                    "visionfive2_fw_payload.img"),
                   (deb(c, "u-boot.deb", {lib + SPL: first,
                                          lib + ITB: further}),
                    first, further, ITB))
        for source, p1, p2, name in sources:
            out = c.make("--firmware", source)
            expect(out, rf"^  1 spl .*: {SPL}, ", rf"^  2 uboot .*: {name}, ")
            if c.raw(4096, 4096) != p1.ljust(4096 * 512, b"\0"):
                raise Failure(f"{source}: p1 is not the SPL")
            if c.raw(8192, 8192) != p2.ljust(8192 * 512, b"\0"):
                raise Failure(f"{source}: p2 is not U-Boot")
            c.fat("mcopy", "-o", "::Image", c.file("got"))
            test.run("cmp", RELEASE, c.file("got"))


def wrong_firmware(test):
    """Wrong firmware is refused, each with its own sentence."""
    with card(test) as c:
        good, itb, external = spl(), fit(c), fit(c, "-E")
        payload = good[0x400:]
        flipped = payload[:5000] + b"\x14" + payload[5001:]
        bad_hash = bytearray(itb)
        bad_hash[100000] ^= 1
        cases = [
            (good[:0x400] + flipped, itb, "SPL.* is damaged: CRC-32 0x"),
            (spl(at_290=0), itb, r"SPL.* is damaged: CRC-32 0x.* 0x00000000"),
            (spl(at_288=99), itb, "SPL.* is too long: .* 99 bytes, 120000 "),
            (good[:-1], itb, "SPL.* is cut off: .* 120000 bytes, 119999 "),
            (good[:100], itb, "SPL.* is cut off: 100 bytes"),
            (b"", itb, "SPL.* is cut off: 0 bytes"),
            (spl(bytes(180049)), itb, "SPL.* is too big: 180049 .* 180048"),
            (payload, itb, "SPL.* has no SPL header: .*mkimage -T sfspl"),
            (spl(at_28c=0x200), itb, "SPL.* has no SPL header"),
            (spl(at_4=0), itb, "SPL.* wrong SPL header: 0x0 at 0x4,"),
            (spl(at_284=1), itb, "SPL.* wrong SPL header: 0x1 at 0x284,"),
            (spl(at_8=1), itb, "SPL.* where zeros must be"),
            (spl(at_3fc=1), itb, "SPL.* where zeros must be"),
            (itb, good, "SPL.* no SPL but a FIT.* swapped"),
            (good, good, "ITB.* no FIT but an SPL.* swapped"),
            (good, payload, "ITB.* is not a FIT"),
            (good, b"", "ITB.* is not a FIT"),
            (good, itb[:4], "ITB.* is a damaged FIT"),
            (good, itb[:-1], "ITB.* is cut off: "),
            (good, external[:-9], "ITB.* is cut off: .*'uboot' ends at"),
            (good, bytes(bad_hash), "ITB.* is damaged: the sha256 of .*'ub"),
            (good, fit(c, arch="arm64"), "ITB.* is not for RISC-V"),
            (good, fit(c, size=5 * MiB), "ITB.* too big: .* partition has"),
            (good, tree_blob(c), "ITB.* a device tree, but not a FIT"),
            (None, itb, f"has no {SPL}"),
            (good, None, f"has no {ITB} or visionfive2_fw_payload.img")]
        for n, (p1, p2, wanted) in enumerate(cases):
            c.write(f"{n}/README", b"")
            for name, data in ((SPL, p1), (ITB, p2)):
                if data is not None:
                    c.write(f"{n}/{name}", data)
            wanted = re.sub("^SPL", SPL, re.sub("^ITB", ITB, wanted))
            c.refused(wanted, "--firmware", c.file(str(n)))
        os.mkfifo(c.write("fifo/x", b"")[:-1] + ITB)
        os.mkdir(c.file("giant"))
        for name in ("fifo", "giant"):
            c.write(f"{name}/{SPL}", good)
        with open(c.file(f"giant/{ITB}"), "wb") as f:
            f.truncate(64 << 30)
        c.refused("u-boot.itb: it is not a file", "--firmware", c.file("fifo"))
        c.refused(f"{ITB} is too big: ", "--firmware", c.file("giant"))
        c.refused("/dev/zero: it is not a file", "--firmware", "/dev/zero")
        c.refused("no such folder or package: /nonexistent", "--firmware",
                  "/nonexistent")
        c.refused("can't unpack .*junk.deb: .*not a Debian", "--firmware",
                  c.write("junk.deb", b"junk" * 100))
        c.refused(f"empty.deb has no {SPL}", "--firmware",
                  deb(c, "empty.deb", {"usr/share/doc/x": b"x"}))
        half = deb(c, "half.deb", {f"usr/lib/u-boot/starfive_visionfive2/{SPL}":
                                   good})
        c.refused(f"half.deb has no {ITB} or", "--firmware", half)
        with open(half, "r+b") as f:
            f.truncate(os.path.getsize(half) // 2)
        c.refused("can't unpack .*half.deb: ", "--firmware", half)
        c.refused("qemu-virt takes no firmware", "--firmware", c.file("0"),
                  "--board", "qemu-virt")
        return f"{len(cases) + 9} refused"


def package(tar, to):
    """Make a Debian package of an archive, with whatever is in that."""
    with open(tar, "rb") as f:
        data = f.read()
    with open(to, "wb") as f:
        f.write(b"!<arch>\n")
        for name, part in ((b"debian-binary", b"2.0\n"),
                           (b"control.tar", bytes(10240)), (b"data.tar", data)):
            f.write(b"%-16s%-12d%-6d%-6d%-8d%-10d`\n" % (
                name, 0, 0, 0, 0o644, len(part)) + part)


def hostile(test):
    """Of a package, only the two files get to this computer's disk."""
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/data.tar"
        with tarfile.open(data, "w") as tar:
            def add(name, kind=tarfile.REGTYPE, link="", content=b"x"):
                member = tarfile.TarInfo(name)
                member.type, member.linkname = kind, link
                member.size = len(content) if kind == tarfile.REGTYPE else 0
                tar.addfile(member, io.BytesIO(content))
            for name in ("../", "/", f"{folder}/", "./a/../../"):
                add(name + SPL)
            add("out", tarfile.SYMTYPE, folder)
            add(f"out/{ITB}")
            for n, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE,
                                      tarfile.FIFOTYPE, tarfile.CHRTYPE)):
                add(f"{n}/{ITB}", kind, "/etc/passwd")
            add("usr/bin/other")
            for name in (SPL, ITB):
                add(f"./usr/{name}", content=b"right")
        package(data, f"{folder}/hostile.deb")
        to = f"{folder}/to"
        os.mkdir(to)
        before = set(os.listdir(folder))
        # On its own: the tests have a module of that name, too.
        got = test.run("/usr/bin/python3", "-B", "-c",
                       "import sys; sys.path[0] = 'scripts/flash'; import "
                       "firmware; print(firmware.from_deb(*sys.argv[1:]))",
                       f"{folder}/hostile.deb", to)
        if got.strip() != f"{to}/usr":
            raise Failure("took other files")
        got = {os.path.relpath(os.path.join(where, n), to)
               for where, _, names in os.walk(to) for n in names}
        if got != {f"usr/{SPL}", f"usr/{ITB}", f"out/{ITB}"}:
            raise Failure(f"unpacked: {got}")
        if set(os.listdir(folder)) != before:
            raise Failure("written elsewhere")


def tree_blob(c):
    c.test.run("dtc", "-q", "-I", "dts", "-O", "dtb", "-o", c.file("a-tree"),
               "dts/visionfive2-v1.3b-2g.dts")
    return c.read("a-tree")


TESTS = [
    Test("card-firmware", "all", 300, "SPL and U-Boot, put on a card", taken,
         BUILT),
    Test("card-firmware-bad", "all", 600, "SPL and U-Boot, refused",
         wrong_firmware, BUILT),
    Test("card-firmware-deb", "all", 60, "a package that would write elsewhere",
         hostile),
]
