/*
 * Copies from and to user memory: all alignments and lengths, each place where one
 * can end, every kind of address that a program may hand over. The buffers are
 * at the ends of mapped memory, so what is touched beyond shows.
 */
#include <string.h>

#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/uaccess.h>
#include <asm/csr.h>
#include <asm/trap.h>
#include <kernel/ktest.h>
#include <kernel/smp.h>
#include <kernel/task.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <mm/aspace.h>

#include "user_bed.h"

#define MAX 256 /* bytes of a copy, at most */

static uint8_t buffer[MAX + 32] __attribute__((aligned(8)));
static const struct user_bed *bed;

static bool sum_is_off(void)
{
	return !(csr_read(sstatus) & SSTATUS_SUM);
}

static uint8_t *view(uaddr_t at)
{
	return bed->data + (at - USER_DATA);
}

/* Bytes that tell where they belong. */
static void fill(uint8_t *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(1 + (i + seed) % 251);
}

static bool all(const uint8_t *p, size_t n, uint8_t value)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != value)
			return false;
	return true;
}

/* `good` bytes of n can be copied; all others stay as they were. */
static bool in_is_right(unsigned shift, uaddr_t from, size_t n, size_t good)
{
	uint8_t *to = buffer + 8 + shift;

	memset(buffer, 0, sizeof(buffer));
	return arch_copy_from_user(to, from, n) == n - good &&
	       !memcmp(to, view(from), good) &&
	       all(buffer, (size_t)(to - buffer), 0) &&
	       all(to + good, (size_t)(buffer + sizeof(buffer) - to) - good,
		   0) &&
	       sum_is_off();
}

/* 16 bytes before and behind are looked at, too. */
static bool out_is_right(unsigned shift, uaddr_t to, size_t n, size_t good,
			 bool clear)
{
	uaddr_t start = max_u64(to - 16, USER_DATA);
	size_t size = min_u64(to + good + 16, USER_END) - start;
	const uint8_t *from = buffer + 8 + shift;
	size_t left;

	memset(view(start), 0xee, size);
	left = clear ? arch_clear_user(to, n) : arch_copy_to_user(to, from, n);
	return left == n - good && all(view(start), to - start, 0xee) &&
	       (clear ? all(view(to), good, 0)
		      : !memcmp(view(to), from, good)) &&
	       all(view(to + good), size - (to - start) - good, 0xee) &&
	       sum_is_off();
}

static void complain(const char *what, unsigned shift, uaddr_t at, size_t n,
		     size_t good)
{
	ktest_fail(__FILE__, __LINE__,
		   "%s: buffer + %u, address %#llx, %zu bytes, %zu good", what,
		   shift, (unsigned long long)at, n, good);
}

static void try_in(unsigned shift, uaddr_t from, size_t n, size_t good)
{
	if (!in_is_right(shift, from, n, good))
		complain("in", shift, from, n, good);
}

static void try_out(unsigned shift, uaddr_t to, size_t n, size_t good)
{
	if (!out_is_right(shift, to, n, good, false))
		complain("out", shift, to, n, good);
	if (!shift && !out_is_right(shift, to, n, good, true))
		complain("clear", shift, to, n, good);
}

static size_t next_length(size_t n)
{
	return n < 40 ? n + 1 : n + 7;
}

KTEST(uaccess, all_alignments_and_lengths)
{
	bed = user_bed_start();
	REQUIRE(bed);
	fill(bed->data, USER_DATA_SIZE, 0);
	for (unsigned shift = 0; shift < 8; shift++)
		for (unsigned u = 0; u < 8; u++)
			for (size_t n = 0; n <= 150; n = next_length(n))
				try_in(shift, USER_DATA + 64 + u, n, n);
	fill(buffer, sizeof(buffer), 0);
	for (unsigned shift = 0; shift < 8; shift++)
		for (unsigned u = 0; u < 8; u++)
			for (size_t n = 0; n <= 150; n = next_length(n))
				try_out(shift, USER_DATA + 64 + u, n, n);
	user_bed_end();
}

/* The end of what is copied is not far from 0. */
KTEST(uaccess, lowest_addresses_are_like_others)
{
	uint8_t *low, *from = buffer;

	bed = user_bed_start();
	REQUIRE(bed);
	low = bed->data + USER_DATA_SIZE;
	fill(buffer, sizeof(buffer), 0);
	for (uaddr_t to = 0; to < 9; to++)
		for (size_t n = 0; n <= 80; n++) {
			memset(low, 0, MAX);
			EXPECT_EQ(arch_copy_to_user(to, from + to % 8, n), 0);
			EXPECT(!memcmp(low + to, from + to % 8, n));
			EXPECT(all(low, to, 0) && all(low + to + n, 64, 0));
			memset(low, 1, MAX);
			EXPECT_EQ(arch_clear_user(to, n), 0);
			EXPECT(all(low, to, 1) && all(low + to, n, 0) &&
			       all(low + to + n, 64, 1));
		}
	user_bed_end();
}

