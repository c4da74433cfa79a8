/* memtest/run.c over the RAM model: see memtest_model.h. */
#include "memtest_model.h"

#include <memtest/run.c>
