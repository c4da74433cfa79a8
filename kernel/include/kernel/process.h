/*
 * Processes: programs that run, each with an address space, a number, a parent
 * and a way to end. A process is a thread group; it has one task today.
 *
 *	p = process_spawn("/bin/hello", argv, envp, &err);
 *	status = process_wait(p);
 *
 * A status is what wait4() stores: see process_exited() and process_killed().
 * Who is whose child, states and numbers: one lock, LOCK_PROCESS, kept to
 * kernel/process.c. Its theory is there.
 */
#pragma once

#include <kernel/pid.h>
#include <kernel/rlimit.h>
#include <kernel/signal.h>
#include <kernel/task.h>
#include <kernel/user_ids.h>
#include <kernel/wait.h>
#include <lib/list.h>

struct aspace;
struct fd_table;
struct memfs_node;
struct task;
struct user_regs;

#define PROCESS_NAME	    16	  /* bytes, with the NUL, as Linux's comm */
#define PROCESS_TIMER_SLACK 50000 /* ns, unless it sets another */

enum process_state {
	PROCESS_NEW, /* being made; nobody finds it */
	PROCESS_ALIVE,
	PROCESS_EXITING, /* it gives back what it has */
	PROCESS_ZOMBIE,	 /* over; its status waits for the parent */
	PROCESS_REAPED,	 /* it has no number any more */
};

/* What a process used; of all its children that were waited for. Times in ticks
 * of arch_time(). */
struct usage {
	uint64_t user, kernel;
	uint64_t faults;  /* minor ones: all are */
	uint64_t max_rss; /* bytes, the most of any */
	uint64_t switches;
};

/* Keys: (c) constant once it is found, (t) LOCK_PROCESS, (o) only its own task
 * touches it, (a) atomic. */
struct process {
	uint32_t refs;		  /* (a) */
	enum process_state state; /* (t) */
	struct pid_entry id;	  /* (c), its place in the tree of all (t) */
	int group, session;	  /* pids (t) */
	struct process *leader;	  /* whose number that is (t) */
	unsigned members;	  /* whose leader it is, itself too (t) */
	struct process *parent;	  /* NULL: the kernel's (t) */
	int parent_pid;		  /* 0: the kernel's (t) (a) */
	struct list children;	  /* (t) */
	struct list sibling;	  /* in parent->children (t) */
	struct wait_queue child_changed;
	struct wait_queue ended; /* `state`, or `vfork` */
	struct task *waiter;	 /* in process_wait() (t) */
	struct task *task;	 /* NULL: it is over (t) */
	struct aspace *aspace;	 /* (o); others: process_aspace() */
	bool vfork;	 /* its parent waits until it has another space (a) */
	uint32_t fatal;	 /* the signal that ends it; 0: none (a) */
	bool gave_up;	 /* kernel/oom.c waited for it in vain */
	int status;	 /* once it is over (t) */
	int exit_signal; /* what the parent is sent (t) */
	struct memfs_node *exe, *cwd;	   /* (o) */
	struct fd_table *files;		   /* (o) */
	unsigned umask;			   /* (o) */
	bool not_dumpable, no_new_privs;   /* as prctl() set them (o) */
	uint64_t timer_slack, usual_slack; /* ns (o) */
	struct user_ids user, user_group;  /* (o), racy for others */
	char name[PROCESS_NAME];	   /* (o), racy for others */
	struct usage
		used; /* up to when it got its space; in the end, all (t) */
	uint64_t user_told; /* the most that was told of used.user (t) */
	struct usage children_used;   /* (t) */
	uint64_t started;	      /* arch_time() */
	uaddr_t set_tid, clear_tid;   /* where to store the number, and 0 at the
					 end; 0: nowhere (o) */
	struct signals signals;	      /* see <kernel/signal.h> */
	struct rlimit limit[RLIMITS]; /* (t) */
};

/* The process of the current task; NULL: a task of the kernel. */
static inline struct process *process_current(void)
{
	return task_current()->process;
}

static inline int process_pid(const struct process *p)
{
	return p->id.pid;
}

/*
 * A program that is to run, for a task of the kernel; argv and envp end with
 * NULL. The caller has a reference, and starts it by process_wait() or
 * process_start(). NULL: *err is -ENOENT, -ENOEXEC, -ENOMEM ... as execve()
 * says. process_spawn_init: the same as number 1, whom orphans go to; -EBUSY
 * when there is one.
 */
struct process *process_spawn(const char *path, char *const argv[],
			      char *const envp[], int *err);
struct process *process_spawn_init(const char *path, char *const argv[],
				   char *const envp[], int *err);

/* It runs from now on. */
void process_start(struct process *p);

