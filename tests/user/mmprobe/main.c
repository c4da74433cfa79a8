/*
 * mmprobe: what a kernel answers to each call of memory management, and to those of
 * files, processes and the machine.
 *
 *	mmprobe [GROUP | GROUP.NAME]...
 *
 * runs these cases, or all; `mmprobe list` prints the names of the groups. Each
 * case is a child, which writes its line to a shared page: so the line is there
 * when the child dies, too, with the signal that it died of.
 *
 * Source of what is asked: Linux's manual pages of these calls.
 */
#include <fcntl.h>
#include <sys/resource.h>

#include "probe.h"

extern const struct probe __start_probes[], __stop_probes[];

enum { LINE = 900 };

static char *line; /* shared with the child */

void answer(const char *format, ...)
{
	size_t n = strlen(line);
	va_list args;

	if (n && n < LINE)
		line[n++] = ' ';
	va_start(args, format);
	vsnprintf(line + n, LINE - n, format, args);
	va_end(args);
}

void skip(const char *why)
{
	line[0] = '\0';
	answer("skipped: %s", why);
	exit_raw(0);
}

/* Results are used several at a time. */
static char *text(void)
{
	static char ring[16][80];
	static unsigned next;

	return ring[next++ % 16];
}

const char *res(long result)
{
	char *s = text();
	unsigned long addr = (unsigned long)result;

	if (is_error(result))
		snprintf(s, 80, "%s", error_name(-result));
	else if (addr >= WINDOW && addr < WINDOW + (1ul << 30))
		snprintf(s, 80, "P+%lu%s", (addr - WINDOW) / PAGE,
			 addr % PAGE ? "+" : "");
	else if (addr > 1ul << 24)
		snprintf(s, 80, "elsewhere%s", addr % PAGE ? " unaligned" : "");
	else
		snprintf(s, 80, "%ld", result);
	return s;
}

long mmap_(unsigned long addr, unsigned long len, int prot, int flags, int fd,
	   unsigned long offset)
{
	return call(SYS_mmap, addr, len, prot, flags, fd, offset);
}

long munmap_(unsigned long addr, unsigned long len)
{
	return call(SYS_munmap, addr, len);
}

long mprotect_(unsigned long addr, unsigned long len, int prot)
{
	return call(SYS_mprotect, addr, len, prot);
}

long mremap_(unsigned long old, unsigned long old_len, unsigned long new_len,
	     int flags, unsigned long to)
{
	return call(SYS_mremap, old, old_len, new_len, flags, to);
}

long madvise_(unsigned long addr, unsigned long len, int advice)
{
	return call(SYS_madvise, addr, len, advice);
}

long limit_(int resource, unsigned long soft)
{
	struct rlimit limit;
	long error = call(SYS_prlimit64, 0, resource, 0, &limit);

	limit.rlim_cur = soft;
	return error ? error : call(SYS_prlimit64, 0, resource, &limit, 0);
}

void map_as(int page, int n, int prot, int flags)
{
	long got = mmap_(P(page), (unsigned long)n * PAGE, prot,
			 flags | MAP_FIXED, -1, 0);

	if (got != (long)P(page)) {
		answer("map: %s", res(got));
		exit_raw(1);
	}
}

void map(int page, int n, int prot)
{
	map_as(page, n, prot, ANON);
}

void fill(int page, int n)
{
	for (int i = 0; i < n; i++)
		*AT(page + i) = (char)('a' + i);
}

static char shown_page(int page)
{
	unsigned char vec = 0;
	long r = call(SYS_mincore, P(page), PAGE, &vec);

	return r == -ENOMEM ? '.' : r ? '?' : (vec & 1) ? '1' : '0';
}

const char *shown(int page, int n)
{
	char *s = text();

	for (int i = 0; i < n; i++)
		s[i] = shown_page(page + i);
	s[n] = '\0';
	return s;
}

