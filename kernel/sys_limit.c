/* System calls of limits and of what was used. */
#include <kernel/process.h>

#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <kernel/usage_abi.h>
#include <lib/errno.h>
#include <mm/aspace.h>
#include <mm/zone.h>

#include <kernel/syscall.h>

#include "process_impl.h"

#define MOST_FILES 1048576u /* RLIMIT_NOFILE goes no higher */

/* --- limits --- */

/* May the current process change p's limit to that? */
static int check_limit(const struct process *p, unsigned resource,
		       const struct rlimit *l)
{
	bool root = user_is_root(&process_current()->user);

	if (l->cur > l->max)
		return -EINVAL;
	if (resource == RLIMIT_NOFILE && l->max > MOST_FILES)
		return -EPERM;
	return l->max > p->limit[resource].max && !root ? -EPERM : 0;
}

/* Those of memory act in the space. */
static void set_limit(struct process *p, unsigned resource,
		      const struct rlimit *l)
{
	struct aspace *as = process_aspace(p);

	__atomic_store_n(&p->limit[resource].max, l->max, __ATOMIC_RELAXED);
	__atomic_store_n(&p->limit[resource].cur, l->cur, __ATOMIC_RELAXED);
	if (!as)
		return;
	process_limit_space(p, as);
	aspace_put(as);
}

static bool are_all(const struct user_ids *ids, uint32_t id)
{
	return ids->real == id && ids->effective == id && ids->saved == id;
}

/* Root may, and whoever p is all of: not who may only signal it. */
static bool may_limit(const struct process *by, const struct process *p)
{
	return by == p || user_is_root(&by->user) ||
	       (are_all(&p->user, by->user.real) &&
		are_all(&p->user_group, by->user_group.real));
}

/* new: NULL if it stays. The former one goes to *was. */
static int limit(struct process *p, unsigned resource, const struct rlimit *new,
		 struct rlimit *was)
{
	int err = 0;

	if (!may_limit(process_current(), p))
		return -EPERM;
	if (resource >= RLIMITS)
		return -EINVAL;
	*was = p->limit[resource];
	if (new)
		err = check_limit(p, resource, new);
	if (!err && new)
		set_limit(p, resource, new);
	return err;
}

/* prlimit64(pid, resource, new, old). */
int64_t sys_prlimit64(const uint64_t arg[6])
{
	int pid = (int)arg[0], err;
	struct rlimit new, was;
	struct process *p;

	if (arg[2] && copy_from_user(&new, arg[2], sizeof(new)))
		return -EFAULT;
	p = pid ? process_find(pid) : process_get(process_current());
	if (!p)
		return -ESRCH;
	err = limit(p, (unsigned)arg[1], arg[2] ? &new : NULL, &was);
	process_put(p);
	if (err || !arg[3])
		return err;
	return copy_to_user(arg[3], &was, sizeof(was));
}

int64_t sys_getrlimit(const uint64_t arg[6])
{
	struct process *p = process_current();
	unsigned resource = (unsigned)arg[0];

	if (resource >= RLIMITS)
		return -EINVAL;
	return copy_to_user(arg[1], &p->limit[resource],
			    sizeof(p->limit[resource]));
}

int64_t sys_setrlimit(const uint64_t arg[6])
{
	unsigned resource = (unsigned)arg[0];
	struct rlimit to;
	int err = copy_from_user(&to, arg[1], sizeof(to));

	if (err)
		return err;
	if (resource >= RLIMITS)
		return -EINVAL;
	err = check_limit(process_current(), resource, &to);
	if (!err)
		set_limit(process_current(), resource, &to);
	return err;
}

/* From the soft limit on there is a signal each second, at the hard one the end. */
void process_tick(struct process *p, uint64_t used)
{
	struct rlimit *l = &p->limit[RLIMIT_CPU];
	uint64_t soft = __atomic_load_n(&l->cur, __ATOMIC_RELAXED), seconds;

	if (soft == RLIM_INFINITY)
		return;
	seconds = time_us_of(used) / 1000000;
	if (seconds >= __atomic_load_n(&l->max, __ATOMIC_RELAXED)) {
		process_kill(p, SIGKILL);
	} else if (seconds >= soft) {
		__atomic_store_n(&l->cur, seconds + 1, __ATOMIC_RELAXED);
		signal_send(p, SIGXCPU);
	}
}

/* --- usage --- */

static struct timeval_abi timeval(uint64_t ticks)
{
	uint64_t us = time_us_of(ticks);

	return (struct timeval_abi){(int64_t)(us / 1000000),
				    (int64_t)(us % 1000000)};
}

struct usage_abi usage_to_abi(const struct usage *u)
{
	return (struct usage_abi){
		.user = timeval(u->user),
		.kernel = timeval(u->kernel),
		.max_rss = (int64_t)(u->max_rss / 1024),
		.minor_faults = (int64_t)u->faults,
		.switches = (int64_t)u->switches,
	};
}

/* How much is mapped takes a walk of all page tables: so it is looked at when
 * it is asked for, and only then. What is told is the most of those looks;
 * nobody looks when a process ends. */
static void look_at_memory(struct process *p)
{
	struct aspace_stats s;

	aspace_stats(p->aspace, &s);
	p->used.max_rss = max_u64(p->used.max_rss, s.resident * PAGE_SIZE);
}

enum { USAGE_SELF, USAGE_THREAD = 1, USAGE_CHILDREN = -1 };

/* getrusage(who, usage). */
int64_t sys_getrusage(const uint64_t arg[6])
{
	struct process *p = process_current();
	int who = (int)arg[0];
	struct usage_abi abi;
	struct usage u;

	if (who != USAGE_SELF && who != USAGE_THREAD && who != USAGE_CHILDREN)
		return -EINVAL;
	if (who != USAGE_CHILDREN)
		look_at_memory(p);
	u = who == USAGE_CHILDREN ? process_children_usage(p)
				  : process_usage(p);
	abi = usage_to_abi(&u);
	return copy_to_user(arg[1], &abi, sizeof(abi));
}

/* times(buf): in hundredths of a second; the result is the time since boot. */
int64_t sys_times(const uint64_t arg[6])
{
	struct process *p = process_current();
	struct usage own = process_usage(p);
	struct usage children = process_children_usage(p);
	const uint64_t ticks[] = {own.user, own.kernel, children.user,
				  children.kernel};
	int64_t t[ARRAY_SIZE(ticks)];

	for (unsigned i = 0; i < ARRAY_SIZE(ticks); i++)
		t[i] = (int64_t)(time_us_of(ticks[i]) / 10000);
	if (arg[0] && copy_to_user(arg[0], t, sizeof(t)))
		return -EFAULT;
	return (int64_t)(time_us() / 10000);
}

/* struct sysinfo. */
struct sysinfo_abi {
	int64_t uptime;
	uint64_t loads[3];
	uint64_t total, free, shared, buffers, swap, swap_free;
	uint16_t processes, unused1[3]; /* no gap: all is copied out */
	uint64_t high, high_free;
	uint32_t unit, unused2;
};

_Static_assert(sizeof(struct sysinfo_abi) == 112, "struct sysinfo");

int64_t sys_sysinfo(const uint64_t arg[6])
{
	struct sysinfo_abi s = {
		.uptime = (int64_t)(time_us() / 1000000),
		.processes = (uint16_t)process_count(),
		.unit = 1,
	};
	struct zone_sums frames = zone_sums();

	s.total = frames.total * PAGE_SIZE;
	s.free = (frames.free + frames.cached) * PAGE_SIZE;
	return copy_to_user(arg[0], &s, sizeof(s));
}