/* Each number of bytes before the end of what is mapped, or may be written. */
KTEST(uaccess, ends_at_the_first_byte_that_is_out_of_reach)
{
	static const size_t more[] = {1, 3, 8, 64, 100};

	bed = user_bed_start();
	REQUIRE(bed);
	fill(bed->data, USER_DATA_SIZE, 0);
	for (unsigned shift = 0; shift < 8; shift++)
		for (size_t k = 0; k <= 150; k++)
			for (unsigned i = 0; i < ARRAY_SIZE(more); i++)
				try_in(shift, USER_END - k, k + more[i], k);
	fill(buffer, sizeof(buffer), 0);
	for (unsigned shift = 0; shift < 8; shift++)
		for (size_t k = 0; k <= 150; k++)
			for (unsigned i = 0; i < ARRAY_SIZE(more); i++)
				try_out(shift, USER_RO - k, k + more[i], k);
	user_bed_end();
}

/* --- addresses that programs should not have --- */

static void expect_fault(uaddr_t at, size_t n)
{
	memset(buffer, 0x55, sizeof(buffer));
	EXPECT_EQ(copy_from_user(buffer, at, n), -EFAULT);
	EXPECT(all(buffer, sizeof(buffer), 0x55));
	EXPECT_EQ(copy_to_user(at, buffer, n), -EFAULT);
	EXPECT_EQ(clear_user(at, n), -EFAULT);
	EXPECT_EQ(strncpy_from_user((char *)buffer, at, sizeof(buffer)),
		  -EFAULT);
	EXPECT(sum_is_off());
}

KTEST(uaccess, hostile_addresses_are_efault)
{
	static const size_t size[] = {1,  2,  3,	 7,	    8,
				      15, 64, PAGE_SIZE, 1ull << 62};
	static uint8_t mine[64];
	uint64_t local = 0x5a5a, limit = user_limit();
	uaddr_t at[] = {
		PAGE_SIZE,
		PAGE_SIZE + 1,
		USER_DATA - 4096,
		USER_END,
		USER_END + 3,
		limit - 4096,
		limit - 1,
		limit,
		limit + 8,
		1ull << 62,
		1ull << 63,
		(uaddr_t)(uintptr_t)mine,
		(uaddr_t)(uintptr_t)mine + 3,
		(uaddr_t)(uintptr_t)&local,
		(uaddr_t)(uintptr_t)ktest_run,
		0,
		~0ull - 4095,
		~0ull - 7,
		~0ull,
	};

	bed = user_bed_start();
	REQUIRE(bed);
	at[15] = (uaddr_t)(uintptr_t)bed->data;
	for (unsigned a = 0; a < ARRAY_SIZE(at); a++)
		for (unsigned i = 0; i < ARRAY_SIZE(size); i++)
			expect_fault(at[a], size[i]);
	EXPECT_EQ(local, 0x5a5a);
	EXPECT(all(mine, sizeof(mine), 0));
	EXPECT(all(bed->data, USER_DATA_SIZE, 0));
	/* Sizes that wrap, from where something is. */
	memset(buffer, 0x55, sizeof(buffer));
	EXPECT_EQ(copy_from_user(buffer, USER_DATA, ~0ull), -EFAULT);
	EXPECT_EQ(copy_from_user(buffer, USER_END - 64, 72 - USER_END),
		  -EFAULT);
	EXPECT(all(buffer, sizeof(buffer), 0x55));
	EXPECT_EQ(copy_to_user(USER_DATA, buffer, 0 - USER_DATA), -EFAULT);
	EXPECT_EQ(clear_user(USER_DATA, limit), -EFAULT);
	EXPECT(all(bed->data, USER_DATA_SIZE, 0));
	/* Nothing is nowhere. */
	EXPECT_EQ(copy_from_user(buffer, ~0ull, 0), 0);
	EXPECT_EQ(copy_to_user(limit, buffer, 0), 0);
	EXPECT_EQ(clear_user(1ull << 63, 0), 0);
	user_bed_end();
}

