/* QEMU's virt machine. Source: its memory map (hw/riscv/virt.c). */
#include "machine.h"

#define UART_DATA ((volatile uint8_t *)0x10000000)
#define UART_LSR  ((volatile uint8_t *)0x10000005)
#define TEST	  ((volatile uint32_t *)0x100000)
#define MTIME	  ((volatile uint64_t *)0x200bff8)

void machine_put(uint8_t c)
{
	while (!(*UART_LSR & 0x20))
		;
	*UART_DATA = c;
}

int machine_get(void)
{
	return *UART_LSR & 1 ? *UART_DATA : -1;
}

uint64_t machine_time(void)
{
	return *MTIME;
}

static void __attribute__((noreturn)) test_device(uint32_t value)
{
	*TEST = value;
	for (;;)
		;
}

void machine_end(unsigned status)
{
	test_device(status ? status << 16 | 0x3333 : 0x5555);
}

void machine_restart(void)
{
	test_device(0x7777);
}
