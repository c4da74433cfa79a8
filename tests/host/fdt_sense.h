/*
 * What must hold for any blob, however damaged: shared by the host tests and
 * the fuzzer.
 */
#pragma once

#include <kernel/devtree.h>

/* Visit every node, property, list and reservation of an open tree, and
 * translate every reg: what a sanitizer is to watch. Returns a digest of all
 * that was read, so that none of it is optimised away. */
uint64_t fdt_visit_all(const struct fdt *t);

/* What is wrong with the result of a successful devtree_init(), or NULL. */
const char *devtree_nonsense(const struct devtree *dt);
