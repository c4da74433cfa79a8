/*
 * The table of system calls. Numbers are many and far apart, calls are some
 * dozens: so a byte for each number says which entry of a dense table is its. All
 * tables are made from one list.
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

/* Those in the list that nobody has written. */
#define MISSING(nr, name)                         \
	int64_t sys_##name(const uint64_t arg[6]) \
		__attribute__((weak, alias("sys_none")));
#define MISSING_WHOLE(nr, name) MISSING(nr, name) USER_WHOLE_CALL(sys_##name);
SYSCALL_LIST(MISSING, MISSING_WHOLE)

#define ENTRY(nr, name) CALL_##name,
enum { NONE, SYSCALL_LIST(ENTRY, ENTRY) CALLS };
_Static_assert(CALLS <= 256, "an index is a byte");

#define FUNCTION(nr, name)	 [CALL_##name] = sys_##name,
#define FUNCTION_WHOLE(nr, name) [CALL_##name] = whole_sys_##name,
const syscall_fn syscall_table[] = {[NONE] = sys_none,
				    SYSCALL_LIST(FUNCTION, FUNCTION_WHOLE)};

#define INDEX(nr, name) [nr] = CALL_##name,
static const uint8_t index_of[SYSCALLS] = {SYSCALL_LIST(INDEX, INDEX)};
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
