/*
 * A program that does what it can't, in one of many ways, with numbers in its
 * registers that a report should have.
 *
 *	crash WAY
 */
#include "user.h"

/* An instruction, with `address` in a0; sN is 0x5000 + N, and tN 0x6000 + N. */
#define DO(instruction)                                                      \
	__asm__ volatile("li s1, 0x5001\n li s2, 0x5002\n li s3, 0x5003\n"   \
			 "li s10, 0x500a\n li s11, 0x500b\n"                 \
			 "li t3, 0x6003\n li t6, 0x6006\n"                   \
			 "mv a0, %0\n" instruction                           \
			 :                                                   \
			 : "r"(address)                                      \
			 : "a0", "s1", "s2", "s3", "s10", "s11", "t3", "t6", \
			   "ra", "memory")

static volatile char deep;

__attribute__((noinline)) static int sink(int n)
{
	volatile char room[3000];

	room[0] = (char)n;
	return n < 0 ? 0 : sink(n + 1) + room[0] + deep;
}

static int way_is(const char *way, const char *name)
{
	return !strcmp(way, name);
}

static void go(const char *way)
{
	static const char constant[] = "constant";
	static char data[64];
	unsigned long kernel = 0xffffffff80000000, address = 0;

	if (way_is(way, "null"))
		DO("ld a1, 16(a0)");
	if (way_is(way, "null-call"))
		DO("jalr a0");
	if (way_is(way, "break"))
		DO("ebreak");
	if (way_is(way, "illegal"))
		DO(".word 0");
	if (way_is(way, "privileged"))
		DO("csrr a1, sstatus");
	if (way_is(way, "float"))
		DO(".word 0xffffffd3");
	address = kernel;
	if (way_is(way, "kernel-load"))
		DO("ld a1, 0(a0)");
	if (way_is(way, "kernel-store"))
		DO("sd a1, 0(a0)");
	if (way_is(way, "kernel-call"))
		DO("jalr a0");
	address = (unsigned long)constant;
	if (way_is(way, "constant"))
		DO("sb a1, 0(a0)");
	address = (unsigned long)data;
	if (way_is(way, "data-call"))
		DO("jalr a0");
	address = 1ul << 50;
	if (way_is(way, "nowhere"))
		DO("lb a1, 0(a0)");
	address = (unsigned long)&address;
	if (way_is(way, "stack-call"))
		DO("jalr a0");
	if (way_is(way, "overflow"))
		sink(0);
}

int main(int argc, char **argv)
{
	go(argc > 1 ? argv[1] : "");
	say("crash: nothing happened\n");
	return 0;
}
