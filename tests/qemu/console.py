"""The console as someone who types sees it."""
import random
import re
import time

from harness import Failure, Test
from machine import PANIC, PROMPT, RELEASE, Machine, autorun

UP, DOWN, LEFT = "\x1b[A", "\x1b[B", "\x1b[D"
CTRL_C, CTRL_U = "\x03", "\x15"
SEED = 20261122


def has(output, pattern):
    if not re.search(pattern, output, re.M):
        raise Failure(f"no {pattern!r} in the answer")


def session(test, *options):
    m = Machine(test, *options)
    try:
        m.expect(PROMPT, unless=PANIC)
    except Failure:
        m.__exit__()
        raise
    return m


def typing(test):
    with session(test) as m:
        out = m.command("help")
        for name in ("help", "echo", "meminfo", "memtest", "poweroff"):
            has(out, rf"^\s*{name}\b")
        has(m.command("nonsense 1 2"), r"nonsense: no such command")
        has(m.command("echo first"), r"^first$")
        has(m.command('echo "two  words"; echo third'),
            r"^two  words\nthird$")
        # History: back two, change the line, run it.
        has(m.command(UP + UP + "ly"), r"^firstly$")
        has(m.command(UP + DOWN + "echo new"), r"^new$")
        # Edit in the middle.
        has(m.command("echo ac" + LEFT + "b"), r"^abc$")
        # Completion.
        has(m.command("memi\t"), r"^memory: |MiB|KiB|total")
        # A line given up leaves nothing behind.
        m.send("echo wrong" + CTRL_C)
        m.expect(PROMPT)
        has(m.command("echo right"), r"^right$")
        if re.search(r"^wrong$", m.output, re.M):
            raise Failure("a line given up was run")
        # An empty one does nothing.
        m.command("")


def interrupt(test):
    """^C ends a command that runs long."""
    with session(test, "--mem", "1G") as m:
        m.send("memtest\r")
        m.expect(r"memtest")        # its echo
        m.expect(r"\n.*\n")         # it says something
        m.send(CTRL_C)
        m.expect(PROMPT, unless=PANIC)
        has(m.command("echo alive"), r"^alive$")
        # The tests, between two of them.
        m.send("test all\r")
        m.expect(r"^ok 1 ")
        m.send(CTRL_C)
        m.expect(r"^test: interrupted$", unless=PANIC + r"|^ok 100 ")
        m.expect(PROMPT)
        # A long one tells how far it is, and stops in the middle.
        m.send("test mmio.random --ops 1000000000\r")
        m.expect(r"^# mmio\.random\w+: 0 %$", unless=PANIC)
        m.send(CTRL_C)
        m.expect(r"^# mmio\.random\w+: stopped\n0 passed, 0 failed\n"
                 r"test: interrupted$", unless=PANIC + r"|^(not )?ok ")
        m.expect(PROMPT)
    # Harts that work together stop together, and leave nothing mapped.
    with session(test, "--harts", "2") as m:
        m.send("test litmus stress --ops 40000000000; echo not reached\r")
        m.expect(r"^TAP ")
        time.sleep(1)   # in its first test, on any machine but a very slow one
        m.send(CTRL_C)
        m.expect(r"^(litmus: interrupted\n# litmus\.\w+: stopped\n)?"
                 r"0 passed, 0 failed$",
                 unless=PANIC + r"|^(not )?ok |^not reached")
        m.expect(PROMPT, unless=r"^not reached")
        # What there is: kinds, suites, names.
        kinds = m.command("test list")
        for kind in ("unit", "stress", "litmus", "silicon"):
            has(kinds, rf"^{kind}:$")
        has(m.command("test list litmus"), r"^litmus\.user_table$")
        has(m.command("test list bogus"), r"no test is called like")
        m.send("litmus --rounds 1000000\r")
        m.expect(r"litmus --rounds 1000000\n")    # it is taken
        m.send(CTRL_C)
        m.expect(r"^litmus: interrupted$",
                 unless=PANIC + r"|^litmus: write")     # the next scene
        m.expect(PROMPT)
        has(m.command("pagetable check"), r"^pagetable: 0 faults$")


