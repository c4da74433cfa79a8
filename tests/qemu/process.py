"""Processes: what programs see of them, crowds, the console, lack of memory."""
import re
import time

from harness import BUILD, Failure, Test
from machine import DEBUG, PANIC, PROMPT, RELEASE, Machine, autorun

USER = f"{BUILD}/user"


def build(test):
    """The static programs of tests/user; their folder."""
    test.run("tests/user/build", USER)
    return USER


def passed(output, times):
    """So many runs of programs, all of whose checks hold."""
    bad = re.findall(r"^not ok .*", output, re.M)
    if bad:
        raise Failure(bad[0])
    if output.count("\n# 0 failed\n") < times:
        raise Failure("a program did not come to its end")


def held(output):
    """Bytes that somebody had, each time that meminfo was asked."""
    lines = re.findall(r"^memory: \d+ = (.*)$", output, re.M)
    sums = []
    for line in lines:
        n = dict(re.findall(r"(\w+(?: \w+)?) (\d+)", line))
        # The page map and tables of the kernel stay where they have grown.
        sums.append(sum(int(n[k]) for k in
                        ("slab", "vmalloc", "hart stacks", "used")))
    return sums


def checks(*options, kernel=RELEASE):
    """/process without arguments; then as the first process."""
    def fn(test):
        out = autorun(test, "run /process", "--initrd", build(test), *options,
                      kernel=kernel)
        passed(out, 1)
        with Machine(test, "--initrd", USER, "--init", "/process", *options,
                     kernel=kernel) as m:
            if m.wait():
                raise Failure("as init: the status is not 0")
            passed(m.output, 1)
        return f"{len(re.findall(r'^ok ', out, re.M))} checks"
    return fn


def crowd(*options, kernel=RELEASE, n=1000):
    """Many processes at once, each a child of the one before, some killed
    anywhere: all frames come back."""
    def fn(test):
        warm = f"run /process many {n}; run /process chain {n}; " \
               "run /process storm 20; wait; sleep 200; shrink; meminfo; "
        out = autorun(test, warm + warm + "ps; audit", "--initrd", build(test),
                      *options, append="quiet", kernel=kernel)
        passed(out, 6)
        if "\n0 processes\n" not in out:
            raise Failure("a process is left")
        first, second = held(out)
        if abs(first - second) > 16384:
            raise Failure(f"{first} bytes are held, then {second}")
        return f"{second - first} bytes more are held"
    return fn


def raid(*options, kernel=RELEASE, n=100):
    """A signal to many who fork and end meanwhile: nobody lives on."""
    def fn(test):
        out = autorun(test, f"run /process raid {n}; wait; audit", "--initrd",
                      build(test), *options, kernel=kernel)
        passed(out, 1)
    return fn


def failing(test):
    """Each allocation of a family of programs fails once: what can't be done is
    an error or the end of a process, and nothing is left behind."""
    line = "run /process chain 3"
    with Machine(test, "--initrd", build(test), "--harts", "2") as m:
        m.expect(PROMPT, unless=PANIC)
        m.command(f"{line}; {line}; shrink; meminfo")
        out = m.command(f"failalloc 0 {line}")
        most = int(re.search(r"failalloc: (\d+) allocations", out)[1])
        bad = sum(", status 0" not in m.command(f"failalloc {n} {line}")
                  for n in range(1, most + 1))
        out = m.command(f"{line}; wait; sleep 200; shrink; meminfo; ps; audit")
        if "\n0 processes\n" not in out or "0 findings" not in out:
            raise Failure("something is left")
        first, second = held(m.output)[-2:]
        if abs(second - first) > 16384:
            raise Failure(f"{first} bytes are held, then {second}")
        if bad < most // 2:
            raise Failure(f"only {bad} of {most} had an effect")
        return f"{most} allocations, {bad} of them missed"


def numbers(test):
    """Nobody gets the number of a group that somebody is in."""
    # Those below 300 have no second turn: the leader's is above.
    out = autorun(test, "run /process numbers 400 0; run /process orphan; "
                        "run /process numbers 33000 403; ps", "--initrd",
                  build(test), append="quiet")
    if "\nleader 403\n" not in out:
        raise Failure("the leader has another number")
    found = re.findall(r"^numbers: (\d+)$", out, re.M)
    if found != ["0", "0"]:
        raise Failure(f"the number was given {found[-1:]} times")
    if "\n1 processes\n" not in out:
        raise Failure("the leader is still to be seen")
    return "33,000 others have other numbers"


