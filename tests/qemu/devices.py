"""Devices and interrupts as the console shows them, on all machines, and on trees
whose interrupt controller makes no sense."""
import os
import re
import tempfile

from harness import ROOT, Failure, Test
from loader import Placed, call, tree
from machine import PROMPT, Machine

# Options, lines of `devices` that must be there, and a device that can be unbound
# and bound.
MACHINES = {
    "virt": ((), [
        r"plic@c000000  sifive,plic-1.0.0: plic, 0xc000000\+0x600000",
        r"rtc@101000  google,goldfish-rtc: goldfish_rtc, 0x101000\+0x1000",
        r"clint@2000000  sifive,clint0: no driver",
    ], "rtc@101000"),
    "virt-aplic": (("--harts", "4", "--qemu", "-M aia=aplic"), [
        r"aplic@d000000  riscv,aplic: aplic, 0xd000000\+0x8000",
    ], "rtc@101000"),
    "virt-imsic": (("--qemu", "-M aia=aplic-imsic"), [
        r"aplic@d000000  riscv,aplic: aplic: failed, error 95: interrupts by "
        r"messages",
    ], "rtc@101000"),
    "virt-two-sockets": (("--harts", "4", "--qemu",
                          "-object memory-backend-ram,size=64M,id=a "
                          "-object memory-backend-ram,size=64M,id=b "
                          "-numa node,memdev=a,cpus=0-1 "
                          "-numa node,memdev=b,cpus=2-3"), [
        r"plic@c000000  sifive,plic-1.0.0: plic, 0xc000000\+0x600000",
        r"plic@c600000  sifive,plic-1.0.0: plic, 0xc600000\+0x600000",
    ], "rtc@101000"),
    "sifive-u": (("--board", "sifive_u"), [
        r"interrupt-controller@c000000  sifive,plic-1.0.0: plic, "
        r"0xc000000\+0x4000000",
    ], None),
    "icicle": (("--board", "icicle"), [
        r"interrupt-controller@c000000  sifive,plic-1.0.0: plic, "
        r"0xc000000\+0x4000000",
    ], None),
}


def used_frames(m):
    """Frames in use, once what can be given back is."""
    found = re.search(r"used (\d+)", m.command("meminfo"))
    return int(found[1]) if found else None


def shown(name):
    options, lines, device = MACHINES[name]

    def fn(test):
        with Machine(test, *options) as m:
            m.expect(PROMPT)
            out = m.command("devices")
            for line in lines:
                if not re.search("^" + line, out, re.M):
                    raise Failure(f"no line {line!r}")
            # What was typed came by interrupts.
            typed = re.search(r"^    .*serial@.* (\d+) times$",
                              m.command("interrupts"), re.M)
            # Of two sockets, the first one's harts have it.
            boot_hart = int(re.search(r"boot hart (\d+)", m.output)[1])
            polled = name == "virt-imsic" or (
                name == "virt-two-sockets" and boot_hart > 1)
            if bool(typed and int(typed[1])) == polled:
                raise Failure("interrupts of the console")
            if re.search(r"[^\n -~]", out):
                raise Failure("unprintable characters")
            if device:
                rebind(m, device)
        return f"{out.count(chr(10)) - 2} devices"
    return fn


def rebind(m, device):
    both = f"devices unbind {device}; devices bind {device}; "
    m.command(both * 4)
    before = used_frames(m)
    for _ in range(20):
        out = m.command(both * 4)
        if "not bound" in out or "no such" in out:
            raise Failure(f"{device} can't be bound again")
    after = used_frames(m)
    if before != after:
        raise Failure(f"{before} before, {after} after 80 times")


PLIC, UART = "/soc/plic@c000000", "/soc/serial@10000000"

# Node, property, its cells; what `devices` then says.
BROKEN = (
    (PLIC, "riscv,ndev", "0", r"failed, error 22: riscv,ndev is not"),
    (PLIC, "riscv,ndev", "ffffffff", r"failed, error 22: riscv,ndev is not"),
    (PLIC, "riscv,ndev", "3ff", r"plic@c000000 .*: plic, 0xc000000"),
    (PLIC, "reg", "0 1f000000 0 600000", r"failed, error 6: nothing answers"),
    (PLIC, "interrupts-extended", "1 2 3", r"interrupts-extended is malf"),
    (PLIC, "interrupts-extended", "99 9 98 9", r"interrupts none of the"),
    (PLIC, "interrupts-extended", "9 9 9 9", r"interrupts none of the"),
    (PLIC, "reg", "0 c000000 0 201000", r"reg is too small"),
    (PLIC, "reg", "0 c000000 0 0", r"plic@c000000 .*: failed"),
    (PLIC, "reg", "0 80000000 0 600000", r"plic@c000000 .*: failed, error 16"),
    (PLIC, "reg", "0 c000000", r"plic@c000000 .*: failed"),
    (PLIC, "reg", "ffffffff fffff000 0 600000", r"plic@c000000 .*: failed"),
    (PLIC, "#interrupt-cells", "0", r"serial@.*interrupt 0: it makes no"),
    (PLIC, "#interrupt-cells", "9", r"serial@.*interrupt 0: it makes no"),
    (PLIC, "interrupt-parent", "3", r"plic@c000000 .*: plic, 0xc000000"),
    (PLIC, "status", "0", r"serial@.*interrupt 0: it can't come"),
    (UART, "phandle", "77", r"serial@.*uart"),
    (UART, "interrupt-parent", "77", r"serial@.*interrupt 0: it can't come"),
    (UART, "interrupts", "0", r"serial@.*interrupt 0: it makes no"),
    (UART, "interrupts", "ffffffff", r"serial@.*interrupt 0: it makes no"),
    (UART, "interrupts", "b", r"serial@.*uart"),
)


def broken(test):
    options = ("--mem", "128M", "--harts", "2")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tree.dtb")
        for node, name, cells, expected in BROKEN:
            test.note(f"--- {node} {name} = <{cells}>")
            tree(test, path, options, "quiet")
            call(test, "fdtput", "-t", "x", path, node, name, *cells.split())
            with open(path, "rb") as f:
                blob = f.read()
            with Placed(test, options, 0x80400000, 0x87000000, blob) as m:
                m.expect(PROMPT)
                if not re.search(expected, m.command("devices")):
                    raise Failure(f"{name} = <{cells}>: no {expected!r}")
    return f"{len(BROKEN)} trees"


def doc(test):
    """The driver in the manual is the one that is tested."""
    with open(f"{ROOT}/docs/devices.md", encoding="utf-8") as f:
        block = re.search(r"^```c\n(.*?)^```", f.read(), re.M | re.S)[1]
    with open(f"{ROOT}/tests/host/example_driver.c", encoding="utf-8") as f:
        code = f.read()
    lines = code.count("\n")
    if block != code:
        raise Failure("docs/devices.md and example_driver.c differ")
    if lines >= 100:
        raise Failure(f"{lines} lines")
    return f"{lines} lines"


TESTS = [
    Test("devices-doc", "quick", 10, "the manual's driver is the tested one",
         doc),
    *(Test(f"devices-{name}", "quick" if name == "virt" else "all", 300,
           f"devices and interrupts of {name}", shown(name),
           ("kernel-build",)) for name in MACHINES),
    Test("devices-broken", "all", 900,
         "interrupt controllers that make no sense", broken,
         ("kernel-build",)),
]