KTEST(uaccess, strings_end_in_time)
{
	char *s = (char *)buffer;

	bed = user_bed_start();
	REQUIRE(bed);
	memset(bed->data, 'x', USER_DATA_SIZE);
	for (unsigned n = 0; n < 40; n++) {
		uaddr_t at = USER_DATA + 100 + n;

		view(at)[n] = 0;
		memset(buffer, 0x55, sizeof(buffer));
		EXPECT_EQ(strncpy_from_user(s, at, n + 1), n);
		EXPECT(all(buffer, n, 'x') && !s[n] && s[n + 1] == 0x55);
		EXPECT_EQ(strncpy_from_user(s, at, n), -ENAMETOOLONG);
		EXPECT_EQ(strncpy_from_user(s, at, MAX), n);
		view(at)[n] = 'x';
	}
	/* Up to the last byte, and one too far. */
	EXPECT_EQ(strncpy_from_user(s, USER_END - 5, MAX), -EFAULT);
	EXPECT_EQ(strncpy_from_user(s, USER_END - 5, 5), -ENAMETOOLONG);
	*view(USER_END - 1) = 0;
	EXPECT_EQ(strncpy_from_user(s, USER_END - 5, MAX), 4);
	EXPECT_EQ(strncpy_from_user(s, USER_END - 5, 5), 4);
	EXPECT_EQ(strncpy_from_user(s, USER_END, MAX), -EFAULT);
	EXPECT(sum_is_off());
	user_bed_end();
}

/* --- memory that is not there yet --- */

KTEST(uaccess, copies_fault_pages_in)
{
	const uint64_t size = 20 * PAGE_SIZE;
	struct aspace *as = aspace_create();
	uint64_t word;
	vaddr_t at;

	REQUIRE(as);
	if (aspace_map_anonymous(as, 0, 2 * size, PROT_READ | PROT_WRITE, 0,
				 &at)) {
		aspace_put(as);
		return ktest_skip("no memory");
	}
	fill(buffer, sizeof(buffer), 0);
	task_set_aspace(as);
	for (uint64_t off = 0; off + 8 < size; off += PAGE_SIZE / 2 - 4) {
		word = ~off;
		EXPECT_EQ(copy_from_user(&word, at + size + off, 8), 0);
		EXPECT_EQ(word, 0);
		word = ~off;
		EXPECT_EQ(copy_to_user(at + off, &word, 8), 0);
		EXPECT_EQ(copy_from_user(buffer, at + off, 8), 0);
		EXPECT(!memcmp(buffer, &word, 8));
		EXPECT(sum_is_off() && arch_irq_enabled());
	}
	EXPECT_EQ(clear_user(at, 2 * size), 0);
	EXPECT_EQ(aspace_mprotect(as, at + size, PAGE_SIZE, PROT_READ), 0);
	EXPECT_EQ(arch_clear_user(at + size - 5, 10), 5);
	EXPECT_EQ(copy_from_user(buffer, at + size - 5, 10), 0);
	task_set_aspace(NULL);
	EXPECT(!aspace_check(as));
	aspace_put(as);
}

/* --- what interrupts a copy --- */

extern const char uaccess_start[];

static struct {
	bool stop; /* (a) */
	unsigned cpu;
	uint64_t calls, inside, on;
} look;

/* On the hart that copies: is SUM off, wherever that was? */
static void look_here(void *arg)
{
	(void)arg;
	look.calls++;
	look.inside += user_copy_has(arch_interrupted());
	look.on += !sum_is_off();
}

static void interrupt_often(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&look.stop, __ATOMIC_RELAXED))
		smp_call(cpu_bit(look.cpu), look_here, NULL);
}

KTEST(uaccess, interrupts_find_user_memory_closed)
{
	cpumask_t others = cpus_online() & ~cpu_bit(arch_cpu());
	struct smp_work w = {.fn = interrupt_often};
	uint8_t *big = ktest_alloc(2 * PAGE_SIZE);

	if (!others || !big)
		return ktest_skip("it takes two harts");
	bed = user_bed_start();
	REQUIRE(bed);
	memset(&look, 0, sizeof(look));
	look.cpu = arch_cpu();
	smp_run(lowest_bit(others), &w);
	for (unsigned i = 0; i < 5000 && look.inside < 20; i++)
		EXPECT_EQ(arch_copy_from_user(big, USER_DATA, 2 * PAGE_SIZE),
			  0);
	__atomic_store_n(&look.stop, true, __ATOMIC_RELAXED);
	smp_wait(&w);
	EXPECT(look.inside > 0);
	EXPECT_EQ(look.on, 0);
	EXPECT(sum_is_off());
	user_bed_end();
}
