/* memtest/ over the RAM model: see memtest_model.h. */
#include "memtest_model.h"

#include <memtest/march.c>
#include <memtest/run.c>
#include <memtest/tests.c>