/* As wait_for() has it; 256: no child. */
static int outcome(void (*fn)(unsigned long arg), unsigned long arg)
{
	int pid = fork_raw();

	if (pid == 0) {
		fn(arg);
		exit_raw(0);
	}
	return pid < 0 ? 256 : wait_for(pid);
}

const char *child(void (*fn)(unsigned long arg), unsigned long arg)
{
	char *s = text();
	int status = outcome(fn, arg);

	if (status == 256)
		snprintf(s, 80, "no child");
	else if (status < 0)
		snprintf(s, 80, "%s", signal_name(-status));
	else if (status)
		snprintf(s, 80, "status %d", status);
	else
		snprintf(s, 80, "ok");
	return s;
}

void read_at(unsigned long addr)
{
	(void)*(volatile char *)addr;
}

void write_at(unsigned long addr)
{
	*(volatile char *)addr = 'W';
}

void run_at(unsigned long addr)
{
	((void (*)(void))addr)();
}

const char *contents(int page, int n)
{
	char *s = text();

	for (int i = 0; i < n; i++) {
		char c = shown_page(page + i);

		if (c != '.' && outcome(read_at, P(page + i)))
			c = '-';
		else if (c != '.')
			c = *AT(page + i);
		s[i] = c ? c : '0';
	}
	s[n] = '\0';
	return s;
}

/* The middle of a page of ours is 0, which is no instruction: where it may be
 * fetched it ends with another signal than that of a fault. */
const char *rights(int page, int n)
{
	char *s = text();

	for (int i = 0; i < n; i++) {
		unsigned long addr = P(page + i);
		int run = outcome(run_at, addr + PAGE / 2);
		int r = 4 * !outcome(read_at, addr) +
			2 * !outcome(write_at, addr) +
			(run != -SIGSEGV && run != -SIGBUS);

		s[i] = shown_page(page + i) == '.' ? '.' : (char)('0' + r);
	}
	s[n] = '\0';
	return s;
}

const char *locks(int page, int n)
{
	char *s = text();

	for (int i = 0; i < n; i++) {
		long r = madvise_(P(page + i), PAGE, ADV_COLD);

		s[i] = r == -ENOMEM ? '.' : r == -EINVAL ? 'L' : '-';
	}
	s[n] = '\0';
	return s;
}

int data_file(void)
{
	long fd = call(SYS_openat, AT_FDCWD, "/data/pages", O_RDONLY);

	if (fd < 0)
		skip("no /data/pages");
	return (int)fd;
}

static void run(const struct probe *p)
{
	int status, pid;

	memset(line, 0, LINE + 1);
	pid = fork_raw();
	if (pid == 0) {
		p->fn();
		exit_raw(0);
	}
	status = pid < 0 ? 256 : wait_for(pid);
	if (status == 256)
		answer("can't fork");
	else if (status < 0)
		answer("died of %s", signal_name(-status));
	else if (status)
		answer("ended with %d", status);
	say("%s.%s: %s\n", p->group, p->name, line);
}

static int wanted(const struct probe *p, int argc, char **argv)
{
	size_t n = strlen(p->group);

	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], p->group) ||
		    (!strncmp(argv[i], p->group, n) && argv[i][n] == '.' &&
		     !strcmp(argv[i] + n + 1, p->name)))
			return 1;
	return argc == 1;
}

static int list(void)
{
	const char *last = "";

	for (const struct probe *p = __start_probes; p < __stop_probes; p++)
		if (strcmp(last, p->group))
			say("%s\n", last = p->group);
	return 0;
}

int main(int argc, char **argv)
{
	int count = 0;

	if (argc == 2 && !strcmp(argv[1], "list"))
		return list();
	line = mmap(NULL, PAGE, RW, SHANON, -1, 0);
	if (line == MAP_FAILED)
		return 2;
	for (const struct probe *p = __start_probes; p < __stop_probes; p++)
		if (wanted(p, argc, argv)) {
			run(p);
			count++;
		}
	return count ? 0 : 2;
}
