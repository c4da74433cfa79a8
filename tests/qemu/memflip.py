#!/usr/bin/python3
"""Prove that memtest finds faults: flip bits of QEMU's RAM under it.

The guest's RAM is a shared file. memtest announces a pause (`ev=hold`) when all
words of its memory are written and none is verified; this script then flips
planned bits in the file, anew at each hold until enough are made. At the end each
flip must have been reported with its exact address and bit, and nothing else may
have been. Every line of the log must be there, whole and in its place.

With --where kernel the flips go to the memory that the kernel itself lives in,
while it has moved elsewhere. With --stuck the same cells get the same value at
each hold: they must be reported as often as that changed something, and be
suspected at the end.
"""
import argparse
import collections
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
import zlib

RAM_BASE = 0x80000000   # of QEMU's virt machine
RUN_ID = 'memflip'
SHOWN = 64              # errors of a test in a pass that have a line
HOLDS = 2               # of each of the tests that are used here, in a pass
LINE = re.compile(r'(MTLOG .*) crc=([0-9a-f]{8})$')


def fields(line):
    """The key=value pairs of a log line; None if it is no log line."""
    at = line.find('MTLOG ')
    if at < 0:
        return None
    m = LINE.match(line[at:])
    if not m or zlib.crc32(m[1].encode()) != int(m[2], 16):
        raise ValueError('damaged')
    return {key: value.strip('"') for key, value in re.findall(
        r' (\w+)=("(?:[^"\\]|\\.)*"|\S*)', m[1])}


def signed(body):
    """A line of the log, as the guest makes it."""
    return f'{body} crc={zlib.crc32(body.encode()):08x}'


def spans(f):
    return int(f['start'], 16), int(f['end'], 16)


