/*
 * The system calls: CALL(number, name) for sys_name(), WHOLE() for one that needs
 * all registers (<kernel/syscall.h>).
 */
#pragma once

#define SYSCALL_LIST(CALL, WHOLE)     \
	CALL(17, getcwd)              \
	CALL(23, dup)                 \
	CALL(24, dup3)                \
	CALL(25, fcntl)               \
	CALL(29, ioctl)               \
	CALL(48, faccessat)           \
	CALL(56, openat)              \
	CALL(57, close)               \
	CALL(62, lseek)               \
	CALL(63, read)                \
	CALL(64, write)               \
	CALL(65, readv)               \
	CALL(66, writev)              \
	CALL(67, pread64)             \
	CALL(78, readlinkat)          \
	CALL(79, newfstatat)          \
	CALL(80, fstat)               \
	CALL(93, exit)                \
	CALL(94, exit_group)          \
	CALL(96, set_tid_address)     \
	CALL(99, set_robust_list)     \
	CALL(101, nanosleep)          \
	CALL(113, clock_gettime)      \
	CALL(114, clock_getres)       \
	CALL(115, clock_nanosleep)    \
	CALL(124, sched_yield)        \
	CALL(129, kill)               \
	CALL(130, tkill)              \
	CALL(131, tgkill)             \
	CALL(134, rt_sigaction)       \
	CALL(135, rt_sigprocmask)     \
	CALL(136, rt_sigpending)      \
	CALL(144, setgid)             \
	CALL(146, setuid)             \
	CALL(147, setresuid)          \
	CALL(148, getresuid)          \
	CALL(149, setresgid)          \
	CALL(150, getresgid)          \
	CALL(153, times)              \
	CALL(160, uname)              \
	CALL(163, getrlimit)          \
	CALL(164, setrlimit)          \
	CALL(165, getrusage)          \
	CALL(166, umask)              \
	CALL(167, prctl)              \
	CALL(168, getcpu)             \
	CALL(169, gettimeofday)       \
	CALL(172, getpid)             \
	CALL(173, getppid)            \
	CALL(174, getuid)             \
	CALL(175, geteuid)            \
	CALL(176, getgid)             \
	CALL(177, getegid)            \
	CALL(178, gettid)             \
	CALL(179, sysinfo)            \
	CALL(214, brk)                \
	CALL(215, munmap)             \
	CALL(216, mremap)             \
	WHOLE(220, clone)             \
	CALL(221, execve)             \
	CALL(222, mmap)               \
	CALL(226, mprotect)           \
	CALL(227, msync)              \
	CALL(228, mlock)              \
	CALL(229, munlock)            \
	CALL(230, mlockall)           \
	CALL(231, munlockall)         \
	CALL(232, mincore)            \
	CALL(233, madvise)            \
	CALL(234, remap_file_pages)   \
	CALL(259, riscv_flush_icache) \
	CALL(260, wait4)              \
	CALL(261, prlimit64)          \
	CALL(278, getrandom)          \
	CALL(283, membarrier)         \
	CALL(284, mlock2)             \
	CALL(439, faccessat2)         \
	CALL(440, process_madvise)
