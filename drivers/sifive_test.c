/* What to write where is in QEMU's hw/misc/sifive_test.c and its header. */
#include <string.h>

#include <arch/io.h>
#include <drivers/sifive_test.h>

#define FINISH_FAIL  0x3333u /* the status goes into the upper half */
#define FINISH_PASS  0x5555u
#define FINISH_RESET 0x7777u

bool sifive_test_supports(const char *compatible)
{
	return !strcmp(compatible, "sifive,test0") ||
	       !strcmp(compatible, "sifive,test1");
}

void sifive_test_finish(volatile void *base, unsigned status)
{
	mmio_write32(base, status ? FINISH_FAIL | status << 16 : FINISH_PASS);
}

void sifive_test_reboot(volatile void *base)
{
	mmio_write32(base, FINISH_RESET);
}
