#!/usr/bin/python3
"""Prove that memtest finds faults: flip bits of QEMU's RAM under it.

The guest's RAM is a shared file. memtest announces a pause (`ev=hold`) when all
words of a region are written and none is verified; this script then flips
planned bits in the file. At the end each flip must have been reported with its
exact address and bit, and nothing else may have been.
"""
import argparse
import mmap
import os
import random
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import time

RAM_BASE = 0x80000000  # of QEMU's virt machine


def fields(line):
    """The key=value pairs of a log line, or None if it is no log line."""
    at = line.find('MTLOG ')
    if at < 0:
        return None
    return dict(re.findall(r'(\w+)=(\S*)', line[at + 6:]))


class Watcher:
    """Follows the log: plans flips, makes them, judges what is reported.

    `flip(address, bit)` changes a bit of the guest's RAM.
    """

    def __init__(self, flips, seed, flip):
        self.wanted = flips
        self.rng = random.Random(seed)
        self.flip = flip
        self.regions = []
        self.plan = None  # region start -> [(word address, bit)]
        self.made = {}    # word address -> xor
        self.found = set()
        self.wrong = []   # complaints
        self.done = None  # fields of ev=done

    def make_plan(self):
        """Spread the flips over all regions, each in a word of its own."""
        self.plan = {start: [] for start, _ in self.regions}
        words = sum(end - start for start, end in self.regions) // 8
        if words < self.wanted:
            self.wrong.append('too little memory for the flips')
            return
        for index in self.rng.sample(range(words), self.wanted):
            for start, end in self.regions:
                if index < (end - start) // 8:
                    break
                index -= (end - start) // 8
            self.plan[start].append((start + 8 * index,
                                     self.rng.randrange(64)))

    def on_hold(self, start):
        if self.plan is None:
            self.make_plan()
        for address, bit in self.plan.pop(start, []):
            self.flip(address, bit)
            self.made[address] = 1 << bit

    def on_error(self, f):
        address, xor = int(f['addr'], 16), int(f['xor'], 16)
        if int(f['expect'], 16) ^ int(f['actual'], 16) != xor:
            self.wrong.append('xor is not expect ^ actual: %s' % f)
        elif self.made.get(address) != xor:
            self.wrong.append('reported but not made: %#x xor %#x'
                              % (address, xor))
        elif address in self.found:
            self.wrong.append('reported twice: %#x' % address)
        else:
            self.found.add(address)

    def on_line(self, line):
        f = fields(line)
        if not f:
            return
        try:
            if f['ev'] == 'region':
                self.regions.append((int(f['start'], 16),
                                     int(f['end'], 16)))
            elif f['ev'] == 'hold':
                self.on_hold(int(f['start'], 16))
            elif f['ev'] == 'error':
                self.on_error(f)
            elif f['ev'] == 'done':
                self.done = f
        except (KeyError, ValueError):
            self.wrong.append('malformed: %r' % line)

    def complaints(self):
        """All that is not as it should be, in words."""
        bad = list(self.wrong)
        if len(self.made) != self.wanted:
            bad.append('%d of %d flips could be made: holds are missing'
                       % (len(self.made), self.wanted))
        bad += ['not reported: %#x xor %#x' % item
                for item in sorted(self.made.items())
                if item[0] not in self.found]
        if not self.done:
            bad.append('the log has no ev=done')
        else:
            want = 'fail' if self.wanted else 'pass'
            if self.done.get('status') != want:
                bad.append('status is %s, should be %s'
                           % (self.done.get('status'), want))
            if self.done.get('errors') != str(self.wanted):
                bad.append('errors is %s, should be %d'
                           % (self.done.get('errors'), self.wanted))
        return bad


def verdict(watcher):
    bad = watcher.complaints()
    for complaint in bad:
        print('memflip: %s' % complaint)
    print('%d of %d found' % (len(watcher.found), watcher.wanted))
    return 1 if bad else 0


