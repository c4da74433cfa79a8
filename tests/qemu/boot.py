"""The boot matrix: sizes, harts, paging modes, ways to boot, addresses."""
import os
import re
import tempfile

from harness import BUILD, ROOT, Failure, Test, start, kill, shown
from loader import Placed, tree, with_text_offset
from machine import DEBUG, PATIENCE, RELEASE, Machine, autorun, finish

LOOK = "memmap; meminfo; buddyinfo; pagetable check"

MiB = 1 << 20
GiB = 1 << 30


def account(output):
    """The kernel's own account of RAM must add up to the byte:

        memory: TOTAL = firmware N + kernel N + ... + free N

    Returns the total."""
    m = re.search(r"^memory: (\d+) = (.*)$", output, re.M)
    if not m:
        raise Failure("no line 'memory: TOTAL = ...'")
    parts = re.findall(r"([a-z][a-z -]*) (\d+)", m[2])
    if sum(int(n) for _, n in parts) != int(m[1]):
        raise Failure(f"the account does not add up: {m[0]}")
    if not {"firmware", "kernel", "free"} <= {name for name, _ in parts}:
        raise Failure(f"the account lacks a part: {m[0]}")
    return int(m[1])


def same_hart(output):
    """The kernel must know which hart firmware chose, by chance, to boot."""
    firmware = re.search(r"^Boot HART ID +: (\d+)$", output, re.M)
    kernel = re.search(r"boot hart (\d+) of", output)
    if not firmware or not kernel or firmware[1] != kernel[1]:
        raise Failure(f"firmware says '{firmware and firmware[0]}', the kernel "
                      f"'{kernel and kernel[0]}'")


def boot(test, *options, append="", commands=LOOK, total=None, kernel=RELEASE):
    out = autorun(test, commands, *options, append=append, kernel=kernel)
    ram = account(out)
    same_hart(out)
    if total and ram != total:
        raise Failure(f"RAM of {ram} bytes, should be {total}")
    return out


def of(*options, **how):
    """A test function that boots with these options."""
    return lambda test: boot(test, *options, **how) and None


def tests_in_kernel(test, *options, kernel=RELEASE, ops=None):
    """`test all`: the unit tests, in the kernel; with so many steps, or as many as
    it takes by itself."""
    how = f" --ops {ops}" if ops else ""
    out = boot(test, *options, commands=f"test all{how}; " + LOOK, kernel=kernel)
    m = re.search(r"^(\d+) passed, (\d+) failed$", out, re.M)
    if not m or m[2] != "0" or m[1] == "0":
        raise Failure(f"test all: {m[0] if m else 'no count'}")
    return f"{m[1]} tests"


def paging(mode):
    def fn(test):
        out = boot(test, "--mmu", mode, "--mem", "1G", total=GiB)
        if not re.search(rf"^mmu: {mode}\b", out, re.I | re.M):
            raise Failure(f"nothing says that {mode} is in use")
    return fn


NODE = ("-object memory-backend-ram,id=m{0},size=512M "
        "-numa node,nodeid={0},cpus={0},memdev=m{0}")


def two_nodes(test):
    boot(test, "--mem", "1G", "--harts", "2", "--qemu", NODE.format(0),
         "--qemu", NODE.format(1), total=GiB)


def placed(image, mem, dtb):
    """The image at an address of its own."""
    def fn(test):
        options = ("--mem", mem)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tree.dtb")
            tree(test, path, options, f'autorun="{LOOK}"')
            with open(path, "rb") as f:
                blob = f.read()
        with Placed(test, options, image, dtb, blob) as m:
            if finish(m):
                raise Failure("a command failed")
            account(m.output)
            if f"image at {image:#x}," not in m.output:
                raise Failure(f"nothing says that the image is at {image:#x}")
    return fn


def other_hart(test):
    """Each of four harts can be the one that boots."""
    options = ("--mem", "128M", "--harts", "4")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tree.dtb")
        tree(test, path, options, f'autorun="harts; {LOOK}"')
        with open(path, "rb") as f:
            blob = f.read()
    for hart in range(4):
        with Placed(test, options, 0x80400000, 0x87000000, blob,
                    hart=hart) as m:
            if finish(m):
                raise Failure("a command failed")
            if not re.search(rf"^hart {hart}: started, here\b", m.output, re.M):
                raise Failure(f"hart {hart} booted and does not know it")


def uboot_typed(test):
    """The commands of scripts/flash/README.md, at U-Boot's prompt."""
    from machine import Machine
    with Machine(test, "--boot", "uboot") as m:
        m.expect(r"stop autoboot")
        m.send(" ")
        m.expect(r"^=> $")
        for line in ("setenv bootargs 'autorun=\"meminfo; harts\"'",
                     "load virtio 0:1 ${kernel_addr_r} Image"):
            m.send(line + "\r")
            m.expect(r"^=> $")
        m.send("booti ${kernel_addr_r} - ${fdtcontroladdr}\r")
        if finish(m):
            raise Failure("a command failed")
        account(m.output)
        same_hart(m.output)


