/*
 * The lock of address spaces: one writer, or readers on any harts, that write
 * nothing which other harts read. Names and order of steps are those of
 * mm/aspace.c and mm/aspace_impl.h. Run by tests/spin.py.
 *
 * Law. While a writer changes something, no hart is in a read section. And
 * whoever waits gets on: a state from which nobody can go on is an error.
 *
 * Memory. A hart's stores to what others read without the mutex, `reading` and
 * `changing`, go through a buffer with one place, and reach memory at any later
 * time, but before a fence is over, before the next store of the hart, and before
 * it gives the mutex back. Loads look at memory. So a load can overtake a store, as
 * it can on the real machine; atomic operations can't be overtaken here, nor need
 * that they are. What is under the mutex is atomic or the holder's.
 *
 * One space is watched: a hart that reads another one does not read this.
 *
 * Each of these takes one rule out, and then the law can be broken:
 *	NO_FENCE_READER	nothing between `reading` and the look at `changing`
 *	NO_FENCE_WRITER	nothing between `changing` and the look at `reading`
 *	LOOK_FIRST	the reader looks at `changing`, then says that it reads
 *	NOTE_LATE	it looks at `changing`, then notes its hart in `readers`
 *	WAIT_FIRST	the writer waits for readers, then says that it changes
 *	WAIT_FOR_ONE	it waits for one reader only
 *	END_EARLY	the reader says that it is done, and then ends
 *	OPEN_EARLY	the writer takes `changing` back, and then ends
 *	GIVE_FIRST	it gives the mutex back, and then takes `changing` back
 */
#ifndef HARTS
#define HARTS 3
#endif

#define BIT(h) (1 << (h))

bit reading[HARTS];	/* memory */
bit changing;
byte readers;
bit mutex;

/* What is in a hart's buffer: nothing, or a store to one of the two. */
mtype = { EMPTY, READING, CHANGING };
mtype what[HARTS];
bit value[HARTS];

bit inside[HARTS];	/* in a read section */
bit writing[HARTS];

inline check()
{
	assert(!(writing[0] && (inside[1] || inside[HARTS - 1] || inside[0])));
	assert(!(writing[1] && (inside[0] || inside[HARTS - 1] || inside[1])));
	assert(!(writing[HARTS - 1] &&
		 (inside[0] || inside[1] || inside[HARTS - 1])));
	assert(writing[0] + writing[1] +
	       (HARTS > 2 -> writing[HARTS - 1] : 0) <= 1)
}

#define DRAINED(h) (what[h] == EMPTY)

inline drain(h)
{
	if
	:: what[h] == READING -> reading[h] = value[h]
	:: what[h] == CHANGING -> changing = value[h]
	:: else
	fi;
	what[h] = EMPTY;
	value[h] = 0
}

/* The buffer's place is free, or becomes so. */
inline store(h, which, v)
{
	d_step {
		drain(h);
		what[h] = which;
		value[h] = v
	}
}

inline fence(h)
{
	d_step { drain(h) }
}

inline take_mutex()
{
	atomic { !mutex -> mutex = 1 }
}

inline give_mutex(h)
{
	d_step {
#ifndef GIVE_FIRST
		drain(h);
#endif
		mutex = 0
	}
}

inline note(h)
{
	readers = readers | BIT(h)
}

inline read_section(h)
{
	d_step { inside[h] = 1; check() }
#ifdef END_EARLY
	store(h, READING, 0);
	d_step { inside[h] = 0 }
#else
	d_step { inside[h] = 0 }
	store(h, READING, 0)
#endif
}

inline read(h)
{
	do
	:: 1 ->
#ifdef LOOK_FIRST
		seen = changing;
#endif
		store(h, READING, 1);
#ifndef NOTE_LATE
		note(h);
#endif
#ifndef NO_FENCE_READER
		fence(h);
#endif
#ifndef LOOK_FIRST
		seen = changing;
#endif
#ifdef NOTE_LATE
		note(h);
#endif
		if
		:: !seen -> break
		:: seen
		fi;
		seen = 0;
		store(h, READING, 0);
		take_mutex();
		give_mutex(h)
	od;
	read_section(h)
}

/* In order, and each as long as it reads. */
inline wait_for_readers(h)
{
	others = readers & ~BIT(h);
	k = 0;
	do
	:: k < HARTS && !(others & BIT(k)) -> k++
	:: k < HARTS && (others & BIT(k)) && !reading[k] ->
#ifdef WAIT_FOR_ONE
		k = HARTS
#else
		k++
#endif
	:: k == HARTS -> break
	od;
	others = 0;
	k = 0
}

inline write(h)
{
	take_mutex();
#ifdef WAIT_FIRST
	wait_for_readers(h);
#endif
	store(h, CHANGING, 1);
#ifndef NO_FENCE_WRITER
	fence(h);
#endif
#ifndef WAIT_FIRST
	wait_for_readers(h);
#endif
	d_step { writing[h] = 1; check() }
#ifdef OPEN_EARLY
	store(h, CHANGING, 0);
	d_step { writing[h] = 0 }
#else
	d_step { writing[h] = 0 }
#ifndef GIVE_FIRST
	store(h, CHANGING, 0);
#endif
#endif
	give_mutex(h);
#ifdef GIVE_FIRST
	store(h, CHANGING, 0)
#endif
}

/* The hart's buffer, at any time. */
active [HARTS] proctype buffer()
{
end:	do
	:: d_step { !DRAINED(_pid) -> drain(_pid) }
	od
}

proctype hart(byte h)
{
	bit seen;
	byte others, k;

end:	do
	:: read(h)
	:: write(h)
	od
}

init
{
	atomic {
		what[0] = EMPTY;
		what[1] = EMPTY;
		what[HARTS - 1] = EMPTY;
		run hart(0);
		run hart(1);
#if HARTS > 2
		run hart(2)
#endif
	}
}