def size_of(text):
    """512M, 2G, or bytes."""
    scale = {'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}.get(text[-1:].upper())
    return int(text[:-1]) * scale if scale else int(text)


def lines_of(process, deadline):
    """Lines of the process's output until it ends or time is up."""
    buffered = b''
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise TimeoutError
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                break
            *whole, buffered = (buffered + chunk).split(b'\n')
            for line in whole:
                yield line.decode('ascii', 'replace').strip()
    yield buffered.decode('ascii', 'replace').strip()


def run_qemu(args, ram_path, watcher):
    command = [
        args.qemu, '-M', 'virt,memory-backend=m', '-nographic', '-no-reboot',
        '-object', 'memory-backend-file,id=m,size=%d,mem-path=%s,share=on'
        % (size_of(args.mem), ram_path),
        '-kernel', args.image, '-append',
        'autorun="memtest --hold %d --test %s"' % (args.hold, args.test)]
    tail = []
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    try:
        for line in lines_of(process, time.monotonic() + args.timeout):
            tail = tail[-19:] + [line]
            if args.verbose:
                print(line, flush=True)
            watcher.on_line(line)
            if line.startswith('autorun: status'):
                break
    except TimeoutError:
        watcher.wrong.append('no end after %d s' % args.timeout)
    finally:
        process.kill()
        process.wait()
    if watcher.complaints() and not args.verbose:
        print('memflip: the last lines of the guest:', *tail, sep='\n    ')


def run(args):
    # /dev/shm, if there is one: the file is as large as the guest's RAM.
    folder = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
    with tempfile.NamedTemporaryFile(prefix='memflip-', dir=folder) as ram:
        os.truncate(ram.name, size_of(args.mem))
        with mmap.mmap(ram.fileno(), size_of(args.mem)) as memory:
            def flip(address, bit):
                memory[address - RAM_BASE + bit // 8] ^= 1 << bit % 8

            watcher = Watcher(args.flips, args.seed, flip)
            run_qemu(args, ram.name, watcher)
    return verdict(watcher)


class FakeGuest:
    """A guest whose memtest reports every flip; `spoil(lines)` may change its
    log. For the check of the watcher itself."""

    REGIONS = [(0x80200000, 0x80400000), (0x80500000, 0xc0000000)]

    def __init__(self, spoil):
        self.flips = []
        watcher = Watcher(20, 1, lambda *flip: self.flips.append(flip))
        for line in spoil(self.head()):
            watcher.on_line(line)
        for line in spoil(self.tail()):
            watcher.on_line(line)
        self.accepted = not watcher.complaints()

    def head(self):
        yield 'MTLOG ev=start format=1 passes=1 hold_ms=300 tests=marchc'
        for start, end in self.REGIONS:
            yield 'MTLOG ev=region start=%#x end=%#x' % (start, end)
        yield 'MTLOG ev=test_start pass=1 test=marchc'
        for start, end in self.REGIONS:
            yield ('MTLOG ev=hold start=%#x end=%#x pattern=0x0 ms=300'
                   % (start, end))
            yield 'MTLOG ev=resume'

    def tail(self):
        for address, bit in self.flips:
            yield ('MTLOG ev=error pass=1 test=marchc addr=%#x '
                   'expect=0x%016x actual=0x%016x xor=0x%016x'
                   % (address, 0, 1 << bit, 1 << bit))
        yield 'MTLOG ev=tick pass=1 test=marchc pct=100 errors=20'
        yield 'MTLOG ev=done status=fail passes=1 errors=20 tested=0'
        yield 'memtest: FAIL, 1021.3 MiB tested, 20 errors'


def self_check():
    """Feed good and spoilt logs to the watcher: it must tell them apart."""
    def drop(pattern):
        def spoil(lines):
            dropped = False
            for line in lines:
                if dropped or not re.search(pattern, line):
                    yield line
                else:
                    dropped = True
        return spoil

    def edit(pattern, new):
        def spoil(lines):
            edited = False
            for line in lines:
                if not edited and re.search(pattern, line):
                    line = re.sub(pattern, new, line, count=1)
                    edited = True
                yield line
        return spoil

    def twice(lines):
        for line in lines:
            yield line
            if 'ev=error' in line:
                yield line

    cases = [
        ('as it should be', lambda lines: lines, True),
        ('noise between the lines', lambda lines: (
            x for line in lines for x in (line, 'noise ev=error', '')), True),
        ('an error is missing', drop('ev=error'), False),
        ('an error is there twice', twice, False),
        ('a wrong address', edit(r'(ev=error.* addr=0x.*)\w expect',
                                 r'\g<1>3 expect'), False),
        ('a wrong xor', edit(r'xor=0x\w+', 'xor=0x3'), False),
        ('a hold is missing', drop('ev=hold start=0x80500000'), False),
        ('no end', drop('ev=done'), False),
        ('a wrong verdict', edit('status=fail', 'status=pass'), False),
        ('a wrong count', edit('errors=20 tested', 'errors=21 tested'),
         False),
        ('a malformed line', edit('addr=', 'adr='), False),
    ]
    failed = 0
    for name, spoil, good in cases:
        ok = FakeGuest(spoil).accepted == good
        failed += not ok
        print('%s - %s' % ('ok' if ok else 'not ok', name))
    print('%d passed, %d failed' % (len(cases) - failed, failed))
    return 1 if failed else 0


def replay(path):
    """Read a recorded log: which flips would have been made is not known, so
    this only tells whether its lines can be read and it has an end."""
    watcher = Watcher(0, 0, None)
    with open(path, encoding='ascii', errors='replace') as log:
        for line in log:
            f = fields(line)
            if f and f.get('ev') == 'error':
                watcher.made[int(f['addr'], 16)] = int(f['xor'], 16)
            watcher.on_line(line.strip())
    bad = watcher.wrong + ([] if watcher.done else ['no ev=done'])
    for complaint in bad:
        print('memflip: %s' % complaint)
    print('%d regions, %d errors, done: %s'
          % (len(watcher.regions), len(watcher.found), watcher.done))
    return 1 if bad else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--image', default='build/Image')
    parser.add_argument('--qemu', default='qemu-system-riscv64')
    parser.add_argument('--flips', type=int, default=20)
    parser.add_argument('--mem', default='1G')
    parser.add_argument('--test', default='marchc1',
                        help='the test that must find them (%(default)s)')
    parser.add_argument('--hold', type=int, default=300, help='ms')
    parser.add_argument('--seed', type=int, help='default: a random one')
    parser.add_argument('--timeout', type=int, default=300, help='s')
    parser.add_argument('--verbose', action='store_true',
                        help="show the guest's output")
    parser.add_argument('--self-check', nargs='?', const='', metavar='LOG',
                        help='check this script with logs of its own, or '
                        'read a recorded one')
    args = parser.parse_args()
    if args.self_check is not None:
        return replay(args.self_check) if args.self_check else self_check()
    if not os.path.exists(args.image):
        parser.error('no %s: build it first' % args.image)
    if args.seed is None:
        args.seed = random.randrange(1 << 32)
    print('memflip: seed %d' % args.seed, flush=True)
    # So that QEMU and the file go away when the runner ends us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    return run(args)


if __name__ == '__main__':
    sys.exit(main())