class Watcher:
    """Follows the log: makes flips at holds, judges what is reported.

    `peek(address)` reads a word of the guest's RAM, `flip(address, bit)` changes
    a bit of it.
    """

    def __init__(self, args, peek, flip):
        self.wanted, self.kernel = args.flips, args.where == 'kernel'
        self.per_hold = args.per_hold
        self.rng = random.Random(args.seed)
        self.peek, self.flip = peek, flip
        self.memory = []        # what flips may hit: (start, end)
        self.block = None       # that the kernel has left
        self.stuck = args.stuck
        self.cells = []         # (address, bit, value) that are stuck
        self.used = set()       # addresses that were flipped
        self.made = 0
        self.open = collections.Counter()   # (address, xor) to be reported
        self.found = 0
        self.suspected = []
        self.wrong = []         # complaints
        self.seq = None         # of the line before
        self.done = None        # fields of ev=done

    # ---- making flips ----

    def pieces(self):
        """What may be flipped now."""
        if not self.kernel:
            return [] if self.block else self.memory
        if not self.block:
            return []
        return [(max(a, self.block[0]), min(b, self.block[1]))
                for a, b in self.memory
                if a < self.block[1] and b > self.block[0]]

    def draw(self, pieces):
        """A word, with each as likely as any."""
        index = self.rng.randrange(sum(b - a for a, b in pieces) // 8)
        for a, b in pieces:
            if index < (b - a) // 8:
                return a + 8 * index
            index -= (b - a) // 8
        raise AssertionError('behind the end')

    def make(self, address, bit):
        self.flip(address, bit)
        self.open[address, 1 << bit] += 1
        self.made += 1

    def on_hold(self):
        pieces = self.pieces()
        if not pieces:
            return
        if self.stuck:
            while len(self.cells) < self.stuck:
                self.cells.append((self.draw(pieces), self.rng.randrange(64),
                                   self.rng.randrange(2)))
            for address, bit, value in self.cells:
                if self.peek(address) >> bit & 1 != value:
                    self.make(address, bit)
            return
        for _ in range(min(self.per_hold, self.wanted - self.made)):
            address = self.draw(pieces)
            if address not in self.used:
                self.used.add(address)
                self.make(address, self.rng.randrange(64))

    # ---- reading the log ----

    def on_error(self, f):
        address, xor = int(f['addr'], 16), int(f['xor'], 16)
        if int(f['expect'], 16) ^ int(f['actual'], 16) != xor:
            self.wrong.append(f'xor is not expect ^ actual: {f}')
        elif not self.open[address, xor]:
            self.wrong.append(f'reported but not made: {address:#x} xor '
                              f'{xor:#x}')
        else:
            self.open[address, xor] -= 1
            self.found += 1

    def on_event(self, f):
        event = f['ev']
        if event == ('kernel' if self.kernel else 'region'):
            self.memory.append(spans(f))
        elif event == 'displace':
            self.block = spans(f)
        elif event == 'restored':
            self.block = None
        elif event == 'hold':
            self.on_hold()
        elif event == 'error':
            self.on_error(f)
        elif event == 'errors':
            self.wrong.append(f'errors without a line of their own: {f}')
        elif event == 'suspect':
            self.suspected.append(f)
        elif event == 'done':
            self.done = f

    def on_line(self, line):
        try:
            f = fields(line)
            if not f:
                return
            seq = int(f['seq'])
            if seq != (0 if self.seq is None else self.seq + 1):
                self.wrong.append(f'line {seq} follows line {self.seq}')
            self.seq = seq
            self.on_event(f)
        except (KeyError, ValueError) as e:
            self.wrong.append(f'malformed ({e}): {line!r}')

    # ---- the end ----

    def complaints(self):
        """All that is not as it should be, in words."""
        bad = list(self.wrong)
        if not self.stuck and self.made != self.wanted:
            bad.append(f'{self.made} of {self.wanted} flips could be made: '
                       'holds are missing')
        if self.stuck and self.made < self.stuck:
            bad.append(f'{self.stuck} stuck cells changed something '
                       f'{self.made} times only')
        bad += [f'not reported: {a:#x} xor {x:#x}'
                for (a, x), n in sorted(self.open.items()) if n]
        if self.stuck and self.stuck <= 8:
            told = [f for f in self.suspected if f.get('what') == 'cell']
            if len(told) != len({a for a, _, _ in self.cells}):
                bad.append(f'suspected are {self.suspected}')
        if not self.done:
            return bad + ['the log has no ev=done']
        want = {'status': 'fail' if self.made else 'pass', 'run': RUN_ID,
                'errors': str(self.made)}
        bad += [f'{key} is {self.done.get(key)}, should be {value}'
                for key, value in want.items()
                if self.done.get(key) != value]
        return bad


def verdict(watcher):
    bad = watcher.complaints()
    for complaint in bad[:20]:
        print(f'memflip: {complaint}')
    if bad[20:]:
        print(f'memflip: and {len(bad) - 20} more')
    print(f'{watcher.found} of {watcher.made} found')
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


def memtest(args):
    """The command that gives enough holds."""
    tests = args.test.count(',') + 1
    passes = -(-args.flips // (args.per_hold * HOLDS * tests))
    return (f'memtest --run-id {RUN_ID} --hold {args.hold} --test {args.test} '
            f'--passes {passes} --kernel '
            + ('yes' if args.where == 'kernel' else 'no'))


def run_qemu(args, ram_path, watcher):
    command = [
        args.qemu, '-M', 'virt,memory-backend=m', '-nographic', '-no-reboot',
        '-smp', str(args.harts),
        '-object', f'memory-backend-file,id=m,size={size_of(args.mem)},'
        f'mem-path={ram_path},share=on',
        '-kernel', args.image, '-append', f'autorun="{memtest(args)}"']
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
        watcher.wrong.append(f'no end after {args.timeout} s')
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

            def peek(address):
                at = address - RAM_BASE
                return int.from_bytes(memory[at:at + 8], 'little')

            watcher = Watcher(args, peek, flip)
            run_qemu(args, ram.name, watcher)
    return verdict(watcher)


# ---- the check of the watcher itself ----

class FakeGuest:
    """A guest whose memtest reports every flip; `spoil(lines)` may change its
    log before the lines are numbered, `damage(lines)` after that."""

    REGIONS = [(0x80400000, 0x80600000), (0x80700000, 0xc0000000)]
    KERNEL = [(0x80200000, 0x80380000)]

    def __init__(self, args, spoil=None, damage=None):
        self.flips, self.seq, self.word = [], 0, 0
        watcher = Watcher(args, lambda address: self.word,
                          lambda *flip: self.flips.append(flip))
        for part in (self.head, self.tail):
            lines = part()
            lines = spoil(lines) if spoil else lines
            lines = (self.number(line) for line in lines)
            for line in damage(lines) if damage else lines:
                watcher.on_line(line)
        self.accepted = not watcher.complaints()

    def number(self, body):
        if not body.startswith('ev='):
            return body
        self.seq += 1
        return signed(f'MTLOG seq={self.seq - 1} ts=0.0 {body}')

    def head(self):
        yield 'ev=start format=2 run=memflip'
        yield 'ev=info board="a board"'
        for a, b in self.REGIONS:
            yield f'ev=region start={a:#x} end={b:#x}'
        for a, b in self.KERNEL:
            yield f'ev=kernel start={a:#x} end={b:#x}'
        for self.word in (0, (1 << 64) - 1):    # a pattern, its complement
            yield 'ev=hold start=0x80400000 end=0xc0000000 ms=300'
            yield 'ev=resume'
        yield 'ev=displace start=0x80200000 end=0x80400000 spare=0x80400000'
        yield 'ev=hold start=0x80200000 end=0x80400000 ms=300'
        yield 'ev=resume'
        yield 'ev=restored start=0x80200000 end=0x80400000'

    def tail(self):
        for address, bit in self.flips:
            yield (f'ev=error pass=1 test=1 name=marchc addr={address:#x} '
                   f'expect=0x{0:016x} actual=0x{1 << bit:016x} '
                   f'xor=0x{1 << bit:016x}')
        for address in sorted({a for a, _ in self.flips}):
            yield f'ev=suspect what=cell detail="{address:#x}, 8 bytes"'
        yield (f'ev=done run=memflip status=fail passes=1 '
               f'errors={len(self.flips)} tested=0')
        yield 'memtest: FAIL, 1021.3 MiB tested, 20 errors'


def drop(pattern, times=1):
    def spoil(lines):
        left = times
        for line in lines:
            if left and re.search(pattern, line):
                left -= 1
            else:
                yield line
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
        if 'ev=error ' in line:
            yield line


def noise(lines):
    for line in lines:
        yield from (line, 'noise ev=error', '')


# What is spoilt before the lines are numbered, and after it; is it good?
CASES = (
    ('as it should be', None, None, True),
    ('noise between the lines', noise, None, True),
    ('an error is missing', drop('ev=error '), None, False),
    ('an error is there twice', twice, None, False),
    ('a wrong address', edit(r'(ev=error.* addr=0x.*)\w expect',
                             r'\g<1>3 expect'), None, False),
    ('a wrong xor', edit(r'xor=0x\w+', 'xor=0x3'), None, False),
    ('holds are missing', drop('ev=hold', 3), None, False),
    ('no end', drop('ev=done'), None, False),
    ('a wrong verdict', edit('status=fail', 'status=pass'), None, False),
    ('a wrong count', edit('errors=', 'errors=1'), None, False),
    ('another run', edit('done run=memflip', 'done run=other'), None, False),
    ('a malformed line', edit('addr=', 'adr='), None, False),
    ('errors in ranges', edit('ev=resume', 'ev=errors start=0x0 end=0x8'), None,
     False),
    ('a line is lost', None, drop('ev=resume'), False),
    ('a line is changed', None, edit('ev=resume', 'ev=resumf'), False),
    ('a line is cut', None, edit(r' crc=\w+$', ''), False),
)


def self_check(args):
    """Feed good and spoilt logs to the watcher: it must tell them apart."""
    failed = total = 0
    args.flips, args.per_hold = 20, 20
    for where, stuck in (('free', 0), ('kernel', 0), ('free', 8)):
        args.where, args.stuck = where, stuck
        for name, spoil, damage, good in CASES:
            args.seed = 5
            ok = FakeGuest(args, spoil, damage).accepted == good
            failed += not ok
            total += 1
            print(f'{"ok" if ok else "not ok"} - {where}'
                  f'{", stuck" if stuck else ""}: {name}')
    print(f'{total - failed} passed, {failed} failed')
    return 1 if failed else 0


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--image', default='build/Image')
    parser.add_argument('--qemu', default='qemu-system-riscv64')
    parser.add_argument('--flips', type=int, default=100,
                        help='how many (%(default)s)')
    parser.add_argument('--per-hold', type=int, default=30,
                        help='so many at each hold (%(default)s)')
    parser.add_argument('--where', choices=('free', 'kernel'), default='free',
                        help='free memory, or where the kernel lives')
    parser.add_argument('--stuck', type=int, default=0, metavar='N',
                        help='instead: N cells that are stuck')
    parser.add_argument('--mem', default='256M')
    parser.add_argument('--harts', type=int, default=2)
    parser.add_argument('--test', default='address,walk1,random',
                        help=f'tests with {HOLDS} holds (%(default)s)')
    parser.add_argument('--hold', type=int, default=300, help='ms')
    parser.add_argument('--seed', type=int, help='default: a random one')
    parser.add_argument('--timeout', type=int, default=300, help='s')
    parser.add_argument('--verbose', action='store_true',
                        help="show the guest's output")
    parser.add_argument('--self-check', action='store_true',
                        help='check this script with logs of its own')
    args = parser.parse_args()
    if not 0 < args.per_hold * HOLDS <= SHOWN:
        parser.error(f'--per-hold is 1 to {SHOWN // HOLDS}: a test shows '
                     f'{SHOWN} errors in a pass')
    if not args.self_check and not os.path.exists(args.image):
        parser.error(f'no {args.image}: build it first')
    if args.seed is None:
        args.seed = random.randrange(1 << 32)
    return args


def main():
    args = arguments()
    if args.self_check:
        return self_check(args)
    print(f'memflip: seed {args.seed}', flush=True)
    # So that QEMU and the file go away when the runner ends us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    return run(args)


if __name__ == '__main__':
    sys.exit(main())
