#!/usr/bin/python3
"""The tests of the project, by name.

    scripts/test [quick|all|full|NAME...]
    scripts/test --list

quick takes at most two minutes, all (the default) twenty, full as long as it
takes. A NAME may be a pattern such as 'boot-*'. Each test's log is in
build/test-logs/. The last line is "N passed, N failed"; exit status 0 when none
failed.
"""
import fnmatch
import os
import signal
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "tests", d)
                for d in ("", "qemu", "flash", "memtool")]

import harness                      # noqa: E402
import checks, mutants, native, spin, memtest_coverage # noqa: E401, E402
import alloc, alloc_sites, alloc_stress, badram, bench      # noqa: E401, E402
import boot, card, card_firmware, console, console_input    # noqa: E401, E402
import devices, displace, dma, faults, firmware, guides     # noqa: E401, E402
import hotpath, jh7110, layouts, linux_answers, litmus      # noqa: E401, E402
import loaders, machines, memcache, memreport               # noqa: E401, E402
import memtest_runs, memtool, mmio, network, process        # noqa: E401, E402
import programs, qspi, sdcard, silicon, smp, trees          # noqa: E401, E402
import user_mode, user_scale, virtio                        # noqa: E401, E402

MODULES = (checks, native, mutants, spin, boot, layouts, machines, smp,
           alloc_stress, alloc_sites, hotpath, litmus, bench, firmware, trees,
           jh7110, console, console_input, faults, alloc, badram, devices,
           mmio, dma, virtio, programs, silicon, guides, memtest_coverage,
           memcache, displace, memtest_runs, memtool, memreport, card,
           card_firmware, sdcard, qspi, loaders, network, user_mode,
           user_scale, process, linux_answers)
LEVELS = ("quick", "all", "full")
# So many tests of a kind run at a time: one that mostly waits takes no processor
# from those that compute, and one that measures time is alone.
AT_ONCE = {"computes": 2, "waits": 1, "alone": 1}


def select(tests, wanted):
    """The tests that the words mean and those that they need, in order."""
    chosen = set()
    for word in wanted or ["all"]:
        if word in LEVELS:
            upto = LEVELS[:LEVELS.index(word) + 1]
            names = [t.name for t in tests if t.level in upto]
        else:
            names = fnmatch.filter([t.name for t in tests], word)
        if not names:
            print(f"test: no test is called '{word}'; try --list",
                  file=sys.stderr)
            sys.exit(2)
        chosen.update(names)
    while True:
        needed = {n for t in tests if t.name in chosen for n in t.needs}
        if needed <= chosen:
            return [t for t in tests if t.name in chosen]
        chosen |= needed


class Run:
    """Runs tests, AT_ONCE at a time, each after those that it needs."""

    def __init__(self, tests):
        self.waiting = list(tests)
        self.running = []
        self.result = {}        # name: passed?
        self.change = threading.Condition()

    def may_start(self, test):
        kinds = [t.kind for t in self.running]
        if "alone" in kinds or (kinds and test.kind == "alone"):
            return False
        return (kinds.count(test.kind) < AT_ONCE[test.kind]
                and all(n in self.result for n in test.needs))

    def next(self):
        """Wait for a test that may start; None when there will be none."""
        with self.change:
            while self.waiting and not harness.stopped.is_set():
                test = next(filter(self.may_start, self.waiting), None)
                if test:
                    self.waiting.remove(test)
                    self.running.append(test)
                    return test
                self.change.wait()
            return None

    def one(self, test):
        start = time.monotonic()
        broken = [n for n in test.needs if not self.result[n]]
        try:
            if broken:
                raise harness.Failure(f"needs {broken[0]}, which failed")
            figure, failure = test.execute(), None
        except harness.Failure as e:
            figure, failure = None, str(e)
        except Exception as e:      # pylint: disable=broad-except
            figure, failure = None, f"{type(e).__name__}: {e}"
            test.note_exception()
        finally:
            test.close()
        if harness.stopped.is_set():
            return
        seconds = f"{time.monotonic() - start:.1f} s"
        with self.change:
            if failure is None:
                print(f"ok {test.name} "
                      f"({figure + ', ' if figure else ''}{seconds})")
            else:
                print(f"not ok {test.name} ({seconds}): {failure}")
                print("".join(f"    {line}\n" for line in test.tail()), end="")
            sys.stdout.flush()
            self.result[test.name] = failure is None
            self.running.remove(test)
            self.change.notify_all()

    def work(self):
        while True:
            test = self.next()
            if test is None:
                return
            self.one(test)

    def all(self):
        threads = [threading.Thread(target=self.work, daemon=True)
                   for _ in range(sum(AT_ONCE.values()))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        passed = sum(self.result.values())
        failed = len(self.result) - passed
        print(f"{passed} passed, {failed} failed")
        return failed


def main(args):
    tests = [t for module in MODULES for t in module.TESTS]
    if any(a.startswith("-") and a != "--list" for a in args):
        print(__doc__.strip())
        return 0 if args[0] in ("-h", "--help") else 2
    if "--list" in args:
        for t in tests:
            print(f"{t.name:24} {t.level:6} {t.what}")
        return 0
    os.chdir(ROOT)
    # Ignored behind an "&"; but what tests start is to hear it.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: None)
    # So that what was started is ended, too, and by one ^C as by several.
    for s in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, signal.default_int_handler)
    try:
        return 1 if Run(select(tests, args)).all() else 0
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        harness.kill_all()
        print("interrupted")
        return 130
    finally:
        harness.kill_all()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
