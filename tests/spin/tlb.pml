/*
 * TLB shootdown with fences deferred, and address space numbers (ASIDs) given
 * out anew when they run out. Names and order of steps are those of mm/tlb.c
 * and mm/asid.c. Run by tests/spin.py.
 *
 * Law. A frame or table that was freed can't be reached by any hart, nor can
 * one of another space. A hart can reach what it remembers under the number
 * that is in its satp; what it remembers under others does no harm.
 *
 * Harts. Whatever satp leads to, a hart may remember at any time, under the
 * number in satp, until it is fenced. Here it remembers all of it, at once and
 * always: one that remembers less can do nothing more.
 *
 * One frame is watched. It is mapped in space VICTIM from the beginning of it;
 * unhooked, fenced and freed by a flush, or freed without a fence when the
 * space is destroyed, which no hart is in then. That is enough for any number
 * of frames, spaces and flushes: the law speaks of each frame by itself, and
 * all that other flushes do to it is to fence and to mark harts, so that they
 * remember less. Hence `active` and `stale` are VICTIM's. As spaces are alike,
 * and harts are, the flusher is hart 0.
 *
 * Steps. One is one access to what several harts write, one fence, or one write
 * of satp, but that some which nobody can come between are together:
 *
 *  - asid_enter(). A hart that takes the way without the lock has exchanged its
 *    `running` before a rollover took that, so it might have come before all of
 *    the rollover; or it finds 0, waits for the lock, and so comes after. All
 *    the rest is under the lock.
 *  - A fence of numbers that satp does not have, and the write of satp: nothing
 *    can bring back in between what was forgotten.
 *  - Into and out of spaces other than VICTIM, for the frame is not there.
 *
 * Rollovers: any number. Generations are only compared with each other, so a
 * context has an age in place of one: 1 is the current, all grow at a rollover.
 * States that are equal but for names, or for what nothing will look at, are
 * made one by tidy(): that is what makes them finite, and few.
 *
 * Memory is sequentially consistent. The order of a store and a later load
 * matters at one place, Dekker's in in_space() and enter(): NO_MB and
 * STALE_EARLY exchange the two there.
 *
 * Not modelled: ranges (each fence is of a whole space), new mappings, entries
 * of the kernel and idle harts, harts that start. A table is a frame.
 *
 * Each of these takes one rule out, and then the law can be broken:
 *	FREE_FIRST	free, then fence
 *	NO_STALE	harts that are not in the space are not marked
 *	STALE_EARLY	a hart looks for its mark, then is in `active`
 *	NO_MB		the flusher reads `active`, then its marks are seen
 *	LEAVE_EARLY	a hart leaves `active`, then satp the space
 *	DIRECT		satp goes from space to space, not by the kernel's
 *	NO_PENDING	harts forget nothing after a rollover
 *	NOT_RESERVED	numbers that harts still use are given to others
 *	NOT_KEPT	a space that harts are in gets another number
 * With NUMBERS 0, where all spaces are one to a hart:
 *	NO_FENCE	there is none after satp is written
 *	FENCE_EARLY	it comes before
 * And with as many NUMBERS as HARTS, there can be none left to give.
 */
#ifndef HARTS
#define HARTS 3
#endif
#ifndef SPACES
#define SPACES 2
#endif
#ifndef NUMBERS
#define NUMBERS 4 /* 1 to NUMBERS are given out, 0 is the kernel's */
#endif

/* Does satp go from one space to another? It may where it has no numbers. */
#ifdef DIRECT
#define SPACE_TO_SPACE 1
#else
#define SPACE_TO_SPACE (NUMBERS == 0)
#endif

#define KERNEL 0
#define VICTIM 1

#define BIT(n) (1 << (n))
#define ALL    (BIT(HARTS) - 1)

/* The frame. NOWHERE: none is watched. */
#define NOWHERE	 0
#define MAPPED	 1
#define UNHOOKED 2
#define FREE	 3
byte frame;

/* Harts: satp, and the numbers under which they remember the frame. */
byte root[HARTS];
byte number[HARTS];
byte seen[HARTS];
bit switching[HARTS]; /* satp is written, the fence to come: NUMBERS 0 */

/* struct tlb_space: of all, and of VICTIM. `active` is a word of SPIN's. */
byte context[SPACES + 1];
byte actives;
byte stale;

/* struct asid_pool */
byte next = 1;
byte pending;
byte running[HARTS];
byte reserved[HARTS];