def misplaced(test):
    """An image that is not at a multiple of 2 MiB: it says so."""
    options = ("--mem", "128M")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tree.dtb")
        tree(test, path, options, "")
        with open(path, "rb") as f:
            blob = f.read()
    for image in (0x80401000, 0x80500000):
        with Placed(test, options, image, 0x87000000, blob) as m:
            m.expect(r"^strata: the image is not at a multiple of 2 MiB; "
                     r"halted$")


def no_mmu(test):
    """A hart that can't run this kernel: it says why."""
    from machine import Machine
    with Machine(test, "--qemu", "-cpu rv64,mmu=off") as m:
        m.expect(r"^strata: this hart has no Sv39; halted$")


def text_offset(offset):
    """U-Boot moves the image to where its header asks to be."""
    def fn(test):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "Image")
            with_text_offset(path, offset)
            out = boot(test, "--boot", "uboot", kernel=path)
        if f"to 0x{0x80000000 + offset:x}" not in out:
            raise Failure("U-Boot did not move the image as expected")
    return fn


def plain(test):
    """Without any script of ours: qemu-system-riscv64 -M virt -kernel."""
    command = ("timeout", str(PATIENCE), "qemu-system-riscv64", "-M", "virt",
               "-nographic", "-kernel", f"{BUILD}/Image", "-append",
               f'autorun="{LOOK}"')
    account(test.run(*command))


def instructions(test):
    """From S-mode entry to the prompt: few, and as many whatever the RAM."""
    counts = {}
    for mem in ("128M", "1G", "8G"):
        out = autorun(test, "bootstat", "--icount", "--mem", mem,
                      append="quiet")
        m = re.search(r"(\d+) instructions", out)
        if not m:
            raise Failure("bootstat: no 'N instructions'")
        counts[mem] = int(m[1])
    text = ", ".join(f"{mem} {n:,}" for mem, n in counts.items())
    if max(counts.values()) > 1000000:
        raise Failure(f"more than a million instructions: {text}")
    if max(counts.values()) > 1.05 * min(counts.values()):
        raise Failure(f"more than 5 % apart: {text}")
    return text


def deterministic(test):
    """Two runs under --icount print the same."""
    runs = [autorun(test, "bootstat", "--icount", append="quiet")
            for _ in range(2)]
    if runs[0] != runs[1]:
        raise Failure("two runs differ")


def status(test):
    """A command that fails makes QEMU end with its status. Even the longest
    name leaves the status a line of its own; what is too long is not run."""
    from machine import Machine
    for command, wanted in (("no-such-command", 127), ("x" * 511, 127),
                            ("x" * 512, 255)):
        with Machine(test, "--append", f'autorun="{command}"') as m:
            if finish(m) != wanted:
                raise Failure(f"status of '{command[:20]}' is not {wanted}")


