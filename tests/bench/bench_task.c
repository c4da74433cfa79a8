/* Switching, waking and making tasks. The partners run on this hart alone. */
#include <kernel/bench.h>
#include <kernel/mutex.h>
#include <kernel/task.h>

static struct task *partner;
static bool over; /* (a) */
static struct mutex lock = MUTEX_INIT(lock);

static bool begin(void (*fn)(void *arg))
{
	partner = task_create("bench", fn, NULL);
	if (!partner)
		return false;
	over = false;
	partner->allowed = cpu_bit(arch_cpu());
	task_start(partner);
	task_yield();
	return true;
}

static void end(void)
{
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	while (task_state(partner) != TASK_DEAD) {
		task_wake(partner);
		task_yield();
	}
	task_put(partner);
}

static void yield_back(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
		task_yield();
}

static bool start_yield(void)
{
	return begin(yield_back);
}

static void sleep_again(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
		task_block();
}

static bool start_wake(void)
{
	return begin(sleep_again);
}

static void wake_and_yield(void)
{
	task_wake(partner);
	task_yield();
}

static void lock_unlock(void)
{
	mutex_lock(&lock);
	mutex_unlock(&lock);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void live_and_die(void)
{
	struct task *t = task_create("bench", nothing, NULL);

	if (!t)
		return;
	t->allowed = cpu_bit(arch_cpu());
	task_start(t);
	task_yield();
	task_put(t);
}

BENCH(task_yield) = {
	.group = "task",
	.name = "task-yield",
	.what = "yield to another task, and it yields back (two switches)",
	.start = start_yield,
	.run = task_yield,
	.end = end,
};
BENCH(task_wake) = {
	.group = "task",
	.name = "task-wake",
	.what = "wake a task, it runs and sleeps again (two switches)",
	.start = start_wake,
	.run = wake_and_yield,
	.end = end,
};
BENCH(task_life) = {
	.group = "task",
	.name = "task-life",
	.what = "make a task, it runs and ends (two switches)",
	.run = live_and_die,
};
BENCH(mutex) = {
	.group = "task",
	.name = "mutex",
	.what = "lock and unlock a mutex that nobody else wants",
	.run = lock_unlock,
};