/* Age 0: nothing can match it any more. */
#define CONTEXT(age, n) ((age) << 3 | (n))
#define AGE(c)		((c) >> 3)
#define NUMBER(c)	((c) & 7)
#define CURRENT		1
#define OLDEST		(HARTS + 2)

/* What a hart is at: the space it enters or flushes, its number; and the
 * flusher's masks. */
byte to[HARTS];
byte mine[HARTS];
byte before;
byte targets;

/* Used within a step. */
hidden byte i, j, k, hit;
hidden byte given, rest, name[NUMBERS + 1];

inline check()
{
	for (i : 0 .. HARTS - 1) {
		assert(!(seen[i] & BIT(number[i])) ||
		       frame != FREE && (root[i] == VICTIM || switching[i]))
	}
}

inline remember(h)
{
	seen[h] = seen[h] | (frame == MAPPED && root[h] == VICTIM ->
			     BIT(number[h]) : 0)
}

inline fence(h, numbers)
{
	seen[h] = seen[h] & ~(numbers);
	remember(h)
}

#define EVERYTHING 255

inline write_satp(h, s, n)
{
	root[h] = s;
	number[h] = n;
	switching[h] = (NUMBERS == 0);
	remember(h);
	check()
}

/*
 * tidy()
 */

/* An old context's generation counts if a hart has it reserved, too; its number
 * if there is somebody to fence. */
inline tidy_contexts()
{
	for (i : 1 .. SPACES) {
		hit = (AGE(context[i]) == CURRENT);
		for (j : 0 .. HARTS - 1) {
			hit = hit || AGE(context[i]) &&
			      context[i] == reserved[j]
		}
		context[i] = (hit -> context[i] : NUMBER(context[i]));
		hit = hit || i == VICTIM && actives;
		context[i] = (hit -> context[i] : 0)
	}
}

/* What is reserved counts if a space has it; its number, if it is not replaced
 * at the next rollover or its turn is still to come. */
inline tidy_reserved()
{
	for (i : 0 .. HARTS - 1) {
		hit = 0;
		for (j : 1 .. SPACES) {
			hit = hit || reserved[i] == context[j]
		}
		reserved[i] = (hit -> reserved[i] : NUMBER(reserved[i]));
		hit = !running[i] || AGE(reserved[i]) > CURRENT ||
		      NUMBER(reserved[i]) >= next;
		reserved[i] = (hit -> reserved[i] : 0)
	}
}

inline close_gap(c)
{
	c = (AGE(c) > k -> c - CONTEXT(1, 0) : c)
}

/* No age without a context. */
inline tidy_ages()
{
	for (k : 0 .. OLDEST - CURRENT - 1) {
		k = OLDEST - k;
		hit = 0;
		for (i : 0 .. HARTS - 1) {
			hit = hit || AGE(reserved[i]) == k
		}
		if
		:: !hit ->
			for (i : 1 .. SPACES) {
				close_gap(context[i])
			}
			for (i : 0 .. HARTS - 1) {
				close_gap(reserved[i])
			}
		:: else
		fi;
		k = OLDEST - k
	}
}

/* Only harts that remember the unhooked frame count, and of what they remember
 * only the number in use, if they will forget all before they enter a space. */
inline tidy_frame()
{
	k = 0;
	for (i : 0 .. HARTS - 1) {
		hit = (pending & BIT(i)) && !to[i];
		seen[i] = (hit -> seen[i] & BIT(number[i]) : seen[i]);
		k = k | (seen[i] -> BIT(i) : 0)
	}
	if
	:: frame != MAPPED ->
		before = before & k;
		targets = targets & k;
		stale = stale & k;
		frame = (k -> frame : NOWHERE)
	:: else
	fi
}

inline find(n)
{
	if
	:: name[n] || !(n)
	:: else ->
		if
		:: n < next ->
			name[n] = given;
			given++
		:: else ->
			name[n] = rest;
			rest++
		fi
	fi
}

inline rename(c)
{
	c = CONTEXT(AGE(c), name[NUMBER(c)])
}

/* Numbers have no order, except that `next` and above are still to be given:
 * within both kinds, they are those that are found first. */
