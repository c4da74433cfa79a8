/*
 * The smallest program that shows its surroundings: arguments, environment, a
 * variable that was loaded from the file and one that is zero.
 */
#include "user.h"

static int loaded = 42;
static int zero[2048];
static __thread int local = 7;

int main(int argc, char **argv)
{
	int sum = 0;

	printf("hello, world\n");
	for (int i = 1; i < argc; i++)
		printf("argument %d: %s\n", i, argv[i]);
	for (int i = 0; i < 2048; i++)
		sum += zero[i];
	check(loaded == 42, "data", "%d", loaded);
	check(sum == 0, "bss", "%d", sum);
	check(local == 7, "thread-local", "%d", local);
	check(argv[argc] == NULL, "argv ends", "%p", (void *)argv[argc]);
	fflush(stdout);
	return checks_done();
}
