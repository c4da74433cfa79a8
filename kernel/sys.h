/* The functions of the list of system calls, for those who write them. */
#pragma once

#include <kernel/syscall.h>

#define CALL(number, name)  int64_t sys_##name(const uint64_t arg[6]);
#define WHOLE(number, name) CALL(number, name)
#include "syscall_list.h"
#undef CALL
#undef WHOLE
