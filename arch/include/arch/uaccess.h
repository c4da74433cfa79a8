/*
 * Copies from and to the memory of the program that runs on this hart. Callers
 * check ranges: <kernel/uaccess.h> does; use that.
 *
 * All of the user's range lies in the user half. A byte that can't be reached is
 * reported to kernel_user_fault(); if that can't mend it, the copy ends exactly
 * there. The kernel's side must be sound: a fault of it is a panic. Interrupts on
 * or off; no spinlock held, for a fault may sleep. Only inside these functions, and
 * not in what interrupts them, may this hart touch user pages.
 */
#pragma once

#include <kernel/types.h>

/* Result: how many bytes at the end were not copied, or not cleared. */
size_t arch_copy_from_user(void *to, vaddr_t from, size_t n);
size_t arch_copy_to_user(vaddr_t to, const void *from, size_t n);
size_t arch_clear_user(vaddr_t to, size_t n);

/* Copy bytes up to, and with, the first NUL, at most n. Result: how many came
 * before the NUL; n, if there was none; -1, if a byte could not be reached. */
int64_t arch_copy_string_from_user(char *to, vaddr_t from, size_t n);

/* One of them met a page fault: true, if it is to try again. Called with interrupts
 * as the copy's caller had them. */
bool kernel_user_fault(vaddr_t addr, enum access kind);
