"""Faults of the kernel, provoked: each is explained by what its address means."""
from harness import Failure, Test
from machine import PANIC, Machine

BY = r"allocated by cmd_panic\+0x[0-9a-f]+"

# What is done, the first line of the report, what it says of the address.
FAULTS = (
    ("load 16", r"load page fault .*address 0x10$", r"null pointer plus 16$"),
    ("load 0xfffffffffffffff8", r"load page fault", r"null pointer minus 8$"),
    ("jump 0x4000", r"instruction page fault",
     r"an address of the user half$"),
    ("load 0x8000000000000000", r"load (page|access) fault",
     r"no address in this paging mode$"),
    ("store 0xffffffff80000000", r"store page fault",
     r"text of the kernel image$"),
    ("load 0xffffffffbffff000", r"load page fault",
     r"behind the end of the kernel image$"),
    ("load 0xffffffc000000000", r"load page fault",
     r"direct map of 0x80000000, firmware memory$"),
    ("load 0xffffffc080000000", r"load page fault",
     r"direct map of 0x100000000, which is no memory$"),
    ("load 0xffffffe000000020", r"load page fault",
     r"struct page of frame 0x1, which the page allocator does not own$"),
    ("load 0xfffffff000000000", r"load page fault",
     r"around the stacks of the boot hart$"),
    ("load 0xffffffffffffe000", r"load page fault", r"no device's window$"),
    ("stack", r".*kernel stack overflow on hart \d+$",
     r"around the stacks of the boot hart$"),
    ("otherstack", r".*kernel stack overflow on hart \d+$",
     r"guard page, \d+ bytes below stack of 16384 bytes at 0x[0-9a-f]+, "
     r"allocated by smp_boot\+"),
    ("overrun", r"store page fault",
     r"guard page, 0 bytes behind the end of memory of 12288 bytes at "
     r"0x[0-9a-f]+, " + BY),
    ("vfreed", r"store page fault",
     r"freed and unmapped, memory of 12288 bytes at 0x[0-9a-f]+, " + BY +
     r", freed by cmd_panic\+"),
    ("vfree", r".*double free", None),
)


def explained(test):
    """Each fault, at the boot hart but for one, names what was hit."""
    for fault, what, meaning in FAULTS:
        with Machine(test, "--harts", "2", "--append",
                     f'quiet autorun="panic {fault}"') as m:
            m.expect(PANIC + what, unless=r"^autorun: status")
            if meaning:
                m.expect("^  address: " + meaning, unless=r"^backtrace")
            m.expect(r"^backtrace:\n")
            m.expect(r"^autorun: status 255\n")
            if m.wait() != 255:
                raise Failure(f"panic {fault}: QEMU did not end with 255")
    return f"{len(FAULTS)} faults"


TESTS = [
    Test("faults", "all", 600, "faults are explained", explained,
         ("kernel-build",)),
]