inline tidy_numbers()
{
	for (i : 0 .. NUMBERS) {
		name[i] = 0
	}
	given = 1;
	rest = next;
	for (i : 0 .. HARTS - 1) {
		find(NUMBER(running[i]));
		find(NUMBER(reserved[i]))
	}
	for (i : 1 .. SPACES) {
		find(NUMBER(context[i]));
		rename(context[i])
	}
	for (i : 1 .. NUMBERS) {
		find(i)
	}
	for (i : 0 .. HARTS - 1) {
		rename(running[i]);
		rename(reserved[i]);
		rename(number[i]);
		rename(mine[i]);
		hit = seen[i] & BIT(0);
		for (j : 1 .. NUMBERS) {
			hit = hit | (seen[i] & BIT(j) -> BIT(name[j]) : 0)
		}
		seen[i] = hit
	}
}

inline tidy()
{
	tidy_frame();
#if NUMBERS
	tidy_contexts();
	tidy_reserved();
	tidy_ages();
	tidy_numbers();
#endif
	skip
}

/*
 * mm/asid.c
 */

inline grow_older(c)
{
	c = (AGE(c) -> c + CONTEXT(1, 0) : c);
	assert(AGE(c) <= OLDEST)
}

inline rollover()
{
	for (i : 1 .. SPACES) {
		grow_older(context[i])
	}
	for (i : 0 .. HARTS - 1) {
		reserved[i] = (running[i] -> running[i] : reserved[i]);
		running[i] = 0;
		grow_older(reserved[i])
	}
#ifndef NO_PENDING
	pending = ALL;
#endif
	next = 1
}

inline keep(c)
{
	hit = 0;
	for (i : 0 .. HARTS - 1) {
		if
		:: AGE(c) && reserved[i] == c ->
			reserved[i] = CONTEXT(CURRENT, NUMBER(c));
			hit = 1
		:: else
		fi
	}
#ifdef NOT_KEPT
	hit = 0
#endif
}

/* A hit: it is next - 1. */
inline take()
{
	hit = 0;
	do
	:: !hit && next <= NUMBERS ->
		hit = 1;
#ifndef NOT_RESERVED
		for (i : 0 .. HARTS - 1) {
			hit = hit && NUMBER(reserved[i]) != next
		}
#endif
		next++
	:: else -> break
	od
}

inline renew(c)
{
	keep(c);
	if
	:: hit -> c = CONTEXT(CURRENT, NUMBER(c))
	:: else ->
		take();
		if
		:: !hit ->
			rollover();
			take()
		:: else
		fi;
		assert(hit); /* there is a number */
		c = CONTEXT(CURRENT, next - 1)
	fi
}

inline asid_enter(h, s)
{
	if
	:: running[h] && AGE(context[s]) == CURRENT
	:: else ->
		if
		:: AGE(context[s]) != CURRENT -> renew(context[s])
		:: else
		fi;
		forget = (pending & BIT(h)) != 0;
		pending = pending & ~BIT(h)
	fi;
	running[h] = context[s];
	mine[h] = NUMBER(context[s])
}

/*
 * mm/tlb.c: tlb_switch()
 */

inline finish_switch(h)
{
#if NUMBERS
	if
	:: forget -> fence(h, EVERYTHING)
	:: !forget && mark -> fence(h, BIT(mine[h]))
	:: else
	fi;
#endif
#ifdef FENCE_EARLY
	fence(h, EVERYTHING);
#endif
	write_satp(h, to[h], mine[h]);
	mine[h] = 0;
	forget = 0;
	mark = 0;
	to[h] = 0
}

/* The rest follows at once, or else to[h] stays set. */
inline begin_switch(h, s)
{
	d_step {
		root[h] != (s) && (SPACE_TO_SPACE || root[h] == KERNEL) ->
		from = root[h];
		to[h] = s;
#if NUMBERS
		asid_enter(h, s);
#endif
#if !SPACE_TO_SPACE
		if
		:: (s) != VICTIM -> finish_switch(h)
		:: else
		fi;
#endif
		tidy()
	}
}

inline enter(h)
{
	actives = actives | BIT(h)
}

/* Only hart h clears the bit: to read it and to clear it can be one step. */
inline catch_up(h)
{
	mark = (stale & BIT(h)) != 0;
	stale = stale & ~BIT(h)
}

inline enter_victim(h)
{
#ifdef STALE_EARLY
	d_step { to[h] == VICTIM -> catch_up(h) }
	enter(h);
#else
	d_step { to[h] == VICTIM -> enter(h) }
	d_step { catch_up(h) }
#endif
	d_step { finish_switch(h); tidy() }
}

inline fence_after_satp(h)
{
	d_step {
#if !defined(NO_FENCE) && !defined(FENCE_EARLY)
		fence(h, EVERYTHING);
#endif
		switching[h] = 0;
		check();
		tidy()
	}
}

