"""Images of disks: a FAT from a list of files, a GPT around it, without root.

The same input makes the same bytes, whoever runs it and when: serial number and
GUIDs are constants, files are written in the order given, and all times are
SOURCE_DATE_EPOCH, or else the day on which FAT's calendar begins.

The FAT has 16 bits: every U-Boot reads it, and 32 MiB are enough of it, where
FAT32 begins at 65525 clusters, so that as small a one needs clusters of a
sector and four times as large a table.
"""
import os
import shutil
import subprocess
import tempfile

from say import Error

MiB = 1 << 20
FAT_LEAST = 32 * MiB
FAT_SERIAL = "53545241"         # STRA
FAT_BEGIN = "315532800"         # 1980-01-01


def tool(folder, *command):
    """Run one of the programs that make images, in the folder with their files:
    they are named from there, since some of these programs take : and @@ in a
    path for their own. Error if it fails."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("MTOOLS")}
    # mtools has settings at home, too.
    env.update(TZ="UTC", LC_ALL="C", HOME="/nonexistent", MTOOLS_SKIP_CHECK="1")
    env.setdefault("SOURCE_DATE_EPOCH", FAT_BEGIN)
    # mkfs.fat is not where everybody looks.
    env["PATH"] = env.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
    try:
        done = subprocess.run(
            command, cwd=folder, env=env, text=True, errors="replace",
            check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
    except FileNotFoundError:
        raise Error(f"{command[0]} is missing (try: scripts/setup flash)"
                    ) from None
    if done.returncode:
        lines = done.stdout.strip().splitlines() or ["no reason given"]
        raise Error(f"{command[0]} failed: {lines[-1]}")


def make_fat(folder, files):
    """Write a FAT image with the files, [(name in it, path)], as `fat` in the
    folder."""
    content = sum(os.path.getsize(p) + 4096 for _, p in files)
    # With a tenth more for its tables, and some to spare.
    size = max(FAT_LEAST, -(-content * 11 // 10 // MiB + 4) * MiB)
    with open(os.path.join(folder, "fat"), "wb") as f:
        f.truncate(size)
    tool(folder, "mkfs.fat", "--invariant", "-F", "16", "-i", FAT_SERIAL, "-n",
         "STRATA", "fat")
    for name in sorted({os.path.dirname(n) for n, _ in files} - {""}):
        tool(folder, "mmd", "-i", "fat", f"::{name}")
    for name, source in files:
        tool(folder, "mcopy", "-i", "fat", os.path.abspath(source), f"::{name}")


def make_disk(folder, config):
    """Have genimage make the image that a configuration describes of the files
    in the folder. Returns its path, in there, too."""
    os.mkdir(os.path.join(folder, "root"))
    tool(folder, "genimage", "--config", config, "--inputpath", ".",
         "--rootpath", "root", "--outputpath", ".", "--tmppath", "tmp")
    return os.path.join(folder, "disk")


def put(source, to):
    """Copy an image to its place, whole or not at all, with holes for zeros."""
    if os.path.exists(to) and not os.path.isfile(to):
        raise Error(f"{to} is not a file (scripts/flash/sdcard writes cards)")
    folder = os.path.dirname(os.path.abspath(to))
    part = None
    try:
        with tempfile.NamedTemporaryFile(
                dir=folder, prefix=f".{os.path.basename(to)}.",
                delete=False) as out:
            part = out.name
            with open(source, "rb") as f:
                for block in iter(lambda: f.read(64 << 10), b""):
                    if any(block):
                        out.write(block)
                    else:
                        out.seek(len(block), os.SEEK_CUR)
            out.truncate()
            out.flush()
            os.fsync(out.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(part, 0o666 & ~umask)
        os.rename(part, to)
        part = None
    except OSError as e:
        raise Error(f"can't write {to}: {e.strerror}") from None
    finally:
        if part:
            os.unlink(part)


def copy(source, to):
    """Copy an input file, for Error if it can't be read."""
    try:
        shutil.copyfile(source, to)
    except OSError as e:
        raise Error(f"can't read {source}: {e.strerror}") from None
