/* What kernel/exec*.c share. */
#pragma once

#include <kernel/exec.h>
#include <lib/elf.h>

static inline bool exec_may_run(const struct memfs_node *file)
{
	return memfs_is(file, MODE_REGULAR) && file->mode & MODE_EXEC;
}

/* A list of strings that ends in NULL, and what it takes. */
struct exec_strings {
	char *const *text;
	uint64_t count, bytes; /* with NULs */
};

/* What a program finds on its stack. */
struct exec_stack {
	const char *path;
	struct exec_strings argv, envp;
	bool exec; /* it is to be executable */
	/* Addresses in memory; `loader`: where it lies, 0: there is none. */
	uint64_t table, entries, entry, loader;
};

/* 0, or -E2BIG. */
int exec_count(struct exec_strings *s, char *const *text);

/* Map the stack, empty, so that what follows goes elsewhere; then fill it, which
 * gives the stack pointer. 0, -E2BIG or -ENOMEM. */
int exec_map_stack(struct aspace *as, const struct exec_stack *s);
int exec_fill_stack(struct aspace *as, const struct exec_stack *s, vaddr_t *sp);

/* From a script to its interpreter and so on: `p` becomes what is no script. It may
 * need what is in *scripts, NULL before, until that is freed, also on errors. */
struct exec_script;
int exec_resolve(struct exec_program *p, struct exec_script **scripts);
void exec_free_scripts(struct exec_script *s);
