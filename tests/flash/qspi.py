"""scripts/flash/qspi: its text, and what U-Boot makes of it."""
import os
import re
import struct
import subprocess
import tarfile
import tempfile
import zlib

from card_firmware import package
from harness import ROOT, Test
from machine import Machine
from sdcard import MiB, need, read, rubbish, run, write

QSPI = f"{ROOT}/scripts/flash/qspi"
UBOOT = "/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin"


def firmware(folder, mkimage=True):
    """A synthetic SPL and FIT with contents from nowhere."""
    payload = rubbish(30001, 3)
    header = bytearray(1024)
    struct.pack_into("<II", header, 0, 0x240, 0x200000)
    struct.pack_into("<4I", header, 0x284, 0x01010101, len(payload), 1024,
                     zlib.crc32(payload))
    os.makedirs(folder)
    write(f"{folder}/u-boot-spl.bin.normal.out", header + payload)
    if not mkimage:
        return
    write(f"{folder}/contents", rubbish(70003, 4))
    write(f"{folder}/u-boot.its", b"""/dts-v1/; / {
        description = "test"; #address-cells = <1>;
        images { uboot { description = "u"; data = /incbin/("contents");
            type = "standalone"; os = "u-boot"; arch = "riscv";
            compression = "none"; load = <0x40200000>;
            hash-1 { algo = "crc32"; }; }; };
        configurations { default = "c";
            c { description = "c"; loadables = "uboot"; }; }; };""")
    subprocess.run(["mkimage", "-f", "u-boot.its", "u-boot.itb"], cwd=folder,
                   check=True, stdout=subprocess.DEVNULL)


def commands(text):
    return [line for line in text.splitlines() if not line.startswith("#")]


def recipes(test):
    """The text, and what is refused."""
    with tempfile.TemporaryDirectory() as folder:
        fw = f"{folder}/fw"
        firmware(fw)
        out = run(test, QSPI, "--firmware", fw)
        for name, offset in (("u-boot-spl.bin.normal.out", "0x0"),
                             ("u-boot.itb", "0x100000")):
            data = read(f"{fw}/{name}")
            for text in (f"{len(data)} bytes, CRC-32 {zlib.crc32(data):08x}, "
                         f"to {offset}", f" {offset} {len(data):#x}"):
                need(text in out, f"'{text}' is not there")
        for via, text, more in (
                ("serial", "loady 0x60000000", ()),
                ("sd", "fatload mmc 1:3 0x60100000 u-boot.itb", ()),
                ("net", "tftpboot 0x60100000 u-boot.itb",
                 ("--server", "10.0.0.1"))):
            lines = commands(run(test, QSPI, "--firmware", fw, "--via", via,
                                 *more))
            need(text in lines, f"--via {via}: no '{text}'")
            need(all(0 < len(line) <= 255 for line in lines),
                 f"--via {via}: an empty or too long line")
            writing = [line for line in lines if "sf update" in line]
            need(len(writing) == 1 and re.match(
                r"if crc32 .* && crc32 .* && cmp\.l .* 2; then sf update ",
                writing[0]), f"--via {via}: sf update without a check")
        packaged(test, folder, fw)
        return refused_firmware(test, folder, fw)


def packaged(test, folder, fw):
    """From a package: the same commands, and how to get at the files."""
    # Its folder is no line for U-Boot's prompt either.
    tar, deb = f"{folder}/tar", f"{folder}/f w.deb"
    with tarfile.open(tar, "w") as f:
        for name in ("u-boot-spl.bin.normal.out", "u-boot.itb"):
            f.add(f"{fw}/{name}", f"./usr/lib\nboot/{name}")
    package(tar, deb)
    out = run(test, QSPI, "--firmware", deb)
    need(commands(out) == commands(run(test, QSPI, "--firmware", fw)),
         "a package's commands are not the same")
    need(f"dpkg-deb -x '{deb}' ." in out and
         "  'usr/lib\\nboot/u-boot.itb'\n" in out,
         "does not say where the files are")


def refused_firmware(test, folder, fw):
    spl = read(f"{fw}/u-boot-spl.bin.normal.out")
    os.makedirs(f"{folder}/empty")
    bad = f"{folder}/bad"
    firmware(bad, mkimage=False)
    big = read(f"{fw}/u-boot.itb")
    cases = [("u-boot.itb", spl), ("u-boot.itb", big[:-1000]),
             ("u-boot.itb", big + bytes(4 * MiB)),
             ("u-boot-spl.bin.normal.out", spl[:-1]),
             ("u-boot-spl.bin.normal.out", spl[1024:])]
    for name, data in cases:
        for good in ("u-boot.itb", "u-boot-spl.bin.normal.out"):
            write(f"{bad}/{good}", read(f"{fw}/{good}"))
        write(f"{bad}/{name}", data)
        out = run(test, QSPI, "--firmware", bad, status=1)
        need(out.count("\n") == 1 and name in out, "not one sentence")
    for args in (["--firmware", f"{folder}/empty"],
                 ["--firmware", f"{folder}/none"],
                 ["--firmware", fw, "--board", "icicle"]):
        out = run(test, QSPI, *args, status=1)
        need(out.count("\n") == 1, "not one sentence")
    for args in ([], ["--firmware", fw, "--via", "net"],
                 ["--firmware", fw, "--ram", "12x"],
                 ["--firmware", fw, "--ip", "10.0.0.2"],
                 ["--firmware", fw, "--via", "net", "--server", "fe80::1"],
                 # What follows would be a line for U-Boot's prompt.
                 ["--firmware", f"{folder}/x\nsf erase 0 0x1000"]):
        run(test, QSPI, *args, status=2)
    return f"{len(cases) + 9} refused"


