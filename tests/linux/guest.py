"""A machine's file system with programs of tests/user in it, and what they said.

The first process is /runner: it runs what /list names, and prints

    === LINE
    what the program prints
    === exit STATUS

for each. The same files are for Linux and for Strata.
"""
import os
import re
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
HERE = os.path.join(ROOT, "tests", "linux")
PROGRAMS = os.path.join(ROOT, "build", "user")
AGE = 1_000_000_000  # of the files in /data, seconds since 1970
SELFTESTS = os.path.join(ROOT, "build", "selftests")

SECTION = re.compile(r"^=== (?!exit |killed |can't run|end$)(.*)\n"
                     r"((?:.*\n)*?=== (?:exit |killed |can't run).*\n)", re.M)
REPORT = re.compile(r"^pid \d+ \(.*\): .*\n(?:  .*\n)*", re.M)


def listed(name="programs", later=True):
    """The lines of the file `programs`, or those of `selftests.list` without the
    name of the folder; with those for later, or without."""
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        lines = [line.strip() for line in f]
    return [line.split("/")[-1] for line in lines if line and line[0] != "#"
            and (later or not line.startswith("later "))]


def answer_file(line):
    return os.path.join(HERE, "answers", line.replace(" ", "-") + ".txt")


def data_pages():
    """The contents of /data/pages: three pages and a half."""
    pages = [bytes([letter]) + bytes(i * n % 251 for i in range(1, 4096))
             for n, letter in enumerate(b"ABCD", 3)]
    return b"".join(pages)[:3 * 4096 + 2048]


def build_programs(out=PROGRAMS, cc="riscv64-linux-gnu-gcc"):
    subprocess.run([os.path.join(ROOT, "tests", "user", "build"), out, cc],
                   check=True)


def build_selftests():
    subprocess.run([os.path.join(HERE, "selftests"), SELFTESTS], check=True)


# In /data: what mode, what contents.
DATA = {
    "pages": (0o644, data_pages()),
    "empty": (0o640, b""),
    "empty_program": (0o755, b""),
    "garbage": (0o755, b"garbage\n" * 20),
    "garbage_not_to_run": (0o644, b"garbage\n"),
    "elf_without_more": (0o755, b"\x7fELF\x02\x01\x01" + bytes(9)),
    "script": (0o755, b"#!/mmprobe of scripts\n"),
    "script_of_script": (0o755, b"#! /data/script x \n"),
    "script_of_itself": (0o755, b"#!/data/script_of_itself\n"),
    "script_of_nothing": (0o755, b"#!/data/nothing\n"),
    "script_without": (0o755, b"#!  \n"),
    "script_of_garbage": (0o755, b"#!/data/garbage\n"),
    "script_not_to_run": (0o644, b"#!/mmprobe\n"),
    "only_for_others": (0o004, b"for others\n"),
}
LINKS = {"link": "pages", "loop": "loop", "dangling": "nothing", "up": "..",
         "far": "/data/up/data/link", "to_folder": "folder",
         "long": "/".join(["."] * 600) + "/pages"}


def make_data(folder):
    """Files of all kinds, of one age."""
    for name, (mode, contents) in DATA.items():
        path = os.path.join(folder, name)
        with open(path, "wb") as f:
            f.write(contents)
        os.chmod(path, mode)
    os.makedirs(os.path.join(folder, "folder", "inner"))
    for name, target in LINKS.items():
        os.symlink(target, os.path.join(folder, name))
    os.link(os.path.join(folder, "empty"),
            os.path.join(folder, "folder", "other_name"))
    for name in os.listdir(folder):
        os.utime(os.path.join(folder, name), (AGE, AGE), follow_symlinks=False)


def make_tree(folder, lines, programs=PROGRAMS):
    """Fill a folder with what the machine shall have."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("data", "dev", "proc/sys/vm", "sys", "tmp"):
        os.makedirs(os.path.join(folder, name))
    shutil.copy(os.path.join(PROGRAMS, "runner"), folder)
    for name in {line.split()[0] for line in lines}:
        shutil.copy(os.path.join(programs, name), folder)
    # For a kernel that makes no such files itself.
    with open(os.path.join(folder, "proc/sys/vm/mmap_min_addr"), "w",
              encoding="utf-8") as f:
        f.write("4096\n")
    make_data(os.path.join(folder, "data"))
    with open(os.path.join(folder, "list"), "w", encoding="utf-8") as f:
        f.writelines(f"/{line}\n" for line in lines)
    return folder


def sections(output):
    """What each program said, with how it ended, by its line in the list. What
    differs from run to run, addresses and times, is taken out, and so is Strata's
    report of a program that it killed."""
    output = REPORT.sub("", output.replace("\r", ""))
    output = re.sub(r"0x[0-9a-f]{6,}|\b[0-9a-f]{8,16}-[0-9a-f]{8,16}\b", "ADDRESS",
                    output)
    output = re.sub(r" *\d+ns\b", " TIME", output)
    return {name.lstrip("/"): text for name, text in SECTION.findall(output)}
