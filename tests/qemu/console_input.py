"""Bytes that come in: large pastes, type-ahead, interrupts that are not there; and
the devices around the console: clock, power-off."""
import os
import random
import re
import tempfile
import time
import zlib
from datetime import datetime, timedelta

from console import CTRL_C, has, session
from firmware import DBCN_GOOD, DBCN_NONE, SRST, machine as with_firmware
from harness import Failure, Test
from loader import call, tree
from machine import PANIC, PROMPT, RELEASE, Machine, autorun

SEED = 20261122
KiB = 1 << 10
SERIAL = "/soc/serial@10000000"


def paste(m, size, seed, delay=0):
    """Random bytes of all values into rx; how many were lost, and the counters."""
    data = random.Random(seed).randbytes(size)
    m.send(f"rx {size} --delay {delay} --timeout 3000\r")
    m.expect(r"^rx: ready for ")
    m.send(data)
    line = m.expect(r"^rx: (\d+) bytes, CRC-32 (\w+), (\d+) ms, (\d+) overruns$",
                    unless=PANIC, patience=500)
    m.expect(PROMPT, unless=PANIC)
    lost = size - int(line[1])
    if not lost and int(line[2], 16) != zlib.crc32(data):
        raise Failure("all bytes came, and not the ones that were sent")
    return lost, m.command("console")


def slow_reader(*options, mode="by interrupts", size=256 * KiB):
    """A reader that takes far longer than the sender: nothing is lost, since what
    the ring does not take stays where it came from."""
    def fn(test):
        test.note(f"seed {SEED}")
        begin = time.monotonic()
        with session(test, *options) as m:
            lost, out = paste(m, size, SEED, delay=20)
            if lost:
                raise Failure(f"{lost} bytes lost")
            has(out, rf"^console: .*, input {mode}$")
            if mode == "by interrupts":
                has(out, r" [1-9]\d+ interrupts, held back ")
            # And the shell goes on as before.
            has(m.command("echo alive"), r"^alive$")
            held = re.search(r"held back \d+ times", out)[0]
        return f"{time.monotonic() - begin:.0f} s, {held}"
    return fn


def full(test):
    """Nobody reads for a while: the ring fills, the port is told to wait."""
    # No ^C: it would take back what was before it.
    data = random.Random(SEED).randbytes(64 * KiB).replace(b"\x03", b"3")
    for options in ((), PASTE["sifive-u"][1], PASTE["icicle"][1]):
        with session(test, *options) as m:
            m.send(f"sleep 4000; rx {len(data)}\r")
            m.expect("; rx .*\n")
            m.send(data)
            line = m.expect(r"^rx: (\d+) bytes, CRC-32 (\w+), ", unless=PANIC)
            m.expect(PROMPT, unless=PANIC)
            if int(line[1]) != len(data) or int(line[2], 16) != zlib.crc32(data):
                raise Failure("not what was sent")
            has(m.command("console"), r"held back [1-9]\d* times, ring [234]\d{3} of")


def type_ahead(test):
    """What is typed while a command runs that looks for ^C waits for the prompt,
    unless ^C takes it back; on all kinds of consoles."""
    for append in ("", "console=uart", "console=firmware"):
        with session(test, "--append", append) as m:
            m.send("sleep 400\r")
            m.expect("sleep 400")
            m.send("echo a\\head\r")
            m.expect(r"^ahead$", unless="interrupted|" + PANIC)
            m.expect(PROMPT)
            m.send("sleep 100000\r")
            m.expect("sleep 100000")
            m.send("echo lo\\st\r")
            time.sleep(0.2)
            m.send(CTRL_C)
            m.expect(r"^sleep: interrupted$")
            m.expect(PROMPT)
            has(m.command("echo alive"), r"^alive$")
            if re.search(r"^lost$", m.output, re.M):
                raise Failure("^C did not take back what was typed")


def edited(test, *edits):
    """A tree with these edits; a context that gives QEMU's option."""
    folder = tempfile.TemporaryDirectory()
    path = os.path.join(folder.name, "tree.dtb")
    tree(test, path, ("--mem", "128M"), "")
    for edit in edits:
        call(test, "fdtput", *edit[0], path, *edit[1:])
    return folder, f"-dtb {path}"


# What the port's node says of its interrupt; what the kernel makes of it. 0x1f
# belongs to PCI, 0x7000 to nobody.
WRONG = (
    ((("-t", "x"), SERIAL, "interrupts", "1f"), True),
    ((("-t", "x"), SERIAL, "interrupts", "7000"), False),
    ((("-d",), SERIAL, "interrupts"), False),
    ((("-t", "x"), SERIAL, "interrupt-parent", "77"), False),
)


