/* memtest/lines.c over the RAM model: see memtest_model.h. */
#include "memtest_model.h"

#include <memtest/lines.c>
