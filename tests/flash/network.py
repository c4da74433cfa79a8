"""scripts/flash/net: by QEMU's network, what that may lack, and the folder."""
import os
import re
import subprocess
import tempfile

from harness import ROOT, Test, kill, start
from loaders import BUILT, ERROR, IMAGE, QEMU, check, drive, tree
from wire import Uboot, expect

NOBODY = "socket,udp=127.0.0.1:9,localaddr=127.0.0.1:0"
STATIC = ("--ip", "10.0.2.15", "--server", "10.0.2.2")


def net(*how):
    """From power-on to a verdict, by TFTP."""
    def fn(test):
        with tempfile.TemporaryDirectory() as folder:
            with Uboot(test, tftp=folder) as board:
                expect(test, 0, r"^autorun: status 0$", "net", "--folder",
                       folder, "--serial", board.path, *QEMU, *how, "--autorun",
                       "meminfo; pagetable check")
    return fn


def net_typed(test):
    """The printed commands work as they are."""
    with tempfile.TemporaryDirectory() as folder:
        output = expect(test, 0, "^    booti", "net", "--folder", folder, *QEMU,
                        "--server", "10.0.2.2", "--autorun", "echo typed")
        with Uboot(test, tftp=folder) as board:
            status, _ = drive(test, "type", board.path,
                              *re.findall(r"^    (\S.*)$", output, re.M))
            check(status == 0, "a command fails")
            board.wait_for(r"autorun: status 0")


def net_errors(test):
    """What a network can lack."""
    with tempfile.TemporaryDirectory() as folder, \
            tempfile.TemporaryDirectory() as other:
        def fails(board, pattern, *how):
            expect(test, ERROR, pattern, "net", "--folder", folder, *QEMU,
                   "--autorun", "echo", "--serial", board.path, *how)

        with Uboot(test, network=None) as board:
            fails(board, r"has no driver", *STATIC)
            fails(board, r"has no driver")
        with Uboot(test, tftp=other) as board:
            fails(board, r"server does not have the file.*File not found",
                  *STATIC)
            os.mkdir(f"{other}/strata")
            with open(f"{other}/strata/Image", "wb") as f:
                f.write(b"old")
            fails(board, r"3 bytes of \d+ arrived.*an old file", *STATIC)
            # U-Boot's own limits, so that it is over soon. Nobody has port 69.
            drive(test, "run", board.path, "setenv tftptimeout 1000",
                  "setenv tftptimeoutcountmax 3")
            fails(board, r"server does not answer", "--server", "127.0.0.2")
        with Uboot(test) as board:
            fails(board, r"server refused.*Access violation", *STATIC)
        with Uboot(test, network=NOBODY) as board:
            drive(test, "run", board.path, "setenv bootpretryperiod 2000")
            fails(board, r"no DHCP server answers")


def net_nobody(test):
    """Nobody there: as long as U-Boot itself tries."""
    with tempfile.TemporaryDirectory() as folder, \
            Uboot(test, network=NOBODY) as board:
        expect(test, ERROR, r"nobody has the server's address", "net",
               "--folder", folder, *QEMU, "--autorun", "echo", "--serial",
               board.path, *STATIC)


def net_server(test):
    """The server that --help starts, and files that it may read whatever the
    umask. QEMU answers for 10.0.2.2 itself; 127.0.0.1 is this computer."""
    line = re.search(r"^  sudo (dnsmasq .*)/srv/tftp$", expect(
        test, 0, "dnsmasq", "net", "--help"), re.M)[1]
    if os.geteuid():
        return "not tried: needs root"
    with tempfile.TemporaryDirectory() as folder, Uboot(test) as board:
        os.chmod(folder, 0o755)
        server = start((line + folder).split(), stdout=test.log,
                       stderr=subprocess.STDOUT)
        try:
            test.run("sh", "-c", 'umask 077; exec "$@"', "sh",
                     f"{ROOT}/scripts/flash/net", "--folder", folder, *QEMU,
                     "--serial", board.path, "--server", "127.0.0.1",
                     "--autorun", "echo")
            check(server.poll() is None, "the server has ended")
        finally:
            kill(server)
    return None


def net_folder(test):
    """What is in the server's folder already stays, and what is typed is
    harmless."""
    with tempfile.TemporaryDirectory() as folder:
        mine = os.path.join(folder, "Image")
        blob = os.path.join(folder, "a;reset b.dtb")
        with open(mine, "wb") as f, open(blob, "wb") as g:
            f.write(b"mine")
            g.write(tree("v1.3b", None))
        os.mkdir(f"{folder}/strata")
        os.symlink(mine, f"{folder}/strata/Image")
        net_typed = ("net", "--folder", folder, "--kernel", IMAGE)
        output = expect(test, 0, r"strata/a_reset_b\.dtb$", *net_typed, "--dtb",
                        blob, "--append", r"a\b")
        check("\n    setenv bootargs 'a\\\\b'\n" in output, "a\\b is not kept")
        expect(test, 0, r"^    setenv bootargs$", *net_typed)
        with open(mine, "rb") as f:
            check(f.read() == b"mine", "another's file was overwritten")
        check(sorted(os.listdir(f"{folder}/strata")) == [
            "Image", "a_reset_b.dtb", "starfive"], "other files are there")
        os.remove(f"{folder}/strata/Image")
        os.mkdir(f"{folder}/strata/Image")
        expect(test, ERROR, r"^net: can't write .*/Image: Is a dir", *net_typed)


TESTS = [
    Test("net-dhcp", "all", 300, "by TFTP, addresses by DHCP", net(), BUILT),
    Test("net-static", "all", 300, "by TFTP, fixed addresses",
         net(*STATIC, "--append", 'odd="a;b\\c $d  #"'), BUILT),
    Test("net-typed", "all", 300, "the printed commands, typed", net_typed,
         BUILT),
    Test("net-errors", "all", 600, "no port, no file, an old one, no server",
         net_errors, BUILT),
    Test("net-nobody", "full", 600, "nobody on the network", net_nobody, BUILT),
    Test("net-server", "all", 300, "the server that --help starts", net_server,
         BUILT),
    Test("net-folder", "quick", 300, "other files in the server's folder",
         net_folder, BUILT),
]
