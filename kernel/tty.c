/*
 * The console as a terminal (<kernel/tty.h>).
 *
 *	console's ring --tty_look()--> line --tty_read()--> program
 *
 * Bytes leave the ring only while a reader waits and there is no line, or up to
 * the end of one that somebody asked for who does not wait: so what is typed
 * ahead of a program's end goes to the shell, as does what it never read.
 * Otherwise tty_look() asks for ^C alone, which is never behind another byte.
 *
 * The second ^C in a row kills: a program may ignore SIGINT, but there is
 * nobody else who could end it.
 *
 * Locking: `lock` is for the line and who waits, of the rank of the console's
 * input. Nothing is called under it but echo, which takes the console's lock.
 */
#include <kernel/console.h>
#include <kernel/process.h>
#include <kernel/spinlock.h>
#include <kernel/task.h>
#include <kernel/tty.h>
#include <kernel/ttyline.h>
#include <kernel/wait.h>
#include <lib/errno.h>

#define CTRL_C 3
#define CTRL_D 4

static struct {
	struct spinlock lock;
	struct task *server; /* NULL: none (l) */
	int group;	     /* (l), (a) */
	unsigned waiting;    /* readers without a line (l) */
	bool asked;	     /* for a line, by who does not wait (l) */
	unsigned interrupts; /* ^C since the last line; the server's */
	struct ttyline line; /* (l) */
	struct wait_queue readers;
} tty = {.lock = SPINLOCK_INIT(LOCK_INPUT),
	 .readers = WAIT_QUEUE_INIT(tty.readers)};

int tty_group(void)
{
	return __atomic_load_n(&tty.group, __ATOMIC_RELAXED);
}

static void drop_line_locked(void)
{
	tty.line.length = tty.line.taken = 0;
	tty.line.ended = false;
}

void tty_serve(int group)
{
	uint64_t flags = spin_lock_irqsave(&tty.lock);

	tty.server = group ? task_current() : NULL;
	__atomic_store_n(&tty.group, group, __ATOMIC_RELAXED);
	drop_line_locked();
	tty.asked = false;
	tty.interrupts = 0;
	spin_unlock_irqrestore(&tty.lock, flags);
	wake_all(&tty.readers);
}

/* ^C was typed: what nobody has read yet is forgotten. */
static void interrupt(void)
{
	uint64_t flags = spin_lock_irqsave(&tty.lock);

	drop_line_locked();
	spin_unlock_irqrestore(&tty.lock, flags);
	console_puts("^C\n");
	process_signal_group(tty.group, tty.interrupts++ ? SIGKILL : SIGINT,
			     NULL);
}

/* The next byte, if a reader waits for it; -1: none. */
static int wanted_byte(void)
{
	uint64_t flags = spin_lock_irqsave(&tty.lock);
	bool wanted = (tty.waiting || tty.asked) && !tty.line.ended;

	spin_unlock_irqrestore(&tty.lock, flags);
	return wanted ? console_getc() : -1;
}

static void put(uint8_t byte)
{
	uint64_t flags = spin_lock_irqsave(&tty.lock);

	ttyline_put(&tty.line, byte, console_write);
	tty.interrupts = 0;
	if (tty.line.ended)
		tty.asked = false;
	spin_unlock_irqrestore(&tty.lock, flags);
	if (byte == '\r' || byte == '\n' || byte == CTRL_D)
		wake_all(&tty.readers);
}

void tty_look(void)
{
	int c;

	if (console_interrupted())
		interrupt();
	while ((c = wanted_byte()) >= 0)
		if (c == CTRL_C)
			interrupt();
		else
			put((uint8_t)c);
}

/* Wait for a line: 0 or an error. */
static int wait_for_line(int group)
{
	uint64_t flags = spin_lock_irqsave(&tty.lock);
	bool so;

	tty.waiting++;
	if (tty.server)
		task_wake(tty.server);
	spin_unlock_irqrestore(&tty.lock, flags);
	so = wait_on_killable(&tty.readers, __atomic_load_n(&tty.line.ended,
							    __ATOMIC_ACQUIRE) ||
						    tty_group() != group);
	flags = spin_lock_irqsave(&tty.lock);
	tty.waiting--;
	spin_unlock_irqrestore(&tty.lock, flags);
	return so ? 0 : -EINTR;
}

/* What there is now: bytes, or -EAGAIN, -EIO. */
static int64_t take(void *p, size_t n, int group)
{
	uint64_t flags = spin_lock_irqsave(&tty.lock);
	int64_t result = -EAGAIN;

	if (tty.group != group)
		result = -EIO;
	else if (tty.line.ended)
		result = (int64_t)ttyline_take(&tty.line, p, n);
	spin_unlock_irqrestore(&tty.lock, flags);
	return result;
}

static void ask_for_line(void)
{
	uint64_t flags = spin_lock_irqsave(&tty.lock);

	tty.asked = true;
	if (tty.server)
		task_wake(tty.server);
	spin_unlock_irqrestore(&tty.lock, flags);
}

int tty_ready(void)
{
	uint64_t flags = spin_lock_irqsave(&tty.lock);
	int n = tty.line.ended ? (int)(tty.line.length - tty.line.taken) : 0;

	spin_unlock_irqrestore(&tty.lock, flags);
	return n;
}

int64_t tty_read(void *p, size_t n, bool wait)
{
	int group = process_current()->group;
	int64_t result;
	int err = 0;

	while ((result = take(p, n, group)) == -EAGAIN && wait && !err)
		err = wait_for_line(group);
	if (result == -EAGAIN && !wait)
		ask_for_line();
	return err ? err : result;
}