def wrong_interrupt(test):
    """Typing works whatever the tree says; an interrupt that never comes is given
    up."""
    for edit, late in WRONG:
        folder, option = edited(test, edit)
        with folder, session(test, "--qemu", option) as m:
            if late:
                # Slow, but it works; and the word comes behind a prompt.
                for i in range(20):
                    m.send(f"echo try-{i}\r")
                    m.expect(rf"^try-{i}$")
                    if "its interrupt does not come; polled from now" in m.output:
                        break
                    time.sleep(0.1)
                m.send("\r")
                m.expect(PROMPT)
            has(m.command("echo works"), r"^works$")
            out = m.command("console")
            has(out, r"input polled" + (": its interrupt does not come" if late
                                        else "$"))
            lost, _ = paste(m, 16 * KiB, SEED)
            if lost:
                raise Failure(f"polled: {lost} bytes lost")


# What the port's node says of its registers: not there, elsewhere, in RAM, where
# another device is, where nothing is.
CELLS = ("-t", "x")
NO_PORT = (
    ((CELLS, SERIAL, "reg-shift", "2"), (CELLS, SERIAL, "reg-io-width", "4")),
    ((CELLS, SERIAL, "reg-offset", "8"),),
    ((CELLS, SERIAL, "reg-io-width", "3"),),
    ((CELLS, SERIAL, "reg", "0", "80000000", "0", "100"),),
    ((CELLS, SERIAL, "reg", "0", "101000", "0", "100"),),
    ((CELLS, SERIAL, "reg", "0", "1f000000", "0", "100"),),
    ((CELLS, SERIAL, "reg", "ffffffff", "fffff000", "0", "100"),),
    ((CELLS, SERIAL, "reg", "0", "10000000", "0", "0"),),
    ((("-t", "s"), SERIAL, "compatible", "sifive,uart0"),),
)


def no_port(test):
    """A port that is not where the tree says, or none: firmware's console stays."""
    for edits in NO_PORT:
        folder, option = edited(test, *edits)
        with folder:
            for append in ("", "console=uart"):
                dtb = option.split()[1]
                call(test, "fdtput", "-t", "s", dtb, "/chosen", "bootargs",
                     append)
                # Not OpenSBI: it reads the same tree.
                with with_firmware(test, SRST, DBCN_GOOD, append=append,
                                   qemu=option) as m:
                    m.expect(PROMPT, unless=PANIC)
                    has(m.output, r"^serial@10000000: uart: does not work: ")
                    if append:
                        has(m.output, "staying with the firmware's")
                    has(m.command("echo works"), r"^works$")
                    has(m.command("console"), "^console: sbi-dbcn, ")


def idle(test):
    """At the prompt the hart sleeps, but for a look now and then."""
    def timers(m):
        return int(re.search(r"from timer (\d+)", m.command("harts -v"))[1])
    with session(test) as m:
        begin, first = time.monotonic(), timers(m)
        time.sleep(3)
        count = timers(m) - first
        # On a busy computer, more than that.
        seconds = time.monotonic() - begin
    if count > 20 * seconds:
        raise Failure(f"{count} wake-ups in {seconds:.1f} s")
    return f"{count} wake-ups in {seconds:.1f} s"


def hand_over(test):
    """The console moves during boot: what it shows is what the kernel said, once,
    whichever console was before."""
    for options in ((), ("--append", "console=uart"), ("--harts", "4"),
                    ("--board", "sifive_u"), ("--board", "icicle")):
        with session(test, *options) as m:
            boot = m.output[m.output.index("\nStrata, "):]
            shown = boot[:boot.rindex("strata>")].strip().splitlines()
            said = m.command("dmesg").splitlines()[1:-1]
            if shown != said:
                raise Failure("the console does not show the kernel's log")
            has(m.output, r"^console: .* at 0x[12]00[01]0000, by interrupts$")


def unbound(test):
    """The console's port loses its driver, and gets it back: there is always a
    console, with input, also where firmware has none."""
    def firmware_has_none():
        m = with_firmware(test, 0, DBCN_NONE)
        m.expect(PROMPT, unless=PANIC)
        return m
    for start, polled in ((firmware_has_none, "ns16550a at 0x10000000"),
                          (lambda: session(test), "sbi-"),
                          (lambda: session(test, "--append", "console=uart"),
                           "sbi-")):
        with start() as m:
            for _ in range(3):
                m.command("devices unbind serial@10000000")
                has(m.command("console"), f"^console: {polled}.*, input polled$")
                # Nobody has a line of it.
                has(m.command("devices unbind plic@c000000"), "unbind")
                m.command("devices bind serial@10000000")
                has(m.command("console"),
                    "^console: ns16550a at 0x10000000, input by interrupts$")
            has(m.command("mmio"), "serial@10000000")
            if re.search(r" console$", m.command("mmio"), re.M):
                raise Failure("what the console had before is still claimed")


