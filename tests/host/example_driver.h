/* The worked example of docs/devices.md. */
#pragma once

/* Throw it: 0 and 1 to 6 eyes, -ENODEV without a die, -ETIMEDOUT, -EIO if there are
 * more or none. */
int dice_throw(unsigned *eyes);
