/*
 * System calls, by the numbers of Linux for riscv64.
 *
 * sys_x() takes the six arguments as they were in the registers, and returns what
 * the program gets. It runs in the task of the program, with interrupts on, and
 * may sleep. A call is a function and a line in <kernel/syscall_list.h>.
 *
 * The registers, where they are needed: user_call_regs() of <arch/user.h>. A call
 * that reads more of them than its arguments, as clone() does, is in the list as
 * WHOLE().
 */
#pragma once

/* Numbers are below this. */
#define SYSCALLS 452

#ifndef __ASSEMBLER__

#include <kernel/syscall_list.h>
#include <kernel/types.h>

#define SYSCALL_DECLARE(nr, name) int64_t sys_##name(const uint64_t arg[6]);
SYSCALL_LIST(SYSCALL_DECLARE, SYSCALL_DECLARE)

typedef int64_t (*syscall_fn)(const uint64_t arg[6]);

/* What the architecture calls: syscall_table[syscall_index[number]]. The index
 * has SYSCALLS entries; those that are no call lead to one that says -ENOSYS. */
extern const uint8_t *syscall_index; /* (a) */
extern const syscall_fn syscall_table[];

/* "getpid", for reports; NULL: no such call. */
const char *syscall_name(uint64_t number);

/*
 * From now on calls go to `w` instead, on all harts; NULL: not any more. It runs as
 * they do, with all registers in *r, for every number below SYSCALLS, and returns
 * the result, as a rule that of syscall_make(), which makes the call. It may still
 * be called a while after the end. One at a time.
 */
struct user_regs;
typedef int64_t (*syscall_watcher)(struct user_regs *r, const uint64_t arg[6]);
void syscall_watch(syscall_watcher w);
int64_t syscall_make(const struct user_regs *r, const uint64_t arg[6]);

/* How many were made while they were watched; those without a name are one. */
uint32_t syscall_count(uint64_t number);

#endif
