"""Boots into Linux programs: init= and the files that an initrd becomes."""
import gzip
import os
import random
import re
import shutil
import struct
import tempfile
import threading

from harness import BUILD, Failure, Test
from machine import PANIC, PROMPT, Machine, autorun

USER = f"{BUILD}/user"
_once = threading.Lock()


def build(test):
    """The static programs of tests/user; their folder."""
    with _once:
        test.run("tests/user/build", USER)
    return USER


def ends(test, init, status, *wanted, initrd=None, options=(), unless=PANIC):
    """Boot into a program; Failure unless the machine ends with `status` and all
    that is wanted (expressions) was printed. Returns the output."""
    with Machine(test, "--initrd", initrd or build(test), "--init", init,
                 *options) as m:
        got = m.wait()
        for w in wanted:
            if not re.search(w, m.output, re.M):
                raise Failure(f"{init}: no output {w!r}")
        if unless and re.search(unless, m.output):
            raise Failure(f"{init}: unexpected output {unless!r}")
        if got != status:
            raise Failure(f"{init}: status {got}, not {status}")
        return m.output


def hello(test):
    """Arguments with blanks arrive, all checks of the program hold; so it goes on
    one hart and on four, in each paging mode, and by U-Boot."""
    for options in ((), ("--harts", "4"), ("--mmu", "sv48"),
                    ("--mmu", "sv57"), ("--mem", "64M")):
        ends(test, "/hello one 'two three' \"\"", 0, "^hello, world$",
             "^argument 1: one$", "^argument 2: two three$",
             "^argument 3: $", options=options)
    ends(test, "/start look", 0, r"^argv\[0\] = '/start'$",
         r"^argv\[1\] = 'look'$", r"^environ\[0\] = 'HOME=/'$",
         r"^environ\[1\] = 'TERM=linux'$", r"^execfn = '/start'$")


def uboot(test):
    ends(test, "/hello by U-Boot", 0, "^argument 2: U-Boot$",
         options=("--boot", "uboot"))


def machines(test):
    """On the machines that can't tell a status, nor be switched off."""
    for board in ("sifive_u", "icicle"):
        with Machine(test, "--board", board, "--initrd", build(test), "--init",
                     f"/hello {board}") as m:
            m.expect(f"^argument 1: {board}$", unless=PANIC)
            m.expect("^# 0 failed$", unless=PANIC)
            m.expect("^machine: no way to power off; halted$", unless=PANIC)


def plain(test):
    """Without --init: what anybody types."""
    build(test)
    with tempfile.NamedTemporaryFile(suffix=".cpio") as f:
        test.run("bash", "-c", f"cd {USER} && echo hello | cpio --quiet -o "
                 f"-H newc >{f.name}")
        with Machine(test, "--qemu",
                     f"-initrd {f.name} -append 'init=/hello a b'") as m:
            m.expect("^argument 2: b$", unless=PANIC)
            if m.wait():
                raise Failure("the status is not 0")


def statuses(test):
    """QEMU's exit status is the program's, or 128 and the signal's number."""
    for n in (0, 1, 77, 255, 256 + 3):
        ends(test, f"/start exit {n}", n % 256)
    for name, number in (("SEGV", 11), ("ILL", 4), ("TRAP", 5), ("ABRT", 6)):
        ends(test, f"/start signal SIG{name}", 128 + number,
             f"^init: killed by signal {number}$")


def places(test):
    """Where things lie changes from boot to boot, unless norandmaps."""
    def where(*options):
        out = ends(test, "/start where", 0, options=options)
        return re.findall(r"^(?:stack|heap) at \w+$", out, re.M)
    fixed = where("--append", "norandmaps")
    if len(fixed) != 2 or where("--append", "norandmaps") != fixed:
        raise Failure("norandmaps: places differ")
    drawn = [where() for _ in range(3)]
    if any(d == fixed for d in drawn) or drawn[0] == drawn[1] == drawn[2]:
        raise Failure("places are not drawn at random")


def huge(test):
    """Pages of 2 MiB: where advice asks for them, never, or wherever they fit."""
    for option, pages in (("", "1 512 1"), ("madvise", "1 512 1"),
                          ("never", "1 1 1"), ("always", "512 512 1"),
                          ("sometimes", "1 512 1")):
        append = option and f"transparent_hugepage={option}"
        out = ends(test, "/start huge", 0, f"^huge: {pages}$",
                   options=("--append", append))
        if ("takes always" in out) != (option == "sometimes"):
            raise Failure(f"{append}: what boot says of it")


