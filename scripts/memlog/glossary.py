"""A line for people on each word that a report uses."""

# Tests of the kernel, by name. One that is not here is shown without a line.
TESTS = {
    "databus": "each data line alone at its level: stuck, shorted or open",
    "addrbus": "addresses one line apart: stuck or shorted address lines",
    "address": "each word holds its own address: address lines, decoders, "
               "banks that alias",
    "walk1": "one bit set in each word, another in the next: data lines",
    "walk64": "each bit alone set in each word: data lines and cells",
    "checker": "checkerboard: neighbouring cells at opposite levels",
    "marchc": "March C−, 7 data backgrounds: cells stuck or slow to change, "
              "cells that disturb others",
    "marchca": "March C− with addresses as data: much of address, marchc1 and "
               "walk1 in one",
    "marchc1": "March C−, one background: cells stuck, slow, or disturbed by "
               "other words",
    "marchss": "March SS: also cells disturbed by reading, or by writing what "
               "they hold",
    "movinv": "moving inversions: a pattern is turned over word by word, up "
              "and down",
    "movinv8": "moving inversions, a bit of each byte at a time",
    "movinvr": "moving inversions of random patterns, each pass another",
    "movinv64": "moving inversions, each line alone at its level in turn",
    "modulo20": "every 20th word differs from all others: what caches would "
                "hide",
    "random": "random words and their complement: what depends on many bits "
              "at once",
    "blockmove": "blocks are moved about: the bus under load",
    "traffic": "all harts read and write at once: the bus and its timing under "
               "load",
    "fade": "a pause between writing and reading: cells that leak",
    "hammer": "rows read again and again: neighbouring rows that this disturbs "
              "(best effort)",
}

KINDS = {
    "data": "the fault is in the word, or in what reaches it",
    "address": "the fault is in how the word is reached",
    "retention": "the word changed with time",
    "transfer": "the fault is anywhere between hart and memory: no frame is "
                "retired for it",
    "cache": "the fault is in a cache",
}

CLASSES = {
    "stuck": "read again twice, the same wrong value came: it is stored so",
    "transient": "read again twice, the right value came: the first read went "
                 "wrong",
    "unstable": "read again, it differed again: reading disturbs it, or the "
                "line is marginal",
    "unknown": "it could not be read again from memory",
}

REASONS = {
    "firmware": "firmware lives there, and protects itself",
    "no-map": "the device tree forbids to map it",
    "reserved": "the device tree reserves it",
    "dma": "kept for devices",
    "no-spare": "no free memory to move its contents to",
    "not-free": "in use while the test ran",
    "busy": "what it holds could not be moved away just then",
    "no-copy": "its contents could not be copied: they are not always the same",
    "no-memory": "no memory for moving its contents",
    "kernel": "the kernel lives there, and was not to be moved (--kernel yes)",
    "bad": "known to be bad, and retired before",
    "not-reached": "the run ended before",
    "interrupted": "the run was stopped before",
    "not-ram": "there is no RAM",
    "uncached": "this cache mode can't reach it",
    "late-hart": "a hart that did not come up may yet arrive there",
}

SUSPECTS = {
    "data-line": "A data line",
    "address-line": "An address line",
    "byte-lane": "A byte lane",
    "cell": "A single cell",
    "cells": "Cells",
    "row": "A row of cells",
    "chip": "A memory chip",
    "cache": "A cache",
    "everywhere": "The whole of memory",
    "transfer": "The way between memory and hart",
}

CACHES = {
    "wb": "write-back, as memory is always used: caches join and reorder "
          "accesses",
    "evict": "caches are emptied by reading other memory between the steps",
    "flush": "each access is flushed to memory",
    "uncached": "no cache takes part",
}