def ignoring(test):
    """What is set for signals is set, whichever allocation fails."""
    line = "run /process ignore"
    with Machine(test, "--initrd", build(test)) as m:
        m.expect(PROMPT, unless=PANIC)
        m.command(line)
        out = m.command(f"failalloc 0 {line}")
        most = int(re.search(r"failalloc: (\d+) allocations", out)[1])
        for n in range(1, most + 1):
            if ", status 1\n" in m.command(f"failalloc {n} {line}"):
                raise Failure(f"allocation {n} fails, and it is not set")
        return f"{most} allocations"


def behind(m):
    """Start a program that sleeps; its number."""
    m.send("run /process sleep &\r")
    pid = m.expect(r"^run: process (\d+)\n", unless=PANIC)[1]
    # What it prints comes before the prompt, or behind it.
    m.expect("sleep$", unless=PANIC)
    settle(m)
    return pid


def settle(m, line=""):
    """Run a line while programs print, so that more may stand behind a prompt;
    wait for the next one."""
    m.send(line + "; echo settled\r")
    m.expect("^settled\n", unless=PANIC)
    m.expect("^strata> ", unless=PANIC)


def memory(*options, kernel=RELEASE):
    """Memory runs out: the largest is killed, the machine goes on."""
    def fn(test):
        with Machine(test, "--initrd", build(test), *options, "--mem", "64M",
                     kernel=kernel) as m:
            m.expect(PROMPT, unless=PANIC)
            out = m.command("run /process eat")
            if not re.search(r"^memory is out: process \d+ \(process\) is "
                             r"killed, with \d{5} KiB$", out, re.M):
                raise Failure("nothing was said of the victim")
            if "/process: killed by SIGKILL" not in out:
                raise Failure("it was not killed")
            out = m.command("run /process eaters 5")
            passed(out, 1)
            if len(re.findall("^memory is out: ", out, re.M)) != 5:
                raise Failure("not each of five is told")
            # What is small lives.
            pid = behind(m)
            m.command("run /process eat")
            if not re.search(rf"^ *{pid} +0 alive", m.command("ps"), re.M):
                raise Failure("the small one is gone")
            m.command(f"kill {pid}")
            passed(m.command("run /process"), 1)
            if "0 findings" not in m.command("audit"):
                raise Failure("the audit has findings")
    return fn


def interrupts(test):
    """^C ends what runs, whatever it does; the second one what is deaf."""
    with Machine(test, "--initrd", build(test), "--harts", "2") as m:
        m.expect(PROMPT, unless=PANIC)
        for how in ("spin", "sleep", "read"):
            m.send(f"run /process {how}\r")
            m.expect(f"^{how}$", unless=PANIC)
            m.send("\x03")
            m.expect("^/process: killed by SIGINT$", unless=PANIC)
            m.expect(PROMPT, unless=PANIC)
        m.send("run /process deaf\r")
        m.expect("^deaf$", unless=PANIC)
        m.send("\x03")
        m.expect(r"\^C", unless=PANIC)
        m.send("\x03")
        m.expect("^/process: killed by SIGKILL$", unless=PANIC)
        m.expect(PROMPT, unless=PANIC)
        # A group: children die with their parent.
        m.send("run /process storm 1000000\r")
        m.expect("^storm: 10$", unless=PANIC)
        m.send("\x03")
        m.expect("^/process: killed by SIGINT$", unless=PANIC)
        m.expect(PROMPT, unless=PANIC)
        m.command("wait")


def bombs(program, *options, kernel=RELEASE):
    """A program that forks for ever ends with its group, early or when there is
    no room for more: by ^C, or killed from the console."""
    def fn(test):
        with Machine(test, "--initrd", build(test), "--mem", "32M", *options,
                     kernel=kernel) as m:
            m.expect(PROMPT, unless=PANIC)
            for when in ("bomb", "full"):
                m.send(f"run /process {program}\r")
                m.expect(f"^{when}\n", unless=PANIC)
                m.send("\x03")
                # Or by the lack of memory, before; the others end with it.
                m.expect("^/process: killed by SIG(INT|KILL)$", unless=PANIC)
                settle(m, "wait")
                for kill in ("-{}", "-{} 15", "all"):
                    m.send(f"run /process {program} &\r")
                    pid = m.expect(r"^run: process (\d+)\n", unless=PANIC)[1]
                    m.expect(f"(^|> ){when}\n", unless=PANIC)
                    settle(m, f"kill {kill.format(pid)}; wait")
            if "0 findings" not in m.command("audit"):
                raise Failure("the audit has findings")
    return fn