TESTDEV = "/soc/test@100000"


def syscon(test):
    """No reset of firmware's, no test device: by the register of a syscon."""
    plain = (("-t", "s"), TESTDEV, "compatible", "syscon")
    for command in ("poweroff", "reboot"):
        folder, option = edited(test, plain)
        with folder, with_firmware(test, 0, DBCN_GOOD,
                                   qemu=option + " -no-reboot") as m:
            m.expect(PROMPT, unless=PANIC)
            m.send(command + "\r")
            if m.wait() != 0:
                raise Failure(f"{command}: QEMU's status is not 0")
    for node in ("poweroff", "reboot"):
        for edit, what in (
                ((("-t", "x"), f"/{node}", "offset", "fffffffc"), "offset"),
                ((("-t", "x"), f"/{node}", "offset", "1000"), "offset"),
                ((("-t", "x"), f"/{node}", "offset", "2"), "offset"),
                ((("-t", "x"), f"/{node}", "regmap", "99"), "regmap"),
                ((("-d",), f"/{node}", "value"), "no value")):
            folder, option = edited(test, plain, edit)
            with folder, with_firmware(test, 0, DBCN_GOOD, qemu=option) as m:
                m.expect(PROMPT, unless=PANIC)
                has(m.output, rf"^{node}: syscon: does not work: {what}")
                m.send(node + "\r")
                m.expect(r"^machine: no way to .*; halted$")


def date_of(out):
    m = re.search(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC$", out, re.M)
    if not m:
        raise Failure("no date")
    return datetime.strptime(m[1], "%Y-%m-%d %H:%M:%S")


def date(test):
    """The host's time, or what QEMU is told that it is."""
    near = date_of(autorun(test, "date"))
    if abs(near - datetime.utcnow()) > timedelta(minutes=2):
        raise Failure(f"it is not {near}")
    for base in ("2001-02-03T04:05:06", "2000-02-29T23:59:59",
                 "2037-12-31T00:00:00"):
        got = date_of(autorun(test, "date", "--qemu", f"-rtc base={base}"))
        off = got - datetime.strptime(base, "%Y-%m-%dT%H:%M:%S")
        if not timedelta(0) <= off < timedelta(minutes=2):
            raise Failure(f"{base} became {got}")
    with Machine(test, "--board", "icicle", "--append",
                 'autorun="date"') as m:
        m.expect(r"^date: there is no clock that knows$", unless=PANIC)


BUILT = ("kernel-build",)
PASTE = {
    "virt-4": ("virt, 4 harts", ("--harts", "4")),
    "sifive-u": ("sifive_u", ("--board", "sifive_u")),
    "icicle": ("icicle", ("--board", "icicle")),
    "aplic": ("virt with APLIC", ("--qemu", "-M virt,aia=aplic")),
}
TESTS = [
    Test("input-paste-virt", "all", 600, "256 KiB pasted into a slow reader",
         slow_reader(), BUILT),
    *[Test(f"input-paste-{name}{suffix}", level, 600,
           f"{size} KiB pasted into a slow reader: {what}",
           slow_reader(*options, size=size * KiB), BUILT)
      for name, (what, options) in PASTE.items()
      for suffix, level, size in (("", "all", 64), ("-long", "full", 256))],
    Test("input-paste-firmware", "all", 300,
         "32 KiB pasted into firmware's console, polled",
         slow_reader("--append", "console=firmware", mode="polled",
                     size=32 * KiB), BUILT),
    Test("input-full", "all", 600, "64 KiB while nobody reads", full, BUILT),
    Test("input-type-ahead", "all", 300, "type-ahead stays, ^C takes it back",
         type_ahead, BUILT),
    Test("input-wrong-interrupt", "all", 300,
         "a port whose interrupt is wrong or missing", wrong_interrupt, BUILT),
    Test("console-no-port", "all", 300,
         "a port that is not what the tree says", no_port, BUILT),
    Test("input-idle", "all", 300, "the prompt lets the hart sleep", idle,
         BUILT),
    Test("console-hand-over", "all", 300,
         "nothing lost or twice when the console moves", hand_over, BUILT),
    Test("console-unbound", "all", 300, "the console's port without its driver",
         unbound, BUILT),
    Test("console-syscon", "all", 300, "power-off and reboot by syscon", syscon,
         BUILT),
    Test("date", "all", 300, "the time-of-day clock", date, BUILT),
]
