"""The host's side of the memory tester, for scripts/memtest.

    link     a port or QEMU: bytes, and what happens to them
    prompt   Strata's prompt: typing that is checked
    parse    bytes -> lines of the log, intact or damaged
    state    what the lines say: the run, and the verdict
    follow   from the first key to the verdict
    record   the log as it is stored
    show     progress, for people
    report   the page, with pictures by draw and charts

Nothing that comes from the line is trusted: what is not an intact line of the
log counts as noise, and what an intact line says is text until it was checked.
"""