/*
 * Start it and wait until it is over, with the console as its own: it reads
 * what is typed, and ^C sends SIGINT to its group. Those of its group that it
 * leaves behind are sent SIGHUP. Returns the status and drops the reference. A task of the kernel; one at a time (the shell, or boot for
 * init).
 */
int process_wait(struct process *p);

struct process *process_get(struct process *p);
void process_put(struct process *p);

/* By number, with a reference; NULL: there is none. Zombies are found. */
struct process *process_find(int pid);

/* Each process, with a reference for the time of the call and no lock held, by
 * growing number; ends with the first result that is not 0, and returns it. */
int process_each(int (*each)(void *ctx, struct process *p), void *ctx);

/* Its name as the console may have it: a program can choose any bytes. */
void process_show_name(const struct process *p, char name[PROCESS_NAME]);

/* That of its parent; 0: it has none but the kernel. */
static inline int process_parent_pid(const struct process *p)
{
	return __atomic_load_n(&p->parent_pid, __ATOMIC_RELAXED);
}

/* May `by` (NULL: the kernel) send p this signal? */
bool process_may_signal(const struct process *by, const struct process *p,
			int signal);

/*
 * Send a signal (0: none) to all of a group whom `by` may send it (NULL: the kernel,
 * which may all): 0, -ESRCH (there is none), -EPERM (to none of them). To
 * everybody but `by` and number 1: 0 or -ESRCH. Whoever ends by it leaves no child
 * that was not sent it, too, however fast they fork. No lock held; it may yield.
 */
int process_signal_group(int group, int signal, const struct process *by);
int process_signal_all(int signal, const struct process *by);

/* Its space, with a reference; NULL: it has none any more. Any task. */
struct aspace *process_aspace(struct process *p);

/* How many there are, zombies included. */
unsigned process_count(void);

/* --- life, for the process itself --- */

/* What fork wants of clone(). */
struct fork {
	uint64_t flags;	    /* CLONE_*, with the exit signal */
	uaddr_t stack;	    /* 0: where the parent's is */
	uaddr_t parent_tid; /* CLONE_PARENT_SETTID */
	uaddr_t child_tid;  /* CLONE_CHILD_SETTID, _CLEARTID */
	uint64_t tls;	    /* CLONE_SETTLS */
};

/* A child that returns 0 where this process returns its number. */
int process_fork(const struct user_regs *regs, const struct fork *f);

/* Become another program: 0, and `regs` are those at its start; or an error,
 * and nothing has changed. argv and envp end with NULL. */
int process_exec(struct user_regs *regs, const char *path, char *const argv[],
		 char *const envp[]);

/* The end. `status` as wait4() stores it. */
__attribute__((noreturn)) void process_exit(int status);

static inline int process_exited(int code)
{
	return (code & 0xff) << 8;
}

static inline int process_killed(int signal)
{
	return signal & 0x7f;
}

/* What a shell makes of a status: the exit code, or 128 and the signal. */
static inline int process_code(int status)
{
	return status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff;
}

#define WNOHANG	   0x1u
#define WUNTRACED  0x2u
#define WCONTINUED 0x8u
#define WNOTHREAD  0x20000000u
#define WALL	   0x40000000u
#define WCLONE	   0x80000000u

struct child_end {
	int status;
	struct usage used; /* with its own children's */
};

/* Wait for a child as wait4() does, who is gone then: its number; 0 (WNOHANG:
 * none is over yet), -ECHILD or -EINTR. */
int process_reap(int pid, unsigned options, struct child_end *end);

/* What it used up to now, without its children; what those that it waited for
 * did, with theirs. */
struct usage process_usage(struct process *p);

/* The current one has used so much of arch_time(), and may have reached its limit.
 * For the timer's interrupt. */
void process_tick(struct process *p, uint64_t used);
struct usage process_children_usage(struct process *p);

/* --- the end, from outside --- */

/* It ends with this signal as soon as it would go on in user mode, or sleeps
 * where it may be interrupted; whatever it has set for signals. The first
 * signal counts. Any context, interrupts as they are. */
void process_kill(struct process *p, int signal);

/* Does it wait for something, and neither runs nor could? */
bool process_sleeps(struct process *p);

/* Is the current process to end? Long loops and sleeps of the kernel give up
 * then (-EINTR): it never sees the result. False in tasks of the kernel. */
bool process_dying(void);

/*
 * User memory is out, for the current process: by the rule of kernel/oom.c one
 * is killed, and this one waits until its memory is back. True: try again.
 * False: the caller itself is to end. No lock held.
 */
bool process_out_of_memory(void);

/* On the way to user mode, when the task has TASK_KILLED set: the process ends
 * here. A task that runs a program without a process (tests) ends, too.
 * Interrupts on, no lock held. */
void process_return_to_user(struct user_regs *regs);
