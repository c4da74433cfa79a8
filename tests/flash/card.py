"""scripts/flash/mkimage: what is on the image, judged by other tools than those
that made it, and that U-Boot boots it, in each of the ways that boards' U-Boots
have. QEMU's `virt` stands in for the board, its disk for the SD card."""
import contextlib
import glob
import os
import re
import shutil
import struct
import signal
import subprocess
import tempfile
import time

from harness import ROOT, Failure, Test, kill, start
from loader import tree
from machine import RELEASE, Machine, finish

MKIMAGE = f"{ROOT}/scripts/flash/mkimage"
TREES = [f"starfive/jh7110-starfive-visionfive-2-v1.{r}.dtb"
         for r in ("2a", "3b")]
FILES = ["Image", "boot.scr", "vf2_uEnv.txt", "extlinux/extlinux.conf", *TREES]
SPL, ITB = "u-boot-spl.bin.normal.out", "u-boot.itb"
FAT = "@@8M"            # where in the image, for mtools
WORK = "memtest --test address,random; meminfo; disk"
MiB = 1 << 20


class Card:
    """A folder with an image `card.img` in it, and what it takes to change and
    boot that."""

    def __init__(self, test, folder):
        self.test, self.folder = test, folder
        self.path = self.file("card.img")

    def file(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        os.makedirs(os.path.dirname(self.file(name)), exist_ok=True)
        with open(self.file(name), "wb") as f:
            f.write(data)
        return self.file(name)

    def read(self, name):
        with open(self.file(name), "rb") as f:
            return f.read()

    def make(self, *options, board="visionfive2", output=None, env=None):
        """Run mkimage, which must succeed; what it prints."""
        return self.test.run(
            "/usr/bin/python3", MKIMAGE, "--board", board, "--kernel", RELEASE,
            "-o", output or self.path, *options, env=env)

    def refused(self, wanted, *options, output=None, status=1, limit=None,
                env=None, wrap=()):
        """mkimage must refuse, with that text as its only line."""
        output = output or self.file("refused.img")
        command = ["/usr/bin/python3", MKIMAGE, "-o", output, *options]
        if "--board" not in options:
            command += ["--board", "visionfive2"]
        if "--kernel" not in options:
            command += ["--kernel", RELEASE]
        if limit:
            command = ["bash", "-c", f"ulimit -f {limit}; trap '' XFSZ; "
                       'exec "$0" "$@"', *command]
        command = [*wrap, *command]
        self.test.note("$ " + " ".join(command[-12:]))
        done = subprocess.run(
            command, env={**os.environ, **(env or {})}, text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=self.test.remaining())
        self.test.note(done.stdout)
        lines = done.stdout.splitlines()
        if done.returncode != status or not re.search(wanted, done.stdout):
            raise Failure(f"status {done.returncode} and '{lines[-1:]}' "
                          f"instead of '{wanted}'")
        if status == 1 and len(lines) != 1:
            raise Failure(f"more than a sentence: {lines}")
        if os.path.isfile(output) and output == self.file("refused.img"):
            raise Failure("an image was left behind")

    def fat(self, tool, *arguments, at=FAT):
        """Run an mtool on the FAT in the image."""
        return self.test.run(tool, "-i", self.path + at, *arguments)

    def mcopy_in(self, source, name):
        self.fat("mcopy", "-o", source, "::" + name)

    def raw(self, first, sectors):
        with open(self.path, "rb") as f:
            f.seek(first * 512)
            return f.read(sectors * 512)

    def qemu_tree(self, name, model):
        """Put QEMU's tree on the card as `name`, with a model that shows."""
        path = self.file("qemu.dtb")
        tree(self.test, path, ("--mem", "256M"), "")
        self.test.run("fdtput", "-t", "s", path, "/", "model", model)
        self.mcopy_in(path, name)

    @contextlib.contextmanager
    def boot(self, *options):
        with Machine(self.test, "--boot", "uboot", "--disk", self.path,
                     *options, kernel=None) as m:
            yield m


@contextlib.contextmanager
def card(test):
    with tempfile.TemporaryDirectory(prefix="strata-card.") as folder:
        yield Card(test, folder)


def expect(text, *patterns):
    for p in patterns:
        if not re.search(p, text, re.M):
            raise Failure(f"'{p}' is missing")


def done(m, *patterns):
    """The commands of autorun succeed, and all of this was printed."""
    if finish(m):
        raise Failure("a command failed")
    expect(m.output, r"^memtest: PASS", r"^vda: .*, [68]\d{4} sectors",
           *patterns)


def autorun(commands=WORK):
    return "--append", f'autorun="{commands}"'


# What is on it

def table(test):
    """GPT, GUIDs, flags."""
    with card(test) as c:
        # Without --kernel it builds one.
        test.run("/usr/bin/python3", MKIMAGE, "--board", "visionfive2", "-o",
                 c.path)
        c.fat("mcopy", "::Image", c.file("Image"))
        test.run("cmp", RELEASE, c.file("Image"))
        expect(test.run("sgdisk", "-v", c.path), "^No problems found")
        types = {1: "2E54B353-1271-4842-806F-E436D6AF6985",
                 2: "BC13C2FF-59E6-4262-A352-B275FD6F7172",
                 3: "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"}
        at = {1: (4096, 8191), 2: (8192, 16383), 3: (16384, 81919)}
        for n, guid in types.items():
            flags = "0000000000000004" if n == 3 else "0000000000000000"
            expect(test.run("sgdisk", "-i", str(n), c.path),
                   f"^Partition GUID code: {guid}",
                   rf"^First sector: {at[n][0]} ",
                   rf"^Last sector: {at[n][1]} ",
                   f"^Attribute flags: {flags}$")
        script = test.run("sfdisk", "-d", c.path)
        expect(script, r'start= +4096, .*name="spl"',
               r'start= +8192, .*name="uboot"',
               r'start= +16384, .*name="boot", attrs="LegacyBIOSBootable"')
        expect(test.run("fdisk", "-l", c.path), "^Disklabel type: gpt")
        if any(c.raw(4096, 12288)):
            raise Failure("p1 and p2 are not empty without firmware")
        used = os.stat(c.path).st_blocks * 512
        if os.path.getsize(c.path) > 64 * MiB or used > 4 * MiB:
            raise Failure(f"{os.path.getsize(c.path)} bytes, {used} of them "
                          "on the disk")
        return f"{used >> 10} KiB on the disk"


def contents(test):
    """The FAT and each file in it."""
    append = '%s @INITRD@ autorun="meminfo"'
    with card(test) as c:
        c.make("--memory", "4", "--append", append)
        fat = c.write("fat", c.raw(16384, 65536))
        expect(test.run("fsck.fat", "-n", "-v", fat), "2 FATs, 16 bit entries")
        names = re.findall(r"^::/(.*[^/\n])$", c.fat("mdir", "-b", "-/", "::"),
                           re.M)
        if sorted(names) != sorted(FILES):
            raise Failure(f"files: {names}")
        for name in FILES:
            c.fat("mcopy", "::" + name, c.file("got-" + name.replace("/", "-")))
        test.run("cmp", RELEASE, c.file("got-Image"))
        for name in TREES:
            revision = re.search(r"v\d\.\d.", name)[0]
            test.run("dtc", "-q", "-I", "dts", "-O", "dtb", "-o",
                     c.file("dtb"), f"dts/visionfive2-{revision}-4g.dts")
            got = c.file("got-" + name.replace("/", "-"))
            test.run("cmp", c.file("dtb"), got)
            expect(test.run("fdtget", got, "/", "model"),
                   f"(?i){re.escape(revision)}$")
        expect(test.run("dumpimage", "-l", c.file("got-boot.scr")),
               "RISC-V Linux Script")
        # Templates are filled in; what a line must have that has no value.
        for name in FILES[1:4]:
            text = c.read("got-" + name.replace("/", "-")).decode(
                "ascii", "replace")
            if text.count(append) != 1 or "@" in text.replace(append, ""):
                raise Failure(f"{name}: not filled in")
        lines = c.read("got-extlinux-extlinux.conf").decode().split("\n")
        if [x.split() for x in lines[-6:]] != [
                ["default", "strata"], ["label", "strata"],
                ["kernel", "/Image"], ["fdtdir", "/"],
                ["append", *append.split()], []]:
            raise Failure(f"extlinux.conf: {lines}")
        expect(c.read("got-vf2_uEnv.txt").decode(),
               r"^boot2=.*fatload mmc 1:3 \$\{kernel_addr_r\} /Image")


def nobody():
    """Words before a command that take root's rights from it, where there are
    such rights and others may read the project."""
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    may = os.geteuid() == 0 and not subprocess.run(
        [*words, "test", "-r", MKIMAGE], check=False).returncode
    return words if may else []


def reproducible(test):
    """The same bytes, whatever the time, place, user and his settings."""
    with card(test) as c:
        c.make(*autorun())
        kernel, second = c.file("k:I"), c.file("second.img")
        shutil.copyfile(RELEASE, kernel)
        os.utime(kernel, (1, 1000000000))
        tmp = "t@@p':ü"
        os.mkdir(c.file(tmp))
        c.write(".mtoolsrc", b"MTOOLS_LOWER_CASE=1\nnonsense\n")
        time.sleep(2.1)         # FAT counts every other second
        for name in ("", tmp):
            os.chmod(c.file(name), 0o777)
        test.run(*nobody(), "/usr/bin/python3", MKIMAGE, "--board",
                 "visionfive2", "--kernel", "k:I", *autorun(), "-o", second,
                 cwd=c.folder,
                 env={"TZ": "Asia/Tokyo", "LC_ALL": "C", "MTOOLS_LOWER_CASE":
                      "1", "TMPDIR": c.file(tmp), "HOME": c.folder,
                      "PATH": "/usr/bin:/bin"})
        test.run("cmp", c.path, second)
        os.unlink(second)
        if os.listdir(c.file(tmp)):
            raise Failure("scratch files were left behind")
        c.make(*autorun(), output=second,
               env={"SOURCE_DATE_EPOCH": "1700000000"})
        if subprocess.run(["cmp", "-s", c.path, second],
                          check=False).returncode != 1:
            raise Failure("SOURCE_DATE_EPOCH has no effect")


# Options

def image_of(size, of_file=4096):
    """The header of a kernel that takes so much memory."""
    head = bytearray(of_file)
    struct.pack_into("<QQ", head, 8, 0x200000, size)
    head[56:60] = b"RSC\x05"
    return bytes(head)


def bad_options(test):
    """Each wrong option or file: a sentence; nothing is written."""
    with card(test) as c:
        kernel = lambda size: c.write("K", image_of(size))
        c.refused("no such board: 'nosuch' .there are: .*visionfive2",
                  "--board", "nosuch")
        c.refused("no card images for icicle .but for: qemu-virt visionfive2",
                  "--board", "icicle")
        c.refused("usage: ", "--nonsense", status=2)
        c.refused("no tree for 3 GB .but for: 2 4 8", "--memory", "3")
        c.refused("no tree for 2 GB .but for: none", "--memory", "2",
                  "--board", "qemu-virt")
        for text in ("#b", "  #b", "a\nb", "it's", "a=$b", "a\\b", "größe"):
            c.refused("--append: no ['\"].*['\"], U-Boot", "--append", text)
        c.refused("--append: 256 characters; .* 255", "--append", "x" * 256)
        c.refused("can't read /nonexistent", "--kernel", "/nonexistent")
        os.mkfifo(c.file("fifo"))
        c.refused("fifo: it is not a file", "--kernel", c.file("fifo"))
        c.refused("is not a RISC-V kernel image", "--kernel", MKIMAGE)
        c.refused("K is too big: it takes 98566145 .*94 MiB. before",
                  "--kernel", kernel(94 * MiB + 1))
        c.refused("can't read /nonexistent", "--initrd", "/nonexistent")
        c.refused("can't read /tmp", "--initrd", "/tmp")
        big = c.write("big", b"")
        os.truncate(big, 1000 * MiB)
        c.refused("big is too big: 1000 MiB, .* room for 927 MiB", "--initrd",
                  big)
        c.refused("can't write /nonexistent/x.img: No such file",
                  output="/nonexistent/x.img")
        c.refused("/dev/full is not a file .*sdcard", output="/dev/full")
        c.refused("is not a file", output=c.folder)
        # As large as the window, it fits.
        c.make("--kernel", kernel(94 * MiB))


def replaced_whole(test):
    """An old image stays until the new one is complete, also when the disk is
    full."""
    with card(test) as c:
        old = c.write("card.img", b"old" * 1000)
        # A limit on the size of files stands in for a disk that is full. The
        # parts of the image reach it as well as the image.
        c.refused("can't write to .*: File too large", limit=20 << 10,
                  output=c.path)
        if c.read("card.img") != b"old" * 1000:
            raise Failure("the old image is gone")
        small = on_small_disk(c)
        if not subprocess.run([*small, "true"], check=False,
                              stderr=subprocess.DEVNULL).returncode:
            c.refused(r"can't write .*: No space left", wrap=small,
                      output=c.file("t/x.img"))
            c.refused("failed: |can't write to ", wrap=small,
                      env={"TMPDIR": c.file("t")})
        if glob.glob(c.file(".card.img*")):
            raise Failure("a part of the image was left behind")
        os.chmod(old, 0o644)
        c.make()
        if os.stat(c.path).st_mode & 0o777 != 0o666 & ~umask():
            raise Failure("the image has odd permissions")


def ended(test):
    """Ended while it works, or with nobody who reads what it says: nothing is
    left behind."""
    with card(test) as c:
        os.mkdir(c.file("tmp"))
        c.write("bin/genimage", b"#!/bin/sh\ntouch \"$SEEN\"; exec sleep 600\n")
        os.chmod(c.file("bin/genimage"), 0o755)
        env = {**os.environ, "TMPDIR": c.file("tmp"), "SEEN": c.file("seen")}
        slow = {**env, "PATH": f"{c.file('bin')}:{os.environ['PATH']}"}
        command = ["/usr/bin/python3", MKIMAGE, "--board", "visionfive2",
                   "--kernel", RELEASE, "-o", c.path]
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process = start(command, env=slow, stdin=subprocess.DEVNULL,
                            stdout=test.log, stderr=test.log)
            try:
                while not os.path.exists(c.file("seen")):
                    if not test.remaining():
                        raise Failure("genimage was not called")
                    time.sleep(0.05)
                process.send_signal(number)
                status = process.wait(test.remaining())
            finally:
                kill(process)
            left = os.listdir(c.file("tmp"))
            if status != 130 or left or os.path.exists(c.path):
                raise Failure(f"{number.name}: status {status}, {left}")
            os.unlink(c.file("seen"))
        reader, writer = os.pipe()
        os.close(reader)
        process = start(command, env=env, stdin=subprocess.DEVNULL,
                        stdout=writer, stderr=test.log)
        os.close(writer)
        try:
            status = process.wait(test.remaining())
        finally:
            kill(process)
        left = os.listdir(c.file("tmp"))
        if status != -signal.SIGPIPE or left or not os.path.exists(c.path):
            raise Failure(f"nobody reads: status {status}, {left}")


def on_small_disk(c):
    """Words before a command for which there is a file system of 256 KiB at t/,
    with its end gone again. What it leaves there is listed."""
    there = c.file("t")
    os.makedirs(there)
    return ("unshare", "-m", "sh", "-c",
            f"mount -t tmpfs -o size=256k none {there} || exit; "
            f'"$@"; s=$?; ls -A {there}; exit $s', "sh")


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


# Boots

def by_itself(test):
    """U-Boot finds extlinux.conf and our kernel; memory tests pass."""
    with card(test) as c:
        c.make(*autorun())
        with c.boot() as m:
            m.expect(r"^Found /extlinux/extlinux.conf$", unless="^=> $")
            done(m, r"^Scanning virtio 0:3\.\.\.$",
                 # Not a tree of another board, but U-Boot's own.
                 r"^\*\* Unable to read file /\S+\.dtb",
                 "^Strata, riscv-virtio")
    return None


def by_script(test):
    """The same by boot.scr."""
    with card(test) as c:
        c.make(*autorun())
        c.fat("mdel", "::extlinux/extlinux.conf")
        with c.boot() as m:
            m.expect(r"^Found U-Boot script /boot.scr$", unless="^=> $")
            done(m, "^Strata, riscv-virtio")


def prompt(m, *lines):
    """Stop the countdown and type; what is printed stays in m.output."""
    if "stop autoboot" not in m.output[:m.seen]:
        m.expect("stop autoboot")
        m.send(" ")
        m.expect(r"^=> $")
    for line in lines:
        m.send(line + "\r")
        m.expect(r"^=> $")


def by_fdtfile(test):
    """fdtfile chooses the tree, for extlinux.conf and for boot.scr."""
    with card(test) as c:
        c.make(*autorun())
        for name, model in zip(TREES, ("card 2A", "card 3B")):
            c.qemu_tree(name, model)
        for how in ("extlinux/extlinux.conf", "boot.scr"):
            for name, model in zip(TREES, ("card 2A", "card 3B")):
                with c.boot() as m:
                    prompt(m, f"setenv fdtfile {name}")
                    m.send("boot\r")
                    m.expect(f"^Found .*/{how}$", unless="^=> $")
                    done(m, f"^Strata, {model},")
            c.fat("mdel", f"::{how}")


# StarFive's: it puts the true size of memory into the tree at fdt_addr_r.
CHIPA = ("setenv chipa_set_linux 'fdt addr ${fdt_addr_r}; "
         "fdt memory 0x80000000 0xf000000'")
UENV = ("fatload virtio 0:3 ${scriptaddr} vf2_uEnv.txt",
        "env import -t ${scriptaddr} ${filesize}")


def vendor_card(c, *options):
    """A card on which QEMU's disk is `mmc 1` and its trees are the board's."""
    c.make(*autorun(), *options)
    c.fat("mcopy", "::vf2_uEnv.txt", c.file("uEnv"))
    c.write("uEnv", c.read("uEnv").replace(b"mmc 1:3", b"virtio 0:3"))
    c.mcopy_in(c.file("uEnv"), "vf2_uEnv.txt")
    for name, model in zip(TREES, ("card 2A", "card 3B")):
        c.qemu_tree(name, model)


def by_uenv(test):
    """vf2_uEnv.txt and boot2, as StarFive's U-Boot uses them."""
    with card(test) as c:
        c.write("initrd", b"070701".ljust(5000, b"0"))
        vendor_card(c, "--initrd", c.file("initrd"))
        # Each fdtfile that was seen: none, one that is not on the card, ours.
        for typed, model, memory in (
                ((), "3B", 256),
                ((CHIPA, "setenv fdtfile starfive_visionfive2.dtb"), "3B", 240),
                ((CHIPA, f"setenv fdtfile {TREES[0]}"), "2A", 240)):
            with c.boot() as m:
                prompt(m, "setenv bootargs console=tty1", *typed, *UENV)
                m.send("run boot2\r")
                done(m, f"^Strata, card {model},",
                     rf"^memory: {memory * MiB} = .* initrd 8192")


def memory_set(test):
    """The board's own trees have room for the size of memory that StarFive's
    U-Boot sets in them, as they are, before it makes room."""
    with card(test) as c:
        c.make()
        with c.boot() as m:
            for name in TREES:
                begin = m.seen
                prompt(m, f"load virtio 0:3 ${{fdt_addr_r}} {name}",
                       "fdt addr ${fdt_addr_r}",
                       "fdt memory 0x40000000 0x200000000",
                       "fdt print /memory@40000000 reg")
                expect(m.output[begin:],
                       "^reg = <0x0*0 0x40000000 0x0*2 0x0*0>")


def by_vendor_script(test):
    """boot.scr started by hand, where no variable names the partition."""
    with card(test) as c:
        vendor_card(c)
        c.fat("mcopy", "::boot.scr", c.file("boot.scr"))
        text = c.read("boot.scr")[72:].rstrip(b"\0")
        c.write("boot.cmd", text.replace(b"mmc 1:3", b"virtio 0:3"))
        test.run("mkimage", "-A", "riscv", "-T", "script", "-d",
                 c.file("boot.cmd"), c.file("boot.scr"))
        c.mcopy_in(c.file("boot.scr"), "boot.scr")
        for typed, model, memory in (
                ((CHIPA,), "card 3B", 240),
                ((CHIPA, "setenv fdtfile nosuch.dtb"), "card 3B", 240),
                ((CHIPA, f"setenv fdtfile {TREES[0]}"), "card 2A", 240),
                (("setenv fdtfile nosuch.dtb",), "riscv-virtio,qemu", 256)):
            with c.boot() as m:
                prompt(m, *typed,
                       "load virtio 0:3 ${scriptaddr} boot.scr")
                m.send("source ${scriptaddr}\r")
                done(m, f"^Strata, {model},", f"^memory: {memory * MiB} = ")


def bare(test):
    """No command line, without and with an initrd: by what U-Boot finds first,
    not by what is left when it gives that up."""
    with card(test) as c:
        initrd = c.write("initrd", b"070701".ljust(5000, b"0"))
        for options in ((), ("--append", " "), ("--initrd", initrd)):
            c.make(*options)
            for how in ("extlinux/extlinux.conf", "boot.scr"):
                with c.boot() as m:
                    prompt(m, "setenv bootargs 'quiet'")
                    m.send("boot\r")
                    m.expect(f"^Found .*/{how}$")
                    # The old command line would have kept this away.
                    m.expect("^memory: .* initrd 8192" if "--initrd" in options
                             else "^memory: ", unless="(?i)error|fail|^Found")
                    m.expect("strata> ")
                c.fat("mdel", f"::{how}")
            with c.boot() as m:
                prompt(m, "setenv bootargs quiet", *UENV, "printenv bootargs")
                expect(m.output, '^bootargs=""$')


def plain_disk(test):
    """qemu-virt's: for U-Boot, and for a kernel that QEMU loads."""
    with card(test) as c:
        c.make(*autorun(), board="qemu-virt")
        expect(test.run("sgdisk", "-v", "-i", "1", c.path),
               "^No problems found",
               "^Attribute flags: 0000000000000004$")
        with c.boot() as m:
            m.expect(r"^Found /extlinux/extlinux.conf$", unless="^=> $")
            done(m, r"^Scanning virtio 0:1\.\.\.$")
        before = c.read("card.img")
        os.link(c.path, c.file("k:x,y"))
        expect(test.run(f"{ROOT}/scripts/run", "--disk", "k:x,y", "--boot",
                        "uboot", "--print", cwd=c.folder),
               rf"file={c.folder}/k:x\\,\\,y ")
        with Machine(test, "--disk", c.path,
                     *autorun("disk; disk test vda --yes --size 1M")) as m:
            if finish(m):
                raise Failure("a command failed")
            expect(m.output, rf"^vda: .*, {len(before) // 512} sectors")
        # The kernel wrote to it, but only for that run.
        if c.read("card.img") != before:
            raise Failure("the image has changed")


BUILT = ("kernel-build",)
TESTS = [
    Test("card-table", "quick", 300, "mkimage: partitions of an SD card", table,
         BUILT),
    Test("card-contents", "quick", 300, "and the files in its FAT", contents,
         BUILT),
    Test("card-reproducible", "all", 300, "the same input, the same image",
         reproducible, BUILT),
    Test("card-ended", "all", 300, "mkimage, ended by signals", ended, BUILT),
    Test("card-options", "all", 300, "bad options of mkimage", bad_options,
         BUILT),
    Test("card-replace", "all", 300, "an old image, a full disk",
         replaced_whole, BUILT),
    Test("card-boot", "all", 600, "U-Boot boots the card by extlinux.conf",
         by_itself, BUILT),
    Test("card-script", "all", 600, "and by boot.scr", by_script, BUILT),
    Test("card-fdtfile", "all", 900, "with the tree that fdtfile names",
         by_fdtfile, BUILT),
    Test("card-uenv", "all", 900, "by vf2_uEnv.txt, as StarFive's does",
         by_uenv, BUILT),
    Test("card-memory", "all", 300, "memory's size, set as StarFive's does",
         memory_set, BUILT),
    Test("card-vendor-script", "all", 900, "by boot.scr, on StarFive's",
         by_vendor_script, BUILT),
    Test("card-bare", "all", 900, "without command line, with an initrd", bare,
         BUILT),
    Test("card-qemu-virt", "all", 600, "mkimage and run --disk for qemu-virt",
         plain_disk, BUILT),
]
