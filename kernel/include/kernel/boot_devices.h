/* The few devices that boot itself needs, before there are drivers. */
#pragma once

/*
 * Where the firmware has no console: make the serial port the console by way of
 * the boot tables, so that what goes wrong from here on is seen. Its end comes
 * with kmap_init(), after which boot_devices() is next.
 */
void boot_devices_early(void);

/*
 * Find the test device, and the serial port of /chosen/stdout-path: that one
 * becomes the console now if the firmware has none, or if the command line says
 * console=uart; else once devices_probe() finds its driver, but with
 * console=firmware.
 */
void boot_devices(void);