def initrd(test):
    """A directory becomes an archive that the kernel is told of."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "hello"), "w", encoding="ascii") as f:
            f.write("hello\n")
        for how in ("direct", "uboot"):
            out = boot(test, "--initrd", folder, "--boot", how)
            if not re.search(r"^memory: .* initrd [1-9]", out, re.M):
                raise Failure(f"{how}: the account of memory has no initrd")


def run_options(test):
    """Bad options of scripts/run: a message, status 2, nothing started."""
    bad = (["--harts", "0"], ["--harts", "x"], ["--mem", "12Q"], ["--mem"],
           ["--mmu", "sv32"], ["--boot", "grub"], ["--board", "nosuch"],
           ["--board", "../x"], ["--initrd", "/nonexistent"], ["--nonsense"],
           ["--icount", "--harts", "2"], ["--qemu", "'"],
           ["--mem", "99999999T"], ["--boot", "uboot", "--mem", "64M"],
           ["--board", "README.md"], ["--board", "visionfive2"], ["--disk"],
           ["--disk", "/nonexistent"], ["--disk", "/tmp"],
           ["--disk", "README.md", "--board", "sifive_u"],
           ["--init", "/x"], ["--init", " ", "--initrd", "scripts"],
           ["--init", "/x", "--initrd", "/dev/null"],
           ["--init", "/x\ny", "--initrd", "scripts"],
           ["--init", "/x", "--initrd", "scripts", "--append", "a init=/y"],
           # Has a kernel, --kernel gives one, too.
           ["--disk", "README.md", "--boot", "uboot"])
    for options in bad:
        command = [f"{ROOT}/scripts/run", "--kernel", "/dev/null", *options]
        test.note(shown(command))
        process = start(command, stdin=-3, stdout=-1, stderr=-2)
        try:
            out = process.communicate(timeout=30)[0].decode()
        finally:
            kill(process)
        test.note(out)
        if process.returncode != 2 or not out.startswith("run: "):
            raise Failure(f"{' '.join(options)}: status {process.returncode}")
    if "--initrd" not in test.run("scripts/run", "--help"):
        raise Failure("--help says too little")
    return f"{len(bad)} bad ones refused"


BUILT = ("kernel-build",)
def tests_off(test):
    """The memory of the tests is memory like any, and nothing leads there."""
    out = [autorun(test, f"{LOOK}; audit; displace all; memtest --test "
                   "address", append=append) for append in ("", "tests=off")]
    freed = re.search(r" tests (\d+) ", out[0])
    if not freed or " tests " in re.search(r"^memory: .*", out[1], re.M)[0]:
        raise Failure("the account is not as it should be")
    for output in out:
        account(output)
    free = [int(re.search(r"^memory: .* free (\d+)", o, re.M)[1]) for o in out]
    if free[1] - free[0] != int(freed[1]):
        raise Failure(f"{free[1] - free[0]} of {freed[1]} bytes are free")
    for command, status in (("test", 1), ("test list", 1), ("bench", 2),
                            ("stress", 127)):
        with Machine(test, "--append",
                     f'tests=off autorun="help; {command}"') as m:
            if finish(m) != status:
                raise Failure(f"{command}: another status than {status}")
    return f"{freed[1]} bytes"


TESTS = [
    Test("run-options", "quick", 120, "bad options of scripts/run",
         run_options, BUILT),
    Test("boot", "quick", 300, "qemu-virt as it comes",
         of(total=128 * MiB), BUILT),
    Test("boot-plain", "all", 300, "qemu-system-riscv64 -M virt, no script",
         plain, BUILT),
    Test("boot-status", "quick", 300, "QEMU ends with autorun's status",
         status, BUILT),
    Test("boot-tests-off", "all", 300, "the memory of the tests is given back",
         tests_off, BUILT),
    Test("boot-4-harts", "all", 300, "4 harts", of("--harts", "4"), BUILT),
    Test("boot-each-hart", "all", 300, "harts 0 to 3 boot", other_hart, BUILT),
    # Firmware has the first 2 MiB: this leaves 8.
    *[Test(f"boot-{size}", "all", 600, f"{size} of RAM",
           of("--mem", size, total=total), BUILT)
      for size, total in (("10M", 10 * MiB), ("64M", 64 * MiB), ("1G", GiB),
                          ("4G", 4 * GiB), ("16G", 16 * GiB),
                          ("512G", 512 * GiB))],
    *[Test(f"boot-{mode}", "all", 300, f"paging mode {mode}", paging(mode),
           BUILT) for mode in ("sv39", "sv48", "sv57")],
    Test("boot-uboot", "quick", 300, "by U-Boot", of("--boot", "uboot"), BUILT),
    Test("boot-uboot-typed", "all", 300, "by commands typed at U-Boot",
         uboot_typed, BUILT),
    Test("boot-uboot-4-harts", "all", 300, "by U-Boot, 4 harts, 4G, Sv39",
         of("--boot", "uboot", "--harts", "4", "--mem", "4G", "--mmu", "sv39"),
         BUILT),
    Test("boot-numa", "all", 300, "two memory nodes", two_nodes, BUILT),
    Test("boot-at-80400000", "all", 300, "image at 0x80400000",
         placed(0x80400000, "128M", 0x87000000), BUILT),
    Test("boot-at-8ae00000", "all", 300, "image at 0x8ae00000, tree below",
         placed(0x8ae00000, "256M", 0x80300000), BUILT),
    Test("boot-at-140000000", "all", 300, "image above 4 GiB",
         placed(0x140000000, "8G", 0x13fe00000), BUILT),
    Test("boot-offset-400000", "all", 300, "U-Boot, text offset 4 MiB",
         text_offset(0x400000), BUILT),
    Test("boot-offset-2000000", "all", 300, "U-Boot, text offset 32 MiB",
         text_offset(0x2000000), BUILT),
    Test("boot-misplaced", "all", 300, "image not at a multiple of 2 MiB",
         misplaced, BUILT),
    Test("boot-no-mmu", "all", 300, "a hart without paging", no_mmu, BUILT),
    Test("boot-initrd", "all", 300, "a directory as initrd", initrd, BUILT),
    Test("boot-instructions", "all", 300, "<= 1.0 M to the prompt, any RAM",
         instructions, BUILT),
    Test("boot-icount", "all", 300, "--icount is deterministic", deterministic,
         BUILT),
    Test("test-all", "all", 1200, "the unit tests in the kernel",
         tests_in_kernel, BUILT),
    Test("test-all-debug", "all", 1200, "and in the debug kernel",
         lambda t: tests_in_kernel(t, kernel=DEBUG, ops=20000),
         ("kernel-debug",)),
    Test("test-all-debug-long", "full", 1200, "the same, as many steps",
         lambda t: tests_in_kernel(t, kernel=DEBUG), ("kernel-debug",)),
    Test("test-all-10M", "full", 1200, "and with little RAM",
         lambda t: tests_in_kernel(t, "--mem", "10M"), BUILT),
    Test("test-all-harts", "full", 1200, "and with 4 harts, 16G, Sv57",
         lambda t: tests_in_kernel(t, "--harts", "4", "--mem", "16G", "--mmu",
                                   "sv57"), BUILT),
]