def no_program(test):
    """What can't be started: a sentence, and status 127 or 126."""
    with tempfile.TemporaryDirectory() as folder:
        def add(name, data, mode=0o755):
            with open(f"{folder}/{name}", "wb") as f:
                f.write(data)
            os.chmod(f"{folder}/{name}", mode)
        with open(f"{build(test)}/hello", "rb") as f:
            good = f.read()
        add("half", good[:len(good) // 2])
        add("stub", good[:80])
        add("empty", b"")
        add("other", good[:18] + struct.pack("<H", 62) + good[20:])
        add("text", b"echo hello\n")
        add("secret", good, 0o644)
        add("lost", b"#!/bin/nothing\n")
        add("script", b"#!/program by script\n")
        add("program", good)
        os.mkdir(f"{folder}/dir")
        os.symlink("program", f"{folder}/link")
        os.symlink("circle", f"{folder}/circle")
        for init, status, why in (
                ("/none", 127, "no such file"),
                ("/lost", 127, "no such file"),
                ("/program/x", 126, "no directory"),
                ("/circle", 126, "too many links"),
                ("/dir", 126, "not to be executed"),
                ("/secret", 126, "not to be executed"),
                *((f"/{name}", 126, "no program for this machine")
                  for name in ("half", "stub", "empty", "other", "text")),
                ("/program " + "x " * 40, 126, "too many arguments")):
            ends(test, init, status, f"^init: {init.split()[0]}: .*{why}",
                 initrd=folder)
        ends(test, "/link", 0, "^hello, world$", initrd=folder)
        ends(test, "/script more", 0, "^argument 1: by script$",
             "^argument 2: /script$", "^argument 3: more$", initrd=folder)
        ends(test, "x" * 600, 255, "init= is over 511 bytes", initrd=folder)
    with Machine(test, "--append", "init=/hello") as m:
        if m.wait() != 127 or "files: there are none" not in m.output:
            raise Failure("no initrd: no warning, or another status")


def entry(name, data=b"", mode=0o100755):
    """One of a cpio archive."""
    name = name.encode() + b"\0"
    head = b"070701" + b"".join(b"%08x" % n for n in (
        1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0))
    for part in (name, data):
        head += part
        head += b"\0" * (-len(head) % 4)
    return head


def archives(test):
    """Broken archives: a warning, and what was read is there."""
    with open(f"{build(test)}/hello", "rb") as f:
        hello_ = entry("hello", f.read())
    end = entry("TRAILER!!!", mode=0)
    cut = entry("other", b"x" * 5000)[:3000]
    for name, archive, status, wanted in (
            ("cut", hello_ + cut, 0, "initrd: the archive ends within an "
             r"entry at byte \d+"),
            ("junk", hello_ + b"?" * 500, 0, r"initrd: no entry at byte \d+"),
            ("devices", entry("dev/console", mode=0o20600) + hello_ + end, 0,
             "files: 1 left out"),
            ("outside", entry("../hello") + hello_ + end, 0,
             "files: 1 left out"),
            ("two", entry("a", b"b") + end + bytes(512) + hello_ + end, 0,
             "files: 2 from initrd"),
            ("none in it", entry("x") + end, 127, "no such file"),
            ("gzip", gzip.compress(hello_ + end), 127, "no cpio archive")):
        test.note(f"--- {name}")
        with tempfile.NamedTemporaryFile() as f:
            f.write(archive)
            f.flush()
            ends(test, "/hello", status, wanted, initrd=f.name)


def dynamic(test):
    """A program that its loader starts, with a C library from a file; and the loader
    as a program of its own, which goes anywhere."""
    loader = "lib/ld-linux-riscv64-lp64d.so.1"
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/lib")
        for name in (loader, "lib/libc.so.6"):
            shutil.copy(f"/usr/riscv64-linux-gnu/{name}", f"{folder}/{name}")
        test.run("riscv64-linux-gnu-gcc", "-O2", "-D_GNU_SOURCE", "-o",
                 f"{folder}/hello", "tests/user/hello.c", "tests/user/user.c")
        for init in ("/hello one", f"/{loader} /hello one"):
            for options in ((), ("--append", "norandmaps")):
                ends(test, init, 0, "^hello, world$", "^argument 1: one$",
                     "^ok 4 argv ends$", initrd=folder, options=options)
        os.remove(f"{folder}/{loader}")
        ends(test, "/hello", 127, "^init: /hello: no such file", initrd=folder)
        with open(f"{folder}/{loader}", "wb") as f:
            f.write(tiny()[:-200])
        os.chmod(f"{folder}/{loader}", 0o755)
        ends(test, "/hello", 126, "a segment is not in the file$",
             "^init: /hello: its loader is no good$", initrd=folder)


def large(test):
    """An archive that does not fit into memory once more: a warning, and the files
    that came first are there."""
    with open(f"{build(test)}/hello", "rb") as f:
        first = entry("hello", f.read())
    with tempfile.NamedTemporaryFile() as f:
        f.write(first + entry("large", bytes(50 << 20)) +
                entry("TRAILER!!!", mode=0))
        f.flush()
        ends(test, "/hello", 0, r"initrd: no memory at byte \d+ \(large\)$",
             "^hello, world$", initrd=f.name,
             options=("--append", "badram=0x81000000+32M"))


def tiny():
    """A program of 768 bytes that ends with status 7: code, then data with zeros
    behind it."""
    def load(flags, offset, address, in_file, in_memory):
        return struct.pack("<IIQQQQQQ", 1, flags, offset, address, address,
                           in_file, in_memory, 4096)
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 243, 1,
                       0x10180, 64, 0, 5, 64, 56, 2, 64, 0, 0)
    head += load(5, 0, 0x10000, 0x200, 0x200)
    head += load(6, 0x200, 0x11200, 0x100, 0x2100)
    # li a0, 7; li a7, 93; ecall
    code = struct.pack("<III", 0x00700513, 0x05d00893, 0x00000073)
    return (head.ljust(0x180, b"\0") + code).ljust(0x300, b"\0")


def mutant(draw):
    """The same with some bytes of its headers changed, or without its end."""
    data = bytearray(tiny())
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(64 + 2 * 56)
        data[at] = draw.choice((0, 1, 2, 0x7f, 0x80, 0xff,
                                data[at] ^ 1 << draw.randrange(8)))
    return data[:draw.choice((len(data),) * 5 + (draw.randrange(len(data)),))]


def used(m):
    """Bytes of frames that nobody but the page allocator knows."""
    return int(re.search(r"used (\d+) ", m.command("meminfo"))[1])


def broken(test):
    """Programs whose headers were changed at random: they end somehow, all of their
    memory comes back, and who can't become one goes on as it was."""
    count = 200
    draw = random.Random(8)
    with tempfile.NamedTemporaryFile() as f:
        f.write(b"".join(entry(f"m{i}", mutant(draw)) for i in range(count)))
        with open(f"{build(test)}/start", "rb") as start:
            f.write(entry("start", start.read()))
        f.write(entry("tiny", tiny()) + entry("TRAILER!!!", mode=0))
        f.flush()
        with Machine(test, "--initrd", f.name, "--append", "norandmaps") as m:
            m.expect(PROMPT, unless=PANIC)
            m.command("run /tiny; run /start try 3")
            before = used(m)
            ends_ = [m.command(f"run /m{i}").splitlines()[-2]
                     for i in range(count)]
            same = sum("status 7" in e for e in ends_)
            refused = sum("no program" in e for e in ends_)
            if not same or not refused:
                raise Failure(f"{same} ran, {refused} were refused")
            told = (f"{same} ran, {refused} were refused, "
                    f"{count - same - refused} died")
            if told not in m.command(f"run /start try {count}"):
                raise Failure(f"execve() does not find: {told}")
            if "audit: 0 findings" not in m.command("audit"):
                raise Failure("the audit finds something")
            if used(m) != before:
                raise Failure(f"{before} bytes were used, now {used(m)}")
    return told


def console(test):
    """Without init= the programs are there for the console, and so is `load`."""
    out = autorun(test, "load initrd; run /hello again; run /hello; meminfo; "
                  "audit", "--initrd", build(test))
    if out.count("hello, world\n") != 2 or "argument 1: again\n" not in out:
        raise Failure("no output of the program")


def cheap(test):
    """An initrd that nobody uses costs a boot next to nothing."""
    def instructions(*options):
        out = autorun(test, "bootstat", "--harts", "1", "--icount", *options,
                      append="quiet")
        return int(re.search(r"(\d+) instructions", out)[1])
    more = instructions("--initrd", build(test)) - instructions()
    if more > 20000:
        raise Failure(f"{more} instructions more")
    return f"{more} instructions more"


def frames(test):
    """With init= the archive's frames become free ones; at the console it stays."""
    def ram(out):
        return int(re.search(r"(\d+) bytes of RAM", out)[1])
    kept = autorun(test, "run /start memory; load initrd", "--initrd",
                   build(test), append="tests=off")
    size = int(re.search(r"\binitrd (\d+)", kept)[1])
    more = ram(ends(test, "/start memory", 0)) - ram(kept)
    if more != size:
        raise Failure(f"{more} bytes came back of {size}")


BUILT = ("kernel-build",)
TESTS = [
    Test("programs-hello", "quick", 300, "a boot into a Linux program", hello,
         BUILT),
    Test("programs-uboot", "all", 300, "the same by U-Boot", uboot, BUILT),
    Test("programs-machines", "all", 300, "the same on other machines", machines,
         BUILT),
    Test("programs-plain", "all", 300, "the same with QEMU's own options",
         plain, BUILT),
    Test("programs-status", "all", 300, "QEMU's status is the program's",
         statuses, BUILT),
    Test("programs-places", "all", 300, "addresses are drawn at random", places,
         BUILT),
    Test("programs-huge", "all", 300, "transparent_hugepage=", huge, BUILT),
    Test("programs-none", "all", 300, "init= that can't be started", no_program,
         BUILT),
    Test("programs-archives", "all", 300, "broken archives", archives, BUILT),
    Test("programs-dynamic", "all", 300, "a program with a loader", dynamic,
         BUILT),
    Test("programs-large", "all", 300, "an archive of half of RAM", large,
         BUILT),
    Test("programs-broken", "all", 300, "programs with random headers", broken,
         BUILT),
    Test("programs-console", "all", 300, "run at the console", console, BUILT),
    Test("programs-frames", "all", 300, "the archive's frames with init=",
         frames, BUILT),
    Test("programs-cheap", "all", 300, "an initrd that nobody uses", cheap,
         BUILT),
]
