/* The few devices that boot itself needs, before there are drivers. */
#pragma once

/*
 * Find the test device, and the serial port of /chosen/stdout-path: that one
 * becomes the console if the firmware has none, or if the command line says
 * console=uart.
 */
void boot_devices(void);