def lines(test):
    """Lines for a program, typed ahead or not; what it leaves is the shell's."""
    with Machine(test, "--initrd", build(test)) as m:
        m.expect(PROMPT, unless=PANIC)
        m.send("run /process read\rahead\r")
        m.expect(r"^read 6: ahead$", unless=PANIC)
        m.send("abx\x7fc\r")
        m.expect(r"^read 4: abc$", unless=PANIC)
        m.send("half\x04")
        m.expect(r"read 4: half", unless=PANIC)
        m.send("\x04echo for the shell\r")
        m.expect(r"end: 0$", unless=PANIC)
        m.expect(r"^for the shell$", unless=PANIC)
        m.expect(PROMPT, unless=PANIC)
        # A line that ends with a piece is all there is, as one that goes on.
        m.send("run /process pieces\rabc\r")
        m.expect(r"^read 4: abc$", unless=PANIC)
        m.send("abcdef\r")
        m.expect(r"^read 7: abcdef$", unless=PANIC)
        m.send("\x04")
        m.expect(r"end: 0\n", unless=PANIC)
        m.expect(PROMPT, unless=PANIC)
        # Who only looks now and then gets its lines, too.
        m.send("run /process poll\r")
        m.expect("^poll\n", unless=PANIC)
        m.send("abc\r")
        m.expect(r"^read 4: abc$", unless=PANIC)
        m.send("\x04")
        m.expect(r"end: 0\n", unless=PANIC)
        m.expect(PROMPT, unless=PANIC)
        # ^C takes back what was typed of a line, whatever becomes of its signal.
        m.send("run /process read deaf\r")
        m.expect("^read\n", unless=PANIC)
        m.send("half")
        m.expect("^half", unless=PANIC)
        m.send("\x03")
        m.expect(r"\^C\n", unless=PANIC)
        m.send("whole\r")
        m.expect(r"^read 6: whole\n", unless=PANIC)
        m.send("\x04")
        m.expect(r"end: 0\n", unless=PANIC)
        m.expect(PROMPT, unless=PANIC)
        # One in the background gets none.
        m.send("run /process read &\r")
        m.expect(r"end: -5$", unless=PANIC)


def looks(test):
    """ps and vm, of a program that sleeps."""
    with Machine(test, "--initrd", build(test), "--harts", "2") as m:
        m.expect(PROMPT, unless=PANIC)
        pid = behind(m)
        out = m.command(f"ps; vm {pid}; vm 9999; vm 0; kill 9999")
        for wanted in (rf"^ *{pid} +0 alive .* process$", "^1 processes$",
                       r"^  000000010000-\w+ r-x .* object\+0$",
                       r" \[stack\]$", r"^check: sound$",
                       "^vm: no such process$", "^kill: no such process$"):
            if not re.search(wanted, out, re.M):
                raise Failure(f"no {wanted!r}")
        out = m.command(f"kill {pid}; wait; ps")
        if "0 processes" not in out:
            raise Failure("it was not killed")


BUILT = ("kernel-build",)
DEBUGGED = ("kernel-debug",)
FOUR = ("--harts", "4")
TESTS = [
    Test("process-checks", "quick", 300, "calls of processes and files",
         checks(*FOUR), BUILT),
    Test("process-checks-1", "all", 300, "the same on one hart", checks(),
         BUILT),
    Test("process-checks-debug", "all", 300, "the same, ranks checked",
         checks(*FOUR, kernel=DEBUG), DEBUGGED),
    Test("process-crowd", "all", 600, "1000 processes, killed anywhere",
         crowd(*FOUR), BUILT),
    Test("process-crowd-1", "all", 600, "the same on one hart", crowd(), BUILT),
    Test("process-crowd-debug", "full", 600, "100 with checks",
         crowd(*FOUR, kernel=DEBUG, n=100), DEBUGGED),
    Test("process-raid", "all", 300, "a signal to many who fork", raid(*FOUR, n=4),
         BUILT),
    Test("process-raid-1", "all", 300, "the same on one hart", raid(), BUILT),
    Test("process-raid-debug", "full", 300, "the same with checks",
         raid(*FOUR, kernel=DEBUG, n=4), DEBUGGED),
    Test("process-failing", "all", 300, "each allocation fails once", failing,
         BUILT),
    Test("process-numbers", "all", 300, "numbers of groups stay theirs",
         numbers, BUILT),
    Test("process-ignoring", "all", 300, "what is set for signals is set",
         ignoring, BUILT),
    Test("process-memory", "all", 600, "memory runs out", memory(*FOUR), BUILT),
    Test("process-memory-1", "all", 600, "the same on one hart", memory(),
         BUILT),
    Test("process-interrupt", "all", 300, "^C ends programs", interrupts,
         BUILT),
    Test("process-bomb", "all", 300, "^C and kill end who forks for ever",
         bombs("bomb 30", *FOUR), BUILT),
    Test("process-bomb-1", "all", 300, "the same on one hart, all memory",
         bombs("bomb"), BUILT),
    Test("process-lines", "all", 300, "the console's input", lines, BUILT),
    Test("process-looks", "all", 300, "ps, vm and kill", looks, BUILT),
]