def rubbish(test):
    """Any bytes: the shell goes on."""
    rng = random.Random(SEED)
    test.note(f"seed {SEED}")
    with session(test) as m:
        total = 0
        for round_ in range(40):
            # Some bytes of everything, some that look like terminal keys, and
            # lines longer than any line can be. Enter is left out: what it
            # would run may be a command that ends the machine.
            data = bytes(rng.choice(b"\x1b[0123456789;~ABCDOHF") if
                         round_ % 3 == 1 else
                         rng.choice(b"xyz \"';\\") if round_ % 3 == 2 else
                         rng.randrange(256) for _ in range(200))
            data = data.replace(b"\r", b"?").replace(b"\n", b"?")
            total += len(data)
            m.send(data)
            # An unfinished escape sequence may swallow what comes next.
            m.send(b"zz" + CTRL_C.encode() + CTRL_C.encode())
            m.send(f"echo alive-{round_}\r")
            m.expect(rf"^alive-{round_}$", unless=PANIC)
            m.expect(PROMPT, unless=PANIC)
    return f"{total} bytes"


def panic(test):
    """`panic` tells what there is to tell, and the machine stops."""
    with session(test) as m:
        m.send("panic\r")
        m.expect(PANIC)
        m.expect(r"^  [0-9a-f]{16}  cmd_panic\+0x")
        m.expect(r"^  [0-9a-f]{16}  shell_\w+\+0x")
        m.expect(r"^hart 0: started")
        m.expect(r"^panic: halted")


# What each fault must be reported as, and who must stand in the backtrace.
FAULTS = (
    ("free", r"double free, frames$",
     "cmd_panic"),
    ("load 0x10", r"load page fault .*address 0x10$", "cmd_panic"),
    ("store 0xffffffff80000000", r"store page fault", "cmd_panic"),  # text
    ("jump 0", r"instruction page fault at pc 0", "shell_execute"),
    ("stack", r"kernel stack overflow", "overflow_stack"),
)


def panic_autorun(test):
    """Faults tell their registers and, unattended, end QEMU with 255."""
    for fault, what, who in FAULTS:
        with Machine(test, "--append", f'autorun="panic {fault}"') as m:
            m.expect(PANIC + ".*" + what)
            if fault != "free":     # a trap: it has registers to tell
                m.expect(r"^  ra [0-9a-f]{16} +sp [0-9a-f]{16} ")
                m.expect(r"^  pc .* scause .* stval ")
            m.expect(rf"^  [0-9a-f]{{16}}  {who}\+0x")
            m.expect(r"^autorun: status 255\n")
            if m.wait() != 255:
                raise Failure(f"panic {fault}: QEMU did not end with 255")
    return f"{len(FAULTS)} faults"


def poweroff(test):
    with session(test) as m:
        m.send("poweroff\r")
        if m.wait() != 0:
            raise Failure("poweroff: QEMU did not end with 0")


def reboot(test):
    with session(test) as m:
        m.send("reboot\r")
        m.expect(PROMPT, unless=PANIC)
        m.send("poweroff\r")
        m.wait()
    with session(test, "--qemu", "-no-reboot") as m:
        m.send("reboot\r")
        m.wait()


BUILT = ("kernel-build",)
TESTS = [
    Test("console", "quick", 300, "type at the prompt", typing, BUILT),
    Test("console-interrupt", "all", 300, "^C", interrupt, BUILT),
    Test("console-rubbish", "all", 600, "8000 random bytes", rubbish, BUILT),
    Test("console-panic", "all", 300, "panic names functions", panic, BUILT),
    Test("console-panic-autorun", "all", 300, "panic in an unattended run",
         panic_autorun, BUILT),
    Test("console-poweroff", "all", 300, "poweroff", poweroff, BUILT),
    Test("console-reboot", "all", 300, "reboot", reboot, BUILT),
]
