/* The files of programs: the tree in memory that the initial RAM disk fills. */
#pragma once

#include <fs/memfs.h>

/*
 * Its root directory. The first call unpacks the archive that the boot loader
 * left, or else the one that `load` read last, and tells what was wrong with it; so
 * a boot that starts no program pays nothing for it. NULL: no memory for it. One
 * context at a time until the first one is back: boot, then the shell's.
 */
struct memfs_node *files_root(void);

/* A few words on errors of lookups and of exec_load(), for people. */
const char *files_strerror(int err);
