/*
 * Programs: an ELF file becomes the contents of an address space.
 *
 * The space is a new one, that nothing runs in yet. So when a program can't be
 * loaded, the caller drops the space, and what ran before goes on.
 */
#pragma once

#include <fs/memfs.h>
#include <kernel/types.h>
#include <lib/bits.h>

struct aspace;

#define EXEC_STRING_MAX KIB(128) /* bytes of an argument, with its NUL */
#define EXEC_NAME	16	 /* bytes of a program's name, with its NUL */

/*
 * How many bytes arguments and environment may take: strings with their NULs, and
 * 8 for the pointer to each; `stack` is RLIMIT_STACK in bytes. As Linux: a quarter
 * of the stack, but from 128 KiB to 6 MiB. Who copies them from a program stops
 * there, with -E2BIG.
 */
static inline uint64_t exec_args_max(uint64_t stack)
{
	return max_u64(min_u64(stack / 4, MIB(6)), KIB(128));
}

/* What to run. argv and envp end in NULL and may be NULL; they and what they point
 * to are the kernel's memory, only read. */
struct exec_program {
	struct memfs_node *file;
	const char *path;	/* of it, as the caller named it */
	struct memfs_node *cwd; /* where a script's interpreter is looked up */
	char *const *argv;
	char *const *envp;
};

/* How it begins. */
struct exec_start {
	vaddr_t pc, sp;
	struct memfs_node *exe; /* what runs; of a script the interpreter */
	const char *why; /* of -ENOEXEC or -ELIBBAD, for people; or NULL */
};

/*
 * Fill `as`, which is new and empty and has the limits of its process, and
 * aspace_layout() after them. It may sleep. 0 or, with `as` fit for aspace_put() only,
 *	-EACCES	   no regular file, or may not be executed
 *	-ENOEXEC   no ELF file for this machine, or one that contradicts itself
 *	-E2BIG	   arguments and environment are too large
 *	-ENOMEM	   no memory, no room at its addresses, or over a limit
 *	-ELIBBAD   its loader, or a script's interpreter's, is no good
 *	-ELOOP	   scripts of scripts of scripts
 * or what memfs_lookup() said of a script's interpreter, or of a loader.
 */
int exec_load(struct aspace *as, const struct exec_program *p,
	      struct exec_start *start);

/* The program's name, as ps shows it: the last part of the path, cut. */
void exec_name(const char *path, char name[EXEC_NAME]);