STAND_IN = 0x88000000       # RAM that plays the flash, for a U-Boot without one
SF = ((r"\bsf probe", "true"),
      (r"\bsf update (\S+) (\S+)", r"cp.b \1 FLASH\2"),
      (r"\bsf read (\S+) (\S+)", r"cp.b FLASH\2 \1"))


def stand_in(line):
    for pattern, instead in SF:
        line = re.sub(pattern, instead, line)
    return re.sub(r"FLASH(\S+)", lambda m: hex(STAND_IN + int(m[1], 0)), line)


class Uboot:
    """U-Boot in QEMU with the firmware's folder on its network."""

    def __init__(self, machine):
        self.machine = machine
        machine.expect("Hit any key")
        machine.send("\r")
        machine.expect("=> $")

    def type(self, line):
        begin = self.machine.seen
        # It has read all before when it prompts; long lines wrap nowhere.
        self.machine.send(line + "\r")
        self.machine.expect(r"\n=> $")
        out = self.machine.output[begin:self.machine.seen]
        need("syntax error" not in out and "Unknown command" not in out,
             f"U-Boot does not understand: {line}")
        return out.split("\n", 1)[1]

    def recipe(self, lines, until, damage=None):
        """Type the recipe up to a step; what U-Boot said to each line."""
        said = []
        for line in lines:
            if re.match(rf"# {until}\.", line):
                break
            if damage and line.startswith("# 5."):
                self.type(damage)
            said.append(self.type(line))
        return "".join(said)

    def flash(self):
        """CRC-32 of what plays the flash."""
        out = self.type(f"crc32 {STAND_IN:#x} 0x120000")
        return re.search(r"==> ([0-9a-f]{8})", out)[1]


def in_uboot(test):
    """A wrong file stops before the flash, the right one gets there, and what
    goes wrong there is seen."""
    with tempfile.TemporaryDirectory() as folder:
        firmware(f"{folder}/fw")
        text = run(test, QSPI, "--firmware", f"{folder}/fw", "--via", "net",
                   "--server", "10.0.2.2", "--ip", "10.0.2.15", "--ram",
                   "0x84000000")
        lines = [line if line.startswith("#") else stand_in(line)
                 for line in text.splitlines()]
        os.makedirs(f"{folder}/tftp")
        itb, spl = f"{folder}/tftp/u-boot.itb", \
            f"{folder}/tftp/u-boot-spl.bin.normal.out"
        net = (f"-netdev user,id=n,tftp={folder}/tftp "
               "-device virtio-net-device,netdev=n")
        with Machine(test, "--mem", "256M", "--qemu", net,
                     kernel=UBOOT) as machine:
            board = Uboot(machine)
            board.type(f"mw.b {STAND_IN:#x} 0xff 0x120000")
            blank = board.flash()
            good = {to: read(f"{folder}/fw/{os.path.basename(to)}")
                    for to in (spl, itb)}

            def transfer(**wrong):
                for path, data in good.items():
                    key = "spl" if path == spl else "itb"
                    write(path, wrong.get(key, data))

            for wrong in ({"spl": b"x"}, {"itb": b"x"},
                          {"itb": good[itb][:-1] + b"!"},
                          {"spl": good[spl][:7] + b"!" + good[spl][8:]}):
                transfer(**wrong)
                out = board.recipe(lines, 5)
                need("NOTHING WRITTEN" in out, "a wrong file is not refused")
                need(board.flash() == blank, "a wrong file was written")
                need("WRONG" in board.recipe(lines, 6),
                     "reading back does not see that nothing was written")
            transfer()
            damage = f"mw.b {STAND_IN + 0x100000 + 999:#x} 0"
            out = board.recipe(lines, 6, damage)
            need("NOTHING" not in out and "WRONG" in out and
                 "RIGHT" not in out, "a flash that is wrong is not seen")
            out = board.recipe(lines, 6)
            need("\nRIGHT" in out and "NOTHING" not in out and
                 "WRONG" not in out, "right files are refused")
            want = bytearray(b"\xff" * 0x120000)
            for path, at in ((spl, 0), (itb, 0x100000)):
                want[at:at + len(good[path])] = good[path]
            need(board.flash() == f"{zlib.crc32(want):08x}",
                 "the flash has not what it should")
    return "4 wrong transfers, 1 wrong flash, 1 right"


TESTS = [
    Test("qspi-recipes", "all", 120, "the text, and firmware that is refused",
         recipes),
    Test("qspi-uboot", "all", 400, "the recipe's checks, in U-Boot", in_uboot),
]
