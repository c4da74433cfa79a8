"""Which calls of allocators did tests make fail? All of them, or it is said why
not. The list of calls is the linked program's."""
import re
import subprocess
import tempfile

from harness import BUILD, Failure, Test
from machine import PANIC, PROMPT, Machine, autorun
from programs import build
from virtio import RNG, disk_options, new_image

PREFIX = "riscv64-unknown-elf-"
ALLOCATORS = {
    "page_alloc", "page_alloc_bulk", "page_alloc_exact", "page_alloc_within",
    "kmem_cache_get", "kmem_cache_alloc_bulk", "kmem_cache_create",
    "kmalloc_any", "kmalloc_class", "kmalloc_array", "kmalloc_aligned",
    "krealloc", "vmalloc",
    "c_malloc", "c_calloc", "c_realloc", "c_reallocarray", "c_aligned_alloc",
    "c_posix_memalign",
}
# Commands that allocate, run so that their calls are seen.
COMMANDS = ("memtest --range 0xa0000000+1M --passes 1 --cache evict",
            "memtest --range 0x80200000+64K", "memtest verify-cache", "litmus --rounds 1", "tlbcross",
            "bench slab", "stress --ops 10", "slabguard 16 1", "displace all")
# The same with a disk, and random numbers.
DEVICES = ("virtio_mmio@10007000", "virtio_mmio@10008000")
DISK_COMMANDS = ("load vda", "disk crc vda", "disk test vda --yes --size 1M",
                 "disk test vda --yes --size 1M --buffers high --mask 32")
# An archive of one file, too large for the harts' stacks of frames, and its end.
HEADER = b"070701" + b"%08x" * 13
ARCHIVE = (HEADER % (1, 0o100644, *[0] * 4, 100000, *[0] * 4, 2, 0) + b"a\0" +
           bytes(100000) +
           HEADER % (*[0] * 11, 11, 0) + b"TRAILER!!!\0")
# Programs that use much of what there is, with benchmarks of what they don't.
PROGRAMS = ("run /process", "run /fork_tree", "run /malloc_churn",
            "run /mmprobe mmap", "run /mmprobe mremap", "run /mmprobe madvise",
            "run /mmprobe mprotect", "run /mmprobe file", "run /mmprobe stack",
            "run /mmdiff 1 3000 1000", "run /start script", "bench user")
# Functions whose calls are not made to fail by the test, and why.
EXCUSED = {
    "badram_start": "boot",
    "percpu_add": "boot",
    "copy_object": "natively by test_user_pages",
    "exec_resolve": "natively by test_exec",
    "smp_boot": "boot",
    "vmalloc_init": "boot",
    "kmalloc_init": "boot",
    "slab_init": "boot",
    "kmap_stack": "boot",
    "find": "boot (drivers/device_find.c); natively by test_device",
    "ktest_os_alloc": "of tests",
    "cmd_panic": "it panics",
    # Nothing in QEMU flushes lines.
    "begin_flush": "natively by test_memtest_cache",
    "cache_check_bypass": "natively by test_memtest_cache",
}
SOURCES = re.compile(r"/(mm|kernel|libc|drivers)/(?!cmd_allocbug)[a-z_]+\.c:")
LABEL = re.compile(r"^([0-9a-f]+) <(\S+)>:$")


def calls(elf):
    """(address behind the call, caller, callee) of each direct call; and the
    tail calls, as (caller, callee)."""
    out = subprocess.run([PREFIX + "objdump", "-d", "--no-show-raw-insn", "-w",
                          elf], capture_output=True, text=True, check=True)
    found, tails, pending, name = [], [], None, None
    for line in out.stdout.splitlines():
        label = LABEL.match(line)
        if label:
            name = label[2]
            continue
        address = re.match(r"^ *([0-9a-f]+):", line)
        if not address:
            continue
        if pending:
            found.append((int(address[1], 16), *pending))
            pending = None
        m = re.search(r"\t(jal|jalr|j|call)\t.*<(\w+)>", line)
        if not m:
            m = re.search(r"\t(jalr|jr)\t.*# [0-9a-f]+ <(\w+)>", line)
        if not m or m[2] == name:
            continue
        if m[1] in ("jal", "jalr", "call") and "zero" not in line:
            pending = (name, m[2])
        else:
            tails.append((name, m[2]))
    return found, tails


def sites(elf):
    """Of each call in the kernel's own sources of what allocates: where it
    returns to, and the caller's name."""
    found, tails = calls(elf)
    allocators = set(ALLOCATORS)
    while True:
        more = {a for a, b in tails if b in allocators} - allocators
        if not more:
            break
        allocators |= more
    at = {site: caller for site, caller, callee in found
          if callee in allocators}
    out = subprocess.run(
        [PREFIX + "addr2line", "-a", "-i", "-e", elf,
         *[hex(a - 2) for a in at]],
        capture_output=True, text=True, check=True).stdout
    # Of functions that are inlined at the call: the last line is who calls.
    lines = {int(found[1], 16) + 2: found[2].strip().splitlines()[-1]
             for found in re.finditer(r"^(0x[0-9a-f]+)\n((?:[^0].*\n)+)", out,
                                      re.M)}
    return {a: (at[a], line) for a, line in lines.items()
            if SOURCES.search(line)}


def bad_frames(test):
    """More of them, apart, than their first list has room for."""
    with Machine(test, "--mem", "128M") as m:
        m.expect(PROMPT, unless=PANIC)
        return "".join(
            m.command(f"failalloc 0 badram add {0x81000000 + 0x5000 * i:#x}")
            for i in range(40))


def programs(test):
    """Linux programs, and what is done for them."""
    with Machine(test, "--mem", "512M", "--harts", "2", "--initrd",
                 build(test)) as m:
        m.expect(PROMPT, unless=PANIC)
        return "".join(m.command(f"failalloc 0 {line}") for line in PROGRAMS)


def alloc_sites(test):
    """Every call of an allocator in mm/, kernel/, libc/ and drivers/ was asked
    whether it fails, or is excused."""
    first = [f"failalloc 0 {c}" for c in COMMANDS]
    bind = [f"devices unbind {d}; failalloc 0 devices bind {d}" for d in DEVICES]
    then = [f"failalloc 0 {c}" for c in DISK_COMMANDS]
    with tempfile.TemporaryDirectory() as folder:
        disk = disk_options(new_image(folder, 1 << 20, ARCHIVE), RNG + " ")
        out = "".join(
            autorun(test, "; ".join(lines), "--mem", "4G", "--harts", "2",
                    "--qemu", disk)
            for lines in (["test fail.sites"] + first, bind, then))
    out += bad_frames(test) + programs(test)
    hit = {int(a, 16) for a in re.findall(r"site (0x[0-9a-f]+)", out)}
    every = sites(f"{BUILD}/kernel.elf")
    left = {a: s for a, s in every.items() if a not in hit}
    for a, (caller, line) in sorted(left.items()):
        test.note(f"not hit: {a:#x} in {caller}, {line}: "
                  f"{EXCUSED.get(caller, 'why?')}")
    missed = sorted({caller for caller, _ in left.values()
                     if caller not in EXCUSED})
    if not hit & every.keys():
        raise Failure("no site was hit")
    if missed:
        raise Failure(f"not made to fail: {', '.join(missed)}")
    return f"{len(every)} sites, {len(hit & every.keys())} hit"


TESTS = [
    Test("alloc-sites", "all", 300, "all calls of allocators were made to fail",
         alloc_sites, ("kernel-build",)),
]