inline leave(h)
{
	d_step {
		actives = (from == VICTIM -> actives & ~BIT(h) : actives);
		from = 0;
		tidy()
	}
}

inline to_kernel(h)
{
	d_step {
		root[h] == VICTIM || SPACE_TO_SPACE && root[h] != KERNEL ->
		from = root[h];
#ifdef LEAVE_EARLY
		actives = actives & ~BIT(h)
	}
	d_step {
#endif
		write_satp(h, KERNEL, 0);
		skip
	}
#if !NUMBERS
	fence_after_satp(h);
#endif
	leave(h)
}

#if !SPACE_TO_SPACE
inline other_to_kernel(h)
{
	d_step {
		root[h] > VICTIM ->
		write_satp(h, KERNEL, 0);
		tidy()
	}
}
#endif

/*
 * mm/tlb.c: tlb_flush()
 */

inline unhook(h)
{
	d_step {
		h == 0 && frame == MAPPED ->
		frame = UNHOOKED;
		to[h] = VICTIM;
		tidy()
	}
}

inline read_active_again()
{
	d_step {
		targets = before | actives;
		tidy()
	}
}

inline in_space()
{
	before = actives;
#ifdef NO_MB
	read_active_again();
#endif
#ifndef NO_STALE
	d_step {
		stale = stale | ALL & ~before;
		tidy()
	}
#endif
#ifndef NO_MB
	read_active_again()
#endif
}

/* With the reading of the number. Nothing but the flush fences hart h. */
inline fence_here(h)
{
	d_step {
		mine[h] = NUMBER(context[VICTIM]);
		if
		:: root[h] == VICTIM -> fence(h, BIT(mine[h]))
		:: else
		fi;
		before = 0;
		targets = targets & ~BIT(h);
		tidy()
	}
}

inline fence_other(other)
{
	d_step {
		targets & BIT(other) ->
		fence(other, BIT(mine[_pid]));
		targets = targets & ~BIT(other);
		tidy()
	}
}

inline free()
{
	d_step {
		frame = (frame == UNHOOKED -> FREE : frame);
		check();
		tidy()
	}
}

inline end_flush(h)
{
	d_step {
		!targets ->
		mine[h] = 0;
		to[h] = 0;
#ifndef FREE_FIRST
		frame = (frame == UNHOOKED -> FREE : frame);
		check();
#endif
		tidy()
	}
}

/*
 * mm/umap.c: umap_destroy(), then umap_init() in the same place
 */

#define FAR(h, s) (root[h] != (s) && to[h] != (s))
#define UNUSED(s)                                                \
	(FAR(0, s) && FAR(1, s) && FAR(HARTS - 1, s) && \
	 ((s) != VICTIM || !actives))

inline destroy(s)
{
	d_step {
		UNUSED(s) && (context[s] || (s) == VICTIM && frame == MAPPED) ->
		frame = ((s) == VICTIM && frame == MAPPED -> FREE : frame);
		context[s] = 0;
		stale = ((s) == VICTIM -> 0 : stale);
		check();
		tidy()
	}
}

inline watch()
{
	d_step {
		frame == NOWHERE && !context[VICTIM] && !to[0] ->
		frame = MAPPED
	}
}

active [HARTS] proctype hart()
{
	byte from;
	bit forget, mark;

end:	do
	:: atomic {
		if
		:: begin_switch(_pid, 1)
		:: begin_switch(_pid, 2)
#if SPACES > 2
		:: begin_switch(_pid, 3)
#endif
		fi;
		if
		:: to[_pid]
		:: !to[_pid] -> goto end
		fi
		}
		if
		:: enter_victim(_pid)
#if SPACE_TO_SPACE
		:: d_step { to[_pid] > VICTIM -> finish_switch(_pid); tidy() }
#endif
		fi;
#if !NUMBERS
		fence_after_satp(_pid);
#endif
#if SPACE_TO_SPACE
		leave(_pid)
#endif
	:: to_kernel(_pid)
#if !SPACE_TO_SPACE
	:: other_to_kernel(_pid)
#endif
	:: unhook(_pid);
		in_space();
#ifdef FREE_FIRST
		free();
#endif
		fence_here(_pid);
		do
		:: fence_other(0)
		:: fence_other(1)
#if HARTS > 2
		:: fence_other(2)
#endif
		:: end_flush(_pid);
			break
		od
	:: destroy(1)
	:: destroy(2)
#if SPACES > 2
	:: destroy(3)
#endif
	:: watch()
	od
}
