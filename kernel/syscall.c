/*
 * The table of system calls. Numbers are many and far apart, calls are some
 * dozens: so a byte for each number says which entry of a dense table is its. All
 * tables are made from one list.
 *
 * Who watches calls puts an index in place in which every number leads to one entry,
 * so calls that nobody watches don't pay for it.
 */
#include <string.h>

#include <arch/user.h>
#include <kernel/syscall.h>
#include <lib/errno.h>

static int64_t sys_none(const uint64_t arg[6])
{
	(void)arg;
	return -ENOSYS;
}

#define NOTHING(nr, name)
#define COMPLETE(nr, name) USER_WHOLE_CALL(sys_##name);
SYSCALL_LIST(NOTHING, COMPLETE)

int64_t sys_watched(const uint64_t arg[6]);
USER_WHOLE_CALL(sys_watched);

#define ENTRY(nr, name) CALL_##name,
enum { NONE, SYSCALL_LIST(ENTRY, ENTRY) WATCHED };
_Static_assert(WATCHED < 256, "an index is a byte");

#define FUNCTION(nr, name)	 [CALL_##name] = sys_##name,
#define FUNCTION_WHOLE(nr, name) [CALL_##name] = whole_sys_##name,
const syscall_fn syscall_table[] = {[NONE] = sys_none,
				    [WATCHED] = whole_sys_watched,
				    SYSCALL_LIST(FUNCTION, FUNCTION_WHOLE)};

#define INDEX(nr, name) [nr] = CALL_##name,
static const uint8_t index_of[SYSCALLS] = {SYSCALL_LIST(INDEX, INDEX)};
static const uint8_t index_watched[SYSCALLS] = {[0 ... SYSCALLS - 1] = WATCHED};

const uint8_t *syscall_index = index_of;

/* In the order of the enum. */
#define NAME(nr, name) #name "\0"
static const char names[] = SYSCALL_LIST(NAME, NAME);

const char *syscall_name(uint64_t number)
{
	unsigned call = number < SYSCALLS ? index_of[number] : NONE;
	const char *name = names;

	if (call == NONE)
		return NULL;
	while (--call)
		name += strlen(name) + 1;
	return name;
}

static syscall_watcher watcher;	 /* (a) */
static uint32_t counts[WATCHED]; /* (a) */

void syscall_watch(syscall_watcher w)
{
	if (w)
		__atomic_store_n(&watcher, w, __ATOMIC_RELEASE);
	__atomic_store_n(&syscall_index, w ? index_watched : index_of,
			 __ATOMIC_RELEASE);
}

int64_t syscall_make(const struct user_regs *r, const uint64_t arg[6])
{
	uint64_t number = user_syscall_number(r);

	/* The registers are complete, and those that the functions of C keep
	 * are other ones by now. */
#define PLAIN(nr, name)     \
	if (number == (nr)) \
		return sys_##name(arg);
	SYSCALL_LIST(NOTHING, PLAIN)
	return syscall_table[index_of[number]](arg);
}

int64_t sys_watched(const uint64_t arg[6])
{
	struct user_regs *r = user_call_regs(arg);
	unsigned call = index_of[user_syscall_number(r)];

	__atomic_fetch_add(&counts[call], 1, __ATOMIC_RELAXED);
	return __atomic_load_n(&watcher, __ATOMIC_ACQUIRE)(r, arg);
}

uint32_t syscall_count(uint64_t number)
{
	return __atomic_load_n(&counts[index_of[number]], __ATOMIC_RELAXED);
}
